"""Many changed objects side by side go to the linker in one archive, and nobody can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ldshim.rewrite import LONG_ROW
from tests.harness import COLLECTING, Instance, archive, custom_section_names, fails, ldshim, link
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

READER = """
extern const int __start_numbers[], __stop_numbers[];
extern int constructed;
__attribute__((export_name("count"))) int count(void) { return __stop_numbers - __start_numbers; }
__attribute__((export_name("at"))) int at(int i) { return __start_numbers[i]; }
__attribute__((export_name("constructions"))) int constructions(void) { return constructed; }
"""
MANY = LONG_ROW + 2


def numbered(cc: Compiler, number: int, extra: str = "") -> Path:
    source = f'const int element_{number} __asm__("__ldshim$numbers$$e{number}") __attribute__((used)) = {number};\n'
    return cc(source + extra, name=f"unit{number}")


def row(cc: Compiler, count: int = MANY) -> list[Path]:
    return [numbered(cc, number) for number in range(count)]


CONSTRUCTOR = """
extern int constructed;
__attribute__((constructor)) static void construct(void) { constructed++; }
"""
NOTE = '__asm__(".section .custom_section.note,\\"\\",@\\n.int8 7\\n");'
RETAINED = '__attribute__((used, retain, section("kept"))) static int kept = 77;'


@pytest.mark.parametrize("gc", COLLECTING)
@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_row_is_in_order(cc: Compiler, out: Path, lld: str, gc: str) -> None:
    objects = [numbered(cc, n, (CONSTRUCTOR if n == MANY else "") + NOTE) for n in range(2 * MANY)]
    instance = Instance(link(out, cc("int constructed = 0;" + READER, "-O1"), *objects, gc, "--export=__wasm_call_ctors", lld=lld))
    assert instance.list() == list(range(2 * MANY))
    instance.__wasm_call_ctors()
    assert instance.constructions() >= 1
    assert custom_section_names(out).count("note") == 1


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_constructor_runs_though_nobody_reads_the_elements_beside_it(cc: Compiler, out: Path, lld: str) -> None:
    objects = [numbered(cc, n, CONSTRUCTOR if n == MANY else "") for n in range(2 * MANY)]
    main = cc('int constructed = 0; __attribute__((export_name("constructions"))) int constructions(void) { return constructed; }')
    instance = Instance(link(out, main, *objects, "--export=__wasm_call_ctors", lld=lld))
    instance.__wasm_call_ctors()
    assert instance.constructions() >= 1


@pytest.mark.parametrize("lld", ["19", "22", "zig"])
def test_a_retained_segment_stays_though_nobody_reads_the_elements_beside_it(cc: Compiler, out: Path, lld: str) -> None:
    objects = [numbered(cc, n, RETAINED if n == 3 else "") for n in range(MANY)]
    link(out, cc("int f(void) { return 0; }"), *objects, lld=lld)
    assert (77).to_bytes(4, "little") in out.read_bytes()


@pytest.mark.parametrize("lld", WASM_LDS)
def test_members_of_an_archive_that_are_taken_out_keep_its_place(cc: Compiler, out: Path, tmp_path: Path, lld: str) -> None:
    library = archive(tmp_path / "lib.a", *row(cc))
    before, after = numbered(cc, 100), numbered(cc, 200)
    instance = Instance(link(out, cc("int constructed = 0;" + READER, "-O1"), before, library, after, lld=lld))
    assert instance.list() == [100, *range(MANY), 200]


def test_what_follows_a_row_is_as_lazy_as_it_was(cc: Compiler, out: Path, tmp_path: Path) -> None:
    loud = archive(tmp_path / "lazy.a", cc('__attribute__((export_name("loaded"))) int loaded(void) { return 1; }'))
    main = cc("int constructed = 0;" + READER, "-O1")
    assert not hasattr(Instance(link(out, main, *row(cc), loud)).exports, "loaded")
    exports = Instance(link(out, main, "--whole-archive", *row(cc), loud)).exports
    assert "loaded" in exports
    exports = Instance(link(out, main, "--whole-archive", *row(cc), "--no-whole-archive", loud)).exports
    assert "loaded" not in exports


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_message_about_an_object_in_a_row_names_the_users_file(cc: Compiler, out: Path, lld: str) -> None:
    objects = row(cc)
    objects[5] = numbered(cc, 5, "int gone(void); __attribute__((export_name(\"f\"))) int f(void) { return gone(); }")
    message = fails(out, cc("int constructed = 0;" + READER, "-O1"), *objects, lld=lld)
    assert f"{objects[5]}: undefined symbol: gone" in message
    assert "objects.a" not in message


def test_traces_and_maps_name_the_users_files(cc: Compiler, out: Path) -> None:
    objects = row(cc)
    done = ldshim("--no-entry", cc("int constructed = 0;" + READER, "-O1"), *objects, "-o", out, "--trace", "-M", "--verbose")
    assert done.returncode == 0, done.stderr
    text = done.stdout + done.stderr
    assert "objects.a" not in text
    assert all(f"{path}\n" in text for path in objects)
    assert f"{objects[0]} and {MANY - 1} more" in text
    # In the map, with the segment.
    assert all(f"{path}:(numbers)" in text for path in objects)
