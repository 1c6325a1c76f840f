"""Where in an object names stand: a small part of it, and all that has to be searched for one.

Symbols and data segments have theirs in the `linking` section, functions that are only imported in the import section, and a custom
section's own stands at its beginning.  What is found is put into one text, to be searched at once: most objects hold nothing that anybody
searches for, and walking over their sections is most of what they cost.
"""

from __future__ import annotations

from ldshim.wasm.cursor import Cursor
from ldshim.wasm.format import SEC_CUSTOM, SEC_IMPORT, SEGMENT_INFO, SYMBOL_TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    Data = bytes | mmap.mmap

_HEADER_SIZE = 8
_LINKING = b"\x07linking"
# A section's id, and its size as LLVM writes it, over five bytes.
_SHORT_HEAD = 6
# Any size, and the longest name that is asked for.
_LONG_HEAD = 32
_BETWEEN = b"\0"


def add_symbol_names(text: bytearray, data: Data, begin: int, end: int) -> None:
    """Add the names of symbols of the object in `data[begin:end]` to `text`, with other things; all of it where it cannot be followed.

    What stands behind the `linking` section is not looked at: relocations, above all.
    """
    start = len(text)
    position = begin + _HEADER_SIZE
    try:
        while position < end:
            # What `_section` does, without a call: 200 MB of archives have 28,000 sections to pass over.
            ident, a, b, c, d, e = data[position : position + _SHORT_HEAD]
            if a & b & c & d >= 0x80 > e:
                position += _SHORT_HEAD
                stop = position + (a & 0x7F | (b & 0x7F) << 7 | (c & 0x7F) << 14 | (d & 0x7F) << 21 | e << 28)
            else:
                ident, position, stop = _section(data, position)
            if ident == SEC_CUSTOM:
                if data[position : position + len(_LINKING)] == _LINKING:
                    _add_symbol_tables(text, data, position + len(_LINKING), stop)
                    position = stop
                    break
                if data[position] >= 0x80:  # its name may be spelt in another way
                    text += data[position:stop]
            elif ident == SEC_IMPORT:
                text += data[position:stop]
            position = stop
        is_whole = position <= end
    except (IndexError, ValueError):
        is_whole = False
    if not is_whole:
        text[start:] = data[begin:end]
    text += _BETWEEN


def add_all_names(text: bytearray, data: Data, begin: int, end: int) -> None:
    """Add the names of symbols, segments and custom sections likewise."""
    start = len(text)
    position = begin + _HEADER_SIZE
    try:
        while position < end:
            ident, position, stop = _section(data, position)
            if ident == SEC_CUSTOM and position < stop:
                length = data[position]
                has_all = length >= 0x80 or data[position : position + len(_LINKING)] == _LINKING
                text += data[position : stop if has_all else min(stop, position + 1 + length)]
                text += _BETWEEN
            elif ident == SEC_IMPORT:
                text += data[position:stop]
                text += _BETWEEN
            position = stop
        is_whole = position == end
    except (IndexError, ValueError):
        is_whole = False
    if not is_whole:
        text[start:] = data[begin:end]
    text += _BETWEEN


def _section(data: Data, position: int) -> tuple[int, int, int]:
    """The id of the section there, and where its content begins and ends.  Raises `IndexError` and `ValueError` at the end of `data`."""
    ident, a, b, c, d, e = data[position : position + _SHORT_HEAD]
    if a & b & c & d >= 0x80 > e:
        position += _SHORT_HEAD
        return ident, position, position + (a & 0x7F | (b & 0x7F) << 7 | (c & 0x7F) << 14 | (d & 0x7F) << 21 | e << 28)
    size, width = _number(data[position + 1 : position + _LONG_HEAD])
    position += 1 + width
    return ident, position, position + size


def _add_symbol_tables(text: bytearray, data: Data, position: int, end: int) -> None:
    """Add the symbol tables of a `linking` section, whose version is at `position`."""
    position += _number(data[position : position + _LONG_HEAD])[1]
    while position < end:
        kind = data[position]
        size, width = _number(data[position + 1 : position + _LONG_HEAD])
        position += 1 + width
        if position + size > end:
            raise ValueError("a subsection ends behind its section")
        if kind == SYMBOL_TABLE:
            text += data[position : position + size]
        position += size


def _number(encoded: bytes) -> tuple[int, int]:
    value = width = 0
    more = 0x80
    while more:
        more = encoded[width] & 0x80
        value |= (encoded[width] & 0x7F) << 7 * width
        width += 1
    return value, width


def section_names(data: bytes, path: str) -> Iterator[bytes]:
    """The names of an object's custom sections and data segments.  Raises `MalformedObject`."""
    from ldshim.wasm.reader import read_sections  # noqa: PLC0415 - most links read no object

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
