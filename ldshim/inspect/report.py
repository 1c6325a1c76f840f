"""Gathering the facts of all files into one report.

The files are looked at together in one respect: a custom section X holds elements if any of them refers to the bounds of X or has markers
of it.
"""

from __future__ import annotations

import os

from ldshim import markers
from ldshim.errors import LinkError
from ldshim.inspect import objects
from ldshim.inspect.facts import FORMAT, MARKER, Element, File, Member, Problem, Report, Section
from ldshim.inspect.files import MODULE, Opened, Piece, open_file
from ldshim.inspect.modules import LinkedFacts
from ldshim.inspect.names import section_label, text
from ldshim.wasm.module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.wasm.reader import ObjectFile


def make_report(paths: list[str], shown: str | None, *, with_relocations: bool) -> Report:
    """The facts of these files, of the section `shown` only if that is one."""
    report = Report(FORMAT, [], [])
    opened = [file for path in paths if (file := _open(path, report)) is not None]
    wanted = {name for file in opened for piece in file.pieces for name in objects.wanted_sections(piece)}
    if shown is not None:
        wanted.add(os.fsencode(shown))
    for file in opened:
        report.errors.extend(file.problems)
        # A file of which nothing could be read is not shown as an empty one.
        if file.pieces or not file.problems:
            report.files.append(_Facts(file, wanted, with_relocations=with_relocations).collect(report, shown))
    return report


def _open(path: str, report: Report) -> Opened | None:
    try:
        return open_file(path)
    except LinkError as error:
        report.errors.append(Problem(path, str(error)))
        return None


class _Facts:
    """The facts of one file."""

    __slots__ = ("file", "opened", "sections", "wanted", "with_relocations")

    def __init__(self, opened: Opened, wanted: set[bytes], *, with_relocations: bool) -> None:
        self.opened = opened
        self.wanted = wanted
        self.with_relocations = with_relocations
        self.sections: dict[bytes, Section] = {}
        self.file = File(text(os.fsencode(opened.path)), opened.format, None)

    def collect(self, report: Report, shown: str | None) -> File:
        file = self.file
        for piece in self.opened.pieces:
            problem = self._problem_with(piece)
            if problem is not None:
                report.errors.append(problem)
        architectures = {member.architecture for member in file.members if member.architecture is not None}
        file.architecture = architectures.pop() if len(architectures) == 1 else None
        for section in self.sections.values():
            _complete(section)
        file.sections = [section for section in self.sections.values() if shown in (None, section.name, section.label)]
        for member in file.members:
            if member.linked is not None:
                member.linked.sections = [known for known in member.linked.sections if shown in (None, known.name, known.label)]
        file.notes += self._notes_on_markers()
        file.notes += self._notes_on_bitcode()
        return file

    def _problem_with(self, piece: Piece) -> Problem | None:
        """Add the facts of one piece; returns what kept it from being read."""
        try:
            self._add(piece)
        except LinkError as error:
            return Problem(piece.name, str(error))
        return None

    def _add(self, piece: Piece) -> None:
        architecture = None if piece.is_64 is None else "wasm64" if piece.is_64 else "wasm32"
        member = Member(piece.member, piece.format, architecture)
        if piece.facts is not None:
            member.producer = text(piece.facts.producer) or None
        if piece.object is not None:
            self._add_object(piece.object, member)
        self.file.members.append(member)
        if piece.format == MODULE:
            return
        found = objects.ObjectFacts(piece, self.wanted)
        for name, element in found.elements:
            section = self._section(name)
            (section.declarations if _is_declaration(element) else section.elements).append(element)
        for name, reference in found.references:
            self._section(name).references.append(reference)

    def _add_object(self, obj: ObjectFile, member: Member) -> None:
        member.custom_sections = objects.custom_sections(obj)
        if obj.is_relocatable:
            member.relocations = objects.relocations(obj, with_entries=self.with_relocations)
        if member.format != MODULE:
            return
        module = Module(obj)
        member.architecture = "wasm64" if module.is_64 else "wasm32"
        found = LinkedFacts(module)
        member.linked = found.linked()
        # The small modules in a component have nothing to be told apart, and nothing worth a note.
        if member.name is None or member.linked.sections:
            self.file.notes += [note for note in found.notes(member.linked) if note not in self.file.notes]

    def _section(self, name: bytes) -> Section:
        if name not in self.sections:
            self.sections[name] = Section(text(name), *section_label(text(name)))
        return self.sections[name]

    def _notes_on_markers(self) -> list[str]:
        return [
            f"{piece.member or self.opened.path}: {text(problem.encode())}: a link would refuse this"
            for piece in self.opened.pieces
            if piece.format != MODULE
            for problem in objects.problems(piece)
        ]

    def _notes_on_bitcode(self) -> list[str]:
        reasons = {piece.why_no_ir: None for piece in self.opened.pieces if piece.why_no_ir}
        return [f"bitcode: {reason}, so sizes and what is `used` are not known" for reason in reasons]


def _is_declaration(element: Element) -> bool:
    """Whether nothing but the name is there: by its size or, where that is unknown, by what `ldshim.h` and the linkme crate call it."""
    if element.size is None and element.kind == MARKER:
        return (element.symbol or "").split("$", 3)[-1] in ("", "declaration")
    return element.size == 0


def _complete(section: Section) -> None:
    """Put the elements into the order that they would have in a link of this file alone, and add their sizes up."""
    section.elements.sort(key=_rank)
    sizes = [element.size for element in section.elements]
    section.size = None if None in sizes else sum(size or 0 for size in sizes)


def _rank(element: Element) -> tuple[int, int, bytes]:
    return markers.sort_rank((element.key or "").encode())
