"""Where in an object names stand: a small part of it, and all that has to be searched for one.

Symbols and data segments have theirs in the `linking` section, functions that are only imported in the import section, and a custom
section's own stands at its beginning.
"""

from __future__ import annotations

from ldshim.wasm.format import SEC_CUSTOM, SEC_IMPORT, SEGMENT_INFO
from ldshim.wasm.leb128 import MAX_BYTES
from ldshim.wasm.reader import Cursor, read_sections

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

_HEADER_SIZE = 8
_LINKING = b"\x07linking"
# A section's id, its size, and the longest name that is asked for.
_HEAD_SIZE = 1 + MAX_BYTES + len(_LINKING)


def name_ranges(data: bytes | mmap.mmap, begin: int, end: int) -> list[tuple[int, int]]:
    """The ranges of `data` that hold the names of the object in `data[begin:end]`; all of it where its sections cannot be followed."""
    ranges = []
    position = begin + _HEADER_SIZE
    try:
        while position < end:
            # One access for all that is looked at: `data` may be a mapping, and this is most of the time that a new archive takes.
            head = data[position : position + _HEAD_SIZE]
            size = head[1] & 0x7F
            width = 1
            while head[width] >= 0x80:
                width += 1
                size |= (head[width] & 0x7F) << 7 * (width - 1)
            width += 1
            position += width
            stop = position + size
            if stop > end:
                return [(begin, end)]
            if head[0] == SEC_CUSTOM and size:
                length = head[width]
                if length >= 0x80 or head.startswith(_LINKING, width):
                    ranges.append((position, stop))
                else:
                    named = position + 1 + length
                    ranges.append((position, min(stop, named)))
            elif head[0] == SEC_IMPORT:
                ranges.append((position, stop))
            position = stop
    except IndexError:
        return [(begin, end)]
    return ranges


def section_names(data: bytes, path: str) -> Iterator[bytes]:
    """The names of an object's custom sections and data segments.  Raises `MalformedObject`."""
    for section in read_sections(data, path):
        if section.id != SEC_CUSTOM:
            continue
        yield section.name
        if section.name == b"linking":
            cursor = Cursor(data, section.content, section.end, path)
            cursor.u32()
            while cursor.pos < cursor.end:
                kind = cursor.byte()
                begin = cursor.skip(cursor.uleb())
                if kind == SEGMENT_INFO:
                    yield from _segment_names(Cursor(data, begin, cursor.pos, path))


def _segment_names(cursor: Cursor) -> Iterator[bytes]:
    for _ in range(cursor.count()):
        yield cursor.name()
        cursor.u32()
        cursor.u32()
