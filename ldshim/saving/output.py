"""What a saved link prints: seen live, and written down, by subprocess-tee.

subprocess-tee decodes UTF-8, stops where that is an error, and drops white space at the ends of lines.  So the process that it runs
(`relay`) sends bytes as lines of base64, and what subprocess-tee takes for the streams to print on decodes them again.
"""

from __future__ import annotations

import base64
import binascii
import os
import signal
import sys

from ldshim import linker
from ldshim.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

# The lines between the two processes begin with one of these; others are a message of Python's.
DATA, CHILD, DONE = "\1", "\2", "\3"
# Tells the relay that nobody reads its stdout, or its stderr, any more.
UNREAD = (signal.SIGUSR1, signal.SIGUSR2) if hasattr(signal, "SIGUSR1") else ()

_PROGRAM = """\
import sys
sys.path[:] = {path!r}
from ldshim.saving.relay import relay
relay({folder!r}, merged={merged!r}, terminal={terminal!r})
"""


def require_tee() -> ModuleType:
    """Return subprocess-tee.  Raises `LinkError` where it is not installed, or there is no fork."""
    if not hasattr(os, "fork"):
        raise LinkError("LDSHIM_SAVE_DIR: links can be saved on POSIX systems only")
    try:
        import subprocess_tee  # noqa: PLC0415 - an extra
    except ImportError:
        raise LinkError("LDSHIM_SAVE_DIR needs subprocess-tee: pip install 'ldshim[save]'") from None
    module: ModuleType = subprocess_tee
    return module


def run(folder: str, environ: dict[str, str], forwarding: linker.forwarded_signals) -> int:
    """Make the link that is described in `folder`; its output goes there and to our streams.  Returns its status, negative for a signal."""
    tee = require_tee()
    linker.open_standard_streams()
    merged = os.path.sameopenfile(1, 2)
    names = ("output.txt", "output.txt") if merged else ("stdout.txt", "stderr.txt")
    stdout = _Sink(1, os.path.join(folder, names[0]), forwarding)
    stderr = stdout if merged else _Sink(2, os.path.join(folder, names[1]), forwarding)
    program = _PROGRAM.format(path=sys.path, folder=folder, merged=merged, terminal=os.isatty(2))
    try:
        done = tee.run([sys.executable, "-c", program], env=environ, stdout=stdout, stderr=stderr)
    finally:
        forwarding.child = 0
        stdout.close()
        stderr.close()
    for sink in (stdout, stderr):
        if sink.error is not None:
            raise sink.error
    status: int = done.returncode
    return status


class _Sink:
    """What subprocess-tee writes one of the streams to."""

    def __init__(self, target: int, path: str, forwarding: linker.forwarded_signals) -> None:
        self._target = target
        self._forwarding = forwarding
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by `run`
        self.error: OSError | None = None

    def write(self, text: str) -> None:
        """Take a line, or the newline that `print` writes behind it."""
        kind, rest = text[:1], text[1:]
        if kind == DATA:
            self._pass_on(base64.b64decode(rest))
        elif kind == CHILD:
            self._forwarding.adopt(int(rest))
        elif kind == DONE:
            self._forwarding.child = 0
        elif text != "\n":
            self._pass_on(os.fsencode(text + "\n"))

    def _pass_on(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            self.error = error  # for the end: the link goes on, and is seen
        if not linker.write(self._target, data) and self._forwarding.child:
            os.kill(self._forwarding.child, UNREAD[self._target - 1])

    def close(self) -> None:
        self._file.close()


def encoded(data: bytes) -> bytes:
    """A line for `_Sink`."""
    return DATA.encode() + binascii.b2a_base64(data)
