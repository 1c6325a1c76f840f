"""Link-time optimization: which way bitcode goes here, by the LLVM of the compiler, of llvmlite and of the linker (docs/lto.md).

Only `-C linker-plugin-lto` and clang's `-flto` leave bitcode to the linker; of a profile's `lto` rustc makes objects itself.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from ldshim.bitcode.opening import _OLDEST_LLVM
from ldshim.doctor.findings import Cure, Group, run
from ldshim.doctor.programs import dotted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from ldshim.doctor.compilers import Rustc
    from ldshim.doctor.linkers import Choice, Linkers
    from ldshim.doctor.programs import Answer, Programs

# In a process of its own, since a library that does not fit may do anything.
_ASK = """
import sys
sys.path[:] = sys.argv[1:]
try:
    import llvmlite
except ImportError:
    sys.exit("missing")
import llvmlite.binding
print("llvmlite", llvmlite.__version__, "LLVM", ".".join(map(str, llvmlite.binding.llvm_version_info)))
"""
INSTALL = run("pip", "install", "'ldshim[lto]'")


@dataclass
class Llvmlite:
    """The package and its LLVM; both empty without it."""

    version: str = ""
    llvm: tuple[int, ...] = ()
    trouble: str = ""

    @property
    def described(self) -> str:
        if self.trouble:
            return f"llvmlite {self.trouble}"
        return f"llvmlite has LLVM {dotted(self.llvm)}" if self.llvm else "llvmlite is not installed"


def start_llvmlite(programs: Programs) -> Future[Answer]:
    return programs.ask([sys.executable, "-c", _ASK, *sys.path])


def _llvmlite(answer: Answer) -> Llvmlite:
    if answer.err.strip() == "missing":
        return Llvmlite()
    version, llvm = answer.number("^llvmlite "), answer.number(r"\bLLVM ")
    if answer.trouble or not llvm:
        last = answer.err.strip().splitlines()[-1:]
        return Llvmlite(trouble=f"cannot be loaded: {last[0]}" if last and "Traceback" in answer.err else answer.rubbish())
    return Llvmlite(dotted(version), llvm)


def examine(
    asked: Future[Answer], targets: list[str], rustc: Rustc | None, clangs: Mapping[str, tuple[int, ...]], linkers: Linkers
) -> Group:
    """Judge what becomes of each compiler's bitcode; of `targets`, the linker gets some."""
    group = Group("lto")
    llvmlite = _llvmlite(asked.result())
    group.say("llvmlite", f"{llvmlite.version}, LLVM {dotted(llvmlite.llvm)}" if llvmlite.llvm else llvmlite.trouble or "not installed")
    ways = {}
    if rustc:
        ways[rustc.path] = _way(rustc.llvm, llvmlite, linkers.rustc)
    for path, version in clangs.items():
        ways[path] = _way(version, llvmlite, linkers.shell)
    for number, way in enumerate(dict.fromkeys(ways.values())):
        names = [os.path.basename(compiler) for compiler in ways if ways[compiler] == way]
        group.say("" if number else "bitcode", f"{way}: of {', '.join(names)}")
    group.facts = {
        "llvmlite": llvmlite.version or None,
        "llvmlite_llvm": dotted(llvmlite.llvm) if llvmlite.llvm else None,
        "targets": targets,
        "bitcode": ways,
    }
    if llvmlite.trouble:
        message = f"llvmlite is installed, but {llvmlite.trouble}; bitcode with elements is lowered instead"
        group.warning("llvmlite-broken", message, run("pip", "install", "--force-reinstall", "llvmlite"))
    if rustc and targets and linkers.rustc and linkers.rustc.candidate and linkers.rustc.candidate.version:
        group.say("targets", f"{', '.join(targets)}: -C linker-plugin-lto")
        _judge(group, rustc, llvmlite, linkers, linkers.rustc.candidate.version)
    return group


def _way(compiler: tuple[int, ...], llvmlite: Llvmlite, choice: Choice | None) -> str:
    """Which way the bitcode of a compiler goes."""
    lld = choice.candidate.version if choice and choice.candidate else ()
    if not lld:
        return "without a linker"
    if _fits(compiler, llvmlite.llvm, lld):
        return f"through llvmlite, and as bitcode to LLD {dotted(lld)}"
    if lld[:1] < compiler[:1]:
        return f"too new for LLD {dotted(lld)}"
    if not llvmlite.llvm:
        reason = llvmlite.described
    elif compiler[:1] > llvmlite.llvm[:1]:
        reason = f"newer than llvmlite's LLVM {dotted(llvmlite.llvm)}"
    elif llvmlite.llvm < (_OLDEST_LLVM,):
        reason = f"llvmlite's LLVM {dotted(llvmlite.llvm)} is too old"
    else:
        reason = f"llvmlite's LLVM {dotted(llvmlite.llvm)} is newer than that"
    return f"lowered by LLD {dotted(lld)} where it has elements, {reason}"


def _fits(compiler: tuple[int, ...], llvmlite: tuple[int, ...], lld: tuple[int, ...]) -> bool:
    return llvmlite >= (_OLDEST_LLVM,) and compiler[:1] <= llvmlite[:1] <= lld[:1]


def _judge(group: Group, rustc: Rustc, llvmlite: Llvmlite, linkers: Linkers, lld: tuple[int, ...]) -> None:
    """Judge the bitcode of rustc, which the linker gets."""
    if lld[:1] < rustc.llvm[:1]:
        message = (
            f"with -C linker-plugin-lto rustc writes bitcode of LLVM {dotted(rustc.llvm)}, "
            f"and the linker is LLD {dotted(lld)}, which cannot read it"
        )
        group.error("lto-unreadable", message, *_other_linker(linkers, rustc.llvm[0]))
        return
    if _fits(rustc.llvm, llvmlite.llvm, lld) or llvmlite.trouble:
        return
    if llvmlite.llvm[:1] < rustc.llvm[:1] or llvmlite.llvm < (_OLDEST_LLVM,):
        cure = [run("pip", "install", "--upgrade", "llvmlite") if llvmlite.llvm else INSTALL]
    else:
        cure = _other_linker(linkers, llvmlite.llvm[0])
    why = f"{llvmlite.described}, rustc {dotted(rustc.llvm)}, the linker {dotted(lld)}" if llvmlite.llvm else llvmlite.described
    group.warning("lto-lowered", f"LTO by the linker is not whole-program for files with elements: {why}", *cure)


def _other_linker(linkers: Linkers, llvm: int) -> list[Cure]:
    return linkers.other(llvm) or [Cure("do", f"get an lld {llvm} or later, and name it in LDSHIM_LINKER")]
