"""The reader of objects without its quick paths: one entry after the other, each through the cursor."""

from __future__ import annotations

from typing import Any

from ldshim.wasm import reader
from ldshim.wasm.format import RELOCATIONS_WITH_ADDEND, SEC_DATA
from ldshim.wasm.reader import Cursor, ObjectFile, Relocation


class CarefulObject(ObjectFile):
    """What `ObjectFile` reads, the slow way."""

    __slots__ = ()

    def _read_segments(self) -> None:
        section = self.section(SEC_DATA)
        if section is not None:
            cursor = self.cursor(section)
            for index in range(cursor.count()):
                self.segments.append(reader._segment(cursor, index))
            cursor.finish()

    def _read_segment_info(self, cursor: Cursor) -> None:
        count = cursor.count()
        if count > len(self.segments):
            raise cursor.fail("more segment names than segments")
        for segment in self.segments[:count]:
            segment.info_begin = cursor.pos
            segment.name = cursor.name()
            segment.p2align = cursor.u32()
            segment.flags = cursor.u32()
            segment.info_end = cursor.pos
            if segment.p2align > 31:
                raise cursor.fail(f"segment {segment.index}: alignment 2**{segment.p2align}")
        cursor.finish()

    def _read_symbols(self, cursor: Cursor, import_names: dict[int, list[bytes]]) -> None:
        for index in range(cursor.count()):
            self.symbols.append(self._symbol(cursor, index, import_names))
        cursor.finish()


def careful_relocations(cursor: Cursor) -> list[Relocation]:
    found = []
    for _ in range(cursor.count()):
        kind, offset, index = cursor.u32(), cursor.u32(), cursor.u32()
        found.append(Relocation(kind, offset, index, cursor.sleb() if kind in RELOCATIONS_WITH_ADDEND else 0))
    cursor.finish()
    return found


def view(obj: ObjectFile) -> dict[str, Any]:
    """All that an object says, as plain values."""
    lists = {name: getattr(obj, name) for name in ("sections", "segments", "symbols", "comdats", "subsections")}
    return {
        "is_64": obj.is_64,
        "imported_tables": obj.imported_tables,
        **{name: [[getattr(item, field) for field in type(item).__slots__] for item in items] for name, items in lists.items()},
    }
