"""What a bitcode file says of its symbols: names, linkage, sections.

A file is an IDENTIFICATION block (which LLVM wrote it), a MODULE block, and a table with the text of all symbol names, to which the
records of the module refer.  The names of *sections* are in records of their own, six bits at a time, so that no search for bytes
finds them.  A module for ThinLTO also has a summary of itself, from which lld decides what each module imports; other modules may have
one of another kind.

The numbers here are those of https://github.com/llvm/llvm-project/blob/main/llvm/include/llvm/Bitcode/LLVMBitCodes.h; what stands where
in a record is in https://llvm.org/docs/LangRef.html#bitcode and `parseGlobalVarRecord` of llvm/lib/Bitcode/Reader/BitcodeReader.cpp.
Nothing here depends on the version of LLVM: these records have grown at their ends only since LLVM 5.
"""

from __future__ import annotations

from ldshim.bitcode import ALIAS, FUNCTION, VARIABLE, WRAPPER_MAGIC
from ldshim.bitcode.bitstream import Block, MalformedBitcode, Reader, Record, blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MODULE_BLOCK = 8
_IDENTIFICATION_BLOCK = 13
_STRTAB_BLOCK = 23
THIN_SUMMARY_BLOCK = 20
FULL_SUMMARY_BLOCK = 24
_SUMMARY_BLOCKS = (THIN_SUMMARY_BLOCK, FULL_SUMMARY_BLOCK)

# Records
_IDENTIFICATION_STRING = 1
_STRTAB_BLOB = 1
_TRIPLE, _ASM, _SECTIONNAME, _GLOBALVAR, _FUNCTION, _COMDAT, _ALIAS = 2, 4, 5, 7, 8, 12, 14
HASH = 17

_KINDS = {_GLOBALVAR: VARIABLE, _FUNCTION: FUNCTION, _ALIAS: ALIAS}

# Linkage, as `getDecodedLinkage` has it: several numbers are of the time when linkage implied a COMDAT.
_LOCAL = (3, 9, 13, 14)
_WEAK = (1, 4, 7, 10, 11, 16, 17, 18, 19)
_AVAILABLE_EXTERNALLY = 12
_UNNAMED_ADDR = 1


class Global:
    """A variable, function or alias.  `section` is empty for none; `p2align` None for what the type says."""

    __slots__ = (
        "comdat",
        "is_declaration",
        "is_hidden",
        "is_mergeable",
        "is_thread_local",
        "kind",
        "linkage",
        "name",
        "p2align",
        "section",
    )

    def __init__(self, kind: str, name: bytes, linkage: int, is_declaration: bool) -> None:
        self.kind = kind
        self.name = name
        self.linkage = linkage
        self.is_declaration = is_declaration or linkage == _AVAILABLE_EXTERNALLY
        self.section = b""
        self.comdat = 0  # counted from 1
        self.p2align: int | None = None
        self.is_hidden = False
        self.is_thread_local = False
        self.is_mergeable = False  # with equal constants: it is one, and nobody asks for its address

    @property
    def is_local(self) -> bool:
        return self.linkage in _LOCAL

    @property
    def is_weak(self) -> bool:
        return self.linkage in _WEAK


class Module:
    """The symbols of a bitcode file with one module; `summary` is the block of that kind, if there is one."""

    __slots__ = ("asm", "block", "comdats", "end_block", "globals", "producer", "summary", "triple")

    def __init__(self, producer: bytes, block: Block) -> None:
        self.producer = producer  # such as LLVM22.1.8; empty if the file does not say
        self.block = block
        self.end_block = -1  # where, in bits, the word stands that ends it
        self.triple = b""
        self.globals: list[Global] = []
        self.comdats: list[bytes] = []
        self.asm = b""
        self.summary: Block | None = None

    @property
    def is_thin(self) -> bool:
        return self.summary is not None and self.summary.id == THIN_SUMMARY_BLOCK


def unwrapped(data: bytes) -> bytes:
    """The bitcode without the header that Darwin's tools put in front of it."""
    if data[:4] != WRAPPER_MAGIC:
        return data
    begin, size = int.from_bytes(data[8:12], "little"), int.from_bytes(data[12:16], "little")
    if len(data) < 20 or begin + size > len(data):
        raise MalformedBitcode("malformed bitcode: the wrapper is longer than the file")
    return data[begin : begin + size]


def producer(data: bytes) -> bytes:
    """Which LLVM wrote the file, such as LLVM22.1.8; empty where that cannot be read."""
    try:
        data = unwrapped(data)
        return next((_producer(data, block) for block in blocks(data) if block.id == _IDENTIFICATION_BLOCK), b"")
    except MalformedBitcode:
        return b""


def read(data: bytes) -> Module:
    """The module in `data`, which is not wrapped.  Raises `MalformedBitcode`, also for a file of several modules."""
    found: dict[int, Block] = {}
    for block in blocks(data):
        if block.id == _MODULE_BLOCK and _MODULE_BLOCK in found:
            raise MalformedBitcode("several modules in one bitcode file")
        found.setdefault(block.id, block)
    if _MODULE_BLOCK not in found or _STRTAB_BLOCK not in found:
        raise MalformedBitcode("malformed bitcode: no module with a table of names")
    module = Module(producer(data), found[_MODULE_BLOCK])
    names = next((r.blob for r in _records(data, found[_STRTAB_BLOCK]) if r.code == _STRTAB_BLOB), b"")
    _read_module(data, module, names)
    return module


def _records(data: bytes, block: Block) -> Iterator[Record]:
    return (item for item in Reader(data, block) if isinstance(item, Record))


def _producer(data: bytes, block: Block) -> bytes:
    return next((_text(r.values) for r in _records(data, block) if r.code == _IDENTIFICATION_STRING), b"")


def _read_module(data: bytes, module: Module, names: bytes) -> None:
    sections: list[bytes] = [b""]
    reader = Reader(data, module.block)
    for item in reader:
        if isinstance(item, Block):
            if item.id in _SUMMARY_BLOCKS:
                module.summary = item
        elif item.code in _KINDS:
            module.globals.append(_global(item, names, sections))
        elif item.code == _SECTIONNAME:
            sections.append(_text(item.values))
        elif item.code == _COMDAT:
            module.comdats.append(_name(item, names))
        elif item.code == _ASM:
            module.asm += _text(item.values)
        elif item.code == _TRIPLE:
            module.triple = _text(item.values)
    module.end_block = reader.end_block
    if any(known.comdat > len(module.comdats) for known in module.globals):
        raise MalformedBitcode("malformed bitcode: a variable in a COMDAT group that is not there")


def _global(record: Record, names: bytes, sections: list[bytes]) -> Global:
    kind = _KINDS[record.code]
    name = _name(record, names)
    values = record.values[2:] + [0] * 16  # operands at the end may be left out
    if kind == ALIAS:  # type, address space, aliasee, linkage, visibility
        return Global(kind, name, values[3], is_declaration=False)
    if kind == FUNCTION:  # type, calling convention, is a declaration, linkage, ...
        return Global(kind, name, values[3], is_declaration=bool(values[2]))
    # type, flags, initializer + 1, linkage, alignment + 1, section + 1, visibility, thread-local, unnamed_addr, ...
    found = Global(kind, name, values[3], is_declaration=values[2] == 0)
    if values[5] >= len(sections):
        raise MalformedBitcode("malformed bitcode: a variable in a section that is not there")
    found.section = sections[values[5]]
    found.p2align = values[4] - 1 if values[4] else None
    found.is_hidden = values[6] == 1
    found.is_thread_local = values[7] != 0
    found.is_mergeable = bool(values[1] & 1) and values[8] == _UNNAMED_ADDR
    found.comdat = values[11]
    return found


def _name(record: Record, names: bytes) -> bytes:
    if len(record.values) < 2:
        raise MalformedBitcode("malformed bitcode: a record is too short")
    begin, size = record.values[:2]
    if begin + size > len(names):
        raise MalformedBitcode("malformed bitcode: a name outside of the table of names")
    return names[begin : begin + size]


def _text(values: list[int]) -> bytes:
    if any(value > 255 for value in values):
        raise MalformedBitcode("malformed bitcode: characters of more than a byte")
    return bytes(values)
