"""What the sections of a program hold, worked out from docs/design.md and docs/markers.md.

- A file is *certain* to be linked if it is an object, in an archive that is loaded whole, or has an element with a marker.
- Other members are linked if something that is linked calls them.
- Elements without a key come in the order of the command line, the archive and the object; those with one follow, by key.
- Of copies, the first certain one counts; where none is certain, one of those that are linked.
- Members that are linked without being certain come in the order in which the linker meets them, which is its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.random_programs.pieces import COPIES, CUSTOM, MARKED, WITH_TABLE, used_piece
from tests.random_programs.programs import READ_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.random_programs.pieces import Shape
    from tests.random_programs.programs import Program, Unit


def number_of(unit: Unit, place: int, element: int) -> int:
    """The number that tells an element from all others."""
    return unit.number * 256 + place * 16 + element + 1


@dataclass
class Answer:
    """What a section holds.

    `numbers` are the elements of certain files, in order; `anywhere` the others; of each of the sets in `either` there is one.
    `may_be_missing`: the link may also fail for want of the section.
    """

    numbers: list[int] = field(default_factory=list)
    anywhere: set[int] = field(default_factory=set)
    either: list[set[int]] = field(default_factory=list)
    is_there: bool = False
    may_be_missing: bool = False

    def disagreement(self, found: list[int]) -> str | None:
        """What is wrong with these elements."""
        count = len(self.numbers) + len(self.anywhere) + len(self.either)
        if len(found) != count:
            return f"{len(found)} elements instead of {count}"
        others = list(found)
        for choice in self.either:
            chosen = [number for number in others if number in choice]
            if len(chosen) != 1:
                return f"{chosen} of the copies {sorted(choice)}"
            others.remove(chosen[0])
        certain = [number for number in others if number not in self.anywhere]
        if certain != self.numbers:
            return f"{certain} instead of {self.numbers}"
        return None if {*others} == {*self.numbers, *self.anywhere} else f"{others} lack some of {self.anywhere}"


class Model:
    """A program's answers; `order` says in which order the compiler wrote the elements of a shape."""

    def __init__(self, program: Program, order: Callable[[Shape], tuple[tuple[int, int], ...]]) -> None:
        self.program = program
        self.order = order
        self.units = {unit.number: unit for unit in program.units}
        self.certain = {
            unit.number
            for item in program.items
            for unit in item.units
            if not item.is_lazy or any(piece.kind in MARKED for piece in unit.shape.pieces)
        }
        marked = {piece.section for unit in program.units for piece in unit.shape.pieces if piece.kind in (*MARKED, "declare")}
        self.wanted = {name.removesuffix("_ptrs") for name in program.reads} | marked
        self.copies: dict[tuple[str, str, int], list[int]] = {}
        for unit in program.units:
            for piece, copy in zip(unit.shape.pieces, unit.copies, strict=True):
                if piece.kind in COPIES:
                    self.copies.setdefault((piece.kind, piece.section, copy), []).append(unit.number)
        self.linked = self._linked()

    def _linked(self) -> set[int]:
        linked: set[int] = set()
        waiting = [*self.certain, *self.program.needs]
        while waiting:
            number = waiting.pop()
            if number in linked:
                continue
            linked.add(number)
            called = self.units[number].calls
            if called is not None:
                waiting.append(called)
            # Without garbage collection the first copy is referred to by the others.
            if not self.program.collects:
                waiting += [self.first_copy(key) for key, copies in self.copies.items() if number in copies and key[1] in self.wanted]
        return linked

    def first_copy(self, key: tuple[str, str, int]) -> int:
        copies = self.copies[key]
        return next((number for number in copies if number in self.certain), copies[0])

    def answer(self, section: str) -> Answer:
        if section == READ_TABLE:
            return self._answer(WITH_TABLE, by_symbol=True)
        return self._answer(section, by_symbol=False)

    def _answer(self, section: str, *, by_symbol: bool) -> Answer:
        answer = Answer(is_there=self.program.declares)
        placed: list[tuple[tuple[int, int, bytes], int, int, int]] = []
        undecided: dict[tuple[str, str, int], set[int]] = {}
        for rank, unit in enumerate(self.program.units):
            order = self.order(unit.shape)
            for place, piece in enumerate(unit.shape.pieces):
                if piece.section != section or piece.kind == "plain":
                    continue
                if piece.kind == "declare":
                    answer.is_there = True
                    continue
                if unit.number not in self.linked:
                    answer.may_be_missing = True
                    continue
                numbers = [number_of(unit, place, element) for element in range(1 if by_symbol else piece.elements)]
                key = (piece.kind, section, unit.copies[place])
                if piece.kind in COPIES:
                    decided = self._is_decided(key)
                    if decided and unit.number != self.first_copy(key):
                        continue
                    if not decided:
                        undecided.setdefault(key, set()).update(numbers)
                        continue
                answer.is_there = True
                if unit.number not in self.certain:
                    answer.anywhere.update(numbers)
                    continue
                for element, number in enumerate(numbers):
                    placed.append((_rank(unit.keys[place]), rank, order.index((place, element)), number))
        answer.numbers = [number for *_, number in sorted(placed)]
        for choice in undecided.values():
            answer.is_there = True
            if len(choice) == 1:
                answer.anywhere |= choice
            else:
                answer.either.append(choice)
        if answer.is_there:
            answer.may_be_missing = False
        return answer

    def _is_decided(self, key: tuple[str, str, int]) -> bool:
        """Whether it is known which copy counts."""
        return self.first_copy(key) in self.certain or not self.program.collects

    @property
    def missing(self) -> list[str]:
        """The sections for want of which the link has to fail."""
        answers = {section: self.answer(section) for section in self.program.reads}
        return [section for section, answer in answers.items() if not answer.is_there and not (section == READ_TABLE and answer.may_be_missing)]

    @property
    def may_fail(self) -> bool:
        return any(self.answer(section).may_be_missing for section in self.program.reads)

    def returned(self, number: int) -> int:
        """What the function of a file returns."""
        unit = self.units[number]
        result = number
        if unit.calls is not None:
            result += self.returned(unit.calls)
        place = used_piece(unit.shape)
        return result if place is None else result + number_of(unit, place, 0)

    # ELF.

    @property
    def has_elf_twin(self) -> bool:
        """Whether the program means the same for ELF: no markers that load members, no keys, and no choice between copies."""
        for unit in self.program.units:
            kinds = {piece.kind for piece in unit.shape.pieces}
            if kinds & {"keyed", "paired"} or unit.number in self.certain - self._linked_by_elf():
                return False
        for key, copies in self.copies.items():
            if len(copies) > 1 and (key[0] == "weak_marked" or not {*copies} <= self._objects()):
                return False
        return not any(piece.kind == "weak_marked" for unit in self.program.units for piece in unit.shape.pieces)

    def _objects(self) -> set[int]:
        return {unit.number for item in self.program.items if not item.is_lazy for unit in item.units}

    def _linked_by_elf(self) -> set[int]:
        linked: set[int] = set()
        waiting = [*self._objects(), *self.program.needs]
        while waiting:
            number = waiting.pop()
            if number not in linked:
                linked.add(number)
                called = self.units[number].calls
                waiting += [called] if called is not None else []
        return linked

    @property
    def elf_keeps_order(self) -> bool:
        """Whether the order is the same, too: assembly comes first in an ELF section, and members where the linker meets them."""
        if any(item.is_lazy for item in self.program.items):
            return False
        return not any(piece.kind in (*CUSTOM, "inline_marked", "inline_native") for unit in self.program.units for piece in unit.shape.pieces)


def _rank(key: str) -> tuple[int, int, bytes]:
    if not key:
        return 0, 0, b""
    return (1, int(key), b"") if key.isdigit() else (2, 0, key.encode())
