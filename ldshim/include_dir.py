"""`ldshim include-dir`: where the C headers are."""

from __future__ import annotations

import os

from ldshim.arguments import Parser


def execute(argv: list[str]) -> int:
    parser().parse_args(argv)
    print(os.path.join(os.path.dirname(os.path.abspath(__file__)), "include"))
    return 0


def parser() -> Parser:
    return Parser(
        "include-dir",
        "Print the directory of ldshim.h, the header for C and C++.",
        examples=['clang --target=wasm32 -I "$(ldshim include-dir)" -c main.c'],
        status="0",
    )
