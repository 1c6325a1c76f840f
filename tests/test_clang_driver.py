"""clang as the driver: it calls ldshim in place of wasm-ld."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.harness import CLANGS, INCLUDE, Instance, check, tool

SOURCE = """
#include <ldshim.h>
struct command { const char *name; int (*run)(void); };
LDSHIM_SECTION(commands, const struct command);
static int hello(void) { return 42; }
LDSHIM_ELEMENT(commands, const struct command, hello_command) = {"hello", hello};
__attribute__((export_name("run_all"))) int run_all(void) {
    int sum = 0;
    LDSHIM_FOREACH(commands, it) sum += it->run();
    return sum;
}
"""


@pytest.mark.parametrize("clang", CLANGS)
def test_fuse_ld_with_the_path_of_ldshim(tmp_path: Path, out: Path, clang: str) -> None:
    ldshim = shutil.which("ldshim", path=str(Path(sys.executable).parent))
    assert ldshim, "ldshim is not installed beside this Python: run scripts/test"
    (tmp_path / "main.c").write_text(SOURCE)
    words: list[str | Path] = [f"-fuse-ld={ldshim}", f"-I{INCLUDE}", "-Wl,--no-entry", tmp_path / "main.c", "-o", out]
    done = check([tool(f"clang-{clang}"), "--target=wasm32", "-nostdlib", *words])
    assert done.stderr == ""
    assert Instance(out).run_all() == 42
