"""The record, `.cargo/ldshim-init.json`: what earlier runs did to the project, and how that is taken back.

It holds the changed keys with their old values, the hash of the configuration as it was left, and the lines that this
replaced.  A file with that hash gets its old bytes back.  Otherwise only the keys that still have our values are taken out.
Comments in the TOML would not survive what users and their formatters do to it, and could not hold what was there before.
"""

from __future__ import annotations

import difflib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath

from ldshim import __version__
from ldshim.init import rustflags
from ldshim.init.config import get, loads
from ldshim.init.edit import COMMENT, Change, parses_to, without_change
from ldshim.init.files import InitError, digest, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ldshim.init.config import Config
    from ldshim.init.edit import Edits
    from ldshim.init.project import Project
    from ldshim.init.vendored import Copy

RECORD = "ldshim-init.json"


def record_path(root: str) -> str:
    return os.path.join(root, ".cargo", RECORD)


@dataclass
class Record:
    """What earlier runs did; without any, empty."""

    digest: str = ""  # of the configuration, as it was left
    reverse: list[list[Any]] | None = field(default_factory=list)  # see _reverse; None if there was no configuration
    changes: list[Change] = field(default_factory=list)
    copy: dict[str, Any] = field(default_factory=lambda: {"place": "", "files": {}})  # of the crate, with the files' hashes
    created: list[str] = field(default_factory=list)  # folders, each in front of those around it

    @classmethod
    def load(cls, root: str) -> Record:
        path = record_path(root)
        raw = read(path)
        if raw is None:
            return cls()
        try:
            content = json.loads(raw)
            del content["ldshim"]
            changes = [Change(**change) for change in content.pop("changes")]
            return cls(changes=changes, **content)
        except (ValueError, TypeError, KeyError):
            raise InitError(
                f"{path}, where ldshim init keeps what it did, is damaged: remove it; "
                "what ldshim init wrote into the configuration beside it has to be taken out by hand"
            ) from None

    def dump(self) -> bytes:
        return (json.dumps({"ldshim": __version__, **asdict(self)}, indent=1, ensure_ascii=False, default=str) + "\n").encode()

    def extended(self, project: Project, edits: Edits, after: bytes, copied: Copy | None) -> Record:
        """Make the record of this run and the earlier ones, which one undo takes back together."""
        before, _ = self.undone(project.config)
        changes = {tuple(change.keys): change for change in self.changes}
        for change in edits.changes:
            earlier = changes.pop(tuple(change.keys), None)
            if earlier and earlier.after == change.before:
                change = replace(change, before=earlier.before, there=earlier.there)  # noqa: PLW2901
            changes[tuple(change.keys)] = change
        folders = [".cargo"]
        if copied:
            folders = [*map(str, PurePath(copied.place).parents[:-1]), *folders]
        missing = [folder for folder in folders if not os.path.isdir(os.path.join(project.root, folder))]
        return Record(
            digest=digest(after),
            reverse=None if before is None else _reverse(before, after),
            changes=list(changes.values()),
            copy={"place": copied.place, "files": copied.files} if copied else self.copy,
            created=list(dict.fromkeys([*missing, *self.created])),
        )

    def undone(self, config: Config) -> tuple[bytes | None, list[str]]:
        """Make of the file what it was before ldshim; None if it was not there.  With what there is to say."""
        if config.raw is None:
            return None, []
        if digest(config.raw) == self.digest:
            return (None if self.reverse is None else _reversed(config.raw, self.reverse)), []
        text, notes = config.text, []
        for change in reversed(self.changes):
            text, note = _without(text, change)
            notes += [note] if note else []
        bare = text.replace(COMMENT, "")
        if self.changes and not notes and parses_to(bare, loads(text)):
            text = bare
        if self.reverse is None and not text.strip():
            return None, notes
        return config.encode(text), notes


def _reverse(before: bytes, after: bytes) -> list[list[Any]]:
    """List which lines of `after` to replace by what to get `before`.  The rest, which may hold secrets, is not repeated."""
    old, new = before.decode().split("\n"), after.decode().split("\n")
    matcher = difflib.SequenceMatcher(None, new, old, autojunk=False)
    return [[start, end, old[i:j]] for kind, start, end, i, j in matcher.get_opcodes() if kind != "equal"]


def _reversed(after: bytes, reverse: list[list[Any]]) -> bytes:
    lines = after.decode().split("\n")
    for start, end, old in reversed(reverse):
        lines[start:end] = old
    return "\n".join(lines).encode()


def _without(text: str, change: Change) -> tuple[str, str | None]:
    """Take one change back as far as the user has not changed it since; returns the text, and what there is to say."""
    name = ".".join(change.keys)
    current = get(loads(text), change.keys)
    if current is None:
        return text, None
    old = change.before
    if current != change.after:
        old = rustflags.restored(current, old) if change.keys[-1] == "rustflags" else current
        if old == current:
            return text, f"{name} is not what ldshim init wrote, so it stays"
    new = without_change(text, change, old)
    if new is None:
        raise InitError(f"cannot take {name} out without changing what is around it: please do it by hand, then remove .cargo/{RECORD}")
    return new, None
