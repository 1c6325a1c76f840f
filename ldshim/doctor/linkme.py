"""A cargo project and its linkme: whether that is ldshim's, by a patch that is in force."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass

from ldshim.doctor.findings import Cure, Group, run
from ldshim.init.config import Config, get, load_toml, settings
from ldshim.init.files import InitError, upwards
from ldshim.init.patch import PATCH, _allows, _series
from ldshim.init.vendored import shipped_crate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ldshim.doctor.compilers import Program
    from ldshim.doctor.programs import Programs


@dataclass
class Requirement:
    """What a package of the workspace asks for."""

    package: str
    manifest: str
    versions: str


@dataclass
class Project:
    """The workspace, and the linkmes of its lock file: version, and whether it is the registry's."""

    root: str
    manifest: dict[str, Any]
    locked: list[tuple[str, bool]] | None  # None without such a file
    requirements: list[Requirement]

    @property
    def uses_linkme(self) -> bool:
        return bool(self.locked or self.requirements)


def look(group: Group, programs: Programs, folder: str, cargo: Program) -> Project | None:
    """Look at the project that the folder is in, if it is in one; what cannot be read is reported."""
    nearest = next((place for place in upwards(folder) if os.path.exists(os.path.join(place, "Cargo.toml"))), None)
    if nearest is None:
        return None
    root, requirements = nearest, []
    if cargo.path and cargo.version and not cargo.version.result().trouble:
        where = programs.ask([cargo.path, "locate-project", "--workspace", "--message-format", "plain"])
        what = programs.ask([cargo.path, "metadata", "--no-deps", "--offline", "--format-version", "1"])
        told = where.result()
        trouble = told.trouble or what.result().trouble
        if trouble:
            said = (told.err if told.trouble else what.result().err).strip()
            message = f"cargo refuses the project in {nearest}: {said.removeprefix('error: ') or trouble}"
            group.error("cargo-refuses", message, Cure("do", "mend what cargo complains of"))
        root = os.path.dirname(told.out.strip()) if not told.trouble and os.path.isabs(told.out.strip()) else nearest
        requirements = _requirements(what.result().out)
    try:
        return Project(root, load_toml(os.path.join(root, "Cargo.toml")), _locked(os.path.join(root, "Cargo.lock")), requirements)
    except InitError as error:
        if not any(finding.id == "cargo-refuses" for finding in group.findings):
            group.error("cargo-refuses", str(error), Cure("do", "mend this file"))
        return Project(root, {}, None, requirements)


def _requirements(metadata: str) -> list[Requirement]:
    try:
        packages = json.loads(metadata)["packages"]
        return [
            Requirement(package["name"], package["manifest_path"], dependency["req"])
            for package in packages
            for dependency in package["dependencies"]
            if dependency["name"] == "linkme" and str(dependency["source"]).startswith("registry+")
        ]
    except (ValueError, KeyError, TypeError):
        return []  # that has been reported


def _locked(path: str) -> list[tuple[str, bool]] | None:
    if not os.path.exists(path):
        return None
    packages = load_toml(path).get("package")
    entries = [entry for entry in packages if isinstance(entry, dict)] if isinstance(packages, list) else []
    found = [(str(entry.get("version")), "source" in entry) for entry in entries if entry.get("name") == "linkme"]
    return [(version, from_registry) for version, from_registry in found if re.match(r"\d+\.\d+\.\d", version)]


def examine(project: Project, configs: list[Config]) -> Group:
    """Judge the patch, what is locked, and what is asked for."""
    group = Group("linkme")
    patch = _patch_of(project, configs)
    versions = [version + ("" if from_registry else " (of a path)") for version, from_registry in project.locked or ()]
    group.say("Cargo.lock", ", ".join(versions) or ("without linkme" if project.locked is not None else "none"))
    group.say("patch", f"{patch.folder if patch.is_readable else patch.value}, says {patch.path}" if patch else "none")
    group.facts = {
        "locked": [{"version": version, "registry": from_registry} for version, from_registry in project.locked or ()],
        "patch": patch and {"value": patch.value, "set_by": patch.path},
    }
    if not project.uses_linkme:
        return group
    try:
        crate = shipped_crate()
        version = _shipped_version(crate)
    except InitError as error:
        group.error("crate-missing", str(error), run("pip", "install", "--force-reinstall", "ldshim"))
        return group
    update = _update(project, version)
    if patch is None:
        message = "no [patch.crates-io] linkme is in force, and linkme of the registry does not work on WebAssembly"
        group.error("linkme-unpatched", message, run("ldshim", "init", "--yes"), *update)
        return group
    if not patch.is_readable:
        group.say("", "this is not a path, so it is not looked at")
        return group
    there = _version_of(patch.folder)
    if there != version:
        what = f"linkme {there}" if there else "no crate"
        message = f"the patch of {patch.path} leads to {patch.folder}, where there is {what}, not ldshim's {version}"
        group.error("linkme-patch-wrong", message, _patch_cure(project, patch, crate), *update)
        return group
    _judge_versions(group, project, version, update)
    return group


@dataclass
class _Patch:
    """The [patch.crates-io] of linkme that counts."""

    value: Any
    path: str
    base: str

    @property
    def is_readable(self) -> bool:
        return isinstance(get(self.value, ("path",)), str)

    @property
    def folder(self) -> str:
        return os.path.normpath(os.path.join(self.base, get(self.value, ("path",))))


def _patch_of(project: Project, configs: list[Config]) -> _Patch | None:
    for config, value in settings(configs, *PATCH):
        return _Patch(value, config.path, config.base)
    patches = get(project.manifest, PATCH[:2])
    for name, value in patches.items() if isinstance(patches, dict) else ():
        if name == "linkme" or get(value, ("package",)) == "linkme":
            return _Patch(value, os.path.join(project.root, "Cargo.toml"), project.root)
    return None


def _version_of(crate: str) -> str | None:
    try:
        version = get(load_toml(os.path.join(crate, "Cargo.toml")), ("package", "version"))
    except InitError:
        return None
    return version if isinstance(version, str) else None


def _shipped_version(crate: str) -> str:
    version = _version_of(crate)
    if version is None:
        raise InitError(f"the linkme crate of this installation, {crate}, is damaged")
    return version


def _patch_cure(project: Project, patch: _Patch, crate: str) -> Cure:
    own = os.path.join(project.root, ".cargo")
    if os.path.dirname(patch.path) == own or not patch.path.startswith(project.root + os.sep):
        return run("ldshim", "init", "--yes")
    return Cure("write", f"[patch.crates-io]\nlinkme = {{ path = {json.dumps(crate)} }}", patch.path)


def _update(project: Project, version: str) -> list[Cure]:
    """The commands that make cargo look for another linkme than the locked one."""
    locked = project.locked or []
    others = [other for other, from_registry in locked if from_registry and _series(other) == _series(version)]
    return [run("cargo", "update", "-p", "linkme" if len(locked) == 1 else f"linkme@{other}") for other in others]


def _judge_versions(group: Group, project: Project, version: str, update: list[Cure]) -> None:
    series = _series(version)
    pinned = [wanted for wanted in project.requirements if not _allows(wanted.versions, version)]
    for wanted in pinned:
        cure = Cure("write", f'[dependencies]\nlinkme = "{series}"', wanted.manifest)
        message = f"{wanted.package} asks for linkme {wanted.versions}, which ldshim's {version} is not, so the patch is not used"
        group.error("linkme-pinned", message, cure, *update)
    if pinned:
        return
    for other, from_registry in project.locked or ():
        if from_registry and _series(other) != series:
            message = f"Cargo.lock has linkme {other}, which no patch with {version} replaces, and which does not work on WebAssembly"
            cure = Cure("do", f"have what asks for it (cargo tree -i linkme@{other}) ask for linkme {series}")
            group.error("linkme-series", message, cure)
    if update:
        locked = ", ".join(other for other, from_registry in project.locked or () if from_registry and _series(other) == series)
        message = f"Cargo.lock has linkme {locked}, and ldshim's is {version}: cargo keeps what is locked and ignores the patch"
        group.error("linkme-locked", message, *update)
