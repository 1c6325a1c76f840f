"""Rust that is optimized by the linker: `-C linker-plugin-lto` makes rustc write bitcode, and the linker makes code of it.

`tests/rust/matrix` and `tests/rust/rules` are the programs of test_rust_matrix.py and test_rust_rules.py, and their reports have to be the same here.
`tests/rust/lto` has what those have not: elements in the crate that is linked last (app), Rust with C (mixed), and a program in which it matters what
is inlined where (hot).

Where nothing else is said, the standard library stays as it comes, in objects, and whatever the linker says is an error.
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import wasmtime

from ldshim.wasm.format import SEC_CODE, SEC_DATA
from ldshim.wasm.reader import ObjectFile
from tests.harness import Instance, archive, check, export_names, ldshim, link, linker_path
from tests.linkers import WASM_LDS
from tests.rust import LDSHIM, LINKME, RUST, UNKNOWN, WASIP1, build, cargo, configuration, copy_of, exclusively, run_wasi
from tests.test_rust_matrix import REPORT, report_of
from tests.test_rust_rules import COMMANDS

if TYPE_CHECKING:
    from tests.harness import Compiler

LTO = "-C linker-plugin-lto"
PROFILE = "CARGO_PROFILE_RELEASE_"

LEVELS = {f"opt-level {level}": {f"{PROFILE}OPT_LEVEL": level} for level in "13z"}
UNITS = {"one codegen unit": {f"{PROFILE}CODEGEN_UNITS": "1"}, "many codegen units": {f"{PROFILE}CODEGEN_UNITS": "16"}}
DEBUGINFO = {"no debuginfo": {}, "debuginfo": {f"{PROFILE}DEBUG": "2"}}
MODES: dict[str, dict[str, str]] = {
    **{
        ", ".join(names): {**LEVELS[names[0]], **UNITS[names[1]], **DEBUGINFO[names[2]]}
        for names in itertools.product(LEVELS, UNITS, DEBUGINFO)
    },
    "opt-level 0": {f"{PROFILE}OPT_LEVEL": "0"},
    # What rustc has optimized as a whole goes to the linker as bitcode all the same.  Of fat LTO it is bitcode without a summary.
    "after rustc's thin LTO": {f"{PROFILE}LTO": "thin"},
    "after rustc's fat LTO": {f"{PROFILE}LTO": "fat"},
    "v0 mangling": {"RUSTFLAGS": "-C symbol-mangling-version=v0"},
}
# The modes change what rustc hands to the linker, and that does not depend on the target's system interface.
WASI_MODES = (
    "opt-level 1, many codegen units, no debuginfo",
    "opt-level 3, one codegen unit, debuginfo",
    "opt-level z, many codegen units, no debuginfo",
    "after rustc's fat LTO",
)

WITHOUT_LLVMLITE = "without llvmlite"
LLVMLITE = ("with llvmlite", WITHOUT_LLVMLITE)


def optimized(target: str, env: dict[str, str] | None = None, *, flags: str = LTO) -> dict[str, str]:
    """The environment of a build whose crates all get `flags`, those of `env`, and one that makes words of the linker an error."""
    env = dict(env or {})
    # cargo builds anew for other flags, but does not know what else the linker goes by.
    seen = " ".join(f'--cfg {name}="{env[name]}"' for name in ("LDSHIM_LINKER", "PYTHONPATH") if name in env)
    # RUSTFLAGS itself would take the place of the target's.
    own = env.pop("RUSTFLAGS", "")
    return {**env, f"CARGO_TARGET_{target.upper().replace('-', '_')}_RUSTFLAGS": f"{flags} -D linker-messages {own} {seen}"}


def importing(llvmlite: str, folder: Path) -> dict[str, str]:
    """An environment in which Python finds llvmlite, or finds one that cannot be imported."""
    if llvmlite != WITHOUT_LLVMLITE:
        return {}
    package = folder / "hidden" / "llvmlite"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('hidden by a test')\n")
    env = {"PYTHONPATH": str(package.parent)}
    assert subprocess.run([sys.executable, "-c", "import llvmlite"], env=env, capture_output=True, check=False).returncode == 1
    return env


@pytest.fixture
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of("matrix", tmp_path_factory.getbasetemp().parent)


@pytest.fixture
def lto(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rules = f'linkme-rules = {{ path = "{LINKME / "rules"}" }}'
    return copy_of("lto", tmp_path_factory.getbasetemp().parent, configuration(rules))


# All crates.


@pytest.mark.parametrize("mode", MODES)
def test_a_module_has_every_element_in_every_mode(matrix: Path, mode: str, tmp_path: Path) -> None:
    made = build(matrix, "module", tmp_path, "--release", target=UNKNOWN, env=optimized(UNKNOWN, MODES[mode]))
    assert report_of(made["cdylib"]) == REPORT


def test_a_module_that_is_built_for_debugging_has_every_element(matrix: Path, tmp_path: Path) -> None:
    assert report_of(build(matrix, "module", tmp_path, target=UNKNOWN, env=optimized(UNKNOWN))["cdylib"]) == REPORT


def test_the_module_exports_what_its_source_exports(matrix: Path, tmp_path: Path) -> None:
    made = build(matrix, "module", tmp_path, "--release", target=UNKNOWN, env=optimized(UNKNOWN))
    assert export_names(made["cdylib"]) == {"memory", "report", "text", "__heap_base", "__data_end"}


@pytest.mark.parametrize("mode", WASI_MODES)
def test_a_wasi_program_has_every_element(matrix: Path, mode: str, tmp_path: Path) -> None:
    made = build(matrix, "program", tmp_path, "--release", target=WASIP1, env=optimized(WASIP1, MODES[mode]))
    assert run_wasi(made["bin"], directory=tmp_path) == REPORT


@pytest.mark.parametrize("llvmlite", LLVMLITE)
@pytest.mark.parametrize("lld", ["22", "rustc's own"])
def test_with_or_without_llvmlite_every_element_is_there(matrix: Path, lld: str, llvmlite: str, tmp_path: Path) -> None:
    env = importing(llvmlite, tmp_path)
    if lld in WASM_LDS:
        env["LDSHIM_LINKER"] = linker_path(lld)
    made = build(matrix, "module", tmp_path, "--release", target=UNKNOWN, env=optimized(UNKNOWN, env))
    assert report_of(made["cdylib"]) == REPORT


@pytest.mark.parametrize("llvmlite", LLVMLITE)
def test_a_linker_that_is_older_than_the_bitcode_fails_and_both_versions_are_named(matrix: Path, llvmlite: str, tmp_path: Path) -> None:
    env = optimized(UNKNOWN, {**importing(llvmlite, tmp_path), "LDSHIM_LINKER": linker_path("19")})
    with exclusively():
        done = cargo(matrix, "build", "--release", "--package", "module", "--target", UNKNOWN, env=env)
    assert done.returncode != 0
    written = re.search(r"LLVM version: (\d+)", check([RUST / "bin" / "rustc", "-vV"]).stdout)
    assert written
    assert re.search(rf"LLVM ?{written[1]}\.\d", done.stderr), done.stderr
    assert re.search(r"(LLVM|LLD) ?19\.\d", done.stderr), done.stderr


@pytest.mark.parametrize("llvmlite", LLVMLITE)
def test_a_module_of_64_bits_with_core_in_bitcode_has_every_element(matrix: Path, llvmlite: str, tmp_path: Path) -> None:
    """Nobody ships a core for this target, so cargo builds it, like all the other crates.  The linker has something to say about that core, LTO or not."""
    env = {
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_TARGET_WASM64_UNKNOWN_UNKNOWN_LINKER": str(LDSHIM),
        "CARGO_TARGET_WASM64_UNKNOWN_UNKNOWN_RUSTFLAGS": LTO,
    }
    words = ("--release", "--features", "no-std", "-Zbuild-std=core")
    made = build(matrix, "module", tmp_path, *words, target="wasm64-unknown-unknown", env=env)
    assert report_of(made["cdylib"]) == REPORT
    module = tmp_path / "out.wasm"
    exports = ("--export=report", "--export=text")
    done = ldshim("--no-entry", "-mwasm64", *exports, made["staticlib"], "-o", module, env=importing(llvmlite, tmp_path))
    assert done.returncode == 0, done.stderr
    assert report_of(module) == REPORT


# Elements that rustc has named.


@pytest.fixture
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of("rules", tmp_path_factory.getbasetemp().parent, configuration(patched="linkme-rules"))


@pytest.mark.parametrize(
    ("mode", "llvmlite"),
    [
        ("opt-level 3, many codegen units, no debuginfo", "with llvmlite"),
        ("opt-level z, one codegen unit, no debuginfo", "with llvmlite"),
        ("opt-level 0", "with llvmlite"),
        ("after rustc's fat LTO", "with llvmlite"),
        ("v0 mangling", "with llvmlite"),
        ("v0 mangling", WITHOUT_LLVMLITE),
    ],
)
def test_every_static_with_the_path_of_an_element_is_collected(rules: Path, mode: str, llvmlite: str, tmp_path: Path) -> None:
    env = optimized(WASIP1, {**MODES[mode], **importing(llvmlite, tmp_path)})
    made = build(rules, "app", tmp_path, "--release", target=WASIP1, env=env)
    assert run_wasi(made["bin"], directory=tmp_path) == COMMANDS


# Some crates.


def rustc(project: Path, package: str, out: Path, *flags: str, env: dict[str, str] | None = None) -> Path:
    """A module, whose own crate gets `flags` and its dependencies do not."""
    line = ("rustc", "--release", "--package", package, "--target", UNKNOWN, "--", *flags, "-D", "linker-messages")
    with exclusively():
        done = cargo(project, *line, env=env)
        assert done.returncode == 0, done.stderr
        module = project / "target" / UNKNOWN / "release" / f"{package}.wasm"
        return Path(shutil.copy(module, out / module.name))


# How the last crate is built, and how those that it depends on.
PARTS: dict[str, tuple[str, dict[str, str]]] = {
    "the last crate": (LTO, {}),
    # What cargo does to all but the last crate for fat LTO, which is then not done.
    "all but the last crate": ("-C lto=off", {f"{PROFILE}LTO": "fat"}),
}


@pytest.mark.parametrize("llvmlite", LLVMLITE)
@pytest.mark.parametrize("part", PARTS)
def test_objects_and_bitcode_have_every_element(lto: Path, part: str, llvmlite: str, tmp_path: Path) -> None:
    flags, env = PARTS[part]
    made = Instance(
        rustc(lto, "app", tmp_path, *flags.split(), "--cfg", f'llvmlite="{llvmlite}"', env={**env, **importing(llvmlite, tmp_path)})
    )
    assert sorted(made.list("steps", "step")) == [7, 11, 20, 100]
    assert made.list("ranks", "rank") == [100, 1, 2, 3]


# With C.

HOOKS = """
#include <ldshim.h>
struct hook { int value; int (*call)(int); };
LDSHIM_SECTION(HOOKS, const struct hook);
LDSHIM_SECTION(words, const int);
"""

C_PROGRAM = (
    HOOKS
    + """
static int thrice(int x) { return 3 * x; }
LDSHIM_ELEMENT(HOOKS, const struct hook, of_program) = {3, thrice};
LDSHIM_ELEMENT(words, const int, one) = 1;
LDSHIM_ELEMENT_KEYED(words, 10, const int, ten) = 10;

#define EXPORT(name) __attribute__((export_name(#name))) int name
EXPORT(hooks)(void) { return LDSHIM_COUNT(HOOKS); }
EXPORT(hook)(int i) { return LDSHIM_BEGIN(HOOKS)[i].call(LDSHIM_BEGIN(HOOKS)[i].value); }
EXPORT(words)(void) { return LDSHIM_COUNT(words); }
EXPORT(word)(int i) { return LDSHIM_BEGIN(words)[i]; }

int rust_hooks(void), rust_hook(int), rust_words(void), rust_word(int);
EXPORT(hooks_of_rust)(void) { return rust_hooks(); }
EXPORT(hook_of_rust)(int i) { return rust_hook(i); }
EXPORT(words_of_rust)(void) { return rust_words(); }
EXPORT(word_of_rust)(int i) { return rust_word(i); }
"""
)

C_ELEMENTS = (
    HOOKS
    + """
static int negated(int x) { return -x; }
LDSHIM_ELEMENT(HOOKS, const struct hook, of_library) = {4, negated};
LDSHIM_ELEMENT_KEYED(words, 40, const int, forty) = 40;
"""
)


@pytest.mark.parametrize("llvmlite", LLVMLITE)
@pytest.mark.parametrize(
    ("rust", "c"),
    [(LTO, "-flto"), (LTO, "-flto=thin"), (LTO, "-fno-lto"), ("", "-flto"), ("", "-flto=thin")],
    ids=lambda flag: flag or "objects",
)
def test_c_and_rust_find_each_other_s_elements(lto: Path, cc: Compiler, rust: str, c: str, llvmlite: str, tmp_path: Path) -> None:
    library = build(lto, "mixed", tmp_path, "--release", target=UNKNOWN, env=optimized(UNKNOWN, flags=rust))["staticlib"]
    program, elements = (cc(source, "-O2", c) for source in (C_PROGRAM, C_ELEMENTS))
    env = importing(llvmlite, tmp_path)
    made = Instance(link(tmp_path / "out.wasm", program, library, archive(tmp_path / "libelements.a", elements), env=env))
    assert made.list("hooks", "hook") == [9, 11, 40, -4]
    assert made.list("words", "word") == [1, 10, 20, 30, 40]
    assert made.list("hooks_of_rust", "hook_of_rust") == made.list("hooks", "hook")
    assert made.list("words_of_rust", "word_of_rust") == made.list("words", "word")


@pytest.mark.parametrize("c", ["-flto", "-flto=thin", "-fno-lto"])
def test_objects_of_c_in_a_link_of_cargo_add_their_elements(lto: Path, cc: Compiler, c: str, tmp_path: Path) -> None:
    env = optimized(UNKNOWN, flags=f"{LTO} -C link-arg={cc(C_ELEMENTS, '-O2', c)}")
    made = Instance(build(lto, "mixed", tmp_path, "--release", target=UNKNOWN, env=env)["cdylib"])
    assert made.list("rust_hooks", "rust_hook") == [11, 40, -4]
    assert made.list("rust_words", "rust_word") == [20, 30, 40]


# What the optimizer makes of it.

FUEL = 1 << 40


def cost_of(module: Path) -> tuple[int, int, int]:
    """The bytes of code and data, the instructions of a run, and its result."""
    data = module.read_bytes()
    size = sum(section.end - section.content for section in ObjectFile(data, module.name).sections if section.id in (SEC_CODE, SEC_DATA))
    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    store.set_fuel(FUEL)
    run = wasmtime.Instance(store, wasmtime.Module(engine, data), []).exports(store)["run"]
    assert isinstance(run, wasmtime.Func)
    result = run(store, 1000)
    return size, FUEL - store.get_fuel(), result


@pytest.mark.parametrize("level", "13z")
def test_a_slice_costs_what_an_array_costs(lto: Path, level: str, tmp_path: Path) -> None:
    """Both are within 1 % of the same program with an array by hand and the linker alone: the same is inlined.

    What remains is 4 instructions, and some 30 bytes: two addresses and a division for one address and a number, and the head in front of the slice.
    """
    env = {f"{PROFILE}OPT_LEVEL": level, "LDSHIM_LINKER": linker_path("22")}
    module = build(lto, "hot", tmp_path, "--release", target=UNKNOWN, env=optimized(UNKNOWN, env))["cdylib"]
    size, fuel, result = cost_of(module)
    bare = optimized(UNKNOWN, {**env, "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER": linker_path("22")})
    module = build(lto, "hot", tmp_path, "--release", "--features", "by-hand", target=UNKNOWN, env=bare)["cdylib"]
    size_by_hand, fuel_by_hand, result_by_hand = cost_of(module)
    assert result == result_by_hand
    assert size == pytest.approx(size_by_hand, rel=0.01)
    assert fuel == pytest.approx(fuel_by_hand, rel=0.01)
