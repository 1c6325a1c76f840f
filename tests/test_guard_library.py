"""An object that must not be linked without ldshim asks for a library of a certain name, which no other linker finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness import Instance, fails, ldshim, link
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

GUARD = "ldshim is needed as the linker: pip install ldshim, then ldshim init"
EXPORT = '__attribute__((export_name("seven"))) int seven(void) { return 7; }'
SPELLINGS = [["-l", GUARD], ["-l" + GUARD], ["--library", GUARD], ["--library=" + GUARD], ["-library", GUARD]]


@pytest.mark.parametrize("words", SPELLINGS)
def test_the_guard_is_taken_off_the_line(cc: Compiler, out: Path, words: list[str]) -> None:
    module = link(out, *words, cc(EXPORT), *words)
    assert Instance(module).seven() == 7


def test_the_guard_is_found_in_a_response_file(cc: Compiler, out: Path, tmp_path: Path) -> None:
    response = tmp_path / "words.rsp"
    response.write_text(f'-l "{GUARD}"')
    assert Instance(link(out, f"@{response}", cc(EXPORT))).seven() == 7


def test_a_link_that_is_rewritten_loses_it_too(cc: Compiler, out: Path) -> None:
    element = 'int one __asm__("__ldshim$numbers$$one") __attribute__((used)) = 7;'
    reader = 'extern int __start_numbers[]; __attribute__((export_name("seven"))) int seven(void) { return __start_numbers[0]; }'
    assert Instance(link(out, cc(element), cc(reader), "-l", GUARD)).seven() == 7


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_linker_without_ldshim_says_what_is_needed(cc: Compiler, out: Path, lld: str) -> None:
    done = ldshim("--no-entry", cc(EXPORT), "-l", GUARD, "-o", out, lld=lld, env={"LDSHIM": "off"})
    assert done.returncode == 1
    assert f"unable to find library -l{GUARD}" in done.stderr
    assert not out.exists()


def test_a_library_whose_name_only_ends_like_it_is_not_found(cc: Compiler, out: Path) -> None:
    assert f"unable to find library -lno {GUARD}" in fails(out, cc(EXPORT), "-l", "no " + GUARD)
