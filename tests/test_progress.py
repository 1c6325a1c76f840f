"""A link that takes long says on a terminal what it is at, and leaves nothing of it."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness import Instance, linker_path
from tests.test_copies_and_losses import READER, marked

if TYPE_CHECKING:
    from tests.harness import Compiler

ROOT = Path(__file__).parent.parent

# A link whose survey takes a while, as it does where there is much to read.
SLOW = """
import sys, time
from ldshim import cli, progress, survey
progress.FIRST = 0.1
real = survey.survey
def slow(*facts):
    until = time.monotonic() + 0.7
    while time.monotonic() < until:
        pass
    return real(*facts)
survey.survey = slow
sys.argv = ["ldshim", *sys.argv[1:]]
cli.main()
"""


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    return {**kept, "TERM": "xterm", "LDSHIM_LINKER": linker_path("22"), "PYTHONPATH": str(ROOT), **changes}


def on_a_terminal(command: list[str], **changes: str) -> tuple[int, str]:
    """Run a command with its stderr on a terminal; returns its status and what the terminal got."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=slave, env=environment(**changes))
    os.close(slave)
    output = b""
    try:
        while data := os.read(master, 1 << 16):
            output += data
    except OSError:
        pass  # so a terminal ends
    os.close(master)
    return process.wait(), output.decode()


def screen(output: str) -> list[str]:
    """The lines that one sees in the end."""
    lines = [""]
    column = 0
    for char in output:
        if char == "\n":
            lines.append("")
            column = 0
        elif char == "\r":
            column = 0
        else:
            lines[-1] = lines[-1][:column].ljust(column) + char + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def slow(*words: str | Path) -> list[str]:
    return [sys.executable, "-c", SLOW, "--no-entry", *map(str, words)]


@pytest.fixture
def objects(cc: Compiler) -> list[Path]:
    return [cc(READER, "-O1"), cc(marked("one", 1), "-O1")]


@pytest.mark.parametrize("kind", ["rewritten", "handed over"])
def test_a_slow_link_shows_a_line_and_erases_it(cc: Compiler, objects: list[Path], out: Path, kind: str) -> None:
    inputs = objects if kind == "rewritten" else [cc("int f(void) { return 1; }")]
    status, output = on_a_terminal(slow(*inputs, "-o", out))
    assert status == 0
    assert re.search(rf"\rldshim: reading {len(inputs)} inputs \(\d s\)", output)
    assert screen(output) == [""]
    assert out.exists()


def test_a_message_stands_alone_on_its_line(objects: list[Path], out: Path) -> None:
    status, output = on_a_terminal(slow(*objects, "none.o", "-o", out), TERM="vt52")
    assert status == 1
    assert "ldshim: reading" in output
    assert screen(output) == ["wasm-ld-22: error: cannot open none.o: No such file or directory", ""]


def test_an_error_of_ldshim_stands_alone_on_its_line(objects: list[Path], out: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.o").write_bytes(objects[1].read_bytes()[:-3])
    status, output = on_a_terminal(slow(*objects, tmp_path / "cut.o", "-o", out), TERM="vt52")
    assert status == 1
    assert "ldshim: reading" in output
    assert [line[:15] for line in screen(output)] == ["ldshim: error: ", ""]


@pytest.mark.parametrize("changes", [{"TERM": "dumb"}, {"TERM": ""}, {"CI": "true"}])
def test_who_cannot_use_it_does_not_get_it(objects: list[Path], out: Path, changes: dict[str, str]) -> None:
    assert on_a_terminal(slow(*objects, "-o", out), **changes) == (0, "")


@pytest.mark.parametrize("changes", [{}, {"LDSHIM_TRACE": "0"}])
def test_a_pipe_gets_nothing(objects: list[Path], out: Path, changes: dict[str, str]) -> None:
    done = subprocess.run(slow(*objects, "-o", out), capture_output=True, text=True, check=False, env=environment(**changes))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_trace_is_not_drawn_over(objects: list[Path], out: Path) -> None:
    _, output = on_a_terminal(slow(*objects, "-o", out), LDSHIM_TRACE="1")
    assert all(line.startswith("ldshim: trace: ") for line in output.splitlines())


def test_the_timer_does_not_end_the_real_linker(cc: Compiler, out: Path, tmp_path: Path) -> None:
    # It would outlive exec, and its signal ends whoever does not expect it.
    fake = tmp_path / "wasm-ld"
    fake.write_text("#!/bin/sh\nsleep 0.5\necho done >&2\n")
    fake.chmod(0o755)
    quick = SLOW.replace("0.7", "0.0")
    for inputs in ([cc("int f(void) { return 1; }")], [cc(READER, "-O1"), cc(marked("one", 1), "-O1")], ["--version"]):
        command = [sys.executable, "-c", quick, *map(str, inputs), "-o", str(out)]
        assert on_a_terminal(command, LDSHIM_LINKER=str(fake)) == (0, "done\r\n")


def test_a_timer_of_someone_else_goes_on(objects: list[Path], out: Path) -> None:
    # `perl -e 'alarm N; exec ...'` is how some limit the time of a command.
    alarmed = "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.3)\n" + SLOW
    status, output = on_a_terminal([sys.executable, "-c", alarmed, *map(str, objects), "-o", str(out)])
    assert (status, output) == (-signal.SIGALRM, "")


def test_a_signal_ends_a_slow_link(objects: list[Path], out: Path) -> None:
    killing = SLOW.replace("    while", "    import os, threading\n    threading.Timer(0.4, os.kill, (os.getpid(), 15)).start()\n    while")
    status, _ = on_a_terminal([sys.executable, "-c", killing, *map(str, objects), "-o", str(out)])
    assert status == -signal.SIGTERM


def test_a_link_of_many_elements_is_slow_for_real(cc: Compiler, out: Path) -> None:
    # Copies of weak elements, of which the first counts.
    weak = "".join(marked(f"e{i}", i).replace("used)", "used, weak)") for i in range(400))
    many = cc(weak, "-O1")
    seconds: list[str] = []
    # As many as it takes here for more than two seconds.
    for copies in (400, 1200, 3600):
        words = ["--no-entry", str(cc(READER, "-O1")), *[str(many)] * copies, "-o", str(out)]
        status, output = on_a_terminal([sys.executable, "-m", "ldshim", *words])
        assert status == 0
        assert screen(output) == [""]
        seconds = re.findall(r"\rldshim: \w+ [^(]*\((\d+) s\)", output)
        if seconds:
            break
    assert min(map(int, seconds)) >= 2
    assert Instance(out).list() == list(range(400))
