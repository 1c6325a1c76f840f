"""Where in an object names stand: a small part of it, and all that has to be searched for one.

Symbols and data segments have theirs in the `linking` section, functions that are only imported in the import section, and a custom
section's own stands at its beginning.
"""

from __future__ import annotations

from ldshim.wasm.format import SEC_CUSTOM, SEC_IMPORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap

_HEADER_SIZE = 8
_LINKING = b"\x07linking"


def name_ranges(data: bytes | mmap.mmap, begin: int, end: int) -> list[tuple[int, int]]:
    """The ranges of `data` that hold the names of the object in `data[begin:end]`; all of it where its sections cannot be followed."""
    ranges = []
    position = begin + _HEADER_SIZE
    try:
        while position < end:
            ident = data[position]
            size = shift = 0
            while True:
                position += 1
                byte = data[position]
                size |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
            position += 1
            stop = position + size
            if stop > end:
                return [(begin, end)]
            if ident == SEC_CUSTOM and size:
                length = data[position]
                if length >= 0x80 or data[position : position + len(_LINKING)] == _LINKING:
                    ranges.append((position, stop))
                else:
                    ranges.append((position, min(position + 1 + length, stop)))
            elif ident == SEC_IMPORT:
                ranges.append((position, stop))
            position = stop
    except IndexError:
        return [(begin, end)]
    return ranges
