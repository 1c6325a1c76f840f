"""`#[link_section]` in Rust: statics without pointers, which rustc writes into custom sections on wasm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ldshim.wasm import editor
from ldshim.wasm.reader import ObjectFile
from tests.harness import Instance, custom_section_names, link
from tests.linkers import WASM_LDS
from tests.rust import UNKNOWN, build, cargo, copy_of, exclusively

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = "CARGO_PROFILE_RELEASE_"
MODES = {
    "release": {},
    "one codegen unit": {f"{PROFILE}CODEGEN_UNITS": "1"},
    "opt-level 0": {f"{PROFILE}OPT_LEVEL": "0"},
    "size and debuginfo": {f"{PROFILE}OPT_LEVEL": "z", f"{PROFILE}DEBUG": "2"},
    "thin LTO": {f"{PROFILE}LTO": "thin"},
}


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of("link_section", tmp_path_factory.getbasetemp().parent)


def assert_collected_once(module: Path) -> None:
    program = Instance(module)
    assert sorted(program.list()) == [1, 2, 3, 4]
    assert program.in_place() == 1
    assert sorted(program.list("counters", "counter")) in ([51, 60], [52, 60])
    assert sorted(program.list("counters", "counter")) in ([53, 60], [54, 60])


@pytest.mark.parametrize("mode", ["debug", *MODES])
def test_a_static_in_a_custom_section_is_collected_once_and_in_place(project: Path, mode: str, tmp_path: Path) -> None:
    words = [] if mode == "debug" else ["--release"]
    module = build(project, "link-section", tmp_path, *words, target=UNKNOWN, env=MODES.get(mode))["cdylib"]
    assert_collected_once(module)
    assert "numbers" not in custom_section_names(module)


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_static_in_a_segment_and_a_custom_section_is_collected_once_and_in_place(project: Path, tmp_path: Path, lld: str) -> None:
    """rustc from about 1.100 writes both (https://github.com/rust-lang/rust/pull/161862): an object of an older one, edited to that shape."""
    with exclusively():
        words = ("rustc", "--release", "--target", UNKNOWN, "--", "--emit=obj", "-Ccodegen-units=1")
        done = cargo(project, *words, target_dir=tmp_path / "target")
        assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "target" / UNKNOWN / "release" / "deps").glob("link_section*.o")
    obj = ObjectFile(path.read_bytes(), str(path))
    edit = editor.Edit()
    named = 0
    for segment in obj.segments:
        for section in (b"numbers", b"counters"):
            statics = {b"numbers": (b"ONE", b"TWO", b"FOUR"), b"counters": (b"COUNTER", b"OTHER")}[section]
            if any(static in segment.name for static in statics):
                edit.segment_info[segment.index] = (section, segment.p2align, segment.flags)
                named += 1
    assert named == 5
    assert {b"numbers", b"counters"} <= {section.name for section in obj.sections}
    edited = tmp_path / "edited.o"
    edited.write_bytes(b"".join(editor.apply(obj, edit)))
    exports = [f"--export={name}" for name in ("count", "at", "counters", "counter", "in_place")]
    assert_collected_once(link(tmp_path / "out.wasm", *exports, edited, lld=lld))
