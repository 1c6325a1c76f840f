"""Random programs hold what the documentation says they hold, and what their ELF twins do (see tests/random_programs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.linkers import WASM_LDS
from tests.random_programs.links import Linker
from tests.random_programs.programs import Program, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness import Compiler

# Each shape has to be compiled, twice.
SHAPES = 60
PROGRAMS = 100
LLDS_EACH = 2


@pytest.fixture(scope="module")
def linker(cc: Compiler, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linker]:
    linker = Linker(cc, tmp_path_factory.mktemp("programs") / "program")
    yield linker
    linker.close()


@settings(max_examples=PROGRAMS, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(program=programs(SHAPES), llds=st.permutations(list(WASM_LDS)))
def _check(linker: Linker, program: Program, llds: list[str]) -> None:
    linker.check(program, llds[:LLDS_EACH])


def test_random_programs_hold_what_the_model_and_their_elf_twins_say(linker: Linker) -> None:
    _check(linker)
    assert linker.links > PROGRAMS
    assert linker.twins > PROGRAMS // 20
    assert linker.elements > PROGRAMS
