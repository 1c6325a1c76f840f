"""What the doctor shows: grouped lines for people, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
import textwrap

from ldshim.doctor.findings import ERROR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ldshim.doctor.findings import Cure, Finding, Group

_BOLD, _RED, _YELLOW, _GREEN = "1", "1;31", "1;33", "1;32"


def as_json(groups: list[Group]) -> str:
    """The document for programs."""
    findings = [(group, finding) for group in groups for finding in group.findings]
    document = {
        "ok": not any(finding.severity == ERROR for _, finding in findings),
        "findings": [{"group": group.title, **_plain(finding)} for group, finding in findings],
        "facts": {group.title: group.facts for group in groups},
    }
    return json.dumps(document, indent=2)


def _plain(finding: Finding) -> dict[str, object]:
    cure = [{"kind": step.kind, "text": step.text, **({"file": step.file} if step.file else {})} for step in finding.cure]
    return {"id": finding.id, "severity": finding.severity, "message": finding.message, "cure": cure}


def as_text(groups: list[Group], *, color: bool) -> str:
    """The lines for people: all facts, what is wrong beside them, and a sum."""

    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[m" if color else text

    lines = []
    for group in groups:
        lines.append(paint(group.title, _BOLD))
        lines += _facts(group)
        for finding in group.findings:
            code = _RED if finding.severity == ERROR else _YELLOW
            head, *rest = finding.message.splitlines() or [""]
            lines.append(f"  {paint(f'{finding.severity}: {finding.id}', code)}: {head}")
            lines += [f"      {line}" for line in rest]
            lines += _cure(finding.cure)
        lines.append("")
    findings = [finding for group in groups for finding in group.findings]
    errors = sum(finding.severity == ERROR for finding in findings)
    lines.append(_sum(errors, len(findings) - errors, paint))
    return "\n".join(lines)


def _facts(group: Group) -> Iterable[str]:
    width = max((len(label) for label, _ in group.lines), default=0)
    for label, text in group.lines:
        yield f"  {label:{width}}  {text}"


def _cure(steps: list[Cure]) -> Iterable[str]:
    for step in steps:
        if step.kind == "run":
            yield f"    run: {step.text}"
        elif step.kind == "do":
            yield f"    do: {step.text}"
        else:
            yield f"    {'write into' if step.kind == 'write' else 'take out of'} {step.file}:"
            yield textwrap.indent(step.text, "        ")


def _sum(errors: int, warnings: int, paint: object) -> str:
    assert callable(paint)  # noqa: S101
    counts = [f"{number} {what}{'' if number == 1 else 's'}" for number, what in ((errors, "error"), (warnings, "warning")) if number]
    text = " and ".join(counts) if counts else "Nothing is wrong."
    return str(paint(text, _RED if errors else _YELLOW if warnings else _GREEN))


def wants_color() -> bool:
    """As https://no-color.org and https://force-color.org have it; the first wins, as in Python itself."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
