"""LEB128, the variable-length integers of the wasm format: seven bits a byte, lowest first, the top bit says "more".

An encoding may be longer than it needs to be (compilers reserve five bytes and fill them in later), so the length is part of
what an editor has to keep: `unsigned(n, width)` writes a value over `width` bytes.
"""

from __future__ import annotations

# What a reader takes at most.  LLVM takes any number of bytes that do not change the value; a bound keeps a megabyte of
# 0x80 from costing quadratic time.
MAX_BYTES = 20
_ONE_BYTE = tuple(bytes((value,)) for value in range(0x80))


def unsigned(value: int, width: int = 1) -> bytes:
    """The unsigned encoding of `value` over at least `width` bytes."""
    if width == 1 and 0 <= value < 0x4000:  # most numbers of an object
        return _ONE_BYTE[value] if value < 0x80 else bytes((value & 0x7F | 0x80, value >> 7))
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if value or len(out) + 1 < width:
            out.append(byte | 0x80)
        else:
            out.append(byte)
            return bytes(out)


def signed(value: int) -> bytes:
    """The shortest signed encoding of `value`."""
    if value == 0:  # most addends
        return b"\0"
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40):
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)
