"""Bitcode among the inputs: nothing is lost, everything is in order, whichever way the bitcode goes."""

from __future__ import annotations

import functools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import wasmtime

from ldshim.bitcode import ir, module
from ldshim.bitcode.bitstream import MalformedBitcode
from ldshim.bitcode.guard import survives
from ldshim.bitcode.module import producer as bitcode_producer
from tests.harness import COLLECTING, Instance, archive, check, export_names, fails, ldshim, link, linker_path, tool
from tests.test_sources_of_elements import CUSTOM, MAIN, MARKED, MARKED_LOCAL, NATIVE, commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness import Compiler

FLAVORS = ("-flto", "-flto=thin")
# Where the compiler's LLVM is llvmlite's or older, and the linker's is llvmlite's or newer, bitcode stays bitcode; else the linker lowers it.
TOOLCHAINS = {
    "22 and 22": ("22", "22"),
    "16 and 22": ("16", "22"),
    "19 and 19": ("19", "19"),
    "16 and 16": ("16", "16"),
    "22 and zig": ("22", "zig"),
}
READER = """
extern int __start_numbers[], __stop_numbers[];
__attribute__((export_name("count"))) int count(void) { return __stop_numbers - __start_numbers; }
__attribute__((export_name("at"))) int at(int i) { return __start_numbers[i]; }
"""


def marked(name: str, value: int) -> str:
    return f'int {name} __asm__("__ldshim$numbers$${name}") __attribute__((used)) = {value};\n'


def native(name: str, value: int) -> str:
    return f'static int {name} __attribute__((used, section("numbers"))) = {value};\n'


def traced(*words: str | Path, lld: str = "22") -> str:
    """The trace of a link."""
    done = ldshim("--no-entry", *words, lld=lld, env={"LDSHIM_TRACE": "1"})
    assert done.returncode == 0, done.stderr
    return done.stderr


def importing_llvmlite_does(statement: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in in front of llvmlite, for the links that follow."""
    package = folder / "stand-in" / "llvmlite"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(statement)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))


@pytest.fixture
def no_llvmlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if llvmlite were not installed."""
    importing_llvmlite_does("raise ImportError('hidden by a test')", tmp_path, monkeypatch)


@pytest.fixture(params=["llvmlite", "no llvmlite"])
def either_way(request: pytest.FixtureRequest) -> None:
    """With llvmlite, and without."""
    if request.param == "no llvmlite":
        request.getfixturevalue("no_llvmlite")


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("toolchain", TOOLCHAINS)
@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize("collecting", COLLECTING)
def test_elements_come_from_bitcode_and_objects_in_order(
    cc: Compiler, out: Path, toolchain: str, flavor: str, collecting: str
) -> None:
    clang, lld = TOOLCHAINS[toolchain]
    for ways in ([flavor] * 4, ["", flavor, "", flavor], [flavor, "", flavor, ""], ["-flto", "-flto=thin", "-flto", "-flto=thin"]):
        main, one, two, three = (
            cc(source, "-O2", *filter(None, [how]), clang=clang)
            for source, how in zip((MAIN, NATIVE, MARKED, MARKED_LOCAL), ways, strict=True)
        )
        module = link(out, collecting, main, one, cc(CUSTOM, "-O2", clang=clang), two, three, lld=lld)
        assert commands(module) == [(1, "h", 20), (4, "s", 100), (2, "b", 30), (3, "m", -10)], ways
        assert not any("ldshim" in name for name in export_names(module))


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize(("clang", "lld"), [("22", "22"), ("19", "19"), ("16", "16")])
def test_elements_in_archives_of_bitcode_are_found(cc: Compiler, out: Path, tmp_path: Path, flavor: str, clang: str, lld: str) -> None:
    def unit(source: str, name: str, *flags: str) -> Path:
        return cc(source, "-O1", *flags, clang=clang, name=name)

    loaded = unit("int reached(void) { return 1; }\n" + native("beside", 3), "loaded", flavor)
    members = [unit(marked("one", 1), "one", flavor), unit(marked("two", 2), "two"), loaded, unit(native("unloaded", 4), "other", flavor)]
    main = unit(READER + 'int reached(void);\n__attribute__((export_name("go"))) int go(void) { return reached(); }', "main", flavor)
    for thin in (False, True):
        library = archive(tmp_path / "lib.a", *members, thin=thin)
        assert Instance(link(out, main, library, lld=lld)).list() == [1, 2, 3]
        assert Instance(link(out, main, "--whole-archive", library, lld=lld)).list() == [1, 2, 3, 4]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(("clang", "lld"), [("22", "22"), ("19", "19"), ("16", "16")])
@pytest.mark.parametrize("level", ["--lto-O0", "--lto-O1", "--lto-O2", "--lto-O3"])
def test_every_level_of_optimization_keeps_all_elements(cc: Compiler, out: Path, clang: str, lld: str, level: str) -> None:
    for flavor in FLAVORS:
        units = [cc(source, "-O2", flavor, clang=clang) for source in (MAIN, NATIVE, MARKED, MARKED_LOCAL)]
        assert commands(link(out, level, *units, lld=lld)) == [(1, "h", 20), (2, "b", 30), (3, "m", -10)]


@pytest.mark.parametrize(("clang", "lld"), [("22", "22"), ("19", "19"), ("16", "16")])
def test_thin_lto_gives_the_same_bytes_with_any_cache_and_any_number_of_jobs(
    cc: Compiler, tmp_path: Path, clang: str, lld: str
) -> None:
    units = [cc(source, "-O2", "-flto=thin", clang=clang) for source in (MAIN, NATIVE, MARKED, MARKED_LOCAL)]
    out = tmp_path / "out.wasm"
    plain = link(out, *units, lld=lld).read_bytes()
    cached = f"--thinlto-cache-dir={tmp_path / 'cache'}"
    for option in ("--thinlto-jobs=1", "--thinlto-jobs=2", cached, cached, f"--thinlto-cache-dir={tmp_path / 'cold'}"):
        module = link(out, option, *units, lld=lld)
        assert commands(module) == [(1, "h", 20), (2, "b", 30), (3, "m", -10)]
        assert module.read_bytes() == plain, option
    # One for each module that is still bitcode when it comes to the linker: that is all of them, or the one without elements.
    assert len(list((tmp_path / "cache").glob("llvmcache-*"))) == (4 if lld == "22" else 1)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("flavor", FLAVORS)
def test_the_directory_leaves_no_trace_in_the_module(cc: Compiler, tmp_path: Path, flavor: str) -> None:
    modules = []
    for name in ("one", "another place"):
        folder = tmp_path / name
        folder.mkdir()
        units = [Path(shutil.copy(cc(source, "-O2", flavor), folder / f"{i}.o")) for i, source in enumerate((MAIN, NATIVE, MARKED, MARKED_LOCAL))]
        modules.append(link(folder / "out.wasm", *units, env={"TMPDIR": str(folder)}).read_bytes())
    assert modules[0] == modules[1]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("flavor", FLAVORS)
def test_wrapped_bitcode_is_bitcode(cc: Compiler, out: Path, tmp_path: Path, flavor: str) -> None:
    bitcode = cc(marked("one", 1), "-O1", flavor).read_bytes()
    header = (0x0B17C0DE, 0, 20, len(bitcode), 0)
    wrapped = tmp_path / "wrapped.o"
    wrapped.write_bytes(b"".join(field.to_bytes(4, "little") for field in header) + bitcode + bytes(12))
    assert Instance(link(out, cc(READER, "-O1"), wrapped, cc(marked("two", 2), "-O1"))).list() == [1, 2]


@pytest.mark.usefixtures("either_way")
def test_elements_stay_in_order_where_lto_moves_variables(cc: Compiler, out: Path) -> None:
    # A module that names an element of an earlier one draws it behind its own; splitting deals all of them out.
    naming = "extern int two __asm__(\"__ldshim$numbers$$two\");\n__attribute__((export_name(\"sum\"))) int sum(void) { return two; }\n"
    units = [cc("".join(marked(name, i + 1) for i, name in enumerate(("one", "two", "three"))), "-O1", "-flto")]
    units += [cc(READER, "-O1", "-flto"), cc(naming + marked("four", 4), "-O1", "-flto")]
    for partitions in ("1", "3"):
        assert Instance(link(out, f"--lto-partitions={partitions}", *units)).list() == [1, 2, 3, 4]


@pytest.mark.parametrize("flavor", FLAVORS)
def test_what_nobody_reads_is_collected(cc: Compiler, out: Path, flavor: str) -> None:
    quiet = '__attribute__((export_name("quiet"))) int quiet(void) { return 1; }\n'
    reader = "extern int __start_numbers[], __stop_numbers[];\nint count(void) { return __stop_numbers - __start_numbers; }\n"
    units = [cc(quiet + reader, "-O1", flavor), cc(marked("one", 1), "-O1", flavor)]
    assert link(out, "-s", *units).read_bytes() == link(out.with_name("bare.wasm"), "-s", units[0]).read_bytes()


# What the program that is measured does: a table of small functions, and a loop over a function of another file, which has elements, too.
MEASURED_TYPES = "struct command { int id; int (*run)(int); };\n"
MEASURED_MAIN = (
    MEASURED_TYPES
    + """
extern const struct command __start_commands[], __stop_commands[];
int step(int x);
__attribute__((export_name("work"))) int work(int n) {
    int sum = 0;
    for (int i = 0; i < n; i++) {
        sum += step(i);
        for (const struct command *c = __start_commands; c < __stop_commands; c++) sum ^= c->run(i + c->id);
    }
    return sum;
}
"""
)
MEASURED_FILE = (
    MEASURED_TYPES
    + """
static int helped%(n)d(int x) { return x * %(n)d + (x >> 2); }
static int one%(n)d(int x) { return helped%(n)d(x) + 1; }
static int two%(n)d(int x) { return helped%(n)d(x) * 2; }
static const struct command a%(n)d %(a)s __attribute__((used)) = {%(n)d, one%(n)d};
static const struct command b%(n)d %(b)s __attribute__((used)) = {%(n)d0, two%(n)d};
"""
)
MEASURED_STEP = "int step(int x) { return (x ^ 0x55) + (x << 1); }\n"


def fuel(module: Path, name: str, *arguments: int) -> tuple[int, int]:
    """What an export returns, and the fuel that it burns."""
    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    store.set_fuel(1 << 40)
    instance = wasmtime.Instance(store, wasmtime.Module.from_file(engine, str(module)), [])
    function = instance.exports(store)[name]
    assert isinstance(function, wasmtime.Func)
    before = store.get_fuel()
    result = function(store, *arguments)
    return result, before - store.get_fuel()


@pytest.mark.parametrize("flavor", FLAVORS)
def test_the_module_is_as_small_and_as_fast_as_with_native_sections(cc: Compiler, out: Path, flavor: str) -> None:
    modules = {}
    for kind in ("marked", "native"):
        units = [cc(MEASURED_MAIN, "-O2", flavor)]
        for n in range(1, 25):
            names = {x: f'__asm__("__ldshim$commands$${x}{n}")' if kind == "marked" else '__attribute__((section("commands")))' for x in "ab"}
            source = MEASURED_FILE % {"n": n, **names} + (MEASURED_STEP if n == 12 else "")
            units.append(cc(source, "-O2", flavor, name=f"unit{n}"))
        modules[kind] = out.with_name(f"{kind}.wasm")
        if kind == "marked":
            link(modules[kind], "--strip-all", *units)
        else:
            check([tool("wasm-ld-22"), "--no-entry", "--strip-all", *units, "-o", modules[kind]])
    ours, theirs = modules["marked"], modules["native"]
    assert abs(ours.stat().st_size / theirs.stat().st_size - 1) < 0.01
    (result, burnt), (expected, baseline) = fuel(ours, "work", 1000), fuel(theirs, "work", 1000)
    assert result == expected
    assert abs(burnt / baseline - 1) < 0.01


def killers(path: Path, most: int) -> Iterator[bytes]:
    """Damaged copies over which LLVM ends the process that reads them."""
    content = path.read_bytes()
    generator = random.Random(1)
    for _ in range(2000):
        damaged = bytearray(content)
        for position in generator.sample(range(len(content)), 3):
            damaged[position] ^= 1 << generator.randrange(8)
        try:
            facts = module.read(module.unwrapped(bytes(damaged)))
        except MalformedBitcode:
            continue
        if not survives(functools.partial(ir.IRModule, module.unwrapped(bytes(damaged)), facts)):
            yield bytes(damaged)
            most -= 1
            if not most:
                return


def test_bitcode_that_kills_llvm_ends_the_link_with_a_message(cc: Compiler, out: Path, tmp_path: Path) -> None:
    reader, good = cc(READER, "-O1", "-flto", name="reader"), cc(marked("one", 1), "-O1", "-flto", name="one")
    messages = []
    for number, content in enumerate(killers(cc(marked("two", 2) + "int (*keep)(int);", "-O1", "-flto", name="two"), 5)):
        path = tmp_path / f"damaged{number}.o"
        path.write_bytes(content)
        done = ldshim("--no-entry", reader, good, path, "-o", out)
        assert done.returncode in (0, 1)  # the linker may be able to read it
        messages.append(done.stderr)
    assert len(messages) == 5
    # Where the marker itself is damaged, the file is the linker's to complain about.
    assert any(f"damaged{n}.o: bitcode of " in m and "llvmlite: llvmlite fails to read it" in m for n, m in enumerate(messages))


def test_bitcode_with_an_attribute_that_is_no_text_is_refused_with_a_message(cc: Compiler, out: Path, tmp_path: Path) -> None:
    # llvmlite hands modules over as text, and their attributes may be any bytes.
    source = tmp_path / "odd.ll"
    source.write_text(
        'target datalayout = "e-m:e-p:32:32-p10:8:8-p20:8:8-i64:64-i128:128-n32:64-S128-ni:1:10:20"\n'
        'target triple = "wasm32-unknown-unknown"\n'
        '@"__ldshim$numbers$$odd" = hidden global i32 5, align 4\n'
        '@llvm.used = appending global [1 x ptr] [ptr @"__ldshim$numbers$$odd"], section "llvm.metadata"\n'
        'define i32 @g() "a\\F0"="b" {\n  ret i32 1\n}\n'
    )
    check([tool("clang-22"), "--target=wasm32", "-flto", "-c", source, "-o", tmp_path / "odd.o"])
    message = fails(out, cc(READER, "-O1", "-flto", name="reader"), tmp_path / "odd.o")
    assert message.startswith(f"ldshim: error: {tmp_path}/odd.o: LLVM (llvmlite) cannot write the bitcode with its sections set: ")


def test_the_trace_says_which_way_each_file_went(cc: Compiler, out: Path) -> None:
    units = [cc(READER, "-O1", "-flto", name="reader"), cc(marked("one", 1), "-O1", "-flto", name="one")]
    text = traced(*units, "-o", out)
    assert "one.o: bitcode of LLVM 22." in text
    assert "llvmlite has LLVM 22." in text
    assert "edited, stays bitcode for LLD 22." in text
    assert "reader.o: bitcode of" not in text  # it has no elements
    assert "lowered to an object by LLD 22." in traced(cc(WEAK, "-O1", "-flto"), *units, "-o", out)


@pytest.mark.parametrize("flavor", FLAVORS)
def test_copies_in_cxx_stay_bitcode_and_count_once(cc: Compiler, out: Path, flavor: str) -> None:
    source = 'inline __attribute__((used, section("numbers"))) int shared = 3;\nint *use%d() { return &shared; }\n'
    words = [cc(READER, "-O1", flavor), *(cc(source % i, "-O1", "-std=c++17", flavor, language="c++", name=f"cxx{i}") for i in (1, 2))]
    assert "lowered" not in traced(*words, "-o", out)
    assert Instance(out).list() == [3]


@pytest.mark.usefixtures("no_llvmlite")
def test_the_trace_says_that_llvmlite_is_missing(cc: Compiler, out: Path) -> None:
    text = traced(cc(READER, "-O1"), cc(marked("one", 1), "-O1", "-flto", name="one"), "-o", out)
    assert "llvmlite is not installed (pip install 'ldshim[lto]'): lowered to an object by LLD 22." in text


@pytest.mark.usefixtures("no_llvmlite")
@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize(("clang", "lld"), [("22", "22"), ("19", "19")])
def test_what_is_lowered_has_the_flags_that_llvm_gave_it(cc: Compiler, out: Path, flavor: str, clang: str, lld: str) -> None:
    # `wasm-ld -r` itself makes an object that no longer says that it has 64 bits, and no longer which segments are strings.
    units = [cc(source, "-O1", flavor, target="wasm64", clang=clang) for source in (MAIN, NATIVE, MARKED, MARKED_LOCAL)]
    program = Instance(link(out, "-mwasm64", *units, lld=lld))
    assert [program.at(i) for i in range(program.count())] == [1, 2, 3]


def test_an_llvmlite_that_cannot_be_loaded_counts_as_none(
    cc: Compiler, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing_llvmlite_does("raise OSError('no such library')", tmp_path, monkeypatch)
    words = [cc(READER, "-O1"), cc(marked("one", 1), "-O1", "-flto")]
    assert "llvmlite cannot be loaded (no such library): lowered to an object by LLD 22." in traced(*words, "-o", out)
    assert Instance(out).list() == [1]


def patched_identification(path: Path, *, major: int | None = None, epoch: int | None = None) -> Path:
    """A copy of a bitcode file that says that another LLVM wrote it."""
    characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"

    def packed(text: str) -> int:
        return sum(characters.index(c) << (6 * i) for i, c in enumerate(text))

    data = path.read_bytes()
    bits = int.from_bytes(data, "little")
    name = bitcode_producer(data).decode()
    width = 6 * len(name)
    begin = next(b for b in range(32, 600) if bits >> b & ((1 << width) - 1) == packed(name))
    if major is not None:
        bits ^= (packed(name) ^ packed(name.replace("LLVM22", f"LLVM{major}"))) << begin
    if epoch is not None:
        # The block's last record: its abbreviation, 5, in 5 bits, and the number.  Nothing but zeros follows.
        end = 8 * (12 + 4 * int.from_bytes(data[8:12], "little"))
        number = (bits & ((1 << end) - 1)).bit_length() + 2
        bits ^= epoch << number
    patched = path.with_name(f"patched-{major or epoch}.o")
    patched.write_bytes(bits.to_bytes(len(data), "little"))
    return patched


@pytest.mark.parametrize("flavor", FLAVORS)
def test_bitcode_of_a_newer_llvm_is_lowered_by_the_users_linker(cc: Compiler, out: Path, flavor: str) -> None:
    newer = patched_identification(cc(marked("one", 1), "-O1", flavor, name="one"), major=29)
    words = [cc(READER, "-O1", flavor), newer, cc(marked("two", 2), "-O1", flavor, name="two")]
    text = traced(*words, "-o", out)
    assert "bitcode of LLVM 29." in text
    assert "; llvmlite has LLVM 22.1.0, and reads nothing newer: lowered to an object by LLD 22." in text
    assert Instance(link(out, *words)).list() == [1, 2]


def test_bitcode_that_nothing_here_can_read_is_an_error_with_both_versions(cc: Compiler, out: Path) -> None:
    newer = cc(marked("one", 1), "-O1", "-flto", name="one")
    message = fails(out, cc(READER, "-O1", clang="16"), newer, lld="16")
    assert re.search(r"one\.o: bitcode of LLVM 22\.[\d.]+ has elements, and nothing here can handle them", message)
    assert re.search(r"llvmlite has LLVM 22\.1\.0, and LLD 16\.[\d.]+ would not read what that writes", message)
    assert re.search(r">>> by LLD 16\.[\d.]+: wasm-ld-16: error: ", message)
    assert "compile the file without -flto" in message


def test_bitcode_of_another_epoch_is_an_error(cc: Compiler, out: Path) -> None:
    newer = patched_identification(cc(marked("one", 1), "-O1", "-flto", name="one"), epoch=1)
    message = fails(out, cc(READER, "-O1"), newer)
    assert "llvmlite cannot read it" in message
    assert "Incompatible epoch" in message


ALIAS = """
int two = 2;
extern int alias __asm__("__ldshim$numbers$$alias") __attribute__((alias("two"), used));
"""
ASSEMBLY = """
__asm__(".section numbers,\\"\\",@\\n"
        "element: .int32 3\\n  .size element, 4\\n  .no_dead_strip element\\n");
int function(void) { return 3; }
"""
WEAK = '__attribute__((weak, used, section("numbers"))) int weak = 4;\n'
THREAD_LOCAL = '_Thread_local int local __asm__("__ldshim$numbers$$local") __attribute__((used)) = 5;\n'


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(("source", "expected"), [(ALIAS, 2), (ASSEMBLY, 3), (WEAK, 4), (THREAD_LOCAL, 5)])
def test_what_cannot_be_said_in_bitcode_is_lowered(cc: Compiler, out: Path, source: str, expected: int) -> None:
    for flavor in FLAVORS:
        words = [cc(READER, "-O1", flavor), cc(source, "-O1", flavor, name="special"), cc(marked("one", 1), "-O1", flavor)]
        assert "special.o" in "".join(line for line in traced(*words, "-o", out).splitlines() if "lowered" in line)
        assert sorted(Instance(link(out, *words)).list()) == [1, expected]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("flavor", FLAVORS)
def test_assembly_in_bitcode_that_walks_over_a_section_is_not_passed_over(cc: Compiler, out: Path, flavor: str) -> None:
    # lld takes what assembly in bitcode refers to for a function, and crashes; nothing else wants the section.
    walker = """
__asm__(".section .rodata.bounds,\\"\\",@\\n"
        "bounds: .int32 __start_numbers\\n  .int32 __stop_numbers\\n  .size bounds, 8\\n  .no_dead_strip bounds\\n");
int function(void) { return 3; }
"""
    message = fails(out, cc(walker, "-O1", flavor, name="walker"), cc(native("one", 1), "-O1"))
    assert re.search(r"walker\.o: bitcode of LLVM 22\.[\d.]+ has elements, and nothing here can handle them", message)
    assert message.count("\n") == 4
    assert re.search(r"by LLD 22\.[\d.]+: it crashed \(signal 11\)", message)


@pytest.mark.parametrize("flavor", FLAVORS)
def test_an_alignment_that_only_the_type_says_is_kept(cc: Compiler, out: Path, tmp_path: Path, flavor: str) -> None:
    text = tmp_path / "unit.ll"
    text.write_text(
        'target datalayout = "e-m:e-p:32:32-p10:8:8-p20:8:8-i64:64-i128:128-n32:64-S128-ni:1:10:20"\ntarget triple = "wasm32"\n'
        '@one = hidden global i64 1, section "longs"\n@"__ldshim$longs$$two" = hidden global i64 2\n'
        '@llvm.used = appending global [2 x ptr] [ptr @one, ptr @"__ldshim$longs$$two"], section "llvm.metadata"\n'
    )
    unit = tmp_path / "unit.o"
    check([tool("clang-22"), "--target=wasm32", flavor, "-c", text, "-o", unit])
    reader = """
extern char __start_longs[], __stop_longs[];
__attribute__((export_name("size"))) int size(void) { return __stop_longs - __start_longs; }
__attribute__((export_name("place"))) int place(void) { return (int)__start_longs; }
"""
    odd = cc('char odd __attribute__((used)) = 1;\n__attribute__((export_name("get"))) int get(void) { return odd; }', "-O1")
    program = Instance(link(out, odd, cc(reader, "-O1"), unit))
    assert (program.size(), program.place() % 8) == (16, 0)


def test_a_thread_local_element_is_refused_where_there_are_threads(cc: Compiler, out: Path) -> None:
    flags = ("-O1", "-flto", "-pthread", "-matomics", "-mbulk-memory")
    message = fails(out, "--shared-memory", "--max-memory=1048576", cc(READER, *flags), cc(THREAD_LOCAL, *flags, name="tls"))
    assert "tls.o: __ldshim$numbers$$local is thread-local" in message


def test_a_link_without_elements_in_bitcode_does_without_llvmlite(
    cc: Compiler, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing_llvmlite_does("raise SystemExit('llvmlite is imported')", tmp_path, monkeypatch)
    reader, element = cc(READER, "-O1", "-flto"), marked("one", 1)
    assert "llvmlite is imported" in ldshim("--no-entry", reader, cc(element, "-O1", "-flto"), "-o", out).stderr
    assert Instance(link(out, reader, cc(element, "-O1"))).list() == [1]


@pytest.mark.usefixtures("no_llvmlite")
def test_a_signal_while_bitcode_is_lowered_leaves_nothing_behind(cc: Compiler, tmp_path: Path) -> None:
    slow = tmp_path / "wasm-ld"
    slow.write_text(f'#!/bin/sh\ncase "$*" in *--version*) exec {linker_path("22")} --version;; esac\ntouch {tmp_path}/started\nexec sleep 30\n')
    slow.chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    output = tmp_path / "out.wasm"
    command = [sys.executable, "-m", "ldshim", "--no-entry", str(cc(READER, "-O1")), str(cc(marked("one", 1), "-flto")), "-o", str(output)]
    environ = {**os.environ, "LDSHIM_LINKER": str(slow), "TMPDIR": str(scratch)}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE) as process:
        while not (tmp_path / "started").exists() and process.poll() is None:
            time.sleep(0.01)
        process.terminate()
        assert process.wait(20) == -signal.SIGTERM
    assert list(scratch.iterdir()) == []
    assert not output.exists()
