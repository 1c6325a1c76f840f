"""Which way each bitcode file with elements goes: through llvmlite, and on to the linker as bitcode, or lowered by the linker.

llvmlite reads what its own LLVM and older ones wrote, and writes what its own LLVM and newer ones read.  So it serves where the LLVM of the
compiler is no newer than llvmlite's, and llvmlite's no newer than the linker's.
"""

from __future__ import annotations

import functools
import re

from ldshim import linker, markers
from ldshim.bitcode import ALIAS
from ldshim.bitcode import module as bitcode
from ldshim.bitcode.guard import survives
from ldshim.errors import LinkError, printable
from ldshim.survey import NEEDLES
from ldshim.trace import trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from types import ModuleType

    from ldshim.bitcode.ir import IRModule
    from ldshim.command import Command
    from ldshim.inputs import Unit
    from ldshim.linker import Linker

_WAYS_OUT = (
    "compile the file without -flto or -C linker-plugin-lto, link with the wasm-ld of its compiler's LLVM (LDSHIM_LINKER), "
    "or install an llvmlite of that version"
)
# Before that LLVM's pointers had types, and IR is written in another way.
_OLDEST_LLVM = 17


class _Tools:
    """llvmlite, if it is here, and the versions that decide whether it can be used."""

    __slots__ = ("described", "ir", "lld", "llvm")

    def __init__(self, real: Linker) -> None:
        self.ir: ModuleType | None = None
        self.llvm: tuple[int, ...] = ()
        self.lld = _version(linker.version(real), r"LLD ")
        try:
            import llvmlite.binding as llvm  # noqa: PLC0415 - not installed everywhere

            from ldshim.bitcode import ir  # noqa: PLC0415
        except ImportError:
            self.described = "llvmlite is not installed (pip install 'ldshim[lto]')"
            return
        except OSError as error:  # of its library
            self.described = f"llvmlite cannot be loaded ({' '.join(str(error).split())})"
            return
        self.ir = ir
        self.llvm = llvm.llvm_version_info
        self.described = f"llvmlite has LLVM {_dotted(self.llvm)}"

    def read(self, unit: Unit) -> IRModule:
        """The unit's module.  Raises `RuntimeError` if LLVM cannot read it."""
        assert self.ir is not None  # noqa: S101 - see `_why_not`
        assert unit.bitcode is not None  # noqa: S101
        module: IRModule = self.ir.IRModule(bitcode.unwrapped(unit.data), unit.bitcode)
        return module


def open_units(
    units: list[Unit], wanted: Container[bytes], real: Linker, command: Command, environ: Mapping[str, str]
) -> None:
    """Give each unit its object: a module of llvmlite, or what the linker made of it.

    Raises `LinkError` where neither can be had.
    """
    tools = _Tools(real)
    reasons = {unit: _why_not(unit, tools, wanted, command) for unit in units}
    _try_out([unit for unit, reason in reasons.items() if reason is None], tools, reasons)
    lowered: list[tuple[Unit, str]] = []
    for unit in units:
        reason = reasons[unit] or _open_as_bitcode(unit, tools)
        if reason is not None:
            lowered.append((unit, reason))
        elif trace.on:
            trace.say(f"{unit}: bitcode of {_writer(unit)}; {tools.described}: edited, stays bitcode for LLD {_dotted(tools.lld)}")
    if lowered:
        _lower(lowered, tools, real, command, environ)


def _try_out(units: list[Unit], tools: _Tools, reasons: dict[Unit, str | None]) -> None:
    """Find the units that LLVM does not survive; mostly there are none, and all are read in one go."""
    if survives(lambda: [tools.read(unit) for unit in units]):
        return
    for unit in units:
        if not survives(functools.partial(tools.read, unit)):
            reasons[unit] = "llvmlite fails to read it"


def _open_as_bitcode(unit: Unit, tools: _Tools) -> str | None:
    """Open a unit through llvmlite, or say why that cannot be."""
    try:
        unit.open_as(tools.read(unit))
    except RuntimeError as error:
        return f"llvmlite cannot read it ({' '.join(str(error).split())})"
    return None


def _why_not(unit: Unit, tools: _Tools, wanted: Container[bytes], command: Command) -> str | None:
    """Why a unit cannot go through llvmlite, as far as one can tell without trying."""
    facts = unit.bitcode
    if facts is None:
        return "it cannot be read without its LLVM"
    if command.shared_memory:
        _refuse_thread_local(unit, facts, wanted)
    if tools.ir is None:
        return tools.described
    written = _version(facts.producer.decode("ascii", "replace"), r"^LLVM")
    if not written or written[0] > tools.llvm[0]:
        return f"{tools.described}, and reads nothing newer"
    if tools.llvm[0] < _OLDEST_LLVM:
        return f"{tools.described}, which is too old for ldshim"
    if not tools.lld or tools.lld[0] < tools.llvm[0]:
        return f"{tools.described}, and LLD {_dotted(tools.lld)} would not read what that writes"
    if b"emscripten" in facts.triple and (command.pic or not command.gc_sections):
        return "for emscripten what is kept for its own sake would be exported"
    return next((why for g in facts.globals if (why := _cannot_be_edited(g, wanted)) is not None), _why_not_asm(facts, wanted))


def _is_element(known: bitcode.Global, wanted: Container[bytes]) -> bool:
    return not known.is_declaration and (markers.NEEDLE in known.name or known.section in wanted)


def _refuse_thread_local(unit: Unit, facts: bitcode.Module, wanted: Container[bytes]) -> None:
    """Without threads LLVM makes an ordinary variable of one; with them, lowering it by itself could not tell."""
    for known in facts.globals:
        if known.is_thread_local and _is_element(known, wanted):
            raise LinkError(
                f"{unit}: {printable(known.name)} is thread-local: every thread has its own copy, "
                "so it cannot be an element of a section"
            )


def _cannot_be_edited(known: bitcode.Global, wanted: Container[bytes]) -> str | None:
    """Why a global that is an element can only be handled in an object."""
    if not _is_element(known, wanted):
        return None
    if known.kind == ALIAS:
        return "a marker symbol is an alias"
    if known.is_thread_local:
        return "an element is thread-local"
    if known.is_weak and not known.comdat and known.section in wanted:
        return "an element can be replaced by another definition"
    return None


def _why_not_asm(facts: bitcode.Module, wanted: Container[bytes]) -> str | None:
    words = re.findall(rb"[\w$]+", facts.asm)
    named = any(needle in facts.asm for needle in NEEDLES) or any(word in wanted for word in words)
    return "its assembly names a section" if named else None


def _lower(
    units: list[tuple[Unit, str]], tools: _Tools, real: Linker, command: Command, environ: Mapping[str, str]
) -> None:
    from ldshim.bitcode import lowering  # noqa: PLC0415 - only where it is needed

    results = lowering.lower([(unit.name, unit.data) for unit, _ in units], real, command, environ)
    for (unit, reason), result in zip(units, results, strict=True):
        lld = f"LLD {_dotted(tools.lld)}"
        if result.object is None:
            raise LinkError(
                f"{unit}: bitcode of {_writer(unit)} has elements, and nothing here can handle them\n"
                f">>> through llvmlite: {reason}\n>>> by {lld}: {result.messages}\n>>> {_WAYS_OUT}"
            )
        if trace.on:
            trace.say(f"{unit}: bitcode of {_writer(unit)}; {reason}: lowered to an object by {lld}")
        unit.lower_to(result.object)


def _writer(unit: Unit) -> str:
    producer = bitcode.producer(unit.data).decode("ascii", "backslashreplace")
    return producer.replace("LLVM", "LLVM ", 1) or "an unknown LLVM"


def _version(text: str, before: str) -> tuple[int, ...]:
    """The numbers behind `before`, empty if there are none."""
    found = re.search(before + r"(\d+(?:\.\d+)*)", text)
    return tuple(int(number) for number in found[1].split(".")) if found else ()


def _dotted(version: Iterable[int]) -> str:
    return ".".join(str(number) for number in version) or "of an unknown version"
