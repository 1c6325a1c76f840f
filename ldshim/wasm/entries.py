"""The tables of an object, and their entries.

An object has thousands of entries, and a link looks at few of them.  So a table keeps where its entries begin, four bytes for each, and
makes an entry when somebody asks: an object takes a few times its size in memory, whatever is in it.  Who asks twice gets two of
them, so it is `index` that says whether two are the same.

All that is decoded here has been checked by the reader, and lies in the file as it was.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right

from ldshim.wasm.format import (
    ABSOLUTE,
    BINDING_LOCAL,
    BINDING_WEAK,
    EXPLICIT_NAME,
    RELOCATION_NAMES,
    RELOCATIONS_WITH_ADDEND,
    SEC_CUSTOM,
    SYMBOL_DATA,
    SYMBOL_SECTION,
    U32_MAX,
    UNDEFINED,
)
from ldshim.wasm.leb128 import unsigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Protocol, TypeVar

    T_co = TypeVar("T_co", covariant=True)

    class Rows(Protocol[T_co]):
        """A table: made entry by entry, or a list."""

        def __len__(self) -> int: ...
        def __getitem__(self, index: int, /) -> T_co: ...
        def __iter__(self) -> Iterator[T_co]: ...


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
    """One data segment: its bytes are `data[begin:end]`; name, alignment (log 2) and flags come from SEGMENT_INFO."""

    __slots__ = ("begin", "end", "flags", "index", "name", "p2align")

    def __init__(self, index: int, begin: int, end: int) -> None:
        self.index = index
        self.begin = begin
        self.end = end
        self.name = b""
        self.p2align = 0
        self.flags = 0

    @property
    def size(self) -> int:
        return self.end - self.begin


class Symbol:
    """One entry of the symbol table.

    `element` is the function, global, tag, table, section or segment index; `offset` and `size` are those of data symbols.
    An undefined data symbol and an absolute one have no segment: `element` is -1.
    """

    __slots__ = ("element", "flags", "index", "kind", "name", "offset", "size")

    def __init__(self, index: int, kind: int, flags: int, name: bytes, element: int, offset: int = 0, size: int = 0) -> None:
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
    def segment(self) -> int:
        """The segment that a data symbol is defined in, -1 for every other symbol."""
        return self.element if self.kind == SYMBOL_DATA else -1

    @property
    def has_own_name(self) -> bool:
        """Whether the symbol table spells the name; an import's name may stand with the import only."""
        if self.kind == SYMBOL_SECTION:
            return False
        return self.kind == SYMBOL_DATA or not self.is_undefined or bool(self.flags & EXPLICIT_NAME)


class Comdat:
    """One COMDAT group: of all objects that have one of this name, the linker keeps the first one's entries only."""

    __slots__ = ("entries", "flags", "index", "name")

    def __init__(self, index: int, name: bytes, flags: int, entries: Iterable[tuple[int, int]]) -> None:
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


# The tables.


def positions(data: bytes) -> array[int]:
    """An empty column of positions in `data`."""
    return array("I" if len(data) <= U32_MAX else "Q")


def numbers(value: int = 0, count: int = 0) -> array[int]:
    """A column of so many numbers of 63 bits with a sign, all of this value."""
    return array("q", (value,)) * count


class Sections:
    """The sections: their ids, their starts, and the end of the last, where their contents begin, and the widths of their sizes."""

    __slots__ = ("contents", "data", "ids", "starts", "widths")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.starts = positions(data)
        self.contents = positions(data)
        self.ids = bytearray()
        self.widths = bytearray()

    def __len__(self) -> int:
        return len(self.contents)

    def __getitem__(self, index: int) -> Section:
        ident = self.ids[index]
        name = self._name(index) if ident == SEC_CUSTOM else b""
        return Section(index, ident, name, self.starts[index], self.widths[index], self.contents[index], self.starts[index + 1])

    def __iter__(self) -> Iterator[Section]:
        return map(self.__getitem__, range(len(self.contents)))

    def custom_names(self) -> Iterator[tuple[int, bytes]]:
        """Index and name of each custom section."""
        return ((index, self._name(index)) for index, ident in enumerate(self.ids) if ident == SEC_CUSTOM)

    def _name(self, index: int) -> bytes:
        begin = self.starts[index] + 1 + self.widths[index]
        if self.data[begin] < 0x80:
            return self.data[begin + 1 : self.contents[index]]
        return _name(self.data, begin)[0]


class _Table:
    """Where the entries of a table begin."""

    __slots__ = ("begins", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.begins = positions(data)

    def __len__(self) -> int:
        return len(self.begins)


class Segments:
    """The data segments: where their bytes begin and end, and where the entries with their names do, if they have any."""

    __slots__ = ("begins", "data", "ends", "has_long_numbers", "infos", "infos_end")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.begins = positions(data)
        self.ends = positions(data)
        self.infos = positions(data)
        self.infos_end = 0
        self.has_long_numbers = False  # some number in SEGMENT_INFO takes more than one byte

    def __len__(self) -> int:
        return len(self.begins)

    def __getitem__(self, index: int) -> Segment:
        segment = Segment(index, self.begins[index], self.ends[index])
        if index < len(self.infos):
            data, begin = self.data, self.infos[index]
            stop = begin + 1 + data[begin]
            if self.has_long_numbers:
                segment.name, stop = _name(data, begin)
                segment.p2align, stop = _number(data, stop)
                segment.flags, stop = _number(data, stop)
            else:
                segment.name = data[begin + 1 : stop]
                segment.p2align = data[stop]
                segment.flags = data[stop + 1]
        return segment

    def __iter__(self) -> Iterator[Segment]:
        return map(self.__getitem__, range(len(self.begins)))

    def rows_named(self, names: Iterable[bytes]) -> Sequence[int]:
        """The rows with one of these names, and maybe others, in order."""
        if self.has_long_numbers:
            return range(len(self.infos))
        return _rows_with(self.data, self.infos, [unsigned(len(name)) + name for name in names], self.infos_end)

    def info(self, index: int) -> tuple[int, int]:
        """Where the entry of a segment's name begins and ends; both 0 if it has none."""
        if index >= len(self.infos):
            return 0, 0
        return self.infos[index], self.infos[index + 1] if index + 1 < len(self.infos) else self.infos_end


class Symbols(_Table):
    """The symbol table, with the segment that each symbol is in (-1 for none).

    `fields` are the names of the imports, by the kind of their symbols.
    """

    __slots__ = ("end", "fields", "owners")

    def __init__(self, data: bytes, fields: dict[int, ImportNames]) -> None:
        super().__init__(data)
        self.fields = fields
        self.owners = array("i")
        self.end = 0

    def __getitem__(self, index: int) -> Symbol:
        data, begin = self.data, self.begins[index]
        kind, flags, pos = data[begin], data[begin + 1], begin + 2
        if flags >= 0x80:
            flags, pos = _number(data, begin + 1)
        element = -1
        if kind != SYMBOL_DATA:
            element, pos = _number(data, pos)
            if kind == SYMBOL_SECTION:
                return Symbol(index, kind, flags, b"", element)
            if flags & (UNDEFINED | EXPLICIT_NAME) == UNDEFINED:
                return Symbol(index, kind, flags, self.fields[kind][element], element)
        size = data[pos]
        pos += 1
        if size >= 0x80:
            size, pos = _number(data, pos - 1)
        name = data[pos : pos + size]
        if kind != SYMBOL_DATA or flags & UNDEFINED:
            return Symbol(index, kind, flags, name, element)
        pos += size
        element, offset, size = data[pos], data[pos + 1], data[pos + 2]
        if (element | offset | size) >= 0x80:
            element, pos = _number(data, pos)
            offset, pos = _number(data, pos)
            size, pos = _number(data, pos)
        return Symbol(index, kind, flags, name, -1 if flags & ABSOLUTE else element, offset, size)

    def __iter__(self) -> Iterator[Symbol]:
        return map(self.__getitem__, range(len(self.begins)))

    def rows_of_kind(self, kind: int) -> list[int]:
        data = self.data
        return [row for row, begin in enumerate(self.begins) if data[begin] == kind]

    def rows_with(self, needles: Iterable[bytes]) -> list[int]:
        """The rows in which one of `needles` occurs, in order; a name that stands with an import only does not."""
        return _rows_with(self.data, self.begins, needles, self.end)


class ImportNames(_Table):
    """The fields of the imports of one kind."""

    __slots__ = ()

    def __getitem__(self, index: int) -> bytes:
        return _name(self.data, self.begins[index])[0]


class Relocations(_Table):
    """The relocations of one section, in the order of their offsets."""

    __slots__ = ()

    def __getitem__(self, index: int) -> Relocation:
        data, begin = self.data, self.begins[index]
        kind, offset, pos = data[begin], data[begin + 1], begin + 2
        if kind >= 0x80 or offset >= 0x80:
            kind, pos = _number(data, begin)
            offset, pos = _number(data, pos)
        symbol = data[pos]
        pos += 1
        if symbol >= 0x80:
            symbol, pos = _number(data, pos - 1)
        if kind not in RELOCATIONS_WITH_ADDEND:
            return Relocation(kind, offset, symbol)
        return Relocation(kind, offset, symbol, _signed(data, pos) if data[pos] else 0)

    def __iter__(self) -> Iterator[Relocation]:
        return map(self.__getitem__, range(len(self.begins)))

    def sort(self) -> None:
        """Put them into the order of their offsets."""
        if any(self._offset(a) > self._offset(b) for a, b in zip(self.begins, self.begins[1:], strict=False)):
            self.begins[:] = type(self.begins)(self.begins.typecode, sorted(self.begins, key=self._offset))

    def _offset(self, begin: int) -> int:
        return _number(self.data, _number(self.data, begin)[1])[0]


class Comdats(_Table):
    """The COMDAT groups."""

    __slots__ = ()

    def __getitem__(self, index: int) -> Comdat:
        name, pos = _name(self.data, self.begins[index])
        flags, pos = _number(self.data, pos)
        count, pos = _number(self.data, pos)
        return Comdat(index, name, flags, ComdatEntries(self.data, pos, count))

    def __iter__(self) -> Iterator[Comdat]:
        return map(self.__getitem__, range(len(self.begins)))


class ComdatEntries:
    """Kind and index of what is in a group."""

    __slots__ = ("_begin", "_count", "_data")

    def __init__(self, data: bytes, begin: int, count: int) -> None:
        self._data = data
        self._begin = begin
        self._count = count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        pos = self._begin
        for _ in range(self._count):
            kind, pos = _number(self._data, pos)
            index, pos = _number(self._data, pos)
            yield kind, index


class Subsections(_Table):
    """The parts of the `linking` section."""

    __slots__ = ()

    def __getitem__(self, index: int) -> Subsection:
        begin = self.begins[index]
        size, pos = _number(self.data, begin + 1)
        return Subsection(self.data[begin], pos - begin - 1, pos, pos + size)

    def __iter__(self) -> Iterator[Subsection]:
        return map(self.__getitem__, range(len(self.begins)))


class RowsOf:
    """Which rows belong to which owner: the first one of each, and the next one behind each row, -1 for none.

    A dictionary of lists would be twenty times as large.
    """

    __slots__ = ("_first", "_next")

    def __init__(self, owners: Sequence[int], count: int) -> None:
        self._first = first = array("i", (-1,)) * count
        self._next = array("i", (-1,)) * len(owners)
        for row in range(len(owners) - 1, -1, -1):
            owner = owners[row]
            if 0 <= owner < count:
                self._next[row] = first[owner]
                first[owner] = row

    def __call__(self, owner: int) -> list[int]:
        """The rows of `owner`, in order."""
        rows = []
        row = self._first[owner] if 0 <= owner < len(self._first) else -1
        while row >= 0:
            rows.append(row)
            row = self._next[row]
        return rows


def _rows_with(data: bytes, begins: array[int], needles: Iterable[bytes], end: int) -> list[int]:
    """The rows of a table, which ends at `end`, in whose bytes one of `needles` occurs."""
    rows = set()
    count = len(begins)
    for needle in needles:
        position = data.find(needle, begins[0], end) if count else -1
        while position >= 0:
            row = bisect_right(begins, position)
            rows.add(row - 1)
            if row == count:
                break
            position = data.find(needle, begins[row], end)
    return sorted(rows)


# The numbers and names in them.


def _number(data: bytes, pos: int) -> tuple[int, int]:
    """An unsigned number, and where it ends."""
    byte = data[pos]
    pos += 1
    if byte < 0x80:
        return byte, pos
    value = byte & 0x7F
    shift = 7
    while byte >= 0x80:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        shift += 7
    return value, pos


def _signed(data: bytes, pos: int) -> int:
    value, end = _number(data, pos)
    return value - (1 << 7 * (end - pos)) if data[end - 1] & 0x40 else value


def _name(data: bytes, pos: int) -> tuple[bytes, int]:
    size, pos = _number(data, pos)
    return data[pos : pos + size], pos + size
