"""Links of so many elements that what is known of them is given back while the real linker runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ldshim.link import _MANY
from tests.harness import Instance, ldshim, linker_path
from tests.test_copies_and_losses import READER, marked
from tests.test_faults import fake_linker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

pytestmark = pytest.mark.usefixtures("unverified")  # verification needs to know it all to the end

# ldshim that keeps what it knows, however much it is.
KEEPING = "import sys\nfrom ldshim import cli, link\nlink._MANY = 1 << 40\nsys.argv[0] = 'ldshim'\ncli.main()\n"
OTHER = "extern int __start_number[]; int *other(void) { return __start_number; }"
LINE = ("--no-entry", "--export=other", "reader.o", "many.o", "other.o", "-o", "out.wasm")


@pytest.fixture
def folder(cc: Compiler, tmp_path: Path) -> Path:
    """A directory with a reader, many elements, and an object that misspells their section."""
    many = "".join(marked(f"element{i}", i) for i in range(_MANY))
    for name, source in {"reader": READER, "many": many, "other": OTHER}.items():
        shutil.copy(cc(source, "-O1", name=name), tmp_path / f"{name}.o")
    return tmp_path


def keeping(folder: Path, *words: str, linker: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "LDSHIM_LINKER": linker}
    return subprocess.run([sys.executable, "-c", KEEPING, *words], capture_output=True, text=True, check=False, cwd=folder, env=environ)


def test_all_elements_are_there_and_the_memory_is_not(folder: Path) -> None:
    script = f'sleep 1; grep VmRSS /proc/$PPID/status >&2; exec {linker_path("22")} "$@"\n'
    linker = fake_linker(folder / "wasm-ld", script)
    words = ("--no-entry", "reader.o", "many.o", "-o", "out.wasm")
    modules, memory = [], []
    for done in (ldshim(*words, cwd=folder, env={"LDSHIM_LINKER": linker}), keeping(folder, *words, linker=linker)):
        assert done.returncode == 0, done.stderr
        memory.append(int(re.findall(r"VmRSS:\s+(\d+) kB", done.stderr)[0]))
        modules.append((folder / "out.wasm").read_bytes())
    assert modules[0] == modules[1]
    instance = Instance(folder / "out.wasm")
    assert instance.count() == _MANY
    assert [instance.at(i) for i in (0, 1, _MANY - 1)] == [0, 1, _MANY - 1]
    assert memory[0] < memory[1] - 4000


def test_a_link_that_fails_is_explained_all_the_same(folder: Path) -> None:
    done = ldshim(*LINE, cwd=folder)
    assert (done.returncode, (folder / "out.wasm").exists()) == (1, False)
    assert "no input has an element or a declaration of section number; did you mean numbers?" in done.stderr
    assert done.stderr == keeping(folder, *LINE, linker=linker_path("22")).stderr


@pytest.mark.parametrize("change", ["rm many.o", "head -c -100 many.o >cut; mv cut many.o"])
def test_nothing_is_said_of_inputs_that_are_others_when_the_linker_has_failed(folder: Path, change: str) -> None:
    linker = fake_linker(folder / "wasm-ld", f"{change}; echo 'error: undefined symbol: __start_number' >&2; exit 1\n")
    done = ldshim(*LINE, cwd=folder, env={"LDSHIM_LINKER": linker})
    first, *rest = done.stderr.splitlines()
    assert (done.returncode, first) == (1, "error: undefined symbol: __start_number")
    assert all("did you mean" not in line and line.startswith("ldshim: note: ") for line in rest)


def test_a_warning_of_a_link_that_works_is_still_given(folder: Path) -> None:
    done = ldshim("--allow-undefined", *LINE, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "no input has an element or a declaration of it" in done.stderr
    assert done.stderr == keeping(folder, "--allow-undefined", *LINE, linker=linker_path("22")).stderr
