"""Names as a person reads them: demangled, without hashes, and safe to print.

Demangling is done by the package `demangle`, if it is installed (`pip install 'ldshim[inspect]'`); without it, names stay mangled.
"""

from __future__ import annotations

import functools
import re

from ldshim import markers
from ldshim.errors import LinkError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# What the linkme crate of this project makes of a slice's name and of an element's path; hashes are of 12 digits to the base 36.
_SLICE = re.compile(r"linkme_(.+)_([0-9a-z]{12})")
_PATH = re.compile(r"(.+)\.([0-9a-z]{12})")
_LEGACY_HASH = re.compile(r"17h[0-9a-f]{16}E")
_CRATE = re.compile(r"<*&?(?:mut )?([A-Za-z_]\w*)(?:\[[0-9a-f]+\])?::")


def text(name: bytes) -> str:
    """The whole name as text, safe to print."""
    return printable(name, len(name))


@functools.lru_cache(maxsize=1 << 16)
def demangled(name: str) -> str:
    """The name in the notation of its language; the name itself where that is C's, or where nothing here can read it."""
    demangle = _demangler()
    return demangle(name) if demangle is not None else name


@functools.cache
def _demangler() -> Callable[[str], str] | None:
    try:
        import demangle  # noqa: PLC0415 - not installed everywhere
    except ImportError:
        return None
    # Not of all languages that it knows: plain names of C look like some.
    return functools.partial(demangle.demangle, language=("rust", "itanium"))


def is_demangler_here() -> bool:
    return _demangler() is not None


def section_label(name: str) -> tuple[str, str | None]:
    """What a person calls the section, and the hash that makes it unique, if it has one."""
    found = _SLICE.fullmatch(name)
    return (found[1], found[2]) if found else (name, None)


def element_name(symbol: str) -> str:
    """What a person calls an element: for a marker, the part that makes it unique."""
    if not symbol.startswith(markers.PREFIX.decode()):
        return demangled(symbol)
    unique = symbol.split("$", 3)[-1] if symbol.count("$") > 2 else symbol
    path = _PATH.fullmatch(unique)
    return path[1] if path else unique


def crate_of(symbol: str) -> str | None:
    """The Rust crate that a symbol is of, as far as its name says."""
    if symbol.startswith(markers.PREFIX.decode()):
        if _PATH.fullmatch(symbol.split("$", 3)[-1]) is None:
            return None
    elif not (symbol.startswith("_R") or _LEGACY_HASH.search(symbol)):
        return None
    found = _CRATE.match(element_name(symbol))
    return found[1] if found else None


def marker(name: bytes) -> markers.Marker | None:
    """The marker that a symbol's name is; None also for one that a link would refuse (`marker_problem` says why)."""
    try:
        return markers.parse(name)
    except LinkError:
        return None


def marker_problem(name: bytes) -> str | None:
    try:
        markers.parse(name)
    except LinkError as error:
        return str(error)
    return None
