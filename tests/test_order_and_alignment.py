"""Elements are contiguous at the stride of their type, in the promised order; empty sections and tables of pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness import COLLECTING, Instance, archive, fails, ldshim, link
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

READER = """
extern %(type)s __start_%(name)s[], __stop_%(name)s[];
__attribute__((export_name("count"))) int count(void) { return __stop_%(name)s - __start_%(name)s; }
__attribute__((export_name("at"))) int at(int i) { return %(value)s; }
__attribute__((export_name("address"))) int address(void) { return (int)__start_%(name)s; }
"""


def reader(type_: str = "int", name: str = "numbers", value: str = "__start_%(name)s[i]") -> str:
    return READER % {"type": type_, "name": name, "value": value % {"name": name}}


def marked(name: str, value: object, key: str = "", type_: str = "int") -> str:
    return f'{type_} {name} __asm__("__ldshim$numbers${key}${name}") __attribute__((used)) = {value};\n'


@pytest.mark.parametrize("lld", WASM_LDS)
def test_sort_keys_order_elements_over_all_objects(cc: Compiler, out: Path, lld: str) -> None:
    one = cc(marked("e", 5, "b") + marked("d", 3, "0010") + marked("a", 0), "-O1")
    two = cc(marked("c", 2, "9") + marked("f", 4, "a") + marked("g", 33, "10") + marked("h", 1), "-O1")
    for collecting in COLLECTING:
        program = Instance(link(out, collecting, cc(reader(), "-O1"), one, two, lld=lld))
        assert program.list() == [0, 1, 2, 3, 33, 4, 5]
        program = Instance(link(out, collecting, two, cc(reader(), "-O1"), one, lld=lld))
        assert program.list() == [1, 0, 2, 33, 3, 4, 5]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_declaration_that_is_aligned_more_strictly_leaves_no_gaps_between_keys(cc: Compiler, out: Path, lld: str) -> None:
    declaration = 'long long d[0] __asm__("__ldshim$numbers$$declared") __attribute__((used));'
    elements = "".join(marked(f"e{n}", n, key) for n, key in enumerate(("", "", "", "1", "2", "2", "2", "3")))
    for collecting in COLLECTING:
        program = Instance(link(out, collecting, cc(reader() + declaration, "-O1"), cc(elements, "-O1"), lld=lld))
        assert program.list() == list(range(8))
        assert program.address() % 8 == 0


@pytest.mark.parametrize("lld", WASM_LDS)
def test_only_keyed_elements(cc: Compiler, out: Path, lld: str) -> None:
    unit = cc(marked("b", 2, "2") + marked("a", 1, "1"), "-O1")
    for collecting in COLLECTING:
        assert Instance(link(out, collecting, unit, cc(reader(), "-O1"), lld=lld)).list() == [1, 2]


@pytest.mark.parametrize("lld", WASM_LDS)
@pytest.mark.parametrize(
    ("type_", "initial", "value"),
    [
        ("char", "{n}", "__start_%(name)s[i]"),
        ("struct {{ short a, b, c; }}", "{{ {n}, {n}, {n} }}", "__start_%(name)s[i].c"),
        ("struct {{ char text[33]; }}", "{{ {{ {n} }} }}", "__start_%(name)s[i].text[0]"),
        ("struct {{ int a; char b[44]; }}", "{{ {n} }}", "__start_%(name)s[i].a"),
        ("struct {{ _Alignas(16) int a; }}", "{{ {n} }}", "__start_%(name)s[i].a"),
        ("struct {{ _Alignas(64) int a; char b[100]; }}", "{{ {n} }}", "__start_%(name)s[i].a"),
        ("long long", "{n}", "__start_%(name)s[i]"),
    ],
)
def test_elements_follow_each_other_at_the_stride_of_their_type(
    cc: Compiler, out: Path, lld: str, type_: str, initial: str, value: str
) -> None:
    plain = type_.format()
    units = [cc(marked(f"e{n}", initial.format(n=n), type_=plain), "-O1") for n in (1, 2, 3)]
    native = f'{plain} native __attribute__((used, section("numbers"))) = {initial.format(n=4)};\n'
    alignment = cc(
        f"typedef {plain} element;\n" + '__attribute__((export_name("alignment"))) int alignment(void) { return _Alignof(element); }'
    )
    for collecting in COLLECTING:
        program = Instance(link(out, collecting, cc(reader(plain, value=value), "-O1"), alignment, *units, lld=lld))
        assert program.list() == [1, 2, 3]
        assert program.address() % program.alignment() == 0
        program = Instance(link(out, collecting, cc(reader(plain, value=value), "-O1"), units[0], cc(native), units[1], lld=lld))
        assert program.list() == [1, 4, 2]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_declared_section_without_elements_is_empty(cc: Compiler, out: Path, lld: str) -> None:
    by_marker = 'long long d[0] __asm__("__ldshim$numbers$$declared") __attribute__((used));'
    by_segment = 'int d[0] __attribute__((used, section("numbers")));'
    by_custom = '__asm__(".section .custom_section.numbers,\\"\\",@");'
    for declaration in (by_marker, by_segment, by_custom):
        for collecting in COLLECTING:
            program = Instance(link(out, collecting, cc(reader(), "-O1"), cc(declaration, "-O1"), lld=lld))
            assert (program.count(), program.address() != 0) == (0, True), declaration
            filled = link(out, collecting, cc(reader(), "-O1"), cc(declaration, "-O1"), cc(marked("one", 1)), lld=lld)
            assert Instance(filled).list() == [1], declaration


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_section_that_nobody_fills_is_the_linkers_error_with_a_hint(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    message = fails(out, cc(reader(), "-O1", name="reader"), cc(marked("one", 1).replace("numbers", "number")), lld=lld)
    assert "reader.o: undefined symbol: __start_numbers" in message
    assert "ldshim: note: no input has an element or a declaration of section numbers; did you mean number?" in message
    member = cc('int one __attribute__((used, section("numbers"))) = 1;', name="member")
    message = fails(out, cc(reader(), "-O1"), archive(tmp_path / "lib.a", member), lld=lld)
    assert "lib.a(member.o), but nothing in the link refers to a symbol there" in message


@pytest.mark.parametrize("lld", WASM_LDS)
def test_allow_undefined_warns_where_the_bounds_become_zero(cc: Compiler, out: Path, lld: str) -> None:
    done = ldshim("--no-entry", "--allow-undefined", cc(reader(), "-O1", name="reader"), "-o", out, lld=lld)
    assert done.returncode == 0
    assert done.stderr.startswith("ldshim: warning: ")
    assert "reader.o refers to section numbers" in done.stderr
    weak = reader().replace("extern int", "extern __attribute__((weak)) int")
    assert ldshim("--no-entry", "--allow-undefined", cc(weak, "-O1"), "-o", out, lld=lld).stderr == ""


TABLE_READER = """
extern const char *const __start_texts_ptrs[], *const __stop_texts_ptrs[];
__attribute__((export_name("count"))) int count(void) { return __stop_texts_ptrs - __start_texts_ptrs; }
__attribute__((export_name("at"))) int at(int i) { return __start_texts_ptrs[i][0]; }
"""


def text(name: str, value: str, key: str = "") -> str:
    return f'char {name}[] __asm__("__ldshim$texts${key}${name}") __attribute__((used)) = "{value}";\n'


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_pointer_table_finds_elements_of_different_sizes(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    native = """
static char one[] __attribute__((used, section("texts"))) = "a long one";
static char two[] __attribute__((used, section("texts"))) = "b";
"""
    library = archive(tmp_path / "lib.a", cc(text("member", "d in a member"), "-O1"))
    units = [cc(native, "-O1"), cc(text("c", "c"), "-O1"), library]
    keyed = [cc(text("z", "z the last", "20") + text("y", "y", "3"), "-O1")]
    for collecting in COLLECTING:
        program = Instance(link(out, collecting, cc(TABLE_READER, "-O1"), *keyed, *units, lld=lld))
        assert "".join(map(chr, program.list())) == "abcdyz"


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_pointer_table_of_an_empty_section_is_empty(cc: Compiler, out: Path, lld: str) -> None:
    declaration = 'char d[0] __asm__("__ldshim$texts$$declared") __attribute__((used));'
    for collecting in COLLECTING:
        assert Instance(link(out, collecting, cc(TABLE_READER, "-O1"), cc(declaration), lld=lld)).list() == []


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_pointer_table_counts_a_comdat_element_once(cc: Compiler, out: Path, lld: str) -> None:
    source = 'inline __attribute__((used, section("texts"))) char shared[] = "shared";\nchar *use%d() { return shared; }\n'
    units = [cc(source % i, "-O1", "-std=c++17", language="c++") for i in (1, 2)]
    for collecting in COLLECTING:
        assert Instance(link(out, collecting, cc(TABLE_READER, "-O1"), *units, lld=lld)).list() == [ord("s")]


def test_a_section_that_is_called_like_a_table_is_no_table(cc: Compiler, out: Path) -> None:
    own = cc('static const char *p __attribute__((used, section("texts_ptrs"))) = "own";', "-O1")
    assert Instance(link(out, cc(TABLE_READER, "-O1"), own, cc(text("c", "c")))).list() == [ord("o")]


def test_a_pointer_table_of_a_custom_section_is_refused(cc: Compiler, out: Path) -> None:
    unit = cc('        .section .custom_section.texts,"",@\n        .asciz "x"\n', language="assembler", name="custom")
    assert "custom.o: texts_ptrs needs to know where each element begins" in fails(out, cc(TABLE_READER, "-O1"), unit)


WEAK_TABLE_READER = """
extern int *__start_numbers_ptrs[], *__stop_numbers_ptrs[];
__attribute__((export_name("count"))) int count(void) { return __stop_numbers_ptrs - __start_numbers_ptrs; }
__attribute__((export_name("at"))) int at(int i) { return *__start_numbers_ptrs[i]; }
"""
WEAK_ELEMENT = 'int w __attribute__((weak, used, section("numbers"))) = %d;'


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_table_of_pointers_has_each_of_two_weak_elements_of_one_name(cc: Compiler, out: Path, lld: str) -> None:
    # They are two elements, as on ELF: a segment that the compiler named is not given up for another.
    units = [cc(WEAK_ELEMENT % value, name=f"weak{value}") for value in (1, 2)]
    for collecting in COLLECTING:
        program = Instance(link(out, collecting, cc(WEAK_TABLE_READER, "-O1"), *units, lld=lld))
        assert program.list() == [1, 2]
