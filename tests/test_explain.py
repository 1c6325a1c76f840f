"""`ldshim explain` says of each element what the linked program says: every answer is held against a program that was linked and run."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness import COLLECTING, Instance, archive, fails, ldshim, link
from tests.rust import LDSHIM, PROGRAMS, UNKNOWN, WASIP1, cargo, configuration, exclusively, run_wasi
from tests.test_copies_and_losses import DECLARATION, INLINE_VARIABLE, READER, marked, native
from tests.test_custom_sections import inline, numbers
from tests.test_rust_example import EXAMPLE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

    Words = list[str | Path]

LLDS = ("16", "22")
# It reads the section, but nothing that is alive calls it.
DEAD_READER = "extern int __start_numbers[], __stop_numbers[];\nint reads(void) { return __stop_numbers - __start_numbers; }\n"
MAIN = '__attribute__((export_name("run"))) int run(void) { return 7; }\n'


def explain(question: str, words: Words, lld: str = "22", **kwargs: Any) -> dict[str, Any]:
    """The answer; the status has to fit it."""
    done = ldshim("explain", *question.split(), "--json", "--", "--no-entry", *words, lld=lld, **kwargs)
    assert done.stderr == ""
    answer: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if answer["in"] else 1)
    return answer


def text_of(question: str, words: Words, lld: str = "22", **kwargs: Any) -> str:
    done = ldshim("explain", *question.split(), "--", "--no-entry", *words, lld=lld, **kwargs)
    assert done.stderr == ""
    return done.stdout


def verdict(question: str, words: Words, lld: str = "22", **kwargs: Any) -> str:
    """The verdict, where there is one."""
    (finding,) = explain(question, words, lld, **kwargs)["findings"]
    return str(finding["verdict"])


def evidence(finding: dict[str, Any]) -> str:
    return "\n".join(f"{line['label']}: {line['text']}" for line in finding["evidence"])


def verdicts(answer: dict[str, Any]) -> dict[str, str]:
    return {finding["name"]: finding["verdict"] for finding in answer["findings"]}


def assert_agrees(out: Path, values: dict[str, list[int]], words: Words, lld: str = "22") -> dict[str, Any]:
    """What explain has in the section `numbers`, and in which order, is what the program finds; returns the answer."""
    found = Instance(link(out, *words, lld=lld)).list()
    answer = explain("numbers", words, lld)
    inside = [finding for finding in answer["findings"] if finding["in"]]
    assert [value for finding in inside for value in values[finding["name"]]] == found
    assert [finding["position"] for finding in inside] == list(range(1, len(inside) + 1))
    assert [finding["offset"] for finding in inside] == _offsets(inside)
    for name in values:
        single = explain(f"numbers --element {name.split(' ')[0]}", words, lld)
        assert single["in"] == any(finding["name"].startswith(name) for finding in inside), name
    return answer


def _offsets(findings: list[dict[str, Any]]) -> list[int]:
    """Where elements begin that follow each other without gaps."""
    return [sum(finding["size"] for finding in findings[:n]) for n in range(len(findings))]


# In


@pytest.mark.parametrize("lld", LLDS)
def test_elements_of_every_kind_are_in_with_their_positions(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    library = archive(tmp_path / "lib.a", cc(marked("late", 3, key="5") + "int other(void) { return 1; }", "-O1", name="late"))
    words: Words = [
        cc(READER, "-O1", name="reader"),
        library,
        cc(native("plain", 1) + native("second", 2), "-O1", name="plain"),
        cc(numbers(11, 12), language="assembler", name="custom"),
        cc(marked("mark", 4), "-O1", name="mark"),
    ]
    values = {"plain": [1], "second": [2], "custom section numbers": [11, 12], "mark": [4], "late": [3]}
    for collecting in COLLECTING:
        answer = assert_agrees(out, values, [collecting, *words], lld)
        assert {finding["rule"] for finding in answer["findings"]} == {"segment", "custom section", "marker"}
        (facts,) = answer["sections"]
        assert facts["size"] == 24
        assert f"the function count of {words[0]}, which refers to __start_numbers or __stop_numbers" in facts["kept_by"]
    (late,) = explain("numbers --element late", words, lld)["findings"]
    assert late["file"] == str(library)
    assert late["member"] == "late.o"
    assert late["symbol"] == "__ldshim$numbers$5$late"
    assert "linked: its archive member has a marker symbol" in evidence(late)


@pytest.mark.parametrize("flags", [("-flto",), ("-flto=thin",)])
def test_elements_in_bitcode_are_in_with_their_positions(cc: Compiler, out: Path, flags: tuple[str, ...]) -> None:
    words: Words = [
        cc(READER, "-O1", *flags, name="reader"),
        cc(marked("mark", 4) + f"static {marked('hidden', 6)}", "-O1", *flags, name="mark"),
        cc(native("plain", 1), "-O1", *flags, name="plain"),
        cc(marked("object", 9), "-O1", name="object"),
    ]
    assert_agrees(out, {"mark": [4], "hidden": [6], "plain": [1], "object": [9]}, words)


def test_bitcode_that_is_lowered_is_explained_alike(cc: Compiler, out: Path) -> None:
    # lld 16 reads nothing newer than what clang 14 writes here, and llvmlite writes something newer.
    words: Words = [cc(READER, "-O1"), cc(marked("mark", 4) + native("plain", 1), "-O1", "-flto", clang="14", name="mark")]
    assert_agrees(out, {"mark": [4], "plain": [1]}, words, lld="16")


@pytest.mark.parametrize("lld", LLDS)
def test_an_element_in_a_member_that_something_refers_to_is_in(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    user = cc('int reached(void);\n__attribute__((export_name("go"))) int go(void) { return reached(); }', "-O1", name="user")
    library = archive(tmp_path / "lib.a", cc("int reached(void) { return 1; }\n" + native("plain", 7), "-O1", name="member"))
    words: Words = [cc(READER, "-O1"), user, library]
    assert_agrees(out, {"plain": [7]}, words, lld)
    (finding,) = explain("numbers --element plain", words, lld)["findings"]
    assert f"linked: its archive member, since {user} refers to reached" in evidence(finding)


def test_only_readers_that_are_alive_keep_a_section(cc: Compiler) -> None:
    reader, dead = cc(READER, "-O1", name="reader"), cc(DEAD_READER, "-O1", name="dead")
    words: Words = [reader, dead, cc(marked("one", 1), "-O1")]
    (facts,) = explain("numbers", words)["sections"]
    assert facts["kept_by"] == [f"the function {name} of {reader}, which refers to __start_numbers or __stop_numbers" for name in ("count", "at")]


def test_two_custom_sections_of_one_object_are_told_apart(cc: Compiler, out: Path) -> None:
    others = READER.replace("numbers", "others").replace("count", "count2").replace("at", "at2").replace("__at2tribute", "__attribute")
    words: Words = [cc(READER, "-O1"), cc(others, "-O1"), cc(inline(numbers(1, 2)) + inline(numbers(3, section="others")), name="both")]
    program = Instance(link(out, *words))
    assert (program.list(), program.list("count2", "at2")) == ([1, 2], [3])
    for section, size in {"numbers": 8, "others": 4}.items():
        (finding,) = explain(section, words)["findings"]
        assert (finding["verdict"], finding["offset"], finding["size"]) == ("in", 0, size)


def test_a_segment_without_symbols_is_an_element(cc: Compiler, out: Path) -> None:
    nameless = '        .section numbers,"R",@\n        .int32 5\n        .int32 6\n'
    words: Words = [cc(READER, "-O1"), cc(marked("one", 1), "-O1"), cc(nameless, language="assembler", name="nameless")]
    values = {"one": [1], "data segment numbers": [5, 6]}
    for collecting in COLLECTING:
        assert_agrees(out, values, [collecting, *words])


def test_padding_between_elements_is_noted(cc: Compiler, out: Path) -> None:
    array = 'static int many[5] __attribute__((used, section("numbers"), aligned(16))) = {1, 2, 3, 4, 5};'
    words: Words = [cc(READER, "-O1"), cc(native("first", 9), "-O1"), cc(array, "-O1")]
    assert Instance(link(out, *words)).list() == [9, 0, 0, 0, 1, 2, 3, 4, 5]
    (note,) = explain("numbers", words)["notes"]
    assert note.startswith("bytes 4 to 16 of section numbers belong to no element")


def test_a_table_of_pointers_has_the_elements_of_its_section(cc: Compiler, out: Path) -> None:
    reader = """
extern int *const __start_numbers_ptrs[], *const __stop_numbers_ptrs[];
__attribute__((export_name("count"))) int count(void) { return __stop_numbers_ptrs - __start_numbers_ptrs; }
__attribute__((export_name("at"))) int at(int i) { return *__start_numbers_ptrs[i]; }
"""
    words: Words = [cc(reader, "-O1"), cc(marked("last", 2, key="9"), "-O1"), cc(marked("first", 1), "-O1")]
    assert Instance(link(out, *words)).list() == [1, 2]
    answer = explain("numbers_ptrs", words)
    assert [finding["name"] for finding in answer["findings"] if finding["in"]] == ["first", "last"]
    assert verdict("numbers --element last", words) == "in"


# In a member that nothing pulls in


@pytest.mark.parametrize("lld", LLDS)
def test_an_element_of_a_section_attribute_does_not_pull_its_member_in(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    member = cc("int late_init(void) { return 1; }\n" + native("late", 7), "-O1", name="late")
    library = archive(tmp_path / "lib.a", member, cc("int other(void) { return 1; }\n" + inline(numbers(9)), "-O1", name="custom"))
    words: Words = [cc(READER, "-O1"), cc(native("here", 6), "-O1"), library]
    answer = assert_agrees(out, {"here": [6], "late": [7]}, words, lld)
    assert verdicts(answer) == {"here": "in", "late": "not-loaded", "custom section numbers": "not-loaded"}
    (late,) = explain("numbers --element late", words, lld)["findings"]
    assert "if something referred to one: late_init" in evidence(late)
    # What it advises helps.
    assert any("-u late_init" in advice for advice in late["advice"])
    assert_agrees(out, {"here": [6], "late": [7]}, ["-u", "late_init", *words], lld)


@pytest.mark.parametrize("lld", LLDS)
def test_a_member_that_is_not_pulled_in_is_named_also_where_the_link_fails(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    library = archive(tmp_path / "lib.a", cc(native("late", 7) + "int late_init(void) { return 1; }", "-O1", name="late"))
    words: Words = [cc(READER, "-O1"), library]
    assert "undefined symbol: __start_numbers" in fails(out, *words, lld=lld)
    answer = explain("numbers --element late", words, lld)
    assert "undefined symbol: __start_numbers" in answer["trouble"]
    assert verdicts(answer) == {"late": "not-loaded"}


def test_an_object_of_a_lib_group_is_explained_as_a_member_is(cc: Compiler, out: Path) -> None:
    words: Words = [cc(READER, "-O1"), cc(native("here", 6), "-O1"), "--start-lib", cc("int f(void) { return 1; }\n" + native("late", 7), "-O1"), "--end-lib"]
    answer = assert_agrees(out, {"here": [6], "late": [7]}, words)
    assert verdicts(answer) == {"here": "in", "late": "not-loaded"}


# Garbage


@pytest.mark.parametrize("lld", ["14", "16", "19", "22"])
def test_an_element_that_is_not_used_is_garbage(cc: Compiler, out: Path, lld: str) -> None:
    words: Words = [cc(READER, "-O1"), cc(native("kept", 6), "-O1"), cc('__attribute__((section("numbers"))) int lost = 7;', "-O1")]
    answer = assert_agrees(out, {"kept": [6], "lost": [7]}, words, lld)
    assert verdicts(answer) == {"kept": "in", "lost": "garbage"}
    assert f"this is lld {lld}" in evidence(answer["findings"][1])
    answer = assert_agrees(out, {"kept": [6], "lost": [7]}, ["--no-gc-sections", *words], lld)
    assert verdicts(answer) == {"kept": "in", "lost": "in"}


def test_an_element_that_is_not_used_and_the_only_one_is_garbage_although_the_link_fails(cc: Compiler, out: Path) -> None:
    words: Words = [cc(READER, "-O1"), cc('__attribute__((section("numbers"))) int lost = 7;', "-O1")]
    assert "undefined symbol: __start_numbers" in fails(out, *words)
    assert verdict("numbers --element lost", words) == "garbage"


@pytest.mark.parametrize("lld", LLDS)
def test_a_section_whose_reader_is_dead_is_garbage(cc: Compiler, out: Path, lld: str) -> None:
    reader = cc(DEAD_READER, "-O1", name="reader")
    words: Words = [reader, cc(marked("one", 305419896), "-O1"), cc(MAIN, "-O1")]
    assert b"\x78\x56\x34\x12" not in link(out, *words, lld=lld).read_bytes()
    (finding,) = explain("numbers --element one", words, lld)["findings"]
    assert finding["verdict"] == "garbage"
    assert f"reader: the function reads of {reader}, which is itself garbage" in evidence(finding)
    # As advised: call it.
    alive: Words = [*words, cc('int reads(void);\n__attribute__((export_name("go"))) int go(void) { return reads(); }', "-O1")]
    assert Instance(link(out, *alive, lld=lld)).go() == 1
    assert verdict("numbers --element one", alive, lld) == "in"


@pytest.mark.parametrize("lld", LLDS)
def test_a_section_that_nobody_reads_is_garbage(cc: Compiler, out: Path, lld: str) -> None:
    words: Words = [cc(marked("one", 305419896), "-O1"), cc(MAIN, "-O1")]
    assert b"\x78\x56\x34\x12" not in link(out, *words, lld=lld).read_bytes()
    (finding,) = explain("numbers --element one", words, lld)["findings"]
    assert finding["verdict"] == "garbage"
    assert "no input refers to __start_numbers" in evidence(finding)
    kept: Words = ["--no-gc-sections", *words]
    assert b"\x78\x56\x34\x12" in link(out, *kept, lld=lld).read_bytes()
    assert verdict("numbers --element one", kept, lld) == "in"


def test_a_custom_section_that_nobody_reads_stays_one(cc: Compiler) -> None:
    words: Words = [cc(numbers(1, 2), language="assembler"), cc(MAIN, "-O1")]
    assert verdict("numbers", words) == "not-memory"
    assert verdict("numbers", [*words, cc(READER, "-O1")]) == "in"


# Spelt differently


def test_another_spelling_of_the_section_is_named(cc: Compiler) -> None:
    words: Words = [cc(READER, "-O1"), cc(marked("one", 1), "-O1"), cc('static int two __attribute__((used, section("Numbers"))) = 2;', "-O1")]
    (finding,) = explain("numbers --element two", words)["findings"]
    assert finding["verdict"] == "other-section"
    assert "Numbers and numbers differ in capital letters" in evidence(finding)
    (finding,) = explain("Number", words)["findings"]
    assert finding["verdict"] == "empty"
    assert "there are elements of Numbers, numbers" in evidence(finding)


def test_an_element_of_the_table_itself_is_told_from_one_of_the_section(cc: Compiler) -> None:
    unit = cc('static int x;\nstatic int *two __attribute__((used, section("numbers_ptrs"))) = &x;', "-O1")
    (finding,) = explain("numbers --element two", [cc(READER, "-O1"), cc(marked("one", 1), "-O1"), unit])["findings"]
    assert finding["verdict"] == "other-section"
    assert "numbers_ptrs is the name of the table of pointers to the elements of numbers" in evidence(finding)


def test_a_marker_with_one_underscore_is_no_marker(cc: Compiler) -> None:
    unit = cc('int two __asm__("_ldshim$numbers$$two") __attribute__((used)) = 2;', "-O1")
    (finding,) = explain("numbers --element two", [cc(READER, "-O1"), cc(marked("one", 1), "-O1"), unit])["findings"]
    assert finding["verdict"] == "no-element"
    assert "does not begin with __ldshim$ (two underscores)" in evidence(finding)


def test_a_section_in_the_place_of_the_key_is_seen(cc: Compiler) -> None:
    unit = cc('int two __asm__("__ldshim$two$numbers$x") __attribute__((used)) = 2;', "-O1")
    (finding,) = explain("numbers --element x", [cc(READER, "-O1"), cc(marked("one", 1), "-O1"), unit])["findings"]
    assert finding["verdict"] == "other-section"
    assert "numbers stands in the place of its sort key" in evidence(finding)


@pytest.mark.parametrize("symbol", ["__ldshim$numbers$two", "__ldshim$9$$two", "__ldshim$$$two"])
def test_a_malformed_marker_is_named(cc: Compiler, out: Path, symbol: str) -> None:
    unit = cc(f'int x __asm__("{symbol}") __attribute__((used)) = 1;', "-O1", name="odd")
    words: Words = [cc(READER, "-O1"), unit]
    assert "expected __ldshim$SECTION$KEY$UNIQUE" in fails(out, *words)
    answer = explain("numbers --element two", words)
    assert verdicts(answer) == {symbol: "malformed-marker"}
    assert "odd.o: " in answer["trouble"]


def test_a_section_that_is_no_identifier_has_no_bounds(cc: Compiler) -> None:
    words: Words = [cc('static int two __attribute__((used, section("my.numbers"))) = 2;', "-O1"), cc(MAIN)]
    (finding,) = explain("my.numbers --element two", words)["findings"]
    assert finding["verdict"] == "not-an-identifier"
    assert finding["advice"] == ["call the section my_numbers"]


# Copies


@pytest.mark.parametrize("lld", LLDS)
def test_of_a_comdat_element_the_copy_that_counts_is_named(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    units = [cc(INLINE_VARIABLE % (i, i, i), "-O1", "-std=c++17", language="c++", name=f"u{i}") for i in (1, 2)]
    user = cc('int *use1(), *use2();\n__attribute__((export_name("u"))) bool u() { return use1() == use2(); }', language="c++")
    library = archive(tmp_path / "lib.a", *units)
    for objects, first in ((units, str(units[0])), ([library], f"{library}(u1.o)")):
        for collecting in COLLECTING:
            words: Words = [collecting, cc(READER, "-O1"), user, *objects]
            assert sorted(Instance(link(out, *words, lld=lld)).list()) == [1, 2, 3]
            answer = explain("numbers --element shared", words, lld)
            inside, outside = answer["findings"]
            assert (inside["verdict"], outside["verdict"]) == ("in", "copy")
            if objects == units:
                assert f"{outside['headline']}." == f"another copy of it counts, the one in {first}."
                assert "both are in the COMDAT group shared" in evidence(outside)
            assert len([finding for finding in explain("numbers", words, lld)["findings"] if finding["in"]]) == 3


def test_of_weak_copies_the_strong_one_counts(cc: Compiler, out: Path) -> None:
    weak = cc("__attribute__((weak)) " + marked("same", 1), "-O1", name="weak")
    strong = cc(marked("same", 2), "-O1", name="strong")
    words: Words = [cc(READER, "-O1"), weak, strong]
    assert Instance(link(out, *words)).list() == [2]
    findings = explain("numbers --element same", words)["findings"]
    assert [(finding["verdict"], finding["file"]) for finding in findings] == [("in", str(strong)), ("copy", str(weak))]


def test_two_strong_elements_of_one_name_are_refused(cc: Compiler, out: Path) -> None:
    words: Words = [cc(READER, "-O1"), cc(marked("same", 1), "-O1", name="one"), cc(marked("same", 2), "-O1", name="two")]
    assert "two elements are named __ldshim$numbers$$same" in fails(out, *words)
    answer = explain("numbers --element same", words)
    assert "two elements are named" in answer["trouble"]
    assert [finding["verdict"] for finding in answer["findings"]] == ["refused", "refused"]


# Declarations, and what is refused


def test_a_declaration_adds_no_element(cc: Compiler, out: Path) -> None:
    words: Words = [cc(READER, "-O1"), cc(DECLARATION % ("x", "x"), "-O1")]
    assert Instance(link(out, *words)).list() == []
    assert verdict("numbers", words) == "declaration"
    assert text_of("numbers", words).startswith("Section numbers is empty: it is declared, and no input has an element of it\n")


def test_a_thread_local_element_is_refused(cc: Compiler, out: Path) -> None:
    flags = ("-O1", "-pthread", "-matomics", "-mbulk-memory")
    words: Words = [cc(READER, *flags), cc('_Thread_local int mine __attribute__((used, section("numbers"))) = 1;', *flags, name="tls")]
    assert "is thread-local" in fails(out, *words)
    assert verdict("numbers --element mine", words) == "thread-local"


def test_what_ldshim_refuses_is_explained_by_its_error(cc: Compiler, out: Path) -> None:
    source = marked("fine", 1) + '__asm__(".section .data.both,\\"\\",@\\n .globl __ldshim$numbers$$one\\n__ldshim$numbers$$one:\\n .int32 1\\n .size __ldshim$numbers$$one, 4\\n .int32 2\\n");'
    words: Words = [cc(READER, "-O1"), cc(source, "-O1", name="both"), cc(marked("other", 1), "-O1")]
    assert "holds other data at offset 0x4" in fails(out, *words)
    (finding,) = explain("numbers --element one", words)["findings"]
    assert finding["verdict"] == "refused"
    assert "both.o: the data segment of marker symbol __ldshim$numbers$$one holds other data at offset 0x4" in evidence(finding)
    assert verdict("numbers --element other", words) == "link-fails"


def test_a_link_that_fails_for_another_reason_has_no_elements(cc: Compiler, out: Path) -> None:
    bad = cc('int missing(void);\n__attribute__((export_name("go"))) int go(void) { return missing(); }', "-O1")
    words: Words = [cc(READER, "-O1"), cc(marked("one", 1), "-O1"), bad]
    assert "undefined symbol: missing" in fails(out, *words)
    answer = explain("numbers --element one", words)
    assert verdicts(answer) == {"one": "link-fails"}
    assert "undefined symbol: missing" in answer["trouble"]


# Nowhere


def test_a_name_that_is_nowhere_has_its_near_spellings(cc: Compiler, tmp_path: Path) -> None:
    objects = [cc(READER, "-O1"), cc(marked("hello_command", 1), "-O1")]
    (tmp_path / "spare.o").write_bytes(cc(marked("helo_command", 2), "-O1").read_bytes())
    (tmp_path / "reader.o").write_bytes(objects[0].read_bytes())
    words: Words = ["reader.o", objects[1]]
    (finding,) = explain("numbers --element helo_command", words, cwd=tmp_path)["findings"]
    assert finding["verdict"] == "not-compiled-in"
    assert f"near: hello_command in {objects[1]}" in evidence(finding)
    assert "elsewhere: spare.o has that name in it, and is not on the line" in evidence(finding)


def test_a_function_or_an_ordinary_variable_is_no_element(cc: Compiler) -> None:
    unit = cc("int hello(void) { return 1; }\nint greeting = 2;", "-O1")
    words: Words = [cc(READER, "-O1"), cc(marked("one", 1), "-O1"), unit]
    for name, headline in {"hello": "it is a function", "greeting": "it is an ordinary variable, in no section"}.items():
        (finding,) = explain(f"numbers --element {name}", words)["findings"]
        assert (finding["verdict"], finding["headline"]) == ("no-element", headline)


@pytest.mark.parametrize("lld", LLDS)
def test_a_file_that_is_not_there_is_named(cc: Compiler, tmp_path: Path, lld: str) -> None:
    words: Words = [cc(READER, "-O1"), cc(marked("one", 1), "-O1"), tmp_path / "gone.o", "-L", tmp_path, "-lgone"]
    answer = explain("numbers --element two", words, lld)
    assert verdicts(answer) == {"two": "no-input"}
    assert f"{tmp_path}/gone.o is on the line, but cannot be opened: No such file or directory" in evidence(answer["findings"][0])
    assert "-lgone is on the line, but no such library is found" in evidence(answer["findings"][0])


# The question


def test_several_statics_of_a_name_are_all_explained(cc: Compiler, out: Path) -> None:
    words: Words = [cc(READER, "-O1"), *(cc(native("own", n), "-O1", name=f"u{n}") for n in (1, 2))]
    assert Instance(link(out, *words)).list() == [1, 2]
    assert [finding["position"] for finding in explain("numbers --element own", words)["findings"]] == [1, 2]
    # A part of the name does, too; one that is meant exactly comes before those that only contain it.
    assert len(explain("numbers --element ow", words)["findings"]) == 2
    assert len(explain("numbers --element own", [*words, cc(marked("owner", 3), "-O1")])["findings"]) == 2


def test_words_in_a_response_file_and_behind_the_name_of_a_linker_are_those_of_the_link(cc: Compiler, tmp_path: Path) -> None:
    words = ["--no-entry", str(cc(READER, "-O1")), str(cc(marked("one", 1), "-O1"))]
    (tmp_path / "link.rsp").write_text("\n".join(words))
    for line in (["@link.rsp"], ["wasm-ld", *words], ["/usr/bin/ldshim", *words], ["-flavor", "wasm", *words]):
        done = ldshim("explain", "numbers", "--element", "one", "--", *line, cwd=tmp_path)
        assert done.stdout.startswith("one is in section numbers: number 1, bytes 0 to 4 of 4\n")
        assert (done.returncode, done.stderr) == (0, "")


def test_the_link_is_left_alone(cc: Compiler, tmp_path: Path) -> None:
    scratch, project = tmp_path / "scratch", tmp_path / "project"
    scratch.mkdir()
    project.mkdir()
    (project / "out.wasm").write_text("mine")
    words: Words = [cc(READER, "-O1"), cc(marked("one", 1), "-O1"), "-o", "out.wasm", "-Map=out.map", "--reproduce=r.tar", "--why-extract=why", "-M"]
    assert verdict("numbers", words, cwd=project, env={"TMPDIR": str(scratch)}) == "in"
    assert os.listdir(project) == ["out.wasm"]
    assert (project / "out.wasm").read_text() == "mine"
    assert os.listdir(scratch) == []


def test_a_link_that_was_saved_can_be_asked_about(cc: Compiler, tmp_path: Path) -> None:
    link(tmp_path / "out.wasm", cc(READER, "-O1"), cc(marked("one", 1), "-O1", name="one"), env={"LDSHIM_SAVE_DIR": str(tmp_path / "saved")})
    for folder in ("saved/0001", "saved"):
        done = ldshim("explain", "numbers", "--element", "one", "--saved", folder, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "one is in section numbers: number 1" in done.stdout
        assert "original/" in done.stdout
    for arguments, (status, message) in {
        ("--saved", "nowhere"): (1, "nowhere: No such file or directory"),
        ("--saved", "."): (1, ". holds no saved link: there is no original.words in it"),
        ("--saved", "saved", "--", "a.o"): (2, "--saved and words behind -- are two links: give one; see ldshim explain --help"),
    }.items():
        done = ldshim("explain", "numbers", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (status, "", f"ldshim explain: {message}\n")


@pytest.mark.parametrize(
    ("question", "status", "message"),
    [
        (["numbers"], 2, "which link? give its words behind --"),
        (["numbers", "--"], 2, "which link? give its words behind --"),
        ([], 2, "the following arguments are required: SECTION"),
        (["numbers", "--bogus", "--", "a.o"], 2, "unrecognized arguments: --bogus"),
        (["numbers", "--", "--version"], 1, "these words only ask the linker for its version or help"),
        (["numbers", "--", "-r", "a.o"], 1, "a relocatable link (-r) collects nothing"),
        (["numbers", "--", "--no-entry"], 1, "there is no input among the words of the link"),
    ],
)
def test_a_question_that_makes_no_sense_is_one_clear_message(question: list[str], status: int, message: str) -> None:
    done = ldshim("explain", *question)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"ldshim explain: {message}")
    assert done.stderr.count("\n") == 1


def test_the_text_is_for_a_person(cc: Compiler, tmp_path: Path) -> None:
    for name, source in {"reader": READER, "one": marked("one", 1), "two": marked("two", 2, key="7")}.items():
        (tmp_path / f"{name}.o").write_bytes(cc(source, "-O1").read_bytes())
    late = cc("int late_init(void) { return 1; }\n" + native("late", 7), "-O1", name="late")
    archive(tmp_path / "lib.a", late)
    assert text_of("numbers", ["reader.o", "one.o", "two.o", "lib.a"], cwd=tmp_path) == TEXT


TEXT = """\
Section numbers has 2 elements, 8 bytes; 1 more did not get in (below)
  kept by      the function count of reader.o, which refers to __start_numbers or __stop_numbers
               the function at of reader.o, which refers to __start_numbers or __stop_numbers
  1  one  one.o, marker
  2  two  two.o, marker, key 7

late is NOT in section numbers: its archive member is not linked, as nothing refers to a symbol of it
  defined in   lib.a(late.o), in the data segment numbers
  why          of such objects ldshim itself links only those with a marker symbol, and this element is in a section that the source names
  symbols      that would get it linked, if something referred to one: late_init
  to do        refer to one of them from code that is linked, or add -u late_init to the line
  or           give it a marker symbol: LDSHIM_ELEMENT(numbers, ...) of ldshim.h (docs/markers.md)
  or           link all of the archive: --whole-archive lib.a --no-whole-archive
"""


# Rust


@pytest.fixture(scope="module")
def asking_linker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linker that asks `ldshim explain` what LDSHIM_TEST_QUESTIONS has, a line each, before it links: rustc removes its objects then."""
    path = tmp_path_factory.mktemp("linker") / "asking"
    path.write_text(
        f"""#!{sys.executable}
import os, subprocess, sys
for n, question in enumerate(os.environ["LDSHIM_TEST_QUESTIONS"].splitlines()):
    with open(os.path.join(os.environ["LDSHIM_TEST_ANSWERS"], f"{{n}}.json"), "w") as file:
        subprocess.run([{str(LDSHIM)!r}, "explain", *question.split(), "--json", "--", *sys.argv[1:]], stdout=file)
os.execv({str(LDSHIM)!r}, ["ldshim", *sys.argv[1:]])
"""
    )
    path.chmod(0o755)
    return path


def ask_while_building(project: Path, answers: Path, questions: list[str], *words: str, linker: Path, target: str) -> list[dict[str, Any]]:
    answers.mkdir()
    variables = {
        f"CARGO_TARGET_{target.upper().replace('-', '_')}_LINKER": str(linker),
        "LDSHIM_TEST_QUESTIONS": "\n".join(questions),
        "LDSHIM_TEST_ANSWERS": str(answers),
    }
    with exclusively():
        done = cargo(project, "build", "--target", target, *words, env=variables, target_dir=answers.parent / "target")
    assert done.returncode == 0, done.stderr
    return [json.loads((answers / f"{n}.json").read_text()) for n in range(len(questions))]


def test_a_crate_that_rustc_drops_is_named(tmp_path: Path, asking_linker: Path) -> None:
    project = tmp_path / "commands"
    shutil.copytree(EXAMPLE, project)
    (project / ".cargo" / "config.toml").write_text(configuration())
    main = project / "app" / "src" / "main.rs"
    main.write_text(main.read_text().replace("extern crate text as _;\n", ""))
    questions = ["COMMANDS", "COMMANDS --element UPPER", "COMMANDS --element text::UPPER", "COMMANDS --element SUM"]
    everything, upper, path, total = ask_while_building(project, tmp_path / "answers", questions, linker=asking_linker, target=WASIP1)
    program = tmp_path / "target" / WASIP1 / "debug" / "commands.wasm"
    listed = [line.split()[0] for line in run_wasi(program, directory=tmp_path).splitlines()]
    assert listed == ["sum", "help"]
    inside = [finding for finding in everything["findings"] if finding["in"]]
    assert [(finding["name"], finding["position"]) for finding in inside] == [("numbers::SUM", 1), ("commands::HELP", 2)]
    assert [finding["verdict"] for finding in everything["findings"] if not finding["in"]] == ["declaration"]
    (found,) = total["findings"]
    assert found["verdict"] == "in"
    assert "linked: its archive member has a marker symbol" in evidence(found)
    for answer in (upper, path):
        (missing,) = answer["findings"]
        assert missing["verdict"] == "not-compiled-in"
        assert "rustc puts only those crates on the line that some crate names by `use` or `extern crate`" in evidence(missing)
        assert "libtext-" in evidence(missing)
        assert "name the crate in the program: extern crate text as _;" in missing["advice"]
    assert "text is not among them" in evidence(path["findings"][0])
    # As advised.
    main.write_text(main.read_text().replace("fn main", "extern crate text as _;\n\nfn main"))
    (upper,) = ask_while_building(project, tmp_path / "again", ["COMMANDS --element UPPER"], linker=asking_linker, target=WASIP1)
    assert verdicts(upper) == {"text::UPPER": "in"}
    assert "upper" in run_wasi(program, directory=tmp_path)


def test_a_link_section_of_rust_is_explained_by_its_statics(tmp_path: Path, asking_linker: Path) -> None:
    project = tmp_path / "link_section"
    shutil.copytree(PROGRAMS / "link_section", project)
    (project / ".cargo").mkdir()
    (project / ".cargo" / "config.toml").write_text(configuration())
    (answer,) = ask_while_building(project, tmp_path / "answers", ["numbers"], "--release", linker=asking_linker, target=UNKNOWN)
    (module,) = (tmp_path / "target" / UNKNOWN / "release").glob("*.wasm")
    assert sorted(Instance(module).list()) == [1, 2, 3, 4]
    inside = [finding for finding in answer["findings"] if finding["in"]]
    assert sorted(finding["size"] for finding in inside) == [4, 4, 8]
    assert [finding["offset"] for finding in inside] == _offsets(inside)
    assert {finding["rule"] for finding in inside} == {"paired"}
