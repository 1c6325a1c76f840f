"""What is wanted, and what contributes to it: the facts that a plan is made from.

A name X is *wanted* if an input refers to `__start_X` or `__stop_X`, if a marker symbol names it, or if the command line asks for
one of the two symbols.  Everything that contributes to a wanted X becomes a `Contribution`, in the order of the inputs.
"""

from __future__ import annotations

from ldshim import markers
from ldshim.bitcode import FUNCTION
from ldshim.errors import Errors, LinkError, printable
from ldshim.memory import HAS_NOTHING, WANTS_NOTHING
from ldshim.wasm.cursor import MalformedObject
from ldshim.wasm.format import (
    COMDAT_DATA,
    COMDAT_SECTION,
    NO_STRIP,
    SEC_CUSTOM,
    SEC_DATA,
    SEG_FLAG_RETAIN,
    SEG_FLAG_TLS,
    SYMBOL_DATA,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator

    from ldshim.bitcode.ir import IRModule
    from ldshim.command import Command
    from ldshim.inputs import InputFile, Unit
    from ldshim.markers import Marker
    from ldshim.wasm.entries import Segment, Symbol
    from ldshim.wasm.reader import ObjectFile

BOUNDS = (b"__start_", b"__stop_")
TABLE_SUFFIX = b"_ptrs"
# An archive in which none of these occurs wants nothing.
NEEDLES = (*BOUNDS, markers.NEEDLE)

# How a contribution comes about.
NATIVE = "segment"  # a data segment that the compiler named X
MARKED = "marker"  # the data segment of a marker symbol
PAIRED = "paired"  # a data segment whose bytes a custom section X repeats
CUSTOM = "custom section"  # a custom section X that becomes a data segment


class Contribution:
    """What one segment, or one custom section, adds to the named section."""

    __slots__ = (
        "comdat",
        "dropped",
        "flags",
        "index",
        "key",
        "kind",
        "markers",
        "p2align",
        "repeated_by",
        "run",
        "section",
        "size",
        "unit",
    )

    def __init__(self, kind: str, section: bytes, unit: Unit, index: int, size: int, p2align: int | None, flags: int = 0) -> None:
        self.kind = kind
        self.section = section
        self.unit = unit
        self.index = index  # of the segment, or of the custom section
        self.size = size
        self.p2align = p2align  # None: nobody recorded one
        self.flags = flags  # of the segment
        self.key = b""
        self.run = 0  # see `sections._number_runs`
        self.markers: list[Symbol] = []
        self.dropped = False  # another copy of the same element counts
        self.repeated_by: int | None = None  # the custom section that a paired segment takes the place of
        self.comdat = unit.object.comdat_of(COMDAT_SECTION if kind == CUSTOM else COMDAT_DATA, index)

    @property
    def is_declaration(self) -> bool:
        """Nothing but the name: a slice that exists, and may be empty."""
        return self.size == 0

    @property
    def is_used(self) -> bool:
        """Whether the linker is to keep it for its own sake (`__attribute__((used))`, `#[used]`)."""
        return self.kind != NATIVE or bool(self.flags & SEG_FLAG_RETAIN) or any(s.flags & NO_STRIP for s in self.symbols)

    @property
    def symbols(self) -> list[Symbol]:
        """Those in the segment."""
        if self.kind == CUSTOM:
            return []
        if self.unit.object.symbol_count(self.index) == len(self.markers):
            return self.markers
        return self.unit.object.symbols_of_segment(self.index)


class Reference:
    """Who refers to the bounds of a section."""

    __slots__ = ("certain", "section", "unit")

    def __init__(self, section: bytes) -> None:
        self.section = section
        self.unit: Unit | None = None  # the first object with a strong reference
        self.certain = False  # whether an object that is surely loaded has one


class Survey:
    """The facts; dictionaries are by section name, in the order in which the names were met."""

    __slots__ = ("contributions", "marked", "marker_names", "mentions", "opaque", "opened", "own_bounds", "references", "wanted")

    def __init__(self) -> None:
        self.wanted: dict[bytes, None] = {}
        self.marked: list[tuple[Unit, Symbol, Marker]] = []
        self.opaque: list[Unit] = []  # bitcode that only its object can tell about
        self.opened: list[Unit] = []  # bitcode that has an object now
        # symbol of an element in bitcode -> the last place in the order of the inputs where a bitcode file names it
        self.mentions: dict[bytes, tuple[int, int]] = {}
        self.marker_names: set[bytes] = set()
        self.references: dict[bytes, Reference] = {}
        self.own_bounds: set[bytes] = set()  # sections whose bounds an input defines itself
        self.contributions: dict[bytes, list[Contribution]] = {}

    def want(self, section: bytes) -> None:
        self.wanted.setdefault(section)

    @property
    def filled_names(self) -> dict[bytes, None]:
        """The names of sections that count: those that are wanted, and those that a wanted pointer table is of."""
        names = dict.fromkeys(self.wanted)
        for section in self.wanted:
            if section.endswith(TABLE_SUFFIX) and section != TABLE_SUFFIX:
                names.setdefault(section[: -len(TABLE_SUFFIX)])
        return names

    def refer(self, section: bytes) -> Reference:
        self.want(section)
        return self.references.setdefault(section, Reference(section))


def survey(files: list[InputFile], command: Command) -> Survey:
    """Find out what is wanted.  Raises `LinkError` for an object with something of interest that cannot be read."""
    found = Survey()
    errors = Errors()
    _ask_for_exports(found, command)
    for file in files:
        if file.is_remembered:
            continue
        wants_nothing = file.is_archive and not file.is_thin
        with errors:  # an archive that cannot be walked
            for unit in file.units_with_symbols(NEEDLES):
                wants_nothing = False
                try:
                    if unit.is_bitcode:
                        _note_bitcode(found, unit)
                    elif unit.object.is_relocatable:
                        _note_symbols(found, unit)
                except LinkError as error:
                    errors.add(error)
            if wants_nothing:
                file.known = WANTS_NOTHING
    errors.check()
    return found


def unopened_bitcode(found: Survey, files: list[InputFile]) -> list[Unit]:
    """The bitcode files with elements of what is wanted that have no object yet, in order.

    All of them have to be read for that: the names of sections are not there as bytes that one could search for.
    """
    names = found.filled_names
    if not names:
        return [unit for unit in found.opaque if not unit.is_open]
    units = (unit for file in files for unit in file.bitcode() if not unit.is_open)
    return [unit for unit in units if unit in found.opaque or _has_elements(unit, names)]


def note_opened(found: Survey, units: list[Unit]) -> None:
    """Look at the objects that bitcode files have got."""
    for unit in units:
        found.opened.append(unit)
        _note_symbols(found, unit)


def collect(found: Survey, files: list[InputFile]) -> None:
    """Find everything that contributes to what is wanted."""
    errors = Errors()
    _collect_marked(found, errors)
    _collect_sections(found, files, errors)
    errors.check()
    for contributions in found.contributions.values():
        contributions.sort(key=_link_order)
    if found.opened:
        _note_mentions(found, files)


def _note_mentions(found: Survey, files: list[InputFile]) -> None:
    contributions = (c for found_ in found.contributions.values() for c in found_ if c.unit.is_bitcode)
    names = {symbol.name for contribution in contributions for symbol in contribution.symbols if not symbol.is_local}
    for file in files:
        for unit in file.bitcode():
            facts = None if unit.is_lowered else unit.bitcode
            if facts is not None:
                found.mentions.update((g.name, unit.order) for g in facts.globals if g.name in names and not g.is_local)


def table_of(found: Survey, section: bytes) -> bytes | None:
    """The section that `section` is the pointer table of: `X` for a wanted `X_ptrs` that nothing contributes to itself."""
    if section not in found.wanted or not section.endswith(TABLE_SUFFIX):
        return None
    if any(not c.is_declaration for c in found.contributions.get(section, ())):
        return None
    base = section[: -len(TABLE_SUFFIX)]
    return base if markers.is_c_identifier(base) and found.contributions.get(base) else None


def _link_order(contribution: Contribution) -> tuple[tuple[int, int], bool, int]:
    return contribution.unit.order, contribution.kind == CUSTOM, contribution.index


def _bounded_section(name: bytes) -> bytes | None:
    """X if `name` is `__start_X` or `__stop_X`."""
    for prefix in BOUNDS:
        if name.startswith(prefix):
            section = name[len(prefix) :]
            return section if markers.is_c_identifier(section) else None
    return None


def _ask_for_exports(found: Survey, command: Command) -> None:
    for name in [option.name for option in command.exports] + command.required:
        section = _bounded_section(name.encode("utf-8", "surrogateescape"))
        if section is not None:
            found.refer(section)


def _note_bitcode(found: Survey, unit: Unit) -> None:
    facts = unit.bitcode
    if facts is None or any(needle in facts.asm for needle in NEEDLES):
        found.opaque.append(unit)
        return
    for known in facts.globals:
        section = _bounded_section(known.name)
        if section is not None:
            if known.is_declaration:
                _refer(found, unit, section, certainly=known.kind != FUNCTION and not known.is_weak)
            elif not known.is_local:
                found.own_bounds.add(section)
        elif known.kind != FUNCTION and not known.is_declaration:
            marker = _marker(unit, known.name)
            if marker is not None:
                found.want(marker.section)


def _has_elements(unit: Unit, names: dict[bytes, None]) -> bool:
    facts = unit.bitcode
    return (
        facts is None
        or any(name in facts.asm for name in names)
        or any(not g.is_declaration and (g.section in names or (markers.NEEDLE in g.name and g.kind != FUNCTION)) for g in facts.globals)
    )


def _note_symbols(found: Survey, unit: Unit) -> None:
    needle = markers.NEEDLE
    for symbol in unit.object.symbols_with(NEEDLES):
        name = symbol.name
        if needle in name:
            marker = _marker(unit, name) if symbol.kind == SYMBOL_DATA and not symbol.is_undefined else None
            if marker is not None:
                found.wanted[marker.section] = None
                found.marker_names.add(name)
                found.marked.append((unit, symbol, marker))
        if name.startswith(BOUNDS):
            section = _bounded_section(name)
            if section is None:
                continue
            if symbol.is_undefined:
                _refer(found, unit, section, certainly=symbol.kind == SYMBOL_DATA and not symbol.is_weak)
            elif not symbol.is_local:
                found.own_bounds.add(section)


def _refer(found: Survey, unit: Unit, section: bytes, *, certainly: bool) -> None:
    """Note a reference; one to a function of that name may be meant as an import, which needs no section."""
    reference = found.refer(section)
    if certainly:
        reference.unit = reference.unit or unit
        reference.certain = reference.certain or unit.certain


def _marker(unit: Unit, name: bytes) -> Marker | None:
    try:
        return markers.parse(name)
    except LinkError as error:
        raise LinkError(f"{unit}: {error}") from None


def _collect_marked(found: Survey, errors: Errors) -> None:
    by_segment: dict[tuple[int, int], Contribution] = {}
    for unit, symbol, marker in found.marked:
        if symbol.element < 0:
            errors.add(LinkError(f"{unit}: marker symbol {printable(marker.name)} is not in a data segment"))
            continue
        place = id(unit), symbol.element
        contribution = by_segment.get(place)
        if contribution is None:
            segment = unit.object.segments[symbol.element]
            if segment.flags & SEG_FLAG_TLS:
                with errors:
                    _refuse_thread_local(unit, segment, marker.name)
            size = segment.end - segment.begin
            contribution = Contribution(MARKED, marker.section, unit, symbol.element, size, segment.p2align, segment.flags)
            contribution.key = marker.key
            by_segment[place] = contribution
            found.contributions.setdefault(marker.section, []).append(contribution)
        elif (contribution.section, contribution.key) != (marker.section, marker.key):
            error = LinkError(
                f"{unit}: marker symbols {printable(contribution.markers[0].name)} and {printable(marker.name)} "
                "lie in one data segment; compile with -fdata-sections"
            )
            errors.add(error)
        contribution.markers.append(symbol)
    for contribution in by_segment.values():
        marker_symbol = contribution.markers[0]
        if marker_symbol.offset or marker_symbol.size != contribution.size:
            with errors:
                _check_covered(contribution)
        if not contribution.is_declaration:
            # A registration is not lost because nobody refers to the archive member that holds it.
            contribution.unit.certain = True


def _check_covered(contribution: Contribution) -> None:
    """A segment can only be moved to its section whole, so all of it has to be marked."""
    position = 0
    for symbol in sorted(contribution.markers, key=lambda s: s.offset):
        if symbol.offset > position:
            break
        position = max(position, symbol.offset + symbol.size)
    if position != contribution.size:
        raise LinkError(
            f"{contribution.unit}: the data segment of marker symbol {printable(contribution.markers[0].name)} holds other data "
            f"at offset {position:#x}; compile with -fdata-sections"
        )


def _refuse_thread_local(unit: Unit, segment: Segment, name: bytes) -> None:
    if segment.flags & SEG_FLAG_TLS:
        raise LinkError(
            f"{unit}: {printable(name)} is thread-local: every thread has its own copy, so it cannot be an element of a section"
        )


def _collect_sections(found: Survey, files: list[InputFile], errors: Errors) -> None:
    names = found.filled_names
    asks_for_metadata = any(_is_metadata(name) for name in names)
    for file in files:
        if file.known == HAS_NOTHING and not asks_for_metadata:
            continue
        is_empty = file.known == WANTS_NOTHING
        for unit in file.units_with(names):
            is_empty = False
            try:
                if not unit.is_bitcode and not unit.is_lowered and unit.object.is_relocatable:
                    _collect_from(found, unit, names)
            except LinkError as error:
                errors.add(error)
        if is_empty and _has_nothing(file):
            file.known = HAS_NOTHING
    for unit in found.opened:
        with errors:
            _collect_from(found, unit, names)


def _has_nothing(file: InputFile) -> bool:
    """Whether there is no section in an archive that anybody could want, under whatever name, and no bitcode."""
    try:
        names = set(file.section_names())
    except MalformedObject:
        return False
    return next(file.bitcode(), None) is None and not any(markers.is_c_identifier(name) and not _is_metadata(name) for name in names)


def _collect_from(found: Survey, unit: Unit, wanted: Collection[bytes]) -> None:
    obj = unit.object
    with_segment = set()
    for segment in obj.segments_named(wanted):
        with_segment.add(segment.name)
        if any(markers.parse(s.name) for s in obj.symbols_of_segment(segment.index)):
            continue  # collected already, by its marker
        _refuse_thread_local(unit, segment, segment.name)
        native = Contribution(NATIVE, segment.name, unit, segment.index, segment.size, segment.p2align, segment.flags)
        found.contributions.setdefault(segment.name, []).append(native)
    repeatable: _Repeatable | None = None
    for section in obj.custom_sections(wanted):
        if section.name in with_segment:
            _check_repeats_segments(unit, section.name)
            continue
        custom = Contribution(CUSTOM, section.name, unit, section.index, section.end - section.content, None)
        paired = None
        if not custom.is_declaration and not obj.relocations(section.index) and custom.comdat is None:
            repeatable = repeatable or _Repeatable(obj, wanted)
            paired = _paired(unit, custom, repeatable)
        found.contributions.setdefault(section.name, []).extend(paired or [custom])


def _check_repeats_segments(unit: Unit, name: bytes) -> None:
    """Since about 1.100 rustc writes a static both into a segment X and into a custom section X: the segment is what counts.

    https://github.com/rust-lang/rust/pull/161862.  It does so for statics without pointers, so a custom section with relocations is
    something else, and counting neither it nor both would be right for sure.
    """
    for section in unit.object.custom_sections((name,)):
        if unit.object.relocations(section.index):
            raise LinkError(
                f"{unit}: has a data segment {printable(name)} and a custom section {printable(name)} with relocations; "
                "ldshim cannot tell whether they are the same elements: put them into two objects"
            )


def _paired(unit: Unit, custom: Contribution, repeatable: _Repeatable) -> list[Contribution] | None:
    """The statics whose bytes the custom section repeats, or None where there is any doubt.

    rustc before about 1.100 writes `#[link_section = "X"]` statics into a custom section X, and into segments of their own as well,
    whose names do not say so.  Without doubt means: the section is, in exactly one way, the concatenation of segments of `#[used]` statics,
    and no other custom section of the object could claim one of them.
    """
    obj = unit.object
    section = obj.sections[custom.index]
    content = obj.data[section.content : section.end]
    segments = _one_way(content, repeatable.statics.get(custom.index, []))
    if not segments or any(repeatable.claims[segment.index] > 1 for segment in segments) or custom.index in repeatable.pointed_at:
        return None
    paired = [Contribution(PAIRED, custom.section, unit, s.index, s.size, s.p2align, s.flags) for s in segments]
    for contribution in paired:
        contribution.repeated_by = custom.index
    return paired


def _is_metadata(name: bytes) -> bool:
    """Sections of the format and of compilers, which no static is in."""
    metadata = (b"linking", b"name", b"producers", b"target_features")
    return name in metadata or name.startswith((b"reloc.", b".debug_", b".llvm"))


class _Repeatable:
    """What each custom section of one object may repeat: found at once for all of them, as there can be thousands."""

    __slots__ = ("claims", "pointed_at", "statics")

    def __init__(self, obj: ObjectFile | IRModule, wanted: Container[bytes]) -> None:
        self.pointed_at = {symbol.element for symbol in obj.section_symbols()}  # the sections that something may point into
        self.statics: dict[int, list[tuple[Segment, bytes]]] = {}  # custom section -> the statics whose bytes are somewhere in it
        self.claims: dict[int, int] = {}  # segment of a static -> how many sections have its bytes
        customs = [s for s in obj.sections if s.id == SEC_CUSTOM and (s.name in wanted or not _is_metadata(s.name))]
        parts = _Parts([(section.index, obj.data[section.content : section.end]) for section in customs])
        for segment, bytes_ in _plain_statics(obj):
            for index in parts.with_bytes(bytes_):
                self.statics.setdefault(index, []).append((segment, bytes_))
                self.claims[segment.index] = self.claims.get(segment.index, 0) + 1


class _Parts:
    """Contents, each with its number, that are searched at once."""

    __slots__ = ("_begins", "_numbers", "_text")

    def __init__(self, contents: list[tuple[int, bytes]]) -> None:
        self._numbers = [number for number, content in contents if content]
        self._text = b"".join([content for _, content in contents])
        self._begins = [0]
        for _, content in contents:
            if content:
                self._begins.append(self._begins[-1] + len(content))

    def with_bytes(self, bytes_: bytes) -> Iterator[int]:
        """The numbers of those in which `bytes_` are."""
        from bisect import bisect_right  # noqa: PLC0415 - a library to be loaded, for few links

        position = self._text.find(bytes_)
        while position >= 0:
            row = bisect_right(self._begins, position)
            end = self._begins[row]
            if position + len(bytes_) <= end:
                yield self._numbers[row - 1]
            # Whatever else begins in this one goes across its end, if the first does.
            position = self._text.find(bytes_, end)


def _plain_statics(obj: ObjectFile | IRModule) -> list[tuple[Segment, bytes]]:
    """The segments of `#[used]` statics without pointers, and their bytes."""
    data = obj.section(SEC_DATA)
    if data is None:
        return []
    from bisect import bisect_left  # noqa: PLC0415 - a library to be loaded, for few links

    relocated = sorted(data.content + relocation.offset for relocation in obj.relocations(data.index))
    statics = []
    for segment in obj.segments:
        symbols = obj.symbols_of_segment(segment.index)
        if (
            segment.size
            and not segment.flags & SEG_FLAG_TLS
            and any(s.flags & NO_STRIP for s in symbols)
            and not any(markers.parse(s.name) for s in symbols)
            and bisect_left(relocated, segment.begin) == bisect_left(relocated, segment.end)
        ):
            statics.append((segment, obj.data[segment.begin : segment.end]))
    return statics


def _one_way(content: bytes, candidates: list[tuple[Segment, bytes]]) -> list[Segment]:
    """The one row of candidates, in order, whose bytes are `content`; nothing if there is none, or more than one."""
    if b"".join([bytes_ for _, bytes_ in candidates]) == content:
        return [segment for segment, _ in candidates]  # without one of them it would be too short
    # position -> (number of ways to get there, the last step of one of them and the steps before it)
    ways: dict[int, tuple[int, _Step | None]] = {0: (1, None)}
    for segment, bytes_ in candidates:
        # Backwards, as a step that is taken now is not one to go on from.
        position = content.rfind(bytes_)
        while position >= 0:
            if position in ways:
                end = position + len(bytes_)
                count, step = ways.get(end, (0, None))
                more, before = ways[position]
                ways[end] = (min(count + more, 2), step or _Step(segment, before))
            position = content.rfind(bytes_, 0, position + len(bytes_) - 1)
    count, step = ways.get(len(content), (0, None))
    row: list[Segment] = []
    while count == 1 and step is not None:
        row.append(step.segment)
        step = step.before
    return row[::-1]


class _Step:
    __slots__ = ("before", "segment")

    def __init__(self, segment: Segment, before: _Step | None) -> None:
        self.segment = segment
        self.before = before
