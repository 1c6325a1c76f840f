r"""Archives: reading and writing `ar` files.

An *archive* (`libfoo.a`, and every Rust `.rlib`) is files glued together so that a linker can take the ones it needs.
It starts with the eight bytes `!<arch>\n`; then come the *members*, each a header of 60 bytes of text and then the
file's bytes, padded to an even length with a newline. The header is columns: name (16 bytes), time, owner, group,
mode, size in decimal (10), and the two bytes "`\n". There is no table of contents: one walks from header to header by
the sizes.

Sixteen bytes are too few for names, and nobody standardized what to do about it. Hence the dialects:

* *GNU* (System V; what Linux, LLVM and rustc write for WebAssembly). A short name ends with a slash: `foo.o/`. The
  longer ones lie, each ended by a slash and a newline, in a special member called `//`; the header then says `/123`,
  an offset into it.
* *BSD* (also Apple's). Short names are padded with spaces; `#1/27` says that the name is the first 27 of the member's
  bytes. The member's size counts them.
* *COFF* (Windows). As GNU, with a second index, and with a NUL after each long name.

An archive may be *thin*: its magic is `!<thin>\n`, and its members are headers alone. The name is then the path of
the file that holds the bytes, relative to the archive's directory. Only the GNU dialect has this.

The *symbol index* (`ranlib` makes it) says which member defines which global symbol, so that a linker need not open
all members to find one. It is a special member, the first if it is there. GNU: called `/`, big-endian: a count, as
many offsets of member headers, as many NUL-terminated names; called `/SYM64/` the numbers are 64 bits wide, for
archives past 4 GiB. BSD: called `__.SYMDEF`, or `__.SYMDEF SORTED` by those who sort it, little-endian: the bytes
that the pairs take up, pairs of (offset of the symbol's name, offset of the member's header), the size of the names,
the names; `__.SYMDEF_64` is the same with 64 bits. lld goes by the index up to version 17. From 18 on it ignores the
index and reads all members itself, but an index is still the quick way to learn what an archive defines.

An *rlib* is a GNU archive of a crate's objects with one more member, `lib.rmeta`, for the compiler.

Two members may have the same name; what tells members apart is the offset of the header.

What counts as malformed here is what LLVM's reader (`llvm/lib/Object/Archive.cpp`) refuses, and where that is lenient
this is too: an archive that lld would have linked must not fail because of us, and one that lld would read otherwise
than we do would lose members without a word. A damaged *index* is not malformed, it counts as absent: newer linkers
never look at it.

This file knows nothing of what the members hold.
"""

from __future__ import annotations

import os
import struct

from ldshim.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from mmap import mmap

    Data = bytes | mmap | memoryview  # an archive's bytes
    Piece = bytes | bytearray | memoryview | mmap  # bytes to be written

MAGIC = b"!<arch>\n"
THIN_MAGIC = b"!<thin>\n"

_HEADER_SIZE = 60
_HEADER_END = b"`\n"

# The dialects, as far as reading names goes.
_GNU, _BSD, _COFF = range(3)

_GNU_INDEXES = (b"/", b"/SYM64/")
_BSD_INDEXES = (b"__.SYMDEF", b"__.SYMDEF SORTED", b"__.SYMDEF_64", b"__.SYMDEF_64 SORTED")

# Names that start with a slash and are no offsets into the table of long names. The last two come from Microsoft.
_SLASH_NAMES = (b"/", b"//", b"/<XFGHASHMAP>/", b"/<ECSYMBOLS>/")

# In a thin archive these hold their bytes nevertheless.
_NEVER_THIN = (b"/", b"//", b"/SYM64/")

# Long names may overlap in a hostile table, so that a small file stands for gigabytes of names. Honest ones do not.
_NAMES_PER_TABLE = 16
_NAMES_AT_LEAST = 1 << 16


class MalformedArchive(LinkError):  # noqa: N818  (it is one of the LinkErrors, and read as such)
    """The file has an archive's magic but cannot be walked to its end."""

    __slots__ = ("offset", "path", "problem")

    def __init__(self, path: str, offset: int, problem: str) -> None:
        super().__init__(f"{path}: malformed archive: {problem} (member header at offset {offset})")
        self.path = path
        self.offset = offset
        self.problem = problem


class Member:
    """One member: where its header is, which of the archive's bytes are its own, and what it is called.

    `name` is what lld prints in `lib.a(NAME)`. For a member of a thin archive `begin == end`, `path` says where the
    bytes are (see `thin_member_path`) and `size` how many there were when the archive was made.
    """

    __slots__ = ("begin", "end", "header", "name", "path", "size")

    def __init__(self, name: bytes, header: int, begin: int, end: int, *, path: bytes | None, size: int) -> None:
        self.name = name
        self.header = header
        self.begin = begin
        self.end = end
        self.path = path
        self.size = size

    def __repr__(self) -> str:
        return f"<Member {self.name!r} at {self.header}: {self.begin}..{self.end}>"


def is_archive(data: Data) -> bool:
    """Whether the bytes start as an archive does, thin or not."""
    return bytes(data[:8]) in (MAGIC, THIN_MAGIC)


# Reading


class _Header:
    """What one header says. `raw` is the name field up to where it ends: not yet the name."""

    __slots__ = ("begin", "next", "offset", "raw", "size", "thin")

    def __init__(self, offset: int, raw: bytes, size: int, thin: bool) -> None:
        self.offset = offset
        self.raw = raw
        self.size = size
        self.thin = thin
        self.begin = offset + _HEADER_SIZE
        self.next = self.begin if thin else self.begin + size + size % 2


class _Layout:
    """What the special members at the archive's start tell. `first` is the offset of the first member after them."""

    __slots__ = ("dialect", "first", "index", "index_name", "long_names", "thin")

    def __init__(self, thin: bool) -> None:
        self.thin = thin
        self.dialect = _GNU
        self.index: tuple[int, int] | None = None
        self.index_name = b""
        self.long_names = b""
        self.first = 8


def members(data: Data, path: str) -> list[Member]:
    """Return the members in their order, without the index and the table of names.

    Reads the headers only. `path` is for the text of `MalformedArchive`.
    """
    layout = _read_layout(data, path)
    names = _Names(layout)
    found = []
    offset, end = layout.first, len(data)
    while offset != end:
        header = _read_header(data, path, offset, layout)
        found.append(_member(data, path, header, names))
        offset = header.next
    return found


def member_at(members: Sequence[Member], offset: int) -> Member | None:
    """Find the member among whose bytes the archive's byte `offset` is; None when it is in a header, name or table.

    `members` is in the archive's order, as `members()` returns it.
    """
    low, high = 0, len(members)
    while low < high:
        middle = (low + high) // 2
        if members[middle].begin <= offset:
            low = middle + 1
        else:
            high = middle
    if low and offset < members[low - 1].end:
        return members[low - 1]
    return None


def thin_member_path(archive_path: str, member: Member) -> str:
    """Return the path of the file that a thin archive's member stands for."""
    if member.path is None:
        raise ValueError(f"{member!r} of {archive_path} is not thin")
    return os.path.join(os.path.dirname(archive_path), os.fsdecode(member.path))


def _read_header(data: Data, path: str, offset: int, layout: _Layout) -> _Header:
    text = bytes(data[offset : offset + _HEADER_SIZE])
    if len(text) < _HEADER_SIZE:
        raise MalformedArchive(path, offset, f"{len(text)} bytes are left, a header takes {_HEADER_SIZE}")
    if text[58:] != _HEADER_END:
        raise MalformedArchive(path, offset, f"the header ends with {text[58:]!r} instead of {_HEADER_END!r}")
    size = text[48:58].rstrip(b" ")
    if not size.isdigit():
        raise MalformedArchive(path, offset, f"{text[48:58]!r} is not a size")
    raw = _raw_name(text[:16], layout.dialect)
    if raw is None:
        raise MalformedArchive(path, offset, "the name starts with a space")
    header = _Header(offset, raw, int(size), layout.thin and raw not in _NEVER_THIN)
    # The padding counts, though it means nothing: LLVM insists on it even at the very end.
    if header.next > len(data):
        raise MalformedArchive(path, offset, f"a member of {header.size} bytes goes past the end of the file")
    return header


def _raw_name(field: bytes, dialect: int) -> bytes | None:
    if dialect == _BSD:
        return None if field.startswith(b" ") else field.split(b" ", 1)[0]
    if field[0] in b"/#":
        return field.split(b" ", 1)[0]
    return field.split(b"/", 1)[0]


def _read_layout(data: Data, path: str) -> _Layout:
    """Look at the first few headers, which tell the dialect by the special members among them."""
    if not is_archive(data):
        raise MalformedArchive(path, 0, "it does not start as an archive does")
    layout = _Layout(bytes(data[:8]) == THIN_MAGIC)
    if len(data) == layout.first:
        return layout
    header = _read_header(data, path, layout.first, layout)
    if header.raw.startswith(b"#1/"):
        layout.dialect = _BSD
    if not _take_bsd_index(layout, header, data, path) and layout.dialect == _GNU:
        _take_gnu_tables(layout, header, data, path)
    return layout


def _take_bsd_index(layout: _Layout, header: _Header, data: Data, path: str) -> bool:
    """If the first member is a BSD index, note it and step over it."""
    if layout.thin:
        return False
    member = _member(data, path, header, _Names(layout)) if header.raw[0] not in b"/" else None
    if member is None or member.name not in _BSD_INDEXES:
        return False
    if header.raw in _BSD_INDEXES:
        # `__.SYMDEF/`: LLVM takes the slash for GNU's end of a name, knows the index by it, and reads on as BSD. With
        # spaces (older BSDs) it sees a plain member, so that the names after it follow GNU's rules.
        layout.dialect = _BSD
    layout.index = (member.begin, member.end)
    layout.index_name = member.name
    layout.first = header.next
    return True


def _take_gnu_tables(layout: _Layout, first: _Header, data: Data, path: str) -> None:
    """Step over `/`, a second `/` (then it is COFF), `//`, and what Microsoft puts behind them."""
    header: _Header | None = first
    if first.raw in _GNU_INDEXES:
        layout.index = (first.begin, first.begin + first.size)
        layout.index_name = first.raw
        header = _step_over(layout, first, data, path)
        if header is not None and header.raw == b"/":
            layout.dialect = _COFF
            header = _step_over(layout, header, data, path)
    if header is not None and header.raw == b"//":
        layout.long_names = bytes(data[header.begin : header.begin + header.size])
        header = _step_over(layout, header, data, path)
    elif header is not None and layout.dialect == _GNU and header.raw.startswith(b"/"):
        raise MalformedArchive(path, header.offset, "a long name without a table of long names")
    if header is not None and layout.dialect == _COFF and header.raw == b"/<ECSYMBOLS>/":
        _step_over(layout, header, data, path)


def _step_over(layout: _Layout, header: _Header, data: Data, path: str) -> _Header | None:
    layout.first = header.next
    if layout.first == len(data):
        return None
    return _read_header(data, path, layout.first, layout)


def _member(data: Data, path: str, header: _Header, names: _Names) -> Member:
    raw, begin, end = header.raw, header.begin, header.begin + header.size
    if raw.startswith(b"/"):
        name = raw if raw in _SLASH_NAMES else names.long(raw, header.offset, path)
    elif raw.startswith(b"#1/"):
        length = _number(raw[3:])
        if length is None or length > header.size:
            raise MalformedArchive(path, header.offset, f"{raw!r} does not name a part of {header.size} bytes")
        if header.thin:
            raise MalformedArchive(
                path, header.offset, "a BSD name in a thin archive, where no bytes follow the header"
            )
        name = bytes(data[begin : begin + length]).rstrip(b"\0")
        begin += length
    else:
        name = raw[:-1] if raw.endswith(b"/") else raw.rstrip(b" ")
    if not header.thin:
        return Member(name, header.offset, begin, end, path=None, size=end - begin)
    # A NUL ends a path when lld hands it to the system.
    return Member(name, header.offset, begin, begin, path=name.split(b"\0", 1)[0], size=header.size)


def _number(digits: bytes) -> int | None:
    return int(digits) if digits.isdigit() else None


class _Names:
    """Looks up long names, each but once, and not more of them than a table can honestly hold."""

    __slots__ = ("budget", "dialect", "known", "table")

    def __init__(self, layout: _Layout) -> None:
        self.table = layout.long_names
        self.dialect = layout.dialect
        self.known: dict[int, bytes] = {}
        self.budget = max(_NAMES_AT_LEAST, _NAMES_PER_TABLE * len(self.table))

    def long(self, raw: bytes, header: int, path: str) -> bytes:
        """Return the name that the name field `/123` stands for."""
        offset = _number(raw[1:])
        if offset is None:
            raise MalformedArchive(path, header, f"the name {raw!r} is not an offset into the table of long names")
        if offset not in self.known:
            self.known[offset] = self._read(offset, header, path)
        return self.known[offset]

    def _read(self, offset: int, header: int, path: str) -> bytes:
        if offset >= len(self.table):
            raise MalformedArchive(
                path, header, f"the name is at {offset} in the table of long names, which has {len(self.table)} bytes"
            )
        if self.dialect == _COFF:
            end = self.table.find(b"\0", offset)
            end = len(self.table) if end < 0 else end
        else:
            end = self.table.find(b"\n", offset) - 1
            if end < 0 or self.table[end] != ord("/"):
                raise MalformedArchive(path, header, f"the name at {offset} in the table of long names has no end")
        self.budget -= end - offset
        if self.budget < 0:
            raise MalformedArchive(path, header, "the names in the table of long names overlap too much")
        return self.table[offset:end]


# The symbol index


def symbol_index_range(data: Data) -> tuple[int, int] | None:
    """Say where in the archive the symbol index is: searching its bytes is quicker than taking it apart."""
    try:
        return _read_layout(data, "").index
    except MalformedArchive:
        return None


def symbol_index(data: Data) -> list[tuple[bytes, int]] | None:
    """Return what the index says, as (symbol, offset of the member's header), in its order.

    None when there is none, or none that makes sense: the caller has to look at the members then, and if the archive is
    malformed `members()` will say so. Offsets are as written; look them up among the members' `header`.
    """
    try:
        layout = _read_layout(data, "")
    except MalformedArchive:
        return None
    if layout.index is None:
        return None
    begin, end = layout.index
    index = bytes(data[begin:end])
    wide = b"64" in layout.index_name
    if layout.index_name in _GNU_INDEXES:
        return _gnu_index(index, wide)
    return _bsd_index(index, wide)


def _gnu_index(index: bytes, wide: bool) -> list[tuple[bytes, int]] | None:
    width, letter = (8, "Q") if wide else (4, "I")
    count = int.from_bytes(index[:width], "big")
    names_at = width + width * count
    if len(index) < names_at:
        return None
    offsets = struct.unpack_from(f">{count}{letter}", index, width)
    names = index[names_at:].split(b"\0", count)
    # What follows the last NUL is padding, and no name.
    return list(zip(names, offsets, strict=False)) if len(names) > count else None


def _bsd_index(index: bytes, wide: bool) -> list[tuple[bytes, int]] | None:
    width, letter = (8, "Q") if wide else (4, "I")
    count = int.from_bytes(index[:width], "little") // (2 * width)
    names_at = width + count * 2 * width + width
    if len(index) < names_at:
        return None
    pairs = struct.unpack_from(f"<{2 * count}{letter}", index, width)
    # By where the names start: linear whatever the offsets are, and an offset into the middle of a name is damage.
    starts = {}
    start = 0
    for name in index[names_at:].split(b"\0")[:-1]:
        starts[start] = name
        start += len(name) + 1
    try:
        return [(starts[name], member) for name, member in zip(pairs[::2], pairs[1::2], strict=True)]
    except KeyError:
        return None


# Writing


def write_archive(members: Iterable[tuple[bytes, Sequence[Piece], Sequence[bytes]]]) -> list[Piece]:
    """Make a GNU archive of (name, pieces of the content, symbols for the index), in pieces to be written in order.

    The same input gives the same bytes: no times or owners. The content is passed on, never copied. The index is
    there even if it is empty, as lld up to 17 refuses an archive without one. What the format cannot hold: a newline or
    NUL in a name becomes a question mark, a symbol with a NUL in it stays out of the index.
    """
    content = [_Content(*member) for member in members]
    long_names = _LongNames()
    for member in content:
        member.field = long_names.field(member.name)
    names_member = _long_names_member(long_names)

    # The index comes first and is full of offsets: how long it gets must be known before it is made.
    wide = False
    end = _place(content, len(MAGIC) + _index_size(content, wide) + len(names_member))
    if end >= 1 << 32 and any(member.header >= 1 << 32 for member in content if member.symbols):
        wide = True
        _place(content, len(MAGIC) + _index_size(content, wide) + len(names_member))

    out: list[Piece] = [MAGIC + _index_member(content, wide) + names_member]
    for member in content:
        out.append(_header_text(member.field, _ORIGIN, member.size))
        out.extend(member.pieces)
        if member.size % 2:
            out.append(b"\n")
    return out


def plain_archive(members: Iterable[tuple[bytes, Sequence[Piece]]]) -> Iterator[bytes]:
    """Make an archive of (short name, pieces of the content) without an entry in its index, member by member.

    `members` is gone through only once, as the archive is: the contents need not be there all at the same time.
    """
    yield MAGIC + _index_member([], wide=False)
    for name, pieces in members:
        size = sum(map(len, pieces))
        yield b"".join((_header_text(name + b"/", _ORIGIN, size), *pieces, b"\n" * (size % 2)))


_NAME_BYTES = bytes.maketrans(b"\n\0", b"??")
# Time, owner, group and mode of a member.
_ORIGIN = b"%-12d%-6d%-6d%-8d" % (0, 0, 0, 644)


class _Content:
    """A member on its way into an archive."""

    __slots__ = ("field", "header", "name", "pieces", "size", "symbols")

    def __init__(self, name: bytes, pieces: Sequence[Piece], symbols: Sequence[bytes]) -> None:
        self.name = name.translate(_NAME_BYTES)
        self.pieces = pieces
        self.symbols = [symbol for symbol in symbols if b"\0" not in symbol]
        self.size = sum(map(len, pieces))
        self.field = b""
        self.header = 0


class _LongNames:
    """Collects the names that do not fit into a header."""

    __slots__ = ("offsets", "table")

    def __init__(self) -> None:
        self.table = bytearray()
        self.offsets: dict[bytes, int] = {}

    def field(self, name: bytes) -> bytes:
        """Return the name field for a member called `name`."""
        # In a short name a slash would be its end, a space too for some readers. An empty one would make
        # the field the index's, `#1` would make it BSD's.
        if name and len(name) < 16 and b"/" not in name and b" " not in name and name != b"#1":
            return name + b"/"
        if name not in self.offsets:
            self.offsets[name] = len(self.table)
            self.table += name + b"/\n"
        return b"/%d" % self.offsets[name]


def _even(size: int) -> int:
    return size + size % 2


def _place(content: list[_Content], offset: int) -> int:
    """Settle where the headers come to lie, the first one at `offset`; return where the archive ends."""
    for member in content:
        member.header = offset
        offset += _HEADER_SIZE + _even(member.size)
    return offset


def _header_text(field: bytes, origin: bytes, size: int) -> bytes:
    if size >= 10**10:
        raise LinkError(f"{size} bytes are too many for a member of an archive")
    return b"%-16s%-32s%-10d%s" % (field, origin, size, _HEADER_END)


def _index_size(content: list[_Content], wide: bool) -> int:
    """Return the size of the index, its header included."""
    width = 8 if wide else 4
    each = sum(width + len(symbol) + 1 for member in content for symbol in member.symbols)
    return _HEADER_SIZE + _even(width + each)


def _index_member(content: list[_Content], wide: bool) -> bytes:
    name, letter = (b"/SYM64/", "Q") if wide else (b"/", "I")
    offsets = [member.header for member in content for _ in member.symbols]
    index = struct.pack(f">{1 + len(offsets)}{letter}", len(offsets), *offsets)
    index += b"".join([symbol + b"\0" for member in content for symbol in member.symbols])
    index += b"\0" * (len(index) % 2)
    return _header_text(name, b"%-12d%-6d%-6d%-8d" % (0, 0, 0, 0), len(index)) + index


def _long_names_member(names: _LongNames) -> bytes:
    if not names.table:
        return b""
    table = bytes(names.table) + b"\n" * (len(names.table) % 2)
    return _header_text(b"//", b"", len(table)) + table
