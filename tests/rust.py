"""What the tests of Rust programs share: cargo with a configuration such as a user has, and engines to run what it builds.

The Rust is that of `scripts/rust`, in `.rust/bin`.  Each copy of a project has a target folder of its own: to cargo, packages of one name at one
place in their workspaces are the same, wherever the workspaces are, and it would take what one left for the other's.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import wasmtime

from tests.harness import ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PROGRAMS = Path(__file__).parent / "rust"
LINKME = ROOT / "toolchains" / "rust" / "linkme"
CRATES = {"linkme": LINKME, "linkme-rules": LINKME / "rules"}
RUST = ROOT / ".rust"
LDSHIM = Path(sys.executable).parent / "ldshim"

UNKNOWN = "wasm32-unknown-unknown"
WASIP1 = "wasm32-wasip1"
WASIP2 = "wasm32-wasip2"
NONE = "wasm32v1-none"
EMSCRIPTEN = "wasm32-unknown-emscripten"


def environment(target_dir: Path) -> dict[str, str]:
    """An environment in which `cargo` and `rustc` are those of scripts/rust and nothing else is set that changes a build."""
    assert (RUST / "bin" / "rustc").exists(), "no Rust for wasm: run scripts/rust"
    changing = ("CARGO_", "RUSTFLAGS", "LDSHIM")
    kept = {name: value for name, value in os.environ.items() if name == "CARGO_HOME" or not name.startswith(changing)}
    return {
        **kept,
        "PATH": os.pathsep.join((str(RUST / "bin"), str(LDSHIM.parent), os.environ["PATH"])),
        "RUSTC": str(RUST / "bin" / "rustc"),
        "CARGO_TARGET_DIR": str(target_dir),
        "CARGO_TERM_COLOR": "never",
        "LDSHIM_VERIFY": os.environ["LDSHIM_VERIFY"],
    }


def configuration(*lines: str, targets: tuple[str, ...] = (UNKNOWN, WASIP1, NONE), patched: str | None = "linkme") -> str:
    """The `.cargo/config.toml` of a user: the linker, and a crate of this checkout."""
    text = [f'[target.{target}]\nlinker = "{LDSHIM}"' for target in targets]
    if patched is not None:
        text.append(f'[patch.crates-io]\n{patched} = {{ path = "{CRATES[patched]}" }}')
    return "\n".join([*text, *lines, ""])


def cargo(
    project: Path, *words: str, config: str | None = None, env: dict[str, str] | None = None, target_dir: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run cargo in `project`, with `config` as its only configuration beside what is written there."""
    command = [str(RUST / "bin" / "cargo"), *words]
    if config is not None:
        folder = project / ".cargo"
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(config)
    return subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env={**environment(target_dir or project / "target"), **(env or {})}
    )


def copy_of(program: str, folder: Path, config: str | None = None) -> Path:
    """A project of `tests/rust` in `folder`, the same for all workers of a run, with `config` as its `.cargo/config.toml`."""
    project = folder / program
    with exclusively():
        if not project.exists():
            shutil.copytree(PROGRAMS / program, project)
            (project / ".cargo").mkdir()
            (project / ".cargo" / "config.toml").write_text(configuration() if config is None else config)
    return project


@contextmanager
def exclusively() -> Iterator[None]:
    """Keep other workers from building, and from writing over what is built, meanwhile."""
    RUST.mkdir(exist_ok=True)
    with (RUST / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(project: Path, package: str, out: Path, *words: str, target: str, env: dict[str, str] | None = None) -> dict[str, Path]:
    """Build a package of a workspace; returns copies in `out` of what came out, by kind: a crate type, or "bin"."""
    line = ("build", "--package", package, "--target", target, "--message-format", "json-render-diagnostics", *words)
    with exclusively():
        done = cargo(project, *line, env=env)
        assert done.returncode == 0, done.stderr
        return _copies(done.stdout, project, package, out)


def _copies(messages: str, project: Path, package: str, out: Path) -> dict[str, Path]:
    suffixes = {"cdylib": ".wasm", "bin": ".wasm", "staticlib": ".a"}
    made: dict[str, Path] = {}
    for line in messages.splitlines():
        message = json.loads(line)
        if message["reason"] != "compiler-artifact" or str(project) not in message["package_id"]:
            continue
        if message["target"]["name"].replace("-", "_") != package.replace("-", "_"):
            continue
        for kind in message["target"]["kind"]:
            for name in message["filenames"]:
                if name.endswith(suffixes.get(kind, "?")):
                    made[kind] = Path(shutil.copy(name, out / f"{package}-{kind}{suffixes[kind]}"))
    return made


def run_wasi(module: Path, *arguments: str, directory: Path) -> str:
    """Run a command module; returns what it wrote to stdout.  It has to end with status 0."""
    config = wasmtime.WasiConfig()
    config.argv = [module.name, *arguments]
    output, errors = directory / "stdout", directory / "stderr"
    config.stdout_file, config.stderr_file = str(output), str(errors)
    store = wasmtime.Store(ENGINE)
    store.set_wasi(config)
    linker = wasmtime.Linker(ENGINE)
    linker.define_wasi()
    instance = linker.instantiate(store, wasmtime.Module.from_file(ENGINE, str(module)))
    start = instance.exports(store)["_start"]
    assert isinstance(start, wasmtime.Func)
    try:
        start(store)
    except wasmtime.ExitTrap as trap:
        if trap.code != 0:
            raise AssertionError(f"exit status {trap.code}\n{errors.read_text()}") from None
    except wasmtime.Trap as trap:
        raise AssertionError(f"{trap}\n{errors.read_text()}") from None
    return output.read_text()
