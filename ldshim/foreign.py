"""Objects of other platforms among the inputs: what they are, who made them, how they come here, and what to do.

Mostly it is a build script that ran the host's compiler.  The real linker says little of it:

    a file              unknown file type: PATH, an error of all versions
    a member of an      lld 14 to 16: the same, if the member is extracted, as PATH(MEMBER), from lld 14 only MEMBER;
    archive             later: a warning for each member, whether it is needed or not, and errors about what it would have defined;
                        in --whole-archive an error that names nothing

So an explanation follows the linker's messages where it failed for such a file, and nothing is said where it did not.  Imported only then,
and where an input is no object.
"""

from __future__ import annotations

import io
import os

from ldshim import archive
from ldshim.bitcode import MAGIC, WRAPPER_MAGIC
from ldshim.errors import LinkError, printable
from ldshim.wasm.format import MAGIC as WASM_MAGIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ldshim.archive import Member
    from ldshim.command import Command
    from ldshim.inputs import InputFile

    Order = str  # "little" or "big"

# https://www.sco.com/developers/gabi/latest/ch4.eheader.html, field e_machine
_ELF_MACHINES = {
    3: "x86", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "ARM", 43: "SPARC64", 62: "x86-64", 183: "AArch64",
    243: "RISC-V", 247: "BPF", 258: "LoongArch",
}  # fmt: skip
_ELF_TYPES = {1: "object", 2: "executable", 3: "shared library"}
# https://github.com/apple-oss-distributions/xnu/blob/main/osfmk/mach/machine.h
_MACH_O_MACHINES = {7: "x86", 12: "ARM", 18: "PowerPC", 0x1000007: "x86-64", 0x100000C: "AArch64", 0x200000C: "AArch64 (32-bit)"}
_MACH_O_TYPES = {1: "object", 2: "executable", 6: "dynamic library", 8: "bundle"}
_MACH_O_MAGICS: dict[bytes, Order] = {
    b"\xfe\xed\xfa\xce": "big", b"\xfe\xed\xfa\xcf": "big", b"\xce\xfa\xed\xfe": "little", b"\xcf\xfa\xed\xfe": "little",
}  # fmt: skip
_FAT_MAGICS = {b"\xca\xfe\xba\xbe": 20, b"\xca\xfe\xba\xbf": 32}  # and the size of an entry
# Java's classes begin alike; what follows is their version, 45 and more.
_MAX_FAT = 20
# https://learn.microsoft.com/windows/win32/debug/pe-format#machine-types
_COFF_MACHINES = {0x14C: "x86", 0x1C4: "ARM", 0x8664: "x86-64", 0xA641: "AArch64 (EC)", 0xAA64: "AArch64"}

_SUFFIXES = (".so", ".dylib", ".dll.a")
# A member that is nobody's code: what rustc has to know of a crate.
_METADATA = b"lib.rmeta"
_MAX_COMMENT = 1 << 16
_MAX_DEBUG = 1 << 26
# How many members of one archive are named.
_MAX_MEMBERS = 5

_COMPILE = (
    "C and C++ are compiled for WebAssembly with clang --target=wasm32; the cc crate, in build scripts, takes the compiler that "
    "CC_wasm32_unknown_unknown=clang names (the target with underscores), else that of CC"
)
_CARGO = "Rust is compiled for WebAssembly with cargo build --target=wasm32-unknown-unknown, or another wasm target"
_LIBRARY = (
    "libraries and programs of another platform cannot be linked into WebAssembly: take their directory out of -L, "
    "and build the library for WebAssembly as an archive (.a)"
)
_IMPORT = "member of a DLL's import library"


class Foreign:
    """What a file is: `kind` with its format ("ELF object"), and for which machine."""

    __slots__ = ("_data", "kind", "machine")

    def __init__(self, kind: str, machine: str, data: bytes = b"") -> None:
        self.kind = kind
        self.machine = machine
        self._data = data

    @property
    def producer(self) -> str:
        """Who made it, as far as it says so and there is something to read that with."""
        return _elf_producer(self._data) if self.kind.startswith("ELF") else ""

    def __str__(self) -> str:
        article = "an" if self.kind[0] == "E" else "a"
        producer = self.producer
        return f"{article} {self.kind} for {self.machine}{', made by ' if producer else ''}{producer}"

    @property
    def cure(self) -> str:
        if not self.kind.endswith(("object", "archive")):
            return _LIBRARY
        return _CARGO if self.producer.startswith("rustc ") else _COMPILE


# What a file is


def identify(data: bytes) -> Foreign | None:
    """What an object, library or program of another platform is; None for anything else."""
    magic = data[:4]
    if magic == b"\x7fELF":
        return _elf(data)
    if magic in _MACH_O_MAGICS:
        return _mach_o(data, _MACH_O_MAGICS[magic])
    if magic in _FAT_MAGICS:
        return _fat(data, _FAT_MAGICS[magic])
    return _coff(data)


def _number(data: bytes, at: int, size: int, order: Order = "little") -> int:
    return int.from_bytes(data[at : at + size], "big" if order == "big" else "little")


def _elf(data: bytes) -> Foreign | None:
    if len(data) < 20:
        return None
    order = "big" if data[5] == 2 else "little"
    kind, machine = _number(data, 16, 2, order), _number(data, 18, 2, order)
    name = _ELF_MACHINES.get(machine, f"machine {machine}")
    if name == "RISC-V":
        name = "RISC-V 64" if data[4] == 2 else "RISC-V 32"
    return Foreign(f"ELF {_ELF_TYPES.get(kind, 'file')}", name, data)


def _elf_producer(data: bytes) -> str:
    """What the section .comment says, else the debug information."""
    try:
        from elftools.elf.elffile import ELFFile  # noqa: PLC0415 - an extra, and 50 ms
    except ImportError:
        return ""
    try:
        elf = ELFFile(io.BytesIO(data))
        comment = elf.get_section_by_name(".comment")
        if comment is not None:
            begin, size = comment["sh_offset"], min(comment["sh_size"], _MAX_COMMENT)
            for text in data[begin : begin + size].split(b"\0"):
                if text:
                    return printable(text)
        if len(data) <= _MAX_DEBUG and elf.has_dwarf_info():
            for unit in elf.get_dwarf_info().iter_CUs():
                producer = unit.get_top_DIE().attributes.get("DW_AT_producer")
                if producer is not None:
                    return printable(producer.value)
    except Exception:  # noqa: BLE001 - a damaged file, and what it says of its compiler is an extra
        return ""
    return ""


def _mach_o(data: bytes, order: Order) -> Foreign | None:
    if len(data) < 16:
        return None
    machine, kind = _number(data, 4, 4, order), _number(data, 12, 4, order)
    return Foreign(f"Mach-O {_MACH_O_TYPES.get(kind, 'file')}", _mach_o_machine(machine))


def _mach_o_machine(number: int) -> str:
    return _MACH_O_MACHINES.get(number, f"machine {number:#x}")


def _fat(data: bytes, entry: int) -> Foreign | None:
    """One file for several machines, whose table says what each part is for and where it is."""
    count = _number(data, 4, 4, "big")
    if not 0 < count <= _MAX_FAT or len(data) < 8 + count * entry:
        return None
    machines = [_mach_o_machine(_number(data, 8 + i * entry, 4, "big")) for i in range(count)]
    place = _number(data, 16, 8 if entry == 32 else 4, "big")
    part = data[place : place + 16]
    order = _MACH_O_MAGICS.get(part[:4])
    kind = _MACH_O_TYPES.get(_number(part, 12, 4, order), "file") if order else "archive" if archive.is_archive(part) else "file"
    return Foreign(f"Mach-O universal {kind}", " and ".join(machines))


def _coff(data: bytes) -> Foreign | None:
    """COFF objects begin with the machine, without a magic number, so more of the header has to fit."""
    if len(data) < 20:
        return None
    if data[:2] == b"MZ":
        header = _number(data, 60, 4)
        if data[header : header + 4] != b"PE\0\0":
            return None
        is_library = _number(data, header + 22, 2) & 0x2000
        return Foreign(f"Windows {'DLL' if is_library else 'executable'}", _coff_machine(_number(data, header + 4, 2)))
    machine = _number(data, 0, 2)
    if data[:4] == b"\0\0\xff\xff":  # what stands for a function of a DLL, or an object of many sections
        machine = _number(data, 6, 2)
        kind = "COFF object" if _number(data, 4, 2) else _IMPORT
    else:
        kind = "COFF object"
        fits = 20 + 40 * _number(data, 2, 2) <= len(data) and _number(data, 8, 4) <= len(data) and _number(data, 16, 2) == 0
        if not fits:
            return None
    return Foreign(kind, _coff_machine(machine)) if machine in _COFF_MACHINES else None


def _coff_machine(number: int) -> str:
    return _COFF_MACHINES.get(number, f"machine {number:#x}")


# Those of a link


class _Member:
    """A member of an archive that is foreign."""

    __slots__ = ("foreign", "member")

    def __init__(self, member: Member, foreign: Foreign) -> None:
        self.member = member
        self.foreign = foreign


def is_there_any(command: Command, files: list[InputFile]) -> bool:
    """Whether the inputs, and the archives that were searched, hold something foreign."""
    found = (any(True for _ in of) for of in (_foreign_files(command, files), _foreign_libraries(command)))
    return any(found) or any(True for file in files if file.has_others for _ in _foreign_members(file))


def explanations(command: Command, files: list[InputFile], messages: bytes) -> list[str]:
    """Why the link failed, as far as that is for foreign objects: a line for each that the linker's `messages` are about."""
    lines: list[str] = []
    cures: dict[str, None] = {}
    for path, foreign in _foreign_files(command, files):
        if b"unknown file type: " + os.fsencode(path) + b"\n" in _unix_lines(messages):
            lines.append(f"{printable(path)} is {foreign}")
            cures.setdefault(foreign.cure)
    for name, path, foreign in _foreign_libraries(command):
        if b"unable to find library -l" + os.fsencode(name) + b"\n" in _unix_lines(messages):
            lines.append(f"-l{printable(name)}: no archive has that name; {printable(path)} is {foreign}")
            cures.setdefault(foreign.cure)
    archives = [(file, found) for file in files if file.is_archive and (found := list(_foreign_members(file)))]
    for _, members in archives:
        # An import library has a few objects beside the members that stand for functions.
        if any(m.foreign.kind == _IMPORT for m in members):
            for m in members:
                m.foreign.kind = _IMPORT
    if archives:
        _explain_archives(archives, _unix_lines(messages), lines, cures)
    return lines + list(cures)


def _unix_lines(messages: bytes) -> bytes:
    return messages.replace(b"\r\n", b"\n")


def _foreign_files(command: Command, files: list[InputFile]) -> Iterator[tuple[str, Foreign]]:
    known = {id(given) for file in files for given in file.inputs}
    for path in dict.fromkeys(given.path for given in command.inputs if id(given) not in known):
        foreign = _identified(path)
        if foreign is not None:
            yield path, foreign


def _identified(path: str) -> Foreign | None:
    try:
        if not os.path.isfile(path):
            return None  # a device or a pipe is read once, and not by us
        with open(path, "rb") as file:
            return identify(file.read())
    except (OSError, ValueError):
        return None  # not there, and the linker has said so


def _foreign_libraries(command: Command) -> Iterator[tuple[str, str, Foreign]]:
    """For each library that was not found a file that another linker would have taken."""
    for name in dict.fromkeys(command.missing_libraries):
        names = [f"lib{name}{suffix}" for suffix in _SUFFIXES] + [f"{name}.lib"]
        paths = (os.path.join(directory, file) for directory in command.library_paths for file in names)
        for path in paths:
            foreign = _identified(path)
            if foreign is not None:
                yield name, path, foreign
                break


def _foreign_members(file: InputFile) -> Iterator[_Member]:
    """Those that are somebody's code."""
    try:
        for member in file.members:
            # Of most members the first bytes are enough.
            head = file.data[member.begin : member.begin + 4] if member.path is None else b""
            if head != WASM_MAGIC and head not in (MAGIC, WRAPPER_MAGIC) and member.name != _METADATA:
                foreign = identify(file.member_data(member))
                if foreign is not None:
                    yield _Member(member, foreign)
    except LinkError:
        return  # a damaged archive, or a member of a thin one that is gone: the linker says so, too


def _explain_archives(
    archives: list[tuple[InputFile, list[_Member]]], messages: bytes, lines: list[str], cures: dict[str, None]
) -> None:
    undefined = _undefined_symbols(messages)
    explained = bool(lines)
    for file, members in archives:
        defined = _definitions(file, members, undefined)
        refused = [m for m in members if defined.get(m.member.header) or _is_refused(file, m.member, messages)]
        for member in refused[:_MAX_MEMBERS]:
            what = _listed(defined.get(member.member.header, []))
            line = f"{_name(file, member)}{f', which defines {what},' if what else ''} is {member.foreign}"
            if line not in lines:  # several members can have one name
                lines.append(line)
            cures.setdefault(member.foreign.cure)
        if len(refused) > _MAX_MEMBERS:
            lines.append(f"so are {len(refused) - _MAX_MEMBERS} more members of {printable(file.path)}")
        explained = explained or bool(refused)
    # The linker names symbols of C++ as the source has them, and the archive does not: it may be one of these.
    for file, members in archives if undefined and not explained else ():
        lines.append(
            f"the linker left out {len(members)} of the {len(file.members)} members of {printable(file.path)}: "
            f"{_name(file, members[0])} is {members[0].foreign}"
        )
        cures.setdefault(members[0].foreign.cure)


def _is_refused(file: InputFile, member: Member, messages: bytes) -> bool:
    """Whether the linker stopped at a member; lld 14 does not name the archive, and lld 19 and later name nothing."""
    path = os.fsencode(file.path)
    names = (path + b"(" + member.name + b")", member.name)
    if any(b"unknown file type: " + name + b"\n" in messages for name in names):
        return True
    return file.loads_everything and b"Bitcode section not found in object file\n" in messages


def _undefined_symbols(messages: bytes) -> set[bytes]:
    return {line.partition(b"undefined symbol: ")[2] for line in messages.split(b"\n") if b"undefined symbol: " in line}


def _definitions(file: InputFile, members: list[_Member], undefined: set[bytes]) -> dict[int, list[bytes]]:
    """Which of the undefined symbols the archive's index has in foreign members, by the place of the member."""
    kinds = {m.member.header: m.foreign for m in members}
    found: dict[int, list[bytes]] = {}
    for symbol, header in archive.symbol_index(file.data) or () if undefined else ():
        foreign = kinds.get(header)
        if foreign is None:
            continue
        # There, the symbol of the C function `f` is called `_f`.
        if foreign.kind.startswith("Mach-O") or (foreign.machine == "x86" and not foreign.kind.startswith("ELF")):
            symbol = symbol.removeprefix(b"_")  # noqa: PLW2901 - the name in the source
        if symbol in undefined:
            found.setdefault(header, []).append(symbol)
    return found


def _name(file: InputFile, member: _Member) -> str:
    return f"{printable(file.path)}({printable(member.member.name)})"


def _listed(names: Iterable[bytes]) -> str:
    """A few names, and how many more there are."""
    names = list(names)
    text = ", ".join(printable(name) for name in names[:3])
    return text if len(names) <= 3 else f"{text} and {len(names) - 3} more"
