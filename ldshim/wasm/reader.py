"""Reading a relocatable wasm object.

An object is the magic number, a version, and a row of sections: id, size, payload.  Sections with an id have fixed contents
and order (types, imports, functions, code, data); sections of id 0 are *custom*: a name, then bytes for whoever knows the name.
What makes a module an *object*, something that a linker can take apart, are custom sections too:

- `linking` holds the symbol table, the names, alignments and flags of the data segments, and the COMDAT groups;
- `reloc.NAME` lists the places in another section where the linker has to write an address or an index.

`ObjectFile` reads headers and tables at once and relocations when asked, and checks what it reads: every error is a `MalformedObject` that
names the file, the section and the offset.  Contents are never copied: they are ranges of `data`.
"""

from __future__ import annotations

from ldshim.errors import printable
from ldshim.wasm.cursor import Cursor, MalformedObject
from ldshim.wasm.entries import (
    Comdats,
    ImportNames,
    Relocations,
    RowsOf,
    Sections,
    Segment,
    Segments,
    Subsections,
    Symbol,
    Symbols,
    numbers,
)
from ldshim.wasm.format import (
    ABSOLUTE,
    COMDAT_DATA,
    COMDAT_INFO,
    EXPLICIT_NAME,
    EXTERNAL_FUNCTION,
    EXTERNAL_GLOBAL,
    EXTERNAL_MEMORY,
    EXTERNAL_TABLE,
    EXTERNAL_TAG,
    LIMITS_HAS_MAX,
    LIMITS_HAS_PAGE_SIZE,
    LIMITS_IS_64,
    LINKING_VERSION,
    MODULE_HEADER,
    OPCODE_END,
    OPCODE_I32_CONST,
    OPCODE_I64_CONST,
    RELOCATIONS_WITH_ADDEND,
    SEC_CUSTOM,
    SEC_DATA,
    SEC_IMPORT,
    SEGMENT_HAS_MEMINDEX,
    SEGMENT_INFO,
    SEGMENT_IS_PASSIVE,
    SYMBOL_DATA,
    SYMBOL_FUNCTION,
    SYMBOL_GLOBAL,
    SYMBOL_SECTION,
    SYMBOL_TABLE,
    SYMBOL_TABLE_KIND,
    SYMBOL_TAG,
    UNDEFINED,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Sequence

    from ldshim.wasm.entries import Comdat, Relocation, Rows, Section, Subsection

READ_SUBSECTIONS = (SEGMENT_INFO, SYMBOL_TABLE, COMDAT_INFO)
MAX_P2ALIGN = 31
_CONSTANTS = (OPCODE_I32_CONST, OPCODE_I64_CONST)
# Functions, globals, tags and tables.  An undefined one may have its name with the import only.
_NAMED_KINDS = (SYMBOL_FUNCTION, SYMBOL_GLOBAL, SYMBOL_TAG, SYMBOL_TABLE_KIND)
_NAMED_ELSEWHERE = UNDEFINED | EXPLICIT_NAME
# Imports and symbols number them differently.
_SYMBOL_KINDS = {
    EXTERNAL_FUNCTION: SYMBOL_FUNCTION,
    EXTERNAL_GLOBAL: SYMBOL_GLOBAL,
    EXTERNAL_TAG: SYMBOL_TAG,
    EXTERNAL_TABLE: SYMBOL_TABLE_KIND,
}


class ObjectFile:
    """A relocatable object; `path` is what messages call it.

    Raises `MalformedObject` as soon as something that is read does not hold together.
    """

    __slots__ = (
        "_groups",
        "_relocation_sections",
        "_relocations",
        "_segments",
        "_symbols",
        "_symbols_of",
        "comdats",
        "data",
        "imported_tables",
        "is_64",
        "linking",
        "path",
        "sections",
        "segments",
        "subsections",
        "symbols",
    )

    def __init__(self, data: bytes, path: str) -> None:
        self.data = data
        self.path = path
        self.sections = read_sections(data, path)
        self.linking: Section | None = self._the_only(b"linking")
        self.is_64 = False
        self.imported_tables: list[bytes] = []
        self.segments: Rows[Segment] = ()
        self.symbols: Rows[Symbol] = ()
        self.comdats: Rows[Comdat] = ()
        self.subsections: Rows[Subsection] = ()
        # Made when they are first asked for.
        self._symbols_of: RowsOf | None = None
        self._groups: dict[int, Sequence[int]] = {}
        self._relocation_sections: tuple[Sequence[int], RowsOf] | None = None
        self._relocations: dict[int, Rows[Relocation]] = {}
        if self.linking is not None:
            fields = self._read_imports()
            self._read_segments()
            self.symbols = self._symbols = Symbols(data, fields)
            self._read_linking(self.linking, fields)

    @property
    def is_relocatable(self) -> bool:
        """Whether this is an object at all: a linked module or a shared library has no `linking` section."""
        return self.linking is not None

    def section(self, ident: int) -> Section | None:
        """The section of that id, if there is one."""
        index = self.sections.ids.find(ident)
        return self.sections[index] if index >= 0 else None

    def custom_sections(self, names: Container[bytes]) -> Iterator[Section]:
        """The custom sections of these names, in order."""
        return (self.sections[index] for index, name in self.sections.custom_names() if name in names)

    def relocation_sections(self, target: int) -> Iterator[tuple[Section, Cursor]]:
        """The `reloc.*` sections for section number `target`, each with a cursor at its count.

        The name behind `reloc.` says nothing: the index in the payload is what counts.
        """
        if self._relocation_sections is None:
            places, targets = numbers(), numbers()
            for index, name in self.sections.custom_names():
                if name.startswith(b"reloc."):
                    places.append(index)
                    targets.append(self.cursor(self.sections[index]).u32())
            self._relocation_sections = places, RowsOf(targets, len(self.sections))
        indexes, rows_of = self._relocation_sections
        for row in rows_of(target):
            section = self.sections[indexes[row]]
            cursor = self.cursor(section)
            cursor.u32()
            yield section, cursor

    def relocations(self, target: int) -> Rows[Relocation]:
        """The relocations of section number `target`, by offset."""
        found = self._relocations.get(target)
        if found is None:
            found = self._relocations[target] = self._read_relocations(target)
        return found

    def _read_relocations(self, target: int) -> Relocations:
        parts = (read_relocations(cursor) for _, cursor in self.relocation_sections(target))
        first = next(parts, None)
        if first is None:
            return Relocations(self.data)
        others = [part for part in parts if len(part)]
        if others:  # which need not lie behind the one before
            for part in others:
                first.begins.extend(part.begins)
            first.sort()
        return first

    def comdat_of(self, kind: int, index: int) -> Comdat | None:
        """The group that the segment or section belongs to."""
        if not len(self.comdats):
            return None
        groups = self._groups.get(kind)
        if groups is None:
            groups = self._groups[kind] = self._groups_of(kind)
        group = groups[index] if index < len(groups) else -1
        return self.comdats[group] if group >= 0 else None

    def _groups_of(self, kind: int) -> Sequence[int]:
        """The group of each segment or section, -1 for none: the first that has it."""
        groups = numbers(-1, len(self.segments) if kind == COMDAT_DATA else len(self.sections))
        for comdat in self.comdats:
            for what, index in comdat.entries:
                if what == kind and index < len(groups) and groups[index] < 0:
                    groups[index] = comdat.index
        return groups

    def symbols_of_segment(self, segment: int) -> list[Symbol]:
        """The data symbols defined in segment number `segment`."""
        return [self.symbols[row] for row in self._rows_of_segment(segment)]

    def symbol_count(self, segment: int) -> int:
        """How many data symbols are defined in segment number `segment`."""
        return len(self._rows_of_segment(segment))

    def _rows_of_segment(self, segment: int) -> list[int]:
        if self._symbols_of is None:
            self._symbols_of = RowsOf(self._owners(), len(self.segments))
        return self._symbols_of(segment)

    def _owners(self) -> Sequence[int]:
        """The segment of each symbol."""
        return self._symbols.owners

    def symbols_with(self, needles: Collection[bytes]) -> Iterator[Symbol]:
        """The symbols in whose names one of `needles` occurs, and maybe others."""
        symbols = self._symbols
        rows = range(len(symbols)) if self._imports(needles) else symbols.rows_with(needles)
        return map(symbols.__getitem__, rows)

    def section_symbols(self) -> Iterator[Symbol]:
        """The symbols that mean sections."""
        return map(self._symbols.__getitem__, self._symbols.rows_of_kind(SYMBOL_SECTION))

    def _imports(self, needles: Collection[bytes]) -> bool:
        """Whether one of `needles` is where names stand that the symbol table leaves out."""
        section = self.section(SEC_IMPORT)
        return section is not None and any(self.data.find(needle, section.content, section.end) >= 0 for needle in needles)

    def segments_named(self, names: Collection[bytes]) -> Iterator[Segment]:
        """The segments of these names, none of which is empty."""
        segments = self._segments
        rows = segments.rows_named(names) if len(names) < len(segments) else range(len(segments))
        return (segment for row in rows if (segment := segments[row]).name in names)

    def segment_info(self, index: int) -> tuple[int, int]:
        """Where the entry of segment number `index` begins and ends in SEGMENT_INFO; both 0 if it has none."""
        return self._segments.info(index)

    def symbol_begin(self, index: int) -> int:
        """Where the entry of symbol number `index` begins."""
        return self._symbols.begins[index]

    def cursor(self, section: Section) -> Cursor:
        """A cursor at the content of a section."""
        name = printable(section.name) if section.id == SEC_CUSTOM else f"#{section.id}"
        return Cursor(self.data, section.content, section.end, f"{self.path}: section {name}")

    def _the_only(self, name: bytes) -> Section | None:
        found = list(self.custom_sections((name,)))
        if len(found) > 1:
            raise MalformedObject(f"{self.path}: more than one {name.decode()} section")
        return found[0] if found else None

    def _read_imports(self) -> dict[int, ImportNames]:
        """The fields of the imports by the kind of their symbols: undefined ones may take their names from them."""
        fields = {kind: ImportNames(self.data) for kind in _NAMED_KINDS}
        section = self.section(SEC_IMPORT)
        if section is None:
            return fields
        cursor = self.cursor(section)
        for _ in range(cursor.count()):
            cursor.name()
            begin = cursor.pos
            field = cursor.name()
            kind = cursor.byte()
            if kind == EXTERNAL_FUNCTION:
                cursor.u32()
            elif kind == EXTERNAL_TABLE:
                cursor.byte()
                _limits(cursor)
                self.imported_tables.append(field)
            elif kind == EXTERNAL_MEMORY:
                if _limits(cursor) & LIMITS_IS_64:
                    self.is_64 = True
            elif kind == EXTERNAL_GLOBAL:
                cursor.byte()
                cursor.byte()
            elif kind == EXTERNAL_TAG:
                cursor.byte()
                cursor.u32()
            else:
                raise cursor.fail(f"unknown import kind {kind}")
            if kind in _SYMBOL_KINDS:
                fields[_SYMBOL_KINDS[kind]].begins.append(begin)
        cursor.finish()
        return fields

    def _read_segments(self) -> None:
        segments = self.segments = self._segments = Segments(self.data)
        section = self.section(SEC_DATA)
        if section is None:
            return
        cursor = self.cursor(section)
        data, end, begins, ends = self.data, cursor.end, segments.begins, segments.ends
        count = cursor.count()
        pos = cursor.pos
        for _ in range(count):
            # As LLVM writes most: active, at a constant of one byte or two, and less than 128 bytes of content.
            if pos + 6 < end and data[pos] == 0 and data[pos + 1] in _CONSTANTS:
                begin = pos + 3 if data[pos + 2] < 0x80 else pos + 4
                if data[begin - 1] < 0x80 and data[begin] == OPCODE_END and data[begin + 1] < 0x80:
                    begin += 2
                    if begin + data[begin - 1] <= end:
                        pos = begin + data[begin - 1]
                        begins.append(begin)
                        ends.append(pos)
                        continue
            cursor.pos = pos
            begin, pos = segment_range(cursor)
            begins.append(begin)
            ends.append(pos)
        cursor.pos = pos
        cursor.finish()

    def _read_linking(self, section: Section, fields: dict[int, ImportNames]) -> None:
        cursor = self.cursor(section)
        version = cursor.u32()
        if version != LINKING_VERSION:
            raise cursor.fail(f"metadata version {version}, expected {LINKING_VERSION}")
        subsections = self.subsections = Subsections(self.data)
        met: set[int] = set()
        while cursor.pos < cursor.end:
            start = cursor.pos
            kind = cursor.byte()
            begin = cursor.skip(cursor.uleb())
            if kind in READ_SUBSECTIONS and kind in met:
                # LLVM takes the last one, or reads on where the first ended: no compiler writes such a thing.
                raise cursor.fail(f"a second subsection of type {kind}")
            met.add(kind)
            subsections.begins.append(start)
            part = Cursor(self.data, begin, cursor.pos, cursor.context)
            if kind == SEGMENT_INFO:
                self._read_segment_info(part)
            elif kind == SYMBOL_TABLE:
                self._read_symbols(part, fields)
            elif kind == COMDAT_INFO:
                self._read_comdats(part)

    def _read_segment_info(self, cursor: Cursor) -> None:
        count = cursor.count()
        segments = self._segments
        if count > len(segments):
            raise cursor.fail("more segment names than segments")
        data, end, pos, add = self.data, cursor.end, cursor.pos, segments.infos.append
        segments.infos_end = end
        for index in range(count):
            add(pos)
            # As LLVM writes most: three numbers of one byte.
            if pos < end and data[pos] < 0x80 and pos + data[pos] + 3 <= end:
                stop = pos + 1 + data[pos]
                if data[stop] <= MAX_P2ALIGN and data[stop + 1] < 0x80:
                    pos = stop + 2
                    continue
            segments.has_long_numbers = True
            cursor.pos = pos
            cursor.name()
            p2align = cursor.u32()
            cursor.u32()
            pos = cursor.pos
            if p2align > MAX_P2ALIGN:
                raise cursor.fail(f"segment {index}: alignment 2**{p2align}")
        cursor.pos = pos
        cursor.finish()

    def _read_symbols(self, cursor: Cursor, fields: dict[int, ImportNames]) -> None:
        """Reading symbols is most of what reading an object takes.

        Entries whose numbers take one byte or two, which are nearly all, are passed over right here, in a fourth of the time that
        `_symbol` takes for them; whatever else there is, or is wrong, it finds again.
        """
        symbols = self._symbols
        symbols.end = cursor.end
        data, add, add_owner = self.data, symbols.begins.append, symbols.owners.append
        begins, ends, segment_count = self._segments.begins, self._segments.ends, len(self._segments)
        count = cursor.count()
        pos, end, last = cursor.pos, cursor.end, len(data) - 1
        for index in range(count):
            begin = pos
            # `more` has the top bit of every second byte.  An entry's fixed bytes are ten at most, so only its name can go past the data.
            if pos + 10 < last:
                kind = data[pos]
                flags = data[pos + 1]
                pos += 2
                more = 0
                if flags >= 0x80:
                    more = data[pos]
                    flags += (more << 7) - 0x80
                    pos += 1
                if kind != SYMBOL_DATA:
                    element = data[pos]
                    pos += 1
                    if element >= 0x80:
                        more |= data[pos]
                        element += (data[pos] << 7) - 0x80
                        pos += 1
                    if kind in _NAMED_KINDS and more < 0x80:
                        if flags & _NAMED_ELSEWHERE == UNDEFINED:
                            if pos <= end and element < len(fields[kind]):
                                add(begin)
                                add_owner(-1)
                                continue
                        else:
                            size = data[pos]
                            pos += 1
                            if size >= 0x80:
                                more = data[pos]
                                size += (more << 7) - 0x80
                                pos += 1
                            pos += size
                            if pos <= end and more < 0x80:
                                add(begin)
                                add_owner(-1)
                                continue
                else:
                    size = data[pos]
                    pos += 1
                    if size >= 0x80:
                        more |= data[pos]
                        size += (data[pos] << 7) - 0x80
                        pos += 1
                    pos += size
                    if flags & UNDEFINED:
                        if pos <= end and more < 0x80:
                            add(begin)
                            add_owner(-1)
                            continue
                    elif pos + 6 <= last:
                        element = data[pos]
                        offset = data[pos + 1]
                        size = data[pos + 2]
                        if (element | offset | size) < 0x80:
                            pos += 3
                        else:
                            pos += 1
                            if element >= 0x80:
                                more |= data[pos]
                                element += (data[pos] << 7) - 0x80
                                pos += 1
                            offset = data[pos]
                            pos += 1
                            if offset >= 0x80:
                                more |= data[pos]
                                offset += (data[pos] << 7) - 0x80
                                pos += 1
                            size = data[pos]
                            pos += 1
                            if size >= 0x80:
                                more |= data[pos]
                                pos += 1
                        is_inside = element < segment_count and offset <= ends[element] - begins[element]
                        if pos <= end and more < 0x80 and not flags & ABSOLUTE and is_inside:
                            add(begin)
                            add_owner(element)
                            continue
            cursor.pos = begin
            add(begin)
            add_owner(self._symbol(cursor, index, fields).segment)
            pos = cursor.pos
        cursor.pos = pos
        cursor.finish()

    def _symbol(self, cursor: Cursor, index: int, fields: dict[int, ImportNames]) -> Symbol:
        kind = cursor.byte()
        flags = cursor.u32()
        if kind == SYMBOL_DATA:
            return self._data_symbol(cursor, index, flags)
        if kind > SYMBOL_TABLE_KIND:
            raise cursor.fail(f"symbol {index}: unknown kind {kind}")
        symbol = Symbol(index, kind, flags, b"", cursor.u32())
        if kind == SYMBOL_SECTION:
            if symbol.element >= len(self.sections):
                raise cursor.fail(f"symbol {index}: no section {symbol.element}")
        elif symbol.has_own_name:
            symbol.name = cursor.name()
        elif symbol.element >= len(fields[kind]):
            raise cursor.fail(f"an undefined symbol refers to import {symbol.element}")
        else:
            symbol.name = fields[kind][symbol.element]
        return symbol

    def _data_symbol(self, cursor: Cursor, index: int, flags: int) -> Symbol:
        name = cursor.name()
        if flags & UNDEFINED:
            return Symbol(index, SYMBOL_DATA, flags, name, -1)
        segment = cursor.u32()
        offset = cursor.uleb()
        size = cursor.uleb()
        if flags & ABSOLUTE:
            return Symbol(index, SYMBOL_DATA, flags, name, -1, offset, size)
        if segment >= len(self.segments) or offset > self.segments[segment].size:
            raise cursor.fail(f"symbol {printable(name)}: not inside a segment")
        return Symbol(index, SYMBOL_DATA, flags, name, segment, offset, size)

    def _read_comdats(self, cursor: Cursor) -> None:
        comdats = self.comdats = Comdats(self.data)
        for _ in range(cursor.count()):
            comdats.begins.append(cursor.pos)
            cursor.name()
            cursor.u32()
            for _ in range(cursor.count()):
                cursor.u32()
                cursor.u32()
        cursor.finish()


def read_relocations(cursor: Cursor) -> Relocations:
    """What follows the target's index in a `reloc.*` section."""
    data, end = cursor.data, cursor.end
    found = Relocations(data)
    add = found.begins.append
    before = 0
    for _ in range(cursor.count()):
        pos = cursor.pos
        add(pos)
        # As most are: the offset and the index in one byte or two, and an addend that is 0, or none.
        if pos + 6 <= end and data[pos] < 0x80:
            kind = data[pos]
            offset = data[pos + 1]
            more = 0
            at = pos + 2
            if offset >= 0x80:
                more = data[at]
                offset += (more << 7) - 0x80
                at += 1
            if data[at] >= 0x80:
                at += 1
                more |= data[at]
            at += 1
            if more < 0x80 and offset >= before and (kind not in RELOCATIONS_WITH_ADDEND or (at < end and data[at] == 0)):
                before = offset
                cursor.pos = at + (kind in RELOCATIONS_WITH_ADDEND)
                continue
        kind = cursor.u32()
        offset = cursor.u32()
        cursor.u32()
        if kind in RELOCATIONS_WITH_ADDEND:
            cursor.sleb()
        if offset < before:
            raise cursor.fail("relocations that are not in the order of their offsets")
        before = offset
    cursor.finish()
    return found


def read_sections(data: bytes, path: str) -> Sections:
    """The sections of a module, in order.  Raises `MalformedObject`."""
    if data[:8] != MODULE_HEADER:
        raise MalformedObject(f"{path}: not a wasm module of version 1")
    cursor = Cursor(data, 8, len(data), path)
    found = Sections(data)
    add_id, add_start, add_content, add_width = found.ids.append, found.starts.append, found.contents.append, found.widths.append
    end, last = 8, len(data)
    while end < last:
        start = end
        ident = data[start]
        # As LLVM writes it: the size over five bytes.
        head = data[start + 1 : start + 6]
        if len(head) == 5 and head[0] & head[1] & head[2] & head[3] >= 0x80 and head[4] < 0x10:
            width = 5
            content = start + 6
            size = head[0] & 0x7F | (head[1] & 0x7F) << 7 | (head[2] & 0x7F) << 14 | (head[3] & 0x7F) << 21 | head[4] << 28
            cursor.pos = content
        else:
            cursor.pos = start + 1
            size = cursor.u32()
            content = cursor.pos
            width = content - start - 1
        end = content + size
        if end > last:
            cursor.skip(size)  # fails, and says why
        if ident == SEC_CUSTOM:
            if content < end and data[content] < 0x80 and content + data[content] < end:
                content += 1 + data[content]
            else:
                inner = Cursor(data, content, end, f"{path}: section {len(found)}")
                inner.name()
                content = inner.pos
        add_id(ident)
        add_start(start)
        add_content(content)
        add_width(width)
    add_start(end)
    return found


def segment_range(cursor: Cursor) -> tuple[int, int]:
    """Where the bytes of the segment at the cursor begin and end."""
    flags = cursor.u32()
    if flags & SEGMENT_HAS_MEMINDEX:
        cursor.u32()
    if not flags & SEGMENT_IS_PASSIVE:
        _constant_expression(cursor)
    return cursor.skip(cursor.uleb()), cursor.pos


def _limits(cursor: Cursor) -> int:
    flags = cursor.u32()
    cursor.uleb()
    if flags & LIMITS_HAS_MAX:
        cursor.uleb()
    if flags & LIMITS_HAS_PAGE_SIZE:
        cursor.u32()
    return flags


def _constant_expression(cursor: Cursor) -> None:
    """Pass over the place of an active segment.

    Objects have one constant (LLVM writes `i32.const N` or `i64.const N`) or, in position-independent modules, `global.get`;
    each is an opcode with one number behind it.
    """
    opcode = cursor.byte()
    if opcode not in (0x23, 0x41, 0x42):  # global.get, i32.const, i64.const
        raise cursor.fail(f"opcode {opcode:#x} in a segment's offset")
    cursor.sleb()
    if cursor.byte() != OPCODE_END:
        raise cursor.fail("a segment's offset is not one constant")
