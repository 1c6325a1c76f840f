"""What the map is made of: the plan says what each input adds to each section, lld's map where it went.

A *piece* is what one input adds to one section: a contribution, or its part of a pointer table.  lld's map names an input segment by file
and segment, which is a name that pieces of one file can share, so they are told apart by order, size and symbols.  What LTO makes is one
object of all files: there symbols alone tell.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from ldshim import markers
from ldshim.rewrite import ANCHOR_NAME
from ldshim.survey import BOUNDS, CUSTOM, MARKED, table_of
from ldshim.wasm.editor import Edit
from ldshim.wasm.format import COMDAT_DATA, COMDAT_SECTION, SEC_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ldshim.inputs import Unit
    from ldshim.mapping.linker_map import Chunk, LinkerMap, MappedSymbol
    from ldshim.sections import Plan
    from ldshim.survey import Contribution, Survey
    from ldshim.wasm.entries import Symbol

TABLE = "table"

# Why something is not in the module.
COPY = "copy"  # another copy of the same element is
COLLECTED = "collected"  # nothing refers to it, and lld collected it as garbage
NOT_LINKED = "not linked"  # it is in an archive member that nothing refers to
DECLARED = "declared"  # it is a name, and nothing more


@dataclass
class Source:
    """Where something comes from: the file as on the command line, the archive member, and the rule that found it."""

    file: str
    member: str | None
    rule: str
    bitcode: bool
    extracted: bool

    @property
    def input(self) -> str:
        return self.file if self.member is None else f"{self.file}({self.member})"


@dataclass
class Element:
    """A static in the module, or bytes that no symbol names.  `source` is None where LTO left no trace of it."""

    address: int | None
    size: int
    symbols: list[str]
    key: str
    source: Source | None

    @property
    def name(self) -> str:
        return readable_name(self.symbols)


@dataclass
class Absent:
    """What is not in the module, and why; `kept` names the input whose copy is."""

    size: int
    symbols: list[str]
    key: str
    source: Source
    reason: str
    kept: str | None = None

    @property
    def name(self) -> str:
        return readable_name(self.symbols)


@dataclass
class Section:
    """A named section; `start` and `stop` are its bounds, None if nothing in the module refers to them, or where they are not known."""

    name: str
    table_of: str | None = None
    start: int | None = None
    stop: int | None = None
    elements: list[Element] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    declarations: list[Absent] = field(default_factory=list)

    @property
    def size(self) -> int | None:
        return None if self.start is None or self.stop is None else self.stop - self.start

    @property
    def padding(self) -> int | None:
        """Bytes between the bounds that belong to no element; None where elements lie elsewhere, which bounds of one's own can do."""
        if self.start is None or self.stop is None or not all(_is_within(e, self.start, self.stop) for e in self.elements):
            return None
        return self.stop - self.start - sum(element.size for element in self.elements)


def _is_within(element: Element, start: int, stop: int) -> bool:
    return element.address is not None and start <= element.address <= stop - element.size


@dataclass
class Layout:
    """The whole map; `note` says what a reader has to know of it, if anything."""

    output: str
    is_relative: bool  # addresses count from __memory_base
    sections: list[Section]
    note: str | None = None


class Unsettled(Exception):  # noqa: N818 - a question, not an error: another map may answer it
    """lld's map does not tell pieces apart, or whether a member was linked."""


class _Piece:
    __slots__ = ("contribution", "fields", "is_settled", "rule", "segment_name", "size", "symbol_names")

    def __init__(self, contribution: Contribution, rule: str, segment_name: bytes, size: int, symbol_names: set[bytes]) -> None:
        self.contribution = contribution
        self.rule = rule
        self.segment_name = segment_name  # in the object that lld got
        self.size = size
        self.symbol_names = symbol_names
        # Offset, size and symbols of each element in it.
        self.fields: list[tuple[int, int, list[str]]] = []
        self.is_settled = False  # it is among the elements

    @property
    def unit(self) -> Unit:
        return self.contribution.unit

    @property
    def is_lto(self) -> bool:
        return self.unit.is_bitcode


def readable_path(path: str) -> str:
    """A path as text: names of files are bytes, and need not be UTF-8."""
    return _text(os.fsencode(path))


def readable_name(symbols: list[str]) -> str:
    """What a person would call it: the last part of a marker, else the symbol."""
    for symbol in symbols:
        parts = symbol.split("$", 3)
        if len(parts) == 4 and parts[0] == "__ldshim" and parts[3]:
            return parts[3]
    return symbols[0] if symbols else ""


def make_layout(
    found: Survey, plan: Plan, output: str, linker_map: LinkerMap | None, *, is_relative: bool, loaded: set[str] | None
) -> Layout:
    """Join what was planned with where lld put it; without a map of lld's addresses stay unknown.

    `loaded` are the inputs that lld read, if it was asked.  Raises `Unsettled` if the answer depends on that, or on names that lld
    has demangled, and it was not.
    """
    pieces = _pieces(found, plan)
    by_lld = found.references.keys() - {anchor.section for anchor in plan.anchors}
    chunks = _by_section(linker_map) if linker_map is not None else {}
    sections = []
    for name in {**found.wanted, **found.contributions, **pieces}:
        section = Section(_text(name))
        base = table_of(found, name)
        section.table_of = _text(base) if base is not None else None
        mine = pieces.get(name, [])
        if linker_map is None:
            section.elements = [element for piece in mine for element in _elements(piece, None)]
        else:
            _settle(section, mine, chunks.get(name, []), is_final=loaded is not None)
            _set_bounds(section, name, chunks.get(name, []), linker_map, by_lld=name in by_lld)
            _add_absent(section, mine, linker_map, loaded)
        _add_others(section, found.contributions.get(name, []))
        sections.append(section)
    return Layout(output, is_relative, sorted(sections, key=_place))


def _place(section: Section) -> tuple[bool, int, str]:
    """Sections are in the order of memory, and behind them those that are not there."""
    address = section.elements[0].address if section.elements else section.start
    return address is None, address or 0, section.name


# What the objects have that lld got.


def _pieces(found: Survey, plan: Plan) -> dict[bytes, list[_Piece]]:
    pieces: dict[bytes, list[_Piece]] = {}
    objects: dict[Unit, _Edited] = {}
    for section, contributions in found.contributions.items():
        for contribution in contributions:
            if not contribution.is_declaration and not contribution.dropped:
                edited = objects.setdefault(contribution.unit, _Edited(contribution.unit, plan))
                pieces.setdefault(section, []).append(edited.piece(contribution))
    for table in found.wanted:
        base = table_of(found, table)
        for contribution in found.contributions[base] if base is not None else ():
            if not contribution.is_declaration and not contribution.dropped:
                pieces.setdefault(table, []).append(objects[contribution.unit].table_piece(contribution, table))
    return pieces


class _Edited:
    """An object as the plan changes it."""

    __slots__ = ("_added", "_names", "_taken", "edit", "unit")

    def __init__(self, unit: Unit, plan: Plan) -> None:
        self.unit = unit
        self.edit = plan.edits.get(unit) or Edit()
        self._names: dict[int, set[bytes]] = {}  # segment -> symbols that the plan adds to it
        for symbol in self.edit.new_symbols:
            self._names.setdefault(symbol.segment, set()).add(symbol.name)
        # Appended segments are in the order of the contributions that they are of; one serves one.
        self._taken: set[int] = set()

    def piece(self, contribution: Contribution) -> _Piece:
        if contribution.kind == CUSTOM:
            name, _, symbols = self._appended(contribution.section)
            piece = _Piece(contribution, CUSTOM, name, contribution.size, symbols)
            piece.fields = [(0, contribution.size, [])]
            return piece
        segment = self.unit.object.segments[contribution.index]
        name = self.edit.segment_info.get(segment.index, (segment.name,))[0]
        symbols = {s.name for s in contribution.symbols} | self._names.get(segment.index, set())
        piece = _Piece(contribution, contribution.kind, name, segment.size, symbols)
        piece.fields = _fields(contribution)
        return piece

    def table_piece(self, contribution: Contribution, table: bytes) -> _Piece:
        name, size, symbols = self._appended(table)
        piece = _Piece(contribution, TABLE, name, size, symbols)
        named = [symbols_of for _, _, symbols_of in _fields(contribution) if symbols_of]
        width = 8 if self.unit.object.is_64 else 4
        piece.fields = [(index * width, width, symbols_of) for index, symbols_of in enumerate(named)]
        return piece

    def _appended(self, section: bytes) -> tuple[bytes, int, set[bytes]]:
        """Name, size and symbols of the next appended segment of that section."""
        for index, segment in enumerate(self.edit.new_segments):
            if index not in self._taken and _is_of(segment.name, section):
                self._taken.add(index)
                return segment.name, len(segment.content), self._names.get(len(self.unit.object.segments) + index, set())
        raise AssertionError(f"{self.unit}: no segment was planned for {_text(section)}")


def _is_of(output: bytes, section: bytes) -> bool:
    """Whether elements of the section lie in that output segment (`markers.segment_name`)."""
    return output == section or output.startswith(markers.stop_segment_name(section))


def _fields(contribution: Contribution) -> list[tuple[int, int, list[str]]]:
    """The statics of a segment by offset, and in between what no symbol names; zeros there are padding."""
    by_offset: dict[int, list[Symbol]] = {}
    for symbol in contribution.symbols:
        if symbol.size and symbol.offset < contribution.size:
            by_offset.setdefault(symbol.offset, []).append(symbol)
    fields = []
    position = 0
    for offset in sorted(by_offset):
        symbols = by_offset[offset]
        fields += _unnamed(contribution, position, offset)
        end = min(max(offset + s.size for s in symbols), contribution.size)
        begin = max(position, offset)
        if end > begin:
            fields.append((begin, end - begin, [_text(s.name) for s in symbols]))
        position = max(position, end)
    return fields + _unnamed(contribution, position, contribution.size)


def _unnamed(contribution: Contribution, begin: int, end: int) -> list[tuple[int, int, list[str]]]:
    if end <= begin or contribution.unit.is_bitcode:
        return []
    obj = contribution.unit.object
    segment = obj.segments[contribution.index]
    data = obj.section(SEC_DATA)
    first = segment.begin - data.content if data is not None else 0
    has_pointers = data is not None and any(begin <= r.offset - first < end for r in obj.relocations(data.index))
    if has_pointers or obj.data[segment.begin + begin : segment.begin + end].strip(b"\0"):
        return [(begin, end - begin, [])]
    return []


# Where lld put them.


def _by_section(linker_map: LinkerMap) -> dict[bytes, list[Chunk]]:
    """The input segments of each section, by their own names: position-independent modules have but one output segment."""
    found: dict[bytes, list[Chunk]] = {}
    for chunk in linker_map.chunks:
        _, marked, rest = chunk.text.partition(b":(" + markers.PREFIX)
        section = rest.partition(b"$")[0] if marked else chunk.text.rpartition(b":(")[2][:-1]
        found.setdefault(section, []).append(chunk)
    return found


def _settle(section: Section, pieces: list[_Piece], all_chunks: list[Chunk], *, is_final: bool) -> None:
    """Find the elements of a section in lld's map: all that lies in segments of its name."""
    anchor = os.fsencode(ANCHOR_NAME) + b":("
    chunks = [chunk for chunk in all_chunks if not chunk.text.startswith(anchor)]
    by_text: dict[bytes, list[_Piece]] = {}
    for piece in pieces:
        if not piece.is_lto:
            by_text.setdefault(os.fsencode(piece.unit.name) + b":(" + piece.segment_name + b")", []).append(piece)
    chunks_of: dict[bytes, list[Chunk]] = {}
    for chunk in chunks:
        chunks_of.setdefault(chunk.text, []).append(chunk)
    settled: dict[Chunk, _Piece] = {}
    for text, candidates in by_text.items():
        settled.update(_matched(candidates, chunks_of.get(text, []), is_final=is_final))
    made_by_lto = _by_symbol(pieces)
    for chunk in chunks:
        if chunk in settled:
            piece = settled[chunk]
            piece.is_settled = True
            section.elements += _elements(piece, chunk.address)
        elif chunk.size:
            section.elements += _lto_elements(chunk, made_by_lto, is_final=is_final)


def _matched(pieces: list[_Piece], chunks: list[Chunk], *, is_final: bool) -> dict[Chunk, _Piece]:
    """Which piece is which chunk, where all have the same file and name."""
    if len(pieces) == len(chunks) and all(map(_can_be, pieces, chunks)):
        return dict(zip(chunks, pieces, strict=True))
    by_name: dict[bytes, list[_Piece]] = {}
    for piece in pieces:
        for name in piece.symbol_names:
            by_name.setdefault(name, []).append(piece)
    found = {}
    for chunk in chunks:
        named = [piece for symbol in chunk.symbols for piece in by_name.get(symbol.name, ())]
        candidates = {piece for piece in (named if chunk.symbols else pieces) if _can_be(piece, chunk)}
        if len(candidates) == 1:
            found[chunk] = candidates.pop()
        elif not is_final:
            raise Unsettled
    return found


def _can_be(piece: _Piece, chunk: Chunk) -> bool:
    names = {symbol.name for symbol in chunk.symbols}
    return piece.size == chunk.size and (not names or not names.isdisjoint(piece.symbol_names))


def _by_symbol(pieces: list[_Piece]) -> dict[bytes, _Piece | None]:
    """The pieces in bitcode by their symbols; None for local ones of one name, which cannot be told apart afterwards."""
    found: dict[bytes, _Piece | None] = {}
    for piece in pieces:
        if piece.is_lto:
            for symbol in piece.symbol_names:
                found[symbol] = None if symbol in found else piece
    return found


def _lto_elements(chunk: Chunk, pieces: dict[bytes, _Piece | None], *, is_final: bool) -> list[Element]:
    """The elements in a segment of what LTO made, which may be of several files."""
    by_address: dict[int, list[MappedSymbol]] = {}
    for symbol in chunk.symbols:
        if symbol.size:
            by_address.setdefault(symbol.address, []).append(symbol)
    elements = []
    for address, symbols in sorted(by_address.items()):
        known = [pieces[key] for s in symbols if (key := s.name.partition(b".llvm.")[0]) in pieces]
        piece = next((p for p in known if p is not None), None)
        if piece is not None and not piece.is_settled:
            piece.is_settled = True
            elements += _elements(piece, address)
        elif is_final:
            elements.append(Element(address, symbols[0].size, [_text(s.name) for s in symbols], "", None))
        else:
            raise Unsettled
    return elements or [Element(chunk.address, chunk.size, [], "", None)]


def _elements(piece: _Piece, address: int | None) -> list[Element]:
    source = _source(piece.contribution, piece.rule)
    key = _text(piece.contribution.key)
    return [Element(None if address is None else address + offset, size, symbols, key, source) for offset, size, symbols in piece.fields]


def _set_bounds(section: Section, name: bytes, all_chunks: list[Chunk], linker_map: LinkerMap, *, by_lld: bool) -> None:
    """The bounds are symbols of the anchor, or of an input.  Others lld makes of the output segment, if something refers to them."""
    section.start, section.stop = (linker_map.addresses.get(prefix + name) for prefix in BOUNDS)
    chunks = [chunk for chunk in all_chunks if chunk.text.endswith(b":(" + name + b")")]
    if chunks and (by_lld or section.start is not None):
        section.start = chunks[0].address if section.start is None else section.start
        section.stop = chunks[-1].address + chunks[-1].size if section.stop is None else section.stop


# What is not there.


def _add_absent(section: Section, pieces: list[_Piece], linker_map: LinkerMap, loaded: set[str] | None) -> None:
    """What the plan let in, and lld did not."""
    absent = [piece for piece in pieces if not piece.is_settled]
    kept = _kept_copies(piece.contribution for piece in pieces if piece.is_settled) if absent else {}
    for piece in absent:
        other = _copy_of(piece.contribution, kept)
        reason = COPY if other is not None else _why_absent(piece.unit, linker_map, loaded)
        section.absent.append(_described(piece.contribution, piece.rule, reason, piece.size, other))


def _why_absent(unit: Unit, linker_map: LinkerMap, loaded: set[str] | None) -> str:
    if unit.certain or os.fsencode(unit.name) in linker_map.files:
        return COLLECTED
    if loaded is None:
        raise Unsettled
    return COLLECTED if unit.name in loaded else NOT_LINKED


def _add_others(section: Section, contributions: list[Contribution]) -> None:
    """What the plan left out, and what was nothing but a declaration."""
    kept: dict[tuple[str, bytes], str] | None = None
    for contribution in contributions:
        if contribution.is_declaration:
            section.declarations.append(_described(contribution, contribution.kind, DECLARED, 0, None))
        elif contribution.dropped:
            if kept is None:
                kept = _kept_copies(c for c in contributions if not c.dropped)
            section.absent.append(_described(contribution, contribution.kind, COPY, contribution.size, _copy_of(contribution, kept)))


def _described(contribution: Contribution, rule: str, reason: str, size: int, kept: str | None) -> Absent:
    symbols = [_text(symbol.name) for symbol in contribution.symbols]
    return Absent(size, symbols, _text(contribution.key), _source(contribution, rule), reason, kept)


def _kept_copies(contributions: Iterable[Contribution]) -> dict[tuple[str, bytes], str]:
    """The inputs whose copies are in the module, by what copies have in common."""
    return {identity: readable_path(c.unit.name) for c in contributions for identity in _identities(c)}


def _copy_of(contribution: Contribution, kept: dict[tuple[str, bytes], str]) -> str | None:
    return next((kept[identity] for identity in _identities(contribution) if identity in kept), None)


def _identities(contribution: Contribution) -> list[tuple[str, bytes]]:
    """What copies of an element have in common.  The plan may have taken it out of its group, so the object is asked."""
    comdat = contribution.unit.object.comdat_of(COMDAT_SECTION if contribution.kind == CUSTOM else COMDAT_DATA, contribution.index)
    found = [("comdat", comdat.name)] if comdat is not None else []
    if contribution.kind == MARKED:
        found += [("marker", symbol.name) for symbol in contribution.markers if not symbol.is_local]
    return found


def _source(contribution: Contribution, rule: str) -> Source:
    unit = contribution.unit
    member = None if unit.member is None else _text(unit.member.name)
    extracted = unit.certain and not unit.file.loads_everything
    return Source(readable_path(unit.file.path), member, rule, unit.is_bitcode or unit.is_lowered, extracted)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
