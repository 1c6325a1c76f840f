"""The anchor object: what ldshim synthesizes and puts first on the command line.

lld lays out output segments in the order in which it first meets their names, keeps a segment only if something live points to
it, and defines `__start_X` only for a name that nobody defines.  One small object uses all three:

- *Bounds.*  `__start_X` is a symbol at the end of the anchor's own segment X, behind which the elements of all objects follow.
- *Collection by reference.*  That segment (the head) has relocations to every element.  Whoever refers to `__start_X` makes the
  head live, and the head makes the elements live; if nobody does, all of it goes away.
- *Order.*  Elements with a sort key are in output segments of their own.  The anchor has an empty segment for each, in the
  order of the keys, and one behind them in which `__stop_X` lies.
- *Empty sections.*  Where there are no elements, the anchor's segment X is empty, too, and both bounds are at its place.
- *The table.*  lld crashes on function pointers in data if no object has the indirect function table
  (https://github.com/llvm/llvm-project/issues/174676), so the anchor imports it where ldshim added the first ones.
"""

from __future__ import annotations

from ldshim.wasm import writer
from ldshim.wasm.entries import Relocation
from ldshim.wasm.format import (
    EXTERNAL_MEMORY,
    EXTERNAL_TABLE,
    FUNCREF,
    LIMITS_IS_64,
    LINKING_VERSION,
    MODULE_HEADER,
    NO_STRIP,
    R_MEMORY_ADDR_I32,
    R_MEMORY_ADDR_I64,
    SEC_DATA,
    SEC_IMPORT,
    SEGMENT_INFO,
    SYMBOL_TABLE,
    SYMBOL_TABLE_KIND,
    UNDEFINED,
    VISIBILITY_HIDDEN,
)
from ldshim.wasm.leb128 import unsigned


class Anchor:
    """What the anchor object does for one section.

    `elements` are the symbols that a reference to `__start_X` keeps alive; None: the elements look after themselves, and
    so does the anchor (without garbage collection, and where relocations would cost stores at start-up).
    `keyed` are the names of the output segments of the sort keys, in order; `stop` is the one behind them.
    """

    __slots__ = ("elements", "keyed", "p2align", "section", "stop")

    def __init__(self, section: bytes, p2align: int, elements: list[bytes] | None, keyed: list[bytes], stop: bytes) -> None:
        self.section = section
        self.p2align = p2align
        self.elements = elements
        self.keyed = keyed
        self.stop = stop


class _Object:
    __slots__ = ("contents", "infos", "is_64", "relocations", "segments", "size", "symbols")

    def __init__(self, *, is_64: bool) -> None:
        self.is_64 = is_64
        self.segments: list[bytes] = []
        self.infos: list[bytes] = []
        self.symbols: list[bytes] = []
        self.relocations: list[Relocation] = []  # offsets count from the first segment
        self.contents: list[int] = []  # where each segment's content begins, likewise
        self.size = 0

    def segment(self, name: bytes, p2align: int, content: bytes) -> int:
        encoded = writer.segment(content, is_64=self.is_64)
        self.size += len(encoded)
        self.contents.append(self.size - len(content))
        self.segments.append(encoded)
        self.infos.append(writer.segment_info(name, p2align, 0))
        return len(self.segments) - 1

    def define(self, name: bytes, segment: int, offset: int, *, keep: bool) -> int:
        flags = VISIBILITY_HIDDEN | (NO_STRIP if keep else 0)
        self.symbols.append(writer.data_symbol(name, flags, segment, offset, 0))
        return len(self.symbols) - 1

    def require(self, name: bytes) -> int:
        self.symbols.append(writer.undefined_data_symbol(name, UNDEFINED | VISIBILITY_HIDDEN))
        return len(self.symbols) - 1


def anchor_object(anchors: list[Anchor], *, is_64: bool, table: bool) -> bytes:
    """An object for `anchors`; `table`: it also imports the indirect function table."""
    obj = _Object(is_64=is_64)
    for anchor in anchors:
        _add(obj, anchor)
    if table:
        obj.symbols.append(bytes((SYMBOL_TABLE_KIND,)) + unsigned(UNDEFINED | NO_STRIP) + unsigned(0))
    return b"".join(
        (
            MODULE_HEADER,
            writer.section(SEC_IMPORT, _imports(is_64=is_64, table=table)),
            writer.section(SEC_DATA, writer.vector(obj.segments)) if obj.segments else b"",
            writer.custom_section(b"linking", _linking(obj)),
            _relocations(obj, 1),
        )
    )


def _add(obj: _Object, anchor: Anchor) -> None:
    pointer = 8 if obj.is_64 else 4
    keep = anchor.elements is None
    alignment = 1 << anchor.p2align
    # The bounds have to be where the first element is: behind a head as long as the elements' alignment.
    size = max(alignment, pointer) if anchor.elements or (anchor.keyed and not keep) else 0
    head = obj.segment(anchor.section, anchor.p2align, bytes(size))
    obj.define(b"__start_" + anchor.section, head, size, keep=keep)
    required = [obj.require(name) for name in anchor.elements or ()]
    if anchor.keyed:
        for name in anchor.keyed:
            place = obj.segment(name, 0, b"")  # the elements behind it are aligned as they need to be
            required.append(obj.define(name, place, 0, keep=keep))
        stop = obj.segment(anchor.stop, 0, b"")
        required.append(obj.define(b"__stop_" + anchor.section, stop, 0, keep=keep))
    if not keep:
        kind = R_MEMORY_ADDR_I64 if obj.is_64 else R_MEMORY_ADDR_I32
        # All at one place: nobody reads the head.
        obj.relocations.extend(Relocation(kind, obj.contents[head], symbol) for symbol in required)


def _imports(*, is_64: bool, table: bool) -> bytes:
    limits = bytes((LIMITS_IS_64 if is_64 else 0, 0))
    imports = [writer.name(b"env") + writer.name(b"__linear_memory") + bytes((EXTERNAL_MEMORY,)) + limits]
    if table:
        place = bytes((EXTERNAL_TABLE, FUNCREF)) + limits
        imports.append(writer.name(b"env") + writer.name(b"__indirect_function_table") + place)
    return writer.vector(imports)


def _linking(obj: _Object) -> bytes:
    return (
        unsigned(LINKING_VERSION)
        + writer.subsection(SEGMENT_INFO, writer.vector(obj.infos))
        + writer.subsection(SYMBOL_TABLE, writer.vector(obj.symbols))
    )


def _relocations(obj: _Object, data_section: int) -> bytes:
    if not obj.relocations:
        return b""
    count = len(unsigned(len(obj.segments)))
    entries = [Relocation(e.type, e.offset + count, e.index) for e in obj.relocations]
    return writer.relocation_section(b"DATA", data_section, entries)
