"""Panics that unwind: on wasm they are exceptions, which the standard library has to be built for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.harness import check, tool
from tests.rust import UNKNOWN, build, copy_of

if TYPE_CHECKING:
    from pathlib import Path

RUN = """
const bytes = require("fs").readFileSync(process.argv[1]);
WebAssembly.instantiate(bytes, {}).then(({instance: {exports}}) => {
    console.log(Array.from({length: exports.count()}, (_, i) => exports.at(i)).join(" "));
});
"""


def test_a_panic_of_an_element_is_caught_by_its_caller(tmp_path: Path) -> None:
    project = copy_of("unwind", tmp_path)
    env = {"RUSTC_BOOTSTRAP": "1", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": "-C panic=unwind"}
    made = build(project, "unwind", tmp_path, "--release", "-Zbuild-std=std,panic_unwind", target=UNKNOWN, env=env)
    # rustc writes the exceptions of before the standard, which node has and wasmtime has not.
    done = check([tool("node"), "-e", RUN, made["cdylib"]])
    assert done.stdout.split() == ["42", "1005", "-21"]
