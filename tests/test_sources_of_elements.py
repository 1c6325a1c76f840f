"""Every place that elements come from: compiled, linked with every lld, with and without garbage collection, and run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness import CLANGS, COLLECTING, LEVELS, Instance, custom_section_names, link
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

TYPES = "struct command { int id; const char *name; int (*run)(int); };\n"

# The reader of the registry: everything else is found by it, or not.
MAIN = (
    TYPES
    + """
extern const struct command __start_commands[], __stop_commands[];
__attribute__((export_name("count"))) int count(void) { return __stop_commands - __start_commands; }
__attribute__((export_name("at"))) int at(int i) { return __start_commands[i].id; }
__attribute__((export_name("letter"))) int letter(int i) { return __start_commands[i].name[0]; }
__attribute__((export_name("run"))) int run(int i, int x) { return __start_commands[i].run(x); }
"""
)

NATIVE = (
    TYPES
    + """
static int twice(int x) { return 2 * x; }
static const struct command hello __attribute__((used, section("commands"))) = {1, "hello", twice};
"""
)

MARKED = (
    TYPES
    + """
static int thrice(int x) { return 3 * x; }
struct command bye __asm__("__ldshim$commands$$bye") __attribute__((used)) = {2, "bye", thrice};
"""
)

MARKED_LOCAL = (
    TYPES
    + """
static int negated(int x) { return -x; }
static struct command minus __asm__("__ldshim$commands$$minus") __attribute__((used)) = {3, "minus", negated};
"""
)

CUSTOM = """
int squared(int x) { return x * x; }
const char text[] = "square";
__asm__(".section .custom_section.commands,\\"\\",@\\n"
        "  .int32 4\\n  .int32 text\\n  .int32 squared\\n");
"""

ASSEMBLY = """
        .globl  halved
halved:
        .functype halved (i32) -> (i32)
        local.get 0
        i32.const 2
        i32.div_s
        end_function

        .section .rodata.text,"",@
text:   .asciz "half"
        .size text, 5

        .section commands,"R",@
        .p2align 2
half:   .int32 5
        .int32 text
        .int32 halved
        .size half, 12
        .no_dead_strip half
"""


def commands(module: Path) -> list[tuple[int, str, int]]:
    """Every command as (id, first letter of its name, what it makes of 10)."""
    program = Instance(module)
    return [(program.at(i), chr(program.letter(i)), program.run(i, 10)) for i in range(program.count())]


def check_alone(cc: Compiler, tmp_path: Path, lld: str, source: str, expected: tuple[int, str, int]) -> None:
    for clang in CLANGS:
        for level in LEVELS:
            main = cc(MAIN, level, clang=clang)
            unit = cc(source, level, clang=clang)
            for collecting in COLLECTING:
                module = link(tmp_path / "out.wasm", collecting, main, unit, lld=lld)
                assert commands(module) == [expected], (clang, level, collecting)


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_segment_that_the_compiler_named(cc: Compiler, tmp_path: Path, lld: str) -> None:
    check_alone(cc, tmp_path, lld, NATIVE, (1, "h", 20))


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_marked_global(cc: Compiler, tmp_path: Path, lld: str) -> None:
    check_alone(cc, tmp_path, lld, MARKED, (2, "b", 30))


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_marked_static(cc: Compiler, tmp_path: Path, lld: str) -> None:
    check_alone(cc, tmp_path, lld, MARKED_LOCAL, (3, "m", -10))


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_custom_section_with_relocations(cc: Compiler, tmp_path: Path, lld: str) -> None:
    check_alone(cc, tmp_path, lld, CUSTOM, (4, "s", 100))


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_segment_from_assembly(cc: Compiler, tmp_path: Path, lld: str) -> None:
    unit = cc(ASSEMBLY, language="assembler")
    for collecting in COLLECTING:
        module = link(tmp_path / "out.wasm", collecting, cc(MAIN, "-O1"), unit, lld=lld)
        assert commands(module) == [(5, "h", 5)]


@pytest.mark.parametrize("debug", ["", "-g"])
@pytest.mark.parametrize("lld", WASM_LDS)
def test_all_of_them_together_are_contiguous_and_in_the_order_of_the_command_line(
    cc: Compiler, tmp_path: Path, lld: str, debug: str
) -> None:
    flags = ["-O1", *([debug] if debug else [])]
    units = [cc(source, *flags) for source in (NATIVE, MARKED, MARKED_LOCAL, CUSTOM)]
    units.append(cc(ASSEMBLY, language="assembler"))
    for collecting in COLLECTING:
        module = link(tmp_path / "out.wasm", collecting, cc(MAIN, *flags), *units, lld=lld)
        assert [c[0] for c in commands(module)] == [1, 2, 3, 4, 5]
        module = link(tmp_path / "out.wasm", collecting, *reversed(units), cc(MAIN, *flags), lld=lld)
        assert [c[0] for c in commands(module)] == [5, 4, 3, 2, 1]
        assert "commands" not in custom_section_names(module)


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_section_that_no_live_code_reads_leaves_nothing_behind(cc: Compiler, tmp_path: Path, lld: str) -> None:
    idle = cc('__attribute__((export_name("idle"))) int idle(void) { return 1; }', "-O1")
    unread = MAIN.replace('__attribute__((export_name("count")))', "").replace('__attribute__((export_name("at")))', "")
    unread = unread.replace('__attribute__((export_name("letter")))', "").replace('__attribute__((export_name("run")))', "")
    units = [cc(source, "-O1") for source in (unread, MARKED, MARKED_LOCAL, CUSTOM)]
    module = link(tmp_path / "out.wasm", idle, *units, lld=lld)
    bare = link(tmp_path / "bare.wasm", idle, lld=lld)
    assert b"square" not in module.read_bytes()
    assert len(module.read_bytes()) <= len(bare.read_bytes()) + 1


def test_custom_sections_of_names_that_nobody_wants_stay_what_they_are(cc: Compiler, tmp_path: Path) -> None:
    other = cc(CUSTOM.replace("commands", "for_tools"), "-O1")
    module = link(tmp_path / "out.wasm", cc(MAIN, "-O1"), cc(MARKED, "-O1"), other)
    assert custom_section_names(module).count("for_tools") == 1
    assert commands(module) == [(2, "b", 30)]
