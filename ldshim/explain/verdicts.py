"""What became of a static in the link: the rules of ldshim and lld, checked against what the module has.

`Judge.judge` asks the questions in the order in which a link decides them: is it an element of this section at all, does ldshim refuse it,
is the object loaded, does another copy count, is it alive.  That it is in, only the map of the linked module says.
"""

from __future__ import annotations

import os

from ldshim import markers
from ldshim.explain import finding as f
from ldshim.explain.finding import Finding, SectionFacts
from ldshim.explain.references import users_of
from ldshim.explain.statics import CUSTOM_SECTION, MARKER, NOTHING, SEGMENT, readable, text
from ldshim.survey import CUSTOM, NATIVE, PAIRED, TABLE_SUFFIX, table_of
from ldshim.wasm.format import COMDAT_DATA, COMDAT_SECTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.explain.layout import Layout, Piece
    from ldshim.explain.references import User
    from ldshim.explain.statics import Static, Statics
    from ldshim.explain.trial import Trial
    from ldshim.inputs import Unit
    from ldshim.survey import Contribution

_MANY = 4


class Judge:
    """Knows one link, and judges the statics of its inputs."""

    __slots__ = ("_contributions", "_known_copies", "_sections", "_users", "statics", "trial")

    def __init__(self, trial: Trial, statics: Statics) -> None:
        self.trial = trial
        self.statics = statics
        # by unit, whether it is a custom section, index and symbol (which may be empty)
        self._contributions: dict[tuple[int, bool, int, bytes], Contribution] = {}
        self._users: dict[bytes, list[User]] = {}
        self._known_copies: dict[tuple[bytes, bytes, bytes], list[Contribution]] = {}
        self._sections: dict[bytes, SectionFacts] = {}
        self._attach()

    # The statics that ldshim has down as elements.

    def _attach(self) -> None:
        """Note which contribution each static is part of, and take statics that a custom section repeats for its elements."""
        repeated: set[tuple[int, int]] = set()
        for contributions in self.trial.survey.contributions.values():
            for contribution in contributions:
                unit = id(contribution.unit)
                index = -1 if contribution.unit.is_bitcode else contribution.index
                if contribution.kind == CUSTOM:
                    self._contributions[unit, True, index, b""] = contribution
                    continue
                if contribution.repeated_by is not None:
                    repeated.add((unit, contribution.repeated_by))
                for name in (*(s.name for s in contribution.symbols), b""):
                    self._contributions.setdefault((unit, False, index, name), contribution)
        kept = []
        for static in self.statics.found:
            if static.way == CUSTOM_SECTION and (id(static.unit), static.index) in repeated:
                continue
            found = self.contribution_of(static)
            if found is not None and found.kind == PAIRED:
                static.section, static.way = found.section, PAIRED
            kept.append(static)
        self.statics.found = kept

    def contribution_of(self, static: Static) -> Contribution | None:
        if static.is_function:
            return None
        return self._contributions.get((id(static.unit), static.way == CUSTOM_SECTION, static.index, static.symbol))

    # The judgement.

    def judge(self, static: Static, section: bytes, asked: str) -> Finding:
        """The verdict on a static; `section` is the one that is asked about (X, where X_ptrs is), `asked` its name in messages."""
        verdict = (
            self._not_an_element(static, section, asked)
            or self._refused(static, asked)
            or self._not_loaded(static, asked)
            or self._other_copy(static, asked)
            or self._without_program(static, asked)
            or self._in(static, section, asked)
            or self._garbage(static, section, asked)
        )
        if not any(label == "defined in" for label, _ in verdict.facts):
            verdict.facts.insert(0, ("defined in", _origin(static)))
        verdict.way = static.way
        return verdict

    def _not_an_element(self, static: Static, section: bytes, asked: str) -> Finding | None:
        if static.problem:
            result = _not_in(f.MALFORMED_MARKER, static, asked, "its symbol looks like a marker, but is none")
            result.facts = [("defined in", str(static.unit)), ("why", static.problem.partition(": ")[2] or static.problem)]
            result.advice = [f"name it __ldshim${asked}$$NAME, or with a sort key __ldshim${asked}$KEY$NAME; ldshim.h does that"]
            return result
        if static.section != section:
            return self._elsewhere(static, section, asked)
        contribution = self.contribution_of(static)
        if contribution is not None and contribution.is_declaration:
            result = _not_in(f.DECLARATION, static, asked, "it declares the section, and adds no element")
            result.facts = [("why", "its size is 0: that says that the section exists, and may be empty")]
            return result
        if not markers.is_c_identifier(section):
            result = _not_in(f.NOT_AN_IDENTIFIER, static, asked, "no section of that name has bounds")
            result.facts = [("why", f"{asked} is not a C identifier, and lld makes __start_X and __stop_X only where X is one")]
            result.advice = [f"call the section {_as_identifier(asked)}"]
            return result
        if static.way == CUSTOM_SECTION and contribution is None and not self.trial.refusal:
            result = _not_in(f.NOT_MEMORY, static, asked, "it is in a custom section, which stays one and never becomes memory")
            result.facts = [
                ("why", f"nothing refers to __start_{asked} or __stop_{asked}, and ldshim touches no custom section that nobody wants"),
            ]
            result.advice = [f"link the object that walks over {asked}; it may be missing on the line, or in an archive member without use"]
            return result
        return None

    def _elsewhere(self, static: Static, section: bytes, asked: str) -> Finding:
        if static.is_function:
            result = _not_in(f.NO_ELEMENT, static, asked, "it is a function")
            result.facts = [("why", "an element is a variable, and a function is registered by one that points to it")]
            beside = [s.name for s in self.statics.found if s.unit is static.unit and s.section == section]
            if beside:
                result.facts.append(("elements", f"of {asked} in that object: {', '.join(dict.fromkeys(beside))}"))
            return result
        if static.way == NOTHING:
            result = _not_in(f.NO_ELEMENT, static, asked, "it is an ordinary variable, in no section")
            result.facts = [("why", _looks_like_marker(static) or "it has neither a marker symbol nor a section attribute")]
            result.advice = [f"define it with LDSHIM_ELEMENT({asked}, ...), or #[distributed_slice({asked})] in Rust"]
            return result
        actual = text(static.section)
        result = _not_in(f.OTHER_SECTION, static, asked, f"it is in section {actual}")
        why = _spelling(actual, asked)
        if why:
            result.facts.append(("why", why))
        if text(static.key) == asked:
            result.facts.append(("why", f"{asked} stands in the place of its sort key: __ldshim$SECTION$KEY$NAME"))
        result.advice = [f"give it the name of the section that is read, or ask about this one: ldshim explain {actual}"]
        if section in self.statics.users and static.section not in self.statics.users:
            users = ", ".join(str(unit) for unit in self.statics.users[section][:_MANY])
            result.facts.append(("read by", f"{users} refers to the bounds of {asked}; nothing refers to those of {actual}"))
        return result

    def _refused(self, static: Static, asked: str) -> Finding | None:
        message = self.trial.refusal
        if not message:
            return None
        if static.is_thread_local:
            result = _not_in(f.THREAD_LOCAL, static, asked, "it is thread-local")
            result.facts = [("why", "every thread has its own copy of it, so it cannot lie in one array")]
            result.advice = ["take thread_local (_Thread_local, #[thread_local]) off it"]
        elif str(static.unit) in message or (static.symbol and text(static.symbol) in message):
            result = _not_in(f.REFUSED, static, asked, "ldshim refuses the link because of it, or of something in the same object")
            result.facts = [("why", message)]
        else:
            result = _not_in(f.LINK_FAILS, static, asked, "ldshim refuses the link for another reason")
            result.facts = [("why", message)]
        return result

    def _not_loaded(self, static: Static, asked: str) -> Finding | None:
        unit = static.unit
        if unit.certain or unit.name in self.trial.loaded:
            return None
        what = "its archive member" if unit.member is not None else "its object, between --start-lib and --end-lib,"
        result = _not_in(f.NOT_LOADED, static, asked, f"{what} is not linked, as nothing refers to a symbol of it")
        result.facts = [
            ("why", f"of such objects ldshim itself links only those with a marker symbol, and this element is in a {_kind(static)}")
        ]
        names = self._pulling(unit)
        if names:
            shown = ", ".join(names[:_MANY]) + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")
            result.facts.append(("symbols", f"that would get it linked, if something referred to one: {shown}"))
            result.advice.append(f"refer to one of them from code that is linked, or add -u {names[0]} to the line")
        else:
            result.facts.append(("symbols", "none that anything could refer to: all are local"))
        result.advice.append(f"give it a marker symbol: LDSHIM_ELEMENT({asked}, ...) of ldshim.h (docs/markers.md)")
        if unit.member is not None:
            result.advice.append(f"link all of the archive: --whole-archive {unit.file.path} --no-whole-archive")
        return result

    def _pulling(self, unit: Unit) -> list[str]:
        """The global symbols that a member defines, functions first."""
        mine = [s for s in self.statics.found if s.unit is unit and s.symbol and not s.is_local]
        return list(dict.fromkeys(text(s.symbol) for s in sorted(mine, key=lambda s: not s.is_function)))

    def _other_copy(self, static: Static, asked: str) -> Finding | None:
        contribution = self.contribution_of(static)
        if contribution is None:
            return None
        if self._place(static, contribution) is not None and not contribution.dropped:
            return None
        for identity, shared in _identities(contribution).items():
            others = [c for c in self._copies().get(identity, ()) if c is not contribution and not c.dropped]
            other = next((c for c in others if contribution.dropped or self._is_alive(c)), None)
            if other is not None:
                result = _not_in(f.COPY, static, asked, f"another copy of it counts, the one in {other.unit}")
                result.facts = [("why", f"{shared}; of the copies of one element one is kept, and all references go to it")]
                return result
        return None

    def _copies(self) -> dict[tuple[bytes, bytes, bytes], list[Contribution]]:
        if not self._known_copies:
            for contributions in self.trial.survey.contributions.values():
                for contribution in contributions:
                    for identity in _identities(contribution):
                        self._known_copies.setdefault(identity, []).append(contribution)
        return self._known_copies

    def _without_program(self, static: Static, asked: str) -> Finding | None:
        if self.trial.layout is not None:
            return None
        contribution = self.contribution_of(static)
        lost = contribution is not None and contribution.kind == NATIVE and not contribution.is_used
        if lost and "undefined symbol: __st" in self.trial.messages:
            return self._unused_native(static, asked)
        return _not_in(f.LINK_FAILS, static, asked, "the link fails, so there is no program")

    def _in(self, static: Static, section: bytes, asked: str) -> Finding | None:
        contribution = self.contribution_of(static)
        place = self._place(static, contribution)
        if place is None:
            return None
        piece, address = place
        size = static.size if static.size is not None else contribution.size if contribution is not None else piece.size
        if asked != text(section):
            entry = self._entry(static, section + TABLE_SUFFIX)
            if entry is None:
                return None
            address, size = entry
        begin, end = self.extent(asked.encode())
        if not begin <= address <= address + size <= end:
            return None
        result = Finding(f.IN, asked, static.name, "", static)
        result.address, result.begin, result.size = address, address - begin, size
        result.facts = [("defined in", _origin(static)), *self._why_loaded(static)]
        result.facts += [("kept by" if n == 0 else "", line) for n, line in enumerate(self.section_facts(section, asked).kept_by)]
        return result

    def _entry(self, static: Static, table: bytes) -> tuple[int, int] | None:
        """The address and the size of the pointer to a static in a table of pointers; None if it has none."""
        unit, edit, layout = static.unit, self.trial.plan.edits.get(static.unit), self.trial.layout
        if edit is None or layout is None:
            return None
        outputs = self._outputs(table)
        count = len(unit.object.segments)
        width = 8 if unit.object.is_64 else 4
        for added in edit.new_symbols:
            segment = edit.new_segments[added.segment - count] if added.segment >= count else None
            if segment is None or text(segment.name) not in outputs:
                continue
            address = _address_of(layout, text(added.name))
            for number, relocation in enumerate(segment.relocations):
                if address is not None and unit.object.symbols[relocation.index].name == static.symbol:
                    return address + number * width, width
        return None

    def _why_loaded(self, static: Static) -> list[tuple[str, str]]:
        unit = static.unit
        if unit.member is None or unit.file.loads_everything:
            return []
        if static.way == MARKER:
            return [("linked", "its archive member has a marker symbol, so ldshim takes it whether or not anything refers to it")]
        if unit.name in self.trial.extracted:
            user, symbol = self.trial.extracted[unit.name]
            return [("linked", f"its archive member, since {user} refers to {symbol}")]
        return []

    def _garbage(self, static: Static, section: bytes, asked: str) -> Finding:
        contribution = self.contribution_of(static)
        if static.way == SEGMENT and (contribution is None or not contribution.is_used):
            return self._unused_native(static, asked)
        readers = self.users(section)
        reader = f"nothing that is alive reads section {asked}" if readers else f"nothing reads section {asked}"
        result = _not_in(f.GARBAGE, static, asked, f"the linker dropped it as garbage, since {reader}")
        result.facts.append(("why", "a live reference to the bounds of a section keeps all its elements; without one all of them go"))
        if readers:
            result.facts.extend(("reader", f"{_who(user)}, which is itself garbage: nothing alive reaches it") for user in readers[:_MANY])
            result.advice.append("call the reader from an exported function, an entry point, or other code that is alive")
        else:
            result.facts.append(("reader", f"none: no input refers to {_bounds(section, asked)}"))
            result.advice.append(f"link the object that walks over {asked}, or use LDSHIM_FOREACH({asked}, ...) somewhere")
        result.advice.append("keep it although nothing reads it: --no-gc-sections")
        return result

    def _unused_native(self, static: Static, asked: str) -> Finding:
        result = _not_in(f.GARBAGE, static, asked, "the linker dropped it as garbage, since it is not marked as used")
        result.facts = [
            ("why", f"for lld a reference to __start_{asked} keeps no segment {asked}: `used` does, or live code that names the element"),
            ("linker", f"this is lld {self.trial.lld or 'of an unknown version'}; all versions do so (docs/linkers.md)"),
        ]
        result.advice = [
            f'say __attribute__((used, section("{asked}"))), or #[used] in Rust',
            f"use LDSHIM_ELEMENT({asked}, ...) of ldshim.h, whose elements live as long as __start_{asked} does",
        ]
        return result

    # What the module has.

    def _labels(self, static: Static, contribution: Contribution | None) -> list[str]:
        """The symbols by which the map shows where a static's segment is, its own first."""
        names = [static.symbol] if static.symbol else []
        edit = self.trial.plan.edits.get(static.unit)
        if contribution is not None and edit is not None:
            if contribution.kind == CUSTOM:
                return [text(name) for name in self._custom_labels(contribution)]
            names += [new.name for new in edit.new_symbols if new.segment == contribution.index]
        if contribution is not None:
            names += [s.name for s in contribution.symbols]
        elif static.index >= 0 and not static.unit.is_bitcode:
            names += [s.name for s in static.unit.object.symbols_of_segment(static.index)]
        return [text(name) for name in dict.fromkeys(names)]

    def _custom_labels(self, contribution: Contribution) -> list[bytes]:
        """The symbol of the segment that a custom section becomes: they are added in the order of the survey."""
        survey, unit = self.trial.survey, contribution.unit
        customs = [
            c for found in survey.contributions.values() for c in found
            if c.kind == CUSTOM and c.unit is unit and not c.dropped and not c.is_declaration
        ]
        edit = self.trial.plan.edits[unit]
        added = [new.name for new in edit.new_symbols if new.segment >= len(unit.object.segments)]
        return [added[customs.index(contribution)]] if contribution in customs else []

    def _place(self, static: Static, contribution: Contribution | None) -> tuple[Piece, int] | None:
        """The piece of the module that a static is in, and its address; None if it is not there."""
        layout = self.trial.layout
        if layout is None:
            return None
        for number, label in enumerate(self._labels(static, contribution)):
            for piece in layout.by_symbol.get(label, ()):
                if piece.file == static.unit.name or static.unit.is_bitcode:
                    own = number == 0 and bool(static.symbol)
                    return piece, piece.symbols[label] if own else piece.symbols[label] + static.offset
        if static.symbol or (contribution is not None and contribution.kind != NATIVE):
            return None
        return next(((p, p.address) for p in layout.pieces if p.file == static.unit.name and p.name == text(static.section)), None)

    def _is_alive(self, contribution: Contribution) -> bool:
        layout = self.trial.layout
        names = [text(s.name) for s in contribution.symbols]
        return layout is not None and any(p.file == contribution.unit.name for name in names for p in layout.by_symbol.get(name, ()))

    def _outputs(self, section: bytes) -> list[str]:
        """The output segments that make up a section, in order."""
        for anchor in self.trial.plan.anchors:
            if anchor.section == section:
                return [text(name) for name in dict.fromkeys((section, *anchor.keyed))]
        return [text(section)]

    def extent(self, section: bytes) -> tuple[int, int]:
        """Where the section begins and ends in the module: at its bounds, else where its segments do."""
        layout = self.trial.layout
        if layout is None:
            return 0, 0
        pieces = [piece for name in self._outputs(section) for piece in layout.outputs.get(name, ())]
        begin = _address_of(layout, f"__start_{text(section)}")
        end = _address_of(layout, f"__stop_{text(section)}")
        if begin is None:
            begin = min((piece.address for piece in pieces), default=0)
        return begin, end if end is not None else max((piece.end for piece in pieces), default=begin)

    def section_facts(self, section: bytes, asked: str) -> SectionFacts:
        """How large the section is, and who keeps it alive."""
        known = self._sections.get(section)
        if known is None:
            begin, end = self.extent(asked.encode())
            known = self._sections[section] = SectionFacts(asked, end - begin, self._kept_by(section, asked))
        return known

    def _kept_by(self, section: bytes, asked: str) -> list[str]:
        command = self.trial.command
        lines = [f"{_who(user)}, which refers to {_bounds(section, asked)}" for user in self.users(section) if self._is_live_user(user)]
        if len(lines) > _MANY:
            lines = [*lines[:_MANY], f"and {len(lines) - _MANY} more"]
        names = {f"{bound}{text(section)}{suffix}" for bound in ("__start_", "__stop_") for suffix in ("", "_ptrs")}
        lines += [f"the command line, which asks for {n}" for n in [*(o.name for o in command.exports), *command.required] if n in names]
        if not command.gc_sections:
            lines.append("--no-gc-sections")
        if not lines:
            lines.append(f"`used`, or code that refers to it by name; nothing alive refers to {_bounds(section, asked)}")
        return lines

    def users(self, section: bytes) -> list[User]:
        """Who refers to the bounds of a section, or to those of its table of pointers."""
        if section not in self._users:
            bases = [section]
            if table_of(self.trial.survey, section + TABLE_SUFFIX) is not None:
                bases.append(section + TABLE_SUFFIX)
            names = tuple(bound + base for base in bases for bound in (b"__start_", b"__stop_"))
            self._users[section] = users_of(self.trial.files, names)
        return self._users[section]

    def _is_live_user(self, user: User) -> bool:
        layout = self.trial.layout
        if layout is None or not (user.unit.certain or user.unit.name in self.trial.loaded):
            return False
        if user.function:
            return (user.unit.name, user.function) in layout.functions
        if user.static:
            return any(piece.file == user.unit.name for piece in layout.by_symbol.get(user.static, ()))
        return True  # bitcode: what becomes of its functions only the optimizer knows


def _not_in(verdict: str, static: Static, asked: str, headline: str) -> Finding:
    return Finding(verdict, asked, static.name, headline, static)


def _origin(static: Static) -> str:
    kinds = {
        MARKER: f"by the marker symbol {text(static.symbol)}",
        SEGMENT: f"in the data segment {text(static.section)}",
        CUSTOM_SECTION: f"in the custom section {text(static.section)}",
        PAIRED: f"in the custom section {text(static.section)}, which repeats the static {text(static.symbol)}",
        NOTHING: f"as the {'function' if static.is_function else 'variable'} {text(static.symbol)}",
    }
    return f"{static.unit}, {kinds[static.way]}"


def _kind(static: Static) -> str:
    return static.way if static.way != SEGMENT else "section that the source names"


def _who(user: User) -> str:
    if user.function:
        return f"the function {readable(user.function.encode())} of {user.unit}"
    if user.static:
        return f"the variable {readable(user.static.encode())} of {user.unit}"
    return str(user.unit)


def _bounds(section: bytes, asked: str) -> str:
    names = [f"__start_{asked} or __stop_{asked}"]
    if asked != text(section):
        names.append(f"__start_{text(section)}")
    return " or ".join(names)


def _address_of(layout: Layout, symbol: str) -> int | None:
    return next((piece.symbols[symbol] for piece in layout.by_symbol.get(symbol, ())), None)


def _identities(contribution: Contribution) -> dict[tuple[bytes, bytes, bytes], str]:
    """What makes contributions copies of one element, and how one says that."""
    # Whoever counts has left its group in the plan, but not in the object.
    what = COMDAT_SECTION if contribution.kind == CUSTOM else COMDAT_DATA
    group = contribution.unit.object.comdat_of(what, contribution.index)
    section = contribution.section
    found = {} if group is None else {(section, b"group", group.name): f"both are in the COMDAT group {text(group.name)}"}
    for symbol in contribution.symbols:
        if not symbol.is_local:
            found[section, b"symbol", symbol.name] = f"both are called {text(symbol.name)}"
    return found


def _looks_like_marker(static: Static) -> str:
    """Why a symbol that was meant as a marker is none."""
    symbol = text(static.symbol)
    if "ldshim$" in symbol and not symbol.startswith("__ldshim$"):
        return f"its symbol {symbol} does not begin with __ldshim$ (two underscores), so it is no marker"
    return ""


def _spelling(actual: str, asked: str) -> str:
    """How the name of one section is like that of another."""
    if actual.lower() == asked.lower():
        return f"{actual} and {asked} differ in capital letters, and are two sections"
    if actual.replace("_", "").replace(".", "") == asked.replace("_", "").replace(".", ""):
        return f"{actual} and {asked} differ in underscores or dots, and are two sections"
    if asked == actual + text(TABLE_SUFFIX):
        return f"{asked} would be the table of pointers to the elements of {actual}, but nothing wants it"
    if actual == asked + text(TABLE_SUFFIX):
        return f"{actual} is the name of the table of pointers to the elements of {asked}, not of {asked} itself"
    return ""


def _as_identifier(name: str) -> str:
    plain = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in os.path.basename(name)).strip("_")
    return plain if plain and not plain[0].isdigit() else f"section_{plain}"
