"""The linkme crate that ldshim ships, and the copy of it that `--vendor` puts into a project.

A copy is known by its place, relative to the project, and by the hashes of its files, which the record keeps.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ldshim.init.config import as_text
from ldshim.init.files import InitError, digest, remove_if_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ldshim.init.project import Project


@dataclass
class Copy:
    """A copy of the crate, made or to be made."""

    place: str
    files: dict[str, str]  # their hashes
    exists: bool
    stale: bool  # to be written


def shipped_crate() -> str:
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    places = [os.path.join(top, "toolchains", "rust", "linkme") for top in (package, os.path.dirname(package))]
    crate = next((place for place in places if os.path.isfile(os.path.join(place, "Cargo.toml"))), None)
    if crate is None:
        raise InitError(f"this installation of ldshim has no linkme crate, looked for in {places[0]}: install ldshim again")
    return crate


def plan_copy(project: Project, earlier: dict[str, Any], crate: str, wanted: str) -> Copy:
    """Plan the copy of the crate to the wanted folder; refuses a folder that cannot hold one or holds something else."""
    path = os.path.normpath(os.path.join(project.root, wanted))
    place = os.path.relpath(path, project.root)
    if place.split("/")[0] in ("..", "."):
        raise InitError(f"--vendor {wanted}: has to be a folder inside of the project, {project.root}")
    pattern = _member_pattern(project.manifest, place)
    if pattern:
        raise InitError(
            f"--vendor {wanted}: workspace.members has {pattern!r} in {os.path.join(project.root, 'Cargo.toml')}, but the crate is a "
            f'workspace of its own: name another folder with --vendor=DIR, or add "{place}" to workspace.exclude'
        )
    old = earlier["place"]
    if old not in ("", place) and os.path.isdir(os.path.join(project.root, old)):
        raise InitError(f"--vendor {wanted}: linkme is in {old} already; ldshim init --undo first")
    exists = os.path.lexists(path)
    if exists and not os.path.isdir(path):
        raise InitError(f"--vendor {wanted}: {path} is not a directory")
    files, there = _hashes(crate), _hashes(path)
    known = earlier["files"] if old == place else {}
    if there not in ({}, files, known):
        raise InitError(f"{path} exists and is not ldshim's linkme as it was copied: remove it, or name another folder with --vendor=DIR")
    return Copy(as_text(place), files, exists=exists, stale=there != files)


def _member_pattern(manifest: dict[str, Any], place: str) -> str | None:
    """Find the pattern by which cargo would take the folder for a member of the workspace."""
    workspace = manifest.get("workspace") or {}
    if any(f"{place}/".startswith(os.path.normpath(name) + "/") for name in workspace.get("exclude") or ()):
        return None
    parts = place.split("/")
    for pattern in workspace.get("members") or ():
        patterns = os.path.normpath(pattern).split("/")
        if len(patterns) == len(parts) and all(map(fnmatch.fnmatchcase, parts, patterns)):
            return str(pattern)
    return None


def _hashes(folder: str) -> dict[str, str]:
    """The hash of each of the crate's files; not of what its builds leave."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    names = {path.relative_to(folder): path for path in files}
    return {name.as_posix(): digest(path.read_bytes()) for name, path in names.items() if not any(map(_is_junk, name.parts))}


def _is_junk(name: str) -> bool:
    return name in ("target", "Cargo.lock") or name.startswith(".")


def write_copy(root: str, crate: str, copy: Copy) -> None:
    destination = os.path.join(root, copy.place)
    parent = os.path.dirname(destination)
    os.makedirs(parent, exist_ok=True)
    # The crate appears at once or not at all.
    with tempfile.TemporaryDirectory(prefix=".ldshim-", dir=parent) as scratch:
        fresh = os.path.join(scratch, "fresh")
        for name in copy.files:
            path = os.path.join(fresh, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copyfile(os.path.join(crate, name), path)
        if copy.exists:
            os.rename(destination, os.path.join(scratch, "old"))
        os.rename(fresh, destination)


def look_at_copy(root: str, earlier: dict[str, Any]) -> tuple[str | None, list[str]]:
    """Find the copy that was made; returns its place if it may be removed, and what there is to say."""
    place, files = earlier["place"], earlier["files"]
    if not place or not os.path.isdir(os.path.join(root, place)):
        return None, []
    there = _hashes(os.path.join(root, place))
    changed = sorted(name for name in {*there, *files} if there.get(name) != files.get(name))
    if changed:
        return None, [f"{place}/ stays, it was changed since it was copied: {', '.join(changed)}"]
    return place, []


def remove_copy(folder: str, files: Iterable[str]) -> None:
    """Remove these files, and the folders that are empty then."""
    for name in files:
        os.remove(os.path.join(folder, name))
    for path, _, _ in os.walk(folder, topdown=False):
        remove_if_empty(path)
