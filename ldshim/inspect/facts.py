"""What `ldshim inspect` found out, as plain data; `--json` prints exactly this (docs/inspect.md has the meaning of every field).

A field that is not known, or has no meaning for its kind of file, is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# The number changes if a field is taken away or gets another meaning; fields may be added without.
FORMAT = 1

# Kinds of elements.
SEGMENT, MARKER, PATH_MARKER, CUSTOM_SECTION = "segment", "marker", "path marker", "custom section"


@dataclass
class Relocation:
    """A place that the linker fills in."""

    offset: int
    type: str
    symbol: str | None
    name: str | None
    addend: int
    text: str | None = None


@dataclass
class Element:
    """One static of a section."""

    name: str | None
    symbol: str | None
    aliases: list[str]
    member: str | None
    crate: str | None
    kind: str
    key: str | None
    size: int | None
    alignment: int | None
    segment: str | None
    offset: int | None
    binding: str | None
    used: bool | None
    hidden: bool | None
    thread_local: bool
    comdat: str | None
    pointers: list[Relocation] | None


@dataclass
class Reference:
    """A use of one of the bounds; `users` are the functions and statics in which it stands."""

    symbol: str
    member: str | None
    weak: bool
    users: list[str] | None


@dataclass
class Section:
    """A named section, as far as one file has parts of it."""

    name: str
    label: str
    hash: str | None
    size: int | None = 0
    elements: list[Element] = field(default_factory=list)
    declarations: list[Element] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)


@dataclass
class CustomSection:
    """A custom section that is not the object format's own."""

    name: str
    size: int


@dataclass
class Relocations:
    """The relocations of one section of an object; `entries` only if they were asked for."""

    section: str
    types: dict[str, int]
    entries: list[Relocation] | None


@dataclass
class Reading:
    """What a word in memory may be: `guess` is "function" (an index of the table), "address", or "head" (ldshim's own word)."""

    offset: int
    value: int
    guess: str
    name: str
    text: str | None = None


@dataclass
class Place:
    """Where a symbol is that the module still has: an exported one, mostly."""

    name: str
    symbol: str
    address: int
    offset: int


@dataclass
class Slice:
    """One data segment of a linked module."""

    segment: int
    name: str | None
    key: str | None
    address: int | None
    address_from: str | None
    size: int
    passive: bool
    bytes: str
    places: list[Place]
    readings: list[Reading]


@dataclass
class LinkedSection:
    """A named section of a linked module, with the segments that it consists of.

    `bounds_from` is "symbols" if `start` and `stop` are the bounds; "segments" if only `stop` is known, as the end of the segments.
    """

    name: str
    label: str
    hash: str | None
    start: int | None
    stop: int | None
    bounds_from: str | None
    size: int
    slices: list[Slice]


@dataclass
class OtherSegment:
    """A data segment of a linked module that is not known to be a section's."""

    segment: int
    name: str | None
    address: int | None
    size: int


@dataclass
class Linked:
    """What a linked module tells."""

    has_names: bool
    has_segment_names: bool
    sections: list[LinkedSection]
    other_segments: list[OtherSegment]


@dataclass
class Member:
    """One object, bitcode file or module: a file of its own (its name is None), or a member of an archive."""

    name: str | None
    format: str
    architecture: str | None
    producer: str | None = None
    custom_sections: list[CustomSection] = field(default_factory=list)
    relocations: list[Relocations] = field(default_factory=list)
    linked: Linked | None = None


@dataclass
class File:
    """A file; `sections` are those of all its members but linked modules."""

    path: str
    format: str
    architecture: str | None
    members: list[Member] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def has_sections(self) -> bool:
        return bool(self.sections) or any(member.linked is not None and member.linked.sections for member in self.members)


@dataclass
class Problem:
    """What could not be read, and why."""

    path: str
    message: str


@dataclass
class Report:
    """All that is shown."""

    format: int
    files: list[File]
    errors: list[Problem]
