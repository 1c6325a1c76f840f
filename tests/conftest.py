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


@pytest.fixture(scope="session", autouse=True)
def memory(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests leave behind is not for the links of whoever runs them, and the other way round."""
    os.environ["LDSHIM_CACHE"] = str(tmp_path_factory.getbasetemp().parent / "ldshim-memory")


@pytest.fixture(scope="session", autouse=True)
def verification() -> None:
    """Every link of the tests is verified (`--ldshim-verify`), but for those with the fixture `unverified`, and LDSHIM_VERIFY=0."""
    os.environ.setdefault("LDSHIM_VERIFY", "1")


@pytest.fixture
def unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of which words the real linker gets, which process it is, and what ldshim imports and writes on the way there."""
    monkeypatch.setenv("LDSHIM_VERIFY", "0")


@pytest.fixture(scope="session")
def cc(tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    """The compiler; all workers of a run share what it has compiled."""
    return Compiler(tmp_path_factory.getbasetemp().parent / "ldshim-objects")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a test's module goes."""
    return tmp_path / "out.wasm"
