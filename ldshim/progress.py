"""A line on the terminal where a link takes more than two seconds before the real linker runs.

A timer's signal draws it, so no pass has to know of it, and Python goes on with what the signal interrupted (PEP 475).  The timer would
outlive an `exec`, and its signal end the real linker: whoever hands over has to have told `Progress` so.
"""

from __future__ import annotations

import os
import time

from ldshim.watching import Watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType, ModuleType, TracebackType

    from ldshim.command import Command
    from ldshim.inputs import InputFile
    from ldshim.linker import Linker
    from ldshim.rewrite import Workspace
    from ldshim.sections import Plan
    from ldshim.survey import Survey

# `signal` costs three times what this module does (see linker.py).
_signal: ModuleType = __import__("_signal")

FIRST = 2.0
_NEXT = 0.25


def is_welcome(environ: Mapping[str, str]) -> bool:
    """Whether there is someone to see it, a terminal that can go back to the start of a line, and a timer that nobody uses."""
    if not hasattr(_signal, "setitimer") or not os.isatty(2) or environ.get("TERM", "") in ("", "dumb") or environ.get("CI"):
        return False
    return bool(_signal.getitimer(_signal.ITIMER_REAL)[0] == 0 and _signal.getsignal(_signal.SIGALRM) == _signal.SIG_DFL)


class Progress(Watcher):
    """The line, from `with` to the moment when the real linker runs."""

    __slots__ = ("_began", "_doing", "_shown")

    def __init__(self) -> None:
        self._began = 0.0
        self._doing = "reading the command line"
        self._shown = 0  # how many characters are on the terminal

    def __enter__(self) -> Progress:  # noqa: PYI034 - Self is newer than Python 3.10
        self._began = time.monotonic()
        _signal.signal(_signal.SIGALRM, self._draw)
        _signal.setitimer(_signal.ITIMER_REAL, FIRST, _NEXT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stop()

    def begins(self, command: Command, real: Linker, environ: Mapping[str, str]) -> None:  # noqa: ARG002
        self._doing = f"opening {len(command.inputs):,} inputs"

    def opened(self, files: list[InputFile]) -> None:
        self._doing = f"reading {len(files):,} inputs"

    def surveyed(self, found: Survey) -> None:
        self._doing = f"looking for the elements of {len(found.wanted):,} sections"

    def collected(self, found: Survey) -> None:
        self._doing = f"placing {sum(map(len, found.contributions.values())):,} contributions"

    def rewriting(self, plan: Plan, workspace: Workspace) -> None:  # noqa: ARG002
        self._doing = f"writing {len(plan.edits):,} changed objects"

    def runs(self, real: Linker, words: list[str], workspace: Workspace) -> None:  # noqa: ARG002
        self._stop()

    def hands_over(self, real: Linker, words: list[str], why: str) -> None:  # noqa: ARG002
        self._stop()

    def _draw(self, _number: int, _frame: FrameType | None) -> None:
        try:
            width = os.get_terminal_size(2).columns or 80
        except OSError:
            width = 80
        line = f"ldshim: {self._doing} ({time.monotonic() - self._began:.0f} s)"[: width - 1]
        _write("\r" + line.ljust(self._shown))
        self._shown = max(self._shown, len(line))

    def _stop(self) -> None:
        # A signal that is under way is handled before the handler goes.
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
        if self._shown:
            _write("\r" + " " * self._shown + "\r")
            self._shown = 0


def _write(text: str) -> None:
    try:
        os.write(2, text.encode())
    except OSError:
        pass  # a terminal that is gone, or will not wait: nobody misses a line
