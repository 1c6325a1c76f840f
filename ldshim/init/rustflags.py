"""rustflags, a list or a text of words, and the one that names the wasm-ld of rustc's wasm-component-ld."""

# ruff: noqa: ANN401 - what stands in TOML may be anything

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WASM_LD_PATH = "link-arg=--wasm-ld-path="


def as_list(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [str(flag) for flag in value] if isinstance(value, list) else []


def like(value: Any, flags: list[str]) -> list[str] | str:
    """Spell the flags as `value` is spelled, if that is possible."""
    as_text = isinstance(value, str) and not any(re.search(r"\s", flag) for flag in flags)
    return " ".join(flags) if as_text else flags


def find(flags: list[str]) -> int | None:
    """Find the flag that names a wasm-ld."""
    return next((at for at, flag in enumerate(flags) if WASM_LD_PATH in flag), None)


def restored(value: Any, old: Any) -> Any:
    """Take that flag out of flags that were changed since, or give it its old value; None if nothing is left."""
    flags, earlier = as_list(value), as_list(old)
    at, before = find(flags), find(earlier)
    if at is None:
        return value
    if before is not None:
        flags[at] = earlier[before]
    else:
        start = at - 1 if at and flags[at - 1] == "-C" and not flags[at].startswith("-C") else at
        del flags[start : at + 1]
    return like(value, flags) if flags else None
