"""`ldshim doctor`: what ldshim works with here, what is wrong with it, and what mends that.

It only looks: nothing is downloaded, no project is built, and what it writes to try a directory is gone again.

Start here: `_examine` is the list of the examinations, in order.  Other programs are started first and waited for where they are needed.
"""

from __future__ import annotations

import os
import sys

from ldshim.arguments import Parser
from ldshim.doctor import compilers, here, linkers, lto, show
from ldshim.doctor.findings import ERROR, Cure, Group, run
from ldshim.doctor.programs import Programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future

    from ldshim.doctor.cargo import Cargo
    from ldshim.doctor.programs import Answer
    from ldshim.init.config import Config


def execute(argv: list[str]) -> int:
    """Run `ldshim doctor`; returns the exit status."""
    # Names of files may be anything; to show one must not fail.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    options = parser().parse_args(argv)
    groups = _examine()
    try:
        print(show.as_json(groups) if options.json else show.as_text(groups, color=show.wants_color()), flush=True)
    except BrokenPipeError:  # whoever reads has seen enough; Python would complain once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1 if any(finding.severity == ERROR for group in groups for finding in group.findings) else 0


def parser() -> Parser:
    options = Parser(
        "doctor",
        "Look at the linkers, compilers and the cargo project of the current directory;\nsay what is wrong and what mends it.",
        examples=["ldshim doctor", "ldshim doctor --json"],
        status="0 if nothing is wrong, also with warnings; 1 if something is",
    )
    options.add_argument("--json", action="store_true", help="print it for programs")
    return options


def _examine() -> list[Group]:
    try:
        folder = os.path.realpath(os.getcwd())
    except OSError:
        group = Group("ldshim")
        group.error("directory-gone", "the current directory does not exist any more", run("cd", "/"))
        return [group]
    with Programs(folder) as programs:
        return _examine_folder(programs, folder)


def _examine_folder(programs: Programs, folder: str) -> list[Group]:
    cargo_group = Group("cargo")
    configs = _configs(cargo_group, folder)

    # Start what can be started.
    cargo = compilers.start_cargo(programs)
    rustc_program = compilers.start_rustc(programs, configs or [])
    clangs_asked = compilers.start_clangs(programs)
    llvmlite = lto.start_llvmlite(programs)

    # Wait for what the others depend on.
    project = None
    own = None
    if configs is not None:
        from ldshim.doctor import linkme  # noqa: PLC0415 - not without tomlkit
        from ldshim.init.linkers import _own_path  # noqa: PLC0415

        own = _own_path()
        project = linkme.look(cargo_group, programs, folder, cargo)
    rust_group, rustc = compilers.examine_rust(rustc_program, cargo, needed=project is not None)
    found = linkers.find_all(programs, rustc)

    # Put it together.
    groups = [here.examine(own), linkers.examine(found), rust_group]
    settings = None
    if configs is not None:
        from ldshim.doctor import targets  # noqa: PLC0415
        from ldshim.doctor.cargo import Cargo  # noqa: PLC0415

        settings = Cargo(configs, rustc.targets if rustc else [])
        unknown = _ask_of_targets(programs, settings, rustc)
        examined = targets.examine(settings, project, rustc, own, unknown)
        examined.findings[:0] = cargo_group.findings
        cargo_group = examined
    groups.append(cargo_group)
    if project is not None and configs is not None:
        groups.append(linkme.examine(project, configs))
    clang_group, clangs = compilers.examine_clangs(clangs_asked)
    groups += [clang_group, lto.examine(llvmlite, settings.targets_with_linker_lto() if settings else [], rustc, clangs, found)]
    return groups


def _configs(group: Group, folder: str) -> list[Config] | None:
    """Read cargo's configuration; None where that cannot be done."""
    try:
        from ldshim.init.config import configs_in_force  # noqa: PLC0415
    except ImportError as error:
        name = error.name or "tomlkit"
        group.error("package-missing", f"the package {name} is missing, so cargo's files are not looked at", run("pip", "install", name))
        return None
    from ldshim.init.files import InitError  # noqa: PLC0415

    try:
        return configs_in_force(folder)
    except InitError as error:
        group.error("config-broken", str(error), Cure("do", "mend this file: cargo refuses it, too"))
        return None


def _ask_of_targets(programs: Programs, cargo: Cargo, rustc: compilers.Rustc | None) -> dict[str, str]:
    """Ask rustc what is true of each target, which `cfg(…)` in the configuration go by; returns what it says of those it does not know."""
    asked: dict[str, Future[Answer]] = {}
    if rustc:
        targets = dict.fromkeys([*cargo.named_targets(), *(rustc.targets if cargo.has_cfgs() else [])])
        asked = {target: programs.ask([rustc.path, "--print", "cfg", "--target", target]) for target in targets}
    unknown = {}
    for target, future in asked.items():
        answer = future.result()
        if not answer.trouble:
            cargo.cfgs[target] = set(answer.out.split("\n"))
        elif "error" in answer.err:
            unknown[target] = answer.err.strip().splitlines()[0].removeprefix("error: ")
    return unknown
