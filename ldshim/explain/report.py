"""The answer as text, for a person, and as JSON, for a program."""

from __future__ import annotations

import json
import os
import textwrap

from ldshim.explain import finding as f
from ldshim.explain.statics import slice_name, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.explain.finding import Answer, Finding

_LABEL = 11
_WIDTH = 125


def as_text(answer: Answer) -> str:
    """The answer: first what went wrong with the link as a whole, then each verdict with its evidence and what to do."""
    blocks = []
    if answer.trouble:
        who = "ldshim refuses the link" if answer.is_refused else "The link fails"
        lines = [f"    {line}" for line in answer.trouble.splitlines()]
        blocks.append("\n".join([f"{who}, so there is no program with any element:", *lines]))
    if answer.notes:
        blocks.append("\n".join(f"note: {note}" for note in answer.notes))
    present = [finding for finding in answer.findings if finding.is_in]
    if answer.element is None and present:
        blocks += _overview(answer, present)
        rest = [finding for finding in answer.findings if not finding.is_in]
    else:
        rest = answer.findings
    declarations = [finding for finding in rest if finding.verdict == f.DECLARATION and answer.element is None]
    if declarations and not present:
        blocks.append(_empty(declarations))
    blocks += [_block(finding, answer) for finding in rest if finding not in declarations]
    return "\n\n".join(blocks)


def _overview(answer: Answer, present: list[Finding]) -> list[str]:
    """One block for each section, with a line for each element that is in."""
    blocks = []
    for facts in answer.sections.values():
        here = [finding for finding in present if finding.section == facts.name]
        if not here:
            continue
        absent = sum(1 for x in answer.findings if not x.is_in and x.section == facts.name and x.verdict != f.DECLARATION)
        count = f"{len(here)} element{'s' * (len(here) != 1)}, {facts.size} bytes"
        lines = [f"Section {_label(facts.name)} has {count}{f'; {absent} more did not get in (below)' if absent else ''}"]
        lines += [_line("kept by" if number == 0 else "", line) for number, line in enumerate(facts.kept_by)]
        width = max(len(finding.name) for finding in here)
        digits = len(str(len(here)))
        lines += [f"  {finding.position:{digits}}  {finding.name:{width}}  {_place(finding)}, {_rule(finding)}" for finding in here]
        blocks.append("\n".join(lines))
    return blocks


def _empty(declarations: list[Finding]) -> str:
    section = _label(declarations[0].section)
    lines = [f"Section {section} is empty: it is declared, and no input has an element of it"]
    return "\n".join([*lines, *(_line("declared", finding.place) for finding in declarations)])


def _label(section: str) -> str:
    """What a person calls the section: a slice has a hash behind its name."""
    return slice_name(section) or section


def _place(finding: Finding) -> str:
    """The file and the member; of a crate the crate, since its members are numbers to a person."""
    path = finding.static.unit.file.path if finding.static is not None else ""
    return os.path.basename(path) if path.endswith(".rlib") else finding.place


def _block(finding: Finding, answer: Answer) -> str:
    if finding.is_in:
        size = next((facts.size for facts in answer.sections.values() if facts.name == finding.section), finding.size)
        place = f"bytes {finding.begin} to {finding.begin + finding.size} of {size}"
        number = f"number {finding.position}, " if finding.position else ""
        title = f"{finding.name} is in section {_label(finding.section)}: {number}{place}"
    elif finding.name == finding.section and finding.static is None:
        title = f"Section {finding.section} has no element: {finding.headline}"
    else:
        title = f"{finding.name} is NOT in section {_label(finding.section)}: {finding.headline}"
    lines = [title, *(_line(label, fact) for label, fact in finding.facts)]
    lines += [_line("to do" if number == 0 else "or", advice) for number, advice in enumerate(finding.advice)]
    return "\n".join(lines)


def _rule(finding: Finding) -> str:
    key = finding.static.key if finding.static is not None else b""
    return f"{finding.way}, key {text(key)}" if key else finding.way


def _line(label: str, content: str) -> str:
    first, *others = textwrap.wrap(content, _WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    indent = " " * (_LABEL + 4)
    return "\n".join([f"  {label:{_LABEL}}  {first}", *(indent + other for other in others)])


def as_json(answer: Answer) -> str:
    """The same, with names that stay: `verdict` is one of those in `finding.py`."""
    return json.dumps(
        {
            "section": answer.section,
            "element": answer.element,
            "in": any(finding.is_in for finding in answer.findings),
            "linker": answer.linker,
            "trouble": answer.trouble,
            "notes": answer.notes,
            "sections": [{"name": facts.name, "size": facts.size, "kept_by": facts.kept_by} for facts in answer.sections.values()],
            "findings": [_finding(finding) for finding in answer.findings],
        },
        indent=2,
    )


def _finding(finding: Finding) -> dict[str, object]:
    static = finding.static
    result: dict[str, object] = {
        "verdict": finding.verdict,
        "in": finding.is_in,
        "section": finding.section,
        "name": finding.name,
        "symbol": finding.symbol,
        "file": static.unit.file.path if static is not None else "",
        "member": os.fsdecode(static.unit.member.name) if static is not None and static.unit.member is not None else None,
        "rule": finding.way,
        "headline": finding.headline,
        "evidence": [{"label": label, "text": fact} for label, fact in finding.facts],
        "advice": finding.advice,
    }
    if finding.is_in:
        result.update(position=finding.position, address=finding.address, offset=finding.begin, size=finding.size)
    return result
