"""No element is lost, and none counts twice."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import wasmtime

from ldshim.inputs import SEARCH_NAMES_FROM
from tests.harness import CLANGS, COLLECTING, ENGINE, Instance, archive, export_names, fails, ldshim, link
from tests.linkers import WASM_LDS
from tests.test_custom_sections import inline, numbers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

READER = """
extern int __start_numbers[], __stop_numbers[];
__attribute__((export_name("count"))) int count(void) { return __stop_numbers - __start_numbers; }
__attribute__((export_name("at"))) int at(int i) { return __start_numbers[i]; }
"""

INLINE_VARIABLE = """
inline __attribute__((used, section("numbers"))) int shared = 3;
static __attribute__((used, section("numbers"))) int own%d = %d;
int *use%d() { return &shared; }
"""


def marked(name: str, value: int, key: str = "") -> str:
    return f'int {name} __asm__("__ldshim$numbers${key}${name}") __attribute__((used)) = {value};\n'


def native(name: str, value: int) -> str:
    return f'static int {name} __attribute__((used, section("numbers"))) = {value};\n'


def project(cc: Compiler, place: Path) -> Path:
    """A directory with the inputs of a link that rewrites: a reader, an element, and an archive with an element."""
    place.mkdir()
    for name, source in {"reader": READER, "one": marked("one", 1)}.items():
        shutil.copy(cc(source, "-O1"), place / f"{name}.o")
    archive(place / "libtwo.a", cc(marked("two", 2), "-O1", name="two"))
    return place


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_cxx_inline_variable_in_two_objects_counts_once(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    for clang in CLANGS:
        units = [cc(INLINE_VARIABLE % (i, i, i), "-O1", "-std=c++17", language="c++", clang=clang) for i in (1, 2)]
        library = archive(tmp_path / "lib.a", *units)
        user = cc("int *use1(), *use2();\n__attribute__((export_name(\"u\"))) bool u() { return use1() == use2(); }", language="c++")
        for collecting in COLLECTING:
            ways: list[list[str | Path]] = [[*units], [library], ["--whole-archive", library], [units[0], archive(tmp_path / "two.a", units[1])]]
            for objects in ways:
                program = Instance(link(out, collecting, cc(READER, "-O1"), user, *objects, lld=lld))
                assert sorted(program.list()) == [1, 2, 3], (clang, collecting, objects)
                assert program.u() == 1


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_used_static_in_a_dead_member_that_is_loaded_is_kept(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    # lld drops it: the flag RETAIN counts in objects of which something is live, and before lld 19 not even there.
    member = cc("int reached(void) { return 1; }\n" + native("element", 7), "-O1")
    library = archive(tmp_path / "lib.a", member)
    module = link(out, "-u", "reached", cc(READER, "-O1"), cc(native("first", 6), "-O1"), library, lld=lld)
    assert sorted(Instance(module).list()) == [6, 7]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_used_static_behind_one_that_is_not_used_is_kept(cc: Compiler, out: Path, lld: str) -> None:
    # LLVM decides about RETAIN by the first static of a section.
    source = '__attribute__((section("numbers"))) int first = 1;\n' + native("second", 2)
    assert Instance(link(out, cc(READER, "-O1"), cc(source, "-O1"), lld=lld)).list() == [1, 2]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_strings_of_a_section_are_not_merged(cc: Compiler, out: Path, lld: str) -> None:
    source = 'static const char %s[6] __attribute__((used, section("texts"))) = "hello";\n'
    reader = READER.replace("int __start_numbers", "char __start_numbers").replace("numbers", "texts")
    units = [cc(source % name, "-O1") for name in ("one", "two")]
    assembly = '        .section texts,"SR",@\n%s: .asciz "hello"\n        .size %s, 6\n        .no_dead_strip %s\n'
    units.extend(cc(assembly % (name, name, name), language="assembler") for name in ("three", "four"))
    for collecting in COLLECTING:
        assert Instance(link(out, collecting, cc(reader, "-O1"), *units, lld=lld)).count() == 24


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_registration_in_a_member_that_nobody_refers_to_is_found(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    plain = cc("int unrelated(void) { return 1; }", name="plain")
    members = [plain, cc(marked("one", 1) + "int unused_function(void) { return 1; }", "-O1", name="one"), cc(marked("two", 2), name="two")]
    for thin in (False, True):
        library = archive(tmp_path / f"lib{thin}.a", *members, thin=thin)
        for collecting in COLLECTING:
            ways: list[list[str | Path]] = [[library], [library, library], ["--whole-archive", library], ["-L", tmp_path, f"-l{thin}"]]
            for words in ways:
                module = link(out, collecting, cc(marked("zero", 0)), *words, cc(READER, "-O1"), lld=lld)
                assert Instance(module).list() == [0, 1, 2], (thin, collecting, words)


@pytest.mark.parametrize("lld", ["19", "22", "zig"])
def test_a_registration_in_a_lib_group_is_found(cc: Compiler, out: Path, lld: str) -> None:
    group: list[str | Path] = ["--start-lib", cc("int unrelated(void) { return 1; }"), cc(marked("one", 1)), cc(marked("two", 2)), "--end-lib"]
    assert Instance(link(out, *group, cc(READER, "-O1"), lld=lld)).list() == [1, 2]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_exports_of_markers_are_taken_off_and_others_stay(cc: Compiler, out: Path, lld: str) -> None:
    # What rustc passes for every static with an export_name.
    unit = cc(marked("one", 1) + "int plain = 5;", "-O1")
    words = ["--export", "__ldshim$numbers$$one", "--export=__ldshim$numbers$$one", "--export", "plain"]
    module = link(out, *words, cc(READER, "-O1"), unit, lld=lld)
    assert export_names(module) == {"memory", "count", "at", "plain"}
    assert Instance(module).list() == [1]


def test_an_export_of_a_marker_that_no_input_has_stays_an_error(cc: Compiler, out: Path) -> None:
    message = fails(out, "--export=__ldshim$numbers$$gone", cc(READER, "-O1"), cc(marked("one", 1)))
    assert "symbol exported via --export not found: __ldshim$numbers$$gone" in message


def test_two_elements_of_one_name_are_refused_and_both_named(cc: Compiler, out: Path, tmp_path: Path) -> None:
    one = cc(marked("same", 1), name="one")
    library = archive(tmp_path / "lib.a", cc(marked("same", 2), name="two"))
    message = fails(out, cc(READER, "-O1"), one, library)
    assert "two elements are named __ldshim$numbers$$same: in " in message
    assert "one.o and in " in message
    assert "lib.a(two.o)" in message


@pytest.mark.parametrize("lld", WASM_LDS)
def test_weak_copies_of_a_marked_element_count_once(cc: Compiler, out: Path, lld: str) -> None:
    weak = "__attribute__((weak)) " + marked("same", 1)
    units = [cc(weak, "-O1", name=name) for name in ("a", "b")]
    for collecting in COLLECTING:
        assert Instance(link(out, collecting, cc(READER, "-O1"), *units, lld=lld)).list() == [1]
        strong = cc(marked("same", 2), "-O1")
        assert Instance(link(out, collecting, cc(READER, "-O1"), *units, strong, lld=lld)).list() == [2]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_marked_cxx_template_static_counts_once(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    source = """
inline int shared __asm__("__ldshim$numbers$$shared") __attribute__((used)) = 4;
int *use%d() { return &shared; }
"""
    units = [cc(source % i, "-O1", "-std=c++17", language="c++", name=f"u{i}") for i in (1, 2)]
    user = cc("int *use1(), *use2();\n__attribute__((export_name(\"u\"))) bool u() { return use1() == use2(); }", language="c++")
    for collecting in COLLECTING:
        for objects in (units, [archive(tmp_path / "lib.a", *units)]):
            program = Instance(link(out, collecting, cc(READER, "-O1"), user, *objects, lld=lld))
            assert (program.list(), program.u()) == ([4], 1)


def test_a_thread_local_element_is_refused(cc: Compiler, out: Path) -> None:
    flags = ("-O1", "-pthread", "-matomics", "-mbulk-memory")
    unit = cc('_Thread_local int mine __attribute__((used, section("numbers"))) = 1;', *flags, name="tls")
    assert "tls.o: numbers is thread-local" in fails(out, cc(READER, *flags), unit)


def test_a_marker_that_shares_its_segment_is_refused(cc: Compiler, out: Path) -> None:
    source = """
        .section .data.both,"",@
        .globl __ldshim$numbers$$one
__ldshim$numbers$$one:
        .int32 1
        .size __ldshim$numbers$$one, 4
        .int32 2
"""
    message = fails(out, cc(READER, "-O1"), cc(source, language="assembler", name="both"))
    assert "both.o: the data segment of marker symbol __ldshim$numbers$$one holds other data at offset 0x4" in message


def test_a_marker_that_cannot_be_understood_is_refused(cc: Compiler, out: Path) -> None:
    for name in ("__ldshim$numbers", "__ldshim$9x$$one", "__ldshim$$$one"):
        unit = cc(f'int x __asm__("{name}") __attribute__((used)) = 1;', name="odd")
        assert f"odd.o: marker symbol {name}: expected __ldshim$SECTION$KEY$UNIQUE" in fails(out, cc(READER, "-O1"), unit)


@pytest.mark.parametrize("lld", WASM_LDS)
def test_an_archive_that_is_copied_keeps_its_list_of_imports(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    # The member changes (lld would drop its element), and lld reads F.imports beside the archive that it is given.
    source = "int outside(void);\nint reached(void) { return outside(); }\n"
    member = cc(source + native("element", 7), "-O1")
    library = archive(tmp_path / "lib.a", member)
    (tmp_path / "lib.imports").write_text("outside\n")
    user = cc('int reached(void);\n__attribute__((export_name("go"))) int go(void) { return reached(); }', "-O1")
    done = ldshim("--no-entry", cc(READER, "-O1"), user, library, "-o", out, lld=lld)
    assert (done.returncode, done.stderr) == (0, "")
    assert [i.name for i in wasmtime.Module.from_file(ENGINE, str(out)).imports] == ["outside"]


DECLARATION = 'long long declared_%s[0] __asm__("__ldshim$numbers$$%s") __attribute__((used));\n'


@pytest.mark.parametrize("lld", ["14", "22"])
def test_two_declarations_by_one_strong_symbol_are_refused(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    # lld would report them only if it loaded both, and a declaration counts without that.
    first, second = (cc(DECLARATION % ("x", "x") + f"int unit{i};", name=f"unit{i}") for i in (1, 2))
    library = archive(tmp_path / "lib.a", second)
    message = fails(out, cc(READER, "-O1"), first, library, lld=lld)
    assert f"section numbers is declared twice, by __ldshim$numbers$$x: in {first} and in {library}(unit2.o)" in message


def test_declarations_by_different_symbols_are_one(cc: Compiler, out: Path) -> None:
    units = [cc(DECLARATION % (name, name), name=name) for name in ("x", "y")]
    assert Instance(link(out, cc(READER, "-O1"), *units)).list() == []


@pytest.mark.parametrize("lld", WASM_LDS)
def test_elements_and_readers_in_large_objects_are_found(cc: Compiler, out: Path, lld: str) -> None:
    # Only the parts of a large object in which names stand are searched.
    large = "__attribute__((used)) const char large[1 << 16] = {1};\n"
    sources = (READER, marked("one", 1), 'int two __attribute__((used, section("numbers"))) = 2;\n', inline(numbers(3)))
    units = [cc(source + large.replace("large", f"large{i}"), "-O1", "-g") for i, source in enumerate(sources)]
    assert all(unit.stat().st_size >= SEARCH_NAMES_FROM for unit in units)
    assert Instance(link(out, *units, lld=lld)).list() == [1, 2, 3]
