"""Carrying a plan out: the changed objects go into a private directory, and the command line is pointed at them.

The files of one directory get a numbered directory and keep their base names, so that a path in a message of the linker can be turned
back into the user's path by replacing the directory.  Members that have to be loaded become objects in front of their archive, called
`lib.a(member.o)`; members that change without that are replaced in a copy of the archive.

Rows of many objects go into one archive, which the linker loads as a whole: to make a file, to open and to remove it can take longer than
all that ldshim does with an object.
"""

from __future__ import annotations

import os

from ldshim import archive, linker
from ldshim.anchors import anchor_object
from ldshim.errors import LinkError
from ldshim.wasm import editor
from ldshim.wasm.reader import ObjectFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import FrameType

    from ldshim.archive import Piece
    from ldshim.command import Command, Input
    from ldshim.inputs import InputFile, Unit
    from ldshim.sections import Plan

ANCHOR_NAME = "ldshim-anchors.o"
ROW_NAME = "objects.a"
STAND_IN_NAME = "object.o"
_LONGEST_NAME = 255  # bytes, on the file systems in use
_NOT_IN_NAMES = '<>:"|?*' if os.name == "nt" else ""
# Fewer objects are files of their own, which the linker's --verbose and --reproduce show as what they are.
LONG_ROW = 8
_BUFFER = 1 << 20


class Workspace:
    """A private directory for one link, which is there until `remove`.

    A signal that nobody else has a handler for removes it, too, and ends the process.
    """

    __slots__ = ("_latest", "_names", "_origins", "_previous", "_received", "_rows", "_whole", "path")

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.path = ""
        self._received = 0
        self._previous = linker.handle_unhandled(self._end)
        try:
            self.path = _make_private_directory(environ)
        except LinkError:
            linker.set_handlers(self._previous)
            raise
        finally:
            if self._received:
                self._end(self._received, None)
        self._rows: dict[int, list[bytes]] = {}  # directory number -> what the members of the archive in it are called
        self._whole: dict[int, bytes] = {}  # directory number -> the user's path for the file STAND_IN_NAME in it
        self._origins: list[bytes] = []  # directory number -> what the user's path has in its place
        self._names: list[set[str]] = []  # directory number -> the files in it
        self._latest: dict[str, int] = {}  # a user's directory -> number

    def write(self, user_path: str, pieces: Sequence[Piece], *, alone: bool = False) -> str:
        """Write a stand-in for `user_path`, `alone` in a directory of its own; returns its path."""
        folder, base = os.path.split(user_path)
        number = self._latest.get(folder)
        path = ""
        try:
            if not _is_possible(base):  # members of archives may be called so
                number = self._make_directory(folder)
                self._latest.pop(folder)
                self._whole[number] = os.fsencode(user_path)
                base = STAND_IN_NAME
            elif alone or number is None or base in self._names[number]:
                number = self._make_directory(folder)
            self._names[number].add(base)
            path = f"{self.path}{os.sep}{number}{os.sep}{base}"
            _write_file(path, pieces)
        except OSError as error:
            raise LinkError(f"cannot write {path or self.path}: {error.strerror}") from None
        return path

    def write_row(self, user_paths: Sequence[str], objects: Iterable[list[bytes]]) -> str:
        """Write an archive of stand-ins for `user_paths`, whose pieces `objects` gives one after the other; returns its path."""
        number = len(self._origins)
        path = f"{self.path}{os.sep}{number}{os.sep}{ROW_NAME}"
        try:
            self._make_directory("")
            self._latest.pop("")
            self._rows[number] = [os.fsencode(user_path) for user_path in user_paths]
            _write_file(path, archive.plain_archive((b"%d" % i, pieces) for i, pieces in enumerate(objects)))
        except OSError as error:
            raise LinkError(f"cannot write {path}: {error.strerror}") from None
        return path

    def _make_directory(self, folder: str) -> int:
        """A new directory for files of the user's directory `folder`; returns its number."""
        number = len(self._origins)
        os.mkdir(os.path.join(self.path, str(number)), 0o700)
        self._origins.append(os.fsencode(os.path.join(folder, "")))
        self._names.append(set())
        self._latest[folder] = number
        return number

    def translate(self, text: bytes) -> bytes:
        """`text` with the user's paths where the linker named ours."""
        root = os.fsencode(self.path) + os.fsencode(os.sep)
        if root not in text:
            return text
        first, *rest = text.split(root)
        out = [first]
        for part in rest:
            number, separator, tail = part.partition(os.fsencode(os.sep))
            if not (separator and number.isdigit() and int(number) < len(self._origins)):
                out.append(root + part)
            elif int(number) in self._rows:
                out.append(_in_row(self._rows[int(number)], tail))
            elif int(number) in self._whole:
                out.append(self._whole[int(number)] + tail.removeprefix(os.fsencode(STAND_IN_NAME)))
            else:
                out.append(self._origins[int(number)] + tail)
        return b"".join(out)

    def translate_file(self, path: str) -> None:
        """The same for a file that the linker wrote (a map, `--why-extract`)."""
        try:
            with open(path, "rb+") as file:
                text = file.read()
                translated = self.translate(text)
                if translated != text:
                    file.seek(0)
                    file.truncate()
                    file.write(translated)
        except OSError:
            return  # not there, or not a file (`-`, a pipe): nothing to translate

    def remove(self) -> None:
        """Remove the directory and all that is in it; what cannot be removed stays."""
        for folder, directories, files in os.walk(self.path, topdown=False):
            for name in files:
                _ignore_missing(os.unlink, os.path.join(folder, name))
            for name in directories:
                _ignore_missing(os.rmdir, os.path.join(folder, name))
        _ignore_missing(os.rmdir, self.path)
        linker.set_handlers(self._previous)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self._received = number
        if self.path:  # else it is being made
            self.remove()
            linker.exit_like(-number)


def rewrite(plan: Plan, files: list[InputFile], command: Command, workspace: Workspace) -> list[str]:
    """Write what the plan changes; returns the words for the real linker."""
    replacements: dict[int, list[str]] = {}
    edits_of: dict[InputFile, dict[Unit, editor.Edit]] = {}
    for unit, edit in plan.edits.items():
        edits_of.setdefault(unit.file, {})[unit] = edit
    objects: list[tuple[Input, Unit, editor.Edit]] = []
    for file in files:
        changed = edits_of.get(file)
        if not changed:
            continue
        if file.is_archive:
            _replace_archive(file, changed, command, workspace, replacements)
        else:
            ((unit, edit),) = changed.items()
            objects.append((file.inputs[0], unit, edit))
    _replace_objects(objects, workspace, replacements)
    for option in plan.dropped_exports:
        replacements[option.begin] = []
    first = []
    if plan.anchors or plan.needs_table:
        content = anchor_object(plan.anchors, is_64=plan.is_64, table=plan.needs_table)
        first.append(workspace.write(ANCHOR_NAME, [content]))
    return command.rewritten(replacements, first=first)


def _edited(unit: Unit, edit: editor.Edit) -> list[bytes]:
    obj = unit.object
    if isinstance(obj, ObjectFile):
        return editor.apply(obj, edit)
    try:
        return [obj.edited(edit)]
    except (RuntimeError, UnicodeDecodeError) as error:  # the text of a module has whatever its attributes have
        raise LinkError(f"{unit}: LLVM (llvmlite) cannot write the bitcode with its sections set: {error}") from None


def _replace_objects(
    objects: list[tuple[Input, Unit, editor.Edit]], workspace: Workspace, replacements: dict[int, list[str]]
) -> None:
    """Replace objects on the command line, those that stand side by side together."""
    row: list[tuple[Unit, editor.Edit]] = []
    first = before = None
    for given, unit, edit in objects:
        if first is None or before is None or given.begin != before.end or given.in_lib_group or before.in_lib_group:
            _replace_row(first, row, workspace, replacements)
            first, row = given, []
        before = given
        row.append((unit, edit))
        replacements[given.begin] = []
    _replace_row(first, row, workspace, replacements)


def _replace_row(
    first: Input | None, row: list[tuple[Unit, editor.Edit]], workspace: Workspace, replacements: dict[int, list[str]]
) -> None:
    if first is not None:
        words = _write_objects(row, workspace, in_whole_archive=first.whole_archive)
        lazy = first.in_lib_group and row[0][0].certain
        replacements[first.begin] = ["--end-lib", *words, "--start-lib"] if lazy else words


def _write_objects(row: list[tuple[Unit, editor.Edit]], workspace: Workspace, *, in_whole_archive: bool) -> list[str]:
    """Write objects that the linker is to load one after the other; returns the words that say so."""
    words: list[str] = []
    begin = 0
    while begin < len(row):
        end = begin
        while end < len(row) and isinstance(row[end][0].object, ObjectFile):  # LTO names bitcode by the archive that it is in
            end += 1
        if end - begin >= LONG_ROW:
            units = row[begin:end]
            path = workspace.write_row([unit.name for unit, _ in units], (_edited(unit, edit) for unit, edit in units))
            words += ["--whole-archive", path, *([] if in_whole_archive else ["--no-whole-archive"])]
        else:
            end = max(end, begin + 1)
            words += [workspace.write(unit.name, _edited(unit, edit)) for unit, edit in row[begin:end]]
        begin = end
    return words


def _replace_archive(
    file: InputFile,
    changed: dict[Unit, editor.Edit],
    command: Command,
    workspace: Workspace,
    replacements: dict[int, list[str]],
) -> None:
    whole = file.loads_everything
    extracted = [] if whole else sorted((u for u in changed if u.certain), key=lambda u: u.order)
    inside = {u.order[1]: edit for u, edit in changed.items() if whole or not u.certain}
    objects = _write_objects([(u, changed[u]) for u in extracted], workspace, in_whole_archive=False)
    copy = _write_archive(file, inside, workspace) if inside else None
    for position, given in enumerate(file.inputs):
        words = [copy] if copy is not None else list(command.words[given.begin : given.end])
        if position == 0 and objects:
            words = ["--end-lib", *objects, "--start-lib", *words] if given.in_lib_group else [*objects, *words]
        replacements[given.begin] = words


def _write_archive(file: InputFile, edits: dict[int, editor.Edit], workspace: Workspace) -> str:
    """A copy of the archive in which the members at these header offsets are edited."""
    index: dict[int, list[bytes]] = {}
    for symbol, header in archive.symbol_index(file.data) or ():
        index.setdefault(header, []).append(symbol)
    members = []
    for member in file.members:
        edit = edits.get(member.header)
        symbols = index.get(member.header, [])
        if edit is None:
            members.append((member.name, [file.member_data(member)], symbols))
        else:
            unit = file.unit(member)
            added = [s.name for s in edit.new_symbols]
            members.append((member.name, _edited(unit, edit), symbols + added))
    path = workspace.write(file.path, archive.write_archive(members))
    # lld reads the imports that an archive allows from a file beside it.
    sidecar = os.path.splitext(file.path)[0] + ".imports"
    try:
        with open(sidecar, "rb") as source, open(os.path.splitext(path)[0] + ".imports", "wb") as target:
            target.write(source.read())
    except FileNotFoundError:
        pass
    return path


def _make_private_directory(environ: Mapping[str, str]) -> str:
    # tempfile costs 11 ms of start-up; this is all of it that is needed.
    parent = environ.get("TMPDIR") or environ.get("TEMP") or environ.get("TMP") or "/tmp"  # noqa: S108
    parent = os.path.abspath(parent)
    for _ in range(100):
        path = os.path.join(parent, "ldshim-" + os.urandom(8).hex())
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise LinkError(f"cannot make a temporary directory in {parent}: {error.strerror}; set TMPDIR") from None
        return path
    raise LinkError(f"cannot make a temporary directory in {parent}")


def _is_possible(name: str) -> bool:
    """Whether a file can be called so."""
    return len(os.fsencode(name)) <= _LONGEST_NAME and "\0" not in name and not any(char in name for char in _NOT_IN_NAMES)


def _in_row(names: list[bytes], tail: bytes) -> bytes:
    """What `tail`, behind the directory of an archive of ours, means to the user: the object, or else all of them."""
    number, parenthesis, rest = tail.removeprefix(os.fsencode(ROW_NAME) + b"(").partition(b")")
    if parenthesis and number.isdigit() and int(number) < len(names):
        return names[int(number)] + rest
    return b"%s and %d more" % (names[0], len(names) - 1) + tail.removeprefix(os.fsencode(ROW_NAME))


def _write_file(path: str, pieces: Iterable[Piece]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        waiting: list[Piece] = []
        size = 0
        for piece in pieces:
            if len(piece) < _BUFFER:
                waiting.append(piece)
                size += len(piece)
            if size >= _BUFFER or len(piece) >= _BUFFER:
                _write_all(descriptor, b"".join(waiting))
                waiting, size = [], 0
            if len(piece) >= _BUFFER:
                _write_all(descriptor, piece)
        _write_all(descriptor, b"".join(waiting))
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, piece: Piece) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]


def _ignore_missing(remove: object, path: str) -> None:
    try:
        remove(path)  # type: ignore[operator]
    except OSError:
        pass
