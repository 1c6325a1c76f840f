"""What is wanted of linkme: that it is ldshim's, by `[patch.crates-io]`, and what cargo will make of that patch.

cargo uses a patch only where its version fits what is asked for, and what is locked.
"""

from __future__ import annotations

import os
import re

from ldshim.init.config import as_text, get, load_toml, settings
from ldshim.init.files import same_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.init.edit import Edits
    from ldshim.init.project import Project
    from ldshim.init.vendored import Copy

PATCH = ("patch", "crates-io", "linkme")


def plan_patch(project: Project, edits: Edits, crate: str, copied: Copy | None, earlier: str) -> bool:
    """Plan the patch by the crate, or by its copy, now made or `earlier`; returns whether linkme will be ldshim's."""
    hindrance = _find_hindrance(project)
    if hindrance:
        edits.notes.append(hindrance)
        return False
    current = get(project.config.data, PATCH)
    at = current["path"] if _is_path(current) else None
    if copied:
        wanted = copied.place
    elif at and at == earlier and os.path.isdir(os.path.join(project.root, at)):
        wanted = at
    else:
        wanted = as_text(crate)
    if at is None or not same_file(os.path.join(project.root, at), os.path.join(project.root, wanted)):
        if current is not None:
            edits.notes.append(f"linkme is patched already, by {current}; that is replaced")
        edits.set(PATCH, {"path": wanted})
    edits.notes += _notes_on_lock(project, crate)
    return True


def _find_hindrance(project: Project) -> str | None:
    patches = get(project.manifest, PATCH[:2]) or {}
    if any(name == "linkme" or get(value, ("package",)) == "linkme" for name, value in patches.items()):
        manifest = os.path.join(project.root, "Cargo.toml")
        return f"{manifest} has a [patch.crates-io] linkme: no second one is written; take that one out if linkme is to be ldshim's"
    for config, value in settings(project.configs, *PATCH):
        # cargo merges the two tables: a path and a git of two files are one wrong dependency.
        if config.path != project.config.path and not _is_path(value):
            return f"{config.path} has a [patch.crates-io] linkme, which cargo would mix with another: none is written"
    return None


def _is_path(patch: object) -> bool:
    return isinstance(patch, dict) and set(patch) == {"path"}


def _notes_on_lock(project: Project, crate: str) -> list[str]:
    version = load_toml(os.path.join(crate, "Cargo.toml"))["package"]["version"]
    notes = [
        f"{package} asks for linkme {requirement}, which ldshim's {version} is not: "
        f'cargo does not use the patch until Cargo.toml asks for linkme = "{_series(version)}"'
        for package, requirement in project.requirements
        if not _allows(requirement, version)
    ]
    if project.locked == [] and not project.requirements:
        notes.append("nothing uses linkme yet: until something does, cargo warns that the patch was not used")
    locked = [package["version"] for package in project.locked or ()]
    for other in locked:
        if _series(other) != _series(version):
            notes.append(f"Cargo.lock has linkme {other}, which no patch with {version} replaces: move to linkme {_series(version)}")
        elif other != version:
            spec = "linkme" if len(locked) == 1 else f"linkme@{other}"
            notes.append(
                f"Cargo.lock has linkme {other}, ldshim's is {version}: cargo ignores the patch, with a warning, until you run\n"
                f"  cargo update -p {spec}"
            )
    return notes


def _series(version: str) -> str:
    """The part of a version in which cargo's resolver takes one for another."""
    major, minor, *_ = version.split(".")
    return f"0.{minor}" if major == "0" else major


def _allows(requirement: str, version: str) -> bool:
    """Whether a requirement allows this version.  True where we cannot tell."""
    return all(_compare(part.strip(), version) for part in requirement.split(","))


def _compare(part: str, version: str) -> bool:
    found = re.fullmatch(r"(\^|=|>=|<=|>|<|~)?\s*([0-9.]*[0-9])(\.\*)*", part)
    if not found:
        return True
    have = [int(number) for number in version.split(".")]
    given = [int(number) for number in found[2].split(".")]
    rounded = have[: len(given)]
    operator = "=" if found[3] else found[1] or "^"
    if operator in ("^", "~"):
        first = next((at for at, number in enumerate(given) if number), len(given) - 1)
        fixed = first + 1 if operator == "^" else 2
        return have >= given and rounded[:fixed] == given[:fixed]
    return {
        "=": rounded == given,
        ">=": have >= given,
        ">": rounded > given,
        "<": have < given,
        "<=": rounded <= given,
    }[operator]
