"""What an object or a bitcode file says of named sections: elements, declarations, who refers to the bounds.

Bitcode that llvmlite could read looks like an object here (`bitcode/ir.py`), one without bytes and relocations.
"""

from __future__ import annotations

import bisect

from ldshim import markers, survey
from ldshim.bitcode import FUNCTION
from ldshim.command import Input
from ldshim.errors import LinkError
from ldshim.inputs import InputFile
from ldshim.inspect import facts
from ldshim.inspect.facts import Element, Reference
from ldshim.inspect.names import crate_of, demangled, element_name, marker, marker_problem, text
from ldshim.wasm.format import (
    COMDAT_DATA,
    COMDAT_SECTION,
    NO_STRIP,
    RELOCATION_NAMES,
    SEC_CODE,
    SEC_CUSTOM,
    SEC_DATA,
    SEG_FLAG_RETAIN,
    SEG_FLAG_TLS,
    SYMBOL_DATA,
    SYMBOL_FUNCTION,
    SYMBOL_SECTION,
    VISIBILITY_HIDDEN,
)
from ldshim.wasm.module import Module
from ldshim.wasm.reader import ObjectFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ldshim.bitcode.ir import IRModule
    from ldshim.bitcode.module import Global
    from ldshim.inspect.files import Piece
    from ldshim.wasm.entries import Comdat, Relocation, Section, Segment, Symbol

    Object = ObjectFile | IRModule

_TYPE_INDEX_LEB = RELOCATION_NAMES.index("TYPE_INDEX_LEB")
_SECTION_NAMES = {SEC_CODE: "CODE", SEC_DATA: "DATA"}
# What is the object format's own, and shown in other ways.
_FORMAT_SECTIONS = (b"linking", b"name")
_TEXT_LIMIT = 200


def bounded_section(name: bytes) -> bytes | None:
    """X if `name` is `__start_X` or `__stop_X`."""
    for prefix in survey.BOUNDS:
        if name.startswith(prefix) and markers.is_c_identifier(name[len(prefix) :]):
            return name[len(prefix) :]
    return None


def wanted_sections(piece: Piece) -> Iterator[bytes]:
    """The names that this piece makes those of sections: it refers to their bounds, or has markers of them."""
    for name in _symbol_names(piece):
        section = bounded_section(name)
        if section is not None:
            yield section
        else:
            found = marker(name)
            if found is not None:
                yield found.section


def problems(piece: Piece) -> Iterator[str]:
    """Why a link would refuse the piece's markers."""
    for name in _symbol_names(piece):
        problem = marker_problem(name)
        if problem is not None:
            yield problem


def _symbol_names(piece: Piece) -> Iterator[bytes]:
    if piece.facts is not None:
        yield from (known.name for known in piece.facts.globals if known.kind != FUNCTION or known.is_declaration)
    elif piece.object is not None:
        yield from (symbol.name for symbol in piece.object.symbols if symbol.kind == SYMBOL_DATA or symbol.is_undefined)


class ObjectFacts:
    """The facts of one piece; `wanted` are the names of sections, of all files that are looked at."""

    __slots__ = ("_code", "_data", "_data_offsets", "_object", "elements", "piece", "references", "wanted")

    def __init__(self, piece: Piece, wanted: set[bytes]) -> None:
        self.piece = piece
        self.wanted = wanted
        self.elements: list[tuple[bytes, Element]] = []  # with the section's name
        self.references: list[tuple[bytes, Reference]] = []
        self._code: Module | None = None
        obj = piece.object or piece.ir
        if obj is None:
            self._collect_from_facts()
            return
        self._object = obj
        section = obj.section(SEC_DATA)
        self._data = obj.relocations(section.index) if section is not None else []
        content = section.content if section is not None else 0
        self._data_offsets = [content + relocation.offset for relocation in self._data]
        for segment in obj.segments:
            self._add_segment(segment)
        if isinstance(obj, ObjectFile):
            self._add_custom_sections(obj)
        self._add_references()

    # Elements.

    def _add_segment(self, segment: Segment) -> None:
        symbols = self._object.symbols_of_segment(segment.index)
        found = next((m for symbol in symbols if (m := marker(symbol.name)) is not None), None)
        if found is not None:
            kind = facts.MARKER if found.name.startswith(markers.PREFIX) else facts.PATH_MARKER
            self._add_elements(found.section, segment, kind, found.key)
        elif markers.is_c_identifier(segment.name):
            self._add_elements(segment.name, segment, facts.SEGMENT, b"")

    def _add_elements(self, section: bytes, segment: Segment, kind: str, key: bytes) -> None:
        """One for each place in the segment that has a symbol, and for what lies between them and is no padding."""
        places: dict[int, list[Symbol]] = {}
        for symbol in self._object.symbols_of_segment(segment.index):
            places.setdefault(symbol.offset, []).append(symbol)
        position = 0
        offsets = sorted(places)
        for number, offset in enumerate(offsets):
            if offset > position:
                self._add_unnamed(section, segment, kind, position, offset)
            end = offsets[number + 1] if number + 1 < len(offsets) else segment.size
            size = max(symbol.size for symbol in places[offset]) or end - offset
            self._add_element(section, segment, kind, key, (offset, offset + size), places[offset])
            position = max(position, offset + size)
        if position < segment.size or not offsets:
            self._add_unnamed(section, segment, kind, position, segment.size)

    def _add_unnamed(self, section: bytes, segment: Segment, kind: str, begin: int, end: int) -> None:
        content = self._object.data[segment.begin + begin : segment.begin + end]
        if content.strip(b"\0") or end - begin >= 16 or begin == 0:
            self._add_element(section, segment, kind, b"", (begin, end), [])

    def _add_element(
        self, section: bytes, segment: Segment, kind: str, key: bytes, place: tuple[int, int], symbols: list[Symbol]
    ) -> None:
        # The one that the element is known by: its marker, or else what others can see.
        ordered = sorted(symbols, key=lambda s: (marker(s.name) is None, s.is_local, s.index))
        names = [text(symbol.name) for symbol in ordered]
        begin, end = place
        # What clang makes of `used` and `retain`; an element with a marker is kept in any case.
        used = bool(segment.flags & SEG_FLAG_RETAIN) or any(symbol.flags & NO_STRIP for symbol in symbols)
        element = Element(
            name=element_name(names[0]) if names else None,
            symbol=names[0] if names else None,
            aliases=names[1:],
            member=self.piece.member,
            crate=crate_of(names[0]) if names else None,
            kind=kind,
            key=text(key) or None,
            size=end - begin,
            alignment=1 << segment.p2align,
            segment=text(segment.name),
            offset=begin,
            binding=_binding(ordered[0].is_local, ordered[0].is_weak) if ordered else None,
            used=used,
            hidden=bool(ordered[0].flags & VISIBILITY_HIDDEN) if ordered else None,
            thread_local=bool(segment.flags & SEG_FLAG_TLS),
            comdat=_comdat_name(self._object.comdat_of(COMDAT_DATA, segment.index)),
            pointers=self._pointers(segment.begin + begin, segment.begin + end),
        )
        self.elements.append((section, element))

    def _pointers(self, begin: int, end: int) -> list[facts.Relocation] | None:
        """The relocations in `data[begin:end]`, by their offset in it; None for bitcode, which has none yet."""
        if not isinstance(self._object, ObjectFile):
            return None
        first, last = bisect.bisect_left(self._data_offsets, begin), bisect.bisect_left(self._data_offsets, end)
        return [
            relocation_facts(self._object, self._data[i], self._data_offsets[i] - begin) for i in range(first, last)
        ]

    # Custom sections that become memory.

    def _add_custom_sections(self, obj: ObjectFile) -> None:
        segments = {segment.name for segment in obj.segments}
        found = [s for s in obj.sections if s.id == SEC_CUSTOM and s.name in self.wanted and s.name not in segments]
        if not found:
            return
        # Which statics rustc's custom sections repeat is for the link to say.
        paired = _paired_segments(self.piece, found)
        for section in found:
            if section.index in paired:
                for index in paired[section.index]:
                    self._add_elements(section.name, obj.segments[index], facts.CUSTOM_SECTION, b"")
            else:
                self._add_custom_section(obj, section)

    def _add_custom_section(self, obj: ObjectFile, section: Section) -> None:
        relocations = obj.relocations(section.index)
        element = Element(
            name=None,
            symbol=None,
            aliases=[],
            member=self.piece.member,
            crate=None,
            kind=facts.CUSTOM_SECTION,
            key=None,
            size=section.end - section.content,
            alignment=None,
            segment=None,
            offset=0,
            binding=None,
            used=True,
            hidden=None,
            thread_local=False,
            comdat=_comdat_name(obj.comdat_of(COMDAT_SECTION, section.index)),
            pointers=[relocation_facts(obj, relocation, relocation.offset) for relocation in relocations],
        )
        self.elements.append((section.name, element))

    # References.

    def _add_references(self) -> None:
        for symbol in self._object.symbols:
            section = bounded_section(symbol.name) if symbol.is_undefined else None
            if section is not None:
                users = self._users(symbol) if isinstance(self._object, ObjectFile) else None
                reference = Reference(text(symbol.name), self.piece.member, symbol.is_weak, users)
                self.references.append((section, reference))

    def _users(self, symbol: Symbol) -> list[str]:
        """The functions and statics that have a relocation against the symbol, in order, each once."""
        obj = self._object
        found: dict[str, None] = {}
        code = obj.section(SEC_CODE)
        if code is not None and isinstance(obj, ObjectFile):
            if self._code is None:
                self._code = Module(obj)
            for relocation in obj.relocations(code.index):
                if relocation.index == symbol.index and relocation.type != _TYPE_INDEX_LEB:
                    found.setdefault(self._function_at(self._code, code.content + relocation.offset))
        for relocation, offset in zip(self._data, self._data_offsets, strict=True):
            if relocation.index == symbol.index:
                found.setdefault(self._static_at(offset))
        return list(found)

    def _function_at(self, code: Module, offset: int) -> str:
        number = bisect.bisect_right(code.bodies, (offset, 1 << 64)) - 1
        index = number + code.imported_functions
        symbols = (s for s in self._object.symbols if s.kind == SYMBOL_FUNCTION and s.element == index and not s.is_undefined)
        name = next((text(symbol.name) for symbol in symbols), "")
        return demangled(name) if name else f"function {index}"

    def _static_at(self, offset: int) -> str:
        for segment in self._object.segments:
            if segment.begin <= offset < segment.end:
                for symbol in self._object.symbols_of_segment(segment.index):
                    if symbol.offset <= offset - segment.begin < symbol.offset + symbol.size:
                        return element_name(text(symbol.name))
                return text(segment.name)
        return "data"

    # Bitcode without llvmlite.

    def _collect_from_facts(self) -> None:
        module = self.piece.facts
        if module is None:
            return
        for known in module.globals:
            section = bounded_section(known.name)
            if known.is_declaration:
                if section is not None:
                    self.references.append((section, Reference(text(known.name), self.piece.member, known.is_weak, None)))
                continue
            found = marker(known.name) if known.kind != FUNCTION else None
            if found is not None:
                kind = facts.MARKER if found.name.startswith(markers.PREFIX) else facts.PATH_MARKER
                self._add_global(found.section, known, kind, found.key)
            elif known.kind != FUNCTION and markers.is_c_identifier(known.section):
                self._add_global(known.section, known, facts.SEGMENT, b"")

    def _add_global(self, section: bytes, known: Global, kind: str, key: bytes) -> None:
        module = self.piece.facts
        comdat = module.comdats[known.comdat - 1] if module is not None and known.comdat else None
        name = text(known.name)
        element = Element(
            name=element_name(name),
            symbol=name,
            aliases=[],
            member=self.piece.member,
            crate=crate_of(name),
            kind=kind,
            key=text(key) or None,
            size=None,
            alignment=1 << known.p2align if known.p2align is not None else None,
            segment=text(known.section) or None,
            offset=0,
            binding=_binding(known.is_local, known.is_weak),
            used=None,
            hidden=known.is_hidden,
            thread_local=known.is_thread_local,
            comdat=text(comdat) if comdat is not None else None,
            pointers=None,
        )
        self.elements.append((section, element))


def custom_sections(obj: ObjectFile) -> list[facts.CustomSection]:
    """The custom sections that are not the format's own."""
    return [
        facts.CustomSection(text(section.name), section.end - section.content)
        for section in obj.sections
        if section.id == SEC_CUSTOM and section.name not in _FORMAT_SECTIONS and not section.name.startswith(b"reloc.")
    ]


def relocations(obj: ObjectFile, *, with_entries: bool) -> list[facts.Relocations]:
    """The relocations of each section that has some."""
    found = []
    for section in obj.sections:
        entries = obj.relocations(section.index)
        if not entries:
            continue
        types: dict[str, int] = {}
        for entry in entries:
            name = _type_name(entry.type)
            types[name] = types.get(name, 0) + 1
        listed = [relocation_facts(obj, entry, entry.offset) for entry in entries] if with_entries else None
        found.append(facts.Relocations(_section_name(section), dict(sorted(types.items())), listed))
    return found


def relocation_facts(obj: ObjectFile, relocation: Relocation, offset: int) -> facts.Relocation:
    """A relocation, at `offset` in what is shown."""
    kind = _type_name(relocation.type)
    if relocation.type == _TYPE_INDEX_LEB:
        return facts.Relocation(offset, kind, None, f"type {relocation.index}", relocation.addend)
    if relocation.index >= len(obj.symbols):
        return facts.Relocation(offset, kind, None, f"symbol {relocation.index}, which is not there", relocation.addend)
    symbol = obj.symbols[relocation.index]
    if symbol.kind == SYMBOL_SECTION:
        name = _section_name(obj.sections[symbol.element])
        return facts.Relocation(offset, kind, name, f"section {name}", relocation.addend)
    name = text(symbol.name)
    return facts.Relocation(offset, kind, name, element_name(name), relocation.addend, _text_at(obj, symbol, relocation.addend))


def _text_at(obj: ObjectFile, symbol: Symbol, addend: int) -> str | None:
    """The text that a pointer points at, if it is one from there to the end of the symbol, or to a NUL at the end."""
    if symbol.kind != SYMBOL_DATA or symbol.element < 0 or not 0 <= addend < symbol.size:
        return None
    segment = obj.segments[symbol.element]
    begin = segment.begin + symbol.offset
    return printable_text(obj.data[begin + addend : min(begin + symbol.size, segment.end)])


def printable_text(content: bytes) -> str | None:
    """The bytes as text, if all of them are, but for a NUL at the end."""
    content = content.removesuffix(b"\0")
    if not 0 < len(content) <= _TEXT_LIMIT:
        return None
    try:
        found = content.decode()
    except UnicodeDecodeError:
        return None
    return found if found.isprintable() else None


def _type_name(kind: int) -> str:
    return RELOCATION_NAMES[kind] if kind < len(RELOCATION_NAMES) else f"type {kind}"


def _section_name(section: Section) -> str:
    return _SECTION_NAMES.get(section.id) or text(section.name) or f"#{section.id}"


def _binding(is_local: bool, is_weak: bool) -> str:
    return "local" if is_local else "weak" if is_weak else "global"


def _comdat_name(comdat: Comdat | None) -> str | None:
    return text(comdat.name) if comdat is not None else None


def _paired_segments(piece: Piece, sections: list[Section]) -> dict[int, list[int]]:
    """For custom sections that repeat statics without doubt: the segments of these."""
    file = InputFile(0, piece.name, piece.data, Input(piece.name, 0, 0, False, False), (0, 0, 0, 0, 0))
    found = survey.Survey()
    for section in sections:
        found.want(section.name)
    try:
        survey.collect(found, [file])
    except LinkError:
        return {}
    paired: dict[int, list[int]] = {}
    for contributions in found.contributions.values():
        for contribution in contributions:
            if contribution.kind == survey.PAIRED and contribution.repeated_by is not None:
                paired.setdefault(contribution.repeated_by, []).append(contribution.index)
    return paired
