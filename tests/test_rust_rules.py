"""The way without procedural macros: private statics that say by their paths what they are elements of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ldshim import markers
from ldshim.errors import LinkError
from tests.rust import WASIP1, build, cargo, configuration, copy_of, run_wasi

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = "api 8, app 7, inside 21, module -7, plug 14, twin 17, twin 27, 0 empty\n"
PROFILE = "CARGO_PROFILE_RELEASE_"
MODES = {
    "release": {},
    "one codegen unit": {f"{PROFILE}CODEGEN_UNITS": "1"},
    "many codegen units": {f"{PROFILE}CODEGEN_UNITS": "256", f"{PROFILE}OPT_LEVEL": "1"},
    "thin LTO": {f"{PROFILE}LTO": "thin"},
    "fat LTO": {f"{PROFILE}LTO": "fat", f"{PROFILE}OPT_LEVEL": "z"},
    "debuginfo": {f"{PROFILE}DEBUG": "2"},
    "legacy mangling": {"CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS": "-C symbol-mangling-version=legacy -Z unstable-options", "RUSTC_BOOTSTRAP": "1"},
    "v0 mangling": {"CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS": "-C symbol-mangling-version=v0"},
}


@pytest.fixture
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of("rules", tmp_path_factory.getbasetemp().parent, configuration(patched="linkme-rules"))


@pytest.mark.parametrize("mode", ["debug", *MODES])
def test_every_static_with_the_path_of_an_element_is_collected(rules: Path, mode: str, tmp_path: Path) -> None:
    words = [] if mode == "debug" else ["--release"]
    made = build(rules, "app", tmp_path, *words, target=WASIP1, env=MODES.get(mode))
    assert run_wasi(made["bin"], directory=tmp_path) == COMMANDS


def test_the_host_has_the_same_elements(rules: Path) -> None:
    done = cargo(rules, "run", "--package", "app")
    assert done.stdout == COMMANDS, done.stderr


@pytest.mark.parametrize("target", [(), ("--target", WASIP1)])
def test_two_slices_of_one_name_are_refused(target: tuple[str, ...], tmp_path: Path) -> None:
    project = copy_of("rules", tmp_path, configuration(patched="linkme-rules"))
    source = project / "plug" / "src" / "lib.rs"
    source.write_text(source.read_text() + "linkme_rules::slice! { pub static EMPTY: [u64]; }\npub fn read() -> usize { EMPTY.len() }\n")
    main = project / "app" / "src" / "main.rs"
    main.write_text(main.read_text().replace("fn main() {", "fn main() {\n    println!(\"{}\", plug::read());"))
    done = cargo(project, "build", "--package", "app", *target)
    assert done.returncode != 0
    assert ("section EMPTY is declared twice" if target else "linkme slice EMPTY") in done.stderr


def declared_and_filled(slice_type: str, element: str) -> str:
    return f"linkme_rules::slice! {{ pub static TEXTS: [{slice_type}]; }}\nlinkme_rules::element! {{ TEXTS: {element}; }}\n"


@pytest.mark.parametrize(
    ("slice_type", "element"),
    [("&'static str", '&&str = &"a"'), ("&'static str", "String = String::new()"), ("String", '&str = "a"')],
)
def test_an_element_of_another_type_does_not_compile(slice_type: str, element: str, tmp_path: Path) -> None:
    project = copy_of("rules", tmp_path, configuration(patched="linkme-rules"))
    source = project / "plug" / "src" / "lib.rs"
    source.write_text(declared_and_filled("&'static str", '&str = "a"'))
    assert cargo(project, "check", "--package", "plug").returncode == 0
    source.write_text(declared_and_filled(slice_type, element))
    done = cargo(project, "check", "--package", "plug")
    assert done.returncode != 0
    assert "mismatched types" in done.stderr


# The names themselves, as rustc 1.95 and 1.96 write them.

LEGACY = b"_ZN4plug1_8__ldshim8COMMANDS16__LINKME_ELEMENT17hb041eb62527621ddE"
V0 = b"_RNvNvNvNvCs44Vl2jf8APt_4plugs_1__8___ldshim8COMMANDS16___LINKME_ELEMENT"


@pytest.mark.parametrize("name", [LEGACY, V0, LEGACY + b".llvm.123", V0 + b".llvm.123"])
def test_a_path_names_the_section(name: bytes) -> None:
    marker = markers.parse(name)
    assert marker is not None
    assert (marker.name, marker.section, marker.key) == (name, b"COMMANDS", b"")


@pytest.mark.parametrize(
    "name",
    [
        LEGACY.replace(b"17h", b"4DEEP17h"),
        V0.replace(b"RNv", b"RNvNv") + b"4DEEP",
        b"_ZN4plug8COMMANDS17hb041eb62527621ddE",
        b"_ZN4plug16__ldshim_helpers17hb041eb62527621ddE",
        b"_RNvCs44Vl2jf8APt_4plug16___ldshim_helpers",
        b"plug::8__ldshim8COMMANDS",
        b"__ldshim_element.1",
    ],
)
def test_other_paths_are_no_elements(name: bytes) -> None:
    assert markers.parse(name) is None


@pytest.mark.parametrize(
    "name",
    [
        b"_ZN4plug8__ldshim17hb041eb62527621ddE",
        b"_ZN4plug8__ldshim1X17hb041eb62527621ddE",
        b"_ZN4plug8__ldshim10$u54$PFEL$2ELEMENT17hb041eb62527621ddE",
        b"_RNvNvNvCs44Vl2jf8APt_4plug8___ldshimu9PFEL_8va7ELEMENT",
        V0[:-3],
        V0 + b"X",
    ],
)
def test_a_path_that_cannot_be_understood_is_an_error(name: bytes) -> None:
    with pytest.raises(LinkError, match="expected a static at the path __ldshim::SECTION::NAME"):
        markers.parse(name)
