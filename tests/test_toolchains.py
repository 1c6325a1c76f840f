"""Toolchains that end in wasm-ld, as docs/toolchains.md has them: each script of the page is run as it stands there, and what it makes is run.

The examples in `toolchains/` register commands in the program, in a library, and in members of the library that nothing refers to.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ldshim import __version__
from tests import toolchain_table
from tests.harness import COLLECTING, Instance, archive, check, fails, link, linker_path, tool
from tests.rust import RUST, run_wasi
from tests.test_rust_matrix import run_component
from tests.toolchain_table import scripts_of, shows

if TYPE_CHECKING:
    import subprocess

    from tests.harness import Compiler

ROOT = Path(__file__).parent.parent
TOOLCHAINS = ROOT / "toolchains"
HEADERS = f"-I{TOOLCHAINS / 'c' / 'include'}"
# What the commands of the C example make of 7, in the order of the link.
VALUES = [7, 14, 49, -7]
LINES = "itself 7\ntwice 14\nsquare 49\nnegate -7\n"
LLVM = Path("/usr/lib/llvm-22/bin")
DEBIAN_LIBRARIES = Path("/usr/lib/wasm32-wasi")
DEBIAN_HEADERS = Path("/usr/include/wasm32-wasi")
BUILTINS = Path("/usr/lib/llvm-22/lib/clang/22/lib/wasi/libclang_rt.builtins-wasm32.a")


class Checkout:
    """A copy of `toolchains`, in which scripts of the page run, and the programs that they call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.module = folder / "toolchains" / "c" / "example" / "commands.wasm"
        for name in ("c", "d", "mixed", "zig", "shadow-llvm"):
            source, copy = TOOLCHAINS / name, folder / "toolchains" / name
            if source.is_dir():
                shutil.copytree(source, copy)
            else:
                shutil.copy(source, copy)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("LDSHIM", "CMAKE", "PKG_CONFIG", "WASI"))}
        self.env["LDSHIM_CACHE"] = "off"
        self.path("22")

    def path(self, llvm: str) -> None:
        """Let `clang`, `wasm-ld` and what else that LLVM has be found without their numbers, those of 22 for what it has not."""
        folders = [self.bin, Path(sys.executable).parent, f"/usr/lib/llvm-{llvm}/bin", LLVM, RUST / "bin", os.environ["PATH"]]
        self.env["PATH"] = os.pathsep.join(map(str, folders))

    def has(self, name: str, program: str | Path) -> None:
        (self.bin / name).symlink_to(program)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the page."""
        return check(["bash", "-eu", "-c", script], cwd=self.folder, env=self.env)

    def version(self, *words: str | Path, pattern: str = r"\d+\.\d+(\.\d+)?") -> str:
        found = re.search(pattern, check([*words], env=self.env).stdout)
        assert found
        return found[0]

    def clang_version(self) -> str:
        return self.version("clang", "--version")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def lists_all(checkout: Checkout, module: Path | None = None) -> None:
    """A module without a system has all the commands of the C example."""
    assert Instance(module or checkout.module).list() == VALUES


def prints_all(checkout: Checkout, module: Path | None = None) -> None:
    """A WASI program has all the commands of the C example."""
    assert run_wasi(module or checkout.module, directory=checkout.folder) == LINES


# clang.


@pytest.mark.parametrize("clang", ["14", "22"])
@shows("clang", "C and C++ for wasm32-unknown-unknown")
def test_clang(checkout: Checkout, clang: str) -> str:
    checkout.path(clang)
    checkout.run(scripts_of("clang")[0])
    lists_all(checkout)
    return checkout.clang_version()


@shows("clang", "C and C++ for WASI")
def test_clang_for_wasi(checkout: Checkout) -> str:
    checkout.run(scripts_of("WASI")[0])
    prints_all(checkout)
    return checkout.clang_version()


CXX_PROGRAM = """
#include <cstdio>
#include <string>
#include <ldshim.h>
struct Greeting { std::string (*make)(const std::string &); };
LDSHIM_SECTION(greetings, const Greeting);
namespace { std::string hello(const std::string &name) { return "hello, " + name; } }
LDSHIM_ELEMENT(greetings, const Greeting, hello_greeting) = {hello};
#ifdef MAIN
int main() {
    std::string all;
    LDSHIM_FOREACH(greetings, it) all += it->make("world") + ";";
    std::puts(all.c_str());
}
#endif
"""


@shows("clang", "libc++ for WASI")
def test_libcxx(checkout: Checkout) -> str:
    (checkout.folder / "a.cpp").write_text(CXX_PROGRAM)
    (checkout.folder / "b.cpp").write_text(CXX_PROGRAM.replace("hello", "good_bye"))
    checkout.run(
        'flags="--target=wasm32-wasi -O1 -fno-exceptions"; include="-I$(ldshim include-dir)"\n'
        'clang++ $flags $include -c b.cpp && llvm-ar rcs b.a b.o\n'
        'clang++ $flags $include -DMAIN -fuse-ld="$(command -v ldshim)" a.cpp b.a -o out.wasm'
    )
    assert run_wasi(checkout.folder / "out.wasm", directory=checkout.folder) == "hello, world;good_bye, world;\n"
    return checkout.clang_version()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("-fuse-ld=ldshim", "invalid linker name in argument '-fuse-ld=ldshim'"),
        ('--ld-path="$(command -v ldshim)"', "undefined symbol: __start_commands"),
    ],
)
def test_clang_takes_no_other_option(checkout: Checkout, option: str, message: str) -> None:
    """What the page says of clang, which is why a path is shown."""
    script = scripts_of("clang")[0].replace('-fuse-ld="$(command -v ldshim)"', option)
    with pytest.raises(AssertionError, match=message):
        checkout.run(script)


def wasi_sysroot(folder: Path, target: str) -> Path:
    """Debian's libc, which is called wasm32-wasi, under a newer name."""
    for kind, source in (("include", DEBIAN_HEADERS), ("lib", DEBIAN_LIBRARIES)):
        (folder / kind).mkdir(parents=True)
        (folder / kind / target).symlink_to(source)
    return folder


@pytest.mark.parametrize("number", [0, 1])
@shows("wasm-component-ld", "components of C and C++, by clang and called directly")
def test_components(checkout: Checkout, number: int) -> str:
    program = next(iter((RUST / "bin").glob("wasm-component-ld")), None)
    if program is None:
        sysroot = Path(check([RUST / "bin" / "rustc", "--print", "sysroot"]).stdout.strip())
        program = next(sysroot.glob("lib/rustlib/*/bin/wasm-component-ld"))
    checkout.has("wasm-component-ld", program)
    checkout.env["WASI_SYSROOT"] = str(wasi_sysroot(checkout.folder / "sysroot", "wasm32-wasip2"))
    checkout.run(scripts_of("Components")[number])
    assert run_component(checkout.module, checkout.folder) == LINES
    return checkout.version("wasm-component-ld", "--version")


def test_with_fuse_ld_clang_makes_no_component(checkout: Checkout) -> None:
    checkout.env["WASI_SYSROOT"] = str(wasi_sysroot(checkout.folder / "sysroot", "wasm32-wasip2"))
    checkout.run(scripts_of("Components")[0].replace('-B"$PWD/tools"', '-fuse-ld="$(command -v ldshim)"'))
    prints_all(checkout)


# wasi-sdk.


@pytest.fixture
def sdk(checkout: Checkout) -> Path:
    """Debian's clang and libc in the layout of wasi-sdk.  A clang has to be a copy: it looks around where it is."""
    folder = checkout.folder / "wasi-sdk"
    wasi_sysroot(folder / "share" / "wasi-sysroot", "wasm32-wasip1")
    (folder / "bin").mkdir()
    for name in ("clang", "lld"):
        shutil.copy(LLVM / name, folder / "bin" / name)
    (folder / "bin" / "clang++").symlink_to("clang")
    (folder / "bin" / "wasm-ld").symlink_to("lld")
    (folder / "bin" / "llvm-ar").symlink_to(LLVM / "llvm-ar")
    resources = folder / "lib" / "clang" / "22"
    (resources / "lib" / "wasm32-unknown-wasip1").mkdir(parents=True)
    (resources / "lib" / "wasm32-unknown-wasip1" / "libclang_rt.builtins.a").symlink_to(BUILTINS)
    (resources / "include").symlink_to(LLVM.parent / "lib" / "clang" / "22" / "include")
    (folder / "share" / "cmake").mkdir()
    (folder / "share" / "cmake" / "wasi-sdk-p1.cmake").write_text(SDK_CMAKE)
    checkout.env["WASI_SDK_PATH"] = str(folder)
    # No other wasm-ld than the SDK's may be found.
    for name in ("ldshim", "cmake", "ninja"):
        checkout.has(name, Path(sys.executable).parent / name)
    for name in ("bash", "mkdir", "ln"):
        checkout.has(name, tool(name))
    checkout.env["PATH"] = str(checkout.bin)
    return folder


SDK_CMAKE = """
set(CMAKE_SYSTEM_NAME WASI)
set(WASI_SDK $ENV{WASI_SDK_PATH})
set(CMAKE_SYSROOT ${WASI_SDK}/share/wasi-sysroot)
foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_TARGET wasm32-wasip1)
  set(CMAKE_EXECUTABLE_SUFFIX_${language} .wasm)
endforeach()
set(CMAKE_C_COMPILER ${WASI_SDK}/bin/clang)
set(CMAKE_CXX_COMPILER ${WASI_SDK}/bin/clang++)
set(CMAKE_AR ${WASI_SDK}/bin/llvm-ar)
set(CMAKE_RANLIB "")
"""


@shows("wasi-sdk (its layout)", "by flags")
def test_wasi_sdk(checkout: Checkout, sdk: Path) -> str:
    checkout.run(scripts_of("wasi-sdk")[0])
    prints_all(checkout)
    return checkout.version(sdk / "bin" / "clang", "--version")


@pytest.mark.usefixtures("sdk")
@shows("CMake", "`CMAKE_LINKER_TYPE`")
def test_wasi_sdk_with_cmake(checkout: Checkout) -> str:
    checkout.run(scripts_of("wasi-sdk")[1])
    prints_all(checkout, checkout.folder / "build" / "commands.wasm")
    return checkout.version("cmake", "--version")


@shows("wasi-sdk (its layout)", "with its wasm-ld replaced")
def test_wasi_sdk_with_another_wasm_ld(checkout: Checkout, sdk: Path) -> str:
    # Debian's clang looks for wasm-ld-22; that of the SDK needs no option to find the wasm-ld beside it.
    by_flags = scripts_of("wasi-sdk")[0].replace('-fuse-ld="$(command -v ldshim)"', '-fuse-ld="$WASI_SDK_PATH/bin/wasm-ld"')
    checkout.run(scripts_of("wasi-sdk")[2] + by_flags)
    prints_all(checkout)
    return checkout.version(sdk / "bin" / "clang", "--version")


# Build systems.


@pytest.mark.parametrize("number", [0, 1])
@shows("Make", "wasm32, WASI")
def test_make(checkout: Checkout, number: int) -> str:
    checkout.run(scripts_of("Make")[number])
    [lists_all, prints_all][number](checkout)
    return checkout.version("make", "--version")


@pytest.mark.parametrize("number", [0, 1])
@shows("CMake", "toolchain file: wasm32, WASI")
def test_cmake(checkout: Checkout, number: int) -> str:
    checkout.run(scripts_of("CMake")[number])
    [lists_all, prints_all][number](checkout, checkout.folder / "build" / "commands.wasm")
    return checkout.version("cmake", "--version")


@pytest.mark.parametrize("number", [0, 1])
@shows("Meson", "cross files: wasm32, WASI")
def test_meson(checkout: Checkout, number: int) -> str:
    checkout.run(scripts_of("Meson")[number])
    [lists_all, prints_all][number](checkout, checkout.folder / "build" / "commands.wasm")
    return checkout.version("meson", "--version")


@shows("pkg-config", "of an installed ldshim")
def test_pkg_config(checkout: Checkout) -> str:
    prefix = checkout.folder / "prefix"
    check([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", checkout.folder], cwd=ROOT)
    (wheel,) = checkout.folder.glob("*.whl")
    check([sys.executable, "-m", "venv", "--without-pip", prefix])
    check([sys.executable, "-m", "pip", "--python", prefix / "bin" / "python", "install", "--no-index", "--no-deps", wheel])
    checkout.env["VIRTUAL_ENV"] = str(prefix)
    # The header and the linker are those of the environment.
    script = scripts_of("pkg-config")[0] + "pkg-config --modversion --path ldshim; clang -MM $(pkg-config --cflags ldshim) main.c\n"
    said = checkout.run(script).stdout
    lists_all(checkout)
    assert __version__ in said.split()
    assert said.count(str(prefix)) == 2
    return checkout.version("pkg-config", "--version")


# Other languages.


@pytest.fixture
def zig(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Puts Zig on PATH; returns its version."""
    checkout.has("zig", linker_path("zig"))
    # All tests of a run share what Zig has compiled.
    checkout.env["ZIG_GLOBAL_CACHE_DIR"] = str(tmp_path_factory.getbasetemp().parent / "ldshim-zig")
    return checkout.version("zig", "version")


@pytest.mark.parametrize("optimize", ["Debug", "ReleaseSafe", "ReleaseSmall"])
@shows("Zig", "zig build-obj")
def test_zig(checkout: Checkout, zig: str, optimize: str) -> str:
    checkout.run(scripts_of("Zig")[0].replace("ReleaseSmall", optimize))
    assert Instance(checkout.folder / "toolchains" / "zig" / "example" / "commands.wasm").list() == [7, 14, 343]
    return zig


@shows("Zig", "C and C++ by zig cc")
def test_zig_cc(checkout: Checkout, zig: str) -> str:
    checkout.run(scripts_of("Zig")[1])
    lists_all(checkout)
    return zig


@pytest.mark.usefixtures("zig")
def test_zig_cc_does_not_call_another_linker(checkout: Checkout) -> None:
    own = 'zig cc --target=wasm32-freestanding -nostdlib -Wl,--no-entry -fuse-ld="$(command -v ldshim)"'
    script = scripts_of("Zig")[1].replace("ldshim --no-entry", own)
    with pytest.raises(AssertionError, match="undefined symbol: __start_commands"):
        checkout.run(script)


ZIG_SECTIONS = """
const ldshim = @import("ldshim");
const keyed = ldshim.Section(u32, "keyed");
const none = ldshim.Section(u32, "none");
const ten: u32 = 10;
const nine: u32 = 9;
const word: u32 = 7;
comptime {
    keyed.keyed(&ten, "10", "ten");
    keyed.keyed(&word, "a", "word");
    keyed.keyed(&nine, "9", "nine");
}
export fn count() usize { return keyed.allOrNone().len + none.allOrNone().len; }
export fn at(i: usize) u32 { return keyed.all()[i]; }
"""


@pytest.mark.usefixtures("zig")
def test_keys_and_empty_sections_of_zig(checkout: Checkout) -> None:
    (checkout.folder / "main.zig").write_text(ZIG_SECTIONS)
    words = "-target wasm32-freestanding -O ReleaseSmall --dep ldshim -Mroot=main.zig -Mldshim=toolchains/zig/ldshim.zig -femit-bin=main.o"
    checkout.run(f"zig build-obj {words}; ldshim --no-entry --export=count --export=at main.o -o out.wasm")
    assert Instance(checkout.folder / "out.wasm").list() == [9, 10, 7]


@pytest.mark.parametrize("level", ["-O", "-O0", "-O3"])
@shows("D (LDC)", "marker symbols, @section, ldc2 as the driver")
def test_d(checkout: Checkout, level: str) -> str:
    checkout.run(scripts_of("D")[0].replace(" -O ", f" {level} "))
    instance = Instance(checkout.folder / "toolchains" / "d" / "example" / "commands.wasm")
    assert instance.list() == [7, 14, 3]
    assert instance.sum_of_numbers() == 42
    return checkout.version("ldc2", "--version")


@shows("Emscripten", "C and C++, run in node")
def test_emscripten(checkout: Checkout) -> str:
    # Debian's emcc, of 2022, would look for programs of LLVM 14, does not know lld 22's memory layout, and does not find its parser.
    checkout.env |= {"EM_LLVM_ADD_VERSION": "", "EM_CLANG_ADD_VERSION": "", "NODE_PATH": "/usr/share/nodejs"}
    checkout.env |= {"LLVM_BIN": str(LLVM), "LDSHIM_LINKER": linker_path("19")}
    # And it understands what the wasm-opt of its own time says, no other.
    checkout.has("ldshim", Path(sys.executable).parent / "ldshim")
    checkout.env["PATH"] = f"{checkout.bin}:/usr/bin:/bin"
    checkout.run(scripts_of("Emscripten")[0])
    # The JavaScript of that emcc takes node's `fetch` for a browser's.
    done = check([tool("node"), "--no-experimental-fetch", checkout.module.with_suffix(".js")])
    assert done.stdout == LINES
    return checkout.version("emcc", "--version")


@pytest.mark.usefixtures("zig")
@shows("Rust", "an element beside those of C, C++, Zig and D in one section; [all else](rust.md)")
def test_five_languages_in_one_section(checkout: Checkout) -> str:
    checkout.run(scripts_of("Languages in one program")[0])
    assert sorted(Instance(checkout.folder / "commands.wasm").list()) == sorted([7, 14, -7, 343, 3, 8])
    return checkout.version("rustc", "--version")


# Idioms of other systems.

SET = """
#include <sys/linker_set.h>
#ifdef __cplusplus
extern "C" {
#endif
struct command { const char *name; int value; };
typedef int function(void);
"""

SET_READER = (
    SET
    + """
#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name))) name
#else
#define EXPORT(name) name
#endif
SET_DECLARE(commands, const struct command);
SET_DECLARE(functions, function);
SET_DECLARE(nothing, const struct command);
static const struct command same = {"a", 1};
DATA_SET(commands, same);
int EXPORT(count)(void) { return (int)(SET_COUNT(commands) + SET_COUNT(functions) + SET_COUNT(nothing)); }
int EXPORT(at)(int i)
{
    const struct command **it, **none;
    function **f;
    SET_FOREACH(none, nothing) return -1;
    SET_FOREACH(it, commands) if (i-- == 0) return (*it)->value;
    SET_FOREACH(f, functions) if (i-- == 0) return (*f)() + SET_ITEM(commands, 0)->value;
    return -1;
}
#ifdef __cplusplus
}
#endif
#ifndef __wasm__
#include <stdio.h>
int main(void) { for (int i = 0; i < count(); i++) printf("%d ", at(i)); return 0; }
#endif
"""
)

SET_MEMBER = (
    SET
    + """
static const struct command same = {"b", 2};
DATA_SET(commands, same);
static int five(void) { return 5; }
TEXT_SET(functions, five);
#ifdef __cplusplus
}
#endif
"""
)

WARNINGS = ("-Wall", "-Wextra", "-Werror")


@pytest.mark.parametrize("language", ["c", "c++"])
@pytest.mark.parametrize("clang", ["14", "22"])
@shows("BSD's linker_set.h", "C and C++; empty sets; statics of one name; the same on ELF without ldshim")
def test_linker_sets(cc: Compiler, tmp_path: Path, clang: str, language: str) -> str:
    sources = (SET_READER, SET_MEMBER)
    for level in ("-O0", "-O2"):
        reader, member = (cc(source, HEADERS, level, *WARNINGS, clang=clang, language=language) for source in sources)
        library = archive(tmp_path / "lib.a", member)
        for lld in ("14", "22"):
            for collecting in COLLECTING:
                module = link(tmp_path / f"{level}.wasm", collecting, reader, library, lld=lld)
                assert Instance(module).list() == [1, 2, 6], (level, lld, collecting)
    paths = [tmp_path / f"{i}.c" for i in (0, 1)]
    for path, source in zip(paths, sources, strict=True):
        path.write_text(source)
    check([tool(f"clang-{clang}"), HEADERS, "-x", language, "-O2", *paths, "-o", tmp_path / "native"])
    assert check([tmp_path / "native"]).stdout == "1 2 6 "
    return check([tool(f"clang-{clang}"), "-dumpversion"]).stdout.strip()


ITERABLE = """
#include <zephyr/sys/iterable_sections.h>
#ifdef __cplusplus
extern "C" {
#endif
struct my_data { int a, b; };
struct other_data { int a, b; };
struct none { int a; };
"""

ITERABLE_READER = (
    ITERABLE
    + """
#define EXPORT(name) __attribute__((export_name(#name))) name
STRUCT_SECTION_ITERABLE_EXTERN(my_data, d2);
int EXPORT(count)(void)
{
    size_t all, none;
    STRUCT_SECTION_COUNT(my_data, &all);
    STRUCT_SECTION_COUNT(none, &none);
    STRUCT_SECTION_FOREACH(none, it) none++;
    return (int)(all + none);
}
int EXPORT(at)(int i)
{
    STRUCT_SECTION_FOREACH(my_data, it) if (i-- == 0) return it->a;
    return -1;
}
int EXPORT(last)(void)
{
    STRUCT_SECTION_FOREACH_REVERSE(my_data, it) return it->a;
    return -1;
}
int EXPORT(second)(void)
{
    struct my_data *it;
    STRUCT_SECTION_GET(my_data, 1, &it);
    return it->a;
}
int EXPORT(by_name)(void) { return d2.a; }
#ifdef __cplusplus
}
#endif
"""
)

ITERABLE_MEMBER = (
    ITERABLE
    + """
STRUCT_SECTION_ITERABLE(my_data, d2) = {2, 0};
static const STRUCT_SECTION_ITERABLE(my_data, d10) = {10, 0};
const STRUCT_SECTION_ITERABLE(my_data, d1) = {1, 0};
STRUCT_SECTION_ITERABLE_NAMED(my_data, a0, named) = {99, 0};
STRUCT_SECTION_ITERABLE_ALTERNATE(my_data, other_data, zz) = {77, 0};
STRUCT_SECTION_ITERABLE_ARRAY(my_data, w, 2) = {{5, 0}, {6, 0}};
#ifdef __cplusplus
}
#endif
"""
)


@pytest.mark.parametrize(("language", "clang"), [("c", "14"), ("c", "22"), ("c++", "22")])
@shows("Zephyr's iterable_sections.h", "C, and C++ from clang 19 on; order by name; empty sections")
def test_iterable_sections(cc: Compiler, tmp_path: Path, language: str, clang: str) -> str:
    for level in ("-O0", "-O2"):
        flags = (HEADERS, level, "-Wall", "-Wextra")
        reader, member = (cc(source, *flags, clang=clang, language=language) for source in (ITERABLE_READER, ITERABLE_MEMBER))
        for lld in ("14", "22"):
            for collecting in COLLECTING:
                instance = Instance(link(tmp_path / "out.wasm", collecting, reader, archive(tmp_path / "lib.a", member), lld=lld))
                # As SORT_BY_NAME(._my_data.static.*) has a0_, d10_, d1_, d2_, w_, zz_.
                assert instance.list() == [99, 10, 1, 2, 5, 6, 77], (level, lld, collecting)
                assert (instance.last(), instance.second(), instance.by_name()) == (77, 10, 2)
    return check([tool(f"clang-{clang}"), "-dumpversion"]).stdout.strip()


def test_an_iterable_element_that_is_declared_by_hand_is_an_undefined_symbol(cc: Compiler, out: Path) -> None:
    """What the page says is different from Zephyr is no silent loss."""
    reader = ITERABLE_READER.replace("STRUCT_SECTION_ITERABLE_EXTERN(my_data, d2);", "extern struct my_data d2;")
    message = fails(out, cc(reader, HEADERS, "-O2"), cc(ITERABLE_MEMBER, HEADERS, "-O2", "-Wno-everything"))
    assert "undefined symbol: d2" in message


# The page.


def test_the_pages_have_the_tables() -> None:
    for path, text in toolchain_table.pages_with(toolchain_table.recorded_results()).items():
        assert path.read_text() == text, f"{path.name}: run scripts/toolchains-table"


def test_each_line_of_the_table_has_a_test() -> None:
    recorded = {(name, feature) for name, works in toolchain_table.recorded_results().items() for feature in works}
    assert recorded == toolchain_table.SHOWN


@pytest.mark.parametrize("row", toolchain_table.TOOLCHAINS, ids=lambda row: row.name)
def test_the_line_of_configuration_is_one_that_is_used(row: toolchain_table.Toolchain) -> None:
    """It stands in one of the scripts that are run, or in the file that it names."""
    text = (ROOT / row.source).read_text()
    if row.source == "docs/toolchains.md":
        text = text.partition(toolchain_table.END)[2]
    assert row.line in text


def test_each_script_of_the_page_is_run() -> None:
    page = toolchain_table.PAGE.read_text()
    source = Path(__file__).read_text()
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    assert {heading for heading in headings if scripts_of(heading)} == set(re.findall(r'scripts_of\("(.*?)"\)', source))
