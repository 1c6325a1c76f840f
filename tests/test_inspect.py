"""`ldshim inspect`, on what real compilers and linkers write; LLVM's and wabt's own tools say what is right."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ldshim.inspect.names import demangled
from ldshim.inspect.report import make_report
from tests.harness import Instance, archive, check, ldshim, link, tool
from tests.linkers import WASM_LDS
from tests.rust import LDSHIM, RUST, UNKNOWN, WASIP1, WASIP2, build, copy_of, environment

if TYPE_CHECKING:
    from tests.harness import Compiler

COMMANDS = """
#include <ldshim.h>
struct command { const char *name; int (*run)(int); };
LDSHIM_SECTION(commands, const struct command);
static int twice(int x) { return 2 * x; }
static int square(int x) { return x * x; }
LDSHIM_ELEMENT_KEYED(commands, 10, const struct command, late) = {"square", square};
LDSHIM_ELEMENT_KEYED(commands, 9, const struct command, early) = {"twice", twice};
LDSHIM_ELEMENT(commands, const struct command, first) = {"first", twice};
"""
READER = """
int run_all(int x) { LDSHIM_FOREACH(commands, it) x = it->run(x); return x; }
__attribute__((export_name("where"))) const void *where(void) { return LDSHIM_BEGIN(commands); }
__attribute__((export_name("behind"))) const void *behind(void) { return LDSHIM_END(commands); }
__attribute__((export_name("run"))) int run(int x) { return run_all(x); }
"""
NUMBERS = """
__attribute__((used, section("numbers"))) static int one = 1;
__attribute__((used, section("numbers"))) int two = 2;
extern int __start_numbers[], __stop_numbers[];
int *const bounds[] = {__start_numbers, __stop_numbers};
int **at(void) { return (int **)bounds; }
"""


def inspect(*words: str | Path, **environ: str) -> str:
    done = ldshim("inspect", *words, env=environ)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def report(*words: str | Path) -> Any:
    return json.loads(inspect("--json", *words))


def the_file(path: Path, *words: str) -> Any:
    (found,) = report(path, *words)["files"]
    return found


def section(file: Any, name: str) -> Any:
    (found,) = [known for known in file["sections"] if known["name"] == name]
    return found


def linked_section(path: Path, name: str) -> Any:
    (member,) = the_file(path)["members"]
    (found,) = [known for known in member["linked"]["sections"] if known["name"] == name]
    return found


def names(elements: list[Any]) -> list[str]:
    return [element["name"] for element in elements]


# Objects.


def test_elements_are_shown_in_the_order_of_their_keys_with_what_their_pointers_point_at(cc: Compiler) -> None:
    found = section(the_file(cc(COMMANDS + READER, "-O1")), "commands")
    assert names(found["elements"]) == ["first", "early", "late"]
    assert [element["key"] for element in found["elements"]] == [None, "9", "10"]
    assert {(e["kind"], e["size"], e["alignment"], e["used"], e["hidden"]) for e in found["elements"]} == {("marker", 8, 4, True, True)}
    pointers = [[(p["offset"], p["type"], p["name"], p["text"]) for p in e["pointers"]] for e in found["elements"]]
    assert [p[0][3] for p in pointers] == ["first", "twice", "square"]
    assert [p[1] for p in pointers] == [
        (4, "TABLE_INDEX_I32", "twice", None),
        (4, "TABLE_INDEX_I32", "twice", None),
        (4, "TABLE_INDEX_I32", "square", None),
    ]


def test_it_says_which_functions_and_statics_refer_to_the_bounds(cc: Compiler) -> None:
    found = section(the_file(cc(COMMANDS + READER, "-O1", "-fno-inline")), "commands")
    users = {reference["symbol"]: reference["users"] for reference in found["references"]}
    assert users["__start_commands"] == ["ldshim_begin_commands"]
    found = section(the_file(cc(NUMBERS)), "numbers")
    assert {reference["symbol"]: reference["users"] for reference in found["references"]} == {
        "__start_numbers": ["bounds"],
        "__stop_numbers": ["bounds"],
    }


@pytest.mark.parametrize("clang", ["14", "22"])
@pytest.mark.parametrize("target", ["wasm32", "wasm64"])
def test_sizes_and_flags_of_native_elements_are_those_of_the_symbol_table(cc: Compiler, clang: str, target: str) -> None:
    path = cc(NUMBERS, clang=clang, target=target)
    found = section(the_file(path), "numbers")
    assert [(e["name"], e["kind"], e["binding"], e["size"], e["used"]) for e in found["elements"]] == [
        ("one", "segment", "local", 4, True),
        ("two", "segment", "global", 4, True),
    ]
    assert the_file(path)["architecture"] == target
    symbols = check([tool("llvm-readobj-22"), "--symbols", path]).stdout
    for element in found["elements"]:
        (entry,) = [part for part in symbols.split("Symbol {") if f"Name: {element['symbol']}\n" in part]
        assert f"Offset: {element['offset']:#x}\n".lower() in entry.lower()
        assert f"Size: {element['size']:#x}\n".lower() in entry.lower()
        assert ("NO_STRIP" in entry) == element["used"]


def test_relocations_are_those_that_llvm_readobj_lists(cc: Compiler) -> None:
    path = cc(COMMANDS + READER, "-g", "-O1")
    oracle: dict[str, list[tuple[int, str]]] = {}
    name = ""
    for line in check([tool("llvm-readobj-22"), "--relocs", path]).stdout.splitlines():
        if "Section (" in line:
            name = line.split()[2]
        elif "R_WASM_" in line:
            offset, kind = line.split()[:2]
            oracle.setdefault(name, []).append((int(offset, 16), kind.removeprefix("R_WASM_")))
    (member,) = the_file(path, "--relocations")["members"]
    assert {r["section"]: [(e["offset"], e["type"]) for e in r["entries"]] for r in member["relocations"]} == oracle
    (member,) = the_file(path)["members"]
    for known in member["relocations"]:
        kinds = [kind for _, kind in oracle[known["section"]]]
        assert known["types"] == {kind: kinds.count(kind) for kind in kinds}
    shown = inspect("--relocations", path)
    assert re.search(r"^relocations of \.debug_info$", shown, re.MULTILINE)
    assert shown.count("\n       0x") + shown.count("\n      0x") >= 10


def test_a_declaration_is_no_element(cc: Compiler) -> None:
    path = cc(COMMANDS.partition("static int twice")[0] + "LDSHIM_MAY_BE_EMPTY(commands);")
    found = section(the_file(path), "commands")
    assert found["elements"] == []
    assert len(found["declarations"]) == 1
    assert "section commands: no elements here\n  declared: may be empty\n" in inspect(path)


def test_cpp_names_are_demangled_and_comdats_shown(cc: Compiler) -> None:
    source = """
    namespace shop { struct item { int (*price)(int); };
    inline int cheap(int x) { return x; }
    template <class T> struct box { static T value; };
    template <class T> __attribute__((used, section("items"))) T box<T>::value{cheap};
    template struct box<item>; }
    """
    found = section(the_file(cc(source, language="c++")), "items")
    (element,) = found["elements"]
    assert element["name"] == "shop::box<shop::item>::value"
    assert element["comdat"] == element["symbol"] == "_ZN4shop3boxINS_4itemEE5valueE"
    assert element["binding"] == "weak"
    assert [pointer["name"] for pointer in element["pointers"]] == ["shop::cheap(int)"]


def test_names_stay_mangled_without_the_demangler_and_bitcode_is_read_without_llvmlite(cc: Compiler) -> None:
    source = 'namespace shop { __attribute__((used, section("items"))) int pen = 3; } extern int __start_items[]; int *at() { return __start_items; }'
    code = "import sys; sys.modules['demangle'] = sys.modules['llvmlite'] = None; from ldshim.inspect import execute; sys.exit(execute(sys.argv[1:]))"
    outputs = [
        check([sys.executable, "-c", code, cc(source, *flags, language="c++")]).stdout for flags in ((), ("-flto",))
    ]
    for output in outputs:
        assert "_ZN4shop3penE" in output
        assert "pip install 'ldshim[inspect]'" in output
    assert "pip install 'ldshim[lto]'" in outputs[1]
    assert re.search(r"_ZN4shop3penE +\? +4 +segment", outputs[1])


def test_a_custom_section_holds_elements_if_any_file_refers_to_its_bounds(cc: Compiler) -> None:
    assembly = '        .section .custom_section.functions,"",@\n        .int32 seven\n        .int32 0\n'
    unit = cc("int seven(void) { return 7; }\n" + f"__asm__({json.dumps(assembly)});")
    reader = cc("extern int __start_functions[]; int *at(void) { return __start_functions; }")
    alone = the_file(unit)
    assert alone["sections"] == []
    assert {"name": "functions", "size": 8} in alone["members"][0]["custom_sections"]
    for words in ((unit, reader), (reader, unit), ("--section", "functions", unit)):
        (file,) = [file for file in report(*words)["files"] if file["path"] == str(unit)]
        (element,) = section(file, "functions")["elements"]
        assert (element["kind"], element["name"], element["size"]) == ("custom section", None, 8)
        assert [(p["offset"], p["type"], p["name"]) for p in element["pointers"]] == [(0, "FUNCTION_OFFSET_I32", "seven")]


def test_markers_that_a_link_refuses_are_noted(cc: Compiler) -> None:
    path = cc('__attribute__((used)) int odd __asm__("__ldshim$9x$$one") = 1;')
    assert "note: " in inspect(path)
    assert "expected __ldshim$SECTION$KEY$UNIQUE" in inspect(path)


# Archives and bitcode.


@pytest.mark.parametrize("thin", [False, True])
def test_an_archive_is_shown_by_section_with_the_member_of_each_element(cc: Compiler, tmp_path: Path, thin: bool) -> None:
    members = [cc(COMMANDS + READER, name="main"), cc(NUMBERS, name="numbers"), cc(COMMANDS, "-flto", name="bitcode")]
    found = the_file(archive(tmp_path / "lib.a", *members, thin=thin))
    assert found["format"] == ("thin archive" if thin else "archive")
    assert [(m["name"].rpartition("/")[2], m["format"]) for m in found["members"]] == [
        (members[0].name, "object"),
        (members[1].name, "object"),
        (members[2].name, "bitcode"),
    ]
    elements = section(found, "commands")["elements"]
    of = [(e["name"], Path(e["member"]).name) for e in elements]
    assert of == [
        (name, member.name) for name in ("first", "early", "late") for member in (members[0], members[2])
    ]
    assert names(section(found, "numbers")["elements"]) == ["one", "two"]
    assert f"{members[1].name}\n" in inspect(tmp_path / "lib.a")


@pytest.mark.parametrize("lto", ["-flto", "-flto=thin"])
def test_bitcode_shows_what_its_object_would(cc: Compiler, lto: str) -> None:
    plain, bitcode = (the_file(cc(COMMANDS + READER + NUMBERS, "-O1", *flags)) for flags in ((), (lto,)))
    assert bitcode["format"] == "bitcode"
    fields = ("name", "symbol", "kind", "key", "size", "alignment", "binding", "used", "hidden")
    for name in ("commands", "numbers"):
        shown = [
            sorted(tuple(str(element[field]) for field in fields) for element in section(file, name)["elements"])
            for file in (plain, bitcode)
        ]
        assert shown[0] == shown[1]
        assert {r["symbol"] for r in section(bitcode, name)["references"]} == {f"__start_{name}", f"__stop_{name}"}


# Linked modules.


def segments_by_objdump(path: Path) -> dict[str, tuple[int, int]]:
    """Address and size of each data segment, by name."""
    text = check([tool("wasm-objdump"), "-x", "-j", "data", path]).stdout
    found = re.findall(r"segment\[\d+\] <(.+)> memory=0 size=(\d+) - init i(?:32|64)=(\d+)", text)
    return {name: (int(address), int(size)) for name, size, address in found}


@pytest.mark.parametrize("lld", WASM_LDS)
@pytest.mark.parametrize("flags", [[], ["--no-merge-data-segments"]])
def test_a_linked_module_shows_where_a_section_lies_and_what_its_words_may_be(
    cc: Compiler, out: Path, lld: str, flags: list[str]
) -> None:
    module = link(out, *flags, cc(COMMANDS + READER, "-O1"), lld=lld)
    found = linked_section(module, "commands")
    program = Instance(module)
    assert [part["key"] for part in found["slices"]] == [None, "9", "10"]
    segments = segments_by_objdump(module)
    assert {part["name"]: (part["address"], part["size"]) for part in found["slices"]} == {
        name: place for name, place in segments.items() if "commands" in name and name != "__ldshim$commands$"
    }
    # What a run says.
    assert found["stop"] == program.behind()
    head, *rest = found["slices"][0]["readings"]
    assert (head["offset"], head["guess"]) == (0, "head")
    assert found["slices"][0]["address"] + rest[0]["offset"] == program.where()
    readings = [
        (reading["guess"], reading["text"] or reading["name"])
        for part in found["slices"]
        for reading in part["readings"]
        if reading["guess"] != "head"
    ]
    assert readings == [
        *(("address", "first"), ("function", "twice")),
        *(("address", "twice"), ("function", "twice")),
        *(("address", "square"), ("function", "square")),
    ]


@pytest.mark.parametrize("lld", ["16", "22"])
@pytest.mark.parametrize("target", ["wasm32", "wasm64"])
def test_exported_bounds_and_symbols_tell_a_stripped_module_apart(cc: Compiler, out: Path, lld: str, target: str) -> None:
    # A 64-bit object of a newer clang has a table that lld 16 does not know.
    clang = "14" if lld == "16" else "22"
    flags = ["-mwasm64"] if target == "wasm64" else []
    path = cc(COMMANDS + READER, "-O1", target=target, clang=clang)
    module = link(out, *flags, "-s", "--export-all", path, lld=lld)
    found = linked_section(module, "commands")
    where = Instance(module)
    assert (found["bounds_from"], found["start"], found["stop"]) == ("symbols", where.where(), where.behind())
    assert found["size"] == where.behind() - where.where()
    places = [(part["address"] + place["offset"], place["name"]) for part in found["slices"] for place in part["places"]]
    size = found["size"] // 3
    assert places == [(where.where() + i * size, name) for i, name in enumerate(("first", "early", "late"))]
    assert "note: stripped: " in inspect(module)


@pytest.mark.parametrize("lld", ["14", "16", "22"])
def test_a_stripped_module_says_that_nothing_can_be_known(cc: Compiler, out: Path, lld: str) -> None:
    shown = inspect(link(out, "-s", cc(COMMANDS + READER, "-O1"), lld=lld))
    assert "no named sections that could be told from other data" in shown
    assert "note: stripped: without a `name` section" in shown
    assert shown.count("perhaps") == 0


@pytest.mark.parametrize("lld", ["14", "16", "22"])
@pytest.mark.parametrize("kind", ["-shared", "-pie"])
def test_merged_segments_are_said_to_be_merged(cc: Compiler, out: Path, lld: str, kind: str) -> None:
    path = cc(COMMANDS + READER, "-O1", "-fPIC", target="wasm32-unknown-emscripten", clang="14" if lld == "14" else "22")
    shown = inspect(link(out, kind, "--experimental-pic", path, lld=lld))
    assert "note: segments are merged: " in shown
    assert "at an unknown address" in shown


@pytest.mark.parametrize("lld", ["14", "16", "22"])
def test_addresses_of_passive_segments_are_read_off_the_code(cc: Compiler, out: Path, lld: str) -> None:
    flags = ["--shared-memory", "--max-memory=655360", "--features=atomics,bulk-memory", "--no-check-features"]
    module = link(out, *flags, cc(COMMANDS + READER, "-O1"), lld=lld)
    found = linked_section(module, "commands")
    assert {(part["passive"], part["address_from"]) for part in found["slices"]} == {(True, "code")}
    program = Instance(module)
    assert (found["slices"][0]["address"] + 4, found["stop"]) == (program.where(), program.behind())


def test_a_module_that_keeps_its_relocations_shows_its_symbols(cc: Compiler, out: Path) -> None:
    module = link(out, "--emit-relocs", cc(COMMANDS + READER + NUMBERS, "-O1"))
    assert the_file(module)["format"] == "module"
    found = linked_section(module, "commands")
    assert (found["start"], found["stop"]) == (Instance(module).where(), Instance(module).behind())
    assert [place["name"] for part in found["slices"] for place in part["places"]] == ["first", "early", "late"]
    assert [p["name"] for p in linked_section(module, "numbers")["slices"][0]["places"]] == ["one", "two"]


@pytest.mark.parametrize("lld", ["14", "16", "19", "22"])
def test_position_independent_code_at_a_fixed_address_leaves_the_bounds(cc: Compiler, out: Path, lld: str) -> None:
    source = """
    extern int __start_numbers[], __stop_numbers[];
    __attribute__((used, section("numbers"))) int one = 1, two = 2;
    __attribute__((export_name("where"))) int *where(void) { return __start_numbers; }
    __attribute__((export_name("behind"))) int *behind(void) { return __stop_numbers; }
    """
    module = link(out, cc(source, "-O1", "-fPIC"), lld=lld)
    found = linked_section(module, "numbers")
    assert (found["bounds_from"], found["start"], found["stop"]) == ("symbols", Instance(module).where(), Instance(module).behind())


# Rust.


@pytest.mark.parametrize("flags", [[], ["-Csymbol-mangling-version=v0"]], ids=["default", "v0"])
def test_rust_path_markers_and_the_statics_of_custom_sections_are_elements(tmp_path: Path, flags: list[str]) -> None:
    source = tmp_path / "paths.rs"
    source.write_text("""
#![no_std]
#![crate_type = "lib"]
const _: () = { fn __ldshim() { fn numbers() { #[used] static ELEMENT: u32 = 1; } } };
#[used] #[link_section = "bytes"] static ONE: [u8; 4] = [1, 2, 3, 4];
#[used] #[link_section = "bytes"] static TWO: [u8; 2] = [5, 6];
extern "C" { static __start_bytes: u8; }
#[inline(never)]
pub fn first() -> *const u8 { &raw const __start_bytes }
""")
    path = tmp_path / "paths.o"
    words: list[str | Path] = [RUST / "bin" / "rustc", "--edition=2021", "--target", UNKNOWN, "-Copt-level=1", "--emit=obj", *flags, source, "-o", path]
    check(words, env=environment(tmp_path))
    found = the_file(path)
    (element,) = section(found, "numbers")["elements"]
    assert (element["kind"], element["crate"]) == ("path marker", "paths")
    assert element["name"].endswith("__ldshim::numbers::ELEMENT")
    elements = section(found, "bytes")["elements"]
    assert [(e["name"], e["crate"], e["kind"], e["size"]) for e in elements] == [
        ("paths::ONE", "paths", "custom section", 4),
        ("paths::TWO", "paths", "custom section", 2),
    ]
    assert section(found, "bytes")["references"][0]["users"] == ["paths::first"]


@pytest.fixture
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of("matrix", tmp_path_factory.getbasetemp().parent)


def test_slices_of_linkme_have_their_names_and_elements_their_paths(matrix: Path, tmp_path: Path) -> None:
    build(matrix, "program", tmp_path, target=WASIP1)
    (rlib,) = (matrix / "target" / WASIP1 / "debug" / "deps").glob("libfar-*.rlib")
    found = the_file(rlib, "--section", "NUMBERS")
    (slice_,) = found["sections"]
    assert slice_["name"] == f"linkme_NUMBERS_{slice_['hash']}"
    # In which order is rustc's affair: they may be in two objects.
    assert sorted(names(slice_["elements"])) == ["far::A", "far::deep::A.1"]
    assert {element["crate"] for element in slice_["elements"]} == {"far"}
    (speakers,) = the_file(rlib, "--section", "SPEAKERS")["sections"]
    assert speakers["size"] == 8
    (maybe,) = the_file(rlib, "--section", "MAYBE")["sections"]
    assert [p["name"] for p in maybe["elements"][0]["pointers"]] == ["far::double"]
    shown = inspect(rlib, "--section", "RANKED")
    assert re.search(r"^section RANKED \(linkme, [0-9a-z]{12}\): 1 element, 4 bytes$", shown, re.MULTILINE)
    assert re.search(r"^  far::TENTH +4 +4 +10 +marker +used +far$", shown, re.MULTILINE)


def test_a_linked_rust_program_shows_the_functions_behind_its_slices(matrix: Path, tmp_path: Path) -> None:
    program = build(matrix, "program", tmp_path, target=WASIP1)["bin"]
    (member,) = the_file(program)["members"]
    found = {known["label"]: known for known in member["linked"]["sections"]}
    functions = [r["name"] for part in found["MAYBE"]["slices"] for r in part["readings"] if r["guess"] == "function"]
    assert "far::double" in functions
    texts = [r["text"] for part in found["NAMES"]["slices"] for r in part["readings"]]
    assert "same" in texts
    assert [part["key"] for part in found["RANKED"]["slices"]] == [None, "0", "3", "10", "9999"]


def test_the_modules_in_a_component_are_shown(matrix: Path, tmp_path: Path) -> None:
    env = {"CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS": f"-C link-arg=--wasm-ld-path={LDSHIM}"}
    found = the_file(build(matrix, "program", tmp_path, target=WASIP2, env=env)["bin"])
    assert found["format"] == "component"
    labels = {known["label"] for known in found["members"][0]["linked"]["sections"]}
    assert {"NUMBERS", "RANKED", "SPEAKERS"} <= labels
    assert "in module 0: " in inspect("--section", "NUMBERS", next(iter(tmp_path.glob("program-bin.wasm"))))


def test_the_symbols_of_the_standard_library_are_demangled_as_by_llvm() -> None:
    root = Path(check([RUST / "bin" / "rustc", "--print", "sysroot"]).stdout.strip())
    rlibs = sorted((root / "lib" / "rustlib" / UNKNOWN / "lib").glob("*.rlib"))
    listed = subprocess.run([tool("llvm-nm-22"), "-j", *rlibs], capture_output=True, text=True, check=False).stdout
    mangled = sorted({name for name in listed.splitlines() if name.startswith("_R")})
    assert len(mangled) > 1000
    oracle = subprocess.run([tool("llvm-cxxfilt-22")], input="\n".join(mangled), capture_output=True, text=True, check=True).stdout
    # LLVM puts what follows the name into brackets, and what it added itself, too.
    expected = [re.sub(r"\.llvm\.\d+", "", re.sub(r" \((\.[^)]*)\)$", r"\1", line)) for line in oracle.splitlines()]
    assert [demangled(name) for name in mangled] == expected


@pytest.mark.parametrize(
    ("mangled", "name"),
    [
        ("_ZN4core3fmt9Formatter3pad17h9b2b3a0e5b4d1b31E", "core::fmt::Formatter::pad"),
        ("_ZN55_$LT$$RF$T$u20$as$u20$core..convert..AsRef$LT$U$GT$$GT$6as_ref17hbfcea117eed209d2E", "<&T as core::convert::AsRef<U>>::as_ref"),
        ("_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int>>::push_back(int const&)"),
        ("plain_name", "plain_name"),
        # The library knows these as names of Nim and of an old C++.
        ("eqdestroy___systemZassertions_23", "eqdestroy___systemZassertions_23"),
        ("AddAlignment__9ivTSolverUiP12ivInteractorP7ivTGlue", "AddAlignment__9ivTSolverUiP12ivInteractorP7ivTGlue"),
    ],
)
def test_names_of_other_schemes_are_demangled_or_left_alone(mangled: str, name: str) -> None:
    assert demangled(mangled) == name


# What goes wrong.


def test_files_that_cannot_be_read_get_one_message_each_and_the_others_are_shown(cc: Compiler, tmp_path: Path) -> None:
    good = cc(NUMBERS)
    text = tmp_path / "text.o"
    text.write_text("int main;")
    truncated = tmp_path / "truncated.o"
    truncated.write_bytes(good.read_bytes()[:200])
    done = ldshim("inspect", text, truncated, tmp_path / "missing.o", tmp_path, good)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.split(": ")[:2] for line in lines[:4]] == [
        ["ldshim inspect", str(text)],
        ["ldshim inspect", str(tmp_path / "missing.o")],
        ["ldshim inspect", str(tmp_path)],
        ["ldshim inspect", str(truncated)],
    ]
    assert len(lines) == 4
    assert "truncated or damaged" in lines[3]
    assert done.stdout.startswith(f"{good}: object, wasm32\n")
    shown = json.loads(ldshim("inspect", "--json", text, good).stdout)
    assert [file["path"] for file in shown["files"]] == [str(good)]
    assert [error["path"] for error in shown["errors"]] == [str(text)]


def test_a_damaged_member_does_not_hide_the_others(cc: Compiler, tmp_path: Path) -> None:
    truncated = tmp_path / "truncated.o"
    truncated.write_bytes(cc(COMMANDS).read_bytes()[:200])
    library = tmp_path / "lib.a"
    check([tool("llvm-ar-22"), "rcS", library, truncated, cc(NUMBERS)])
    done = ldshim("inspect", library)
    assert done.returncode == 1
    assert done.stderr.startswith(f"ldshim inspect: {library}(truncated.o): ")
    assert done.stderr.count("\n") == 1
    assert "section numbers: 2 elements" in done.stdout


@pytest.mark.parametrize("kind", ["object", "bitcode", "module", "archive"])
def test_a_file_cut_off_anywhere_is_an_error_or_shown_but_never_a_crash(cc: Compiler, out: Path, tmp_path: Path, kind: str) -> None:
    unit = cc(COMMANDS + READER, "-O1")
    path = {
        "object": unit,
        "bitcode": cc(COMMANDS + READER, "-O1", "-flto"),
        "module": link(out, unit),
        "archive": archive(tmp_path / "lib.a", unit),
    }[kind]
    content = path.read_bytes()
    cut = tmp_path / "cut"
    failed = 0
    for size in range(8, len(content), 1 if len(content) < 3000 else 17):
        cut.write_bytes(content[:size])
        failed += bool(make_report([str(cut)], None, with_relocations=True).errors)
    assert failed > 20


def test_a_damaged_object_is_never_a_crash(cc: Compiler, out: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    for content in (cc(COMMANDS + READER, "-O1").read_bytes(), link(out, cc(COMMANDS + READER, "-O1")).read_bytes()):
        for position in range(8, len(content), 3):
            path.write_bytes(content[:position] + bytes((content[position] ^ 0x5A,)) + content[position + 1 :])
            make_report([str(path)], None, with_relocations=True)


def test_a_section_that_no_file_has_is_an_error(cc: Compiler) -> None:
    done = ldshim("inspect", "--section", "nothing", cc(NUMBERS))
    assert (done.returncode, done.stderr) == (1, f"ldshim inspect: no section nothing in {cc(NUMBERS)}\n")


def test_names_cannot_change_the_terminal(cc: Compiler) -> None:
    path = cc('__attribute__((used, section("numbers"))) int red __asm__("r\\033[31med") = 1;')
    for words in ([], ["--json"]):
        done = ldshim("inspect", *words, path, env={"NO_COLOR": "1"})
        assert "\x1b" not in done.stdout
        assert "x1b[31med" in done.stdout


# Output.


def in_terminal(path: Path, columns: int, **environ: str) -> str:
    """What is written to a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "ldshim", "inspect", str(path)]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**kept, "TERM": "xterm", **environ}) as process:
        os.close(theirs)
        content = b""
        try:
            while piece := os.read(ours, 1 << 16):
                content += piece
        except OSError:  # that is how the end looks
            pass
        os.close(ours)
    assert process.returncode == 0
    return content.decode().replace("\r\n", "\n")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


LONG = "__attribute__((used, section(\"numbers\"))) int " + "very_" * 30 + "long = 1;"


def test_a_terminal_gets_colours_and_no_line_longer_than_it(cc: Compiler) -> None:
    path = cc(LONG + COMMANDS + READER, "-O1")
    shown = in_terminal(path, 60)
    assert "\x1b[" in shown
    body = plain(shown).split("\n", 1)[1]
    assert max(map(len, body.splitlines())) <= 60
    assert "very_…" in body or "…" in body
    assert max(map(len, plain(in_terminal(path, 60, COLUMNS="300")).splitlines())) > 150
    assert "\x1b[" not in in_terminal(path, 60, NO_COLOR="1")
    assert "\x1b[" not in in_terminal(path, 60, TERM="dumb")


def test_a_pipe_gets_whole_lines_without_colours(cc: Compiler) -> None:
    path = cc(LONG + COMMANDS + READER, "-O1")
    shown = inspect(path, COLUMNS="60", FORCE_COLOR="", NO_COLOR="")
    assert "very_" * 30 + "long" in shown
    assert "\x1b" not in shown
    coloured = inspect(path, FORCE_COLOR="1", NO_COLOR="")
    assert "\x1b[" in coloured
    assert plain(coloured) == shown
    assert inspect(path, FORCE_COLOR="1", NO_COLOR="1") == shown


def test_a_reader_that_has_seen_enough_is_no_error(cc: Compiler) -> None:
    # More than a pipe holds.
    command = [sys.executable, "-m", "ldshim", "inspect", "--relocations", *[str(cc(COMMANDS + READER, "-O1"))] * 200]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_the_json_is_the_same_each_time_and_has_every_documented_field(cc: Compiler, out: Path) -> None:
    unit = cc(COMMANDS + READER + NUMBERS, "-O1")
    words: list[str | Path] = ["--json", "--relocations", unit, link(out, "--export-all", unit)]
    first = inspect(*words, PYTHONHASHSEED="1")
    assert first == inspect(*words, PYTHONHASHSEED="2")
    documented = set(re.findall(r"^\| `(\w+)` \|", (Path(__file__).parent.parent / "docs" / "inspect.md").read_text(), re.MULTILINE))
    assert fields_of(json.loads(first)) == documented


def fields_of(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(fields_of, value)) if value else set()
    if isinstance(value, dict):
        # The keys of `types` are types of relocations.
        nested = [fields_of(part) for name, part in value.items() if name != "types"]
        return set(value).union(*nested)
    return set()


def test_the_examples_in_the_documentation_are_what_is_printed(cc: Compiler, tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "inspect.md").read_text()
    source = page.partition("```c\n")[2].partition("```")[0]
    plugins = cc(source + "int unused;", "-O1", name="plugins")
    (tmp_path / "plugins.o").write_bytes(plugins.read_bytes())
    archive(tmp_path / "plugins.a", tmp_path / "plugins.o")
    reader = cc(source.partition("static")[0] + "void run_all(void) { LDSHIM_FOREACH(commands, it) it->run(); }", "-O1", name="main")
    (tmp_path / "main.o").write_bytes(reader.read_bytes())
    done = ldshim("--no-entry", "--export=run_all", "main.o", "plugins.a", "-o", "app.wasm", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    examples = re.findall(r"^    \$ ldshim inspect (.+)\n((?:(?:    .*)?\n)+)", page, re.MULTILINE)
    assert len(examples) == 2
    for words, expected in examples:
        done = ldshim("inspect", *words.split(), cwd=tmp_path)
        shown = "\n".join(line.removeprefix("    ") for line in expected.rstrip().splitlines())
        assert done.stdout.rstrip() == shown
