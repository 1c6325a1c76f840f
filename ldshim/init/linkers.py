"""Which targets are set up, and what is wanted of each: that ldshim links it.

For most targets that is `target.T.linker`.  rustc's linker for components has to stay, and is told which wasm-ld to call.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig

from ldshim.init import rustflags
from ldshim.init.config import as_text, get, settings
from ldshim.init.files import InitError, same_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ldshim.init.config import Config
    from ldshim.init.edit import Edits
    from ldshim.init.project import Project

DEFAULT_TARGETS = ("wasm32-unknown-unknown", "wasm32-wasip1")


def choose_targets(project: Project, named: list[str] | None) -> list[str]:
    for target in named or ():
        if not _is_wasm(target):
            raise InitError(f"--target {target}: not the name of a WebAssembly target; rustc --print target-list has them")
    installed = project.rustc.targets if project.rustc else []
    targets = list(dict.fromkeys(named or [*_configured_targets(project), *installed])) or DEFAULT_TARGETS
    chosen = []
    for target in targets:
        if target.endswith("emscripten"):
            print(f"note: {target} is linked by emcc, not by wasm-ld: nothing to do for it")
        else:
            chosen.append(target)
    return chosen


def _configured_targets(project: Project) -> list[str]:
    values: list[Any] = [os.environ.get("CARGO_BUILD_TARGET")]
    for _, value in settings(project.configs, "build", "target"):
        values.extend(value if isinstance(value, list) else [value])
    return [value for value in values if isinstance(value, str) and _is_wasm(value)]


def _is_wasm(target: str) -> bool:
    return re.fullmatch(r"wasm\w*(-\w+)+", target) is not None


def plan_linker(project: Project, edits: Edits, target: str, *, absolute: bool) -> None:
    """Plan the edits that make ldshim link this target, and note what stands in their way."""
    if _is_component(target):
        _plan_wasm_ld(project, edits, target)
        _note_hindrances_to_wasm_ld(project, edits, target)
    else:
        _plan_linker(project, edits, target, absolute=absolute)
        _note_other_linkers(project, edits, target)


def _is_component(target: str) -> bool:
    """Whether rustc's linker is wasm-component-ld, which calls wasm-ld and makes a component of what that makes."""
    found = re.search(r"-wasip(\d+)", target)
    return found is not None and int(found[1]) >= 2


def _plan_linker(project: Project, edits: Edits, target: str, *, absolute: bool) -> None:
    keys = ("target", target, "linker")
    current = get(project.config.data, keys)
    if _is_this_ldshim(current, project.root) and not (absolute and current == "ldshim"):
        return
    if current is not None:
        edits.notes.append(f"the linker of {target} is {current!r} now; it is replaced")
    edits.set(keys, _own_name(absolute=absolute))


def _note_other_linkers(project: Project, edits: Edits, target: str) -> None:
    variable = f"CARGO_TARGET_{target.upper().replace('-', '_')}_LINKER"
    if variable in os.environ:
        edits.notes.append(f"{variable} is set, to {os.environ[variable]!r}: it overrides the file; unset it")
    for config, value in settings(project.configs, "target", target, "linker"):
        if config.path != project.config.path:
            edits.notes.append(f"{config.path} has a linker for {target}, {value!r}: {_which_counts(project, config)}")
    flags = [flag for _, value in settings(project.configs, "target", target, "rustflags") for flag in rustflags.as_list(value)]
    if any(re.match(r"(-C)?linker=", flag) for flag in flags):
        edits.notes.append(f"the rustflags of {target} name a linker, which overrides this one: take it out")


def _which_counts(project: Project, config: Config) -> str:
    inside = config.base.startswith(project.root + os.sep)
    return "it overrides the project's where cargo runs in that folder" if inside else "the project's overrides it"


def _plan_wasm_ld(project: Project, edits: Edits, target: str) -> None:
    keys = ("target", target, "rustflags")
    current = get(project.config.data, keys)
    flags = rustflags.as_list(current)
    at = rustflags.find(flags)
    if at is None:
        if not settings(project.configs, *keys) and (inherited := _build_flags(project)):
            flags = inherited
            edits.notes.append(f"build.rustflags are repeated for {target}, since cargo ignores them where a target has flags of its own")
        flags += ["-C", _wasm_ld_flag()]
    else:
        start, _, path = flags[at].partition(rustflags.WASM_LD_PATH)
        if _is_this_ldshim(path, project.root):
            return
        edits.notes.append(f"the wasm-ld of {target} is {path!r} now; it is replaced")
        flags[at] = start + _wasm_ld_flag()
    edits.set(keys, rustflags.like(current, flags))


def _wasm_ld_flag() -> str:
    return rustflags.WASM_LD_PATH + _own_name(absolute=True)


def _build_flags(project: Project) -> list[str]:
    """Find build.rustflags, unless a target's flags, which we cannot evaluate the cfg of, may stand in their place already."""
    for config in project.configs:
        for name, table in (config.data.get("target") or {}).items():
            if name.startswith("cfg(") and isinstance(table, dict) and "rustflags" in table:
                return []
    # cargo joins the files', what counts more last.
    return [flag for _, value in reversed(settings(project.configs, "build", "rustflags")) for flag in rustflags.as_list(value)]


def _note_hindrances_to_wasm_ld(project: Project, edits: Edits, target: str) -> None:
    for variable in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"):
        if variable in os.environ:
            edits.notes.append(f"{variable} is set: cargo takes it instead of the rustflags of {target}; add -C {_wasm_ld_flag()} to it")
    for config, linker in settings(project.configs, "target", target, "linker"):
        edits.notes.append(f"{config.path} names {linker!r} as the linker of {target}, which has to be wasm-component-ld: take it out")


def _own_name(*, absolute: bool) -> str:
    """Find what to call this ldshim: by its name if that is on PATH, else by its path."""
    on_path = shutil.which("ldshim")
    own = _own_path()
    if own is None:
        raise InitError("cannot find the program `ldshim` of this installation: install ldshim (pip install ldshim) and run that")
    if on_path and same_file(on_path, own):
        return as_text(os.path.abspath(on_path)) if absolute else "ldshim"
    return as_text(own)


def _is_this_ldshim(value: object, base: str) -> bool:
    """Whether a linker of this name is this ldshim; a relative path starts at `base`."""
    own = _own_path()
    if not isinstance(value, str) or own is None:
        return False
    found = os.path.join(base, value) if os.sep in value else shutil.which(value)
    return found is not None and same_file(found, own)


def _own_path() -> str | None:
    candidates = [os.path.join(folder, "ldshim") for folder in (os.path.dirname(sys.executable), sysconfig.get_path("scripts"))]
    if os.path.basename(sys.argv[0]).startswith("ldshim"):
        candidates.insert(0, sys.argv[0])
    return next((os.path.abspath(path) for path in map(shutil.which, candidates) if path), None)
