"""Objects and archives that are damaged: one clear message, never a traceback, never a hang; what is not needed goes to lld as it is."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ldshim import command, inputs, rewrite, sections, survey
from ldshim.errors import LinkError
from ldshim.memory import Memory
from tests.harness import archive, ldshim
from tests.test_copies_and_losses import READER, marked
from tests.test_custom_sections import inline, numbers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler


@pytest.fixture
def whole(cc: Compiler, tmp_path: Path) -> dict[str, bytes]:
    """An object with every kind of contribution, and an archive of it."""
    source = marked("one", 1) + marked("two", 2, "9") + 'static int three __attribute__((used, section("numbers"))) = 3;\n'
    unit = cc(source + "int f(void) { return 1; }\n" + inline(numbers(4, section="others")), "-O1", "-g")
    library = archive(tmp_path / "whole.a", unit)
    return {"unit.o": unit.read_bytes(), "unit.a": library.read_bytes()}


def plan_and_rewrite(path: Path, reader: Path) -> str:
    """The passes in front of the real linker, in this process; how they ended."""
    words = ["--no-entry", str(reader), str(path), "-o", "out.wasm"]
    parsed = command.parse(words)
    memory = Memory({"LDSHIM_CACHE": "off"}, survey.NEEDLES)
    files = inputs.open_inputs(parsed, memory)
    workspace = rewrite.Workspace(os.environ)
    try:
        found = survey.survey(files, parsed)
        survey.collect(found, files)
        rewrite.rewrite(sections.make_plan(found, parsed), files, parsed, workspace)
    except LinkError:
        return "refused"
    finally:
        workspace.remove()
    return "planned"


READ_ALL = READER + "extern int __start_others[]; int *others(void) { return __start_others; }"


@pytest.mark.parametrize("name", ["unit.o", "unit.a"])
def test_a_file_that_ends_early_anywhere(cc: Compiler, tmp_path: Path, whole: dict[str, bytes], name: str) -> None:
    reader = cc(READ_ALL, "-O1")
    path = tmp_path / name
    ends = set()
    for length in range(len(whole[name])):
        path.write_bytes(whole[name][:length])
        ends.add(plan_and_rewrite(path, reader))
    assert "refused" in ends


@pytest.mark.parametrize("name", ["unit.o", "unit.a"])
def test_flipped_bits(cc: Compiler, tmp_path: Path, whole: dict[str, bytes], name: str) -> None:
    reader = cc(READ_ALL, "-O1")
    path = tmp_path / name
    chance = random.Random(1)
    ends = set()
    for _ in range(2000):
        data = bytearray(whole[name])
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        ends.add(plan_and_rewrite(path, reader))
    assert ends == {"refused", "planned"}


def test_a_damaged_object_with_an_element_is_named_with_the_place(cc: Compiler, tmp_path: Path, whole: dict[str, bytes]) -> None:
    (tmp_path / "cut.o").write_bytes(whole["unit.o"][:-3])
    done = ldshim("--no-entry", cc(READER, "-O1"), "cut.o", "-o", "out.wasm", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ldshim: error: cut.o: ")
    assert "at offset 0x" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.wasm").exists()


def test_a_damaged_object_that_nothing_is_wanted_from_is_lld_s(cc: Compiler, tmp_path: Path) -> None:
    (tmp_path / "cut.o").write_bytes(cc("int f(void) { return 1; }").read_bytes()[:-3])
    done = ldshim("--no-entry", cc(READER, "-O1"), cc(marked("one", 1)), "cut.o", "-o", "out.wasm", cwd=tmp_path)
    assert done.returncode != 0
    assert "ldshim" not in done.stderr
    assert sys.executable not in done.stderr


def test_a_pipe_is_refused(cc: Compiler, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.o")
    done = ldshim("--no-entry", cc(READER, "-O1"), "pipe.o", "-o", "out.wasm", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "ldshim: error: pipe.o: is a pipe, and an object has to be read twice: give a file\n")


def test_a_member_of_a_thin_archive_that_has_become_a_pipe_is_refused(cc: Compiler, tmp_path: Path) -> None:
    shutil.copy(cc(READER, "-O1"), tmp_path / "reader.o")
    shutil.copy(cc("int other;"), tmp_path / "other.o")
    archive(tmp_path / "thin.a", tmp_path / "other.o", thin=True)
    (tmp_path / "other.o").unlink()
    os.mkfifo(tmp_path / "other.o")
    command = [sys.executable, "-m", "ldshim", "--no-entry", "reader.o", "thin.a", "-o", "out.wasm"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (1, f"ldshim: error: {tmp_path}/other.o: is a pipe, and an object has to be read twice: give a file\n")
