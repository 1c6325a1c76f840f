"""What `ldshim init` shows: what it found, and what it would change."""

from __future__ import annotations

import difflib
import os

from ldshim import command as command_line
from ldshim import linker as real_linker
from ldshim.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.init.config import Config
    from ldshim.init.project import Project, Rustc


def show_findings(project: Project, targets: list[str]) -> None:
    rustc = project.rustc
    here = rustc.targets if rustc else []
    _show("project", project.root)
    _show("rustc", f"{rustc.version}, {rustc.path}, sysroot {rustc.sysroot}" if rustc else "none that runs")
    _show("targets", *[target if target in here else f"{target} (not installed: rustup target add {target})" for target in targets])
    _show("config", *[config.path for config in project.configs])
    _show("linker", _describe_linker(rustc))
    _show("linkme", _describe_linkme(project))
    for config in project.configs:
        if "include" in config.data:
            print(f"note: {config.path} includes other files, which are not looked at")


def _show(title: str, *lines: str) -> None:
    for line in lines or ["none"]:
        print(f"{title:9} {line}")
        title = ""


def _describe_linker(rustc: Rustc | None) -> str:
    environ = dict(os.environ)
    if rustc:
        # rustc puts its own tools in front when it runs the linker.
        tools = os.path.join(rustc.sysroot, "lib", "rustlib", rustc.host, "bin")
        environ["PATH"] = os.pathsep.join(filter(None, (tools, environ.get("PATH"))))
    try:
        return f"ldshim, which runs {real_linker.find(command_line.parse([]), environ).path}"
    except LinkError as error:
        return f"ldshim, but: {error}"


def _describe_linkme(project: Project) -> str:
    if project.locked is None:
        return "no Cargo.lock"
    versions = [package["version"] + ("" if "source" in package else " (of a path)") for package in project.locked]
    return (", ".join(versions) or "not") + " in Cargo.lock"


def show_diff(root: str, config: Config, after: bytes | None) -> None:
    name = os.path.relpath(config.path, root)
    old = f"a/{name}" if config.raw is not None else os.devnull
    new = f"b/{name}" if after is not None else os.devnull
    for line in difflib.unified_diff(_lines(config.raw), _lines(after), old, new, lineterm=""):
        print(line.replace("\r", ""))


def _lines(data: bytes | None) -> list[str]:
    *lines, rest = (data or b"").decode().split("\n")
    # What follows the last line end has none itself.
    return [*lines, f"{rest}\n\\ No newline at end of file"] if rest else lines
