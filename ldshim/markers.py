"""Marker symbols: how a compiler that refuses section attributes says which section a static belongs to.

    __ldshim$SECTION$KEY$UNIQUE

A data symbol of that name makes the static behind it an element of the named section SECTION, a C identifier.  KEY is empty
or a sort key without `$`.  UNIQUE is anything that makes the name unlike every other one.  `docs/markers.md` is the
specification for authors of compilers and macros.
"""

from __future__ import annotations

from ldshim.errors import LinkError

PREFIX = b"__ldshim$"

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
_DIGITS = b"0123456789"


class Marker:
    """A marker's parts."""

    __slots__ = ("key", "name", "section")

    def __init__(self, name: bytes, section: bytes, key: bytes) -> None:
        self.name = name
        self.section = section
        self.key = key


def is_c_identifier(name: bytes) -> bool:
    """Whether lld defines `__start_NAME` and `__stop_NAME` (its `isValidCIdentifier`)."""
    return name[:1] in {bytes((c,)) for c in _LETTERS} and not name.strip(_LETTERS + _DIGITS)


def parse(name: bytes) -> Marker | None:
    """The marker that a symbol's name is, None if it is none.  Raises `LinkError` for one that cannot be understood."""
    if not name.startswith(PREFIX):
        return None
    parts = name[len(PREFIX) :].split(b"$", 2)
    if len(parts) != 3 or not is_c_identifier(parts[0]):
        raise LinkError(
            f"marker symbol {name.decode('utf-8', 'backslashreplace')}: expected __ldshim$SECTION$KEY$UNIQUE, "
            "where SECTION is a C identifier"
        )
    return Marker(name, parts[0], canonical_key(parts[1]))


def canonical_key(key: bytes) -> bytes:
    """Keys that sort alike are one key: `3` and `0003` have the same value."""
    return b"%d" % int(key) if _is_number(key) else key


def sort_rank(key: bytes) -> tuple[int, int, bytes]:
    """What keys are sorted by: numbers by value, then the others byte by byte; no key comes first."""
    if not key:
        return (0, 0, b"")
    if _is_number(key):
        return (1, int(key), b"")
    return (2, 0, key)


def segment_name(section: bytes, key: bytes) -> bytes:
    """The output segment of the elements with that key.

    Only the ones without a key can have the section's own name: lld lays out output segments, not elements, in a chosen order.
    """
    return PREFIX + section + b"$" + key if key else section


def stop_segment_name(section: bytes) -> bytes:
    """The output segment that follows the last key's."""
    return PREFIX + section + b"$"


def _is_number(key: bytes) -> bool:
    # int() takes at most 4300 digits; longer ones are sorted as text.
    return 0 < len(key) <= 1000 and not key.strip(_DIGITS)
