"""Who refers to an element of which there are copies refers to the copy that counts, which lies in the section."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness import COLLECTING, Instance, archive, link
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

INLINE = 'inline __attribute__((used, section("numbers"))) int shared = 3;\nextern "C" int *use%d() { return &shared; }'
READER = """
extern int __start_numbers[], __stop_numbers[];
int *use1(void), *use2(void);
__attribute__((export_name("count"))) int count(void) { return __stop_numbers - __start_numbers; }
__attribute__((export_name("one"))) int one(void) { return use1() - __start_numbers; }
__attribute__((export_name("two"))) int two(void) { return use2() - __start_numbers; }
"""


@pytest.mark.parametrize("lld", WASM_LDS)
def test_the_copy_that_counts_is_the_one_that_everybody_means(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    # lld meets the member's copy first, and the object's counts, as it is loaded in any case.
    first, second = (cc(INLINE % i, "-O1", "-std=c++17", language="c++") for i in (1, 2))
    library = archive(tmp_path / "lib.a", first)
    for collecting in COLLECTING:
        program = Instance(link(out, collecting, cc(READER, "-O1"), library, second, lld=lld))
        assert (program.count(), program.one(), program.two()) == (1, 0, 0)
