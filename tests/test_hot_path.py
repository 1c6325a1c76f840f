"""A link with nothing to do imports nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness import linker_path

if TYPE_CHECKING:
    from tests.harness import Compiler

# Each of these takes 5 to 80 ms.
HEAVY = ("argparse", "dataclasses", "typing", "logging", "pathlib", "subprocess", "tempfile", "llvmlite", "elftools", "importlib.metadata")
NOT_NEEDED = (
    "ldshim.sections", "ldshim.rewrite", "ldshim.anchors", "ldshim.wasm.editor", "ldshim.hints", "ldshim.diagnostics", "ldshim.foreign",
    "ldshim.mapping", "ldshim.inspect", "ldshim.explain", "ldshim.doctor", "ldshim.progress", "ldshim.tracer", "ldshim.saving",
    "ldshim.demo", "ldshim.init", "ldshim.bitcode.module",
)

PROGRAM = """
import os, sys
def report(*_):
    os.write(1, " ".join(sys.modules).encode())
    os._exit(0)
os.execv = os.execve = report
sys.argv = ["ldshim", *sys.argv[1:]]
from ldshim.cli import main
main()
"""


def test_a_link_without_anything_to_collect_imports_little(cc: Compiler, out: Path) -> None:
    command = [sys.executable, "-S", "-c", PROGRAM, "--no-entry", str(cc("int f(void) { return 1; }")), "-o", str(out)]
    environ = {"LDSHIM_LINKER": linker_path("22"), "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    imported = set(done.stdout.split())
    assert "ldshim.link" in imported, done.stderr
    assert imported.isdisjoint({*HEAVY, *NOT_NEEDED}), imported & {*HEAVY, *NOT_NEEDED}
