"""The plan: what has to change in which object so that every wanted section is whole.  Pure: facts in, changes out.

The rules, in the order of the code:

1. *Copies.*  Of the copies of one COMDAT element, or of one weak marker, the first counts.  Two strong markers of one name are an error.
2. *Alignment.*  Elements have to be contiguous, so the contributions that ldshim makes get one alignment: the largest power of two
   that divides the size of each and exceeds none of the recorded alignments.
3. *Collection.*  Contributions that ldshim makes live and die with `__start_X` (see `anchors.py`).  Segments that the compiler
   named X follow lld's rules, unless these would lose one that is marked as used.
4. *Tables.*  Every contribution to X brings a segment X_ptrs with a pointer for each of its elements, where X_ptrs is wanted.
5. *Anchors.*  A section gets one if ldshim made contributions to it, if a declaration says that it may be empty, or to keep an order that
   lld would not: what LTO makes of bitcode it puts behind all objects.
"""

from __future__ import annotations

import os

from ldshim import markers
from ldshim.anchors import Anchor
from ldshim.errors import Errors, LinkError, printable
from ldshim.survey import CUSTOM, NATIVE, TABLE_SUFFIX, Contribution, Reference, Survey, table_of
from ldshim.wasm.editor import Edit, NewSegment, NewSymbol
from ldshim.wasm.entries import Relocation
from ldshim.wasm.format import (
    BINDING_LOCAL,
    COMDAT_DATA,
    EXPORTED,
    NO_STRIP,
    R_FUNCTION_OFFSET_I32,
    R_FUNCTION_OFFSET_I64,
    R_MEMORY_ADDR_I32,
    R_MEMORY_ADDR_I64,
    R_SECTION_OFFSET_I32,
    R_TABLE_INDEX_I32,
    R_TABLE_INDEX_I64,
    SEC_CUSTOM,
    SEC_DATA,
    SEG_FLAG_RETAIN,
    SEG_FLAG_STRINGS,
    SYMBOL_SECTION,
    VISIBILITY_HIDDEN,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.command import Command, SymbolOption
    from ldshim.inputs import Unit
    from ldshim.wasm.entries import Symbol

# What malloc aligns to on wasm; nobody recorded the alignment of a custom section, and no element of one needs more.
MAX_CUSTOM_P2ALIGN = 4
DROPPED_NAME = b".rodata.__ldshim_dropped"


class Plan:
    """The changes; `edits` holds only units that change."""

    __slots__ = ("anchors", "dropped_exports", "edits", "is_64", "needs_table", "unfilled")

    def __init__(self) -> None:
        self.edits: dict[Unit, Edit] = {}
        self.anchors: list[Anchor] = []
        self.needs_table = False  # ldshim adds function pointers
        self.is_64 = False
        self.dropped_exports: list[SymbolOption] = []  # `--export MARKER`: a registration is no export
        self.unfilled: list[Reference] = []  # to sections that may turn out to be missing

    def __bool__(self) -> bool:
        return bool(self.edits or self.anchors or self.dropped_exports)

    def edit(self, unit: Unit) -> Edit:
        edit = self.edits.get(unit)
        if edit is None:
            edit = self.edits[unit] = Edit()
        return edit


class _Mode:
    """How elements stay alive, and in order."""

    __slots__ = ("by_reference", "collects", "splits_lto")

    def __init__(self, *, collects: bool, pic: bool, splits_lto: bool) -> None:
        self.collects = collects
        self.splits_lto = splits_lto
        # In position-independent modules each relocation of the head would cost a store at start-up.
        self.by_reference = collects and not pic


def make_plan(survey: Survey, command: Command) -> Plan:
    """The plan for what the survey found.

    Raises `LinkError` where an element can neither be placed nor left alone.
    """
    plan = Plan()
    mode = _Mode(collects=command.gc_sections, pic=command.pic, splits_lto=command.splits_lto)
    _Planner(survey, plan, mode).run()
    for unit in survey.opened:
        plan.edit(unit)  # the linker gets the object that was planned for, and not the bitcode
    plan.edits = {unit: edit for unit, edit in plan.edits.items() if edit or unit.is_lowered}
    plan.dropped_exports = [o for o in command.exports if os.fsencode(o.name) in survey.marker_names]
    errors = Errors()
    _check_emptied_sections(plan, errors)
    errors.check()
    return plan


class _Planner:
    __slots__ = ("custom_symbols", "errors", "mode", "names", "plan", "survey")

    def __init__(self, survey: Survey, plan: Plan, mode: _Mode) -> None:
        self.survey = survey
        self.plan = plan
        self.mode = mode
        self.names = 0
        self.errors = Errors()
        # (unit, custom section) -> the symbol of the segment that it becomes
        self.custom_symbols: dict[tuple[Unit, int], int] = {}

    def run(self) -> None:
        survey = self.survey
        for section, contributions in survey.contributions.items():
            with self.errors:
                _check_declared_once(section, contributions)
            self._drop_copies(contributions)
        self.errors.check()
        for contributions in survey.contributions.values():
            for contribution in contributions:
                if contribution.kind == CUSTOM and not contribution.dropped:
                    self._reserve_segment(contribution)
        for section in survey.contributions:
            with self.errors:
                self._place(section)
        for section in survey.wanted:
            self._place_table(section)
        self.errors.check()
        self.plan.unfilled = [r for r in survey.references.values() if r.unit is not None and not self._is_filled(r.section)]

    def _is_filled(self, section: bytes) -> bool:
        """Whether something that is surely loaded defines the bounds."""
        certain = [c for c in self.survey.contributions.get(section, ()) if c.unit.certain or c.is_declaration]
        if any(c.is_used for c in certain) or section in self.survey.own_bounds:
            return True
        return table_of(self.survey, section) is not None

    # 1. Copies.

    def _drop_copies(self, contributions: list[Contribution]) -> None:
        groups: dict[tuple[bytes, bytes], list[Contribution]] = {}
        for contribution in contributions:
            for identity in _identities(contribution):
                groups.setdefault(identity, []).append(contribution)
        for (kind, name), copies in groups.items():
            if len(copies) > 1:
                with self.errors:
                    self._keep_one(kind, name, [c for c in copies if not c.dropped])

    def _keep_one(self, kind: bytes, name: bytes, copies: list[Contribution]) -> None:
        if kind == b"marker":
            strong = [c for c in copies if _defines_strongly(c, name)]
            if len(strong) > 1:
                raise LinkError(
                    f"two elements are named {printable(name)}: in {strong[0].unit} and in {strong[1].unit}; "
                    "the part behind the last $ has to be unique"
                )
            winner = (strong or copies)[0]
        else:
            certain = [c for c in copies if c.unit.certain]
            if not certain and self.mode.collects:
                # lld keeps the first group that it loads, and only that, as long as no segment says RETAIN.
                for copy in copies:
                    self._set_segment_flags(copy, clear=SEG_FLAG_RETAIN)
                return
            winner = (certain or copies)[0]
        # The winner leaves its group, so that it stays whichever group lld keeps; the others refer to it.
        self._leave_comdat(winner)
        for copy in copies:
            if copy is not winner:
                self._drop(copy, winner)

    def _leave_comdat(self, contribution: Contribution) -> None:
        if contribution.kind != CUSTOM and contribution.comdat is not None:
            self.plan.edit(contribution.unit).left_comdats.add((COMDAT_DATA, contribution.index))
        contribution.comdat = None

    def _drop(self, copy: Contribution, winner: Contribution) -> None:
        copy.dropped = True
        edit = self.plan.edit(copy.unit)
        if copy.kind == CUSTOM:
            edit.emptied_sections.add(copy.index)
            return
        self._leave_comdat(copy)
        name = DROPPED_NAME if copy.kind == NATIVE else copy.unit.object.segments[copy.index].name
        edit.segment_info[copy.index] = (name, copy.p2align or 0, copy.flags & ~SEG_FLAG_RETAIN)
        defined = {s.name for s in winner.symbols if not s.is_local}
        for symbol in copy.symbols:
            edit.symbol_flags[symbol.index] = symbol.flags & ~NO_STRIP
            if not symbol.is_local and symbol.name in defined:
                edit.undefined_symbols.add(symbol.index)

    # 2. to 4. Placing what counts.

    def _place(self, section: bytes) -> None:
        contributions = [c for c in self.survey.contributions[section] if not c.dropped]
        made = [c for c in contributions if c.kind != NATIVE and not c.is_declaration]
        own_bounds = section in self.survey.own_bounds
        if not own_bounds:
            self._number_runs(contributions, has_table=table_of(self.survey, section + TABLE_SUFFIX) is not None)
        places = {(c.key, c.run) for c in contributions if c.key or c.run}
        if places and own_bounds:
            raise LinkError(f"section {printable(section)} has sort keys, but an input defines its bounds itself")
        declared = any(c.is_declaration and c.kind != NATIVE for c in contributions)
        anchored = not own_bounds and (declared or bool(places) or any(c.unit.certain for c in made))
        by_reference = anchored and self.mode.by_reference
        p2align = _common_p2align(contributions) if self._is_contiguous(section) else None
        elements = []
        for contribution in contributions:
            if contribution.kind == NATIVE:
                self._keep_native(contribution)
            elif not contribution.is_declaration:
                kept_by_anchor = by_reference and contribution.unit.certain
                try:
                    symbol = self._place_made(contribution, p2align, keep=not kept_by_anchor)
                except LinkError as error:
                    self.errors.add(error)
                    continue
                if kept_by_anchor:
                    elements.append(symbol)
            elif contribution.kind == CUSTOM:
                self.plan.edit(contribution.unit).emptied_sections.add(contribution.index)
            else:
                self._take_off_export(contribution)
        if anchored:
            self._anchor(section, contributions, places, p2align, elements if by_reference else None)

    def _number_runs(self, contributions: list[Contribution], *, has_table: bool) -> None:
        """Give each row of contributions that lld would leave in order a number, and with it an output segment of its own.

        What LTO makes lies behind all objects: first one object for all modules of regular LTO, then those of ThinLTO.  A variable of
        regular LTO that a later module names moves behind that one (`IRLinker::run` in llvm/lib/Linker/IRMover.cpp), and where the
        object is split (--lto-partitions), variables are dealt out in no order.  `has_table`: see `IRModule.edited`.
        """
        last: dict[bytes, tuple[int, bool, int]] = {}  # key -> kind of the one before, whether it moves, its number
        for contribution in contributions:
            facts = contribution.unit.bitcode if contribution.unit.is_bitcode else None
            kind = 0 if facts is None else 2 if facts.is_thin and not has_table else 1
            moves = kind == 1 and (self.mode.splits_lto or self._is_mentioned_later(contribution))
            before, moved, run = last.get(contribution.key, (kind, False, -1))
            contribution.run = run + (run < 0 or kind < before or moves or moved)
            last[contribution.key] = (kind, moves, contribution.run)

    def _is_mentioned_later(self, contribution: Contribution) -> bool:
        order = contribution.unit.order
        return any(self.survey.mentions.get(s.name, order) > order for s in contribution.symbols if not s.is_local)

    def _take_off_export(self, declaration: Contribution) -> None:
        """For emscripten `used` means exported, and a declaration is no more a part of the module's interface than an element is."""
        for symbol in declaration.markers:
            if symbol.flags & EXPORTED:
                flags = (symbol.flags | VISIBILITY_HIDDEN) & ~(EXPORTED | NO_STRIP)
                self.plan.edit(declaration.unit).symbol_flags[symbol.index] = flags

    def _is_contiguous(self, section: bytes) -> bool:
        """Whether someone walks over the elements; those of a section that is only read through its table may differ in size."""
        return section in self.survey.references

    def _anchor(
        self,
        section: bytes,
        contributions: list[Contribution],
        places: set[tuple[bytes, int]],
        p2align: int | None,
        elements: list[bytes] | None,
    ) -> None:
        recorded = [c.p2align for c in contributions if c.p2align is not None and (c.kind == NATIVE or c.is_declaration)]
        if p2align is None:
            recorded.extend(c.p2align for c in contributions if c.p2align is not None)
        stop = markers.stop_segment_name(section)
        self.plan.anchors.append(Anchor(section, max([p2align or 0, *recorded]), elements, _ordered(section, places), stop))
        self.plan.is_64 = self.plan.is_64 or any(c.unit.object.is_64 for c in contributions)

    def _keep_native(self, contribution: Contribution) -> None:
        """See to it that lld loses no segment X with a used static in it.

        A used static is kept by every lld if it has a global symbol; by its segment's RETAIN flag only from lld 19 on, and only in objects
        of which something else is live, and LLVM forgets the flag where the first static of the segment is not used
        (https://github.com/llvm/llvm-project/pull/81539).  A weak definition may be overridden, and its element would go with it.
        """
        index, symbols = contribution.index, contribution.symbols
        self._set_segment_flags(contribution, clear=SEG_FLAG_STRINGS)
        if contribution.run:
            name = markers.segment_name(contribution.section, b"", contribution.run)
            flags = contribution.flags & ~SEG_FLAG_STRINGS
            self.plan.edit(contribution.unit).segment_info[index] = (name, contribution.p2align or 0, flags)
        if not contribution.is_used or not self.mode.collects:
            return
        in_group = contribution.unit.object.comdat_of(COMDAT_DATA, index) is not None
        if not any(s.flags & NO_STRIP and not s.is_local and (in_group or not s.is_weak) for s in symbols):
            flags = VISIBILITY_HIDDEN | NO_STRIP
            symbol = NewSymbol(self._new_name(), flags, index, 0, contribution.size)
            self.plan.edit(contribution.unit).new_symbols.append(symbol)

    def _set_segment_flags(self, contribution: Contribution, *, clear: int) -> None:
        if contribution.kind != CUSTOM and contribution.flags & clear:
            infos = self.plan.edit(contribution.unit).segment_info
            segment = contribution.unit.object.segments[contribution.index]
            name, p2align, flags = infos.get(segment.index, (segment.name, segment.p2align, segment.flags))
            infos[segment.index] = (name, p2align, flags & ~clear)

    def _place_made(self, contribution: Contribution, p2align: int | None, *, keep: bool) -> bytes:
        """Make the contribution a segment X; returns a global symbol of it."""
        if contribution.kind == CUSTOM:
            if p2align is None:
                p2align = _common_p2align([contribution])
            return self._append_segment(contribution, p2align, keep=keep)
        edit = self.plan.edit(contribution.unit)
        if contribution.repeated_by is not None:
            edit.emptied_sections.add(contribution.repeated_by)
        name = markers.segment_name(contribution.section, contribution.key, contribution.run)
        edit.segment_info[contribution.index] = (name, (contribution.p2align or 0) if p2align is None else p2align, 0)
        known = None
        marks = {symbol.index for symbol in contribution.markers}
        for symbol in contribution.symbols:
            marked = symbol.index in marks
            flags = symbol.flags & ~(NO_STRIP | EXPORTED if marked else NO_STRIP)
            if marked and not symbol.is_local:
                # A registration is no part of the module's interface.
                flags |= VISIBILITY_HIDDEN | (NO_STRIP if keep else 0)
                known = known or symbol.name
            if flags != symbol.flags:
                edit.symbol_flags[symbol.index] = flags
        if known is not None:
            return known
        flags = VISIBILITY_HIDDEN | (NO_STRIP if keep else 0)
        new = NewSymbol(self._new_name(), flags, contribution.index, 0, contribution.size)
        edit.new_symbols.append(new)
        return new.name

    # Custom sections.

    def _reserve_segment(self, contribution: Contribution) -> None:
        """Number the segment and the symbol that a custom section becomes: others may point into it."""
        unit = contribution.unit
        edit = self.plan.edit(unit)
        edit.emptied_sections.add(contribution.index)
        if contribution.is_declaration:
            return
        comdat = contribution.comdat.index if contribution.comdat is not None else None
        index = len(unit.object.segments) + len(edit.new_segments)
        edit.new_segments.append(NewSegment(contribution.section, 0, b"", [], comdat))
        symbol = NewSymbol(self._new_name(), VISIBILITY_HIDDEN, index, 0, contribution.size)
        self.custom_symbols[unit, contribution.index] = len(unit.object.symbols) + len(edit.new_symbols)
        edit.new_symbols.append(symbol)

    def _append_segment(self, contribution: Contribution, p2align: int, *, keep: bool) -> bytes:
        unit = contribution.unit
        obj = unit.object
        edit = self.plan.edit(unit)
        section = obj.sections[contribution.index]
        symbol = edit.new_symbols[self.custom_symbols[unit, contribution.index] - len(obj.symbols)]
        segment = edit.new_segments[symbol.segment - len(obj.segments)]
        segment.name = markers.segment_name(contribution.section, b"", contribution.run)
        segment.p2align = p2align
        segment.content = obj.data[section.content : section.end]
        segment.relocations = [self._translated(contribution, r) for r in obj.relocations(section.index)]
        if keep:
            symbol.flags |= NO_STRIP
        return symbol.name

    def _translated(self, contribution: Contribution, relocation: Relocation) -> Relocation:
        """The relocation that means in memory what `relocation` means in a custom section."""
        unit = contribution.unit
        kind, offset, index, addend = relocation.type, relocation.offset, relocation.index, relocation.addend
        if kind in (R_MEMORY_ADDR_I32, R_MEMORY_ADDR_I64):
            return relocation
        if kind in (R_FUNCTION_OFFSET_I32, R_FUNCTION_OFFSET_I64) and addend == 0:
            self.plan.needs_table = True
            pointer = R_TABLE_INDEX_I32 if kind == R_FUNCTION_OFFSET_I32 else R_TABLE_INDEX_I64
            return Relocation(pointer, offset, index)
        if kind in (R_TABLE_INDEX_I32, R_TABLE_INDEX_I64):
            self.plan.needs_table = True
            return relocation
        symbol = unit.object.symbols[index] if index < len(unit.object.symbols) else None
        if kind == R_SECTION_OFFSET_I32 and symbol is not None and symbol.kind == SYMBOL_SECTION:
            target = self.custom_symbols.get((unit, symbol.element))
            if target is not None:
                return Relocation(R_MEMORY_ADDR_I32, offset, target, addend)
        raise LinkError(
            f"{unit}: section {printable(contribution.section)} cannot become memory: {relocation.type_name} "
            f"at offset {offset:#x} against {_described(unit, symbol, addend)}"
        )

    # 4. Tables.

    def _place_table(self, table: bytes) -> None:
        base = table_of(self.survey, table)
        if base is None:
            return
        contributions = [c for c in self.survey.contributions[base] if not c.dropped and not c.is_declaration]
        by_reference = self.mode.by_reference and table not in self.survey.own_bounds
        names = []
        for contribution in contributions:
            try:
                symbol = self._append_pointers(contribution, table)
            except LinkError as error:
                self.errors.add(error)
                continue
            if by_reference and contribution.unit.certain:
                names.append(symbol.name)
            else:
                symbol.flags |= NO_STRIP
        if table not in self.survey.own_bounds:
            ordered = _ordered(table, {(c.key, c.run) for c in contributions if c.key or c.run})
            is_64 = any(c.unit.object.is_64 for c in self.survey.contributions[base])
            self.plan.is_64 = self.plan.is_64 or is_64
            stop = markers.stop_segment_name(table)
            self.plan.anchors.append(Anchor(table, 3 if is_64 else 2, names if by_reference else None, ordered, stop))

    def _append_pointers(self, contribution: Contribution, table: bytes) -> NewSymbol:
        unit = contribution.unit
        edit = self.plan.edit(unit)
        width, kind = (8, R_MEMORY_ADDR_I64) if unit.object.is_64 else (4, R_MEMORY_ADDR_I32)
        elements = _elements(contribution)
        targets = [self._own_symbol(contribution, symbol) for symbol in elements]
        relocations = [Relocation(kind, i * width, target) for i, target in enumerate(targets)]
        comdat = contribution.comdat.index if contribution.comdat is not None else None
        name = markers.segment_name(table, contribution.key, contribution.run)
        segment = NewSegment(name, 3 if width == 8 else 2, bytes(len(elements) * width), relocations, comdat)
        symbol = NewSymbol(
            self._new_name(), VISIBILITY_HIDDEN, len(unit.object.segments) + len(edit.new_segments), 0, len(segment.content)
        )
        edit.new_segments.append(segment)
        edit.new_symbols.append(symbol)
        return symbol

    def _own_symbol(self, contribution: Contribution, symbol: Symbol) -> int:
        """The index of a symbol that means this element whatever else is linked: a weak one may come to mean another's."""
        unit = contribution.unit
        # What can be replaced in bitcode has been lowered, but for groups, and of those one copy counts.
        if not symbol.is_weak or unit.is_bitcode:
            return symbol.index
        edit = self.plan.edit(unit)
        edit.new_symbols.append(NewSymbol(self._new_name(), BINDING_LOCAL, contribution.index, symbol.offset, symbol.size))
        return len(unit.object.symbols) + len(edit.new_symbols) - 1

    def _new_name(self) -> bytes:
        """A symbol name that no compiler makes; numbers follow the order of the inputs."""
        self.names += 1
        return b"__ldshim_element.%d" % self.names


def _check_emptied_sections(plan: Plan, errors: Errors) -> None:
    """Nothing may point into a custom section that is gone."""
    for unit, edit in plan.edits.items():
        if not edit.emptied_sections:
            continue
        obj = unit.object
        gone = {s.index for s in obj.section_symbols() if s.element in edit.emptied_sections}
        if not gone:
            continue
        for section in obj.sections:
            if section.id != SEC_CUSTOM or section.index in edit.emptied_sections:
                continue
            for relocation in obj.relocations(section.index):
                if relocation.type == R_SECTION_OFFSET_I32 and relocation.index in gone:
                    into = obj.sections[obj.symbols[relocation.index].element].name
                    error = LinkError(
                        f"{unit}: section {printable(section.name)} refers to section {printable(into)} at offset "
                        f"{relocation.offset:#x}, which becomes memory while {printable(section.name)} does not"
                    )
                    errors.add(error)


def _check_declared_once(section: bytes, contributions: list[Contribution]) -> None:
    """Declarations of one name, by strong symbols, are those of two programs that know nothing of each other.

    Their elements may be of different types, and would lie in one array.  lld reports the symbol if it loads both, but a declaration counts
    without being loaded.
    """
    declared: dict[bytes, Contribution] = {}
    for contribution in contributions:
        for symbol in contribution.markers if contribution.is_declaration and contribution.comdat is None else ():
            if symbol.is_local or symbol.is_weak:
                continue
            other = declared.setdefault(symbol.name, contribution)
            if other is not contribution:
                raise LinkError(
                    f"section {printable(section)} is declared twice, by {printable(symbol.name)}: in {other.unit} and in "
                    f"{contribution.unit}; give one of them another name"
                )


def _ordered(section: bytes, places: set[tuple[bytes, int]]) -> list[bytes]:
    """The output segments behind the first one, for these keys and runs."""
    return [markers.segment_name(section, key, run) for key, run in sorted(places, key=_place_rank)]


def _place_rank(place: tuple[bytes, int]) -> tuple[tuple[int, int, bytes], int]:
    return markers.sort_rank(place[0]), place[1]


def _identities(contribution: Contribution) -> list[tuple[bytes, bytes]]:
    """What makes two contributions copies of one element."""
    found = [(b"marker", s.name) for s in contribution.markers if not s.is_local and not contribution.is_declaration]
    if contribution.comdat is not None:
        found.append((b"comdat", contribution.comdat.name))
    return found


def _defines_strongly(contribution: Contribution, name: bytes) -> bool:
    return contribution.comdat is None and any(s.name == name and not s.is_weak for s in contribution.markers)


def _common_p2align(contributions: list[Contribution]) -> int:
    """The alignment (log 2) at which contributions of these sizes follow each other without gaps."""
    bounds = [MAX_CUSTOM_P2ALIGN] if all(c.p2align is None for c in contributions) else []
    for contribution in contributions:
        if not contribution.is_declaration:
            bounds.append((contribution.size & -contribution.size).bit_length() - 1)
            if contribution.p2align is not None:
                bounds.append(contribution.p2align)
    return min(bounds, default=0)


def _elements(contribution: Contribution) -> list[Symbol]:
    """The statics of a contribution, by address; every byte of it has to belong to one."""
    unit = contribution.unit
    if contribution.kind == CUSTOM:
        raise LinkError(
            f"{unit}: {printable(contribution.section + TABLE_SUFFIX)} needs to know where each element begins, "
            f"and the custom section {printable(contribution.section)} does not say so: use a data section with a symbol for each"
        )
    by_offset: dict[int, Symbol] = {}
    for symbol in contribution.symbols:
        if symbol.size and symbol.offset not in by_offset:
            by_offset[symbol.offset] = symbol
    elements = [by_offset[offset] for offset in sorted(by_offset)]
    _check_nothing_between(contribution, elements)
    return elements


def _check_nothing_between(contribution: Contribution, elements: list[Symbol]) -> None:
    segment = contribution.unit.object.segments[contribution.index]
    relocated: list[int] | None = None
    position = 0
    for begin, end in [*((e.offset, e.offset + e.size) for e in elements), (segment.size, segment.size)]:
        if begin > position:
            relocated = _relocated_places(contribution) if relocated is None else relocated
            gap = contribution.unit.object.data[segment.begin + position : segment.begin + begin]
            if gap.strip(b"\0") or _has_one_between(relocated, position, begin):
                raise LinkError(
                    f"{contribution.unit}: segment {printable(segment.name)} has data without a symbol at offset {position:#x}, so "
                    f"{printable(contribution.section + TABLE_SUFFIX)} would miss an element"
                )
        position = max(position, end)


def _relocated_places(contribution: Contribution) -> list[int]:
    """The offsets in a segment at which there are relocations, sorted."""
    obj = contribution.unit.object
    data = obj.section(SEC_DATA)
    begin = data.content - obj.segments[contribution.index].begin if data is not None else 0
    return sorted(begin + r.offset for r in obj.relocations(data.index)) if data is not None else []


def _has_one_between(numbers: list[int], begin: int, end: int) -> bool:
    """Whether one of the sorted `numbers` is at least `begin` and below `end`."""
    from bisect import bisect_left  # noqa: PLC0415 - a library to be loaded, and there is hardly ever a gap

    place = bisect_left(numbers, begin)
    return place < len(numbers) and numbers[place] < end


def _described(unit: Unit, symbol: Symbol | None, addend: int) -> str:
    if symbol is None:
        return "a type"
    if symbol.kind == SYMBOL_SECTION:
        return f"section {printable(unit.object.sections[symbol.element].name)}"
    return f"symbol {printable(symbol.name)}{f' + {addend}' if addend else ''}"
