"""What ldshim says when a link cannot go on.

One class for everything a user can cause or meet.  Its text says what and where (file, member, section, offset, symbol)
and, where there is something to do, what to do.  Whoever knows more of the place adds it on the way up (`within`).  Errors that have
nothing to do with each other are collected (`Errors`), so that one run shows them all.  `cli` prints them and exits with status 1;
nothing below `cli` prints or exits.

Names come from files, and files may hold anything: `printable` makes text of them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

# Nobody reads a longer name, and it would push everything else off the screen.  The names that rustc and C++ compilers make are shorter.
MAX_NAME = 1000


class LinkError(Exception):
    """The link cannot go on; `str(error)` is the message for the user, without a prefix or a final newline."""

    @property
    def errors(self) -> list[LinkError]:
        """The independent errors that this one stands for: itself."""
        return [self]

    def within(self, place: str) -> LinkError:
        """The same error with the place where it was met, a file or a part of one, in front: `raise error.within(name)`."""
        for error in self.errors:
            error.args = (f"{place}: {error}",)
        return self


class LinkErrors(LinkError):  # noqa: N818 - there are several
    """Several of them."""

    def __init__(self, errors: Iterable[LinkError]) -> None:
        super().__init__()
        self._errors = list(errors)

    @property
    def errors(self) -> list[LinkError]:
        return self._errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self._errors)


class Errors:
    """Collects errors: each step that may fail by itself runs `with errors:`, and `check` stands before what needs all of them."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: dict[str, LinkError] = {}  # by text: what two passes meet is one error

    @classmethod
    def of(cls, messages: Iterable[str]) -> Errors:
        """The errors of these texts."""
        errors = cls()
        for message in messages:
            errors.add(LinkError(message))
        return errors

    def add(self, error: LinkError) -> None:
        for one in error.errors:
            self.found.setdefault(str(one), one)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        if not isinstance(error, LinkError):
            return False
        self.add(error)
        return True

    def check(self) -> None:
        """Raise what was collected, if anything was."""
        if self.found:
            errors = list(self.found.values())
            raise errors[0] if len(errors) == 1 else LinkErrors(errors)


def printable(name: bytes | str, limit: int = MAX_NAME) -> str:
    r"""A name as text for one line of a terminal.

    What is not UTF-8 and what would move the cursor or change the terminal (newlines, escape sequences, marks that turn the direction of
    writing) appears as `\x1b`; of a name that is too long the middle is left out.
    """
    data = _bytes(name) if isinstance(name, str) else name
    size = len(data)
    if size > limit:
        head, tail = limit * 3 // 4, limit // 4
        return f"{_escaped(data[:head])}[... {size - head - tail} bytes ...]{_escaped(data[size - tail :])}"
    return _escaped(data)


def _bytes(name: str) -> bytes:
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, from a name on Windows
        return name.encode("utf-8", "backslashreplace")


def _escaped(name: bytes) -> str:
    text = name.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
