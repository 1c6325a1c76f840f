"""ldshim.h: one source, as C and as C++, for WebAssembly and natively: the same elements in the same order."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.harness import CLANGS, COLLECTING, INCLUDE, LEVELS, Instance, archive, check, export_names, fails, link, tool
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

STANDARDS = {"c": "-std=c11", "c++": "-std=c++11"}
NATIVE_COMPILERS = ("gcc", "g++", "clang-14", "clang++-14", "clang-22", "clang++-22")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")

HEADER = """
#include <ldshim.h>
#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#else
#define EXPORT(name)
#endif
#ifdef __cplusplus
#define LANGUAGE(x) extern "C" x
#else
#define LANGUAGE(x) x
#endif
struct big { int id; const char *text; char rest[56]; };
struct shape { int corners; };
struct polygon { struct shape shape; double side[7]; };
LDSHIM_SECTION(numbers, int);
LDSHIM_SECTION(bigs, const struct big);
LDSHIM_SECTION(words, char[24]);
LDSHIM_SECTION(calls, int (*)(int));
LDSHIM_POINTERS(shapes, const struct shape);
LDSHIM_SECTION(nothing, const struct big);
LDSHIM_POINTERS(nowhere, const char);
"""

# What the reader sees in one row, by section; 0 ends a section, and -1 all.
READER = (
    HEADER
    + """
LDSHIM_MAY_BE_EMPTY(nothing);
LDSHIM_MAY_BE_EMPTY(nowhere);
static int seen(int wanted)
{
    int n = 0;
#define SEE(value) do { int v = (value); if (n++ == wanted) return v; } while (0)
    LDSHIM_FOREACH(numbers, it) SEE(*it);
    SEE(0);
    LDSHIM_FOREACH(bigs, it) SEE(it->id + it->text[0]);
    SEE(0);
    LDSHIM_FOREACH(words, it) SEE((*it)[0]);
    SEE(0);
    LDSHIM_FOREACH(calls, it) SEE((*it)(20));
    SEE(0);
    LDSHIM_POINTERS_FOREACH(shapes, it) SEE((*it)->corners);
    SEE(0);
    LDSHIM_FOREACH(nothing, it) SEE(it->id);
    LDSHIM_POINTERS_FOREACH(nowhere, it) SEE(**it);
    SEE(0);
    SEE((int)(100 + LDSHIM_COUNT(nothing) + LDSHIM_POINTERS_COUNT(nowhere)));
    SEE(LDSHIM_BEGIN(nothing) == LDSHIM_END(nothing) ? 101 : 102);
    SEE((int)(LDSHIM_COUNT(bigs) * 10 + LDSHIM_POINTERS_COUNT(shapes)));
    return -1;
}
LANGUAGE(EXPORT(at) int at(int);)
int at(int i) { return seen(i); }
LANGUAGE(EXPORT(count) int count(void);)
int count(void) { int n = 0; while (seen(n) != -1) n++; return n; }
#ifndef __wasm__
#include <stdio.h>
int main(void) { for (int i = 0; i < count(); i++) printf("%d ", at(i)); return 0; }
#endif
"""
)

ELEMENTS = (
    HEADER
    + """
#ifdef __cplusplus
namespace inner {
#endif
static int twice(int x) { return 2 * x; }
static int thrice(int x) { return 3 * x; }
LDSHIM_ELEMENT(numbers, int, one) = 1;
LDSHIM_ELEMENT(numbers, int, two) = 2;
LDSHIM_ELEMENT(bigs, const struct big, a) = {1, "a", {0}};
LDSHIM_ELEMENT(bigs, const struct big, b) = {2, "b", {0}};
LDSHIM_ELEMENT(bigs, const struct big, c) = {3, "c", {0}};
LDSHIM_ELEMENT(words, char[24], w) = "word";
LDSHIM_ELEMENT(words, char[24], x) = "xylophone";
LDSHIM_ELEMENT(calls, int (*)(int), f) = twice;
LDSHIM_ELEMENT(calls, int (*)(int), g) = thrice;
LDSHIM_POINTERS_ELEMENT(shapes, const struct shape, circle) = {1};
LDSHIM_POINTERS_ELEMENT(shapes, const struct polygon, triangle) = {{3}, {1, 1, 1}};
#ifdef __cplusplus
}
#endif
"""
)

MORE = (
    HEADER
    + """
LDSHIM_ELEMENT(numbers, int, three) = 3;
LDSHIM_POINTERS_ELEMENT(shapes, const struct polygon, square) = {{4}, {1, 1, 1, 1}};
"""
)

SEEN = [1, 2, 3, 0, 98, 100, 102, 0, ord("w"), ord("x"), 0, 40, 60, 0, 1, 3, 4, 0, 0, 100, 101, 33]


@pytest.mark.parametrize("lld", WASM_LDS)
@pytest.mark.parametrize("language", STANDARDS)
def test_elements_on_webassembly(cc: Compiler, out: Path, lld: str, language: str) -> None:
    for clang in CLANGS:
        for level in LEVELS:
            flags = (STANDARDS[language], *WARNINGS, level)
            units = [cc(source, *flags, clang=clang, language=language) for source in (READER, ELEMENTS, MORE)]
            for collecting in COLLECTING:
                module = link(out, collecting, *units, lld=lld)
                assert Instance(module).list() == SEEN, (clang, level, collecting)
                assert export_names(module) == {"memory", "at", "count"}


@pytest.mark.parametrize("linker", ["bfd", "gold", "lld"])
@pytest.mark.parametrize("compiler", NATIVE_COMPILERS)
def test_the_same_elements_on_elf(tmp_path: Path, compiler: str, linker: str) -> None:
    language = "c++" if "++" in compiler else "c"
    # Compilers look for a linker of that name here first.
    (tmp_path / f"ld.{linker}").symlink_to(tool(f"ld.{linker}", f"ld.{linker}-22"))
    choice = (f"-B{tmp_path}", f"-fuse-ld={linker}")
    sources = []
    for i, source in enumerate((READER, ELEMENTS, MORE)):
        sources.append(tmp_path / f"{i}.c")
        sources[-1].write_text(source)
    program = tmp_path / "program"
    kinds = (
        ("-fno-pie", "-no-pie"),
        ("-fPIE", "-pie"),
        ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"),
    )
    for level in LEVELS:
        for kind in kinds:
            flags = (STANDARDS[language], *WARNINGS, "-x", language, f"-I{INCLUDE}", *choice, level, *kind)
            check([tool(compiler), *flags, *sources, "-o", program])
            printed = check([program]).stdout
            assert [int(word) for word in printed.split()] == SEEN, (level, kind)


@pytest.mark.parametrize("lld", WASM_LDS)
@pytest.mark.parametrize("language", STANDARDS)
def test_sort_keys(cc: Compiler, out: Path, lld: str, language: str) -> None:
    source = """
#include <ldshim.h>
#define EARLY 3
LDSHIM_SECTION(numbers, const int);
LDSHIM_ELEMENT_KEYED(numbers, late, const int, e) = 5;
LDSHIM_ELEMENT_KEYED(numbers, 20, const int, d) = 4;
LDSHIM_ELEMENT_KEYED(numbers, EARLY, const int, c) = 3;
LDSHIM_ELEMENT(numbers, const int, a) = 1;
LDSHIM_POINTERS(words, const char);
LDSHIM_POINTERS_ELEMENT_KEYED(words, 2, const char[4], y) = "you";
LDSHIM_POINTERS_ELEMENT(words, const char[2], x) = "I";
"""
    more = """
#include <ldshim.h>
LDSHIM_SECTION(numbers, const int);
LDSHIM_ELEMENT(numbers, const int, b) = 2;
"""
    reader = """
#include <ldshim.h>
LDSHIM_SECTION(numbers, const int);
LDSHIM_POINTERS(words, const char);
extern "C" {
__attribute__((export_name("count"))) int count() { return LDSHIM_COUNT(numbers) + LDSHIM_POINTERS_COUNT(words); }
__attribute__((export_name("at"))) int at(int i) {
    const int numbers = LDSHIM_COUNT(numbers);
    return i < numbers ? LDSHIM_BEGIN(numbers)[i] : LDSHIM_POINTERS_BEGIN(words)[i - numbers][0];
}
}
"""
    units = [cc(source, language=language), cc(more, language=language)]
    for collecting in COLLECTING:
        module = link(out, collecting, cc(reader, "-O2", language="c++"), *units, lld=lld)
        assert Instance(module).list() == [1, 2, 3, 4, 5, ord("I"), ord("y")]


@pytest.mark.parametrize("lld", WASM_LDS)
def test_elements_in_archive_members_that_nothing_refers_to(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    library = archive(tmp_path / "lib.a", cc(ELEMENTS, "-O2", name="elements"), cc(MORE, "-O2", name="more"))
    # lld before 18 extracts by the symbol index: a marker has to be in it.
    assert b"__ldshim$numbers$$one\0" in library.read_bytes()[:1000]
    for collecting in COLLECTING:
        assert Instance(link(out, collecting, cc(READER, "-O2", "-fno-builtin"), library, lld=lld)).list() == SEEN


@pytest.mark.parametrize("lld", WASM_LDS)
def test_many_files_may_declare_a_section(cc: Compiler, out: Path, lld: str) -> None:
    declaring = """
#include <ldshim.h>
LDSHIM_SECTION(numbers, long long);
LDSHIM_MAY_BE_EMPTY(numbers);
"""
    reader = (
        declaring
        + """
__attribute__((export_name("count"))) int count(void) { return LDSHIM_COUNT(numbers); }
__attribute__((export_name("at"))) int at(int i) { return (int)LDSHIM_BEGIN(numbers)[i]; }
__attribute__((export_name("misaligned"))) int misaligned(void) { return (int)LDSHIM_BEGIN(numbers) % 8; }
"""
    )
    element = declaring + "LDSHIM_ELEMENT(numbers, long long, only) = 9;\n"
    declarations = [cc(declaring, name="a"), cc(declaring, language="c++", name="b")]
    for level in LEVELS:
        for collecting in COLLECTING:
            empty = Instance(link(out, collecting, cc(reader, level), *declarations, lld=lld))
            assert (empty.count(), empty.misaligned()) == (0, 0)
            filled = Instance(link(out, collecting, *declarations, cc(reader, level), cc(element, level), lld=lld))
            assert (filled.list(), filled.misaligned()) == ([9], 0)


@pytest.mark.parametrize("lld", WASM_LDS)
def test_elements_in_an_anonymous_namespace_may_share_a_name(cc: Compiler, out: Path, lld: str) -> None:
    source = """
#include <ldshim.h>
LDSHIM_SECTION(numbers, const int);
namespace { LDSHIM_ELEMENT(numbers, const int, same) = %d; }
"""
    reader = """
#include <ldshim.h>
LDSHIM_SECTION(numbers, const int);
__attribute__((export_name("count"))) int count(void) { return LDSHIM_COUNT(numbers); }
__attribute__((export_name("at"))) int at(int i) { return LDSHIM_BEGIN(numbers)[i]; }
"""
    units = [cc(source % i, "-O2", *WARNINGS, language="c++") for i in (1, 2)]
    for collecting in COLLECTING:
        assert Instance(link(out, collecting, cc(reader, "-O2"), *units, lld=lld)).list() == [1, 2]


def test_without_a_declaration_an_empty_section_is_an_error(cc: Compiler, out: Path) -> None:
    reader = READER.replace("LDSHIM_MAY_BE_EMPTY(nothing);", "")
    message = fails(out, cc(reader, "-O2", "-fno-builtin", name="reader"), cc(ELEMENTS, "-O2"), cc(MORE, "-O2"))
    assert "reader.o: undefined symbol: __start_nothing" in message
    assert "ldshim: note: no input has an element or a declaration of section nothing" in message


@pytest.mark.parametrize("lld", WASM_LDS)
def test_what_nobody_walks_over_is_collected(cc: Compiler, out: Path, lld: str) -> None:
    header = "#include <ldshim.h>\nLDSHIM_SECTION(texts, const char *);\n"
    source = header + 'LDSHIM_ELEMENT(texts, const char *, a) = "a rare word";\n'
    other = '__attribute__((export_name("f"))) int f(void) { return 1; }'
    walking = header + '__attribute__((export_name("f"))) int f(void) { return LDSHIM_COUNT(texts); }'
    assert b"a rare word" not in link(out, cc(other), cc(source, "-O1"), lld=lld).read_bytes()
    assert b"a rare word" in link(out, cc(walking), cc(source, "-O1"), lld=lld).read_bytes()


def test_two_elements_of_one_name_are_refused_and_both_named(cc: Compiler, out: Path) -> None:
    source = "#include <ldshim.h>\nLDSHIM_SECTION(numbers, int);\nLDSHIM_ELEMENT(numbers, int, same) = 1;\n"
    message = fails(out, cc(source, name="one"), cc(source, language="c++", name="two"))
    assert "two elements are named __ldshim$numbers$$same: in " in message
    assert "one.o and in " in message
    assert "two.o; " in message


@pytest.mark.parametrize("compiler", NATIVE_COMPILERS)
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("LDSHIM_SECTION(s, int);\nLDSHIM_ELEMENT(s, long long, e) = 1;", ("different type", "conflicting")),
        ("LDSHIM_SECTION(s, int);\nLDSHIM_ELEMENT_KEYED(s, 1, short, e) = 1;", ("different type", "conflicting")),
        ("struct none { char c[0]; };\nLDSHIM_SECTION(s, struct none);", ("elements of section s have no size",)),
        ("LDSHIM_POINTERS(s, char);\nLDSHIM_POINTERS_ELEMENT(s, char[0], e) = {};", ("e has no size",)),
        ("LDSHIM_ELEMENT(s, int, e) = 1;", ("ldshim_type_s",)),
    ],
)
def test_mistakes_that_the_compiler_finds(compiler: str, source: str, expected: tuple[str, ...]) -> None:
    language = "c++" if "++" in compiler else "c"
    words = [tool(compiler), "-x", language, f"-I{INCLUDE}", "-fsyntax-only", "-"]
    text = "#include <ldshim.h>\n" + source + "\n"
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert any(part in done.stderr for part in expected), done.stderr
