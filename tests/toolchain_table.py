"""The table of toolchains in docs/toolchains.md, and what keeps it true.

A test that shows what works says so with `@shows(toolchain, feature)`, and what passes with which version stands in docs/toolchains.json.  A test that passes
and is not recorded there fails, as does the comparison of the file with all tests there are, and that of the page with the file.

Versions are those of the machine on which they were recorded, by `scripts/toolchains-table --record`; elsewhere another version is no mistake.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "toolchains.md"
README = ROOT / "README.md"
RECORD = ROOT / "docs" / "toolchains.json"
START, END = "<!-- table -->\n", "<!-- end of table -->\n"
# Set by `scripts/toolchains-table --record`.
RECORDING = "LDSHIM_RECORD_TOOLCHAINS"

# What works with a toolchain, with which versions: {toolchain: {feature: [version, ...]}}.
Results = dict[str, dict[str, list[str]]]
P = ParamSpec("P")


@dataclass(frozen=True)
class Toolchain:
    """A row: `line` is the configuration in short, and stands in the file `source`."""

    name: str
    line: str
    source: str = "docs/toolchains.md"


TOOLCHAINS = (
    Toolchain("clang", '-fuse-ld="$(command -v ldshim)"'),
    Toolchain("Make", "include ../ldshim.mk", "toolchains/c/example/Makefile"),
    Toolchain("CMake", '-DCMAKE_TOOLCHAIN_FILE="$PWD/toolchains/c/toolchain.cmake"'),
    Toolchain("Meson", "--cross-file ldshim.ini --cross-file toolchains/c/wasm32.ini"),
    Toolchain("pkg-config", "$(pkg-config --cflags --libs ldshim)"),
    Toolchain("wasi-sdk (its layout)", '-fuse-ld="$(command -v ldshim)"'),
    Toolchain("wasm-component-ld", '--wasm-ld-path="$(command -v ldshim)"'),
    Toolchain("Zig", "ldshim --no-entry --export=count --export=at main.o libplugins.a"),
    Toolchain("D (LDC)", "-linker=ldshim"),
    Toolchain("Rust", 'linker = "ldshim"', "docs/rust.md"),
    Toolchain("Emscripten", 'toolchains/shadow-llvm "$LLVM_BIN" llvm'),
    Toolchain("BSD's linker_set.h", "-I…/toolchains/c/include"),
    Toolchain("Zephyr's iterable_sections.h", "-I…/toolchains/c/include"),
)

# What the tests that were collected show, whether or not they run.
SHOWN: set[tuple[str, str]] = set()


def shows(toolchain: str, feature: str) -> Callable[[Callable[P, str | list[str]]], Callable[P, None]]:
    """For a test that returns the version, or the versions, with which it has seen the feature at work."""
    assert toolchain in {row.name for row in TOOLCHAINS}, toolchain
    SHOWN.add((toolchain, feature))

    def decorated(test: Callable[P, str | list[str]]) -> Callable[P, None]:
        @functools.wraps(test)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            versions = test(*args, **kwargs)
            for version in [versions] if isinstance(versions, str) else versions:
                seen(toolchain, feature, version)

        return run

    return decorated


def seen(toolchain: str, feature: str, version: str) -> None:
    if RECORDING in os.environ:
        record(toolchain, feature, version)
    recorded = recorded_results().get(toolchain, {}).get(feature, [])
    assert recorded, f"{toolchain}: {feature} works and is not recorded: run scripts/toolchains-table --record"


def recorded_results() -> Results:
    results: Results = json.loads(RECORD.read_text())
    return results


def record(toolchain: str, feature: str, version: str) -> None:
    # Workers record side by side.
    with RECORD.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        results: Results = json.loads(file.read())
        versions = results.setdefault(toolchain, {}).setdefault(feature, [])
        if version not in versions:
            versions.append(version)
            versions.sort(key=_numbers)
        file.seek(0)
        file.truncate()
        file.write(json.dumps(results, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def table(results: Results) -> str:
    lines = ["| toolchain | versions tried | configuration | what works |", "|---|---|---|---|"]
    for row in TOOLCHAINS:
        works = results[row.name]
        versions = _union(works)
        features = [
            feature if tried == versions else f"{feature} ({', '.join(tried)})" for feature, tried in sorted(works.items())
        ]
        lines.append(f"| {row.name} | {', '.join(versions)} | `{row.line}` | {'; '.join(features)} |")
    return "\n".join(lines) + "\n"


def short_table(results: Results) -> str:
    """For the README."""
    lines = ["| toolchain | tried with | configuration |", "|---|---|---|"]
    lines += [f"| {row.name} | {', '.join(_union(results[row.name]))} | `{row.line}` |" for row in TOOLCHAINS]
    return "\n".join(lines) + "\n"


def _union(works: dict[str, list[str]]) -> list[str]:
    return sorted({version for tried in works.values() for version in tried}, key=_numbers)


def pages_with(results: Results) -> dict[Path, str]:
    """The page, and the README, with the tables of these results."""
    return {PAGE: _with_table(PAGE, table(results)), README: _with_table(README, short_table(results))}


def _with_table(path: Path, rows: str) -> str:
    before, _, rest = path.read_text().partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}{rows}{END}{after}"


def scripts_of(heading: str) -> list[str]:
    """The shell scripts that stand under a heading of the page, up to the next heading."""
    _, found, text = PAGE.read_text().partition(f"# {heading}\n")
    assert found, heading
    return re.findall(r"^```sh\n(.*?)^```$", re.split(r"^#", text, maxsplit=1, flags=re.MULTILINE)[0], re.MULTILINE | re.DOTALL)
