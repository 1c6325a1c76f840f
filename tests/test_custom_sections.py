"""Custom sections become memory: with relocations translated, without relocations paired with their statics or copied."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldshim.survey import _one_way, _Parts
from ldshim.wasm.entries import Segment
from tests.harness import COLLECTING, Instance, archive, custom_section_names, fails, link
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

READER = """
extern int __start_numbers[], __stop_numbers[];
__attribute__((export_name("count"))) int count(void) { return __stop_numbers - __start_numbers; }
__attribute__((export_name("at"))) int at(int i) { return __start_numbers[i]; }
__attribute__((export_name("set"))) void set(int i, int x) { __start_numbers[i] = x; }
"""

CALLER = """
typedef int (*function)(void);
extern const function __start_functions[], __stop_functions[];
__attribute__((export_name("count"))) int count(void) { return __stop_functions - __start_functions; }
__attribute__((export_name("at"))) int at(int i) { return __start_functions[i](); }
"""

ADDRESSES = """
extern const void *const __start_functions[], *const __stop_functions[];
int count(void) { return __stop_functions - __start_functions; }
int at(int i) { return (int)__start_functions[i]; }
"""


def numbers(*values: int, section: str = "numbers") -> str:
    """Assembly of a custom section of 32-bit numbers."""
    words = "".join(f"        .int32 {value}\n" for value in values)
    return f'        .section .custom_section.{section},"",@\n{words}'


def function_pointers(*names: str) -> str:
    words = "".join(f"        .int32 {name}\n" for name in names)
    return f'        .section .custom_section.functions,"",@\n{words}'


def inline(assembly: str) -> str:
    """`assembly` as a statement of C."""
    lines = "".join(f'"{line}\\n"\n' for line in assembly.replace('"', '\\"').splitlines())
    return f"__asm__({lines});\n"


@pytest.mark.parametrize("lld", WASM_LDS)
def test_functions_are_callable_where_no_object_has_a_function_table(cc: Compiler, out: Path, lld: str) -> None:
    # Nothing but the custom section takes a function's address (export_name does, too), so only ldshim's anchor brings the table.
    unit = cc("int seven(void) { return 7; }\nint eight(void) { return 8; }\n" + inline(function_pointers("eight", "seven")))
    reader = cc(ADDRESSES, "-O1")
    for collecting in COLLECTING:
        words = (collecting, "--export=count", "--export=at", reader, unit)
        indexes = Instance(link(out, *words, lld=lld)).list()
        module = Instance(link(out, "--export-table", *words, lld=lld))  # which would bring the table as well
        table: Any = module.exports["__indirect_function_table"]
        assert [table.get(module.store, index)(module.store) for index in indexes] == [8, 7]
        assert Instance(link(out, collecting, cc(CALLER, "-O1"), unit, lld=lld)).list() == [8, 7]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_an_object_without_data_or_with_debug_information(cc: Compiler, out: Path, lld: str) -> None:
    without_data = cc(numbers(1, 2), language="assembler")
    with_debug = cc("int three = 3; int f(void) { return three; }\n" + inline(numbers(3)), "-g", "-O0")
    for collecting in COLLECTING:
        module = link(out, collecting, cc(READER, "-O1"), without_data, with_debug, lld=lld)
        assert Instance(module).list() == [1, 2, 3]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_section_offsets_between_sections_of_one_object_become_addresses(cc: Compiler, out: Path, lld: str) -> None:
    # `entries` holds two words each: a pointer into `texts`, given as an offset into that section, and a number.
    source = """
        .section .custom_section.numbers,"",@
        .int32 100
.Lsecond: .int32 200
        .section .custom_section.entries,"",@
        .int32 .Lsecond
        .int32 5
"""
    reader = """
struct entry { int *number; int five; };
extern const struct entry __start_entries[], __stop_entries[];
extern int __start_numbers[], __stop_numbers[];
__attribute__((export_name("count"))) int count(void) { return (__stop_entries - __start_entries) * 10 + (__stop_numbers - __start_numbers); }
__attribute__((export_name("at"))) int at(int i) { return *__start_entries[i].number; }
__attribute__((export_name("inside"))) int inside(void) { return __start_entries[0].number == __start_numbers + 1; }
"""
    unit = cc(source, language="assembler")
    for collecting in COLLECTING:
        program = Instance(link(out, collecting, cc(reader, "-O1"), unit, lld=lld))
        assert (program.count(), program.at(0), program.inside()) == (12, 200, 1)


@pytest.mark.parametrize("lld", WASM_LDS)
def test_several_sections_of_one_name_and_of_several_names(cc: Compiler, out: Path, lld: str) -> None:
    unit = cc(
        "int seven(void) { return 7; }\n" + inline(numbers(1) + function_pointers("seven") + numbers(2)) + "int data = 5;\n",
        "-O1",
    )
    caller = CALLER.replace('"count"', '"calls"').replace('"at"', '"call"').replace("count(", "calls(").replace("at(", "call(")
    program = Instance(link(out, cc(READER, "-O1"), cc(caller, "-O1"), unit, lld=lld))
    assert program.list() == [1, 2]
    assert program.list("calls", "call") == [7]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_member_that_is_loaded_contributes_and_one_that_is_not_does_not(
    cc: Compiler, out: Path, tmp_path: Path, lld: str
) -> None:
    loaded = cc("int needed(void) { return 1; }\n" + inline(numbers(10, 11)), "-O1", name="loaded")
    unloaded = cc("int unneeded(void) { return 1; }\n" + inline(numbers(99)), "-O1", name="unloaded")
    library = archive(tmp_path / "libn.a", unloaded, loaded)
    user = cc("int needed(void);\n__attribute__((export_name('use'))) int use(void) { return needed(); }".replace("'", '"'), "-O1")
    unit = cc(numbers(1), language="assembler")
    for collecting in COLLECTING:
        module = link(out, collecting, cc(READER, "-O1"), user, library, unit, lld=lld)
        assert sorted(Instance(module).list()) == [1, 10, 11]
        module = link(out, collecting, cc(READER, "-O1"), "--whole-archive", library, lld=lld)
        assert Instance(module).list() == [99, 10, 11]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_copies_in_one_comdat_count_once(cc: Compiler, out: Path, lld: str) -> None:
    source = """
        .section .text.shared,"G",@,shared,comdat
        .weak   shared
shared: .functype shared () -> (i32)
        i32.const 42
        end_function
        .section .custom_section.functions,"G",@,shared,comdat
        .int32  shared
"""
    units = [cc(source, language="assembler", name=name) for name in ("one", "two")]
    for collecting in COLLECTING:
        assert Instance(link(out, collecting, cc(CALLER, "-O1"), *units, lld=lld)).list() == [42]


def test_a_relocation_without_a_meaning_in_memory_is_refused(cc: Compiler, out: Path) -> None:
    unit = cc("int f(void) { return 1; }\n" + inline(function_pointers("f@FUNCINDEX")), name="bad")
    message = fails(out, cc(CALLER, "-O1"), unit)
    assert "bad.o: section functions cannot become memory: R_WASM_FUNCTION_INDEX_I32 at offset 0x0 against symbol f" in message
    unit = cc("int f(void) { return 1; }\n" + inline(function_pointers("f + 4")), name="bad")
    assert "R_WASM_FUNCTION_OFFSET_I32 at offset 0x0 against symbol f + 4" in fails(out, cc(CALLER, "-O1"), unit)


def test_a_pointer_into_a_section_that_becomes_memory_from_one_that_does_not_is_refused(cc: Compiler, out: Path) -> None:
    source = """
        .section .custom_section.numbers,"",@
.Lfirst: .int32 100
        .section .custom_section.other,"",@
        .int32 .Lfirst
"""
    message = fails(out, cc(READER, "-O1"), cc(source, language="assembler"))
    assert "section other refers to section numbers at offset 0x0" in message


# Without relocations: what rustc before about 1.100 makes of `#[link_section]` statics.

STATICS = """
int first __attribute__((used)) = 17;
int second __attribute__((used)) = 18;
int unrelated __attribute__((used)) = 19;
__attribute__((export_name("first_now"))) int first_now(void) { return first; }
"""


@pytest.mark.parametrize("lld", WASM_LDS)
def test_statics_that_the_section_repeats_are_the_elements_themselves(cc: Compiler, out: Path, lld: str) -> None:
    unit = cc(STATICS + inline(numbers(17, 18)), "-O1")
    for collecting in COLLECTING:
        module = link(out, collecting, cc(READER, "-O1"), unit, lld=lld)
        program = Instance(module)
        assert program.list() == [17, 18]
        program.set(0, 1234)
        assert program.first_now() == 1234
        assert "numbers" not in custom_section_names(module)


@pytest.mark.parametrize("lld", WASM_LDS)
def test_where_there_is_doubt_the_bytes_are_copied(cc: Compiler, out: Path, lld: str) -> None:
    # 17 could be either static; the sections `numbers` and `others` could both claim 18.
    alike = cc(STATICS.replace("19", "17") + inline(numbers(17)), "-O1")
    program = Instance(link(out, cc(READER, "-O1"), alike, lld=lld))
    assert program.list() == [17]
    program.set(0, 1234)
    assert program.first_now() == 17
    claimed = cc(STATICS + inline(numbers(18) + numbers(18, section="others")), "-O1")
    assert Instance(link(out, cc(READER, "-O1"), claimed, lld=lld)).list() == [18]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_segment_beside_a_custom_section_of_its_name_counts_once(cc: Compiler, out: Path, lld: str) -> None:
    # The shape of rustc from about 1.100.
    unit = cc('int both __attribute__((used, section("numbers"))) = 5;\n' + inline(numbers(5)), "-O1")
    marked = cc('int other __asm__("__ldshim$numbers$$other") __attribute__((used)) = 6;', "-O1")
    for collecting in COLLECTING:
        assert Instance(link(out, collecting, cc(READER, "-O1"), unit, lld=lld)).list() == [5]
        assert Instance(link(out, collecting, cc(READER, "-O1"), unit, marked, lld=lld)).list() == [5, 6]


def test_a_segment_beside_a_custom_section_with_pointers_is_refused(cc: Compiler, out: Path) -> None:
    source = 'extern int x;\nint *both __attribute__((used, section("numbers"))) = &x;\nint x;\n'
    unit = cc(source + inline(numbers(0).replace("0", "x")), "-O1", name="both")
    assert "both.o: has a data segment numbers and a custom section numbers with relocations" in fails(
        out, cc(READER, "-O1"), unit
    )


FEW_BYTES = st.lists(st.sampled_from(b"ab"), min_size=1, max_size=3).map(bytes)  # so that rows are ambiguous often


@given(st.lists(st.tuples(FEW_BYTES, st.booleans()), max_size=7))
def test_statics_are_a_section_only_where_one_row_of_them_is(statics: list[tuple[bytes, bool]]) -> None:
    content = b"".join(text for text, is_in in statics if is_in)
    candidates = [(Segment(index, 0, 0), text) for index, (text, _) in enumerate(statics) if content and text in content]
    rows = [row for size in range(8) for row in combinations(candidates, size) if b"".join(text for _, text in row) == content]
    assert _one_way(content, candidates) == ([segment for segment, _ in rows[0]] if len(rows) == 1 else [])


@given(st.lists(st.lists(st.sampled_from(b"ab"), max_size=6).map(bytes), max_size=6), FEW_BYTES)
def test_what_is_searched_at_once_is_found_in_each(contents: list[bytes], sought: bytes) -> None:
    numbered = [(10 * i, content) for i, content in enumerate(contents)]
    assert list(_Parts(numbered).with_bytes(sought)) == [number for number, content in numbered if sought in content]
