"""The reader of objects without its quick paths: one entry after the other, each through the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ldshim.wasm.entries import Relocation, Segment
from ldshim.wasm.format import RELOCATIONS_WITH_ADDEND, SEC_DATA
from ldshim.wasm.reader import ObjectFile, segment_range

if TYPE_CHECKING:
    from ldshim.wasm.cursor import Cursor
    from ldshim.wasm.entries import ImportNames


class CarefulObject(ObjectFile):
    """What `ObjectFile` reads, the slow way."""

    __slots__ = ()

    def _read_segments(self) -> None:
        section = self.section(SEC_DATA)
        if section is not None:
            cursor = self.cursor(section)
            self.segments = [Segment(index, *segment_range(cursor)) for index in range(cursor.count())]
            cursor.finish()

    def _read_segment_info(self, cursor: Cursor) -> None:
        count = cursor.count()
        if count > len(self.segments):
            raise cursor.fail("more segment names than segments")
        for _, segment in zip(range(count), self.segments, strict=False):
            segment.name = cursor.name()
            segment.p2align = cursor.u32()
            segment.flags = cursor.u32()
            if segment.p2align > 31:
                raise cursor.fail(f"segment {segment.index}: alignment 2**{segment.p2align}")
        cursor.finish()

    def _read_symbols(self, cursor: Cursor, fields: dict[int, ImportNames]) -> None:
        self.symbols = [self._symbol(cursor, index, fields) for index in range(cursor.count())]
        cursor.finish()

    def _owners(self) -> list[int]:
        return [symbol.segment for symbol in self.symbols]


def careful_relocations(cursor: Cursor) -> list[Relocation]:
    found = []
    for _ in range(cursor.count()):
        kind, offset, index = cursor.u32(), cursor.u32(), cursor.u32()
        found.append(Relocation(kind, offset, index, cursor.sleb() if kind in RELOCATIONS_WITH_ADDEND else 0))
        if len(found) > 1 and offset < found[-2].offset:
            raise cursor.fail("relocations that are not in the order of their offsets")
    cursor.finish()
    return found


def view(obj: ObjectFile) -> dict[str, Any]:
    """All that an object says, as plain values."""
    lists = {name: getattr(obj, name) for name in ("sections", "segments", "symbols", "comdats", "subsections")}
    return {
        "is_64": obj.is_64,
        "imported_tables": obj.imported_tables,
        **{name: [[_plain(getattr(item, field)) for field in type(item).__slots__] for item in items] for name, items in lists.items()},
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | bytes) else list(value)
