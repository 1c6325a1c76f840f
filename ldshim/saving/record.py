"""A link that is saved, from outside: its inputs first, then the link, then what became of it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import sys
import time
from importlib import metadata

from ldshim import __version__, linker
from ldshim import command as command_line
from ldshim.errors import LinkError
from ldshim.saving import output, replay
from ldshim.saving.originals import OUTPUTS, Originals, replayable
from ldshim.saving.relay import ARGUMENTS, CHILD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ldshim.command import Command

_VARIABLES = frozenset(("PATH", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "WASI_SDK_PATH", "TERM", "CI", "LANG", "SOURCE_DATE_EPOCH"))
_VARIABLES_FROM = ("LDSHIM", "LLD_", "PYTHON", "LC_")
_PACKAGES = ("subprocess-tee", "llvmlite", "ziglang")


def record(argv: list[str], environ: Mapping[str, str]) -> None:
    """Save the link of `argv`, make it, and end as it ended.

    Returns where there is nothing to link, only a version or a help text to print.  Raises `LinkError` where a link cannot be saved.
    """
    command = _parsed(argv, environ)
    if command is not None and (command.prints_version or command.prints_help):
        return
    output.require_tee()
    parent = os.path.abspath(environ["LDSHIM_SAVE_DIR"])
    with linker.forwarded_signals() as forwarding:
        try:
            status = _Record(_new_folder(parent), argv, command, environ).make(forwarding)
        except OSError as error:
            raise LinkError(f"LDSHIM_SAVE_DIR: cannot write {error.filename or parent}: {error.strerror or error}") from None
    linker.exit_like(status)


def _parsed(argv: list[str], environ: Mapping[str, str]) -> Command | None:
    """The command line; None if it is wrong, which the link will say."""
    try:
        return command_line.parse(argv, guarded=environ.get("LDSHIM") == "off")
    except LinkError:
        return None


def _new_folder(parent: str) -> str:
    """The next numbered directory; links that run at once get one each."""
    os.makedirs(parent, exist_ok=True)
    number = max((int(name) for name in os.listdir(parent) if name.isdigit()), default=0)
    while True:
        number += 1
        folder = os.path.join(parent, f"{number:04}")
        try:
            os.mkdir(folder)
        except FileExistsError:
            continue
        return folder


class _Record:
    def __init__(self, folder: str, argv: list[str], command: Command | None, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._argv = argv
        self._command = command
        self._environ = environ
        self._linker = "wasm-ld"  # the name of the real one
        self._original = self._rewritten = ""  # what names the command lines in a shell
        self._missing: list[str] = []

    def make(self, forwarding: linker.forwarded_signals) -> int:
        """Returns the status of the link."""
        self._write("command.txt", f"cd {shlex.quote(os.getcwd())}\n{shlex.join(['ldshim', *self._argv])}\n")
        self._write("environment.txt", "".join(f"{shlex.quote(word)}\n" for word in self._environment()))
        self._write("versions.txt", "".join(f"{line}\n" for line in self._versions()))
        self._save_originals()
        self._write_replay("the link has not ended")
        self._write(ARGUMENTS, json.dumps([sys.argv[0], *self._argv]))

        began = time.perf_counter()
        status = -forwarding.received or output.run(self._folder, dict(self._environ), forwarding)
        took = time.perf_counter() - began

        how = f"signal {-status}" if status < 0 else f"status {status}"
        self._write("result.txt", f"{how}\n{took:.3f} seconds\n{self._module()}")
        self._save_rewritten()
        self._write_replay(how)
        os.remove(self._path(ARGUMENTS))
        return status

    def _save_originals(self) -> None:
        words = self._argv[2:] if self._argv[:1] == ["-flavor"] else self._argv
        if self._command is not None:
            words = self._command.words
            originals = Originals(self._folder)
            originals.save(self._argv, self._command)
            self._missing = originals.missing
            words = replayable(words)
            if self._command.map is not None:
                words.append(f"--ldshim-map={OUTPUTS}/{os.path.basename(self._command.map)}")
        self._original = replay.write_words(self._folder, replay.ORIGINAL, words)

    def _save_rewritten(self) -> None:
        """The words of the real linker, for whom there were any."""
        try:
            with open(self._path(CHILD), encoding="ascii") as file:
                child = json.load(file)
        except FileNotFoundError:
            return
        self._write("child.txt", shlex.join([*child["prefix"], *child["words"]]) + "\n")
        self._rewritten = replay.write_words(self._folder, replay.REWRITTEN, replayable(child["words"], child["workspace"]))
        os.remove(self._path(CHILD))

    def _write_replay(self, how: str) -> None:
        off = self._environ.get("LDSHIM") == "off"
        replay.write(
            self._folder, how=how, linker=self._linker, off=off, original=self._original, rewritten=self._rewritten, missing=self._missing
        )

    def _module(self) -> str:
        path = (self._command and self._command.output) or "a.out"
        if not os.path.isfile(path):
            return f"no {path}\n"
        with open(path, "rb") as file:
            data = file.read()
        return f"{path}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}\n"

    def _environment(self) -> list[str]:
        kept = (name for name in sorted(self._environ) if name in _VARIABLES or name.startswith(_VARIABLES_FROM))
        return [f"{name}={self._environ[name]}" for name in kept]

    def _versions(self) -> list[str]:
        lines = [f"ldshim {__version__}", f"Python {sys.version.replace(chr(10), ' ')}", platform.platform()]
        installed = {name: found.version for name in _PACKAGES for found in metadata.distributions(name=name)}
        lines += [f"{name} {installed.get(name, 'is not installed')}" for name in _PACKAGES]
        try:
            real = linker.find(self._command or command_line.parse([]), self._environ)
            lines += [f"real linker: {real.path}", linker.version(real).strip()]
            self._linker = os.path.basename(real.path)
        except (LinkError, OSError) as error:
            lines.append(f"real linker: {error}")
        return lines

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _write(self, name: str, text: str) -> None:
        with open(self._path(name), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
