"""The second and the third process of a saved link: one makes it, the other sends on what it prints."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys

from ldshim import linker, watching
from ldshim.errors import LinkError
from ldshim.saving import output
from ldshim.trace import trace
from ldshim.tracer import Tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

    from ldshim.linker import Linker
    from ldshim.rewrite import Workspace

ARGUMENTS = "arguments.json"
CHILD = "child.json"
TRACE = "trace.txt"
REWRITTEN = "rewritten"


def relay(folder: str, *, merged: bool, terminal: bool) -> NoReturn:
    """Make the link that `folder` describes in a child; its output goes to our own streams, encoded.

    Both streams are one if they are `merged`; `terminal` says what the user's stderr is, and so what the child's has to be.
    """
    # A terminal's ^C is the first process's to forward, so that it arrives once.
    os.setpgid(0, 0)
    error_ends = _terminal() if terminal else os.pipe()
    ends = [error_ends] if merged else [os.pipe(), error_ends]
    forwarding = linker.forwarded_signals().__enter__()
    child = os.fork()
    if child == 0:
        forwarding.__exit__(None, None, None)
        if forwarding.received:
            linker.exit_like(-forwarding.received)
        os.dup2(ends[0][1], 1)
        os.dup2(ends[-1][1], 2)
        for read_end, write_end in ends:
            os.close(read_end)
            os.close(write_end)
        _link(folder)
    os.write(1, f"{output.CHILD}{os.getpid()}\n".encode())
    forwarding.adopt(child)
    for _, write_end in ends:
        os.close(write_end)
    # The target of each stream, by the end that we read.
    _send_on({read_end: number for number, (read_end, _) in enumerate(ends, 1)})
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    forwarding.child = 0
    os.write(1, f"{output.DONE}\n".encode())
    linker.exit_like(status)


def _terminal() -> tuple[int, int]:
    """The two ends of a terminal that changes nothing of what is written to it: lld looks for one before it writes in colors."""
    import tty  # noqa: PLC0415 - where there is a terminal, there is this module

    master, slave = os.openpty()
    tty.setraw(slave)
    return master, slave


def _send_on(targets: dict[int, int]) -> None:
    import select  # noqa: PLC0415

    poll = select.poll()
    for end in targets:
        poll.register(end, select.POLLIN)

    def close(end: int) -> None:
        if targets.pop(end, None):
            poll.unregister(end)
            os.close(end)

    # Whoever writes to what nobody reads is to find out by himself, as he would without us.
    def close_unread(number: int, _frame: FrameType | None) -> None:
        for end, target in list(targets.items()):
            if output.UNREAD[target - 1] == number:
                close(end)

    for number in output.UNREAD:
        signal.signal(number, close_unread)
    while targets:
        for end, _ in poll.poll():
            if end not in targets:
                continue
            try:
                data = os.read(end, 1 << 16)
            except OSError:
                data = b""  # so a terminal ends
            if data:
                linker.write(targets[end], output.encoded(data))
            else:
                close(end)


def _link(folder: str) -> NoReturn:
    """Be the ldshim that was called."""
    with open(os.path.join(folder, ARGUMENTS), encoding="ascii") as file:
        sys.argv = json.load(file)
    trace.add(os.open(os.path.join(folder, TRACE), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666))
    watching.appointed = _Recorder(folder)
    from ldshim.cli import main  # noqa: PLC0415

    main()


class _Recorder(Tracer):
    """Writes down what the first process cannot see: the rewritten inputs, and the words of the real linker."""

    __slots__ = ("_folder",)

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def __enter__(self) -> _Recorder:  # noqa: PYI034 - Self is newer than Python 3.10
        # It is for the first process; nobody whom this one starts is to save anything.
        os.environ.pop("LDSHIM_SAVE_DIR", None)
        return self

    def runs(self, real: Linker, words: list[str], workspace: Workspace) -> None:
        super().runs(real, words, workspace)
        try:
            shutil.copytree(workspace.path, os.path.join(self._folder, REWRITTEN))
        except (OSError, shutil.Error) as error:
            raise LinkError(f"LDSHIM_SAVE_DIR: cannot write {self._folder}: {error}") from None
        self._note(real, words, workspace.path)

    def hands_over(self, real: Linker, words: list[str], why: str) -> None:
        super().hands_over(real, words, why)
        self._note(real, words, "")

    def _note(self, real: Linker, words: list[str], workspace: str) -> None:
        with open(os.path.join(self._folder, CHILD), "w", encoding="ascii") as file:
            json.dump({"prefix": real.prefix, "words": words, "workspace": workspace}, file)
