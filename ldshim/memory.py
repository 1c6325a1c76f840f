"""A memory of what archives do not hold, so that the next link need not search them.

Most archives of a link, the standard library's first of all, hold nothing for ldshim.  What is remembered of one is its identity
(device, inode, size and times), and how little is in it: a file that is another by any of these is searched.  A file that has just been
written is not remembered, since it could change once more within what its times can tell apart.

The memory is one small file, replaced as a whole: whoever loses a race has forgotten something, no more.  If it is damaged, someone
else's, or cannot be written, there is none.  LDSHIM_CACHE is its directory, or `off`.
"""

from __future__ import annotations

import os
import sys
import time

from ldshim import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Identity = tuple[int, int, int, int, int]  # device, inode, size, mtime and ctime in nanoseconds

MAX_ENTRIES = 2000
_FIELD = 8
_IDENTITY = 5 * _FIELD
_ENTRY = _IDENTITY + 1
# Another number where another way of searching could find more.
_FORMAT = 3
# What is known of an archive.
WANTS_NOTHING = b"w"  # none of the needles is in it
HAS_NOTHING = b"n"  # nor is there a section, or a bitcode file, that anything could be in
_CHECKSUM = 8
_PRIME = (1 << 61) - 1
# The coarsest times that file systems in use keep.
_SETTLED_NS = 2_000_000_000
# It takes milliseconds to write the memory: a file that has been unfinished for longer than this stays so.
_ABANDONED_S = 60


def identity(status: os.stat_result) -> Identity:
    """What tells a file from every other, and from itself before a change."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class Memory:
    """The memory, read when it is first asked; `needles` are what a remembered archive does not hold."""

    __slots__ = ("_known", "_new", "_path", "_title", "_used")

    def __init__(self, environ: Mapping[str, str], needles: Iterable[bytes]) -> None:
        self._path = _place(environ)
        self._title = f"ldshim {__version__} {_FORMAT}: archives without ".encode() + b" ".join(needles) + b"\n"
        self._known: dict[bytes, bytes] | None = None
        self._new: dict[bytes, bytes] = {}
        self._used: dict[bytes, bytes] = {}

    def of(self, known: Identity) -> bytes:
        """What is known of an archive, empty if nothing is."""
        if self._known is None:
            self._known = self._read()
        entry = _encoded(known)
        what = self._known.get(entry, b"")
        if what:
            self._used[entry] = what
        return what

    def learn(self, known: Identity, what: bytes) -> None:
        if time.time_ns() - max(known[3], known[4]) > _SETTLED_NS:
            self._new[_encoded(known)] = what

    def save(self) -> None:
        """Write down what is new; the entries that were used last are kept the longest."""
        if not self._new or not self._path:
            return
        known = {**self._new, **{entry: what for entry, what in self._used.items() if entry not in self._new}}
        known.update((entry, what) for entry, what in (self._known or {}).items() if entry not in known)
        entries = [entry + what for entry, what in known.items()]
        text = b"".join(entries[:MAX_ENTRIES])
        _replace(self._path, self._title + _checksum(text) + text)

    def _read(self) -> dict[bytes, bytes]:
        if not self._path:
            return {}
        try:
            descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError:
            return {}
        try:
            status = os.fstat(descriptor)
            if hasattr(os, "getuid") and status.st_uid != os.getuid():
                return {}
            text = os.read(descriptor, len(self._title) + _CHECKSUM + MAX_ENTRIES * _ENTRY + 1)
        except OSError:
            return {}
        finally:
            os.close(descriptor)
        begin = len(self._title) + _CHECKSUM
        entries = text[begin:]
        if not text.startswith(self._title) or _checksum(entries) != text[len(self._title) : begin]:
            return {}
        starts = range(0, len(entries), _ENTRY)
        return {entries[at : at + _IDENTITY]: entries[at + _IDENTITY : at + _ENTRY] for at in starts}


def _replace(path: str, content: bytes) -> None:
    """Put `content` into the place of a file at once, or leave all as it is: where it cannot be written, or somebody else does so."""
    partial = path + ".new"
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        # One name for all, so that links that are killed here leave one file behind and not one each.
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    except FileExistsError:
        _remove_abandoned(partial)
        return
    except OSError:
        return
    try:
        try:
            is_whole = os.write(descriptor, content) == len(content)  # a disk can be full behind the first bytes
        finally:
            os.close(descriptor)
        if is_whole:
            os.replace(partial, path)
            return
    except OSError:
        pass
    _remove(partial)


def _remove_abandoned(partial: str) -> None:
    """Remove what a link that was killed has left, for the next one to write."""
    try:
        if time.time() - os.lstat(partial).st_mtime > _ABANDONED_S:
            os.unlink(partial)
    except OSError:
        pass


def _place(environ: Mapping[str, str], system: str = sys.platform) -> str:
    """The file, empty for no memory."""
    setting = environ.get("LDSHIM_CACHE")
    if setting == "off":
        return ""
    base = environ.get("XDG_CACHE_HOME") or (environ.get("LOCALAPPDATA") if system == "win32" else "")
    home = environ.get("HOME")
    if not base and home:
        base = os.path.join(home, "Library", "Caches") if system == "darwin" else os.path.join(home, ".cache")
    folder = setting or (base and os.path.join(base, "ldshim"))
    return os.path.join(os.path.abspath(folder), "archives") if folder else ""


def _encoded(known: Identity) -> bytes:
    return b"".join((number & (1 << 64) - 1).to_bytes(_FIELD, "little") for number in known)


def _checksum(text: bytes) -> bytes:
    # binascii and zlib are libraries to be loaded, for half a millisecond.
    # The last byte makes a text another than the same with zeros behind it.
    return (int.from_bytes(text + b"\1", "little") % _PRIME).to_bytes(_CHECKSUM, "little")


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
