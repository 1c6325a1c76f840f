"""Reading a relocatable wasm object.

An object is the magic number, a version, and a row of sections: id, size, payload.  Sections with an id have fixed contents
and order (types, imports, functions, code, data); sections of id 0 are *custom*: a name, then bytes for whoever knows the name.
What makes a module an *object*, something that a linker can take apart, are custom sections too:

- `linking` holds the symbol table, the names, alignments and flags of the data segments, and the COMDAT groups;
- `reloc.NAME` lists the places in another section where the linker has to write an address or an index.

`ObjectFile` reads headers at once and the rest when asked, and checks what it reads: every error is a `MalformedObject` that names
the file, the section and the offset.  Contents are never copied: they are ranges of `data`.
"""

from __future__ import annotations

from ldshim.errors import LinkError, printable
from ldshim.wasm.format import (
    ABSOLUTE,
    BINDING_LOCAL,
    BINDING_WEAK,
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
    MAGIC,
    MODULE_HEADER,
    OPCODE_END,
    OPCODE_I32_CONST,
    OPCODE_I64_CONST,
    RELOCATION_NAMES,
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
from ldshim.wasm.leb128 import MAX_BYTES

READ_SUBSECTIONS = (SEGMENT_INFO, SYMBOL_TABLE, COMDAT_INFO)
_CONSTANTS = (OPCODE_I32_CONST, OPCODE_I64_CONST)
# Functions, globals, tags and tables.  An undefined one may have its name with the import only.
_NAMED_KINDS = (SYMBOL_FUNCTION, SYMBOL_GLOBAL, SYMBOL_TAG, SYMBOL_TABLE_KIND)
_NAMED_ELSEWHERE = UNDEFINED | EXPLICIT_NAME

U32_MAX = 0xFFFFFFFF
U64_MAX = 0xFFFFFFFFFFFFFFFF


class MalformedObject(LinkError):  # noqa: N818 - named for what it says of the file
    """The bytes are not a well-formed object."""


def is_wasm(data: bytes | memoryview) -> bool:
    """Whether `data` begins as a wasm module does."""
    return bytes(data[:4]) == MAGIC


class Cursor:
    """A position in the bytes of one section; never reads past `end`.

    Most numbers in an object take one byte, and reading numbers is most of what reading an object takes: that case comes first, without
    another call.
    """

    __slots__ = ("context", "data", "end", "pos")

    def __init__(self, data: bytes, pos: int, end: int, context: str) -> None:
        self.data = data
        self.pos = pos
        self.end = end
        self.context = context

    def fail(self, what: str) -> MalformedObject:
        return MalformedObject(f"{self.context}: {what} at offset {self.pos:#x}")

    def byte(self) -> int:
        if self.pos >= self.end:
            raise self.fail("unexpected end")
        value = self.data[self.pos]
        self.pos += 1
        return value

    def u32(self) -> int:
        pos = self.pos
        if pos < self.end and self.data[pos] < 0x80:
            self.pos = pos + 1
            return self.data[pos]
        value = self.uleb()
        if value > U32_MAX:
            raise self.fail("number out of range")
        return value

    def uleb(self) -> int:
        data, pos, end = self.data, self.pos, self.end
        if pos < end and data[pos] < 0x80:
            self.pos = pos + 1
            return data[pos]
        value = shift = 0
        while pos < end:
            byte = data[pos]
            pos += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > U64_MAX:
                    raise self.fail("number out of range")
                self.pos = pos
                return value
            shift += 7
            if shift >= 7 * MAX_BYTES:
                break
        raise self.fail("malformed number")

    def sleb(self) -> int:
        pos = self.pos
        if pos < self.end and self.data[pos] < 0x80:
            self.pos = pos + 1
            return self.data[pos] - 0x80 if self.data[pos] & 0x40 else self.data[pos]
        value = shift = 0
        while shift < 7 * MAX_BYTES:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if byte & 0x40 else value
        raise self.fail("malformed number")

    def count(self) -> int:
        """A count of things that take a byte each at least: a hostile one fails here, before anything is allocated for it."""
        value = self.uleb()
        if value > self.end - self.pos:
            raise self.fail(f"a count of {value} does not fit")
        return value

    def skip(self, size: int) -> int:
        """Pass over `size` bytes; returns where they begin."""
        begin = self.pos
        if size > self.end - begin:
            raise self.fail(f"{size} bytes do not fit")
        self.pos = begin + size
        return begin

    def name(self) -> bytes:
        pos = self.pos
        if pos < self.end and self.data[pos] < 0x80:
            begin = pos + 1
            stop = begin + self.data[pos]
            if stop <= self.end:
                self.pos = stop
                return self.data[begin:stop]
        begin = self.skip(self.uleb())
        return self.data[begin : self.pos]

    def finish(self) -> None:
        if self.pos != self.end:
            raise self.fail("unexpected bytes")


class Section:
    """One section: `start` is where its id stands, `content` where relocation offsets count from, `end` where it ends.

    Its size is written over `size_width` bytes.
    """

    __slots__ = ("content", "end", "id", "index", "name", "size_width", "start")

    def __init__(self, index: int, ident: int, name: bytes, start: int, size_width: int, content: int, end: int) -> None:
        self.index = index
        self.id = ident
        self.name = name
        self.start = start
        self.size_width = size_width
        self.content = content
        self.end = end


class Segment:
    """One data segment: its bytes are `data[begin:end]`; name, alignment (log 2) and flags come from SEGMENT_INFO.

    Its entry there is `data[info_begin:info_end]`.
    """

    __slots__ = ("begin", "end", "flags", "index", "info_begin", "info_end", "name", "p2align")

    def __init__(self, index: int, begin: int, end: int) -> None:
        self.index = index
        self.begin = begin
        self.end = end
        self.name = b""
        self.p2align = 0
        self.flags = 0
        self.info_begin = 0
        self.info_end = 0

    @property
    def size(self) -> int:
        return self.end - self.begin


class Symbol:
    """One entry of the symbol table.

    `element` is the function, global, tag, table, section or segment index; `offset` and `size` are those of data symbols.
    An undefined data symbol and an absolute one have no segment: `element` is -1.  `begin` is where the entry stands in the file.
    """

    __slots__ = ("begin", "element", "flags", "index", "kind", "name", "offset", "size")

    def __init__(
        self, index: int, kind: int, flags: int, name: bytes, element: int, offset: int = 0, size: int = 0, begin: int = -1
    ) -> None:
        self.begin = begin
        self.index = index
        self.kind = kind
        self.flags = flags
        self.name = name
        self.element = element
        self.offset = offset
        self.size = size

    @property
    def is_undefined(self) -> bool:
        return bool(self.flags & UNDEFINED)

    @property
    def is_local(self) -> bool:
        return bool(self.flags & BINDING_LOCAL)

    @property
    def is_weak(self) -> bool:
        return bool(self.flags & BINDING_WEAK)

    @property
    def has_own_name(self) -> bool:
        """Whether the symbol table spells the name; an import's name may stand with the import only."""
        if self.kind == SYMBOL_SECTION:
            return False
        return self.kind == SYMBOL_DATA or not self.is_undefined or bool(self.flags & EXPLICIT_NAME)


class Comdat:
    """One COMDAT group: of all objects that have one of this name, the linker keeps the first one's entries only."""

    __slots__ = ("entries", "flags", "index", "name")

    def __init__(self, index: int, name: bytes, flags: int, entries: list[tuple[int, int]]) -> None:
        self.index = index
        self.name = name
        self.flags = flags
        self.entries = entries  # (kind, index)


class Relocation:
    """One place to be filled in: `offset` counts from the content of its section, `index` names a symbol (or a type)."""

    __slots__ = ("addend", "index", "offset", "type")

    def __init__(self, type_: int, offset: int, index: int, addend: int = 0) -> None:
        self.type = type_
        self.offset = offset
        self.index = index
        self.addend = addend

    @property
    def type_name(self) -> str:
        return "R_WASM_" + RELOCATION_NAMES[self.type] if self.type < len(RELOCATION_NAMES) else f"type {self.type}"


class Subsection:
    """One part of the `linking` section: `data[begin:end]` is its payload, whose size is written over `size_width` bytes."""

    __slots__ = ("begin", "end", "size_width", "type")

    def __init__(self, type_: int, size_width: int, begin: int, end: int) -> None:
        self.type = type_
        self.size_width = size_width
        self.begin = begin
        self.end = end


class ObjectFile:
    """A relocatable object; `path` is what messages call it.

    Raises `MalformedObject` as soon as something that is read does not hold together.
    """

    __slots__ = (
        "_comdats",
        "_relocation_sections",
        "_relocations",
        "_symbols_by_segment",
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
        self.segments: list[Segment] = []
        self.symbols: list[Symbol] = []
        self.comdats: list[Comdat] = []
        self.subsections: list[Subsection] = []
        # Looked up once for each contribution, and of both there can be thousands: made when they are first asked for.
        self._symbols_by_segment: dict[int, list[Symbol]] | None = None
        self._comdats: dict[tuple[int, int], Comdat] | None = None
        self._relocation_sections: dict[int, list[tuple[Section, int]]] | None = None
        self._relocations: dict[int, list[Relocation]] = {}
        if self.linking is None:
            return
        import_names = self._read_imports()
        self._read_segments()
        self._read_linking(self.linking, import_names)

    @property
    def is_relocatable(self) -> bool:
        """Whether this is an object at all: a linked module or a shared library has no `linking` section."""
        return self.linking is not None

    def section(self, ident: int) -> Section | None:
        """The section of that id, if there is one."""
        for section in self.sections:
            if section.id == ident:
                return section
        return None

    def custom_sections(self, name: bytes) -> list[Section]:
        return [section for section in self.sections if section.id == SEC_CUSTOM and section.name == name]

    def relocation_sections(self, target: int) -> list[tuple[Section, Cursor]]:
        """The `reloc.*` sections for section number `target`, each with a cursor at its count.

        The name behind `reloc.` says nothing: the index in the payload is what counts.
        """
        if self._relocation_sections is None:
            sections: dict[int, list[tuple[Section, int]]] = {}
            for section in self.sections:
                if section.id == SEC_CUSTOM and section.name.startswith(b"reloc."):
                    cursor = self.cursor(section)
                    sections.setdefault(cursor.u32(), []).append((section, cursor.pos))
            self._relocation_sections = sections
        found = []
        for section, position in self._relocation_sections.get(target, ()):
            cursor = self.cursor(section)
            cursor.pos = position
            found.append((section, cursor))
        return found

    def relocations(self, target: int) -> list[Relocation]:
        """The relocations of section number `target`, by offset."""
        found = self._relocations.get(target)
        if found is None:
            found = []
            for _, cursor in self.relocation_sections(target):
                found.extend(read_relocations(cursor))
            # The sections must be sorted each; several sections for one target need not follow each other.
            found.sort(key=_offset_of)
            self._relocations[target] = found
        return found

    def comdat_of(self, kind: int, index: int) -> Comdat | None:
        """The group that the segment, function or section belongs to."""
        if self._comdats is None:
            self._comdats = {}
            for comdat in self.comdats:
                for entry in comdat.entries:
                    self._comdats.setdefault(entry, comdat)
        return self._comdats.get((kind, index))

    def symbols_of_segment(self, segment: int) -> list[Symbol]:
        """The data symbols defined in segment number `segment`."""
        if self._symbols_by_segment is None:
            self._symbols_by_segment = {}
            for symbol in self.symbols:
                if symbol.kind == SYMBOL_DATA and symbol.element >= 0:
                    self._symbols_by_segment.setdefault(symbol.element, []).append(symbol)
        return self._symbols_by_segment.get(segment, [])

    def cursor(self, section: Section) -> Cursor:
        """A cursor at the content of a section."""
        name = printable(section.name) if section.id == SEC_CUSTOM else f"#{section.id}"
        return Cursor(self.data, section.content, section.end, f"{self.path}: section {name}")

    def _the_only(self, name: bytes) -> Section | None:
        found = self.custom_sections(name)
        if len(found) > 1:
            raise MalformedObject(f"{self.path}: more than one {name.decode()} section")
        return found[0] if found else None

    def _read_imports(self) -> dict[int, list[bytes]]:
        """The fields of the imports by kind, since undefined symbols may take their names from them."""
        names: dict[int, list[bytes]] = {kind: [] for kind in range(5)}
        section = self.section(SEC_IMPORT)
        if section is None:
            return names
        cursor = self.cursor(section)
        for _ in range(cursor.count()):
            cursor.name()
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
            names[kind].append(field)
        cursor.finish()
        return names

    def _read_segments(self) -> None:
        section = self.section(SEC_DATA)
        if section is None:
            return
        cursor = self.cursor(section)
        data, end, add = self.data, cursor.end, self.segments.append
        count = cursor.count()
        pos = cursor.pos
        for index in range(count):
            # As LLVM writes most: active, at a constant of one byte or two, and less than 128 bytes of content.
            if pos + 6 < end and data[pos] == 0 and data[pos + 1] in _CONSTANTS:
                begin = pos + 3 if data[pos + 2] < 0x80 else pos + 4
                if data[begin - 1] < 0x80 and data[begin] == OPCODE_END and data[begin + 1] < 0x80:
                    begin += 2
                    if begin + data[begin - 1] <= end:
                        pos = begin + data[begin - 1]
                        add(Segment(index, begin, pos))
                        continue
            cursor.pos = pos
            add(_segment(cursor, index))
            pos = cursor.pos
        cursor.pos = pos
        cursor.finish()

    def _read_linking(self, section: Section, import_names: dict[int, list[bytes]]) -> None:
        cursor = self.cursor(section)
        version = cursor.u32()
        if version != LINKING_VERSION:
            raise cursor.fail(f"metadata version {version}, expected {LINKING_VERSION}")
        while cursor.pos < cursor.end:
            kind = cursor.byte()
            start = cursor.pos
            size = cursor.uleb()
            width = cursor.pos - start
            begin = cursor.skip(size)
            if kind in READ_SUBSECTIONS and any(part.type == kind for part in self.subsections):
                # LLVM takes the last one, or reads on where the first ended: no compiler writes such a thing.
                raise cursor.fail(f"a second subsection of type {kind}")
            self.subsections.append(Subsection(kind, width, begin, cursor.pos))
            part = Cursor(self.data, begin, cursor.pos, cursor.context)
            if kind == SEGMENT_INFO:
                self._read_segment_info(part)
            elif kind == SYMBOL_TABLE:
                self._read_symbols(part, import_names)
            elif kind == COMDAT_INFO:
                self._read_comdats(part)

    def _read_segment_info(self, cursor: Cursor) -> None:
        count = cursor.count()
        if count > len(self.segments):
            raise cursor.fail("more segment names than segments")
        data, end, pos = self.data, cursor.end, cursor.pos
        for segment in self.segments[:count]:
            segment.info_begin = pos
            # As LLVM writes most: three numbers of one byte.
            if pos < end and data[pos] < 0x80 and pos + data[pos] + 3 <= end:
                stop = pos + 1 + data[pos]
                p2align = data[stop]
                flags = data[stop + 1]
                if p2align <= 31 and flags < 0x80:
                    segment.name = data[pos + 1 : stop]
                    segment.p2align = p2align
                    segment.flags = flags
                    segment.info_end = pos = stop + 2
                    continue
            cursor.pos = pos
            segment.name = cursor.name()
            segment.p2align = cursor.u32()
            segment.flags = cursor.u32()
            segment.info_end = pos = cursor.pos
            if segment.p2align > 31:
                raise cursor.fail(f"segment {segment.index}: alignment 2**{segment.p2align}")
        cursor.pos = pos
        cursor.finish()

    def _read_symbols(self, cursor: Cursor, import_names: dict[int, list[bytes]]) -> None:
        """Reading symbols is most of what reading an object takes.

        Entries whose numbers take one byte or two, which are nearly all, are read right here, in a fourth of the time that `_symbol`
        takes for them; whatever else there is, or is wrong, it finds again.
        """
        data, segments, add = self.data, self.segments, self.symbols.append
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
                element = -1
                if kind != SYMBOL_DATA:
                    element = data[pos]
                    pos += 1
                    if element >= 0x80:
                        more |= data[pos]
                        element += (data[pos] << 7) - 0x80
                        pos += 1
                if kind == SYMBOL_DATA or (kind in _NAMED_KINDS and flags & _NAMED_ELSEWHERE != UNDEFINED):
                    size = data[pos]
                    pos += 1
                    if size >= 0x80:
                        more |= data[pos]
                        size += (data[pos] << 7) - 0x80
                        pos += 1
                    name = data[pos : pos + size]
                    pos += size
                    if kind != SYMBOL_DATA or flags & UNDEFINED:
                        if pos <= end and more < 0x80:
                            add(Symbol(index, kind, flags, name, element, 0, 0, begin))
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
                                size += (data[pos] << 7) - 0x80
                                pos += 1
                        if pos <= end and more < 0x80 and not flags & ABSOLUTE and element < len(segments):
                            segment = segments[element]
                            if offset <= segment.end - segment.begin:
                                add(Symbol(index, SYMBOL_DATA, flags, name, element, offset, size, begin))
                                continue
            cursor.pos = begin
            add(self._symbol(cursor, index, import_names))
            pos = cursor.pos
        cursor.pos = pos
        cursor.finish()

    def _symbol(self, cursor: Cursor, index: int, import_names: dict[int, list[bytes]]) -> Symbol:
        begin = cursor.pos
        kind = cursor.byte()
        flags = cursor.u32()
        if kind == SYMBOL_DATA:
            return self._data_symbol(cursor, index, flags, begin)
        if kind > SYMBOL_TABLE_KIND:
            raise cursor.fail(f"symbol {index}: unknown kind {kind}")
        symbol = Symbol(index, kind, flags, b"", cursor.u32(), 0, 0, begin)
        if kind == SYMBOL_SECTION:
            if symbol.element >= len(self.sections):
                raise cursor.fail(f"symbol {index}: no section {symbol.element}")
        elif symbol.has_own_name:
            symbol.name = cursor.name()
        else:
            symbol.name = _import_name(cursor, import_names, kind, symbol.element)
        return symbol

    def _data_symbol(self, cursor: Cursor, index: int, flags: int, begin: int) -> Symbol:
        name = cursor.name()
        if flags & UNDEFINED:
            return Symbol(index, SYMBOL_DATA, flags, name, -1, 0, 0, begin)
        segment = cursor.u32()
        offset = cursor.uleb()
        size = cursor.uleb()
        if flags & ABSOLUTE:
            return Symbol(index, SYMBOL_DATA, flags, name, -1, offset, size, begin)
        if segment >= len(self.segments) or offset > self.segments[segment].size:
            raise cursor.fail(f"symbol {printable(name)}: not inside a segment")
        return Symbol(index, SYMBOL_DATA, flags, name, segment, offset, size, begin)

    def _read_comdats(self, cursor: Cursor) -> None:
        for index in range(cursor.count()):
            name = cursor.name()
            flags = cursor.u32()
            entries = [(cursor.u32(), cursor.u32()) for _ in range(cursor.count())]
            self.comdats.append(Comdat(index, name, flags, entries))
        cursor.finish()


def read_relocations(cursor: Cursor) -> list[Relocation]:
    """What follows the target's index in a `reloc.*` section."""
    found = []
    data, end = cursor.data, cursor.end
    count = cursor.count()
    pos = cursor.pos
    for _ in range(count):
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
            index = data[at]
            at += 1
            if index >= 0x80:
                more |= data[at]
                index += (data[at] << 7) - 0x80
                at += 1
            if more < 0x80 and (kind not in RELOCATIONS_WITH_ADDEND or (at < end and data[at] == 0)):
                found.append(Relocation(kind, offset, index))
                pos = at + (kind in RELOCATIONS_WITH_ADDEND)
                continue
        cursor.pos = pos
        kind = cursor.u32()
        offset = cursor.u32()
        index = cursor.u32()
        addend = cursor.sleb() if kind in RELOCATIONS_WITH_ADDEND else 0
        found.append(Relocation(kind, offset, index, addend))
        pos = cursor.pos
    cursor.pos = pos
    cursor.finish()
    return found


def _offset_of(relocation: Relocation) -> int:
    return relocation.offset


def read_sections(data: bytes, path: str) -> list[Section]:
    """The sections of a module, in order.  Raises `MalformedObject`."""
    if data[:8] != MODULE_HEADER:
        raise MalformedObject(f"{path}: not a wasm module of version 1")
    cursor = Cursor(data, 8, len(data), path)
    found: list[Section] = []
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
        name = b""
        if ident == SEC_CUSTOM and content < end and data[content] < 0x80 and content + data[content] < end:
            name = data[content + 1 : content + 1 + data[content]]
            content += 1 + len(name)
        elif ident == SEC_CUSTOM:
            inner = Cursor(data, content, end, f"{path}: section {len(found)}")
            name = inner.name()
            content = inner.pos
        found.append(Section(len(found), ident, name, start, width, content, end))
    return found


def _segment(cursor: Cursor, index: int) -> Segment:
    flags = cursor.u32()
    if flags & SEGMENT_HAS_MEMINDEX:
        cursor.u32()
    if not flags & SEGMENT_IS_PASSIVE:
        _constant_expression(cursor)
    begin = cursor.skip(cursor.uleb())
    return Segment(index, begin, cursor.pos)


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


def _import_name(cursor: Cursor, names: dict[int, list[bytes]], kind: int, element: int) -> bytes:
    # Symbol kinds and import kinds number functions, globals, tags and tables differently.
    fields = names[{0: 0, 2: 3, 4: 4, 5: 1}[kind]]
    if element >= len(fields):
        raise cursor.fail(f"an undefined symbol refers to import {element}")
    return fields[element]
