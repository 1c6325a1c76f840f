"""What the tests of real programs share: compile with clang, link through ldshim with a real lld, run in wasmtime.

Objects are compiled once per session and kept by what they are made from, so that one source can be linked in many ways cheaply.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import wasmtime

from tests.linkers import WASM_LDS

CLANGS = ("14", "22")
LEVELS = ("-O0", "-O1", "-O2", "-O3")
COLLECTING = ("--gc-sections", "--no-gc-sections")
INCLUDE = Path(__file__).parent.parent / "ldshim" / "include"

_ENGINE_CONFIG = wasmtime.Config()
_ENGINE_CONFIG.wasm_threads = True
_ENGINE_CONFIG.shared_memory = True
_ENGINE_CONFIG.wasm_memory64 = True
ENGINE = wasmtime.Engine(_ENGINE_CONFIG)


def tool(*names: str) -> str:
    """The first of these programs that is here; a test that needs one fails without it."""
    for name in names:
        for folder in (None, "/usr/lib/llvm-22/bin"):
            path = shutil.which(name, path=folder)
            if path:
                return path
    raise AssertionError(f"{names[0]} is not installed: run scripts/test")


def check(command: list[str | Path], **kwargs: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **kwargs)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done


class Compiler:
    """clang, with a memory of what it has compiled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, source: str, *flags: str, clang: str = "22", target: str = "wasm32", language: str = "c", name: str = "unit"
    ) -> Path:
        """The object of `source`; `language` is c, c++ or assembler, `name` the object's base name."""
        program = tool(f"clang-{clang}")
        words = [f"--target={target}", "-x", language, f"-I{INCLUDE}", *flags]
        digest = hashlib.sha256("\0".join([source, clang, name, *words]).encode()).hexdigest()[:24]
        path = self.folder / digest / f"{name}.o"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Workers compile side by side: a finished object appears at once or not at all.
            partial = path.with_suffix(f".{os.getpid()}")
            done = subprocess.run(
                [program, *words, "-c", "-", "-o", str(partial)], input=source, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            partial.rename(path)
        return path


def archive(path: Path, *members: Path, thin: bool = False) -> Path:
    path.unlink(missing_ok=True)
    check([tool("llvm-ar-22", "llvm-ar"), "rcs", *(["--thin"] if thin else []), path, *members])
    return path


def ldshim(
    *words: str | Path, lld: str = "22", cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ldshim on a real linker; `lld` is a key of WASM_LDS."""
    environ = {**os.environ, "LDSHIM_LINKER": linker_path(lld), **(env or {})}
    command = [sys.executable, "-m", "ldshim", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environ)


def linker_path(lld: str) -> str:
    """What LDSHIM_LINKER is set to: zig's wasm-ld is a subcommand, found by the name of the program."""
    return WASM_LDS[lld][0]


def link(output: Path, *words: str | Path, lld: str = "22", **kwargs: Any) -> Path:
    """Link a module without an entry; a link that works says nothing."""
    done = ldshim("--no-entry", *words, "-o", output, lld=lld, **kwargs)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done.stdout + done.stderr
    return output


def fails(output: Path, *words: str | Path, lld: str = "22", **kwargs: Any) -> str:
    """The messages of a link that has to fail, with status 1 and without an output."""
    done = ldshim("--no-entry", *words, "-o", output, lld=lld, **kwargs)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not output.exists()
    return done.stderr


class Instance:
    """A running module: `instance.name(arguments)` calls the export `name`."""

    def __init__(self, path: Path, imports: list[Any] | None = None) -> None:
        self.module = wasmtime.Module.from_file(ENGINE, str(path))
        self.store = wasmtime.Store(ENGINE)
        self.instance = wasmtime.Instance(self.store, self.module, imports or [])
        self.exports = self.instance.exports(self.store)

    def __getattr__(self, name: str) -> Any:
        function: Any = self.exports[name]
        return lambda *arguments: function(self.store, *arguments)

    def list(self, count: str = "count", at: str = "at") -> list[int]:
        """What `at(i)` returns for each i below `count()`."""
        return [getattr(self, at)(i) for i in range(getattr(self, count)())]


def export_names(path: Path) -> set[str]:
    return {export.name for export in wasmtime.Module.from_file(ENGINE, str(path)).exports}


def custom_section_names(path: Path) -> list[str]:
    from ldshim.wasm.reader import ObjectFile

    sections = ObjectFile(path.read_bytes(), str(path)).sections
    return [section.name.decode() for section in sections if section.id == 0]
