"""One Rust registry over four crates, built by cargo for every target and in every mode that a user may choose.

`tests/rust/matrix` has the crates.  `probe` writes a report of what is in ten slices of different types, and whether the slices *are* the
statics; nothing refers to the crate `far`, whose elements count all the same.  The report has to be the same everywhere.

Not every mode is tried for every target: the modes change what rustc hands to the linker, and that does not depend on the target's system
interface.  So wasm32-unknown-unknown has all modes, and the other targets those that change most: debug, release, and whole-program LTO.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import wasmtime
import wasmtime.component

from tests.harness import ENGINE, check, export_names, ldshim, linker_path, tool
from tests.linkers import WASM_LDS
from tests.rust import (
    EMSCRIPTEN,
    LDSHIM,
    LINKME,
    NONE,
    UNKNOWN,
    WASIP1,
    WASIP2,
    build,
    cargo,
    configuration,
    copy_of,
    exclusively,
    run_wasi,
)

if TYPE_CHECKING:
    from pathlib import Path

REPORT = """\
called 5
NUMBERS [1, 10, 10, 20, 21, 30]
BYTES [0, 3, 255]
NAMES [309680, 9987309, 9987309, 307344393]
BIGS [4, 405, 2803]
ODDS [6, 60, 600]
SPEAKERS [1, 10, 100]
MAYBE [0, 21, 40]
WIDE [2, 3, 1048576]
RANKED [0, 3, 10, 100, 9999]
EMPTY 0
order [100, 0, 3, 10, 9999]
COUNTERS [1, 2, 151]
PLACES [1, 5, 1010]
NUMBERS in place: true
BYTES in place: true
NAMES in place: true
BIGS in place: true
ODDS in place: true
SPEAKERS in place: true
MAYBE in place: true
COUNTERS in place: true
PLACES in place: true
WIDE in place: true
EMPTY in place: true
"""

PROFILE = "CARGO_PROFILE_RELEASE_"
MODES: dict[str, dict[str, str]] = {
    "release": {},
    "opt-level z": {f"{PROFILE}OPT_LEVEL": "z"},
    "opt-level 0": {f"{PROFILE}OPT_LEVEL": "0"},
    "one codegen unit": {f"{PROFILE}CODEGEN_UNITS": "1"},
    "many codegen units": {f"{PROFILE}CODEGEN_UNITS": "256", f"{PROFILE}OPT_LEVEL": "1"},
    "thin LTO": {f"{PROFILE}LTO": "thin", f"{PROFILE}CODEGEN_UNITS": "16"},
    "fat LTO": {f"{PROFILE}LTO": "fat"},
    "fat LTO for size, with debuginfo": {f"{PROFILE}LTO": "fat", f"{PROFILE}OPT_LEVEL": "z", f"{PROFILE}DEBUG": "2"},
    "debuginfo": {f"{PROFILE}DEBUG": "2"},
    "strip": {f"{PROFILE}STRIP": "symbols"},
    "strip debuginfo": {f"{PROFILE}DEBUG": "2", f"{PROFILE}STRIP": "debuginfo"},
    "v0 mangling": {"CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": "-C symbol-mangling-version=v0"},
    "dead code": {"CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": "-C link-dead-code"},
    # From rustc 1.97 on it shows what a linker says; before, one has to ask.
    "a linker that must be silent": {"CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": "-D linker-messages"},
    "overflow checks": {f"{PROFILE}OVERFLOW_CHECKS": "true", f"{PROFILE}DEBUG_ASSERTIONS": "true"},
}
FEW_MODES = ("release", "thin LTO", "fat LTO")


@pytest.fixture
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of("matrix", tmp_path_factory.getbasetemp().parent)


def report_of(module: Path) -> str:
    """What the module's exports say."""
    store = wasmtime.Store(ENGINE)
    store.set_wasi(wasmtime.WasiConfig())
    linker = wasmtime.Linker(ENGINE)
    linker.define_wasi()
    exports: Any = linker.instantiate(store, wasmtime.Module.from_file(ENGINE, str(module))).exports(store)
    length = exports["report"](store)
    address = exports["text"](store)
    return bytes(exports["memory"].read(store, address, address + length)).decode()


@pytest.mark.parametrize("mode", MODES)
def test_a_module_has_every_element_in_every_mode(matrix: Path, mode: str, tmp_path: Path) -> None:
    made = build(matrix, "module", tmp_path, "--release", target=UNKNOWN, env=MODES[mode])
    assert report_of(made["cdylib"]) == REPORT


def test_a_module_that_is_built_for_debugging_has_every_element(matrix: Path, tmp_path: Path) -> None:
    assert report_of(build(matrix, "module", tmp_path, target=UNKNOWN)["cdylib"]) == REPORT


def test_the_module_exports_what_its_source_exports(matrix: Path, tmp_path: Path) -> None:
    made = build(matrix, "module", tmp_path, "--release", target=UNKNOWN)
    assert export_names(made["cdylib"]) == {"memory", "report", "text", "__heap_base", "__data_end"}


def test_the_second_of_two_incremental_builds_has_the_new_element(tmp_path: Path) -> None:
    project = copy_of("matrix", tmp_path)
    env = {"CARGO_INCREMENTAL": "1"}
    assert report_of(build(project, "module", tmp_path, target=UNKNOWN, env=env)["cdylib"]) == REPORT
    source = project / "far" / "src" / "lib.rs"
    source.write_text(source.read_text() + "\n#[distributed_slice(api::NUMBERS)]\nstatic NEW: u32 = 15;\n")
    second = report_of(build(project, "module", tmp_path, target=UNKNOWN, env=env)["cdylib"])
    assert second == REPORT.replace("[1, 10, 10, 20, 21, 30]", "[1, 10, 10, 15, 20, 21, 30]")


@pytest.mark.parametrize("lld", WASM_LDS)
def test_every_real_linker_links_the_module(matrix: Path, lld: str, tmp_path: Path) -> None:
    # cargo does not know that another linker makes another module.
    env = {"LDSHIM_LINKER": linker_path(lld), "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": f"--cfg linker=\"{lld}\""}
    assert report_of(build(matrix, "module", tmp_path, "--release", target=UNKNOWN, env=env)["cdylib"]) == REPORT


@pytest.mark.parametrize("mode", ["debug", *FEW_MODES])
def test_a_wasi_program_has_every_element(matrix: Path, mode: str, tmp_path: Path) -> None:
    words = [] if mode == "debug" else ["--release"]
    made = build(matrix, "program", tmp_path, *words, target=WASIP1, env=MODES.get(mode))
    assert run_wasi(made["bin"], directory=tmp_path) == REPORT


def test_a_wasi_library_has_every_element(matrix: Path, tmp_path: Path) -> None:
    assert report_of(build(matrix, "module", tmp_path, "--release", target=WASIP1)["cdylib"]) == REPORT


def test_a_program_without_a_system_has_every_element(matrix: Path, tmp_path: Path) -> None:
    # Its stdout goes nowhere; that it links and ends well is all that there is to see.
    made = build(matrix, "program", tmp_path, "--release", target=UNKNOWN)
    instance = wasmtime.Instance(store := wasmtime.Store(ENGINE), wasmtime.Module.from_file(ENGINE, str(made["bin"])), [])
    exports: Any = instance.exports(store)
    assert exports["main"](store, 0, 0) == 0


@pytest.mark.parametrize("mode", ["debug", "release", "fat LTO"])
def test_a_module_of_core_alone_has_every_element(matrix: Path, mode: str, tmp_path: Path) -> None:
    words = [] if mode == "debug" else ["--release"]
    made = build(matrix, "module", tmp_path, *words, "--features", "no-std", target=NONE, env=MODES.get(mode))
    assert report_of(made["cdylib"]) == REPORT


@pytest.mark.parametrize("mode", ["debug", *FEW_MODES])
def test_a_component_has_every_element(matrix: Path, mode: str, tmp_path: Path) -> None:
    """rustc's linker for wasm32-wasip2 is wasm-component-ld, and ldshim is the wasm-ld that it calls."""
    words = [] if mode == "debug" else ["--release"]
    env = {
        **MODES.get(mode, {}),
        "CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS": f"-C link-arg=--wasm-ld-path={LDSHIM}",
    }
    made = build(matrix, "program", tmp_path, *words, target=WASIP2, env=env)
    assert run_component(made["bin"], tmp_path) == REPORT


def run_component(path: Path, directory: Path) -> str:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    config = wasmtime.WasiConfig()
    config.stdout_file = str(directory / "stdout")
    store.set_wasi(config)
    linker = wasmtime.component.Linker(engine)
    linker.add_wasip2()
    component = wasmtime.component.Component(engine, path.read_bytes())
    instance = linker.instantiate(store, component)
    interface = instance.get_export_index(store, "wasi:cli/run@0.2.0")
    index = next(
        found
        for minor in range(10)
        if (interface := instance.get_export_index(store, f"wasi:cli/run@0.2.{minor}")) is not None
        and (found := instance.get_export_index(store, "run", interface)) is not None
    )
    function = instance.get_func(store, index)
    assert function is not None
    function(store)
    return (directory / "stdout").read_text()


C_PROGRAM = """
extern unsigned long report(void);
extern unsigned char *text(void);
__attribute__((export_name("report"))) unsigned long c_report(void) { return report(); }
__attribute__((export_name("text"))) unsigned char *c_text(void) { return text(); }
"""


@pytest.mark.parametrize("mode", ["debug", *FEW_MODES])
def test_a_c_program_with_a_static_library_of_rust_has_every_element(matrix: Path, mode: str, tmp_path: Path) -> None:
    words = [] if mode == "debug" else ["--release"]
    library = build(matrix, "module", tmp_path, *words, target=UNKNOWN, env=MODES.get(mode))["staticlib"]
    source, main, module = tmp_path / "main.c", tmp_path / "main.o", tmp_path / "out.wasm"
    source.write_text(C_PROGRAM)
    check([tool("clang-22"), "--target=wasm32", "-O1", "-c", source, "-o", main])
    done = ldshim("--no-entry", main, library, "-o", module)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert report_of(module) == REPORT


def test_a_module_of_64_bits_has_every_element(matrix: Path, tmp_path: Path) -> None:
    """Nobody ships a core for this target, so cargo builds it."""
    env = {"RUSTC_BOOTSTRAP": "1", "CARGO_TARGET_WASM64_UNKNOWN_UNKNOWN_LINKER": str(LDSHIM)}
    words = ("--release", "--features", "no-std", "-Zbuild-std=core")
    made = build(matrix, "module", tmp_path, *words, target="wasm64-unknown-unknown", env=env)
    assert report_of(made["cdylib"]) == REPORT


@pytest.mark.parametrize("mode", ["debug", "release"])
def test_an_emscripten_program_has_every_element(matrix: Path, mode: str, tmp_path: Path) -> None:
    """emcc is the linker for this target, and calls the wasm-ld in the folder of its LLVM: one in which ldshim has that name."""
    llvm = tmp_path / "llvm"
    llvm.mkdir()
    for name in ("clang", "clang++", "llvm-ar", "llvm-nm", "llvm-objcopy", "llvm-ranlib", "llvm-strip"):
        (llvm / name).symlink_to(tool(f"{name}-22"))
    (llvm / "wasm-ld").symlink_to(LDSHIM)
    env = {
        "EM_LLVM_ROOT": str(llvm),
        # Debian's emcc, of 2022, would look for programs of LLVM 14, does not know lld 22's memory layout, and does not find its parser.
        "EM_LLVM_ADD_VERSION": "",
        "EM_CLANG_ADD_VERSION": "",
        "LDSHIM_LINKER": linker_path("19"),
        "NODE_PATH": "/usr/share/nodejs",
        # And it understands what the wasm-opt of its own time says, no other.
        "PATH": "/usr/bin:/bin",
    }
    words = [] if mode == "debug" else ["--release"]
    with exclusively():
        done = cargo(matrix, "build", "--package", "program", "--target", EMSCRIPTEN, *words, env=env)
        assert done.returncode == 0, done.stderr
        program = matrix / "target" / EMSCRIPTEN / mode / "program.js"
        # The JavaScript of that emcc takes node's `fetch` for a browser's.
        done = check([tool("node"), "--no-experimental-fetch", program], cwd=program.parent)
    assert done.stdout == REPORT
    assert "ldshim" not in program.read_text(), "a marker is exported"


# The oracle: the platform that linkme was made for, and linkme itself.


def test_linkme_itself_has_the_same_elements_where_it_works(tmp_path: Path) -> None:
    """On the host, without the patch.  It loses elements with a position there, so the lines about those are left out."""
    project = copy_of("matrix", tmp_path, configuration(patched=None))
    (project / "Cargo.lock").unlink()
    done = cargo(project, "run", "--release", "--package", "program")
    assert done.returncode == 0, done.stderr

    def comparable(report: str) -> list[str]:
        return [line for line in report.splitlines() if not line.startswith(("RANKED", "order"))]

    assert comparable(done.stdout) == comparable(REPORT)


def test_on_the_host_this_linkme_has_every_element(matrix: Path) -> None:
    done = cargo(matrix, "run", "--release", "--package", "program")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith("order")] == [line for line in REPORT.splitlines() if not line.startswith("order")]


# Without ldshim.


@pytest.mark.parametrize("target", [UNKNOWN, WASIP1, NONE])
def test_a_link_without_ldshim_says_what_to_do(target: str, tmp_path: Path) -> None:
    project = copy_of("matrix", tmp_path, configuration(f'[target.{target}]\nlinker = "{linker_path("22")}"', targets=()))
    words = ["--features", "no-std"] if target == NONE else []
    done = cargo(project, "build", "--package", "module", "--target", target, *words)
    assert done.returncode != 0
    assert "-lldshim is needed as the linker: pip install ldshim, then ldshim init" in done.stderr
    assert "undefined symbol" not in done.stderr


def test_the_lock_has_this_linkme(matrix: Path) -> None:
    """A patch that the lock does not name would be left out without an error."""
    done = cargo(matrix, "tree", "--package", "api", "--depth", "1", "--prefix", "none", "--offline")
    assert str(LINKME) in done.stdout, done.stdout + done.stderr
