"""Paired runs: programs that take turns, so that what else the machine does hits all of them alike.

What is reported is the median of the rounds' own ratios (or differences), with the quartiles, not the ratio of two means.  One of
the programs runs twice in every round; what comes out for it against itself is the noise.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from tools import Failed, last_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SAMPLE_SECONDS = 0.001


@dataclass
class Command:
    """A program to be measured.  `prepare` runs before it, and is not measured."""

    words: list[str]
    env: dict[str, str]
    cwd: Path
    prepare: Callable[[], object] | None = None


@dataclass
class Cost:
    """What one run took: seconds by the clock, and of processors."""

    wall: float
    cpu: float


@dataclass
class Spread:
    """A median and its quartiles."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        if len(values) == 1:
            return Spread(values[0], values[0], values[0])
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        return Spread(middle, low, high)

    def times(self, factor: float) -> Spread:
        return Spread(self.median * factor, self.low * factor, self.high * factor)

    def rounded(self, digits: int) -> dict[str, float]:
        return {name: round(value, digits) for name, value in asdict(self).items()}


@dataclass
class Rounds:
    """The costs of all rounds, by the name of the program."""

    costs: dict[str, list[Cost]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(next(iter(self.costs.values())))

    def wall(self, name: str) -> Spread:
        return Spread.of([cost.wall for cost in self.costs[name]])

    def ratio(self, name: str, to: str) -> Spread:
        return Spread.of([one.wall / other.wall for one, other in self._pairs(name, to)])

    def cpu_ratio(self, name: str, to: str) -> Spread:
        return Spread.of([one.cpu / max(other.cpu, 1e-6) for one, other in self._pairs(name, to)])

    def over(self, name: str, *others: str) -> Spread:
        """How many seconds one takes over the sum of the others."""
        rows = zip(*(self.costs[other] for other in (name, *others)), strict=True)
        return Spread.of([first.wall - sum(cost.wall for cost in rest) for first, *rest in rows])

    def _pairs(self, name: str, to: str) -> zip[tuple[Cost, Cost]]:
        return zip(self.costs[name], self.costs[to], strict=True)


def take_turns(commands: dict[str, Command], log: Path, *, seconds: float, fewest: int, most: int) -> Rounds:
    """Run all of them in turn, for about so many seconds."""
    for command in commands.values():
        run(command, log)  # everything is built, and in the caches, from here on
    once = sum(run(command, log).wall for command in commands.values())
    count = max(fewest, min(most, int(seconds / once)))
    rounds = Rounds({name: [] for name in commands})
    # One that comes after its like finds the processor's caches warmer: each has to come after each as often.
    rng = random.Random(0)
    for _ in range(count):
        for name in rng.sample(list(commands), len(commands)):
            rounds.costs[name].append(run(commands[name], log))
    return rounds


def run(command: Command, log: Path) -> Cost:
    """Run it once."""
    pid, begun = _spawn(command, log)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    _check(command, status, log)
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def peak_memory(command: Command, log: Path, times: int = 3) -> int:
    """The most bytes that the program and its children have in memory together.

    `ru_maxrss` would not do: it is the largest process's alone, and never less than what the suite had itself when it started the program.
    """
    most = 0
    for _ in range(times):
        pid, _ = _spawn(command, log)
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                break
            most = max(most, _resident(pid))
            time.sleep(SAMPLE_SECONDS)
        _check(command, status, log)
    return most


def _spawn(command: Command, log: Path) -> tuple[int, float]:
    if command.prepare:
        command.prepare()
    os.chdir(command.cwd)
    actions: list[tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_OPEN, 2, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
    ]
    begun = time.perf_counter()
    return os.posix_spawn(command.words[0], command.words, command.env, file_actions=actions), begun


def _check(command: Command, status: int, log: Path) -> None:
    if status != 0:
        raise Failed(f"{os.path.basename(command.words[0])}: {last_error(log.read_text(errors='replace'))}")


def _resident(pid: int) -> int:
    """The resident bytes of a process and of its children."""
    total = 0
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            total = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
    except (OSError, IndexError):
        return total
    return total + sum(_resident(int(child)) for child in children)
