"""LDSHIM_TRACE=1: what was decided, on stderr, a line for each; `tracer.py` has most of the lines.

Every line begins with `ldshim: trace: `, and most go on with a word for what they are about, so that one can search for them;
docs/troubleshooting.md lists the words.
"""

from __future__ import annotations

import os

from ldshim.linker import write


class _Trace:
    """Where the lines go."""

    __slots__ = ("on", "targets")

    def __init__(self) -> None:
        self.targets = [2] if os.environ.get("LDSHIM_TRACE") == "1" else []  # descriptors
        self.on = bool(self.targets)

    def add(self, descriptor: int) -> None:
        self.targets.append(descriptor)
        self.on = True

    def say(self, text: str) -> None:
        line = "".join(f"ldshim: trace: {part}\n" for part in text.splitlines()).encode("utf-8", "backslashreplace")
        for target in self.targets:
            write(target, line)


trace = _Trace()
