"""What has to be in the module: the elements of the user's files, read again, without a shortcut, and without what the link itself read.

Only two things are taken from elsewhere: which files the command line names, and the objects that the real linker made of bitcode.
"""

from __future__ import annotations

import bisect
import os
import re

from ldshim import archive
from ldshim.bitcode import FUNCTION, MAGIC, WRAPPER_MAGIC
from ldshim.bitcode import module as bitcode
from ldshim.bitcode.bitstream import MalformedBitcode
from ldshim.errors import LinkError, printable
from ldshim.wasm.entries import Relocation, Segment
from ldshim.wasm.format import (
    COMDAT_DATA,
    COMDAT_SECTION,
    NO_STRIP,
    RELOCATIONS_WITH_ADDEND,
    SEC_CODE,
    SEC_CUSTOM,
    SEC_DATA,
    SEG_FLAG_RETAIN,
    SYMBOL_DATA,
)
from ldshim.wasm.reader import ObjectFile, segment_range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ldshim.command import Command, Input
    from ldshim.wasm.cursor import Cursor
    from ldshim.wasm.entries import ImportNames, Symbol

SEGMENT, MARKER, CUSTOM, BITCODE = "segment", "marker", "custom section", "bitcode"
_NEEDLES = (b"__ldshim", b"__start_", b"__stop_")
_C_IDENTIFIER = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_PREFIX = b"__ldshim$"
_HEADER = 60  # of a member of an archive


class CarefulObject(ObjectFile):
    """An object, read one entry after the other, without the quick paths of `ObjectFile`."""

    __slots__ = ("_data_offsets", "_data_relocations")

    def __init__(self, data: bytes, path: str) -> None:
        self._data_relocations: list[Relocation] | None = None
        self._data_offsets: list[int] = []
        super().__init__(data, path)

    def _read_segments(self) -> None:
        section = self.section(SEC_DATA)
        if section is not None:
            cursor = self.cursor(section)
            self.segments = [Segment(index, *segment_range(cursor)) for index in range(cursor.count())]
            cursor.finish()

    def _read_segment_info(self, cursor: Cursor) -> None:
        for _, segment in zip(range(cursor.count()), self.segments, strict=False):
            segment.name, segment.p2align, segment.flags = cursor.name(), cursor.u32(), cursor.u32()

    def _read_symbols(self, cursor: Cursor, fields: dict[int, ImportNames]) -> None:
        self.symbols = [self._symbol(cursor, index, fields) for index in range(cursor.count())]
        cursor.finish()

    def _owners(self) -> list[int]:
        return [symbol.segment for symbol in self.symbols]

    def relocations(self, target: int) -> list[Relocation]:
        found = []
        for _, cursor in self.relocation_sections(target):
            for _ in range(cursor.count()):
                kind, offset, index = cursor.u32(), cursor.u32(), cursor.u32()
                found.append(Relocation(kind, offset, index, cursor.sleb() if kind in RELOCATIONS_WITH_ADDEND else 0))
        return sorted(found, key=lambda relocation: relocation.offset)

    def relocations_of_segment(self, index: int) -> list[Relocation]:
        """The relocations of a data segment; offsets count from its first byte."""
        data = self.section(SEC_DATA)
        if data is None:
            return []
        if self._data_relocations is None:
            self._data_relocations = self.relocations(data.index)
            self._data_offsets = [relocation.offset for relocation in self._data_relocations]
        segment = self.segments[index]
        begin, end = segment.begin - data.content, segment.end - data.content
        first, last = (bisect.bisect_left(self._data_offsets, place) for place in (begin, end))
        return [Relocation(r.type, r.offset - begin, r.index, r.addend) for r in self._data_relocations[first:last]]


class Source:
    """One object or bitcode file of the link.  `name` is what lld's map calls it, `order` its place in the link."""

    __slots__ = ("data", "is_certain", "name", "object", "order", "sizes")

    def __init__(self, name: str, data: bytes, order: tuple[int, int], *, is_certain: bool) -> None:
        self.name = os.fsencode(name)
        self.data = data
        self.order = order
        self.is_certain = is_certain  # lld loads it, whatever the symbols are
        self.object: CarefulObject | None = None
        self.sizes: dict[bytes, int] = {}  # of the variables of bitcode

    @property
    def is_bitcode(self) -> bool:
        return self.data[:4] in (MAGIC, WRAPPER_MAGIC)

    def open(self) -> CarefulObject:
        if self.object is None:
            self.object = CarefulObject(self.data, os.fsdecode(self.name))
        return self.object

    def __str__(self) -> str:
        return printable(self.name)


class Element:
    """A segment, or a custom section, that is an element of a section, or several in a row.  That of bitcode has no bytes yet."""

    __slots__ = (
        "content",
        "copies",
        "index",
        "is_used",
        "is_weak",
        "key",
        "kind",
        "p2align",
        "relocations",
        "section",
        "source",
        "symbols",
    )

    def __init__(self, kind: str, section: bytes, key: bytes, source: Source, index: int) -> None:
        self.kind = kind
        self.section = section
        self.key = key
        self.source = source
        self.index = index
        self.content = b""
        self.relocations: list[Relocation] = []
        self.symbols: list[tuple[bytes, int, int]] = []  # name, offset, size
        self.p2align: int | None = None
        self.is_used = True
        self.is_weak = False
        self.copies: set[tuple[str, bytes]] = set()  # what it has in common with its copies

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def is_compilers(self) -> bool:
        """Whether the compiler itself put it into the section, aligned as it likes."""
        return self.kind == SEGMENT or (self.kind == BITCODE and not self.is_used)

    @property
    def order(self) -> tuple[tuple[int, int], bool, int]:
        return self.source.order, self.kind == CUSTOM, self.index

    def __str__(self) -> str:
        what = printable(self.symbols[0][0]) if self.symbols else f"the {self.kind} {printable(self.section)}"
        return f"{what}, in {self.source},"


class Opened:
    """What is known of the bitcode files, by path and place in the archive.

    `lowered` are the objects that the real linker made of some, `sizes` those of the others' variables, as LLVM computes them.
    """

    __slots__ = ("lowered", "sizes")

    def __init__(self, lowered: dict[tuple[str, int], bytes], sizes: dict[tuple[str, int], dict[bytes, int]]) -> None:
        self.lowered = lowered
        self.sizes = sizes


class Expected:
    """The wanted sections, and what belongs to each."""

    def __init__(self) -> None:
        self.wanted: dict[bytes, None] = {}
        self.who_wants: dict[bytes, str] = {}
        self.asked: set[bytes] = set()  # sections whose bounds the command line asks for
        self.elements: dict[bytes, list[Element]] = {}
        self.declared: dict[bytes, list[Source]] = {}
        self.own_bounds: set[bytes] = set()
        self.readers: dict[bytes, list[tuple[Source, int]]] = {}  # section -> objects, and their symbols, that refer to a bound of it
        self.bitcode_readers: set[bytes] = set()
        self.markers: set[bytes] = set()
        self.mixed: set[bytes] = set()  # of which some object has a segment and a custom section
        self.sources: list[Source] = []

    def want(self, section: bytes, who: object) -> None:
        self.wanted.setdefault(section)
        self.who_wants.setdefault(section, str(who))

    @property
    def referenced(self) -> set[bytes]:
        return {*self.readers, *self.bitcode_readers, *self.asked}


def read_expected(command: Command, opened: Opened) -> Expected:
    found = Expected()
    for name in [option.name for option in command.exports] + command.required:
        section = bounded(os.fsencode(name))
        if section:
            found.want(section, "the command line")
            found.asked.add(section)
    found.sources = list(_sources(command, opened))
    for source in found.sources:
        if source.is_bitcode:
            _note_bitcode(found, source)
        elif any(needle in source.data for needle in _NEEDLES):
            _note_symbols(found, source)
    if found.wanted:
        names = {*found.wanted, *(name[: -len(b"_ptrs")] for name in found.wanted if name.endswith(b"_ptrs"))} - {b""}
        for source in found.sources:
            if not source.is_bitcode and any(name in source.data for name in names):
                _collect(found, source, names)
            elif source.is_bitcode:
                _collect_bitcode(found, source, names)
    for elements in found.elements.values():
        elements.sort(key=lambda element: (rank(element.key), element.order))
    return found


# The names


def bounded(name: bytes) -> bytes:
    """X for `__start_X` and `__stop_X`, else nothing."""
    for prefix in (b"__start_", b"__stop_"):
        if name.startswith(prefix) and _C_IDENTIFIER.fullmatch(name[len(prefix) :]):
            return name[len(prefix) :]
    return b""


def marked(name: bytes) -> tuple[bytes, bytes] | None:
    """Section and key of a marker symbol."""
    if name.startswith(_PREFIX):
        parts = name.split(b"$", 3)
        if len(parts) == 4 and _C_IDENTIFIER.fullmatch(parts[1]):
            key = parts[2]
            return parts[1], str(int(key)).encode() if key.isdigit() and len(key) <= 1000 else key
        return None
    scheme = next((s for s in ((b"_R", b"8___ldshim"), (b"_ZN", b"8__ldshim")) if name.startswith(s[0]) and s[1] in name), None)
    if scheme is None:
        return None
    rest = name[name.rindex(scheme[1]) + len(scheme[1]) :].partition(b".")[0]
    path = []
    while head := re.match(rb"(?:s[0-9A-Za-z]*_)?(\d+)", rest):
        rest = rest[head.end() :].removeprefix(b"_" if scheme[0] == b"_R" else b"")
        path.append(rest[: int(head[1])])
        rest = rest[int(head[1]) :]
    hashed = scheme[0] == b"_ZN" and len(path) == 3 and re.fullmatch(rb"h[0-9a-f]{16}", path[2]) and rest == b"E"
    is_element = (len(path) == 2 and not rest) or hashed
    return (path[0], b"") if is_element and _C_IDENTIFIER.fullmatch(path[0]) else None


def rank(key: bytes) -> tuple[int, int, bytes]:
    """No key, then numbers by value, then text."""
    if not key:
        return 0, 0, b""
    return (1, int(key), b"") if key.isdigit() and len(key) <= 1000 else (2, 0, key)


# The files


def _sources(command: Command, opened: Opened) -> Iterator[Source]:
    archives: dict[tuple[int, int], list[Input]] = {}
    files: list[tuple[str, bytes, list[Input]]] = []
    for given in command.inputs:
        try:
            with open(given.path, "rb") as file:
                status = os.fstat(file.fileno())
                data = file.read()
        except OSError:
            continue  # lld has said so, or did not need it
        if not archive.is_archive(data):
            files.append((given.path, data, [given]))
        elif (status.st_dev, status.st_ino) in archives:
            archives[status.st_dev, status.st_ino].append(given)
        else:
            inputs = archives[status.st_dev, status.st_ino] = [given]
            files.append((given.path, data, inputs))
    for index, (path, data, inputs) in enumerate(files):
        if archive.is_archive(data):
            yield from _members(path, data, index, opened, is_certain=any(given.whole_archive for given in inputs))
        elif _is_code(data):
            yield _source(path, path, data, (index, 0), opened, is_certain=not inputs[0].in_lib_group)


def _source(path: str, name: str, data: bytes, order: tuple[int, int], opened: Opened, *, is_certain: bool) -> Source:
    place = path, order[1]
    source = Source(name, opened.lowered.get(place, data), order, is_certain=is_certain)
    source.sizes = opened.sizes.get(place, {})
    return source


def _is_code(data: bytes) -> bool:
    return data[:4] in (b"\0asm", MAGIC, WRAPPER_MAGIC)


def _members(path: str, data: bytes, index: int, opened: Opened, *, is_certain: bool) -> Iterator[Source]:
    try:
        known = {member.header: member for member in archive.members(data, path)}
    except archive.MalformedArchive:
        if any(needle in data for needle in _NEEDLES):
            raise
        return  # the linker's to complain about, if it gets there
    is_thin = data[:8] == archive.THIN_MAGIC
    for header in _headers(data) if not is_thin else known:
        begin = header + _HEADER
        content = data[begin : begin + int(data[header + 48 : header + 58])]
        member = known.get(header)
        if member is None:
            if _is_code(content):
                raise LinkError(f"verification: the link has not seen the member at {header:#x} of {printable(path)}")
            continue
        if is_thin:
            with open(archive.thin_member_path(path, member), "rb") as file:
                content = file.read()
        elif data[begin : begin + 4] != data[member.begin : member.begin + 4]:
            content = data[member.begin : member.end]  # behind its name, as BSD's ar has it
        if _is_code(content):
            name = f"{path}({os.fsdecode(member.name)})"
            yield _source(path, name, content, (index, header), opened, is_certain=is_certain)


def _headers(data: bytes) -> Iterator[int]:
    """Where the members begin, by their sizes alone."""
    position = 8
    while position + _HEADER <= len(data):
        yield position
        size = int(data[position + 48 : position + 58])
        position += _HEADER + size + size % 2


# Who wants what


def _note_symbols(found: Expected, source: Source) -> None:
    obj = source.open()
    for symbol in obj.symbols:
        section = bounded(symbol.name)
        if section:
            found.want(section, source)
            if symbol.is_undefined:
                found.readers.setdefault(section, []).append((source, symbol.index))
            elif not symbol.is_local:
                found.own_bounds.add(section)
        elif symbol.kind == SYMBOL_DATA and not symbol.is_undefined:
            mark = marked(symbol.name)
            if mark is not None:
                found.want(mark[0], source)
                found.markers.add(symbol.name)


def _globals(source: Source) -> list[bitcode.Global]:
    try:
        return bitcode.read(bitcode.unwrapped(source.data)).globals
    except MalformedBitcode:
        return []  # it would have been lowered if there were elements in it


def _note_bitcode(found: Expected, source: Source) -> None:
    for known in _globals(source):
        section = bounded(known.name)
        mark = marked(known.name) if known.kind != FUNCTION and not known.is_declaration else None
        if section:
            found.want(section, source)
            if known.is_declaration:
                found.bitcode_readers.add(section)
            elif not known.is_local:
                found.own_bounds.add(section)
        elif mark is not None:
            found.want(mark[0], source)
            found.markers.add(known.name)


# What contributes


def _collect(found: Expected, source: Source, names: set[bytes]) -> None:
    obj = source.open()
    if not obj.is_relocatable:
        return
    with_segment = set()
    for segment in obj.segments:
        marks = [(symbol, mark) for symbol in obj.symbols_of_segment(segment.index) if (mark := marked(symbol.name)) is not None]
        if segment.name in names:
            with_segment.add(segment.name)
        if marks:
            _add_marked(found, source, segment.index, marks)
        elif segment.name in names:
            element = Element(SEGMENT, segment.name, b"", source, segment.index)
            _fill(found, element, obj)
    for section in obj.sections:
        if section.id != SEC_CUSTOM or section.name not in names:
            continue
        if section.name in with_segment:
            found.mixed.add(section.name)
            continue
        element = Element(CUSTOM, section.name, b"", source, section.index)
        element.content = obj.data[section.content : section.end]
        element.relocations = obj.relocations(section.index)
        comdat = obj.comdat_of(COMDAT_SECTION, section.index)
        if comdat is not None:
            element.copies.add(("group", comdat.name))
        _add(found, element)


def _add_marked(found: Expected, source: Source, segment: int, marks: list[tuple[Symbol, tuple[bytes, bytes]]]) -> None:
    section, key = marks[0][1]
    element = Element(MARKER, section, key, source, segment)
    element.copies = {("marker", symbol.name) for symbol, _ in marks if not symbol.is_local}
    element.is_weak = all(symbol.is_weak for symbol, _ in marks)
    _fill(found, element, source.open())
    if element.size:
        source.is_certain = True  # a registration is never lost because nobody refers to its member


def _fill(found: Expected, element: Element, obj: CarefulObject) -> None:
    segment = obj.segments[element.index]
    symbols = obj.symbols_of_segment(element.index)
    element.content = obj.data[segment.begin : segment.end]
    element.relocations = obj.relocations_of_segment(element.index)
    element.symbols = [(symbol.name, symbol.offset, symbol.size) for symbol in symbols]
    element.p2align = segment.p2align
    if element.kind == SEGMENT:
        element.is_used = bool(segment.flags & SEG_FLAG_RETAIN) or any(symbol.flags & NO_STRIP for symbol in symbols)
    comdat = obj.comdat_of(COMDAT_DATA, element.index)
    if comdat is not None:
        element.copies.add(("group", comdat.name))
    _add(found, element)


def _add(found: Expected, element: Element) -> None:
    if element.size:
        found.elements.setdefault(element.section, []).append(element)
    else:
        found.declared.setdefault(element.section, []).append(element.source)


def _collect_bitcode(found: Expected, source: Source, names: set[bytes]) -> None:
    for index, known in enumerate(_globals(source)):
        if known.is_declaration or known.kind == FUNCTION:
            continue
        section, key = marked(known.name) or (known.section, b"")
        if section in names:
            if source.sizes.get(known.name) == 0:
                found.declared.setdefault(section, []).append(source)
                continue
            element = Element(BITCODE, section, key, source, index)
            element.symbols = [(known.name, 0, source.sizes.get(known.name, 0))]
            if not known.is_local:
                element.copies.add(("marker", known.name))
            element.is_used = marked(known.name) is not None
            found.elements.setdefault(section, []).append(element)
            source.is_certain = source.is_certain or element.is_used


def function_at(obj: CarefulObject, offset: int) -> tuple[int, int] | None:
    """The number among the object's own functions, and the first byte of the body, of what is at this offset of the code section."""
    section = obj.section(SEC_CODE)
    if section is None:
        return None
    cursor = obj.cursor(section)
    for index in range(cursor.count()):
        begin = cursor.skip(cursor.uleb())
        if begin - section.content <= offset < cursor.pos - section.content:
            return index, begin - section.content
    return None
