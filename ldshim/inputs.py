"""The files of a link, as ldshim looks at them: searched as bytes first, and read as objects only where something was found.

A *unit* is one object: a file of its own or a member of an archive.  It is *certain* if the linker will load it whatever the
symbols are: objects on the command line and members of `--whole-archive` archives.  Members of other archives, and objects between
`--start-lib` and `--end-lib`, are *lazy*: loaded if a symbol of theirs is needed.

Files that are neither wasm, bitcode nor an archive, and files that cannot be opened, are the real linker's to complain about.
"""

from __future__ import annotations

import os
import stat

from ldshim import archive
from ldshim.bitcode import MAGIC, WRAPPER_MAGIC
from ldshim.errors import LinkError, printable
from ldshim.memory import HAS_NOTHING, identity
from ldshim.wasm.cursor import is_wasm
from ldshim.wasm.format import MAGIC as WASM_MAGIC
from ldshim.wasm.names import add_all_names, add_symbol_names, section_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Collection, Iterator

    from ldshim.bitcode.ir import IRModule
    from ldshim.bitcode.module import Module
    from ldshim.command import Command, Input
    from ldshim.memory import Identity, Memory
    from ldshim.wasm.reader import ObjectFile

    # What adds names of an object to a text that is searched (`wasm/names.py`).
    Adder = Callable[[bytearray, bytes | mmap.mmap, int, int], None]

# Below this a read is cheaper than a mapping.
MAP_FROM = 1 << 20
# Below this it is quicker to search all bytes of an object than to find out where its names stand.
SEARCH_NAMES_FROM = 1 << 15

BITCODE_MAGIC = (MAGIC, WRAPPER_MAGIC)


class Unit:
    """One object: `name` is what the linker calls it, and `str(unit)` what messages do; `order` sorts units as the linker is given them."""

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

    def __str__(self) -> str:
        return printable(self.name)

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
            from ldshim.wasm.reader import ObjectFile  # noqa: PLC0415 - most links read no object

            self._object = ObjectFile(self.data, str(self))
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
    """A file on the command line; an archive that stands there twice is one file with two inputs.

    An archive of which something is remembered is opened only if it is looked into after all.
    """

    __slots__ = (
        "_data", "_members", "_names", "_text", "_units", "identity", "index", "inputs", "is_archive", "known", "path", "remembered",
    )  # fmt: skip

    def __init__(
        self, index: int, path: str, data: bytes | mmap.mmap | None, given: Input, identity: Identity, remembered: bytes = b""
    ) -> None:
        self.index = index
        self.path = path
        self.identity = identity
        self._data = data
        self.inputs = [given]
        self.remembered = remembered  # what the memory says of it
        self.known = remembered  # the same, and what this link finds out
        self.is_archive = data is None or archive.is_archive(data)
        self._members: list[archive.Member] | None = None
        self._names: dict[Adder, _MemberNames] = {}
        self._text: bytes | bytearray | mmap.mmap | None = None
        self._units: dict[int, Unit] = {}

    @property
    def data(self) -> bytes | mmap.mmap:
        """The file's bytes."""
        if self._data is None:
            opened = _open(self.path)
            if opened is None or opened[1] != self.identity:
                raise LinkError(f"{self.path}: changed during the link")
            self._data = opened[0]
        return self._data

    @property
    def is_mapped(self) -> bool:
        return self._data is not None and not isinstance(self._data, bytes)

    @property
    def is_remembered(self) -> bool:
        return bool(self.remembered)

    @property
    def is_thin(self) -> bool:
        return self.data[: len(archive.THIN_MAGIC)] == archive.THIN_MAGIC

    @property
    def loads_everything(self) -> bool:
        if self.is_archive:
            return any(given.whole_archive for given in self.inputs)
        return not self.inputs[0].in_lib_group

    @property
    def has_others(self) -> bool:
        """Whether the search of an archive met members that are neither objects nor bitcode (what they are: `foreign.py`)."""
        for names in self._names.values():
            return names.has_others
        return any(not unit.is_bitcode and not is_wasm(unit.data) for unit in self._units.values())

    @property
    def members(self) -> list[archive.Member]:
        """The archive's members.  Raises `MalformedArchive`."""
        if self._members is None:
            self._members = list(archive.members(self.data, self.path))
        return self._members

    def units_with_symbols(self, needles: Collection[bytes]) -> Iterator[Unit]:
        """The objects and bitcode files in whose symbols' names one of `needles` occurs, and maybe others, in order."""
        return self._units_with(needles, add_symbol_names)

    def units_with(self, needles: Collection[bytes]) -> Iterator[Unit]:
        """Those in which it occurs in the names of sections and segments, too."""
        return self._units_with(needles, add_all_names)

    def _units_with(self, needles: Collection[bytes], add: Adder) -> Iterator[Unit]:
        if not self.is_archive:
            text = self._searched_text()
            if any(text.find(needle) >= 0 for needle in needles):
                yield from self._known(self._own_unit())
        elif self.is_thin:
            for member in self.members:
                unit = self.unit(member)
                if any(needle in unit.data for needle in needles):
                    yield from self._known(unit)
        else:
            found = {member.header: member for needle in needles for member in self._members_with(needle, add)}
            for header in sorted(found):
                yield from self._known(self.unit(found[header]))

    def section_names(self) -> Iterator[bytes]:
        """The names of all custom sections and data segments of an archive's objects.  Raises `MalformedObject`."""
        for member in self.members:
            data = self.data[member.begin : member.end]
            if is_wasm(data):
                yield from section_names(data, self.path)

    def bitcode(self) -> Iterator[Unit]:
        """The bitcode files, in order."""
        if self.remembered == HAS_NOTHING:
            return
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
        _status(path)  # refuses a pipe, which would not end
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

    def _searched_text(self) -> bytes | bytearray | mmap.mmap:
        """What names of an object are searched in: of a large one the parts where names stand."""
        if self._text is None:
            size = len(self.data)
            self._text = self.data
            if size >= SEARCH_NAMES_FROM and self.data[:4] == WASM_MAGIC:
                self._text = bytearray()
                add_all_names(self._text, self.data, 0, size)
        return self._text

    def _known(self, unit: Unit) -> Iterator[Unit]:
        if unit.is_bitcode or is_wasm(unit.data):
            yield unit

    def _members_with(self, needle: bytes, add: Adder) -> Iterator[archive.Member]:
        names = self._names.get(add)
        if names is None:
            try:
                names = self._names[add] = _MemberNames(self.data, self.members, add)
            except archive.MalformedArchive:
                # If there is nothing in it for us, it is the linker's to complain about.
                if self.data.find(needle) >= 0:
                    raise
                return
        yield from names.members_with(needle)


class _MemberNames:
    """The names in an archive's objects, one member's after the other's, to be searched instead of the archive."""

    __slots__ = ("_begins", "_data", "_members", "_opaque", "_text")

    def __init__(self, data: bytes | mmap.mmap, members: list[archive.Member], add: Adder) -> None:
        self._data = data
        self._members: list[archive.Member] = []
        self._begins: list[int] = []  # where each one's names begin in the text
        self._opaque: list[archive.Member] = []  # bitcode, and what else is no object
        self._text = text = bytearray()
        for member in members:
            if data[member.begin : member.begin + 4] != WASM_MAGIC:
                self._opaque.append(member)
                continue
            self._members.append(member)
            self._begins.append(len(text))
            add(text, data, member.begin, member.end)

    @property
    def has_others(self) -> bool:
        return any(self._data[member.begin : member.begin + 4] not in BITCODE_MAGIC for member in self._opaque)

    def members_with(self, needle: bytes) -> Iterator[archive.Member]:
        position = self._text.find(needle)
        if position >= 0:
            import bisect  # noqa: PLC0415 - a library to be loaded, as mmap is
        while position >= 0:
            index = bisect.bisect_right(self._begins, position) - 1
            yield self._members[index]
            if index + 1 == len(self._begins):
                break
            position = self._text.find(needle, self._begins[index + 1])
        for member in self._opaque:
            if self._data.find(needle, member.begin, member.end) >= 0:
                yield member


def open_inputs(command: Command, memory: Memory) -> list[InputFile]:
    """The inputs that ldshim can look into, in the order of the command line."""
    files: list[InputFile] = []
    archives: dict[Identity, InputFile] = {}
    for given in command.inputs:
        status = _status(given.path)
        if status is None:
            continue
        data = None
        opened_as = identity(status)
        remembered = memory.of(opened_as)
        if not remembered:
            opened = _open(given.path)
            if opened is None or not _interesting(opened[0]):
                continue
            data, opened_as = opened
        same = archives.get(opened_as)
        if same is not None:
            same.inputs.append(given)
            continue
        file = InputFile(len(files), given.path, data, given, opened_as, remembered)
        files.append(file)
        if file.is_archive:
            archives[opened_as] = file
    return files


def check_unchanged(files: list[InputFile]) -> None:
    """Refuse mapped files that have been written to since: what was found in them and what was read need not belong together."""
    for file in files:
        if file.is_mapped:
            status = _status(file.path)
            if status is None or identity(status) != file.identity:
                raise LinkError(f"{file.path}: changed during the link")


def remember(files: list[InputFile], memory: Memory) -> None:
    """Save what this link has found out."""
    for file in files:
        # An archive with something else in it is searched each time: a link may fail for that, and `foreign.py` explains it.
        if file.known != file.remembered and not file.has_others:
            memory.learn(file.identity, file.known)
    memory.save()


def _status(path: str) -> os.stat_result | None:
    """A regular file's status; None for what is not one, or not there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if stat.S_ISFIFO(status.st_mode):
        # It can be read once only: looking into it would take it from the linker, not looking could lose an element.
        raise LinkError(f"{path}: is a pipe, and an object has to be read twice: give a file")
    return status if stat.S_ISREG(status.st_mode) else None


def _interesting(data: bytes | mmap.mmap) -> bool:
    head = data[:4]
    return is_wasm(head) or head in BITCODE_MAGIC or archive.is_archive(data)


def _open(path: str) -> tuple[bytes | mmap.mmap, Identity] | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size < 8:
            return None
        if status.st_size >= MAP_FROM:
            import mmap  # noqa: PLC0415

            return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), identity(status)
        return os.read(descriptor, status.st_size), identity(status)
    except OSError:
        return None
    finally:
        os.close(descriptor)
