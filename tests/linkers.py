"""The real linkers that the tests run."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path


def _find(version: str) -> list[str]:
    path = shutil.which(f"wasm-ld-{version}")
    assert path, f"wasm-ld-{version} is not installed: run scripts/test"
    return [path]


def _find_zig() -> list[str]:
    spec = importlib.util.find_spec("ziglang")
    assert spec, "ziglang is not installed: pip install 'ldshim[test]'"
    assert spec.origin
    return [str(Path(spec.origin).parent / "zig"), "wasm-ld"]


# How each is called: the words in front of its arguments.
WASM_LDS: dict[str, list[str]] = {
    **{version: _find(version) for version in ("14", "15", "16", "19", "22")},
    "zig": _find_zig(),
}
