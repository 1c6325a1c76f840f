"""A position in the bytes of an object, and what is said of bytes that are no object."""

from __future__ import annotations

from ldshim.errors import LinkError
from ldshim.wasm.format import MAGIC, U32_MAX, U64_MAX
from ldshim.wasm.leb128 import MAX_BYTES


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
