"""LDSHIM_TRACE=1: what was decided, on stderr, a line for each."""

from __future__ import annotations

import os


class _Trace:
    __slots__ = ("on",)

    def __init__(self) -> None:
        self.on = os.environ.get("LDSHIM_TRACE") == "1"

    def say(self, text: str) -> None:
        if self.on:
            os.write(2, f"ldshim: trace: {text}\n".encode("utf-8", "backslashreplace"))


trace = _Trace()
