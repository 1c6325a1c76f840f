"""The real linkers: all that are here, and the one that links.

`ldshim.linker.find` decides; what is listed here is what it goes through, in its order.  When rustc runs ldshim, it puts the folder
of its own tools in front of PATH, so that may be another one than in a shell.
"""

from __future__ import annotations

import glob
import os
import shlex
import sys
from dataclasses import dataclass

from ldshim import command, linker
from ldshim.doctor.findings import Cure, Group, export, run, unset
from ldshim.doctor.programs import Answer, dotted
from ldshim.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from ldshim.doctor.compilers import Rustc
    from ldshim.doctor.programs import Programs

OLDEST = 14
INSTALL = run("pip", "install", "'ldshim[lld]'")


@dataclass
class Candidate:
    """A program that could link, and how it is found."""

    path: str
    how: str
    is_ldshim: bool
    answer: Answer
    same_as: str = ""  # a path that was listed before

    @property
    def version(self) -> tuple[int, ...]:
        return () if self.answer.trouble else self.answer.number(r"\bLLD ")

    def works_for(self, llvm: int) -> bool:
        return not self.is_ldshim and self.version >= (llvm,)

    @property
    def label(self) -> str:
        if self.is_ldshim:
            return "ldshim itself"
        return f"LLD {dotted(self.version)}" if self.version else "broken" if self.answer.trouble else "not lld"


@dataclass
class Choice:
    """The linker that is used, or why there is none."""

    candidate: Candidate | None
    why: str


@dataclass
class Linkers:
    """All of them, the one that a shell's link uses, and the one of rustc's."""

    candidates: list[Candidate]
    shell: Choice
    rustc: Choice | None  # None without a rustc
    without_setting: list[Choice]  # what both would be if LDSHIM_LINKER were not set; empty if it is not

    @property
    def used(self) -> list[Choice]:
        return [choice for choice in (self.shell, self.rustc) if choice is not None]

    def which_works(self, llvm: int = OLDEST) -> Candidate | None:
        """One that works, and reads what this LLVM writes."""
        return next((found for found in self.candidates if found.works_for(llvm)), None)

    def other(self, llvm: int = OLDEST) -> list[Cure]:
        """How a linker is taken that works, and reads what this LLVM writes; empty if none is here."""
        usual = [choice.candidate for choice in self.without_setting]
        if usual and all(found is not None and found.works_for(llvm) for found in usual):
            return [unset("LDSHIM_LINKER")]
        found = self.which_works(llvm)
        return [export("LDSHIM_LINKER", found.path)] if found else []


def find_all(programs: Programs, rustc: Rustc | None) -> Linkers:
    """Find the linkers, and ask each for its version."""
    environs = {"shell": dict(os.environ)}
    if rustc:
        tools = os.path.join(rustc.sysroot, "lib", "rustlib", rustc.host, "bin")
        environs["rustc"] = {**os.environ, "PATH": os.pathsep.join((tools, os.environ.get("PATH", os.defpath)))}
    places = list(_places(environs, rustc))
    answers: dict[tuple[str, str], Future[Answer]] = {}
    first: dict[tuple[str, str], str] = {}
    for path, how in places:
        key = _key(path)
        if key not in answers and not _is_ldshim(path, how):
            real = linker._linker(path)  # noqa: SLF001 - as it is called in a link
            answers[key] = programs.ask([*real.prefix, "--version"], executable=path, environ=linker.environment(real))
        first.setdefault(key, path)
    candidates = []
    for path, how in places:
        key = _key(path)
        answer = answers[key].result() if key in answers else Answer()
        same_as = first[key] if first[key] != path else ""
        candidates.append(Candidate(path, how, _is_ldshim(path, how), answer, same_as))
    choices = {user: _choose(candidates, environ) for user, environ in environs.items()}
    without_setting = []
    if os.environ.get("LDSHIM_LINKER"):
        without_setting = [_choose(candidates, {**environ, "LDSHIM_LINKER": ""}) for environ in environs.values()]
    return Linkers(candidates, choices["shell"], choices.get("rustc"), without_setting)


def _key(path: str) -> tuple[str, str]:
    """What makes two paths the same program: lld goes by its name."""
    return os.path.realpath(path), os.path.basename(path)


def _is_ldshim(path: str, how: str) -> bool:
    # As `find` has it: what is named is taken at its word, if it can be.
    return linker._is_ldshim(path, b"ldshim.cli" if how == "LDSHIM_LINKER" else b"ldshim")  # noqa: SLF001


def _places(environs: Mapping[str, Mapping[str, str]], rustc: Rustc | None) -> Iterable[tuple[str, str]]:
    """Where `linker.find` looks, in its order, and how that is called; then what it takes only if it is named."""
    shell = environs["shell"]
    found: dict[str, str] = {}
    named = shell.get("LDSHIM_LINKER")
    if named:
        paths = [named] if "/" in named or os.sep in named else linker._on_path(named, shell)  # noqa: SLF001
        found.update(dict.fromkeys(filter(_is_program, paths), "LDSHIM_LINKER"))
    for name in ("rust-lld", "wasm-ld", *(f"wasm-ld-{number}" for number in linker._VERSIONS)):  # noqa: SLF001
        for user, environ in environs.items():
            for path in filter(_is_program, linker._on_path(name, environ)):  # noqa: SLF001
                in_shell = user == "shell" or path in linker._on_path(name, shell)  # noqa: SLF001
                found.setdefault(path, f"{name} on PATH" if in_shell else f"{name} of rustc's own tools")
    sdk = shell.get("WASI_SDK_PATH")
    if sdk:
        found.setdefault(os.path.join(sdk, "bin", "wasm-ld" + linker._SUFFIX), "WASI_SDK_PATH")  # noqa: SLF001
    for entry in sys.path:
        found.setdefault(os.path.join(entry, "ziglang", "zig" + linker._SUFFIX), "the ziglang package")  # noqa: SLF001
    if rustc:
        for pattern in ("rust-lld", "gcc-ld/wasm-ld"):
            for path in sorted(glob.glob(os.path.join(glob.escape(rustc.sysroot), "lib", "rustlib", "*", "bin", *pattern.split("/")))):
                found.setdefault(path, "in rustc's sysroot, only if LDSHIM_LINKER names it")
    return [(path, how) for path, how in found.items() if _is_program(path)]


def _is_program(path: str) -> bool:
    return linker._is_executable(path)  # noqa: SLF001


def _choose(candidates: list[Candidate], environ: Mapping[str, str]) -> Choice:
    try:
        path = linker.find(command.parse([]), environ).path
    except LinkError as error:
        return Choice(None, str(error))
    found = next(candidate for candidate in candidates if candidate.path == path)
    return Choice(found, found.how)


def examine(linkers: Linkers) -> Group:
    """Show the linkers, and what is wrong with those that are used."""
    group = Group("linkers")
    for candidate in linkers.candidates:
        same = f", the same as {candidate.same_as}" if candidate.same_as else ""
        group.say(candidate.label, f"{candidate.path} ({candidate.how}){same}")
    shell = _described(linkers.shell)
    rustc = _described(linkers.rustc) if linkers.rustc else shell
    if rustc == shell:
        group.say("used", shell)
    else:
        group.say("used in a shell", shell)
        group.say("used for rustc", rustc)
    group.facts = {
        "found": [
            {"path": found.path, "how": found.how, "ldshim": found.is_ldshim, "lld": dotted(found.version) if found.version else None}
            for found in linkers.candidates
        ],
        "used": linkers.shell.candidate and linkers.shell.candidate.path,
        "used_for_rustc": linkers.rustc and linkers.rustc.candidate and linkers.rustc.candidate.path,
    }
    _judge(group, linkers)
    return group


def _described(choice: Choice) -> str:
    if choice.candidate is None:
        return "none"
    return f"{choice.candidate.path}, " + ("which LDSHIM_LINKER names" if choice.why == "LDSHIM_LINKER" else "the first that is found")


def _judge(group: Group, linkers: Linkers) -> None:
    if os.environ.get(linker._RUNNING):  # noqa: SLF001
        message = f"{linker._RUNNING} is set, which ldshim sets for the real linker to notice if that is ldshim again: no link works"  # noqa: SLF001
        group.error("running", message, unset(linker._RUNNING))  # noqa: SLF001
        return
    named = os.environ.get("LDSHIM_LINKER")
    if named and linkers.shell.candidate is None:
        _judge_named(group, linkers, named)
    elif linkers.shell.candidate is None:
        _judge_missing(group, linkers)
    judged = []
    for choice in linkers.used:
        if choice.candidate is not None and choice.candidate.path not in judged:
            judged.append(choice.candidate.path)
            _judge_used(group, linkers, choice.candidate)


def _judge_named(group: Group, linkers: Linkers, named: str) -> None:
    has_folder = "/" in named or os.sep in named
    if "is ldshim itself" in linkers.shell.why:
        name = "linker-itself"
    elif has_folder and os.path.exists(named):
        name = "linker-not-executable"
    else:
        name = "linker-not-found"
    group.error(name, linkers.shell.why, *_cure_for(linkers))


def _judge_missing(group: Group, linkers: Linkers) -> None:
    shims = [candidate.path for candidate in linkers.candidates if candidate.is_ldshim]
    behind = f"; {shims[0]} is ldshim itself, with no real linker behind it" if shims else ""
    own = linkers.rustc and linkers.rustc.candidate
    if own:
        message = f"links that rustc runs have its {os.path.basename(own.path)}, others have no real linker{behind}"
        group.warning("linker-missing-in-shell", message, export("LDSHIM_LINKER", own.path))
    else:
        group.error("linker-missing", f"no real wasm-ld is here{behind}", INSTALL)


def _judge_used(group: Group, linkers: Linkers, used: Candidate) -> None:
    if used.answer.trouble and "is ldshim itself" in used.answer.err:
        group.error("linker-itself", f"{used.path} leads back to ldshim", *_cure_for(linkers))
    elif used.answer.trouble:
        group.error("linker-broken", f"the linker that is used, {used.path}, {used.answer.trouble}", *_cure_for(linkers))
    elif not used.version:
        group.error("linker-not-lld", f"{used.path} is not lld's wasm-ld: {used.answer.rubbish()}", *_cure_for(linkers))
    elif used.version < (OLDEST,):
        message = f"{used.path} is LLD {dotted(used.version)}; ldshim is tested with {OLDEST} and later"
        group.error("linker-old", message, *_cure_for(linkers))


def _cure_for(linkers: Linkers) -> list[Cure]:
    """How another linker than the used one is taken, or got."""
    program = shlex.quote(sys.executable)
    zig = f'"$({program} -c \'import os, ziglang; print(os.path.dirname(ziglang.__file__))\')"/zig'
    return linkers.other() or [INSTALL, run("export", f"LDSHIM_LINKER={zig}")]
