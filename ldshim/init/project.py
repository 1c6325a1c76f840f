"""What is there: the cargo project, what its lock file has, and the rustc that compiles it."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from ldshim.init.config import config_of, configs_in_force, load_toml, settings
from ldshim.init.files import InitError, upwards

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ldshim.init.config import Config


@dataclass
class Rustc:
    """The compiler that cargo runs, and the WebAssembly targets that are installed for it."""

    path: str
    version: str
    sysroot: str
    host: str
    targets: list[str]


@dataclass
class Project:
    """A cargo project, and what cargo will make of it here."""

    root: str
    config: Config  # the one to write
    configs: list[Config]  # in force, the first overrides the others
    manifest: dict[str, Any]
    locked: list[dict[str, Any]] | None  # linkme in Cargo.lock; None without such a file
    requirements: list[tuple[str, str]]  # of linkme: which package, which versions
    rustc: Rustc | None


def look(folder: str) -> Project:
    """Look at the project that this folder is in."""
    if not _manifest_folders(folder):
        raise InitError(f"no Cargo.toml in {folder} or above it: name the folder of a cargo project")
    # Before cargo is asked: it reads them, too, and what we have to say about a broken one is to the point.
    configs = configs_in_force(folder)
    cargo = shutil.which(os.environ.get("CARGO") or "cargo")
    root = _workspace_root(folder, cargo)
    return Project(
        root=root,
        config=config_of(root),
        configs=configs,
        manifest=load_toml(os.path.join(root, "Cargo.toml")),
        locked=_locked(root),
        requirements=_requirements(root, cargo) if cargo else [],
        rustc=_rustc(root, configs),
    )


def _manifest_folders(folder: str) -> list[str]:
    return [place for place in upwards(folder) if os.path.exists(os.path.join(place, "Cargo.toml"))]


def _workspace_root(folder: str, cargo: str | None) -> str:
    if cargo is None:
        folders = _manifest_folders(folder)
        return next((place for place in folders if "workspace" in load_toml(os.path.join(place, "Cargo.toml"))), folders[0])
    done = _run([cargo, "locate-project", "--workspace", "--message-format", "plain"], folder)
    if done.returncode != 0:
        raise InitError(f"cargo does not accept the project in {folder}:\n{done.stderr.strip()}")
    return os.path.dirname(done.stdout.strip())


def _locked(root: str) -> list[dict[str, Any]] | None:
    path = os.path.join(root, "Cargo.lock")
    if not os.path.exists(path):
        return None
    return [package for package in load_toml(path).get("package", []) if package["name"] == "linkme"]


def _requirements(root: str, cargo: str) -> list[tuple[str, str]]:
    """Ask cargo which versions of linkme the workspace's packages want; empty if it does not say."""
    done = _run([cargo, "metadata", "--no-deps", "--offline", "--format-version", "1"], root)
    if done.returncode != 0:
        return []
    return [
        (package["name"], dependency["req"])
        for package in json.loads(done.stdout)["packages"]
        for dependency in package["dependencies"]
        if dependency["name"] == "linkme" and str(dependency["source"]).startswith("registry+")
    ]


def _rustc(root: str, configs: list[Config]) -> Rustc | None:
    name = os.environ.get("RUSTC") or os.environ.get("CARGO_BUILD_RUSTC")
    for config, value in settings(configs, "build", "rustc"):
        name = name or (os.path.join(config.base, value) if "/" in value else value)
    path = shutil.which(name or "rustc")
    if path is None:
        return None
    told = _run([path, "-vV"], root)
    asked = _run([path, "--print", "sysroot"], root)
    if told.returncode != 0 or asked.returncode != 0:
        return None
    sysroot = asked.stdout.strip()
    host = re.search(r"^host: (\S+)", told.stdout, re.MULTILINE)
    installed = glob.glob("wasm*/lib/", root_dir=os.path.join(sysroot, "lib", "rustlib"))
    version = told.stdout.partition("\n")[0].removeprefix("rustc ")
    return Rustc(path, version, sysroot, host[1] if host else "", sorted(name.split(os.sep)[0] for name in installed))


def _run(command: list[str], folder: str) -> subprocess.CompletedProcess[str]:
    # To look is no reason to download a toolchain.
    environ = {**os.environ, "RUSTUP_AUTO_INSTALL": "0"}
    try:
        return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, errors="surrogateescape", check=False)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: {error.strerror}")
