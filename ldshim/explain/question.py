"""The question: which section and which statics are meant, and the answer put together."""

from __future__ import annotations

from ldshim.explain import absent
from ldshim.explain.finding import Answer, Finding, SectionFacts
from ldshim.explain.statics import MARKER, NOTHING, Static, Statics, look, readable, slice_name, text
from ldshim.explain.trial import Trial
from ldshim.explain.verdicts import Judge
from ldshim.linker import version
from ldshim.survey import TABLE_SUFFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def answer(section: str, element: str | None, words: list[str], environ: Mapping[str, str]) -> Answer:
    """Do the link, and say what became of `element` (None: of every element) of `section`."""
    trial = Trial(words, environ)
    result = Answer(section, element, f"{trial.real.path} ({' '.join(version(trial.real).split()) or 'of an unknown version'})")
    result.is_refused = bool(trial.refusal)
    result.trouble = trial.refusal or ("" if trial.is_linked else trial.messages or f"the linker ended with status {trial.status}")

    # First what has one of the names in it; only where that is nothing, all there is.
    names = [section.removesuffix(text(TABLE_SUFFIX)), element.rpartition("::")[2] if element else ""]
    statics = look(trial.files, names)
    judge = Judge(trial, statics)
    asked = _sections(section, statics)
    chosen = _chosen(element, asked, statics)
    if not chosen:
        statics = look(trial.files, None)
        judge = Judge(trial, statics)
        asked = _sections(section, statics)
        chosen = _chosen(element, asked, statics)
    result.notes = [f"{problem}; it was not looked into" for problem in statics.unreadable]

    for base, static in chosen:
        result.findings.append(judge.judge(static, base, _shown(section, base)))
    if not chosen:
        result.findings.append(absent.explain(section, element, asked, trial, statics))
    _number(result, judge, asked, statics)
    result.findings.sort(key=_rank)
    if trial.layout is not None:
        for base in asked:
            facts = judge.section_facts(base, _shown(section, base))
            result.sections[text(base)] = facts
    return result


def _sections(asked: str, statics: Statics) -> list[bytes]:
    """The sections that a word may mean: the one of that name, the slices of it, or the one whose table of pointers it is."""
    names = dict.fromkeys([s.section for s in statics.found if s.section] + list(statics.users))
    exact = asked.encode("utf-8", "surrogateescape")
    holds = {s.section for s in statics.found if s.section}
    if exact.endswith(TABLE_SUFFIX) and exact not in holds and exact[: -len(TABLE_SUFFIX)] in holds:
        return [exact[: -len(TABLE_SUFFIX)]]
    if exact in names:
        return [exact]
    return [name for name in names if slice_name(text(name)) == asked] or [exact]


def _shown(asked: str, section: bytes) -> str:
    """What a section is called in the answer: as asked for, unless that is the name of a slice."""
    return asked if asked in (text(section), text(section + TABLE_SUFFIX)) else text(section)


def _chosen(element: str | None, sections: list[bytes], statics: Statics) -> list[tuple[bytes, Static]]:
    """The statics to explain, each with the section it is asked about."""
    if element is None:
        return [(s.section, s) for s in _elements(sections, statics)]
    ranked = [(rank, s) for s in statics.found if (rank := _match(element, s))]
    if not ranked:
        return []
    here = [(rank, s) for rank, s in ranked if s.section in sections]
    # A static of the section is meant, even if others have the name as well; else one that says it is an element of something.
    speaking = [(rank, s) for rank, s in ranked if s.way != NOTHING or s.problem]
    candidates = here or speaking or ranked
    best = min(rank for rank, _ in candidates)
    meant = [s for rank, s in candidates if rank == best]
    return [(s.section if s.section in sections else sections[0], s) for s in meant]


def _elements(sections: list[bytes], statics: Statics) -> list[Static]:
    """All statics of the sections, one for each place: other symbols at it are other names for it."""
    seen: set[tuple[int, int, int, bytes]] = set()
    found = []
    for static in statics.found:
        if static.section not in sections or static.is_function:
            continue
        place = id(static.unit), static.index, static.offset, static.symbol if static.index < 0 or static.size == 0 else b""
        if place not in seen:
            seen.add(place)
            found.append(static)
    return found


def _match(element: str, static: Static) -> int:
    """How well a name fits a static: 1 by name, 2 by its last part or its key, 3 by a part of it, 0 not at all."""
    if not static.symbol:
        return 3 if element in static.name else 0
    symbol, name = text(static.symbol), readable(static.symbol)
    if element in (symbol, name):
        return 1
    if element in (name.rpartition("::")[2], text(static.key)) or (static.way == MARKER and symbol.endswith(f"${element}")):
        return 2
    return 3 if element in symbol or element in name else 0


def _number(result: Answer, judge: Judge, sections: list[bytes], statics: Statics) -> None:
    """Say which one in its section each element is: counted by address, over all elements and not only those asked about."""
    if not any(finding.is_in for finding in result.findings):
        return
    for base in sections:
        shown = _shown(result.section, base)
        everything = [judge.judge(s, base, shown) for s in _elements([base], statics)]
        inside = sorted((finding for finding in everything if finding.is_in), key=lambda finding: finding.begin)
        # Elements that are only read through their table may differ in size and alignment.
        if shown == text(base) and base in judge.trial.survey.references:
            result.notes += _gaps(inside, judge.section_facts(base, shown))
        positions = {address: number for number, address in enumerate(dict.fromkeys(finding.address for finding in inside), 1)}
        for finding in result.findings:
            if finding.is_in and finding.section == shown:
                finding.position = positions.get(finding.address, 0)


def _gaps(inside: list[Finding], section: SectionFacts) -> list[str]:
    """What a loop over the section meets between elements: padding, where alignments differ."""
    notes = []
    position = 0
    for begin, end in [*((finding.begin, finding.begin + finding.size) for finding in inside), (section.size, section.size)]:
        if begin > position:
            notes.append(
                f"bytes {position} to {begin} of section {section.name} belong to no element that has a name; "
                "if it is padding, a loop over the section takes it for an element: the objects do not agree on the alignment"
            )
        position = max(position, end)
    return notes


def _rank(finding: Finding) -> tuple[bool, str, int, int]:
    """In the order of the module; then what is not in it, in the order of the inputs (sorting keeps it)."""
    return not finding.is_in, finding.section if finding.is_in else "", finding.address, 0
