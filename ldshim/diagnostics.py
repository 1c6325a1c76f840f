"""Printing messages: lines on stderr as the real linker's, in its colors, and no more errors than the user wants to see.

Imported only when there is something to say.  The options are read here once more, since what there is to say may be that the line
could not be read.
"""

from __future__ import annotations

import sys

from ldshim import linker
from ldshim.command import message_settings
from ldshim.errors import LinkError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

# What lld 14 to 22 write (https://github.com/llvm/llvm-project/blob/main/lld/Common/ErrorHandler.cpp); it has no notes, so that is clang's.
_COLORS = {"error": "\x1b[0;31m", "warning": "\x1b[0;35m", "note": "\x1b[0;36m"}
_RESET = "\x1b[0m"
_ERROR_LIMIT = 20
# lld says -error-limit, which lld 22 takes for `-e rror-limit`.
_TOO_MANY = "too many errors emitted, stopping now (use --error-limit=0 to see all errors)"
# A line of names that are each too long.
_MAX_LINE = 8000


class Printer:
    """How this link's messages are shown; `limit` is the greatest number of errors, 0 or less for any."""

    __slots__ = ("color", "limit")

    def __init__(self, *, color: bool, limit: int) -> None:
        self.color = color
        self.limit = limit

    def say(self, kind: str, messages: list[str]) -> None:
        """Print messages of a kind (error, warning, note), in one piece."""
        color, reset = (_COLORS[kind], _RESET) if self.color else ("", "")
        text = "".join(f"ldshim: {color}{kind}: {reset}{_lines(message)}\n" for message in messages)
        linker.write(2, text.encode("utf-8", "backslashreplace"))

    def fail(self, error: LinkError) -> NoReturn:
        """Print the errors that this one stands for, and end the process."""
        messages = [str(one) for one in error.errors]
        if 0 < self.limit < len(messages):
            messages[self.limit :] = [_TOO_MANY]
        self.say("error", messages)
        sys.exit(1)


def printer(argv: list[str], environ: Mapping[str, str]) -> Printer:
    """The printer that a command line, without the program's name, asks for."""
    settings = message_settings(argv)
    return Printer(color=_wants_color(settings.get("color"), environ), limit=_limit(settings.get("error limit")))


def _wants_color(option: str | None, environ: Mapping[str, str]) -> bool:
    """The option counts, then what users set for all programs (lld does not look at that), then the terminal.

    NO_COLOR: https://no-color.org.  FORCE_COLOR: https://force-color.org.  CLICOLOR_FORCE: https://bixense.com/clicolors.
    """
    if option in ("always", "never"):
        return option == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0") or environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return linker.wants_color([])  # what lld would do on this terminal


def _limit(option: str | None) -> int:
    """The limit as lld reads it: what is no number it refuses, and a negative one is none."""
    try:
        return int(option) if option is not None else _ERROR_LIMIT
    except ValueError:
        return _ERROR_LIMIT


def _lines(message: str) -> str:
    return "\n".join(printable(line, _MAX_LINE) for line in message.split("\n"))
