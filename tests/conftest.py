from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness import Compiler

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def cc(tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    """The compiler; all workers of a run share what it has compiled."""
    return Compiler(tmp_path_factory.getbasetemp().parent / "ldshim-objects")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a test's module goes."""
    return tmp_path / "out.wasm"
