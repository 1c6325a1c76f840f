"""Bitcode among the inputs: nothing is lost, everything is in order, whichever way the bitcode goes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.harness import COLLECTING, Instance, archive, export_names, link
from tests.linkers import WASM_LDS
from tests.test_sources_of_elements import CUSTOM, MAIN, MARKED, MARKED_LOCAL, NATIVE, commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness import Compiler

FLAVORS = ("-flto", "-flto=thin")
# Where the compiler's LLVM is llvmlite's or older, and the linker's is llvmlite's or newer, bitcode stays bitcode; else the linker lowers it.
TOOLCHAINS = {"22 and 22": ("22", "22"), "16 and 22": ("16", "22"), "19 and 19": ("19", "19"), "16 and 16": ("16", "16"), "22 and zig": ("22", "zig")}


@pytest.fixture(params=["llvmlite", "no llvmlite"])
def way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With llvmlite, and as if it were not installed."""
    if request.param == "no llvmlite":
        hide_llvmlite(tmp_path, monkeypatch)
    yield request.param


def hide_llvmlite(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "hidden" / "llvmlite").mkdir(parents=True)
    (folder / "hidden" / "llvmlite" / "__init__.py").write_text("raise ImportError('hidden by a test')\n")
    monkeypatch.setenv("PYTHONPATH", str(folder / "hidden"))


@pytest.mark.parametrize("toolchain", TOOLCHAINS)
@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize("collecting", COLLECTING)
def test_elements_come_from_bitcode_and_objects_in_order(
    cc: Compiler, out: Path, way: str, toolchain: str, flavor: str, collecting: str
) -> None:
    clang, lld = TOOLCHAINS[toolchain]
    kinds = {"all bitcode": [flavor] * 4, "mixed": ["", flavor, "", flavor], "mixed otherwise": [flavor, "", flavor, ""]}
    for kind, (main, native, marked, local) in kinds.items():
        objects = [
            cc(source, *filter(None, ["-O2", how]), clang=clang)
            for source, how in ((MAIN, main), (NATIVE, native), (CUSTOM, ""), (MARKED, marked), (MARKED_LOCAL, local))
        ]
        module = link(out, collecting, *objects, lld=lld)
        expected = [(1, "h", 20), (4, "s", 100), (2, "b", 30), (3, "m", -10)]
        assert commands(module) == expected, kind
        assert not any("ldshim" in name for name in export_names(module))
