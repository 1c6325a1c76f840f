"""Editing an object: a list of changes, applied once.

The changes are few and chosen so that little moves: segments are renamed, their alignment and flags set, symbols' flags
changed, segments and symbols *appended* (every index that exists keeps its meaning), custom sections emptied instead of removed
(under a name that the linker leaves out, so that no section changes its number).  All but the appended segments lies in the
`linking` section, which only relocation sections follow, and those do not depend on where they stand.  Where the new `linking`
section would be shorter, a subsection of a type that nobody knows fills it up, so that the file keeps its size.

Source for what LLVM takes: `llvm/lib/Object/WasmObjectFile.cpp`,
https://github.com/llvm/llvm-project/blob/main/llvm/lib/Object/WasmObjectFile.cpp
"""

from __future__ import annotations

from ldshim.wasm import writer
from ldshim.wasm.cursor import Cursor
from ldshim.wasm.format import (
    BINDING_WEAK,
    COMDAT_INFO,
    COMDAT_SECTION,
    LINKING_VERSION,
    SEC_CUSTOM,
    SEC_DATA,
    SEC_DATACOUNT,
    SEGMENT_INFO,
    SYMBOL_DATA,
    SYMBOL_SECTION,
    SYMBOL_TABLE,
    UNDEFINED,
)
from ldshim.wasm.leb128 import unsigned
from ldshim.wasm.reader import read_relocations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ldshim.wasm.entries import Relocation, Section, Subsection, Symbol
    from ldshim.wasm.reader import ObjectFile

# A subsection type that the tool-conventions do not use; LLVM passes over unknown ones.
PADDING = 0x7F
# lld copies even an empty custom section into its output, but not one of this name (it belongs to -fembed-bitcode):
# https://github.com/llvm/llvm-project/blob/main/lld/wasm/Writer.cpp, calculateCustomSections
IGNORED_SECTION = b".llvmcmd"


class NewSegment:
    """A segment to append; `relocations` count from its own first byte."""

    __slots__ = ("comdat", "content", "flags", "name", "p2align", "relocations")

    def __init__(
        self, name: bytes, p2align: int, content: bytes, relocations: list[Relocation], comdat: int | None = None
    ) -> None:
        self.name = name
        self.p2align = p2align
        self.flags = 0
        self.content = content
        self.relocations = relocations
        self.comdat = comdat


class NewSymbol:
    """A data symbol to append."""

    __slots__ = ("flags", "name", "offset", "segment", "size")

    def __init__(self, name: bytes, flags: int, segment: int, offset: int, size: int) -> None:
        self.name = name
        self.flags = flags
        self.segment = segment
        self.offset = offset
        self.size = size


class Edit:
    """The changes to one object; indexes are the object's own, appended things follow them in order."""

    __slots__ = (
        "emptied_sections",
        "left_comdats",
        "new_segments",
        "new_symbols",
        "segment_info",
        "symbol_flags",
        "undefined_symbols",
    )

    def __init__(self) -> None:
        self.segment_info: dict[int, tuple[bytes, int, int]] = {}  # segment -> (name, p2align, flags)
        self.symbol_flags: dict[int, int] = {}  # symbol -> flags
        self.undefined_symbols: set[int] = set()  # data symbols whose definition is given up
        self.left_comdats: set[tuple[int, int]] = set()  # (kind, index) of what leaves its group
        self.emptied_sections: set[int] = set()  # custom sections, with their relocations
        self.new_segments: list[NewSegment] = []
        self.new_symbols: list[NewSymbol] = []

    def __bool__(self) -> bool:
        return bool(
            self.segment_info
            or self.symbol_flags
            or self.undefined_symbols
            or self.left_comdats
            or self.emptied_sections
            or self.new_segments
            or self.new_symbols
        )


def apply(obj: ObjectFile, edit: Edit) -> list[bytes]:
    """The edited object, as pieces to be written one after the other.

    `obj` is relocatable, and was read without an error.
    """
    return _Editor(obj, edit).pieces()


class _Editor:
    __slots__ = ("data", "edit", "last_data_relocations", "new_data_section", "obj", "subsections")

    def __init__(self, obj: ObjectFile, edit: Edit) -> None:
        self.obj = obj
        self.edit = edit
        self.subsections = list(obj.subsections)
        # An object without data gets its section immediately before `linking`: nothing before it changes its number.
        self.data = obj.section(SEC_DATA)
        self.new_data_section = bool(edit.new_segments) and self.data is None
        self.last_data_relocations = -1  # the last section of relocations of data
        if self.data is not None and edit.new_segments:
            for section, _ in obj.relocation_sections(self.data.index):
                self.last_data_relocations = section.index

    def pieces(self) -> list[bytes]:
        obj = self.obj
        out: list[bytes] = []
        kept_from = 0
        for section in self._touched():
            new = self._changed(section)
            if new is None:
                continue
            if kept_from < section.start:
                out.append(obj.data[kept_from : section.start])
            out.append(new)
            kept_from = section.end
        out.append(obj.data[kept_from:])
        # At the end, a section changes no other's number.
        out.append(self._first_data_relocations())
        return out

    def _touched(self) -> Iterable[Section]:
        """The sections that may change: most edits leave all as they are but `linking`."""
        if self.edit.new_segments or self.edit.emptied_sections or self.obj.linking is None:
            return self.obj.sections
        return (self.obj.linking,)

    def _changed(self, section: Section) -> bytes | None:
        """The new bytes of a section, None if it stays as it is."""
        edit = self.edit
        if section.id == SEC_DATACOUNT and edit.new_segments:
            return writer.section(SEC_DATACOUNT, unsigned(len(self.obj.segments) + len(edit.new_segments)))
        if section.id == SEC_DATA and edit.new_segments:
            return self._data_section(section)
        if self.obj.linking is not None and section.index == self.obj.linking.index:
            return self._new_data() + self._linking(section)
        if section.index in edit.emptied_sections:
            return writer.custom_section(IGNORED_SECTION, b"")
        if section.id == 0 and section.name.startswith(b"reloc."):
            return self._relocation_section(section)
        return None

    # Data.

    def _count_encoding(self) -> tuple[bytes, int]:
        """The number of segments, and by how much its encoding is longer than it was."""
        total = len(self.obj.segments) + len(self.edit.new_segments)
        if self.data is None:
            return unsigned(total), 0
        cursor = self.obj.cursor(self.data)
        start = cursor.pos
        cursor.uleb()
        width = cursor.pos - start
        encoded = unsigned(total, width)
        return encoded, len(encoded) - width

    def _appended_segments(self) -> bytes:
        return b"".join(writer.segment(new.content, is_64=self.obj.is_64) for new in self.edit.new_segments)

    def _data_section(self, section: Section) -> bytes:
        count, growth = self._count_encoding()
        old = self.obj.data[section.content + len(count) - growth : section.end]
        return writer.section(SEC_DATA, count + old + self._appended_segments())

    def _new_data(self) -> bytes:
        """The data section of an object that had none."""
        if not self.new_data_section:
            return b""
        count, _ = self._count_encoding()
        return writer.section(SEC_DATA, count + self._appended_segments())

    def _new_relocations(self) -> list[bytes]:
        """The appended segments' relocations, encoded, counted from the content of the new data section."""
        if not self.edit.new_segments:
            return []
        section = self.data
        count, growth = self._count_encoding()
        position = len(count) if section is None else section.end - section.content + growth
        found: list[bytes] = []
        for new in self.edit.new_segments:
            position += len(writer.segment(new.content, is_64=self.obj.is_64))
            begin = position - len(new.content)
            found += [writer.relocation(entry, begin) for entry in sorted(new.relocations, key=lambda r: r.offset)]
        return found

    # Relocations.

    def _moved(self, index: int) -> int:
        """The number that section `index` will have."""
        linking = self.obj.linking
        return index + 1 if self.new_data_section and linking is not None and index >= linking.index else index

    def _relocation_section(self, section: Section) -> bytes | None:
        cursor = self.obj.cursor(section)
        target = cursor.u32()
        title = section.name[len(b"reloc.") :]
        if target in self.edit.emptied_sections:
            return writer.relocation_section(title, self._moved(target), [])
        if self.data is not None and target == self.data.index and self.edit.new_segments:
            return self._data_relocations(section, cursor, title, target)
        if self._moved(target) == target:
            return None
        return writer.relocation_section(title, self._moved(target), read_relocations(cursor))

    def _data_relocations(self, section: Section, cursor: Cursor, title: bytes, target: int) -> bytes | None:
        """The old relocations of the data section, moved if its count grew; the new ones follow in the last such section."""
        _, growth = self._count_encoding()
        added = self._new_relocations() if section.index == self.last_data_relocations else []
        if not growth and not added:
            return None
        if growth:
            entries = read_relocations(cursor)
            number = len(entries)
            old = b"".join(writer.relocation(entry, growth) for entry in entries)
        else:
            number = cursor.count()
            old = self.obj.data[cursor.pos : cursor.end]
        total = unsigned(number + len(added))
        body = unsigned(target) + total + old + b"".join(added)
        return writer.custom_section(b"reloc." + title, body)

    def _first_data_relocations(self) -> bytes:
        """A section for the new relocations of data, if there is none that they could be added to."""
        linking = self.obj.linking
        added = [] if self.last_data_relocations >= 0 else self._new_relocations()
        if not added or linking is None:
            return b""
        # The data section of an object that had none takes the place of `linking`.
        target = (self.data or linking).index
        return writer.custom_section(b"reloc.DATA", unsigned(target) + writer.vector(added))

    # Linking.

    def _linking(self, section: Section) -> bytes:
        parts = self._linking_parts()
        size = section.end - section.content
        payload = _linking_payload(parts)
        if size - len(payload) == 1:
            # One byte is too little for a subsection of its own.  A longer encoding takes it up, or a shorter one makes it two.
            kind, content, width = parts[0]
            width = max(width, len(unsigned(len(content))))
            parts[0] = (kind, content, width + 1 if width < writer.SIZE_WIDTH else width - 1)
            payload = _linking_payload(parts)
        if size - len(payload) > 1:
            payload += _padding(size - len(payload))
        title = self.obj.data[section.start + 1 + section.size_width : section.content]
        return bytes((SEC_CUSTOM,)) + unsigned(len(title) + len(payload), section.size_width) + title + payload

    def _linking_parts(self) -> list[tuple[int, bytes, int]]:
        """The subsections, (type, payload, width of the size): rewritten ones in the place of the old, or at the end."""
        edit = self.edit
        rewritten: dict[int, bytes] = {}
        if edit.segment_info or edit.new_segments:
            rewritten[SEGMENT_INFO] = self._segment_info()
        if edit.symbol_flags or edit.undefined_symbols or edit.new_symbols or self.new_data_section:
            rewritten[SYMBOL_TABLE] = self._symbol_table()
        if self._changes_comdats():
            rewritten[COMDAT_INFO] = self._comdat_info()
        parts = []
        for part in self.subsections:
            if part.type in rewritten:
                parts.append((part.type, rewritten.pop(part.type), part.size_width))
            elif part.type != PADDING:
                parts.append((part.type, self.obj.data[part.begin : part.end], part.size_width))
        return parts + [(kind, payload, writer.SIZE_WIDTH) for kind, payload in rewritten.items()]

    def _segment_info(self) -> bytes:
        segments = self.obj.segments
        encoded: dict[tuple[bytes, int, int], bytes] = {}  # most are alike
        changed = []
        for index, info in sorted(self.edit.segment_info.items()):
            new = encoded.get(info)
            if new is None:
                new = encoded[info] = writer.segment_info(*info)
            changed.append((*self.obj.segment_info(index), new))
        added = [writer.segment_info(new.name, new.p2align, new.flags) for new in self.edit.new_segments]
        # Segments behind those that the subsection has names for have the empty name: so LLVM reads it.
        part = self._subsection(SEGMENT_INFO)
        unnamed = len(segments) > 0 and self.obj.segment_info(len(segments) - 1) == (0, 0)
        if part is None or any(begin == end for begin, end, _ in changed) or (added and unnamed):
            infos = [self.edit.segment_info.get(s.index, (s.name, s.p2align, s.flags)) for s in segments]
            return writer.vector([writer.segment_info(*info) for info in infos] + added)
        return self._table(part, changed, added)

    def _symbol_table(self) -> bytes:
        edit, symbols = self.edit, self.obj.symbols
        added = [writer.data_symbol(new.name, new.flags, new.segment, new.offset, new.size) for new in edit.new_symbols]
        part = self._subsection(SYMBOL_TABLE)
        if part is None:
            return writer.vector(added)
        if self.new_data_section:
            return writer.vector([self._symbol(symbol) for symbol in symbols] + added)
        data = self.obj.data
        encoded: dict[tuple[int, int], bytes] = {}
        changed = []
        for index in sorted(edit.symbol_flags.keys() | edit.undefined_symbols):
            begin = self.obj.symbol_begin(index)
            if index in edit.undefined_symbols:
                end = self.obj.symbol_begin(index + 1) if index + 1 < len(symbols) else part.end
                changed.append((begin, end, self._symbol(symbols[index])))
                continue
            # The flags alone, behind the byte of the kind, over as many bytes as before.
            begin += 1
            end = begin + 1
            while data[end - 1] >= 0x80:
                end += 1
            key = edit.symbol_flags[index], end - begin
            new = encoded.get(key)
            if new is None:
                new = encoded[key] = unsigned(*key)
            changed.append((begin, end, new))
        return self._table(part, changed, added)

    def _subsection(self, kind: int) -> Subsection | None:
        for part in self.subsections:
            if part.type == kind:
                return part
        return None

    def _table(self, part: Subsection, changed: list[tuple[int, int, bytes]], added: list[bytes]) -> bytes:
        """A vector with some of its bytes replaced, (begin, end, new) in order, and with entries added."""
        data = self.obj.data
        cursor = Cursor(data, part.begin, part.end, "")
        count = cursor.uleb()
        pieces = [unsigned(count + len(added), cursor.pos - part.begin)]
        kept = cursor.pos
        for begin, end, new in changed:
            pieces.append(data[kept:begin])
            pieces.append(new)
            kept = end
        pieces.append(data[kept : part.end])
        pieces.extend(added)
        return b"".join(pieces)

    def _symbol(self, symbol: Symbol) -> bytes:
        flags = self.edit.symbol_flags.get(symbol.index, symbol.flags)
        if symbol.kind == SYMBOL_DATA:
            if symbol.index in self.edit.undefined_symbols:
                return writer.undefined_data_symbol(symbol.name, flags & ~BINDING_WEAK | UNDEFINED)
            if symbol.is_undefined:
                return writer.undefined_data_symbol(symbol.name, flags)
            return writer.data_symbol(symbol.name, flags, max(symbol.element, 0), symbol.offset, symbol.size)
        element = self._moved(symbol.element) if symbol.kind == SYMBOL_SECTION else symbol.element
        encoded = bytes((symbol.kind,)) + unsigned(flags) + unsigned(element)
        return encoded + writer.name(symbol.name) if symbol.has_own_name else encoded

    def _changes_comdats(self) -> bool:
        joins = any(new.comdat is not None for new in self.edit.new_segments)
        return len(self.obj.comdats) > 0 and (joins or bool(self.edit.left_comdats) or self.new_data_section)

    def _comdat_info(self) -> bytes:
        first_new = len(self.obj.segments)
        groups = []
        for comdat in self.obj.comdats:
            entries = [
                unsigned(kind) + unsigned(self._moved(index) if kind == COMDAT_SECTION else index)
                for kind, index in comdat.entries
                if (kind, index) not in self.edit.left_comdats
            ]
            entries.extend(
                unsigned(0) + unsigned(first_new + i)
                for i, new in enumerate(self.edit.new_segments)
                if new.comdat == comdat.index
            )
            groups.append(writer.name(comdat.name) + unsigned(comdat.flags) + writer.vector(entries))
        return writer.vector(groups)


def _linking_payload(parts: list[tuple[int, bytes, int]]) -> bytes:
    return unsigned(LINKING_VERSION) + b"".join(writer.subsection(*part) for part in parts)


def _padding(size: int) -> bytes:
    """A subsection of `size` bytes in all; `size` is 2 or more."""
    width = min(writer.SIZE_WIDTH, size - 1)
    return writer.subsection(PADDING, bytes(size - 1 - width), width)
