"""The files that a command line names, copied, and the command line that names the copies.

A file goes to `original/` and its absolute path, as in lld's `--reproduce`.  Symbolic links among its directories are followed: so
no two files meet at one place, `-l` finds in a copied directory what it found in the user's, and a thin archive finds its members.
"""

from __future__ import annotations

import os
import stat

from ldshim import archive
from ldshim.command import options, tokenize_posix, tokenize_windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ldshim.command import Command

FOLDER = "original"
OUTPUTS = "replayed"

_LIBRARY_PATHS = frozenset(("L", "library-path", "library-path="))
_LIBRARIES = frozenset(("l", "library", "library="))
_FILES = frozenset(("allow-undefined-file", "allow-undefined-file="))
_MADE = frozenset(
    (
        *("o", "Map", "Map=", "why-extract=", "reproduce", "reproduce=", "lto-obj-path="),
        *("thinlto-cache-dir=", "thinlto-index-only="),
    )
)


class Originals:
    """The copies in `folder`/original; `missing` says what was named and could not be copied."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._done: set[str] = set()
        self.missing: list[str] = []

    def save(self, argv: Sequence[str], command: Command) -> None:
        """Copy all files that the line names, response files too."""
        windows = any("quoting=windows" in word or word == "windows" for word in argv)
        self._save_response_files(argv, windows=windows)
        for given in command.inputs:
            self._save_input(given.path)
        directories: list[str] = []
        for _, _, name, value in options(command.words):
            if name in _LIBRARY_PATHS:
                directories.append(value)
            elif name in _FILES or (name == "unknown" and os.path.isfile(_value_of_unknown(value))):
                self._copy(_value_of_unknown(value) if name == "unknown" else value)
        for _, _, name, value in options(command.words):
            if name in _LIBRARIES:
                self._save_candidates(value, directories)

    def _save_candidates(self, name: str, directories: list[str]) -> None:
        """What a linker of any version may find for -lNAME."""
        for directory in directories:
            names = [name[1:]] if name.startswith(":") else [f"lib{name}.so", f"lib{name}.a"]
            found = [path for path in (os.path.join(directory, base) for base in names) if os.path.isfile(path)]
            for path in found:
                self._save_input(path)
            if found and found[-1].endswith(names[-1]):
                return

    def _save_response_files(self, words: Sequence[str], *, windows: bool) -> None:
        for word in words:
            path = word[1:]
            if word.startswith("@") and os.path.isfile(path) and place(path) not in self._done:
                data = self._copy(path)
                tokens = tokenize_windows(data) if windows else tokenize_posix(data)
                self._save_response_files([os.fsdecode(token) for token in tokens if b"\0" not in token], windows=windows)

    def _save_input(self, path: str) -> None:
        if os.path.isdir(path):
            os.makedirs(os.path.join(self._folder, place(path)), exist_ok=True)
            return
        if _is_device(path) or place(path) in self._done:
            return
        head = _head(path)
        if head == archive.THIN_MAGIC:
            self._save_thin_archive(path)
        else:
            self._copy(path)
        # lld reads the imports that an archive allows from a file beside it.
        sidecar = os.path.splitext(path)[0] + ".imports"
        if head in (archive.MAGIC, archive.THIN_MAGIC) and os.path.isfile(sidecar):
            self._copy(sidecar)

    def _save_thin_archive(self, path: str) -> None:
        data = self._copy(path)
        try:
            members = archive.members(data, path)
        except archive.MalformedArchive:
            return
        folder = os.path.dirname(os.path.join(self._folder, place(path)))
        contents: list[bytes] = []
        finds_all = True
        for member in members:
            source = archive.thin_member_path(path, member)
            contents.append(self._copy(source))
            # Where a linker will look for the member of the copied archive.
            name = os.fsdecode(member.path or b"")
            expected = os.path.normpath(os.path.join(folder, name))
            finds_all &= not os.path.isabs(name) and expected == os.path.join(self._folder, place(source))
        if not finds_all:
            self._write_ordinary(path, data, members, contents)

    def _write_ordinary(self, path: str, data: bytes, members: list[archive.Member], contents: list[bytes]) -> None:
        """In place of a thin archive that has absolute names of members, or names through symbolic links."""
        symbols: dict[int, list[bytes]] = {}
        for symbol, header in archive.symbol_index(data) or ():
            symbols.setdefault(header, []).append(symbol)
        parts = []
        for member, content in zip(members, contents, strict=True):
            parts.append((member.name, [content], symbols.get(member.header, [])))
        self._write(place(path), b"".join(bytes(piece) for piece in archive.write_archive(parts)))

    def _copy(self, path: str) -> bytes:
        """Copy a file; returns what is in it."""
        target = place(path)
        self._done.add(target)
        try:
            if os.path.lexists(path) and not os.path.isfile(path):
                raise IsADirectoryError(0, "is not a file")
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            self.missing.append(f"{path}: {error.strerror}")
            return b""
        self._write(target, data)
        return data

    def _write(self, target: str, data: bytes) -> None:
        path = os.path.join(self._folder, target)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


def place(path: str) -> str:
    """Where a file or directory is copied to, relative to the directory of the link."""
    folder, base = (path, "") if os.path.isdir(path) else os.path.split(path)
    return os.path.normpath(f"{FOLDER}/{os.path.realpath(folder)}/{base}")


def replayable(words: Sequence[str], stand_ins: str = "") -> list[str]:
    """`words` with the copies in place of the inputs, and what is made in a directory of its own.

    What is below the directory `stand_ins` is in `rewritten/`.
    """

    def moved(path: str) -> str:
        if stand_ins and path.startswith(stand_ins + os.sep):
            return "rewritten" + path[len(stand_ins) :]
        return path if _is_device(path) else place(path)

    result: list[str] = []
    done = 0
    has_output = False
    for begin, end, name, value in options(words):
        result += words[done:begin]
        done = end
        has_output |= name == "o"
        new = _moved_value(name, value, moved)
        if new == value:
            result += words[begin:end]
        elif end - begin == 2:
            result += [words[begin], new]
        else:
            result.append(words[begin][: len(words[begin]) - len(value)] + new)
    result += words[done:]
    return result if has_output else ["-o", f"{OUTPUTS}/a.out", *result]


def _moved_value(name: str, value: str, moved: Callable[[str], str]) -> str:
    if not value or value == "-":
        return value
    if name in _MADE:
        return f"{OUTPUTS}/{os.path.basename(os.path.normpath(value))}"
    if name == "":
        return value if value.startswith("@") else moved(value)
    if name in _LIBRARY_PATHS or name in _FILES:
        return moved(value)
    if name == "unknown" and os.path.isfile(_value_of_unknown(value)):
        option, equals, path = value.partition("=")
        return option + equals + moved(path)
    return value


def _value_of_unknown(word: str) -> str:
    """What stands behind the `=` of an option that only a newer lld knows: maybe a file."""
    return word.partition("=")[2]


def _is_device(path: str) -> bool:
    try:
        return stat.S_ISCHR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _head(path: str) -> bytes:
    if not os.path.isfile(path):
        return b""
    try:
        with open(path, "rb") as file:
            return file.read(len(archive.MAGIC))
    except OSError:
        return b""
