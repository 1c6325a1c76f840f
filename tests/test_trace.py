"""LDSHIM_TRACE=1 says what was decided."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness import Instance, archive, ldshim, link, linker_path
from tests.test_copies_and_losses import READER, marked, native

if TYPE_CHECKING:
    from tests.harness import Compiler

TRACED = {"LDSHIM_TRACE": "1", "LDSHIM_VERIFY": "0"}
PREFIX = "ldshim: trace: "


def trace_of(stderr: str, word: str = "") -> list[str]:
    """What the lines that begin with `word` say; there are no other lines than those of the trace."""
    lines = stderr.splitlines()
    assert all(line.startswith(PREFIX) for line in lines), stderr
    return [line.removeprefix(PREFIX + word) for line in lines if line.startswith(PREFIX + word)]


@pytest.fixture
def objects(cc: Compiler, tmp_path: Path) -> list[str]:
    """Relative names of a reader, two elements, an archive with another, and one with nothing, in the directory of the test."""
    sources = {"reader": READER, "one": marked("one", 1, "9"), "native": native("three", 3)}
    for name, source in sources.items():
        (tmp_path / f"{name}.o").write_bytes(cc(source, "-O1").read_bytes())
    archive(tmp_path / "libtwo.a", cc(marked("two", 2), "-O1", name="two"))
    archive(tmp_path / "libnone.a", cc("int none(void) { return 0; }", "-O1", name="none"))
    return ["reader.o", "one.o", "native.o", "libtwo.a", "libnone.a"]


@pytest.mark.parametrize("lld", ["16", "22"])
def test_a_rewritten_link_says_what_each_pass_decided(objects: list[str], tmp_path: Path, lld: str) -> None:
    done = ldshim("--no-entry", *objects, "--export=__ldshim$numbers$9$one", "-o", "out.wasm", cwd=tmp_path, env=TRACED, lld=lld)
    assert (done.returncode, done.stdout) == (0, "")
    assert sorted(Instance(tmp_path / "out.wasm").list()) == [1, 2, 3]
    said = done.stderr
    size = sum((tmp_path / name).stat().st_size for name in objects)
    assert trace_of(said, "command: ") == ["9 words, 9 with response files expanded, 5 inputs"]
    assert trace_of(said, "linker: ") == [f"{linker_path(lld)}: LDSHIM_LINKER={linker_path(lld)}"]
    assert trace_of(said, "inputs: ") == [
        f"5 files, {size} bytes: 3 objects, 0 of bitcode, 2 archives, 0 of these remembered as holding nothing; 0 left to the linker"
    ]
    assert trace_of(said, "wanted: ") == ["numbers: reader.o refers to its bounds, 2 marker symbols name it, the first in one.o"]
    contributions = trace_of(said, "contribution: numbers: ")
    assert [line.split(":")[0] for line in contributions] == ["one.o", "native.o", "libtwo.a(two.o)"]
    assert "the segment of a marker symbol, 4 bytes, aligned to 4, key 9, __ldshim$numbers$9$one, surely loaded" in contributions[0]
    assert "a segment of this name, 4 bytes" in contributions[1]
    assert "change: one.o: segment 0 .data.__ldshim$numbers$9$one becomes __ldshim$numbers$9, aligned to 4" in said
    assert "change: libtwo.a(two.o): segment 0 .data.__ldshim$numbers$$two becomes numbers, aligned to 4" in said
    assert trace_of(said, "change: command line: ") == ["--export __ldshim$numbers$9$one is left out"]
    assert any(line.startswith("numbers: ") for line in trace_of(said, "anchor: "))
    written = [Path(line.split(",")[0]).name for line in trace_of(said, "written: ")]
    assert {"ldshim-anchors.o", "one.o", "libtwo.a(two.o)"} <= set(written)
    (run,) = trace_of(said, "run: ")
    assert run.startswith(f"{linker_path(lld)} ")
    assert run.endswith(" -o out.wasm")
    assert trace_of(said, "ended: ") == ["status 0"]
    times = {what: float(ms) for what, ms in re.findall(rf"^{PREFIX}time: (.*): ([\d.]+) ms", said, re.MULTILINE)}
    start, *passes, total = times
    assert (start, total) == ("Python and its imports", "total")
    assert passes == ["command line and linker", "opening", "survey", "collection", "plan", "rewriting", "real linker"]
    assert abs(times["total"] - sum(times[name] for name in passes)) < 1


@pytest.mark.parametrize("lld", ["16", "22"])
@pytest.mark.parametrize(
    ("words", "environ", "why"),
    [
        (["libnone.a"], {}, "nothing is wanted"),
        (["-r", "one.o"], {}, "-r leaves elements to the final link"),
        (["libnone.a"], {"LDSHIM": "off"}, "LDSHIM=off"),
        (["--version"], {}, "it asks for a version or help"),
    ],
)
def test_a_link_that_is_handed_over_says_why_at_the_end(
    objects: list[str], tmp_path: Path, words: list[str], environ: dict[str, str], why: str, lld: str
) -> None:
    assert objects
    done = ldshim("--no-entry", *words, "-o", "out.wasm", cwd=tmp_path, env={**TRACED, **environ}, lld=lld)
    assert done.returncode == 0, done.stderr
    shown = " ".join(["--no-entry", *words, "-o out.wasm"])
    assert trace_of(done.stderr)[-2:] == [f"handed over: {why}", f"exec: {linker_path(lld)} {shown}"]


def test_nothing_to_change_is_a_reason(cc: Compiler, tmp_path: Path) -> None:
    objects = [cc(READER, "-O1"), cc(native("one", 1), "-O1")]
    done = ldshim("--no-entry", "--no-gc-sections", *objects, "-o", "out.wasm", cwd=tmp_path, env=TRACED)
    assert "handed over: nothing to change" in trace_of(done.stderr)
    assert Instance(tmp_path / "out.wasm").list() == [1]


def test_a_remembered_archive_is_counted(objects: list[str], tmp_path: Path) -> None:
    env = {**TRACED, "LDSHIM_CACHE": str(tmp_path / "memory")}

    def count() -> str:
        done = ldshim("--no-entry", *objects, "-o", "out.wasm", cwd=tmp_path, env=env)
        (line,) = trace_of(done.stderr, "inputs: ")
        return str(re.findall(r"(\d+) of these remembered", line)[0])

    assert count() == "0"
    # What changed within the last two seconds is not remembered.
    time.sleep(max(0, (tmp_path / "libnone.a").stat().st_ctime + 2.1 - time.time()))
    assert count() == "0"
    assert count() == "1"


def test_a_link_that_fails_says_so_and_how_long_it_took(objects: list[str], tmp_path: Path) -> None:
    (tmp_path / "cut.o").write_bytes((tmp_path / "one.o").read_bytes()[:-3])
    done = ldshim("--no-entry", *objects, "cut.o", "-o", "out.wasm", cwd=tmp_path, env=TRACED)
    *traced, error = done.stderr.splitlines()
    assert error.startswith("ldshim: error: cut.o: ")
    assert f"{PREFIX}failed: {error.removeprefix('ldshim: error: ')}" in traced
    assert traced[-1].startswith(f"{PREFIX}time: total: ")


def test_a_signal_is_named(objects: list[str], tmp_path: Path) -> None:
    fake = tmp_path / "wasm-ld"
    fake.write_text("#!/bin/sh\nkill -SEGV $$\n")
    fake.chmod(0o755)
    done = ldshim("--no-entry", *objects, "-o", "out.wasm", cwd=tmp_path, env={**TRACED, "LDSHIM_LINKER": str(fake)})
    assert done.returncode == -11
    assert trace_of(done.stderr, "ended: ") == ["signal 11"]


def test_the_trace_changes_nothing_of_the_module(objects: list[str], tmp_path: Path) -> None:
    (tmp_path / "traced").mkdir()
    ldshim("--no-entry", *objects, "-o", "traced/out.wasm", cwd=tmp_path, env=TRACED)
    plain = link(tmp_path / "out.wasm", *objects, cwd=tmp_path)
    assert (tmp_path / "traced" / "out.wasm").read_bytes() == plain.read_bytes()


WATCHED = """
import os, sys
def report(*_):
    os.write(1, " ".join(sys.modules).encode())
    os._exit(0)
os.execve = report
sys.argv = ["ldshim", *sys.argv[1:]]
from ldshim.cli import main
main()
"""


@pytest.mark.parametrize(("environ", "module"), [({}, None), (TRACED, "ldshim.tracer")])
def test_nobody_watches_where_nothing_is_asked_for(cc: Compiler, tmp_path: Path, environ: dict[str, str], module: str | None) -> None:
    command = [sys.executable, "-S", "-c", WATCHED, "--no-entry", str(cc("int f(void) { return 1; }")), "-o", str(tmp_path / "out")]
    env = {"LDSHIM_LINKER": linker_path("22"), "PYTHONPATH": str(Path(__file__).parent.parent), **environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    watching = {name for name in done.stdout.split() if name in ("ldshim.watching", "ldshim.tracer", "ldshim.progress", "ldshim.saving")}
    assert watching == ({"ldshim.watching", module} if module else set())
