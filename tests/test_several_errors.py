"""Errors that have nothing to do with each other are shown in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.harness import check, fails
from tests.test_copies_and_losses import READER, marked
from tests.test_custom_sections import CALLER, function_pointers, inline

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

TOO_MANY = "ldshim: error: too many errors emitted, stopping now (use --error-limit=0 to see all errors)\n"


def test_every_pair_of_elements_of_one_name_is_shown(cc: Compiler, out: Path) -> None:
    first = cc(marked("one", 1) + marked("two", 2) + marked("three", 3), "-O1", name="first")
    second = cc(marked("one", 1) + marked("two", 2) + marked("three", 3) + "int x;", "-O1", name="second")
    expected = [
        f"ldshim: error: two elements are named __ldshim$numbers$${name}: in {first} and in {second}; the part behind the last $ has to be unique\n"
        for name in ("one", "two", "three")
    ]
    assert fails(out, cc(READER, "-O1"), first, second) == "".join(expected)
    assert fails(out, "--error-limit=2", cc(READER, "-O1"), first, second) == "".join(expected[:2]) + TOO_MANY


def test_every_custom_section_that_cannot_become_memory_is_shown(cc: Compiler, out: Path) -> None:
    source = inline(function_pointers("f+4"))
    units = [cc(f"void f(void) {{}} int unit{n};" + source, name=f"unit{n}") for n in (1, 2)]
    message = fails(out, cc(CALLER, "-O1"), *units)
    what = "section functions cannot become memory: R_WASM_FUNCTION_OFFSET_I32 at offset 0x0 against symbol f + 4"
    assert message == "".join(f"ldshim: error: {unit}: {what}\n" for unit in units)


def test_every_damaged_object_and_archive_is_shown(cc: Compiler, tmp_path: Path, out: Path) -> None:
    whole = cc(marked("one", 1), "-O1").read_bytes()
    for name in ("a.o", "b.o"):
        (tmp_path / name).write_bytes(whole[:-3])
    # llvm-ar would read them for the index.
    check(["ar", "rcS", "lib.a", "a.o", "b.o"], cwd=tmp_path)
    (tmp_path / "cut.a").write_bytes((tmp_path / "lib.a").read_bytes()[:-20])
    message = fails(out, cc(READER, "-O1"), "a.o", "lib.a", "cut.a", "b.o", cwd=tmp_path)
    assert [line.split(": ")[2] for line in message.splitlines()] == ["a.o", "lib.a(a.o)", "lib.a(b.o)", "cut.a", "b.o"]


def test_markers_that_cannot_be_understood_are_shown_for_each_object(cc: Compiler, out: Path) -> None:
    bad = cc('int x __asm__("__ldshim$9$$x") __attribute__((used)) = 1;', name="bad")
    worse = cc('int x __asm__("__ldshim$8$$x") __attribute__((used)) = 1;', name="worse")
    expected = "expected __ldshim$SECTION$KEY$UNIQUE, where SECTION is a C identifier"
    message = fails(out, cc(READER, "-O1"), bad, worse)
    assert message == f"ldshim: error: {bad}: marker symbol __ldshim$9$$x: {expected}\nldshim: error: {worse}: marker symbol __ldshim$8$$x: {expected}\n"
