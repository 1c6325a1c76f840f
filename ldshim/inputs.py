"""The files of a link, as ldshim looks at them: searched as bytes first, and read as objects only where something was found.

A *unit* is one object: a file of its own or a member of an archive.  It is *certain* if the linker will load it whatever the
symbols are: objects on the command line and members of `--whole-archive` archives.  Members of other archives, and objects between
`--start-lib` and `--end-lib`, are *lazy*: loaded if a symbol of theirs is needed.

Files that are neither wasm, bitcode nor an archive, and files that cannot be opened, are the real linker's to complain about.
"""

from __future__ import annotations

import mmap
import os
import stat

from ldshim import archive
from ldshim.bitcode import MAGIC, WRAPPER_MAGIC
from ldshim.errors import LinkError
from ldshim.wasm.reader import ObjectFile, is_wasm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ldshim.bitcode.ir import IRModule
    from ldshim.bitcode.module import Module
    from ldshim.command import Command, Input

# Below this a read is cheaper than a mapping.
MAP_FROM = 1 << 20

BITCODE_MAGIC = (MAGIC, WRAPPER_MAGIC)


class Unit:
    """One object: `name` is what messages call it, `order` sorts units as the linker is given them."""

    __slots__ = ("_bitcode", "_object", "certain", "data", "file", "is_lowered", "member", "name", "order")

    def __init__(self, file: InputFile, data: bytes, name: str, order: tuple[int, int], member: archive.Member | None) -> None:
        self.file = file
        self.data = data
        self.name = name
        self.order = order
        self.member = member
        self.certain = file.loads_everything
        self.is_lowered = False  # it was bitcode, and `data` is what the linker made of it
        self._object: ObjectFile | IRModule | None = None
        self._bitcode: Module | None = None

    @property
    def is_bitcode(self) -> bool:
        return self.data[:4] in BITCODE_MAGIC

    @property
    def is_open(self) -> bool:
        """Whether it was bitcode, and has an object now."""
        return self.is_lowered or (self.is_bitcode and self._object is not None)

    @property
    def object(self) -> ObjectFile | IRModule:
        """The object, read when first asked for; bitcode has to be opened before.  Raises `MalformedObject`."""
        if self._object is None:
            self._object = ObjectFile(self.data, self.name)
        return self._object

    @property
    def bitcode(self) -> Module | None:
        """What a bitcode file says of its symbols, None if it cannot be read."""
        if self._bitcode is None:
            from ldshim.bitcode.bitstream import MalformedBitcode  # noqa: PLC0415 - most links have no bitcode
            from ldshim.bitcode.module import read, unwrapped  # noqa: PLC0415

            try:
                self._bitcode = read(unwrapped(self.data))
            except MalformedBitcode:
                return None
        return self._bitcode

    def open_as(self, module: IRModule) -> None:
        self._object = module

    def lower_to(self, data: bytes) -> None:
        """Take an object in place of the bitcode."""
        self.data = data
        self.is_lowered = True
        self._object = None


class InputFile:
    """A file on the command line; an archive that stands there twice is one file with two inputs."""

    __slots__ = ("_members", "_units", "data", "index", "inputs", "is_archive", "path")

    def __init__(self, index: int, path: str, data: bytes | mmap.mmap, given: Input) -> None:
        self.index = index
        self.path = path
        self.data = data
        self.inputs = [given]
        self.is_archive = archive.is_archive(data)
        self._members: list[archive.Member] | None = None
        self._units: dict[int, Unit] = {}

    @property
    def is_thin(self) -> bool:
        return self.data[: len(archive.THIN_MAGIC)] == archive.THIN_MAGIC

    @property
    def loads_everything(self) -> bool:
        if self.is_archive:
            return any(given.whole_archive for given in self.inputs)
        return not self.inputs[0].in_lib_group

    @property
    def members(self) -> list[archive.Member]:
        """The archive's members.  Raises `MalformedArchive`."""
        if self._members is None:
            self._members = list(archive.members(self.data, self.path))
        return self._members

    def units_with(self, needles: Iterable[bytes]) -> Iterator[Unit]:
        """The objects and bitcode files in which one of `needles` occurs, in order."""
        needles = tuple(needles)
        if not self.is_archive:
            if any(self.data.find(needle) >= 0 for needle in needles):
                yield from self._known(self._own_unit())
        elif self.is_thin:
            for member in self.members:
                unit = self.unit(member)
                if any(needle in unit.data for needle in needles):
                    yield from self._known(unit)
        else:
            found = {member.header: member for needle in needles for member in self._members_with(needle)}
            for header in sorted(found):
                yield from self._known(self.unit(found[header]))

    def bitcode(self) -> Iterator[Unit]:
        """The bitcode files, in order."""
        if not self.is_archive:
            if self.data[:4] in BITCODE_MAGIC:
                yield self._own_unit()
        else:
            for member in self.members:
                if self.is_thin or self.data[member.begin : member.begin + 4] in BITCODE_MAGIC:
                    unit = self.unit(member)
                    if unit.is_bitcode or unit.is_lowered:
                        yield unit

    def unit(self, member: archive.Member) -> Unit:
        unit = self._units.get(member.header)
        if unit is None:
            data = self.member_data(member)
            name = f"{self.path}({os.fsdecode(member.name)})"
            unit = self._units[member.header] = Unit(self, data, name, (self.index, member.header), member)
        return unit

    def member_data(self, member: archive.Member) -> bytes:
        if member.path is None:
            return self.data[member.begin : member.end]
        path = archive.thin_member_path(self.path, member)
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            raise LinkError(f"{self.path}: cannot open member {path}: {error.strerror}") from None

    def _own_unit(self) -> Unit:
        unit = self._units.get(0)
        if unit is None:
            unit = self._units[0] = Unit(self, bytes(self.data), self.path, (self.index, 0), None)
        return unit

    def _known(self, unit: Unit) -> Iterator[Unit]:
        if unit.is_bitcode or is_wasm(unit.data):
            yield unit

    def _members_with(self, needle: bytes) -> Iterator[archive.Member]:
        position = self.data.find(needle)
        while position >= 0:
            member = archive.member_at(self.members, position)
            if member is None:  # in the symbol index or the table of names
                position = self.data.find(needle, position + 1)
                continue
            yield member
            position = self.data.find(needle, member.end)


def open_inputs(command: Command) -> list[InputFile]:
    """The inputs that ldshim can look into, in the order of the command line."""
    files: list[InputFile] = []
    archives: dict[tuple[int, int], InputFile] = {}
    for given in command.inputs:
        opened = _open(given.path)
        if opened is None:
            continue
        data, identity = opened
        known = archives.get(identity)
        if known is not None:
            known.inputs.append(given)
            continue
        if not _interesting(data):
            continue
        file = InputFile(len(files), given.path, data, given)
        files.append(file)
        if file.is_archive:
            archives[identity] = file
    return files


def _interesting(data: bytes | mmap.mmap) -> bool:
    head = data[:4]
    return is_wasm(head) or head in BITCODE_MAGIC or archive.is_archive(data)


def _open(path: str) -> tuple[bytes | mmap.mmap, tuple[int, int]] | None:
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            # It can be read once only: looking into it would take it from the linker, not looking could lose an element.
            raise LinkError(f"{path}: is a pipe, and an object has to be read twice: give a file")
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size < 8:
            return None
        identity = (status.st_dev, status.st_ino)
        if status.st_size >= MAP_FROM:
            return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), identity
        return os.read(descriptor, status.st_size), identity
    except OSError:
        return None
    finally:
        os.close(descriptor)
