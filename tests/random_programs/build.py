"""The files and the command line of a program: templates with the program's names and numbers in the placeholders."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.random_programs import pieces
from tests.random_programs.model import number_of
from tests.random_programs.pieces import ELF, SECTIONS, VALUE, Shape, Template
from tests.random_programs.programs import READ_TABLE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler
    from tests.random_programs.programs import Item, Program, Unit

MAIN_UNIT = 0


class Builder:
    """Makes files; remembers templates."""

    def __init__(self, cc: Compiler) -> None:
        self.cc = cc
        self._templates: dict[tuple[Shape, str], Template] = {}
        self._mains: dict[tuple[object, ...], bytes] = {}

    def template(self, shape: Shape, target: str) -> Template:
        key = shape, target
        if key not in self._templates:
            self._templates[key] = pieces.compiled(self.cc, shape, target)
        return self._templates[key]

    def order(self, shape: Shape) -> tuple[tuple[int, int], ...]:
        return self.template(shape, pieces.WASM).order

    def object_of(self, unit: Unit, target: str) -> tuple[bytes, list[bytes]]:
        """The bytes of a file, and the global symbols that it defines."""
        template = self.template(unit.shape, target)
        names = _names(unit)
        data = template.data
        for old, new in (*names.items(), *_numbers(unit, template).items()):
            data = data.replace(old, new)
        symbols = []
        for symbol in template.symbols:
            for old, new in names.items():
                symbol = symbol.replace(old, new)  # noqa: PLW2901
            symbols.append(symbol)
        return data, symbols

    def main(self, program: Program, target: str) -> bytes:
        key = program.reads, program.declares, len(program.needs), program.level, target
        if key not in self._mains:
            elf = ["-fno-asynchronous-unwind-tables", "-fno-pic"] if target == ELF else []
            text = _main_source(program.reads, len(program.needs), declares=program.declares)
            self._mains[key] = self.cc(text, program.level, *elf, target=target, name="main").read_bytes()
        data = self._mains[key]
        for index, number in enumerate(program.needs):
            data = data.replace(b"CAL%d" % index, b"%04d" % number)
        return data

    def words(self, program: Program, target: str, folder: Path) -> list[str]:
        """Write the files of a program; returns its command line, without the options."""
        words: list[str] = []
        again: list[str] = []
        for index, item in enumerate(program.items):
            if index == program.main_at:
                words.append(_write(folder / "main.o", self.main(program, target)))
            own = self._item(item, index, target, folder)
            words += own
            again += own if item.kind == "twice" else []
        if program.main_at == len(program.items):
            words.append(_write(folder / "main.o", self.main(program, target)))
        return words + again

    def _item(self, item: Item, index: int, target: str, folder: Path) -> list[str]:
        files = [(f"u{unit.number}.o", *self.object_of(unit, target)) for unit in item.units]
        if item.kind in ("object", "group"):
            paths = [_write(folder / name, data) for name, data, _ in files]
            return paths if item.kind == "object" else ["--start-lib", *paths, "--end-lib"]
        path = folder / f"lib{index}.a"
        if item.kind == "thin":
            for name, data, _ in files:
                _write(folder / name, data)
        _write(path, _archive(files, thin=item.kind == "thin"))
        return ["--whole-archive", str(path), "--no-whole-archive"] if item.kind == "whole" else [str(path)]


def _names(unit: Unit) -> dict[bytes, bytes]:
    names = {pieces.UNIT: b"%04d" % unit.number}
    if unit.calls is not None:
        names[pieces.CALLED] = b"%04d" % unit.calls
    for place, (key, copy) in enumerate(zip(unit.keys, unit.copies, strict=True)):
        names[b"KKK%d" % place] = key.encode() or b"KKKK"
        names[b"GGG%d" % place] = b"g%03d" % copy
    return names


def _numbers(unit: Unit, template: Template) -> dict[bytes, bytes]:
    numbers = {struct.pack("<I", VALUE): struct.pack("<I", unit.number)}
    for place, element in template.order:
        number = number_of(unit, place, element)
        old = pieces.magic_bytes(unit.shape, place, element, template.short)
        numbers[old] = number.to_bytes(len(old), "little")
        pointee = struct.pack("<I", pieces.pointee_magic(place, element))
        numbers[pointee] = struct.pack("<I", number ^ pieces.POINTEE_MASK)
    return numbers


def _write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def _archive(files: list[tuple[str, bytes, list[bytes]]], *, thin: bool) -> bytes:
    """A GNU archive with an index, which lld goes by up to version 17."""
    table = b"".join(name.encode() + b"/\n" for name, _, _ in files) if thin else b""
    table += b"\n" * (len(table) % 2)
    symbols = [(index, symbol) for index, (_, _, symbols) in enumerate(files) for symbol in symbols]
    text = b"".join(symbol + b"\0" for _, symbol in symbols)
    text += b"\0" * (len(text) % 2)
    offset = 8 + 60 + 4 + 4 * len(symbols) + len(text) + (60 + len(table) if table else 0)
    headers, parts = [], []
    long_name = 0
    for name, data, _ in files:
        headers.append(offset)
        field = f"/{long_name}" if thin else f"{name}/"
        long_name += len(name) + 2
        body = b"" if thin else data + b"\n" * (len(data) % 2)
        parts.append(_header(field, len(data)) + body)
        offset += 60 + len(body)
    index = struct.pack(f">{1 + len(symbols)}I", len(symbols), *(headers[member] for member, _ in symbols)) + text
    names = [_header("//", len(table)) + table] if table else []
    return b"".join([b"!<thin>\n" if thin else b"!<arch>\n", _header("/", len(index)), index, *names, *parts])


def _header(name: str, size: int) -> bytes:
    return f"{name:16}{0:<12}{0:<6}{0:<6}{644:<8}{size:<10}`\n".encode()


def _main_source(reads: tuple[str, ...], needs: int, *, declares: bool) -> str:
    text = pieces.PROLOGUE + "#if defined(__wasm__)\n#define EXPORT(name) __attribute__((export_name(name)))\n#else\n#define EXPORT(name)\n#endif\n"
    if declares:
        sections = dict.fromkeys(section.removesuffix("_ptrs") for section in reads)
        text += "".join(f"LDSHIM_MAY_BE_EMPTY({section});\n" for section in sections)
    for section in reads:
        if section == READ_TABLE:
            text += "extern struct omega *__start_omega_ptrs[] LDSHIM_BOUND_, *__stop_omega_ptrs[] LDSHIM_BOUND_;\n"
            first, last = "__start_omega_ptrs", "__stop_omega_ptrs"
        elif section == "mixed":
            first, last = "LDSHIM_POINTERS_BEGIN(mixed)", "LDSHIM_POINTERS_END(mixed)"
        else:
            first, last = f"LDSHIM_BEGIN({section})", f"LDSHIM_END({section})"
        text += f'EXPORT("{section}_first") unsigned long {section}_first(void) {{ return (unsigned long){first}; }}\n'
        text += f'EXPORT("{section}_last") unsigned long {section}_last(void) {{ return (unsigned long){last}; }}\n'
    for index in range(needs):
        text += f'int need_CAL{index}(void);\nEXPORT("need{index}") int need{index}(void) {{ return need_CAL{index}(); }}\n'
    text += 'EXPORT("call") int call(int (*function)(void)) { return function(); }\n'
    text += "int kept = 77; EXPORT(\"unharmed\") int unharmed(void) { static const char text[] = \"unharmed\"; return kept + text[3]; }\n"
    return text + "#if !defined(__wasm__)\nvoid _start(void) {}\n#endif\n"


def stride(section: str) -> int:
    return 4 if section in (READ_TABLE, "mixed") else SECTIONS[section].size
