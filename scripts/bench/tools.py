"""The programs that the suite runs, and the folder that it works in."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
RUST = ROOT / ".rust"
LINKME = ROOT / "toolchains" / "rust" / "linkme"
INCLUDE = ROOT / "ldshim" / "include"
WASM = "wasm32-unknown-unknown"
LLVM_22 = "/usr/lib/llvm-22/bin"

# What pip (26) makes of an entry point.  Older pips, such as that of Python 3.11, make a script that imports `re`, which costs
# as much as half of ldshim; so the suite does not use the script of whatever pip has made .venv.
LAUNCHER = """\
#!{python}
import sys
from ldshim.cli import main
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit(main())
"""


class Failed(Exception):  # noqa: N818 - it is caught where a row of the table says why it is empty
    """A program that the suite needs does not do what it should."""


class TooSlow(Failed):
    """... in the time that it may take."""


class Tools:
    """Where everything is."""

    def __init__(self, work: Path, linker: str | None = None, ldshim: str | None = None) -> None:
        self.work = work.resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.python = sys.executable
        self.lld = find(linker or "wasm-ld-22")
        self.ldshim = os.path.abspath(ldshim) if ldshim else str(self.script("ldshim", LAUNCHER.format(python=self.python)))

    def script(self, name: str, text: str) -> Path:
        """An executable script in the work folder."""
        path = self.work / "bin" / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            path.chmod(0o755)
        return path

    def rust_lld(self) -> str:
        """The linker that rustc brings with it and calls with `-flavor wasm`; Debian's rustc brings none."""
        rustc = str(RUST / "bin" / "rustc")
        # In the root directory, Debian's rustlib there would have rustc give another answer.
        sysroot = output([rustc, "--print", "sysroot"], cwd=ROOT).strip()
        host = next(line.split()[1] for line in output([rustc, "-vV"]).splitlines() if line.startswith("host:"))
        path = Path(sysroot, "lib", "rustlib", host, "bin", "rust-lld")
        return str(path) if path.exists() else self.lld

    def environment(self, **more: str) -> dict[str, str]:
        """What the measured programs see: nothing that changes a link or a build."""
        changing = ("CARGO_", "RUSTFLAGS", "LDSHIM", "PYTHON", "LLD_")
        kept = {name: value for name, value in os.environ.items() if name == "CARGO_HOME" or not name.startswith(changing)}
        return {
            **kept,
            "PATH": os.pathsep.join((str(RUST / "bin"), str(Path(self.python).parent), os.environ.get("PATH", os.defpath))),
            # Where a program remembers things from run to run.
            "XDG_CACHE_HOME": str(self.work / "memory"),
            **more,
        }


def find(*names: str) -> str:
    """The first of these programs that is here."""
    for name in names:
        for folder in (None, LLVM_22, str(RUST / "bin")):
            path = shutil.which(name, path=folder)
            if path:
                return os.path.abspath(path)
    raise Failed(f"{names[0]} is not installed: run scripts/test")


def output(words: list[str], env: Mapping[str, str] | None = None, cwd: Path | None = None, seconds: float | None = None) -> str:
    """Run a program that has to succeed; returns its standard output.  What takes too long is ended with all that it has started."""
    program = Path(words[0]).name
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=cwd, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except BaseException as why:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(why, subprocess.TimeoutExpired):
                raise TooSlow(f"{program} takes more than {seconds:.0f} s") from None
            raise
    if process.returncode != 0:
        error = last_error(err or out)
        raise Failed(error if program in error else f"{program}: {error}")
    return out


def last_error(text: str) -> str:
    """The line of a program's messages that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line and not line.startswith("error: could not compile")]
    return (errors or lines or ["it failed without a word"])[-1]


def made(folder: Path, key: object, make: Callable[[Path], None]) -> Path:
    """`folder`, filled by `make`: once, and again when `key` is another."""
    stamp = folder / ".made"
    digest = hashlib.sha256(repr(key).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        stamp.write_text(digest)
    return folder
