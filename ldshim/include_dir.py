"""`ldshim include-dir`: where the C headers are."""

from __future__ import annotations

import os


def execute(_argv: list[str]) -> int:
    print(os.path.join(os.path.dirname(os.path.abspath(__file__)), "include"))
    return 0
