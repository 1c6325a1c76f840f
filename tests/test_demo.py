"""`ldshim demo`, run for real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def demo(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
    command = [sys.executable, "-m", "ldshim", "demo", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_demo_shows_what_the_bare_linker_loses_and_ldshim_finds(tmp_path: Path) -> None:
    done = demo("--keep", str(tmp_path / "kept"))
    assert (done.returncode, done.stderr) == (0, "")
    plain, bare, through = done.stdout.split("\n\n")[1:4]

    assert "$ zig wasm-ld --no-entry main.o twice.o libplugins.a -o plain.wasm\n" in plain
    assert "plain.wasm: twice(7) = 14, registered in twice.c, twice.o\n" in plain
    assert "square(7)" not in plain
    assert "missing: square, of square.c, libplugins.a(square.o)\n" in plain
    assert "error" not in plain

    assert "\nwasm-ld: error: main.o: undefined symbol: __start_commands\n" in bare
    assert bare.endswith("exit status 1")

    first, second, *_ = through.partition("-o ldshim.wasm\n")[2].splitlines()
    assert first.strip() == "ldshim.wasm: twice(7) = 14, registered in twice.c, twice.o"
    assert second.strip() == "ldshim.wasm: square(7) = 49, registered in square.c, libplugins.a(square.o)"

    assert len(done.stdout.splitlines()) <= 60
    assert done.stdout.endswith(f"The files are in {tmp_path / 'kept'}.\n")
    kept = {path.name for path in (tmp_path / "kept").iterdir()}
    sources = {"command.h", "main.c", "twice.c", "square.c"}
    assert kept == sources | {"main.o", "twice.o", "square.o", "libplugins.a", "plain.wasm", "ldshim.wasm"}


def test_the_demo_leaves_nothing_and_shows_the_same_every_time(tmp_path: Path) -> None:
    first, second = (demo(TMPDIR=str(tmp_path), LDSHIM="off") for _ in range(2))
    assert first.returncode == 0
    assert first.stdout == second.stdout
    assert str(tmp_path) not in first.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["ziglang", "wasmtime", "subprocess_tee"])
def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path: Path, package: str) -> None:
    (tmp_path / f"{package}.py").write_text(f"raise ImportError('No module named {package}')\n")
    done = demo(PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    name = package.replace("_", "-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ldshim demo: {name} not installed: pip install 'ldshim[demo]'\n"


def test_a_step_that_fails_ends_the_demo(tmp_path: Path) -> None:
    (tmp_path / "main.o").mkdir()
    done = demo("--keep", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("ldshim demo: `zig cc ")
    assert done.stderr.endswith("-c main.c` failed with status 1\n")
    assert not (tmp_path / "plain.wasm").exists()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = demo("--keep", str(tmp_path / "file" / "kept"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ldshim demo: ")
    assert "Traceback" not in done.stderr


def test_help() -> None:
    done = demo("--help")
    assert done.returncode == 0
    assert "--keep DIR" in done.stdout
    assert demo("-h").stdout == done.stdout
