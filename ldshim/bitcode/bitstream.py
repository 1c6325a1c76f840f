"""The container of LLVM's bitcode: a stream of bits, not bytes, in nested blocks of records.

A block says how long it is, so it can be passed over unread.  A record is a code and numbers; how they are written is the general way, or
an *abbreviation* that the block defines before.  https://llvm.org/docs/BitCodeFormat.html

A block is read here without the abbreviations that a BLOCKINFO block may define for it from outside: LLVM has none for the blocks
that ldshim reads.
"""

from __future__ import annotations

from ldshim.bitcode import MAGIC
from ldshim.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OUTER_WIDTH = 2  # of abbreviation ids outside of all blocks

END_BLOCK, ENTER_SUBBLOCK, DEFINE_ABBREV, UNABBREV_RECORD = range(4)
_LITERAL, _FIXED, _VBR, _ARRAY, _CHAR6, _BLOB = range(6)  # encodings of an abbreviation's operands; 0 is our own
_CHARACTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"

_Operand = tuple[int, int]

# Operands that take no bits: an array of them is what a small file fills all memory with, and LLVM refuses it, too.
_NO_BITS = ((_FIXED, 0), (_VBR, 0))
# Literals take none, either.  LLVM's longest abbreviation has 20 operands or so.
_MAX_OPERANDS = 64


class MalformedBitcode(LinkError):  # noqa: N818 - named for what it says of the file
    """The bits are not a well-formed stream, or more than ldshim understands."""


class Cursor:
    """A position, in bits, that never goes past the end of the data."""

    __slots__ = ("bit", "data", "end")

    def __init__(self, data: bytes, bit: int = 0) -> None:
        self.data = data
        self.bit = bit
        self.end = len(data) * 8

    def fail(self, what: str) -> MalformedBitcode:
        return MalformedBitcode(f"malformed bitcode: {what} at offset {self.bit // 8:#x}")

    def fixed(self, width: int) -> int:
        bit = self.bit
        after = bit + width
        if after > self.end:
            raise self.fail("unexpected end")
        self.bit = after
        return int.from_bytes(self.data[bit >> 3 : (after + 7) >> 3], "little") >> (bit & 7) & ((1 << width) - 1)

    def vbr(self, width: int) -> int:
        """A number in groups of `width` bits, the highest of which says that another one follows."""
        more = 1 << (width - 1)
        value = shift = 0
        while shift < 70:  # a number has 64 bits
            group = self.fixed(width)
            value |= (group & (more - 1)) << shift
            if group < more:
                return value
            shift += width - 1
        raise self.fail("a number without end")

    def align(self) -> None:
        self.bit = (self.bit + 31) & ~31


class Block:
    """A block: its bits are `[begin, end)`, with the header; its content starts at `content`."""

    __slots__ = ("begin", "content", "end", "id", "width")

    def __init__(self, ident: int, width: int, begin: int, content: int, end: int) -> None:
        self.id = ident
        self.width = width
        self.begin = begin
        self.content = content
        self.end = end


class Record:
    """A record; `blob` has its bytes if it ends in some."""

    __slots__ = ("blob", "code", "values")

    def __init__(self, code: int, values: list[int], blob: bytes) -> None:
        self.code = code
        self.values = values
        self.blob = blob


class Reader:
    """Iterates over the blocks and records in a block; then `end_block` is the position of the word that ends it."""

    __slots__ = ("_abbreviations", "_cursor", "_width", "end_block")

    def __init__(self, data: bytes, block: Block) -> None:
        self._cursor = Cursor(data, block.content)
        self._width = block.width
        self._abbreviations: list[list[_Operand]] = []
        self.end_block = -1

    def __iter__(self) -> Iterator[Block | Record]:
        cursor = self._cursor
        while True:
            begin = cursor.bit
            ident = cursor.fixed(self._width)
            if ident == UNABBREV_RECORD:
                code = cursor.vbr(6)
                yield Record(code, [cursor.vbr(6) for _ in range(self._count())], b"")
            elif ident == ENTER_SUBBLOCK:
                yield _enter(cursor, begin)
            elif ident == DEFINE_ABBREV:
                self._abbreviations.append(self._definition())
            elif ident == END_BLOCK:
                self.end_block = begin
                return
            else:
                yield self._abbreviated(ident)

    def _count(self) -> int:
        count = self._cursor.vbr(6)
        if count > self._cursor.end - self._cursor.bit:  # each takes a bit at least
            raise self._cursor.fail(f"a count of {count} does not fit")
        return count

    def _definition(self) -> list[_Operand]:
        cursor = self._cursor
        operands = []
        number = cursor.vbr(5)
        if number > _MAX_OPERANDS:
            raise cursor.fail(f"an abbreviation of {number} operands")
        for _ in range(number):
            if cursor.fixed(1):
                operands.append((_LITERAL, cursor.vbr(8)))
                continue
            encoding = cursor.fixed(3)
            width = cursor.vbr(5) if encoding in (_FIXED, _VBR) else 0
            if not _FIXED <= encoding <= _BLOB or width > 64 or (encoding == _VBR and width == 1):
                raise cursor.fail("an unknown abbreviation")
            operands.append((encoding, width))
        return operands

    def _abbreviated(self, ident: int) -> Record:
        cursor = self._cursor
        number = ident - UNABBREV_RECORD - 1
        if number >= len(self._abbreviations):
            raise cursor.fail("an abbreviation that the block does not define")
        values: list[int] = []
        blob = b""
        operands = iter(self._abbreviations[number])
        for operand in operands:
            if operand[0] == _ARRAY:
                element = next(operands, None)
                if element is None or element[0] in (_LITERAL, _ARRAY, _BLOB) or element in _NO_BITS:
                    raise cursor.fail("an array of nothing")
                values += [self._scalar(element) for _ in range(self._count())]
            elif operand[0] == _BLOB:
                blob = self._blob()
            else:
                values.append(self._scalar(operand))
        if not values:
            raise cursor.fail("a record without a code")
        return Record(values[0], values[1:], blob)

    def _scalar(self, operand: _Operand) -> int:
        encoding, value = operand
        if encoding == _LITERAL:
            return value
        if encoding == _CHAR6:
            return _CHARACTERS[self._cursor.fixed(6)]
        if value == 0:  # a field of no bits
            return 0
        return self._cursor.fixed(value) if encoding == _FIXED else self._cursor.vbr(value)

    def _blob(self) -> bytes:
        cursor = self._cursor
        size = cursor.vbr(6)
        cursor.align()
        begin = cursor.bit // 8
        if size > len(cursor.data) - begin:
            raise cursor.fail(f"{size} bytes do not fit")
        cursor.bit += size * 8
        cursor.align()
        return cursor.data[begin : begin + size]


def blocks(data: bytes) -> Iterator[Block]:
    """The outermost blocks of a stream.  Raises `MalformedBitcode`."""
    cursor = Cursor(data, len(MAGIC) * 8)
    while cursor.end - cursor.bit >= 32:
        begin = cursor.bit
        if cursor.fixed(OUTER_WIDTH) != ENTER_SUBBLOCK:
            raise cursor.fail("something that is no block")
        yield _enter(cursor, begin)


def _enter(cursor: Cursor, begin: int) -> Block:
    """Read a block's header, behind its abbreviation id, and move to the block's end."""
    ident = cursor.vbr(8)
    width = cursor.vbr(4)
    cursor.align()
    words = cursor.fixed(32)
    content = cursor.bit
    end = content + words * 32
    if end > cursor.end or not 2 <= width <= 32:
        raise cursor.fail("a block that does not fit")
    cursor.bit = end
    return Block(ident, width, begin, content, end)


class Writer:
    """Collects bits; `bits` is how many there are."""

    __slots__ = ("_value", "bits")

    def __init__(self) -> None:
        self.bits = 0
        self._value = 0

    def fixed(self, value: int, width: int) -> None:
        self._value |= value << self.bits
        self.bits += width

    def vbr(self, value: int, width: int) -> None:
        more = 1 << (width - 1)
        while value >= more:
            self.fixed(value & (more - 1) | more, width)
            value >>= width - 1
        self.fixed(value, width)

    def align(self) -> None:
        self.bits = (self.bits + 31) & ~31

    def record(self, code: int, values: list[int], width: int) -> None:
        """A record without an abbreviation, in a block whose abbreviation ids have `width` bits."""
        self.fixed(UNABBREV_RECORD, width)
        for value in (code, len(values), *values):
            self.vbr(value, 6)

    def block(self, ident: int, inner_width: int, content: bytes, width: int) -> None:
        """A block with this content, whole words that end with its END_BLOCK."""
        self.fixed(ENTER_SUBBLOCK, width)
        self.vbr(ident, 8)
        self.vbr(inner_width, 4)
        self.align()
        self.fixed(len(content) // 4, 32)
        self.fixed(int.from_bytes(content, "little"), len(content) * 8)

    def to_bytes(self) -> bytes:
        """The bits, in whole words."""
        self.align()
        return self._value.to_bytes(self.bits // 8, "little")
