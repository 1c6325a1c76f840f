"""A program as data, and strategies that make some."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.random_programs.pieces import SHARED, Shape, catalogue

KEYS = ("0001", "0009", "0010", "1000", "9999", "000a", "Abcd", "zz_z", "9_9_")
EXTRA_OPTIONS = ((), ("-O2",), ("--strip-all",), ("--no-merge-data-segments",), ("-O0", "--export-all"))
READ_TABLE = "omega_ptrs"


@dataclass(frozen=True)
class Unit:
    """A file: its number, what it is a copy of, and what stands in its placeholders."""

    number: int
    shape: Shape
    keys: tuple[str, ...]  # for each place
    copies: tuple[int, ...]  # for each place, the number of what it is a copy of
    calls: int | None = None  # the number of the file that it calls


@dataclass(frozen=True)
class Item:
    """Something on the command line: an object, an archive, or a group between --start-lib and --end-lib.

    `kind` is object, archive, thin, whole (an archive behind --whole-archive), twice (an archive that is there again at the end) or group.
    """

    kind: str
    units: tuple[Unit, ...]

    @property
    def is_lazy(self) -> bool:
        return self.kind in ("archive", "thin", "twice", "group")


@dataclass(frozen=True)
class Program:
    """`reads` are the sections that the main file walks over (and may declare), `needs` the files whose functions it calls."""

    items: tuple[Item, ...]
    main_at: int  # before which of the items the main file stands
    reads: tuple[str, ...]
    declares: bool
    needs: tuple[int, ...]
    collects: bool
    options: tuple[str, ...]
    response_file: bool
    level: str

    @property
    def units(self) -> list[Unit]:
        return [unit for item in self.items for unit in item.units]


READERS = (
    ("alpha",),
    ("alpha", "beta"),
    ("omega", READ_TABLE),
    (READ_TABLE,),
    ("mixed",),
    ("gamma", "delta"),
    ("alpha", "beta", "gamma", "delta", "omega", "mixed"),
    ("alpha", "beta", "gamma", "delta", "omega", READ_TABLE, "mixed"),
    (),
)
MAX_NEEDS = 3


@st.composite
def _units(draw: st.DrawFn, number: int, shapes: tuple[Shape, ...]) -> Unit:
    shape = shapes[draw(st.integers(0, len(shapes) - 1))]
    keys = tuple(draw(st.sampled_from(KEYS)) if piece.kind == "keyed" else "" for piece in shape.pieces)
    copies = tuple(draw(st.integers(0, 1)) if piece.kind in SHARED else 0 for piece in shape.pieces)
    seen: set[tuple[str, str, int]] = set()
    distinct = []
    for piece, copy in zip(shape.pieces, copies, strict=True):
        while piece.kind in SHARED and (piece.kind, piece.section, copy) in seen:  # one file has one copy
            copy += 2  # noqa: PLW2901
        seen.add((piece.kind, piece.section, copy))
        distinct.append(copy)
    return Unit(number, shape, keys, tuple(distinct))


@st.composite
def programs(draw: st.DrawFn, shapes: int) -> Program:
    """Programs of files of the first `shapes` shapes of the catalogue, most of them with elements of the sections that are read."""
    reads = draw(st.sampled_from(READERS))
    sections = {section.removesuffix("_ptrs") for section in reads}
    known = tuple(shape for shape in catalogue(shapes) if not sections or any(piece.section in sections for piece in shape.pieces))
    items = []
    number = 0
    for kind in draw(st.lists(st.sampled_from(("object", "archive", "thin", "whole", "twice", "group")), min_size=2, max_size=6)):
        units = []
        for _ in range(1 if kind == "object" else draw(st.integers(1, 3))):
            number += 1
            units.append(draw(_units(number, known)))
        items.append(Item(kind, tuple(units)))
    # A file calls one of a higher number, so that no call comes back; the last ones call nobody: they are given a shape that does not.
    final = []
    for item in items:
        callers = []
        for unit in item.units:
            called = unit.calls
            shape = unit.shape
            if shape.calls and unit.number < number:
                called = draw(st.integers(unit.number + 1, number))
            elif shape.calls:
                shape = Shape(shape.pieces, shape.level, calls=False, uses_own=shape.uses_own)
            callers.append(Unit(unit.number, shape, unit.keys, unit.copies, called))
        final.append(Item(item.kind, tuple(callers)))
    return Program(
        items=tuple(final),
        main_at=draw(st.integers(0, len(final))),
        reads=reads,
        declares=draw(st.sampled_from((True, True, False))),
        needs=tuple(sorted(draw(st.sets(st.integers(1, number), max_size=MAX_NEEDS)))),
        collects=draw(st.booleans()),
        options=draw(st.sampled_from(EXTRA_OPTIONS)),
        response_file=draw(st.booleans()),
        level=draw(st.sampled_from(("-O0", "-O2"))),
    )


