"""Opening what `ldshim inspect` is given: files and members of archives, each read as what it is.

What cannot be read is a `Problem`; the rest goes on.
"""

from __future__ import annotations

import os

from ldshim import archive
from ldshim.bitcode import module as bitcode
from ldshim.bitcode.bitstream import MalformedBitcode
from ldshim.bitcode.guard import survives
from ldshim.errors import LinkError
from ldshim.inputs import BITCODE_MAGIC
from ldshim.inspect.facts import Problem
from ldshim.inspect.names import text
from ldshim.wasm.cursor import Cursor, MalformedObject, is_wasm
from ldshim.wasm.module import SEC_MEMORY
from ldshim.wasm.reader import ObjectFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.bitcode.ir import IRModule

OBJECT, BITCODE, MODULE, OTHER = "object", "bitcode", "module", "other"
ARCHIVE, THIN_ARCHIVE, COMPONENT = "archive", "thin archive", "component"

# A component (https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md) is of version 13 and layer 1, has sections
# like a module, and whole modules in those with this number.
_COMPONENT_HEADER = b"\0asm\x0d\0\x01\0"
_COMPONENT_MODULE = 1


class Piece:
    """One object, bitcode file or module; `member` is None for a file of its own."""

    __slots__ = ("data", "facts", "format", "ir", "member", "name", "object", "why_no_ir")

    def __init__(self, name: str, member: str | None, data: bytes) -> None:
        self.name = name
        self.member = member
        self.data = data
        self.format = OTHER
        self.object: ObjectFile | None = None
        self.facts: bitcode.Module | None = None
        self.ir: IRModule | None = None
        self.why_no_ir = ""
        if data[:4] in BITCODE_MAGIC:
            self._read_bitcode()
        elif is_wasm(data):
            try:
                self.object = ObjectFile(data, name)
            except MalformedObject as error:
                raise LinkError(f"{error}: the file is truncated or damaged") from None
            # With --emit-relocs a linked module has what an object has, but objects import their memory.
            is_linked = not self.object.is_relocatable or self.object.section(SEC_MEMORY) is not None
            self.format = MODULE if is_linked else OBJECT

    def _read_bitcode(self) -> None:
        try:
            self.facts = bitcode.read(bitcode.unwrapped(self.data))
        except MalformedBitcode as error:
            raise LinkError(f"{self.name}: {error}") from None
        self.format = BITCODE
        try:
            from ldshim.bitcode.ir import IRModule  # noqa: PLC0415 - llvmlite is not installed everywhere
        except (ImportError, OSError):
            self.why_no_ir = "llvmlite is not installed (pip install 'ldshim[lto]')"
            return
        content, facts = bitcode.unwrapped(self.data), self.facts
        try:
            if survives(lambda: IRModule(content, facts)):
                self.ir = IRModule(content, facts)
                return
        except RuntimeError:
            pass
        self.why_no_ir = "the llvmlite that is installed cannot read it"

    @property
    def is_64(self) -> bool | None:
        if self.object is not None:
            return self.object.is_64
        return self.facts.triple.startswith(b"wasm64") if self.facts is not None else None


class Opened:
    """A file that could be opened, and what is in it that could be read."""

    __slots__ = ("format", "path", "pieces", "problems")

    def __init__(self, path: str, format_: str) -> None:
        self.path = path
        self.format = format_
        self.pieces: list[Piece] = []
        self.problems: list[Problem] = []

    def add(self, name: str, member: str | None, data: bytes) -> None:
        try:
            self.pieces.append(Piece(name, member, data))
        except LinkError as error:
            self.problems.append(Problem(name, str(error)))


def open_file(path: str) -> Opened:
    """Open a file.  Raises `LinkError` if nothing of it can be shown."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise LinkError(f"{path}: {reason}") from None
    if archive.is_archive(data):
        return _open_archive(path, data)
    if not is_wasm(data) and data[:4] not in BITCODE_MAGIC:
        raise LinkError(f"{path}: neither a wasm object or module, nor LLVM bitcode, nor an archive")
    if data[:8] == _COMPONENT_HEADER:
        return _open_component(path, data)
    opened = Opened(path, OTHER)
    opened.add(path, None, data)
    for piece in opened.pieces:
        opened.format = piece.format
    return opened


def _open_archive(path: str, data: bytes) -> Opened:
    opened = Opened(path, THIN_ARCHIVE if data[:8] == archive.THIN_MAGIC else ARCHIVE)
    for member in archive.members(data, path):
        name = text(member.name)
        content = data[member.begin : member.end]
        if member.path is not None:
            place = archive.thin_member_path(path, member)
            try:
                with open(place, "rb") as file:
                    content = file.read()
            except OSError as error:
                opened.problems.append(Problem(path, f"{path}: cannot open member {os.fspath(place)}: {error.strerror}"))
                continue
        opened.add(f"{path}({name})", name, content)
    return opened


def _open_component(path: str, data: bytes) -> Opened:
    """The modules in a component; components in it are not looked into."""
    opened = Opened(path, COMPONENT)
    cursor = Cursor(data, len(_COMPONENT_HEADER), len(data), path)
    while cursor.pos < cursor.end:
        kind = cursor.byte()
        begin = cursor.skip(cursor.u32())
        if kind == _COMPONENT_MODULE:
            name = f"module {len(opened.pieces) + len(opened.problems)}"
            opened.add(f"{path}({name})", name, data[begin : cursor.pos])
    return opened
