"""What is linked, against what, and what it may cost."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from crates import Program
from inputs import Inputs, archive_bytes
from modules import answers
from pairs import Command, Rounds, Spread, peak_memory, take_turns
from tools import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import Any

    from tools import Tools

Unit = Literal["ms", "times"]
MEMORY_LIMIT = 64_000_000
# Per element, object or megabyte, from 10x to 100x, against the same from 1x to 10x: no more than this is linear.
LINEAR = 1.25
HARDLY = 5.0  # milliseconds more at 100x: no growth worth a slope


@dataclass
class Case:
    """Two links, or builds, to be compared."""

    name: str
    title: str
    against: str
    unit: Unit  # "ms": over the sum of Python's start and the bare link; "times": the bare link
    limit: float | None
    bare: Command
    ldshim: Command
    modules: tuple[Path, Path]  # where they are written to
    exact: bool = False  # ... and they have to be the same, byte by byte
    limits_memory: bool = False
    is_build: bool = False


@dataclass
class Series:
    """Links that grow tenfold, and what grows."""

    name: str
    title: str
    unit: str
    cases: list[tuple[float, Callable[[], Case]]]


class Links:
    """All cases and series.  Their inputs are made when a case is asked for."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.inputs = Inputs(tools.work / "inputs")
        self.cases: dict[str, Callable[[], Case]] = {
            "nothing-c": self._nothing_c,
            "nothing-rust": self._nothing_rust,
            "nothing-200mb-first": lambda: self._nothing_archives(first=True),
            "nothing-200mb": lambda: self._nothing_archives(first=False),
            "rust-1000": self._rust,
            "c-100000": lambda: self._elements(5_000, 20, "c-100000", "C: 100,000 elements in 5,000 objects", 1.10),
            "custom-1000": self._custom,
            "cargo-nothing": lambda: self._cargo(registry=False),
            "cargo-1000": lambda: self._cargo(registry=True),
        }
        self.series: dict[str, Series] = {
            series.name: series
            for series in (
                Series("elements", "elements, in 100 objects", "element", [(100 * n, self._grown(100, n)) for n in (10, 100, 1000)]),
                Series("objects", "objects, of 20 elements each", "object", [(n, self._grown(n, 20)) for n in (50, 500, 5000)]),
                Series("archives", "bytes of archives with nothing in them", "MB", [(2 * n, self._archived(n)) for n in (1, 10, 100)]),
            )
        }

    def _linked(self, folder: Path, words: list[str], linker: str, name: str) -> tuple[Command, Command, tuple[Path, Path]]:
        """The same command line for both."""
        return self._two(folder, words, folder, words, linker, name)

    def _two(
        self, bare_folder: Path, bare: list[str], folder: Path, words: list[str], linker: str, name: str
    ) -> tuple[Command, Command, tuple[Path, Path]]:
        # lld writes the name of the file into it.
        modules = (self.tools.work / "bare" / f"{name}.wasm", self.tools.work / "ldshim" / f"{name}.wasm")
        for path in modules:
            path.parent.mkdir(exist_ok=True)
        env = self.tools.environment(LDSHIM_LINKER=linker)
        # Of two -o the last one counts.
        return (
            Command([linker, *bare, "-o", str(modules[0])], env, bare_folder),
            Command([self.tools.ldshim, *words, "-o", str(modules[1])], env, folder),
            modules,
        )

    def _nothing_c(self) -> Case:
        folder = self.inputs.small()
        bare, ldshim, modules = self._linked(folder, ["@line"], self.tools.lld, "nothing-c")
        return Case("nothing-c", "C, four small files, nothing to do", "the same link", "ms", 12, bare, ldshim, modules, exact=True)

    def _nothing_rust(self) -> Case:
        linker = self.tools.rust_lld()
        program = Program(self.tools, 20, 50, registry=False)
        bare, ldshim, modules = self._linked(program.folder, program.link(linker), linker, "nothing-rust")
        title = "Rust, 20 crates and std, nothing to do"
        return Case("nothing-rust", title, "the same link", "ms", 12, bare, ldshim, modules, exact=True)

    def _nothing_archives(self, *, first: bool, count: int = 100) -> Case:
        folder = self.inputs.archives(count)
        name = "nothing-200mb" + ("-first" if first else "")
        bare, ldshim, modules = self._linked(folder, ["@line"], self.tools.lld, name)
        which = "first" if first else "again"
        if first:
            memory = self.tools.work / "memory-of-the-first"
            ldshim.env = {**ldshim.env, "XDG_CACHE_HOME": str(memory)}
            ldshim.prepare = lambda: _forget(memory, folder.glob("*.a"))
        title = f"C, {archive_bytes(folder) / 1e6:.0f} MB of archives, nothing to do, {which}"
        return Case(name, title, "the same link", "ms", 40 if first else 12, bare, ldshim, modules, exact=True)

    def _rust(self) -> Case:
        linker = self.tools.rust_lld()
        by_hand = Program(self.tools, 20, 50, registry=False)
        program = Program(self.tools, 20, 50, registry=True)
        bare, ldshim, modules = self._two(by_hand.folder, by_hand.link(linker), program.folder, program.link(linker), linker, "rust-1000")
        return Case(
            "rust-1000", "Rust: 1,000 elements in 20 crates", "the same statics, and a list of them by hand",
            "times", 1.10, bare, ldshim, modules, limits_memory=True,
        )  # fmt: skip

    def _elements(self, objects: int, each: int, name: str, title: str, limit: float | None) -> Case:
        native = self.inputs.elements(objects, each, native=True)
        marked = self.inputs.elements(objects, each, native=False)
        bare, ldshim, modules = self._two(native, ["@line"], marked, ["@line"], self.tools.lld, name)
        against = "the same elements by section attributes"
        return Case(name, title, against, "times", limit, bare, ldshim, modules, limits_memory=True)

    def _custom(self) -> Case:
        native = self.inputs.custom(1_000, 20, native=True)
        custom = self.inputs.custom(1_000, 20, native=False)
        bare, ldshim, modules = self._two(native, ["@line"], custom, ["@line"], self.tools.lld, "custom-1000")
        return Case(
            "custom-1000", "1,000 objects, custom sections to memory", "the same tables as data",
            "times", 2.0, bare, ldshim, modules, limits_memory=True,
        )  # fmt: skip

    def _cargo(self, *, registry: bool) -> Case:
        by_hand = Program(self.tools, 20, 50, registry=False)
        program = Program(self.tools, 20, 50, registry=True) if registry else by_hand
        env = self.tools.environment()

        def build(program: Program, target: str, linker: str | None) -> Command:
            return Command(program.cargo(target, linker), env, program.folder, lambda: os.utime(program.touched))

        return Case(
            "cargo-1000" if registry else "cargo-nothing",
            "cargo build after a touch, " + ("1,000 elements" if registry else "nothing to do"),
            "rustc's own linker" + (", a list by hand" if registry else ", the same program"),
            "times", 1.03,
            build(by_hand, "plain", None), build(program, "ldshim", self.tools.ldshim),
            (by_hand.module("plain"), program.module("ldshim")), is_build=True,
        )  # fmt: skip

    def _grown(self, objects: int, each: int) -> Callable[[], Case]:
        return lambda: self._elements(objects, each, f"elements-{objects}x{each}", "", None)

    def _archived(self, count: int) -> Callable[[], Case]:
        return lambda: self._nothing_archives(first=True, count=count)


def _forget(memory: Path, archives: Iterable[Path]) -> None:
    """Make this a first link: nothing is remembered, and if it were, the archives would be others."""
    shutil.rmtree(memory, ignore_errors=True)
    for path in archives:
        os.utime(path)


def measure(case: Case, tools: Tools, seconds: float, fewest: int) -> dict[str, Any]:
    """A row of the table."""
    log = tools.work / "log"
    commands = {"bare": case.bare, "again": case.bare, "ldshim": case.ldshim}
    if not case.is_build:
        commands["python"] = Command([tools.python, "-c", "pass"], tools.environment(), tools.work)
    rounds = take_turns(commands, log, seconds=seconds, fewest=fewest, most=100)
    _check(case)
    value, noise = _value(case, rounds)
    row: dict[str, Any] = {
        "name": case.name,
        "title": case.title,
        "against": case.against,
        "unit": case.unit,
        "limit": case.limit,
        "rounds": rounds.count,
        "value": value.rounded(3),
        "noise": noise.rounded(3),
        "verdict": verdict(value, case.limit),
        "milliseconds": {name: rounds.wall(name).times(1e3).rounded(2) for name in commands if name != "again"},
        "processor": rounds.cpu_ratio("ldshim", "bare").rounded(3),
    }
    if not case.is_build:
        row["over"] = rounds.over("ldshim", "bare", "python").times(1e3).rounded(2)
        bare, ldshim = (peak_memory(command, log) for command in (case.bare, case.ldshim))
        row["memory"] = {"bare": bare, "ldshim": ldshim, "limit": MEMORY_LIMIT if case.limits_memory else None}
    return row


def grow(series: Series, tools: Tools, seconds: float, fewest: int) -> dict[str, Any]:
    """The links of a series: what one element more costs, early and late."""
    points = []
    for amount, make in series.cases:
        row = measure(make(), tools, seconds, fewest)
        points.append({"amount": amount, "over": row["over"], "milliseconds": row["milliseconds"], "rounds": row["rounds"]})
    slopes = {
        "ldshim": _slopes([(point["amount"], point["over"]["median"]) for point in points]),
        "bare": _slopes([(point["amount"], point["milliseconds"]["bare"]["median"]) for point in points]),
    }
    return {
        "name": series.name,
        "title": series.title,
        "unit": series.unit,
        "points": points,
        "slopes": slopes,
        "verdict": _linear(points, slopes["ldshim"]),
    }


def _slopes(points: list[tuple[float, float]]) -> list[float]:
    """Microseconds for one more, between each two points."""
    return [round((after - before) * 1e3 / (many - few), 3) for (few, before), (many, after) in pairwise(points)]


def _linear(points: list[dict[str, Any]], slopes: list[float]) -> str:
    grown = points[-1]["over"]["median"] - points[-2]["over"]["median"]
    return "met" if slopes[-1] <= LINEAR * slopes[-2] or grown < HARDLY else "missed"


def verdict(value: Spread, limit: float | None) -> str:
    if limit is None:
        return ""
    if value.low <= limit < value.high:
        return "unclear"
    return "met" if value.median <= limit else "missed"


def _value(case: Case, rounds: Rounds) -> tuple[Spread, Spread]:
    if case.unit == "ms":
        return rounds.over("ldshim", "bare", "python").times(1e3), rounds.over("again", "bare").times(1e3)
    return rounds.ratio("ldshim", "bare"), rounds.ratio("again", "bare")


def _check(case: Case) -> None:
    """Both programs have to have all elements, and to make the same of them."""
    bare, ldshim = case.modules
    if case.exact and bare.read_bytes() != ldshim.read_bytes():
        raise Failed(f"{case.name}: ldshim and lld write different modules")
    if answers(bare) != answers(ldshim):
        raise Failed(f"{case.name}: the modules say {answers(bare)} and {answers(ldshim)}")
