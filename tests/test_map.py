"""--ldshim-map: what the map says is where things are in the running module, and nothing is missing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.chromium import Page
from tests.harness import COLLECTING, Instance, archive, fails, ldshim, link, linker_path
from tests.linkers import WASM_LDS
from tests.rust import UNKNOWN, build, copy_of
from tests.test_custom_sections import inline, numbers
from tests.test_kinds_of_modules import Loaded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

Map = dict[str, Any]

# Each element is an int that its name ends with, so that whoever reads memory at an address sees which element lies there.
BOUNDS = """
extern __attribute__((visibility("hidden"))) int __start_numbers[], __stop_numbers[];
__attribute__((export_name("start"))) int *start(void) { return __start_numbers; }
__attribute__((export_name("stop"))) int *stop(void) { return __stop_numbers; }
__attribute__((export_name("read"))) int read(int *address) { return *address; }
"""
HEADER = "#include <ldshim.h>\nLDSHIM_SECTION(numbers, int);\n"


def marked(*values: int) -> str:
    return HEADER + "".join(f"LDSHIM_ELEMENT(numbers, int, n{value}) = {value};\n" for value in values)


def keyed(key: int, value: int) -> str:
    return HEADER + f"LDSHIM_ELEMENT_KEYED(numbers, {key}, int, n{value}) = {value};\n"


def native(*values: int) -> str:
    return "".join(f'static int n{value} __attribute__((used, section("numbers"))) = {value};\n' for value in values)


def linked(out: Path, *words: str | Path, **kwargs: Any) -> Map:
    """Link with and without a map, see that the module is the same and that the map's forms agree; returns it."""
    link(out, *words, **kwargs)
    before = out.read_bytes()
    path = out.with_suffix(".json")
    link(out, f"--ldshim-map={path}", *words, **kwargs)
    assert out.read_bytes() == before
    made: Map = json.loads(path.read_text())
    assert made["output"] == str(out)
    for section in made["sections"]:
        addresses = [element["address"] for element in section["elements"]]
        assert addresses == sorted(addresses)
        if section["padding"] is not None:
            assert section["size"] == section["stop"] - section["start"] == section["padding"] + sum(e["size"] for e in section["elements"])
    return made


def section(made: Map, name: str) -> Map:
    (found,) = [s for s in made["sections"] if s["name"] == name]
    return dict(found)


def input_of(item: Map) -> str:
    name = os.path.basename(item["file"])
    return name if item["member"] is None else f"{name}({item['member']})"


def described(items: list[Map]) -> list[tuple[str, str, str]]:
    return [(item["name"], input_of(item), item["rule"]) for item in items]


def assert_true(made: Map, program: Instance, *, base: int = 0) -> None:
    """What the map says of `numbers` is so in the running program."""
    found = section(made, "numbers")
    assert [found[bound] + base for bound in ("start", "stop")] == [program.start(), program.stop()]
    assert found["padding"] == 0
    assert [e["size"] for e in found["elements"]] == [4] * (found["size"] // 4)
    assert [program.read(e["address"] + base) for e in found["elements"]] == [int(e["name"][1:]) for e in found["elements"]]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_every_element_is_where_the_map_says(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    main = cc(BOUNDS + native(1, 2), "-O1", name="main")
    library = archive(tmp_path / "lib.a", cc(marked(3, 4), name="plugin"), cc(keyed(20, 5), name="late"), cc("int other;", name="other"))
    keys = cc(keyed(3, 6), name="keys")
    for collecting in COLLECTING:
        made = linked(out, collecting, main, keys, library, lld=lld)
        assert_true(made, Instance(out))
        elements = section(made, "numbers")["elements"]
        assert described(elements) == [
            ("n1", "main.o", "segment"),
            ("n2", "main.o", "segment"),
            ("n3", "lib.a(plugin.o)", "marker"),
            ("n4", "lib.a(plugin.o)", "marker"),
            ("n6", "keys.o", "marker"),
            ("n5", "lib.a(late.o)", "marker"),
        ]
        assert [e["key"] for e in elements] == ["", "", "", "", "3", "20"]
        assert [e["extracted"] for e in elements] == [False, False, True, True, False, True]
        assert elements[2]["symbols"] == ["__ldshim$numbers$$n3"]
        assert section(made, "numbers")["absent"] == []


@pytest.mark.parametrize("lld", WASM_LDS)
@pytest.mark.parametrize("flag", ["-s", "--no-merge-data-segments", "--export-all", "--stack-first"])
def test_options_that_change_the_module_change_no_address_in_the_map(cc: Compiler, out: Path, lld: str, flag: str) -> None:
    made = linked(out, flag, cc(BOUNDS + native(1), "-O1"), cc(marked(2), name="two"), lld=lld)
    assert_true(made, Instance(out))
    assert [e["name"] for e in section(made, "numbers")["elements"]] == ["n1", "n2"]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_segments_of_shared_memory(cc: Compiler, out: Path, lld: str) -> None:
    flags = ("-O1", "-pthread", "-matomics", "-mbulk-memory")
    made = linked(out, "--shared-memory", "--max-memory=262144", cc(BOUNDS + native(1), *flags), cc(marked(2, 3), *flags, name="m"), lld=lld)
    assert_true(made, Instance(out))


@pytest.mark.parametrize("lld", WASM_LDS)
def test_64_bit_memory(cc: Compiler, out: Path, lld: str) -> None:
    clang = "14" if lld in ("14", "15", "16") else "22"
    units = [cc(source, "-O1", target="wasm64", clang=clang) for source in (BOUNDS + native(1), marked(2, 3))]
    made = linked(out, "-mwasm64", *units, lld=lld)
    assert_true(made, Instance(out))


@pytest.mark.parametrize("kind", ["-shared", "-pie"])
@pytest.mark.parametrize("lld", WASM_LDS)
def test_addresses_of_position_independent_modules_are_relative(cc: Compiler, out: Path, lld: str, kind: str) -> None:
    units = [cc(source, "-O1", "-fPIC", target="wasm32-unknown-emscripten") for source in (BOUNDS + native(1), marked(2, 3), keyed(1, 4))]
    made = linked(out, kind, "--experimental-pic", *units, lld=lld)
    assert made["addresses"] == "relative to __memory_base"
    assert_true(made, Loaded(out), base=4096)
    assert len(section(made, "numbers")["elements"]) == 4
    # Of segments alone lld makes the bounds.
    others = [cc(source, "-O1", "-fPIC", target="wasm32-unknown-emscripten") for source in (native(5), "int data = 6;")]
    assert_true(linked(out, kind, "--experimental-pic", "--export=data", *reversed(others), units[0], lld=lld), Loaded(out), base=4096)


@pytest.mark.parametrize("lld", WASM_LDS)
@pytest.mark.parametrize("flavor", ["-flto", "-flto=thin"])
def test_link_time_optimization(cc: Compiler, out: Path, tmp_path: Path, lld: str, flavor: str) -> None:
    clang = "22" if lld in ("22", "zig") else "14"
    flags = ("-O2", flavor)
    main = cc(BOUNDS + native(1, 2), *flags, clang=clang, name="main")
    library = archive(tmp_path / "lib.a", cc(marked(3, 4), *flags, clang=clang, name="plugin"))
    made = linked(out, main, cc(marked(5), clang=clang, name="object"), cc(keyed(2, 6), *flags, clang=clang, name="keys"), library, lld=lld)
    assert_true(made, Instance(out))
    elements = section(made, "numbers")["elements"]
    assert sorted(described(elements)) == [
        ("n1", "main.o", "segment"),
        ("n2", "main.o", "segment"),
        ("n3", "lib.a(plugin.o)", "marker"),
        ("n4", "lib.a(plugin.o)", "marker"),
        ("n5", "object.o", "marker"),
        ("n6", "keys.o", "marker"),
    ]
    assert {e["name"]: e["bitcode"] for e in elements} == {f"n{n}": n != 5 for n in range(1, 7)}


def test_statics_of_one_name_that_lto_makes_alike_keep_their_addresses(cc: Compiler, out: Path) -> None:
    # Both are called `same`, neither is marked as used: afterwards nothing says which is whose.
    local = 'static int same __attribute__((section("numbers"))) = %d;\nint *take%d(void) { return &same; }\n'
    takes = 'int *take7(void), *take8(void);\n__attribute__((export_name("take"))) int *take(int i) { return i ? take7() : take8(); }\n'
    units = [cc(local % (value, value), "-O1", "-flto", name=f"unit{value}") for value in (7, 8)]
    made = linked(out, cc(BOUNDS + takes, "-O1", name="main"), *units)
    found = section(made, "numbers")
    program = Instance(out)
    assert sorted(program.read(e["address"]) for e in found["elements"]) == [7, 8]
    assert sorted(e["address"] for e in found["elements"]) == sorted([program.take(0), program.take(1)])
    assert [(e["file"], e["rule"], e["bitcode"]) for e in found["elements"]] == [(None, None, True)] * 2


@pytest.mark.parametrize("lld", WASM_LDS)
def test_copies_are_listed_as_such(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    inline_variable = 'inline __attribute__((used, section("numbers"))) int n3 = 3;\nint *use%d() { return &n3; }\n'
    units = [cc(inline_variable % i, "-O1", "-std=c++17", language="c++", name=f"unit{i}") for i in (1, 2)]
    weak = [cc(f'__attribute__((used, weak)) int n4 __asm__("__ldshim$numbers$$n4") = 4; int f{i};', name=f"weak{i}") for i in (1, 2)]
    bounds = cc(BOUNDS, "-O1", name="main")
    for collecting in COLLECTING:
        made = linked(out, collecting, bounds, *units, *weak, lld=lld)
        assert_true(made, Instance(out))
        found = section(made, "numbers")
        assert described(found["elements"]) == [("n3", "unit1.o", "segment"), ("n4", "weak1.o", "marker")]
        copies = [(a["name"], input_of(a), a["reason"], os.path.basename(a["kept"])) for a in found["absent"]]
        assert sorted(copies) == [("n3", "unit2.o", "copy", "unit1.o"), ("n4", "weak2.o", "copy", "weak1.o")]
    # Where all copies are in members that may not be loaded, the choice is lld's.
    library = archive(tmp_path / "lib.a", *units)
    made = linked(out, bounds, "-u", "_Z4use1v", "-u", "_Z4use2v", library, lld=lld)
    assert_true(made, Instance(out))
    found = section(made, "numbers")
    assert len(found["elements"]) == 1
    assert [a["reason"] for a in found["absent"]] == ["copy"]
    assert found["absent"][0]["kept"] != str(library) + "(" + found["absent"][0]["member"] + ")"


@pytest.mark.parametrize("lld", WASM_LDS)
def test_what_lld_collected_and_what_it_never_saw_is_listed(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    unused = cc('int n2 __attribute__((section("numbers"))) = 2;', name="unused")
    dead = cc('int n3 __attribute__((section("numbers"))) = 3;\nint data = 1;', name="dead")
    library = archive(tmp_path / "lib.a", dead, cc(native(4) + "int nobody(void) { return 1; }", name="unloaded"))
    main = cc(BOUNDS + native(1), "-O1", name="main")
    made = linked(out, main, unused, "-u", "data", library, lld=lld)
    assert_true(made, Instance(out))
    found = section(made, "numbers")
    assert described(found["elements"]) == [("n1", "main.o", "segment")]
    assert [(a["name"], input_of(a), a["reason"]) for a in found["absent"]] == [
        ("n2", "unused.o", "collected"),
        ("n3", "lib.a(dead.o)", "collected"),
        ("n4", "lib.a(unloaded.o)", "not linked"),
    ]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_section_that_nothing_reads_is_not_in_the_module(cc: Compiler, out: Path, lld: str) -> None:
    made = linked(out, cc(marked(1, 2), name="unread"), lld=lld)
    found = section(made, "numbers")
    assert (found["start"], found["stop"], found["size"], found["elements"]) == (None, None, None, [])
    assert [(a["name"], a["reason"]) for a in found["absent"]] == [("n1", "collected"), ("n2", "collected")]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_an_element_may_be_there_without_the_bounds(cc: Compiler, out: Path, lld: str) -> None:
    user = "extern int n1 __asm__(\"__ldshim$numbers$$n1\");\n__attribute__((export_name(\"use\"))) int *use(void) { return &n1; }\n"
    dead = "extern int __start_numbers[]; int *dead(void) { return __start_numbers; }\n"
    made = linked(out, cc(user + dead, "-O1", name="user"), cc(marked(1, 2), name="plugin"), lld=lld)
    found = section(made, "numbers")
    assert [(e["name"], e["address"]) for e in found["elements"]] == [("n1", Instance(out).use())]
    assert [(a["name"], a["reason"]) for a in found["absent"]] == [("n2", "collected")]
    assert (found["start"], found["stop"], found["padding"]) == (None, None, None)


@pytest.mark.parametrize("lld", WASM_LDS)
def test_an_empty_section_has_bounds_and_says_who_declares_it(cc: Compiler, out: Path, lld: str) -> None:
    made = linked(out, cc(HEADER + "LDSHIM_MAY_BE_EMPTY(numbers);\n" + BOUNDS, "-O1", name="main"), lld=lld)
    found = section(made, "numbers")
    program = Instance(out)
    assert (found["start"], found["stop"], found["size"]) == (program.start(), program.stop(), 0)
    assert found["elements"] == []
    assert described(found["declarations"]) == [("declaration", "main.o", "marker")]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_pointer_table_and_what_it_points_to(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    source = """#include <ldshim.h>
LDSHIM_POINTERS(shapes, const int);
LDSHIM_POINTERS_ELEMENT(shapes, const int, n%d) = %d;
LDSHIM_POINTERS_ELEMENT_KEYED(shapes, 5, const int[9], many%d) = {%d};
"""
    reader = """#include <ldshim.h>
LDSHIM_POINTERS(shapes, const int);
__attribute__((export_name("start"))) const void *start(void) { return LDSHIM_POINTERS_BEGIN(shapes); }
__attribute__((export_name("stop"))) const void *stop(void) { return LDSHIM_POINTERS_END(shapes); }
__attribute__((export_name("read"))) int read(int *address) { return *address; }
"""
    units = [cc(source % ((value,) * 4), name=f"unit{value}") for value in (1, 2)]
    made = linked(out, cc(reader, "-O1"), units[0], archive(tmp_path / "lib.a", units[1]), lld=lld)
    program = Instance(out)
    table, shapes = section(made, "shapes_ptrs"), section(made, "shapes")
    assert table["table_of"] == "shapes"
    assert (table["start"], table["stop"], table["padding"]) == (program.start(), program.stop(), 0)
    assert described(table["elements"]) == [
        ("n1", "unit1.o", "table"),
        ("n2", "lib.a(unit2.o)", "table"),
        ("many1", "unit1.o", "table"),
        ("many2", "lib.a(unit2.o)", "table"),
    ]
    places = {e["name"]: (e["address"], e["size"]) for e in shapes["elements"]}
    assert {e["name"]: program.read(e["address"]) for e in table["elements"]} == {name: address for name, (address, _) in places.items()}
    assert [places[name][1] for name in ("n1", "many2")] == [4, 36]
    assert (shapes["start"], shapes["stop"]) == (None, None)


@pytest.mark.parametrize("lld", WASM_LDS)
def test_custom_sections_of_assembly(cc: Compiler, out: Path, lld: str) -> None:
    unit = cc("int f(void) { return 1; }\n" + inline(numbers(4, 5)), "-O1", name="unit")
    twice = cc(numbers(6) + numbers(7, section="more"), language="assembler", name="twice")
    made = linked(out, cc(BOUNDS, "-O1"), unit, twice, lld=lld)
    program = Instance(out)
    found = section(made, "numbers")
    assert described(found["elements"]) == [("", "unit.o", "custom section"), ("", "twice.o", "custom section")]
    assert (found["start"], found["stop"], found["padding"]) == (program.start(), program.stop(), 0)
    assert [program.read(e["address"]) for e in found["elements"]] == [4, 6]
    assert [e["size"] for e in found["elements"]] == [8, 4]


def test_padding_between_the_statics_of_a_segment_is_no_element(cc: Compiler, out: Path) -> None:
    source = """
        .section numbers,"",@
        .p2align 3
n1:     .int32 1
        .size n1, 4
        .int32 0
n2:     .int32 2
        .size n2, 4
        .int32 98
n3:     .int32 3
        .size n3, 4
        .int32 99
        .no_dead_strip n1
        .no_dead_strip n2
        .no_dead_strip n3
"""
    made = linked(out, cc(BOUNDS, "-O1"), cc(source, language="assembler", name="gaps"))
    found = section(made, "numbers")
    assert [(e["name"], e["size"], e["address"] - found["start"]) for e in found["elements"]] == [
        ("n1", 4, 0), ("n2", 4, 8), ("", 4, 12), ("n3", 4, 16), ("", 4, 20),
    ]
    assert found["padding"] == 4


@pytest.mark.parametrize("lld", WASM_LDS)
@pytest.mark.parametrize("thin", [False, True])
def test_members_of_one_name(cc: Compiler, out: Path, tmp_path: Path, lld: str, thin: bool) -> None:
    # An unused one, one that is reached, and one with a marker, loaded in another order than they stand in.
    sources = ('int n1 __attribute__((section("numbers"))) = 1;\nint a;', native(2) + "int b;", marked(3), native(4) + "int c;")
    for index, source in enumerate(sources):
        (tmp_path / str(index)).mkdir()
        shutil.copy(cc(source, "-O1", name="same"), tmp_path / str(index) / "same.o")
    library = archive(tmp_path / "lib.a", *(tmp_path / str(index) / "same.o" for index in range(4)), thin=thin)
    made = linked(out, cc(BOUNDS, "-O1"), "-u", "c", "-u", "b", "-u", "a", library, lld=lld)
    assert_true(made, Instance(out))
    found = section(made, "numbers")
    assert {e["name"] for e in found["elements"]} == {"n2", "n3", "n4"}
    assert [(a["name"], a["reason"]) for a in found["absent"]] == [("n1", "collected")]
    assert {e["file"] for e in found["elements"]} == {str(library)}
    # As many as there are, of one size, and loaded in the opposite order.
    library = archive(tmp_path / "two.a", *(tmp_path / index / "same.o" for index in "13"), thin=thin)
    made = linked(out, cc(BOUNDS, "-O1"), "-u", "c", "-u", "b", library, lld=lld)
    assert_true(made, Instance(out))
    assert {e["name"] for e in section(made, "numbers")["elements"]} == {"n2", "n4"}


def test_all_of_an_archive_and_groups_of_lazy_objects(cc: Compiler, out: Path, tmp_path: Path) -> None:
    whole = archive(tmp_path / "whole.a", cc(native(1), name="one"), cc(marked(2), name="two"))
    lazy = [cc(marked(3), name="three"), cc(native(4) + "int nobody;", name="four")]
    made = linked(out, cc(BOUNDS, "-O1"), "--whole-archive", whole, "--no-whole-archive", "--start-lib", *lazy, "--end-lib")
    assert_true(made, Instance(out))
    found = section(made, "numbers")
    assert [(e["name"], e["member"], e["extracted"]) for e in found["elements"]] == [
        ("n1", "one.o", False),
        ("n2", "two.o", False),
        ("n3", None, True),
    ]
    assert [(a["name"], a["reason"]) for a in found["absent"]] == [("n4", "not linked")]


def test_one_object_twice(cc: Compiler, out: Path) -> None:
    unit = cc(native(1), name="unit")
    made = linked(out, cc(BOUNDS, "-O1"), unit, unit)
    assert_true(made, Instance(out))
    assert [input_of(e) for e in section(made, "numbers")["elements"]] == ["unit.o"] * 2


@pytest.mark.parametrize("flavor", ["-flto", "-flto=thin"])
def test_names_that_lld_demangles(cc: Compiler, out: Path, flavor: str) -> None:
    source = 'namespace plug { inline __attribute__((used, section("numbers"))) int n%d = %d; int *take%d() { return &n%d; } }'
    units = [cc(source % ((value,) * 4), "-O1", "-std=c++17", flag, language="c++", name=f"unit{value}") for value, flag in ((1, flavor), (2, "-O1"))]
    dead = 'namespace plug { __attribute__((section("numbers"))) int dead = 9; int n3 __attribute__((used, section("numbers"))) = 3; }'
    made = linked(out, cc(BOUNDS, "-O1"), *units, cc(dead, flavor, "-O1", language="c++", name="unit3"))
    found = section(made, "numbers")
    program = Instance(out)
    places = {input_of(e): e for e in found["elements"] if program.read(e["address"]) != 9}
    assert {name: program.read(e["address"]) for name, e in places.items()} == {f"unit{n}.o": n for n in (1, 2, 3)}
    assert places["unit1.o"]["symbols"] == ["_ZN4plug2n1E"]


def test_an_own_option_in_a_response_file(cc: Compiler, out: Path, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text(f"--ldshim-map={tmp_path / 'first.map'} --ldshim-map {tmp_path / 'last.map'}")
    link(out, cc(BOUNDS + native(1), "-O1"), f"@{words}")
    assert not (tmp_path / "first.map").exists()
    assert "n1" in (tmp_path / "last.map").read_text()


def test_a_link_whose_words_fill_response_files(cc: Compiler, out: Path, tmp_path: Path) -> None:
    # Too long for one command line, and linked twice since lld's map is wanted, too.
    words = tmp_path / "words"
    words.write_text("\n".join(f"-L{tmp_path}/{'x' * 200}/{index}" for index in range(12000)))
    made = linked(out, cc(BOUNDS + native(1), "-O1"), cc(marked(2)), f"@{words}", f"-Map={tmp_path / 'lld.map'}")
    assert_true(made, Instance(out))


@pytest.mark.parametrize("lld", WASM_LDS)
def test_bounds_of_ones_own(cc: Compiler, out: Path, lld: str) -> None:
    source = """
int first __asm__("__start_numbers") __attribute__((used)) = 0;
int last __asm__("__stop_numbers") __attribute__((used)) = 0;
"""
    made = linked(out, cc(BOUNDS, "-O1"), cc(source, name="own"), cc(native(1)), lld=lld)
    found, program = section(made, "numbers"), Instance(out)
    assert (found["start"], found["stop"]) == (program.start(), program.stop())
    assert [program.read(e["address"]) for e in found["elements"]] == [1]
    assert found["padding"] is None  # the element lies elsewhere


@pytest.mark.parametrize("program", ["link_section", "matrix"])
def test_rust(program: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    project = copy_of(program, tmp_path_factory.getbasetemp().parent)
    path = tmp_path / "map.json"
    env = {"CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": f"-C link-arg=--ldshim-map={path}"}
    package = "link-section" if program == "link_section" else "module"
    module = Instance(build(project, package, tmp_path, "--release", target=UNKNOWN, env=env)["cdylib"])
    made = json.loads(path.read_text())
    (found,) = [s for s in made["sections"] if s["name"] == "numbers" or s["name"].startswith("linkme_NUMBERS_")]
    memory: Any = module.exports["memory"]
    content = memory.read(module.store, found["start"], found["stop"])
    values = [int.from_bytes(memory.read(module.store, e["address"], e["address"] + e["size"])[:4], "little") for e in found["elements"]]
    assert found["padding"] == 0
    assert sum(e["size"] for e in found["elements"]) == len(content)
    if program == "link_section":
        assert sorted(values) == [1, 2, 4]  # one of them is an array of two
        assert {e["rule"] for e in found["elements"]} == {"paired"}
    else:
        assert sorted(values) == [1, 10, 10, 20, 21, 30]
        assert {e["rule"] for e in found["elements"]} == {"marker"}
        assert any(e["extracted"] for e in found["elements"])


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_link_with_nothing_to_collect_has_an_empty_map(cc: Compiler, out: Path, lld: str) -> None:
    assert linked(out, cc("int f(void) { return 1; }"), "--export=f", lld=lld)["sections"] == []
    link(out, cc("int f(void) { return 1; }"), "--export=f", "--ldshim-map", out.with_suffix(".map"), lld=lld)
    assert out.with_suffix(".map").read_text() == f"Named sections of {out}; addresses are absolute.\nThere are none.\n"


def test_a_map_of_segments_that_ldshim_leaves_alone(cc: Compiler, out: Path) -> None:
    # Global and used: lld keeps it by itself, and there is no plan.
    made = linked(out, cc(BOUNDS + 'int n1 __attribute__((used, section("numbers"))) = 1;', "-O1"))
    assert_true(made, Instance(out))


@pytest.mark.parametrize(("words", "env", "note"), [(["-r"], {}, "final link"), ([], {"LDSHIM": "off"}, "LDSHIM=off")])
def test_a_link_that_ldshim_does_not_look_at_says_so(cc: Compiler, out: Path, words: list[str], env: dict[str, str], note: str) -> None:
    path = out.with_suffix(".json")
    done = ldshim(*words, "--no-entry", cc("int f;"), "-o", out, f"--ldshim-map={path}", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads(path.read_text())
    assert made["sections"] == []
    assert note in made["note"]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_map_of_lld_is_written_as_before(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    main, plugin = cc(BOUNDS + native(1), "-O1"), cc(marked(2), name="plugin")
    theirs = tmp_path / "lld.map"
    link(out, main, plugin, f"-Map={theirs}", lld=lld)
    before = theirs.read_bytes()
    module = out.read_bytes()
    theirs.unlink()
    path = tmp_path / "ours.json"
    link(out, main, plugin, f"-Map={theirs}", f"--ldshim-map={path}", lld=lld)
    assert theirs.read_bytes() == before
    assert out.read_bytes() == module
    assert_true(json.loads(path.read_text()), Instance(out))
    words = ("--no-entry", main, plugin, "-M", "-o", out)
    plain = ldshim(*words, lld=lld)
    path.unlink()
    done = ldshim(*words, f"--ldshim-map={path}", lld=lld)
    assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, "")
    assert_true(json.loads(path.read_text()), Instance(out))


def test_a_second_link_that_makes_another_module_gives_no_addresses(cc: Compiler, out: Path, tmp_path: Path) -> None:
    # A linker that adds a byte each time; ldshim links again where the user wants lld's map as well.
    count = tmp_path / "count"
    stand_in = tmp_path / "wasm-ld-counting"
    stand_in.write_text(f"""#!/bin/sh
{linker_path("22")} "$@" || exit
for word; do case $last in -o) output=$word;; esac; last=$word; done
printf x >> {count}
printf '\\000\\005\\004abc' >> "$output"; cat {count} | wc -c | tr -d '\\n' >> "$output"
""")
    stand_in.chmod(0o755)
    path = tmp_path / "map.json"
    done = ldshim(
        "--no-entry", cc(BOUNDS + native(1), "-O1"), cc(marked(2)), "-o", out, f"-Map={tmp_path / 'lld.map'}", f"--ldshim-map={path}",
        env={"LDSHIM_LINKER": str(stand_in)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads(path.read_text())
    assert [(e["name"], e["address"]) for e in section(made, "numbers")["elements"]] == [("n1", None), ("n2", None)]
    assert "unknown" in made["note"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_lld_links_again_for_the_map_ends_ldshim(cc: Compiler, out: Path, tmp_path: Path, number: signal.Signals) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    stand_in = tmp_path / "wasm-ld"
    stand_in.write_text(f'#!/bin/sh\ncase "$*" in */again/*) touch {tmp_path}/again; exec sleep 600;; esac\nexec {linker_path("22")} "$@"\n')
    stand_in.chmod(0o755)
    words = ("--no-entry", cc(BOUNDS + native(1), "-O1"), cc(marked(2)), "-o", out, f"-Map={tmp_path / 'lld.map'}")
    env = {**os.environ, "LDSHIM_LINKER": str(stand_in), "TMPDIR": str(scratch), "LDSHIM_VERIFY": "0"}
    command = [sys.executable, "-m", "ldshim", *map(str, words), f"--ldshim-map={tmp_path / 'map.json'}"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "again").exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        said = process.communicate()[1]
    assert (process.returncode, said) == (-number, "")
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "map.json").exists()


def test_a_link_that_fails_leaves_an_old_map_and_writes_none(cc: Compiler, out: Path, tmp_path: Path) -> None:
    # So lld does with the file of -Map.
    undefined = cc("void missing(void); " + BOUNDS + native(1) + '__attribute__((export_name("f"))) void f(void) { missing(); }')
    new, old = tmp_path / "new.map", tmp_path / "old.map"
    old.write_text("old")
    for path in (new, old):
        assert "missing" in fails(out, undefined, f"--ldshim-map={path}")
    assert not new.exists()
    assert old.read_text() == "old"


@pytest.mark.parametrize("collected", [True, False])
def test_a_map_that_cannot_be_written_is_one_error_before_the_link(cc: Compiler, out: Path, tmp_path: Path, collected: bool) -> None:
    unit = cc(BOUNDS + native(1)) if collected else cc("int f;")
    for path, why in ((tmp_path / "no" / "x.map", "No such file or directory"), (tmp_path, "Is a directory")):
        assert fails(out, unit, f"--ldshim-map={path}") == f"ldshim: error: cannot open map file {path}: {why}\n"
    assert fails(out, unit, "--ldshim-map=") == "ldshim: error: --ldshim-map: missing argument\n"
    assert "is a file of the link itself" in fails(out, unit, f"--ldshim-map={out}")
    mine = tmp_path / "mine.o"
    shutil.copy(unit, mine)
    assert "is a file of the link itself" in fails(out, mine, f"--ldshim-map={mine}")
    assert mine.read_bytes() == unit.read_bytes()


def test_a_map_on_stdout(cc: Compiler, out: Path) -> None:
    done = ldshim("--no-entry", cc(BOUNDS + native(1), "-O1"), "-o", out, "--ldshim-map=-")
    assert done.returncode == 0
    assert "section numbers: 1 element, 4 bytes" in done.stdout


@pytest.mark.parametrize("suffix", ["map", "json", "html"])
def test_the_map_depends_on_no_directory(cc: Compiler, tmp_path: Path, suffix: str) -> None:
    made = []
    for name in ("one", "another"):
        folder = tmp_path / name
        (folder / "lib").mkdir(parents=True)
        shutil.copy(cc(BOUNDS + native(1), "-O1", name="main"), folder / "main.o")
        archive(folder / "lib" / "libplug.a", cc(marked(2), name="plugin"), cc(keyed(1, 3), "-flto", name="keys"))
        link(folder / "out.wasm", "main.o", "-Llib", "-lplug", "-o", "out.wasm", f"--ldshim-map=out.{suffix}", cwd=folder)
        text = (folder / f"out.{suffix}").read_text()
        assert str(tmp_path) not in text.replace(str(folder / "out.wasm"), "")
        made.append(text.replace(str(folder / "out.wasm"), "out.wasm"))
    assert made[0] == made[1]
    assert "lib/libplug.a" in made[0]


def test_the_text_says_what_the_json_says(cc: Compiler, tmp_path: Path) -> None:
    shutil.copy(cc(BOUNDS + native(1), "-O1", name="main"), tmp_path / "main.o")
    archive(tmp_path / "lib.a", cc(keyed(20, 3) + "int own;", name="plugin"), cc(native(4), name="unloaded"))
    done = ldshim("--no-entry", "main.o", "lib.a", "-o", "out.wasm", "--ldshim-map=out.map", cwd=tmp_path, lld="16")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.map").read_text() == """\
Named sections of out.wasm; addresses are absolute.

section numbers: 2 elements, 8 bytes, 0x404 to 0x40c
  address  size  name  key  input              by
    0x404     4  n1         main.o             segment
    0x408     4  n3    20   lib.a(plugin.o)    marker, extracted member
   absent     4  n4         lib.a(unloaded.o)  segment; nothing refers to its archive member
"""


def test_names_that_do_not_mean_well(cc: Compiler, out: Path, tmp_path: Path) -> None:
    nasty = "</script><script>document.title='bad'</script>\\n\\033[31m"
    source = f'__attribute__((used)) int x __asm__("__ldshim$numbers$${nasty}") = 1;'
    unit = tmp_path / "<b>odd\udcff.o"
    shutil.copy(cc(source), unit)
    for suffix in ("map", "json", "html"):
        link(out, cc(BOUNDS, "-O1"), unit, f"--ldshim-map={out.with_suffix('.' + suffix)}")
    text = out.with_suffix(".map").read_text()
    assert "\033" not in text
    assert "document.title" in text
    (element,) = section(json.loads(out.with_suffix(".json").read_text()), "numbers")["elements"]
    assert element["name"] == nasty.replace("\\n", "\n").replace("\\033", "\033")
    assert os.path.basename(element["file"]) == "<b>odd\\xff.o"
    with Page(out.with_suffix(".html"), tmp_path / "profile") as page:
        assert page.evaluate("document.title").startswith("Named sections of ")
        assert "<b>odd\\xff.o" in page.evaluate("document.querySelector('tbody').innerText")


# What a reader sees of the page.
SHOWN = """
Array.from(document.querySelectorAll("section[data-section]")).filter(s => s.checkVisibility()).map(s => [
  s.dataset.section, Array.from(s.querySelectorAll("tbody tr")).filter(r => r.checkVisibility()).map(r => r.innerText.split(/\\s+/)[0])])
"""


@pytest.fixture
def html(cc: Compiler, out: Path, tmp_path: Path) -> Path:
    """A page of two sections: `numbers` with 1 to 3 of two files, and `others`."""
    main = BOUNDS + native(1) + marked(2) + "LDSHIM_SECTION(others, int);\nLDSHIM_ELEMENT(others, int, other) = 9;\n"
    reader = '__attribute__((export_name("o"))) int o(void) { int n = 0; LDSHIM_FOREACH(others, it) n += *it; return n; }\n'
    path = out.with_suffix(".html")
    library = archive(tmp_path / "plugins.a", cc(keyed(7, 3), name="plugin"))
    link(out, cc(main + reader, "-O1", name="main"), library, f"--ldshim-map={path}", lld="16")
    return path


def test_the_page_is_searched_by_typing(html: Path, tmp_path: Path) -> None:
    with Page(html, tmp_path / "profile") as page:
        everything = [["numbers", ["0x404", "0x408", "0x40c"]], ["others", ["0x414"]]]
        assert page.evaluate(SHOWN) == everything
        assert page.evaluate("count.textContent") == "4 elements"
        page.press("/", 191, "/")
        page.type("Plugin.o")
        assert page.evaluate("search.value") == "Plugin.o"
        assert page.evaluate(SHOWN) == [["numbers", ["0x40c"]]]
        assert page.evaluate("count.textContent") == "1 of 4 elements"
        page.press("Escape", 27)
        assert page.evaluate(SHOWN) == everything
        page.type("marker numbers")  # both words
        assert page.evaluate(SHOWN) == [["numbers", ["0x408", "0x40c"]]]
        page.press("Escape", 27)
        page.type("0x416")  # an address inside an element
        assert page.evaluate(SHOWN) == [["others", ["0x414"]]]
        page.press("Escape", 27)
        page.type("nothing like it")
        assert page.evaluate(SHOWN) == []
        assert page.errors == []


def test_the_page_needs_nothing_else(html: Path, tmp_path: Path) -> None:
    with Page(html, tmp_path / "profile") as page:
        assert {url for url in page.requests if url != "about:blank"} == {html.as_uri()}
        assert page.errors == []


def test_the_pictures_are_to_scale_and_walked_with_the_keyboard(html: Path, tmp_path: Path) -> None:
    with Page(html, tmp_path / "profile") as page:
        pixel = "(x => { const c = document.querySelector('[data-section=numbers] canvas'); return Array.from(c.getContext('2d').getImageData(c.width * x, 4, 1, 1).data).join() })"
        first, second, third = (page.evaluate(f"{pixel}({x})") for x in (0.3, 0.6, 0.75))
        assert first == second != third  # the third is of another file, and begins at two thirds
        page.evaluate("document.querySelector('[data-section=numbers] canvas').focus()")
        page.press("ArrowRight", 39)
        page.press("ArrowRight", 39)
        readout = page.evaluate("document.querySelector('[data-section=numbers] .readout').textContent")
        assert readout.startswith("0x408, 4 bytes: n2 from ")
        page.press("Enter", 13)
        assert page.evaluate("document.activeElement.innerText").startswith("0x408")


CONTRAST = """
(() => {
  const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const luminance = name => {
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
    return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  };
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const pairs = [["--text", "--page"], ["--text", "--card"], ["--quiet", "--page"], ["--quiet", "--card"], ["--text", "--row"]];
  for (const color of ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--s0", "--s1"]) pairs.push(["--on", color]);
  return pairs.map(([a, b]) => [a, b, contrast(a, b)]);
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_reading_takes(html: Path, tmp_path: Path, scheme: str) -> None:
    with Page(html, tmp_path / "profile") as page:
        page.prefer(scheme)
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(246, 247, 249)") == (scheme == "light")
        # 4.5 is what WCAG 2 asks for (level AA).
        assert [pair for pair in page.evaluate(CONTRAST) if pair[2] < 4.5] == []
