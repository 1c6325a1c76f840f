"""What the doctor finds: facts, and what is wrong with what to do about it.

An error is what makes a build fail, or come out without its elements, or go past ldshim.  A warning is what works, but not as well
as it could, or what may matter for another build than this one.  docs/doctor.md lists the identifiers; they do not change.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ERROR, WARNING = "error", "warning"


@dataclass
class Cure:
    """One step: a shell command to `run`, a line to `write` into a file or to `remove` from it, or something else to `do`."""

    kind: str
    text: str
    file: str = ""


def run(*words: str) -> Cure:
    """A command of these words; one that is a word of the shell's own stays as it is."""
    return Cure("run", " ".join(words))


def export(variable: str, value: str) -> Cure:
    return run("export", f"{variable}={shlex.quote(value)}")


def unset(variable: str) -> Cure:
    return run("unset", variable)


@dataclass
class Finding:
    """Something that is wrong; the steps of its cure are to be taken in order."""

    id: str
    severity: str
    message: str
    cure: list[Cure]


@dataclass
class Group:
    """What belongs together: lines for people, the same facts for programs, and what is wrong with them."""

    title: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def say(self, label: str, text: str) -> None:
        self.lines.append((label, text))

    def error(self, name: str, message: str, *cure: Cure) -> None:
        self.findings.append(Finding(name, ERROR, message, list(cure)))

    def warning(self, name: str, message: str, *cure: Cure) -> None:
        self.findings.append(Finding(name, WARNING, message, list(cure)))
