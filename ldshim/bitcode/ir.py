"""A bitcode module through LLVM: the facts a plan needs, in the shape of an object, and the bitcode of the edited module.

LLVM will make a segment and a symbol of every variable, so that is what `IRModule` shows: to the plan, bitcode is an object with a
segment for each variable.  An `Edit` is carried out on the text of the module: llvmlite can print, parse and rename, but not set a section.

llvmlite forgets the summary that makes a module one for ThinLTO.  It names values by their numbers, in the order in which the module has
them, so it stays right as long as no variable is added or taken away, and is put back as it was.
"""

from __future__ import annotations

import hashlib
import re

import llvmlite.binding as llvm

from ldshim.bitcode import VARIABLE, bitstream
from ldshim.bitcode import module as bitcode
from ldshim.wasm.entries import Comdat, Segment, Symbol
from ldshim.wasm.format import (
    BINDING_LOCAL,
    BINDING_WEAK,
    COMDAT_DATA,
    EXPORTED,
    NO_STRIP,
    SEG_FLAG_STRINGS,
    SYMBOL_DATA,
    UNDEFINED,
    VISIBILITY_HIDDEN,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator

    from ldshim.wasm.editor import Edit, NewSegment, NewSymbol
    from ldshim.wasm.entries import Relocation, Section

_USED = b"llvm.used"
# What stands where llvm.used stood when nothing is left of it, so that the other values keep their numbers: LLVM emits nothing that
# lies in this section.
_NOTHING_USED = '@llvm.ldshim.nothing_used = appending constant [0 x ptr] zeroinitializer, section "llvm.metadata"'

_NAME = r'@(?:"[^"]*"|[-a-zA-Z$._0-9]+)'
_TOKEN = re.compile(r'"[^"]*"|[\[({<]|[\])}>]|,')
_BEFORE_TYPE = re.compile(rf"{_NAME} = .*?\b(?:global|constant) ")
_ATTRIBUTES = re.compile(r" #\d+$")


class IRModule:
    """A module with the interface of `ObjectFile`.  Raises `RuntimeError` if llvmlite cannot read it."""

    __slots__ = ("_llvm", "data", "facts", "is_64", "segments", "source", "symbols", "variables")

    is_relocatable = True
    sections: tuple[Section, ...] = ()

    def __init__(self, source: bytes, facts: bitcode.Module) -> None:
        self.source = source
        self.facts = facts
        self.data = b""  # no segment has bytes yet
        self.is_64 = facts.triple.startswith(b"wasm64")
        self.variables = [known for known in facts.globals if known.kind == VARIABLE]
        self._llvm = llvm.parse_bitcode(source, llvm.create_context())
        self.segments: list[Segment] = []
        self.symbols: list[Symbol] = []
        layout = llvm.create_target_data(self._llvm.data_layout)
        variables = list(self._llvm.global_variables)
        used = {
            name
            for known, variable in zip(self.variables, variables, strict=True)
            if known.name == _USED
            for item in _used_items(str(variable))
            for name in _names_in(item)
        }
        for known, variable in zip(self.variables, variables, strict=True):
            size, alignment = 0, 1
            if not known.is_declaration:  # else it may be of a type without a size
                size = layout.get_abi_size(variable.global_value_type)
                alignment = layout.get_abi_alignment(variable.global_value_type)
            self._describe(known, size, alignment, is_used=known.name in used)

    def _describe(self, known: bitcode.Global, size: int, type_alignment: int, *, is_used: bool) -> None:
        index = len(self.segments)
        segment = Segment(index, 0, size)
        segment.name = b"" if known.is_declaration else known.section or b".data." + known.name
        segment.p2align = type_alignment.bit_length() - 1 if known.p2align is None else known.p2align
        segment.flags = SEG_FLAG_STRINGS if known.is_mergeable else 0
        flags = UNDEFINED if known.is_declaration else 0
        flags |= (BINDING_LOCAL if known.is_local else 0) | (BINDING_WEAK if known.is_weak else 0)
        flags |= VISIBILITY_HIDDEN if known.is_hidden else 0
        if is_used:
            # For emscripten `used` also means exported (llvm/lib/MC/WasmObjectWriter.cpp).
            flags |= NO_STRIP | (EXPORTED if b"emscripten" in self.facts.triple else 0)
        self.segments.append(segment)
        self.symbols.append(Symbol(index, SYMBOL_DATA, flags, known.name, -1 if known.is_declaration else index, 0, size))

    def section(self, _ident: int) -> None:
        """None: there are no sections yet."""
        return

    def custom_sections(self, _names: Container[bytes]) -> Iterator[Section]:
        return iter(())

    def symbols_with(self, _needles: Collection[bytes]) -> Iterator[Symbol]:
        """All symbols: nothing is gained by a search."""
        return iter(self.symbols)

    def section_symbols(self) -> Iterator[Symbol]:
        return iter(())

    def segments_named(self, names: Container[bytes]) -> Iterator[Segment]:
        return (segment for segment in self.segments if segment.name in names)

    def relocations(self, _target: int) -> list[Relocation]:
        return []

    def comdat_of(self, kind: int, index: int) -> Comdat | None:
        """The group that the variable belongs to."""
        number = self.variables[index].comdat if kind == COMDAT_DATA else 0
        return Comdat(number - 1, self.facts.comdats[number - 1], 0, []) if number else None

    def symbols_of_segment(self, segment: int) -> list[Symbol]:
        """The symbol of variable number `segment`."""
        return [] if self.symbols[segment].is_undefined else [self.symbols[segment]]

    def symbol_count(self, segment: int) -> int:
        """How many symbols are defined in segment number `segment`."""
        return 0 if self.symbols[segment].is_undefined else 1

    def edited(self, edit: Edit) -> bytes:
        """The bitcode of the edited module, with the summary of the original.  Uses this module up.

        Raises `RuntimeError` if LLVM does not take it.
        """
        self._change(edit)
        lines = str(self._llvm).split("\n")
        numbers = [n for n, line in enumerate(lines) if line.startswith("@")][: len(self.variables)]
        for index, (name, p2align, flags) in edit.segment_info.items():
            lines[numbers[index]] = _placed(lines[numbers[index]], name, p2align, flags)
        for kind, index in edit.left_comdats:
            if kind == COMDAT_DATA:
                lines[numbers[index]] = _with_attributes(lines[numbers[index]], {"comdat": None})
        for index in edit.undefined_symbols:
            lines[numbers[index]] = _with_attributes(lines[numbers[index]], {"comdat": None, "section": None})
        names = [_name_in(lines[n]) for n in numbers]
        tables = [s for s in edit.new_symbols if s.segment >= len(self.variables)]
        added = [_pointer_table(s, edit.new_segments[s.segment - len(self.variables)], names, self.facts) for s in tables]
        added += self._set_used(lines, numbers, self._kept(edit, names) + [f"@{s.name.decode()}" for s in tables if s.flags & NO_STRIP])
        after = numbers[-1] + 1
        lines[after:after] = added
        module = llvm.parse_assembly("\n".join(lines), llvm.create_context())
        module.verify()
        return _with_summary(module.as_bitcode(), self)

    def _change(self, edit: Edit) -> None:
        """What llvmlite can do itself."""
        variables = list(self._llvm.global_variables)
        for symbol in edit.new_symbols:
            if symbol.segment < len(variables):  # of a variable that was local until now
                variable = variables[symbol.segment]
                variable.name, variable.linkage, variable.visibility = symbol.name.decode(), "external", "hidden"
        for index, flags in edit.symbol_flags.items():
            if flags & VISIBILITY_HIDDEN and not flags & BINDING_LOCAL:
                variables[index].visibility = "hidden"
        for index in edit.undefined_symbols:
            # A definition that is not emitted: the symbol is another module's.
            variables[index].linkage = "available_externally"

    def _kept(self, edit: Edit, names: list[str]) -> list[str]:
        """The variables that have NO_STRIP after the edit."""
        flags = {symbol.index: symbol.flags for symbol in self.symbols}
        flags.update(edit.symbol_flags)
        for symbol in edit.new_symbols:
            if symbol.segment < len(names):
                flags[symbol.segment] |= symbol.flags & NO_STRIP
        for index in edit.undefined_symbols:
            flags[index] = 0
        return [names[index] for index, flag in flags.items() if flag & NO_STRIP]

    def _set_used(self, lines: list[str], numbers: list[int], kept: list[str]) -> list[str]:
        """Make llvm.used name these variables, beside the functions that it names; returns lines to add."""
        place = next((n for n, known in zip(numbers, self.variables, strict=True) if known.name == _USED), None)
        before = _used_items(lines[place]) if place is not None else []
        variables = {_name_in(lines[n]) for n in numbers}
        items = [item for item in before if not variables.intersection(re.findall(_NAME, item))] + [f"ptr {name}" for name in kept]
        line = f'@llvm.used = appending global [{len(items)} x ptr] [{", ".join(items)}], section "llvm.metadata"'
        if place is None:
            return [line] if items else []
        lines[place] = line if items else _NOTHING_USED
        return []


def _names_in(text: str) -> list[bytes]:
    """The globals that a piece of a module's text names."""
    return [_unescaped(name[1:].strip('"')) for name in re.findall(_NAME, text)]


def _unescaped(text: str) -> bytes:
    return re.sub(rb"\\(\\|[0-9A-Fa-f]{2})", lambda found: b"\\" if found[1] == b"\\" else bytes.fromhex(found[1].decode()), text.encode())


def _escaped(text: bytes) -> str:
    return "".join(chr(c) if 0x20 <= c < 0x7F and c not in b'"\\' else f"\\{c:02X}" for c in text)


def _name_in(line: str) -> str:
    return line[: line.index(" = ")] if line[1] != '"' else line[: line.index('"', 2) + 1]


def _split(text: str) -> list[str]:
    """The parts of `text` between commas that are in no brackets or quotes."""
    parts = []
    depth = begin = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[({<":
            depth += 1
        elif token[0] in "])}>":
            depth -= 1
        elif token[0] == "," and depth == 0:
            parts.append(text[begin : token.start()])
            begin = token.end() + 1  # and a space
    return [*parts, text[begin:]]


def _used_items(line: str) -> list[str]:
    """What an llvm.used names, each with its type."""
    array = _split(line)[0]
    return _split(array[array.index("] [") + 3 : -1]) if "] [" in array else []


def _with_attributes(line: str, attributes: dict[str, str | None]) -> str:
    """A variable's line with these attributes behind its value instead of those that begin alike; None: without them."""
    numbered = _ATTRIBUTES.search(line)
    end = numbered[0] if numbered else ""
    value, *known = _split(line.removesuffix(end))
    kept = [part for part in known if re.split("[ (]", part, maxsplit=1)[0] not in attributes]
    return ", ".join([value, *(text for text in attributes.values() if text is not None), *kept]) + end


def _placed(line: str, section: bytes, p2align: int, flags: int) -> str:
    before = _BEFORE_TYPE.match(line)
    if not flags & SEG_FLAG_STRINGS and before is not None:
        # Else LLVM would mark a section of strings as one of which lld may merge equal elements.
        line = before[0].replace(" unnamed_addr ", " ") + line[before.end() :]
    return _with_attributes(line, {"section": f'section "{_escaped(section)}"', "align": f"align {1 << p2align}"})


def _pointer_table(symbol: NewSymbol, segment: NewSegment, names: list[str], facts: bitcode.Module) -> str:
    pointers = ", ".join(f"ptr {names[relocation.index]}" for relocation in segment.relocations)
    count = len(segment.relocations)
    comdat = f', comdat($"{_escaped(facts.comdats[segment.comdat])}")' if segment.comdat is not None else ""
    return (
        f"@{symbol.name.decode()} = hidden constant [{count} x ptr] [{pointers}], "
        f'section "{_escaped(segment.name)}"{comdat}, align {1 << segment.p2align}'
    )


def _with_summary(data: bytes, original: IRModule) -> bytes:
    """`data` with the summary of the original, if all its values still have their numbers, and a hash for ThinLTO's cache."""
    summary = original.facts.summary
    new = bitcode.read(data)
    if summary is None or [g.kind for g in new.globals] != [g.kind for g in original.facts.globals]:
        return data
    block, end = new.block, new.end_block
    content = original.source[summary.content // 8 : summary.end // 8]
    digest = hashlib.sha1(data + content, usedforsecurity=False).digest()
    writer = bitstream.Writer()
    whole = end // 32 * 4  # bytes that stay as they are
    writer.fixed(int.from_bytes(data[whole : whole + 4], "little") & ((1 << end % 32) - 1), end % 32)
    writer.block(summary.id, summary.width, content, block.width)
    writer.record(bitcode.HASH, [int.from_bytes(digest[i : i + 4], "big") for i in range(0, 20, 4)], block.width)
    writer.fixed(bitstream.END_BLOCK, block.width)
    tail = writer.to_bytes()
    content_begin = block.content // 8
    size = (whole - content_begin + len(tail)) // 4
    head = data[: content_begin - 4] + size.to_bytes(4, "little") + data[content_begin:whole]
    return head + tail + data[block.end // 8 :]
