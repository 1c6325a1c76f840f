"""A second link, into a private directory, for what the first one's map could not tell.

Its map has symbols as they are, not demangled, and it says which inputs it reads.  What it makes has to be the module that the first
link made, byte by byte; if it is not, its addresses are not the module's.
"""

from __future__ import annotations

import errno
import filecmp
import os
import subprocess

from ldshim import command as command_line
from ldshim import linker
from ldshim.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.command import Command
    from ldshim.linker import Linker
    from ldshim.rewrite import Workspace

# What makes lld write other files than the module, or its map elsewhere.
_WRITING = frozenset((
    *("Map", "Map=", "M", "print-map", "why-extract=", "reproduce", "reproduce=", "save-temps", "lto-obj-path="),
    *("thinlto-emit-imports-files", "thinlto-emit-index-files"),
))


class Relinked:
    """lld's map, and the inputs that it read, all with the user's paths."""

    __slots__ = ("loaded", "map")

    def __init__(self, text: bytes, loaded: set[str]) -> None:
        self.map = text
        self.loaded = loaded


def relink(real: Linker, words: list[str], command: Command, workspace: Workspace) -> Relinked | None:
    """Link `words` once more; None if that fails or makes another module.  A signal ends this process, as it ends the first link."""
    folder = os.path.join(workspace.path, "again")
    os.makedirs(folder, 0o700, exist_ok=True)  # a verified link may have asked before
    # The name of the module is in its `name` section.
    output = command.output or "a.out"
    module = os.path.join(folder, os.path.basename(output) or "module")
    map_path = os.path.join(folder, "map")
    line = [*_without_writing(words), "--no-demangle", "--trace", f"-Map={map_path}", "-o", module]
    with linker.forwarded_signals() as forwarding:
        # The environment may ask for a file, too (LLD_REPRODUCE).
        environ = {name: value for name, value in linker.environment(real).items() if name != "LLD_REPRODUCE"}
        process = _start(real, line, folder, environ)
        forwarding.adopt(process.pid)
        said = process.communicate()[0]
        forwarding.child = 0
    if forwarding.received:
        workspace.remove()
        linker.exit_like(-forwarding.received)
    if process.returncode != 0 or not _is_same(module, output):
        return None
    with open(map_path, "rb") as file:
        text = workspace.translate(file.read())
    return Relinked(text, {os.fsdecode(line) for line in workspace.translate(said).splitlines()})


def _start(real: Linker, line: list[str], folder: str, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    def start(words: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*real.prefix, *words], executable=real.path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    try:
        return start(line)
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise LinkError(f"cannot run {real.path}: {error.strerror}") from None
    return start(linker._shorten(line, folder))  # noqa: SLF001 - the first link was started so, too


def _without_writing(words: list[str]) -> list[str]:
    kept: list[str] = []
    for begin, end, name, _ in command_line.options(words):
        if name not in _WRITING:
            kept += words[begin:end]
    return kept


def _is_same(module: str, output: str) -> bool:
    # What went to a pipe or to /dev/null cannot be compared.
    return not os.path.isfile(output) or (os.path.isfile(module) and filecmp.cmp(module, output, shallow=False))
