from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.harness import Compiler

if TYPE_CHECKING:
    from pathlib import Path


# In CI a run says something about the change, not about the luck of the day; elsewhere each run tries new examples.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def cc(tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    """The compiler; all workers of a run share what it has compiled."""
    return Compiler(tmp_path_factory.getbasetemp().parent / "ldshim-objects")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a test's module goes."""
    return tmp_path / "out.wasm"
