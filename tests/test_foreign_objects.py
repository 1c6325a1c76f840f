"""Objects of other platforms among the inputs: where the real linker fails for them, ldshim says what they are and what to do."""

from __future__ import annotations

import io
import os
import random
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from ldshim.command import parse
from ldshim.foreign import identify, is_there_any
from tests.harness import archive, check, ldshim, tool
from tests.linkers import WASM_LDS
from tests.rust import RUST
from tests.test_copies_and_losses import READER, marked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

LLDS = ("14", "16", "19", "22")
HELPER = "int helper(int x) { return x + 1; }"
NEEDS_HELPER = 'int helper(int); __attribute__((export_name("go"))) int go(void) { return helper(1); }'
NEEDS_NOTHING = 'int helper(int); __attribute__((export_name("go"))) int go(void) { return 1; }'

COMPILE = (
    "ldshim: note: C and C++ are compiled for WebAssembly with clang --target=wasm32; the cc crate, in build scripts, takes the compiler that "
    "CC_wasm32_unknown_unknown=clang names (the target with underscores), else that of CC\n"
)
CARGO = "ldshim: note: Rust is compiled for WebAssembly with cargo build --target=wasm32-unknown-unknown, or another wasm target\n"
LIBRARY = (
    "ldshim: note: libraries and programs of another platform cannot be linked into WebAssembly: take their directory out of -L, "
    "and build the library for WebAssembly as an archive (.a)\n"
)


def first_line(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


GCC = "GCC: " + first_line("gcc", "--version").removeprefix("gcc ")
CLANG = first_line(tool("clang-22"), "--version")


def gcc(path: Path, *flags: str, source: str = HELPER, language: str = "c") -> Path:
    command = ["gcc", "-x", language, "-", *flags, "-o", str(path)]
    subprocess.run(command, input=source, text=True, check=True)
    return path


def compared(
    folder: Path, *words: str, lld: str, notes: str, status: int = 1, env: dict[str, str] | None = None, first: bytes | None = None
) -> None:
    """ldshim says what the real linker says, and then `notes`."""
    line = ["--no-entry", *words, "-o", "out.wasm"]
    bare = subprocess.run([*WASM_LDS[lld], *line], cwd=folder, capture_output=True, check=False)
    assert bare.returncode == status
    assert first is None or first in bare.stderr
    (folder / "out.wasm").unlink(missing_ok=True)
    done = ldshim(*line, lld=lld, cwd=folder, env={"LDSHIM_CACHE": "off", **(env or {})})
    assert (done.returncode, done.stdout, done.stderr) == (status, "", bare.stderr.decode() + notes)
    assert (folder / "out.wasm").exists() == (status == 0)


@pytest.fixture
def folder(cc: Compiler, tmp_path: Path) -> Path:
    """A directory with need.o, which calls `helper`, and main.o, which does not."""
    for name, source in {"need": NEEDS_HELPER, "main": NEEDS_NOTHING}.items():
        (tmp_path / f"{name}.o").write_bytes(cc(source, "-O1").read_bytes())
    return tmp_path


# Files


@pytest.mark.parametrize("lld", [*LLDS, "zig"])
def test_a_host_object_is_named_with_machine_and_compiler(folder: Path, lld: str) -> None:
    gcc(folder / "host.o", "-c")
    notes = f"ldshim: note: host.o is an ELF object for x86-64, made by {GCC}\n" + COMPILE
    compared(folder, "need.o", "host.o", lld=lld, notes=notes, first=b"unknown file type: host.o")


OBJECTS = {
    "aarch64-linux-gnu": f"an ELF object for AArch64, made by {CLANG}",
    "armv7-linux-gnueabihf": f"an ELF object for ARM, made by {CLANG}",
    "i686-linux-gnu": f"an ELF object for x86, made by {CLANG}",
    "riscv64-linux-gnu": f"an ELF object for RISC-V 64, made by {CLANG}",
    "riscv32-unknown-elf": f"an ELF object for RISC-V 32, made by {CLANG}",
    "s390x-linux-gnu": f"an ELF object for S/390, made by {CLANG}",
    "x86_64-apple-darwin": "a Mach-O object for x86-64",
    "arm64-apple-darwin": "a Mach-O object for AArch64",
    "x86_64-pc-windows-msvc": "a COFF object for x86-64",
    "x86_64-pc-windows-gnu": "a COFF object for x86-64",
    "i686-pc-windows-gnu": "a COFF object for x86",
    "aarch64-pc-windows-msvc": "a COFF object for AArch64",
}


@pytest.mark.parametrize("lld", LLDS)
def test_objects_of_many_platforms_are_named_in_one_run(cc: Compiler, folder: Path, lld: str) -> None:
    for target in OBJECTS:
        (folder / f"{target}.o").write_bytes(cc(HELPER, target=target).read_bytes())
    notes = "".join(f"ldshim: note: {target}.o is {what}\n" for target, what in OBJECTS.items())
    compared(folder, "need.o", *(f"{target}.o" for target in OBJECTS), lld=lld, notes=notes + COMPILE)


@pytest.mark.parametrize("lld", LLDS)
def test_a_universal_mach_o_file_is_named_with_its_machines(cc: Compiler, folder: Path, lld: str) -> None:
    parts = [cc(HELPER, target=target) for target in ("x86_64-apple-darwin", "arm64-apple-darwin")]
    check([tool("llvm-lipo-22", "llvm-lipo"), "-create", *parts, "-output", folder / "fat.o"])
    libraries = [archive(folder / f"{number}.a", part) for number, part in enumerate(parts)]
    check([tool("llvm-lipo-22", "llvm-lipo"), "-create", *libraries, "-output", folder / "fat.a"])
    notes = "".join(f"ldshim: note: fat.{x} is a Mach-O universal {what} for x86-64 and AArch64\n" for x, what in (("o", "object"), ("a", "archive")))
    compared(folder, "need.o", "fat.o", "fat.a", lld=lld, notes=notes + COMPILE)


def test_a_class_of_java_is_no_universal_mach_o_file() -> None:
    assert identify(b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(2000)) is None


@pytest.mark.parametrize("lld", LLDS)
def test_programs_and_shared_libraries_are_told_apart(folder: Path, lld: str) -> None:
    gcc(folder / "host.so", "-shared", "-fPIC")
    gcc(folder / "program", "-no-pie", source="int main(void) { return 0; }")
    (folder / "x.dll").write_bytes(pe(dll=True))
    (folder / "x.exe").write_bytes(pe(dll=False))
    names = {
        "host.so": f"an ELF shared library for x86-64, made by {GCC}",
        "program": f"an ELF executable for x86-64, made by {GCC}",
        "x.dll": "a Windows DLL for x86-64",
        "x.exe": "a Windows executable for x86-64",
    }
    compared(folder, "main.o", *names, lld=lld, notes="".join(f"ldshim: note: {n} is {what}\n" for n, what in names.items()) + LIBRARY)


def pe(*, dll: bool) -> bytes:
    """The headers of a program for Windows."""
    start = b"MZ" + bytes(58) + (64).to_bytes(4, "little")
    flags = 0x2022 if dll else 0x22
    return start + b"PE\0\0" + (0x8664).to_bytes(2, "little") + bytes(16) + flags.to_bytes(2, "little") + bytes(240)


@pytest.mark.parametrize("lld", ["16", "19", "22"])
def test_a_shared_library_that_l_finds_is_named(folder: Path, lld: str) -> None:
    gcc(folder / "libhelper.so", "-shared", "-fPIC")
    notes = f"ldshim: note: ./libhelper.so is an ELF shared library for x86-64, made by {GCC}\n" + LIBRARY
    words = ("-pie", "--experimental-pic", "main.o", "-L.", "-lhelper")
    compared(folder, *words, lld=lld, notes=notes, first=b"unknown file type: ./libhelper.so")


@pytest.mark.parametrize("lld", LLDS)
def test_a_library_that_is_there_for_the_host_only_is_named(folder: Path, lld: str) -> None:
    gcc(folder / "libhelper.so", "-shared", "-fPIC")
    notes = f"ldshim: note: -lhelper: no archive has that name; ./libhelper.so is an ELF shared library for x86-64, made by {GCC}\n" + LIBRARY
    compared(folder, "main.o", "-L.", "-lhelper", lld=lld, notes=notes, first=b"unable to find library -lhelper")


def test_a_library_that_is_not_there_at_all_is_lld_s(folder: Path) -> None:
    compared(folder, "main.o", "-L.", "-lhelper", lld="22", notes="")


def test_a_file_that_is_no_object_at_all_is_lld_s(folder: Path) -> None:
    (folder / "text.o").write_text("neither fish nor flesh, and it goes on for a while")
    compared(folder, "main.o", "text.o", lld="22", notes="")


def test_a_device_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could be the linker's standard input, which can be read once."""
    read: list[object] = []

    def open_(path: object, *_: object) -> io.BytesIO:
        read.append(path)
        return io.BytesIO()

    monkeypatch.setattr("builtins.open", open_)
    assert not is_there_any(parse(["/dev/null"]), [])
    assert read == []


# Archives


@pytest.mark.parametrize("lld", LLDS)
@pytest.mark.parametrize("target", ["x86_64-linux-gnu", "x86_64-pc-windows-msvc", "i686-pc-windows-gnu", "x86_64-apple-darwin"])
def test_a_member_that_would_define_what_is_missing_is_named(cc: Compiler, folder: Path, lld: str, target: str) -> None:
    archive(folder / "libx.a", cc(HELPER, target=target, name="helper"))
    what = {
        "x86_64-linux-gnu": f"an ELF object for x86-64, made by {CLANG}",
        "x86_64-pc-windows-msvc": "a COFF object for x86-64",
        "i686-pc-windows-gnu": "a COFF object for x86",
        "x86_64-apple-darwin": "a Mach-O object for x86-64",
    }[target]
    # lld 14 to 16 stop at the member that they extract, before symbols count; there, C functions of macOS and old Windows begin with _.
    stops = lld in ("14", "16") and target not in ("x86_64-apple-darwin", "i686-pc-windows-gnu")
    defines = "" if stops else ", which defines helper,"
    notes = f"ldshim: note: libx.a(helper.o){defines} is {what}\n" + COMPILE
    compared(folder, "need.o", "libx.a", lld=lld, notes=notes, first=b"unknown file type" if stops else b"undefined symbol: helper")


@pytest.mark.parametrize("lld", LLDS)
def test_a_member_that_nothing_needs_is_linked_around_as_lld_does(folder: Path, lld: str) -> None:
    archive(folder / "libx.a", gcc(folder / "host.o", "-c"))
    compared(folder, "main.o", "libx.a", lld=lld, notes="", status=0)


@pytest.mark.parametrize("lld", LLDS)
def test_a_whole_archive_is_explained_where_lld_names_nothing(folder: Path, lld: str) -> None:
    archive(folder / "libx.a", gcc(folder / "host.o", "-c"))
    notes = f"ldshim: note: libx.a(host.o) is an ELF object for x86-64, made by {GCC}\n" + COMPILE
    first = b"unknown file type" if lld in ("14", "16") else b": error: Bitcode section not found in object file\n"
    compared(folder, "main.o", "--whole-archive", "libx.a", lld=lld, notes=notes, first=first)


def test_of_several_archives_the_one_that_was_loaded_is_named(cc: Compiler, folder: Path) -> None:
    for name in ("one", "two"):
        archive(folder / f"{name}.a", cc(HELPER.replace("helper", name), target="x86_64-apple-darwin", name=name))
    notes = "ldshim: note: one.a(one.o) is a Mach-O object for x86-64\n" + COMPILE
    compared(folder, "main.o", "--whole-archive", "one.a", "--no-whole-archive", "two.a", lld="22", notes=notes)


def test_of_many_members_a_few_are_named(cc: Compiler, folder: Path) -> None:
    objects = [cc(HELPER.replace("helper", f"helper{i}"), target="x86_64-apple-darwin", name=f"helper{i}") for i in range(9)]
    archive(folder / "libx.a", *objects)
    notes = "".join(f"ldshim: note: libx.a(helper{i}.o) is a Mach-O object for x86-64\n" for i in range(5))
    notes += "ldshim: note: so are 4 more members of libx.a\n" + COMPILE
    compared(folder, "main.o", "--whole-archive", "libx.a", lld="22", notes=notes)


def test_a_thin_archive_is_looked_into_too(folder: Path) -> None:
    archive(folder / "libx.a", gcc(folder / "host.o", "-c"), thin=True)
    notes = f"ldshim: note: libx.a({folder}/host.o), which defines helper, is an ELF object for x86-64, made by {GCC}\n" + COMPILE
    compared(folder, "need.o", "libx.a", lld="22", notes=notes)


def test_the_explanation_is_there_the_next_time_too(cc: Compiler, folder: Path) -> None:
    """What is remembered of archives (`memory.py`) is not that this one is uninteresting."""
    library = archive(folder / "libx.a", cc(HELPER, target="x86_64-apple-darwin", name="helper"))
    hour_ago = time.time() - 3600
    os.utime(library, (hour_ago, hour_ago))
    # What has just been written is not remembered, and the time of the last change of the status cannot be set.
    time.sleep(2.1)
    notes = "ldshim: note: libx.a(helper.o), which defines helper, is a Mach-O object for x86-64\n" + COMPILE
    for _ in range(2):
        compared(folder, "need.o", "libx.a", lld="22", notes=notes, env={"LDSHIM_CACHE": str(folder / "cache")})


@pytest.mark.parametrize("lld", ["19", "22"])
def test_symbols_that_lld_demangles_are_explained_by_the_archive(cc: Compiler, folder: Path, lld: str) -> None:
    source = "int helper(int x); extern \"C\" __attribute__((export_name(\"up\"))) int up() { return helper(1); }"
    (folder / "up.o").write_bytes(cc(source, language="c++").read_bytes())
    archive(folder / "libx.a", gcc(folder / "host.o", "-c", language="c++"), folder / "main.o")
    notes = f"ldshim: note: the linker left out 1 of the 2 members of libx.a: libx.a(host.o) is an ELF object for x86-64, made by {GCC}\n"
    compared(folder, "up.o", "libx.a", lld=lld, notes=notes + COMPILE, first=b"undefined symbol: helper(int)")


@pytest.mark.parametrize("lld", LLDS)
def test_a_host_rlib_is_named_with_its_rustc(folder: Path, lld: str) -> None:
    (folder / "r.rs").write_text("#[unsafe(no_mangle)] pub extern \"C\" fn helper(x: i32) -> i32 { x + 1 }\n")
    rustc = str(RUST / "bin" / "rustc")
    check([rustc, "--crate-type=rlib", "--emit=obj=r.o,link=libr.rlib", "-Ccodegen-units=1", "r.rs"], cwd=folder)
    members = check([tool("llvm-ar-22", "llvm-ar"), "t", "libr.rlib"], cwd=folder).stdout.split()
    (member,) = (name for name in members if name.endswith(".o"))
    version = first_line(rustc, "--version").replace("rustc ", "rustc version ", 1)
    defines = "" if lld in ("14", "16") else ", which defines helper,"
    notes = f"ldshim: note: libr.rlib({member}){defines} is an ELF object for x86-64, made by {version}\n" + CARGO
    compared(folder, "need.o", "libr.rlib", lld=lld, notes=notes)
    if lld == "22":  # what is there for rustc is left out
        compared(folder, "main.o", "--whole-archive", "libr.rlib", lld=lld, notes=notes.replace(defines, ""))


@pytest.mark.parametrize("lld", LLDS)
def test_the_import_library_of_a_dll_is_named(folder: Path, lld: str) -> None:
    (folder / "x.def").write_text("LIBRARY x.dll\nEXPORTS\n helper\n")
    check([tool("llvm-dlltool-22", "llvm-dlltool"), "-m", "i386:x86-64", "-d", "x.def", "-l", "x.lib"], cwd=folder)
    defines = "" if lld in ("14", "16") else ", which defines helper,"
    notes = f"ldshim: note: x.lib(x.dll){defines} is a member of a DLL's import library for x86-64\n" + LIBRARY
    compared(folder, "need.o", "x.lib", lld=lld, notes=notes)
    compared(folder, "main.o", "x.lib", lld=lld, notes="", status=0)


# The producer


def test_without_pyelftools_the_machine_is_named(folder: Path) -> None:
    gcc(folder / "host.o", "-c")
    hidden = folder / "hidden" / "elftools"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError\n")
    path = os.pathsep.join(filter(None, (str(hidden.parent), os.environ.get("PYTHONPATH"))))
    notes = "ldshim: note: host.o is an ELF object for x86-64\n" + COMPILE
    compared(folder, "need.o", "host.o", lld="22", notes=notes, env={"PYTHONPATH": path})


def test_debug_information_names_the_compiler_where_no_comment_does(folder: Path) -> None:
    gcc(folder / "host.o", "-c", "-g", "-O1")
    check([tool("llvm-objcopy-22", "llvm-objcopy"), "--remove-section=.comment", folder / "host.o"])
    done = ldshim("--no-entry", "need.o", "host.o", "-o", "out.wasm", cwd=folder)
    assert "ldshim: note: host.o is an ELF object for x86-64, made by GNU C" in done.stderr


# With elements


@pytest.mark.parametrize("lld", LLDS)
def test_a_link_with_elements_is_explained_too(cc: Compiler, folder: Path, lld: str) -> None:
    for name, source in {"reader": READER, "one": marked("one", 1)}.items():
        (folder / f"{name}.o").write_bytes(cc(source, "-O1").read_bytes())
    gcc(folder / "host.o", "-c")
    archive(folder / "libx.a", folder / "host.o")
    done = ldshim("--no-entry", "reader.o", "one.o", "host.o", "-o", "out.wasm", cwd=folder, lld=lld)
    assert done.returncode == 1
    assert done.stderr.endswith(f"ldshim: note: host.o is an ELF object for x86-64, made by {GCC}\n{COMPILE}")
    done = ldshim("--no-entry", "reader.o", "one.o", "libx.a", "-o", "out.wasm", cwd=folder, lld=lld)
    assert done.returncode == 0
    assert "ldshim" not in done.stderr


# Damage


def test_damaged_objects_are_identified_or_not_but_never_in_the_way(cc: Compiler, folder: Path) -> None:
    chance = random.Random(1)
    samples = [gcc(folder / "host.o", "-c", "-g").read_bytes(), gcc(folder / "host.so", "-shared", "-fPIC").read_bytes(), pe(dll=True)]
    samples += [cc(HELPER, target=target).read_bytes() for target in OBJECTS]
    seen = set()
    for sample in samples:
        for length in range(0, len(sample), max(len(sample) // 40, 1)):
            seen.add(str(identify(sample[:length])))
        for _ in range(30):
            data = bytearray(sample)
            for _ in range(3):
                data[chance.randrange(min(len(data), 256))] ^= 1 << chance.randrange(8)
            seen.add(str(identify(bytes(data))))
    assert "None" in seen
    assert any("made by" in text for text in seen)
