"""rustc, cargo and the clangs."""

from __future__ import annotations

import glob
import os
import re
import shutil
from dataclasses import dataclass

from ldshim.doctor.findings import Cure, Group, run, unset
from ldshim.doctor.programs import dotted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from ldshim.doctor.programs import Answer, Programs
    from ldshim.init.config import Config

INSTALL_RUST = Cure("do", "install Rust, with rustup or from your system's packages, and see that its folder is on PATH")


@dataclass
class Rustc:
    """A compiler that answers."""

    path: str
    version: str
    host: str
    llvm: tuple[int, ...]
    sysroot: str
    targets: list[str]  # those for WebAssembly that it has a std for


@dataclass
class Program:
    """A program by the name that it is called by, and what it said of its version; no path if it is not here."""

    name: str
    set_by: str  # a variable or a file, empty for the usual name
    path: str | None
    version: Future[Answer] | None = None
    more: Future[Answer] | None = None


def start_rustc(programs: Programs, configs: list[Config]) -> Program:
    """Ask the compiler that cargo would run."""
    name, set_by = "rustc", ""
    for config in reversed(configs):
        build = config.data.get("build")
        value = build.get("rustc") if isinstance(build, dict) else None
        if isinstance(value, str) and value:
            name = os.path.join(config.base, value) if os.sep in value else value
            set_by = config.path
    for variable in ("CARGO_BUILD_RUSTC", "RUSTC"):
        if os.environ.get(variable):
            name, set_by = os.environ[variable], variable
    program = Program(name, set_by, shutil.which(name))
    if program.path:
        program.version = programs.ask([program.path, "-vV"])
        program.more = programs.ask([program.path, "--print", "sysroot"])
    return program


def start_cargo(programs: Programs) -> Program:
    name = os.environ.get("CARGO") or "cargo"
    program = Program(name, "CARGO" if os.environ.get("CARGO") else "", shutil.which(name))
    if program.path:
        program.version = programs.ask([program.path, "--version"])
    return program


def start_clangs(programs: Programs) -> dict[str, Future[Answer]]:
    """Ask each clang on PATH; one program with several names is one."""
    found: dict[str, str] = {}
    for folder in filter(None, os.environ.get("PATH", os.defpath).split(os.pathsep)):
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), "clang*"))):
            if re.fullmatch(r"clang(-\d+)?", os.path.basename(path)) and os.access(path, os.X_OK) and os.path.isfile(path):
                found.setdefault(os.path.realpath(path), path)
    return {path: programs.ask([path, "--version"]) for path in found.values()}


def examine_rust(rustc: Program, cargo: Program, *, needed: bool) -> tuple[Group, Rustc | None]:
    """Judge what rustc and cargo have answered; without a cargo project they may be missing."""
    group = Group("rust")
    compiler = _compiler(group, rustc, needed=needed)
    release = _release_of_cargo(group, cargo, needed=needed)
    group.facts = {
        "rustc": compiler
        and {
            "path": compiler.path,
            "version": compiler.version,
            "llvm": dotted(compiler.llvm),
            "sysroot": compiler.sysroot,
            "wasm_targets": compiler.targets,
        },
        "cargo": cargo.path and {"path": cargo.path, "version": release},
    }
    return group, compiler


def _compiler(group: Group, program: Program, *, needed: bool) -> Rustc | None:
    if program.path is None or program.version is None or program.more is None:
        group.say("rustc", "none")
        _report_missing(group, "rustc", program, needed=needed)
        return None
    told, asked = program.version.result(), program.more.result()
    release, llvm = re.search(r"^rustc (.+)", told.out), told.number(r"(?m)^LLVM version: ")
    host = re.search(r"(?m)^host: (\S+)", told.out)
    if told.trouble or asked.trouble or not (release and host and os.path.isdir(asked.out.strip())):
        trouble = told.rubbish() if not (release and host) else asked.trouble or "does not say where its sysroot is"
        group.say("rustc", f"{program.path}, which {trouble}")
        group.error("rustc-broken", f"{program.path} {trouble}", *_mend(program, told))
        return None
    sysroot = asked.out.strip()
    installed = glob.glob(os.path.join(glob.escape(sysroot), "lib", "rustlib", "wasm*", "lib", ""))
    targets = sorted(os.path.basename(os.path.dirname(os.path.dirname(path))) for path in installed)
    group.say("rustc", f"{release[1]}, LLVM {dotted(llvm)}, {program.path}")
    group.say("sysroot", sysroot)
    group.say("std for", ", ".join(targets) or "no WebAssembly target")
    return Rustc(program.path, release[1], host[1], llvm, sysroot, targets)


def _release_of_cargo(group: Group, cargo: Program, *, needed: bool) -> str | None:
    if cargo.path is None or cargo.version is None:
        group.say("cargo", "none")
        _report_missing(group, "cargo", cargo, needed=needed)
        return None
    answer = cargo.version.result()
    release = re.search(r"^cargo (.+)", answer.out)
    if answer.trouble or not release:
        group.say("cargo", f"{cargo.path}, which {answer.rubbish()}")
        group.error("cargo-broken", f"{cargo.path} {answer.rubbish()}", *_mend(cargo, answer))
        return None
    group.say("cargo", f"{release[1]}, {cargo.path}")
    return release[1]


def _report_missing(group: Group, what: str, program: Program, *, needed: bool) -> None:
    if program.set_by:
        group.error(f"{what}-missing", f"{program.set_by} names {program.name} as {what}, which is not there", *_without(program))
    elif needed:
        group.error(f"{what}-missing", f"there is a Cargo.toml, but no {what} on PATH", INSTALL_RUST)


def _mend(program: Program, answer: Answer) -> list[Cure]:
    # rustup's own advice where a project asks for a toolchain that is not installed.
    advice = re.search(r"`(rustup toolchain install[\w. -]*)`", answer.err)
    return [run(advice[1])] if advice else _without(program)


def _without(program: Program) -> list[Cure]:
    if not program.set_by:
        return [INSTALL_RUST]
    if os.sep in program.set_by:
        return [Cure("do", f"take `rustc` out of [build] in {program.set_by}, or name another one there")]
    return [unset(program.set_by)]


def examine_clangs(clangs: Mapping[str, Future[Answer]]) -> tuple[Group, dict[str, tuple[int, ...]]]:
    """Judge what the clangs have answered; returns their versions."""
    group = Group("clang")
    versions = {}
    for path, asked in clangs.items():
        answer = asked.result()
        version = answer.number("clang version ")
        if answer.trouble or not version:
            group.say("broken", path)
            group.warning("clang-broken", f"{path} {answer.rubbish()}", Cure("do", "install it again, or take it from PATH"))
        else:
            group.say(dotted(version), path)
            versions[path] = version
    if not clangs:
        group.say("found", "none on PATH")
    group.facts = {"found": [{"path": path, "version": dotted(version)} for path, version in versions.items()]}
    return group, versions
