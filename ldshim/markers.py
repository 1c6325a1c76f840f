"""Marker symbols: how a compiler that refuses section attributes says which section a static belongs to.

    __ldshim$SECTION$KEY$UNIQUE

A data symbol of that name makes the static behind it an element of the named section SECTION, a C identifier.  KEY is empty
or a sort key without `$`.  UNIQUE is anything that makes the name unlike every other one.

Rust has a second way, for macros that cannot make names: a static whose path ends in `__ldshim::SECTION::NAME`.  Its mangled name is the
marker; rustc makes it unique.

`docs/markers.md` is the specification for authors of compilers and macros.
"""

from __future__ import annotations

from ldshim.errors import LinkError, printable

PREFIX = b"__ldshim$"
# What every marker has in it, and hardly anything else.
NEEDLE = b"__ldshim"
# The path segment `__ldshim`, as rustc mangles it: by its own scheme (an underscore parts a length from a name that begins with one),
# and by that of C++.
_PATH_SEGMENTS = ((b"_R", b"8___ldshim"), (b"_ZN", b"8__ldshim"))

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
_DIGITS = b"0123456789"
_LETTERS_AND_DIGITS = _LETTERS + _DIGITS
# What stands before UNIQUE, with the last `$` -> section and key: a program has thousands of markers, but few of these.
_known_heads: dict[bytes, tuple[bytes, bytes]] = {}
_FIRST_LETTERS = frozenset(_LETTERS[i : i + 1] for i in range(len(_LETTERS)))


class Marker:
    """A marker's parts."""

    __slots__ = ("key", "name", "section")

    def __init__(self, name: bytes, section: bytes, key: bytes) -> None:
        self.name = name
        self.section = section
        self.key = key


def is_c_identifier(name: bytes) -> bool:
    """Whether lld defines `__start_NAME` and `__stop_NAME` (its `isValidCIdentifier`)."""
    return name[:1] in _FIRST_LETTERS and not name.strip(_LETTERS_AND_DIGITS)


def parse(name: bytes) -> Marker | None:
    """The marker that a symbol's name is, None if it is none.  Raises `LinkError` for one that cannot be understood."""
    if NEEDLE not in name:
        return None
    if not name.startswith(PREFIX):
        return _parse_path(name)
    head = name[: name.find(b"$", name.find(b"$", len(PREFIX)) + 1) + 1]
    known = _known_heads.get(head)
    if known is None:
        parts = name[len(PREFIX) :].split(b"$", 2)
        if len(parts) != 3 or not is_c_identifier(parts[0]):
            raise LinkError(
                f"marker symbol {printable(name)}: expected __ldshim$SECTION$KEY$UNIQUE, "
                "where SECTION is a C identifier"
            )
        known = _known_heads[head] = parts[0], canonical_key(parts[1])
    return Marker(name, *known)


def _parse_path(name: bytes) -> Marker | None:
    """The marker that the mangled path of a Rust static is.

    Statics *inside* an element (of a block in its value) have longer paths, and are none.  The two schemes are
    https://doc.rust-lang.org/rustc/symbol-mangling/v0.html and, for paths, the Itanium C++ ABI's `<nested-name>`.
    """
    for scheme, segment in _PATH_SEGMENTS:
        begin = name.rfind(segment)
        if not name.startswith(scheme) or begin < 0:
            continue
        section, position = _path_segment(name, begin + len(segment))
        element, position = _path_segment(name, position)
        if section and element and is_c_identifier(section):
            # LLVM puts a suffix behind a dot where it makes a local symbol a global one.
            rest = name[position:].partition(b".")[0]
            # In this scheme a path of rustc's ends with a hash.
            if not rest or (scheme == b"_ZN" and len(rest) == len("17h0123456789abcdefE") and rest.startswith(b"17h")):
                return Marker(name, section, b"")
            if _path_segment(name, position)[0]:
                return None
        raise LinkError(
            f"symbol {printable(name)}: expected a static at the path __ldshim::SECTION::NAME, "
            "where SECTION is a C identifier"
        )
    return None


def _path_segment(name: bytes, position: int) -> tuple[bytes, int]:
    """The segment of a mangled path that begins here, and where the next one does; empty if there is none."""
    if name[position : position + 1] == b"s":  # a disambiguator, of items of one name
        end = name.find(b"_", position)
        if end < 0:
            return b"", position
        position = end + 1
    digits = position
    while name[position : position + 1].isdigit():
        position += 1
    if not digits < position < digits + 5:
        return b"", position
    length = int(name[digits:position])
    if name[position : position + 1] == b"_" and name.startswith(b"_R"):
        position += 1
    return (name[position : position + length], position + length) if position + length <= len(name) else (b"", position)


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


def segment_name(section: bytes, key: bytes, run: int) -> bytes:
    """The output segment of the elements with that key, in that run of them.

    Only the first ones can have the section's own name: lld lays out output segments, not elements, in a chosen order.
    """
    if run:
        return PREFIX + section + b"$" + key + b"$%d" % run
    return PREFIX + section + b"$" + key if key else section


def stop_segment_name(section: bytes) -> bytes:
    """The output segment that follows the last key's."""
    return PREFIX + section + b"$"


def _is_number(key: bytes) -> bool:
    # int() takes at most 4300 digits; longer ones are sorted as text.
    return 0 < len(key) <= 1000 and not key.strip(_DIGITS)
