"""The same program for x86-64, linked by ld.lld and read with pyelftools, has the same elements in the same order."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile

from tests.harness import COLLECTING, Instance, archive, check, link, tool
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

MAIN = """
extern int __start_numbers[], __stop_numbers[];
__attribute__((export_name("count"))) int count(void) { return __stop_numbers - __start_numbers; }
__attribute__((export_name("at"))) int at(int i) { return __start_numbers[i]; }
%s
void _start(void) { at(count()); %s }
"""


def number(name: str, value: int, storage: str = "static") -> str:
    return f'{storage} int {name} __attribute__((used, retain, section("numbers"))) = {value};\n'


# Each program: its files, in the order of the command line; an archive is a list of members.  Functions named need_N are
# defined by members and called by the main file, so that both linkers load the same ones.
PROGRAMS: dict[str, list[str | list[str]]] = {
    "one file": [number("a", 1) + number("b", 2) + number("c", 3)],
    "three files": [number("a", 1), number("b", 2) + number("c", 3), number("d", 4)],
    "globals and statics": [number("a", 1, "") + number("b", 2), number("c", 3, ""), number("d", 4)],
    "loaded members": [number("a", 1), ["void need_1(void) {}\n" + number("b", 2), "void need_2(void) {}\n" + number("c", 3)], number("d", 4)],
    "members that are not loaded": [number("a", 1), ["void need_1(void) {}\n" + number("b", 2), "void idle(void) {}\n" + number("c", 3)]],
    "weak definitions": [number("w", 1, "__attribute__((weak))"), number("w", 2, "__attribute__((weak))"), number("x", 3)],
    "arrays": ['static int a[3] __attribute__((used, retain, section("numbers"))) = {1, 2, 3};', number("b", 4), number("c", 5)],
    "zeros": [number("a", 0) + number("b", 0), number("c", 1)],
    "an empty section": ['static int none[0] __attribute__((used, retain, section("numbers")));'],
}


def linked(cc: Compiler, tmp_path: Path, files: list[str | list[str]], target: str) -> list[str | Path]:
    text = str(files)
    needed = [name for name in ("need_1", "need_2") if name in text]
    main = MAIN % ("".join(f"void {name}(void);" for name in needed), "".join(f"{name}();" for name in needed))
    if target != "wasm32":
        main = main.replace('__attribute__((export_name("count")))', "").replace('__attribute__((export_name("at")))', "")
    else:
        main = main.replace("void _start(void)", '__attribute__((export_name("start"))) void _start(void)')
    words: list[str | Path] = [cc(main, "-O0", target=target)]
    for index, file in enumerate(files):
        if isinstance(file, list):
            members = [cc(source.replace("retain, ", "" if target == "wasm32" else "retain, "), target=target, name=f"m{i}") for i, source in enumerate(file)]
            words.append(archive(tmp_path / f"{target}-{index}.a", *members))
        else:
            words.append(cc(file.replace("retain, ", "" if target == "wasm32" else "retain, "), target=target))
    return words


def elf_elements(path: Path) -> list[int]:
    with path.open("rb") as file:
        section = ELFFile(file).get_section_by_name("numbers")
        data = section.data() if section is not None else b""
    return [value for (value,) in struct.iter_unpack("<i", data)]


@pytest.mark.parametrize("lld", WASM_LDS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_wasm_program_has_the_elements_of_its_elf_twin(cc: Compiler, tmp_path: Path, program: str, lld: str) -> None:
    elf = tmp_path / "elf"
    check([tool("ld.lld-22"), "-o", elf, *linked(cc, tmp_path, PROGRAMS[program], "x86_64-linux-gnu")])
    expected = elf_elements(elf)
    assert bool(expected) == (program != "an empty section")
    for collecting in COLLECTING:
        module = link(tmp_path / "out.wasm", collecting, *linked(cc, tmp_path, PROGRAMS[program], "wasm32"), lld=lld)
        assert Instance(module).list() == expected, collecting
