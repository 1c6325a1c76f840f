"""What the linker prints and writes names the user's files; nothing is printed on success."""

from __future__ import annotations

import os
import re
import signal
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.harness import archive, ldshim, link
from tests.linkers import WASM_LDS
from tests.test_copies_and_losses import READER, marked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler


@pytest.fixture
def objects(cc: Compiler, tmp_path: Path) -> list[str]:
    """Relative names of a reader, an element, and an archive with an element in it, in the directory of the test."""
    for name, source in {"reader": READER, "one": marked("one", 1)}.items():
        (tmp_path / f"{name}.o").write_bytes(cc(source, "-O1").read_bytes())
    (tmp_path / "lib").mkdir()
    archive(tmp_path / "lib" / "libtwo.a", cc(marked("two", 2), "-O1", name="two"))
    return ["reader.o", "one.o", "lib/libtwo.a"]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_undefined_symbols_are_reported_against_the_users_files(cc: Compiler, objects: list[str], tmp_path: Path, lld: str) -> None:
    source = "int missing(void);\n" + 'int (*bad)(void) __asm__("__ldshim$numbers$$bad") __attribute__((used)) = missing;'
    (tmp_path / "bad.o").write_bytes(cc(source, "-O1").read_bytes())
    archive(tmp_path / "libbad.a", cc(source.replace("bad", "worse").replace("missing", "absent"), "-O1", name="worse"))
    done = ldshim("--no-entry", *objects, "bad.o", "libbad.a", "-o", "out.wasm", lld=lld, cwd=tmp_path)
    assert done.returncode == 1
    assert re.search(r"error: bad\.o: undefined symbol: missing$", done.stderr, re.MULTILINE)
    assert re.search(r"error: libbad\.a\(worse\.o\): undefined symbol: absent$", done.stderr, re.MULTILINE)
    assert "ldshim-" not in done.stderr
    assert not (tmp_path / "out.wasm").exists()


@pytest.mark.parametrize("lld", WASM_LDS)
def test_trace_map_and_why_extract_name_the_users_files(objects: list[str], tmp_path: Path, lld: str) -> None:
    words = ["--trace", "-Map=out.map"] + ([] if lld in ("14", "15") else ["--why-extract=why.txt"])
    done = ldshim("--no-entry", *objects, *words, "-o", "out.wasm", lld=lld, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ldshim-anchors.o", "reader.o", "one.o", "lib/libtwo.a(two.o)"]
    assert "one.o:(numbers)" in (tmp_path / "out.map").read_text()
    assert "lib/libtwo.a(two.o):(numbers)" in (tmp_path / "out.map").read_text()
    for name in ("out.map", "why.txt"):
        assert not (tmp_path / name).exists() or str(tmp_path) not in (tmp_path / name).read_text()
    assert not re.search(r"ldshim-[0-9a-f]{16}", (tmp_path / "out.map").read_text())


def test_a_reproduce_archive_tells_which_file_is_which(objects: list[str], tmp_path: Path) -> None:
    done = ldshim("--no-entry", *objects, "--reproduce=repro.tar", "-o", "out.wasm", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "repro.tar") as tar:
        bases = {os.path.basename(name) for name in tar.getnames()}
    assert {"ldshim-anchors.o", "reader.o", "one.o", "libtwo.a(two.o)", "libtwo.a"} <= bases


def test_the_same_inputs_give_the_same_bytes_in_every_directory(objects: list[str], tmp_path: Path) -> None:
    first = link(tmp_path / "out.wasm", *objects, cwd=tmp_path).read_bytes()
    again = link(tmp_path / "lib" / "out.wasm", *(str(tmp_path / name) for name in objects), cwd=tmp_path / "lib").read_bytes()
    assert first == again
    assert b"ldshim-" not in first


def test_nothing_is_left_behind(objects: list[str], tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    link(tmp_path / "out.wasm", *objects, cwd=tmp_path, env={"TMPDIR": str(scratch)})
    assert ldshim(*objects, "--bogus", cwd=tmp_path, env={"TMPDIR": str(scratch)}).returncode == 1
    assert list(scratch.iterdir()) == []


def test_a_missing_temporary_directory_is_one_clear_error(objects: list[str], tmp_path: Path) -> None:
    done = ldshim("--no-entry", *objects, "-o", "out.wasm", cwd=tmp_path, env={"TMPDIR": str(tmp_path / "gone")})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ldshim: error: cannot make a temporary directory in ")


def test_a_signal_that_ends_the_linker_ends_ldshim(objects: list[str], tmp_path: Path) -> None:
    fake = tmp_path / "wasm-ld"
    fake.write_text(f"#!{sys.executable}\nimport os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n")
    fake.chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = {"LDSHIM_LINKER": str(fake), "TMPDIR": str(scratch)}
    for inputs in (objects, ["reader.o"]):
        assert ldshim("--no-entry", *inputs, "-o", "out.wasm", cwd=tmp_path, env=env).returncode == -signal.SIGTERM
    assert list(scratch.iterdir()) == []


def test_off_hands_over_untouched(objects: list[str], tmp_path: Path) -> None:
    done = ldshim("--no-entry", *objects, "-o", "out.wasm", cwd=tmp_path, env={"LDSHIM": "off"})
    assert done.returncode == 1
    assert "reader.o: undefined symbol: __start_numbers" in done.stderr
    assert "ldshim" not in done.stderr


def test_a_relocatable_link_is_handed_through(objects: list[str], tmp_path: Path) -> None:
    done = ldshim("-r", *objects[:2], "-o", "both.o", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    link(tmp_path / "out.wasm", "both.o", cwd=tmp_path)
