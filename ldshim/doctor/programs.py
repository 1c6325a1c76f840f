"""Asking other programs, several at once.  Whatever one of them does, there is an answer: what it said, or what is the matter with it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future
    from types import TracebackType
    from typing import IO

TIMEOUT = 10.0
_MOST = 1 << 24
_SHOWN = 100


@dataclass
class Answer:
    """What a program said, and the `trouble` with it, empty if it ended as it should."""

    out: str = ""
    err: str = ""
    trouble: str = ""

    def number(self, pattern: str) -> tuple[int, ...]:
        """The numbers, with dots between them, that stand behind `pattern` in what was printed; empty if there are none."""
        found = re.search(pattern + r"(\d+(?:\.\d+)*)", self.out)
        return tuple(int(part[:9]) for part in found[1].split(".")) if found else ()

    def rubbish(self) -> str:
        """What is the matter with an answer that has not what was asked for."""
        return self.trouble or f"prints something else than its version: {_first_line(self.out) or 'nothing'}"


class Programs:
    """Programs that are running, and those that wait for their turn."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(max_workers=8)
        self._running: set[subprocess.Popen[bytes]] = set()

    def __enter__(self) -> Programs:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in list(self._running):
            _kill(process)
        self._pool.shutdown()

    def ask(self, words: Sequence[str], *, executable: str | None = None, environ: Mapping[str, str] | None = None) -> Future[Answer]:
        """Start a program; whoever wants the answer waits for it."""
        # To look is no reason to download a toolchain.
        environ = {**(os.environ if environ is None else environ), "RUSTUP_AUTO_INSTALL": "0"}
        return self._pool.submit(self._run, words, executable or words[0], environ)

    def _run(self, words: Sequence[str], executable: str, environ: Mapping[str, str]) -> Answer:
        try:
            process = subprocess.Popen(
                words,
                executable=executable,
                cwd=self._folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # to end it with all that it has started
            )
        except (OSError, ValueError) as error:
            return Answer(trouble=f"cannot be run: {getattr(error, 'strerror', None) or error}")
        self._running.add(process)
        try:
            return _listen(process)
        finally:
            _kill(process)
            process.wait()
            self._running.discard(process)


def _listen(process: subprocess.Popen[bytes]) -> Answer:
    end = time.monotonic() + TIMEOUT
    # A program may close its output and go on, or end and leave it to another: all three have to come to an end.
    texts: list[bytearray] = [bytearray(), bytearray()]
    streams = (process.stdout, process.stderr)
    readers = [threading.Thread(target=_read, args=(process, streams[at], texts[at]), daemon=True) for at in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(max(0.0, end - time.monotonic()))
    hangs = any(reader.is_alive() for reader in readers)
    out, err = (bytes(text[:_MOST]).decode("utf-8", "surrogateescape") for text in texts)
    if max(map(len, texts)) > _MOST:
        return Answer(trouble=f"prints without end: {_first_line(out or err)}")
    try:
        status = None if hangs else process.wait(max(0.01, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        status = None
    return Answer(out, err, _trouble(status, _first_line(err) or _first_line(out)))


def _read(process: subprocess.Popen[bytes], stream: IO[bytes], text: bytearray) -> None:
    while data := os.read(stream.fileno(), 1 << 16):
        text += data
        if len(text) > _MOST:
            _kill(process)
            return


def _trouble(status: int | None, said: str) -> str:
    if status is None:
        return f"does not answer within {TIMEOUT:g} seconds"
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return f"crashes ({name})"
    if status > 0:
        return f"ends with status {status}" + (f": {said}" if said else "")
    return ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except OSError:
        pass  # it has ended, and so has everything that it started


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    shown = "".join(character if character.isprintable() else "?" for character in line)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"


def dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version)) or "?"
