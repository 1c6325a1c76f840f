"""ldshim without Python's start-up: a process that has it loaded, and forks for each link.

The child runs `ldshim.cli.main` as the `ldshim` script does.  Started as `python -m tests.random_programs.zygote`; each line on stdin is a
JSON object with words, a directory, the real linker and a file for what is printed; each line on stdout is a status.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Zygote:
    """A handle of such a process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def link(self, words: list[str], folder: Path, linker: str) -> tuple[int, str]:
        """The status of a link, and what it printed."""
        messages = folder / "messages"
        request = json.dumps([words, str(folder), linker, str(messages)]) + "\n"
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request.encode())
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        return status, messages.read_text(errors="backslashreplace")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _serve() -> None:
    import ldshim.link
    import ldshim.rewrite
    import ldshim.sections  # noqa: F401 - loaded once for all children
    from ldshim.cli import main

    for line in sys.stdin:
        words, folder, linker, messages = json.loads(line)
        child = os.fork()
        if not child:
            out = os.open(messages, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.chdir(folder)
            os.environ.update({"LDSHIM_LINKER": linker, "LDSHIM_CACHE": "off", "TMPDIR": folder})
            sys.argv = ["ldshim", *words]
            main()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
