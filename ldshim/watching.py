"""Who watches a link: nobody, most of the time.

`link.py` tells a `Watcher` what each pass has found.  There is one for `LDSHIM_TRACE=1` (`tracer.py`), one for `LDSHIM_SAVE_DIR`
(`saving/`), and one for a terminal (`progress.py`).  A watcher looks and changes nothing.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from ldshim.command import Command
    from ldshim.inputs import InputFile
    from ldshim.linker import Linker
    from ldshim.rewrite import Workspace
    from ldshim.sections import Plan
    from ldshim.survey import Survey


class Watcher:
    """One who does not care; the methods are in the order in which they are called."""

    __slots__ = ()

    def __enter__(self) -> Watcher:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """The link ends, by an error of ours or with the status of the linker."""

    def begins(self, command: Command, real: Linker, environ: Mapping[str, str]) -> None:
        """The command line is read, and the linker found."""

    def opened(self, files: list[InputFile]) -> None:
        """The inputs are open, and will be searched."""

    def surveyed(self, found: Survey) -> None:
        """It is known what is wanted."""

    def collected(self, found: Survey) -> None:
        """It is known what contributes to it."""

    def planned(self, plan: Plan, found: Survey) -> None:
        """It is known what has to change."""

    def rewriting(self, plan: Plan, workspace: Workspace) -> None:
        """The changed objects are about to be written."""

    def runs(self, real: Linker, words: list[str], workspace: Workspace) -> None:
        """The real linker is about to run on what was written."""

    def ended(self, status: int) -> None:
        """It has ended; a negative status is a signal."""

    def hands_over(self, real: Linker, words: list[str], why: str) -> None:
        """The real linker is about to take the process over."""


# For the process that `saving` starts for the link itself.
appointed: Watcher | None = None


def watcher(argv: list[str], environ: Mapping[str, str]) -> Watcher:
    """The one who watches the link of `argv`; where the link is to be saved, it is made and saved here, and this does not return."""
    if appointed is not None:
        return appointed
    if environ.get("LDSHIM_SAVE_DIR"):
        from ldshim.saving.record import record  # noqa: PLC0415 - each of them only where it is asked for

        record(argv, environ)
    if environ.get("LDSHIM_TRACE") == "1":
        from ldshim.tracer import Tracer  # noqa: PLC0415

        return Tracer()
    if os.isatty(2):
        from ldshim import progress  # noqa: PLC0415

        if progress.is_welcome(environ):
            return progress.Progress()
    return Watcher()
