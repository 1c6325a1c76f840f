"""What Windows and macOS do otherwise, as far as it can be found out on Linux: docs/platforms.md says what that is worth."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldshim import command, linker, memory, rewrite, windows
from tests.harness import Instance, linker_path
from tests.test_copies_and_losses import READER, marked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

# The parts of Windows that ldshim asks for: it has no posix_spawn, and exec returns before the other program ends.
AS_ON_WINDOWS = """
import os, subprocess, sys, tempfile
from ldshim import cli, command, diagnostics, errors, inputs, linker, link, memory, rewrite, survey, windows
del os.posix_spawn
os.execve = None
os.name = "nt"
sys.argv = ["ldshim", *sys.argv[1:]]
cli.main()
"""


@pytest.fixture
def inputs(cc: Compiler, tmp_path: Path) -> Path:
    for name, source in {"reader": READER, "one": marked("one", 1), "plain": "int plain(void) { return 1; }"}.items():
        shutil.copy(cc(source, "-O1"), tmp_path / f"{name}.o")
    return tmp_path


def as_on_windows(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LDSHIM_LINKER": linker_path("22"), **environ}
    code = [sys.executable, "-c", AS_ON_WINDOWS]
    return subprocess.run([*code, *words], capture_output=True, text=True, check=False, cwd=folder, env=env)


LONG = ["--export-if-defined=" + "x" * 50] * 1000


@pytest.mark.parametrize("long", [[], LONG], ids=["short", "longer than a line may be"])
def test_links_work_where_there_is_no_posix_spawn(inputs: Path, long: list[str]) -> None:
    done = as_on_windows(inputs, "--no-entry", "plain.o", *long, "-o", "plain.wasm")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Instance(inputs / "plain.wasm")
    done = as_on_windows(inputs, "--no-entry", "reader.o", "one.o", *long, "-o", "out.wasm")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Instance(inputs / "out.wasm").list() == [1]


REPORTING = """#!/bin/sh
for word; do case $word in @*) echo response file;; esac; done
exit 3
"""


@pytest.mark.parametrize("names", [["plain.o"], ["reader.o", "one.o"]], ids=["handed over", "rewritten"])
def test_the_status_is_the_linkers_and_a_long_line_is_in_a_file(inputs: Path, names: list[str]) -> None:
    (inputs / "wasm-ld").write_text(REPORTING)
    (inputs / "wasm-ld").chmod(0o755)
    done = as_on_windows(inputs, *names, *LONG, LDSHIM_LINKER=str(inputs / "wasm-ld"))
    assert (done.returncode, done.stdout, done.stderr) == (3, "response file\n", "")


@pytest.mark.parametrize("names", [["plain.o"], ["reader.o", "one.o"]], ids=["handed over", "rewritten"])
def test_a_linker_that_cannot_run_is_named(inputs: Path, names: list[str]) -> None:
    (inputs / "wasm-ld").write_bytes(b"MZ nothing")
    (inputs / "wasm-ld").chmod(0o755)
    done = as_on_windows(inputs, *names, LDSHIM_LINKER=str(inputs / "wasm-ld"))
    assert (done.returncode, done.stderr) == (1, f"ldshim: error: cannot run {inputs / 'wasm-ld'}: Exec format error\n")


INTERRUPTED = "import os, signal\nos.kill(os.getppid(), signal.SIGINT)\n"


def test_control_c_ends_a_link_with_the_status_that_windows_has_for_it(inputs: Path) -> None:
    (inputs / "wasm-ld").write_text(f"#!{sys.executable}\n{INTERRUPTED}")
    (inputs / "wasm-ld").chmod(0o755)
    done = as_on_windows(inputs, "plain.o", LDSHIM_LINKER=str(inputs / "wasm-ld"))
    assert (done.returncode, done.stderr) == (windows.exit_status(-2) & 0xFF, "")  # of which Linux sees the last byte


def test_response_files_are_quoted_as_on_windows(inputs: Path) -> None:
    (inputs / "back\\slash.o").write_bytes((inputs / "one.o").read_bytes())
    (inputs / "words.rsp").write_text('--no-entry reader.o "back\\slash.o" -o out.wasm')
    done = as_on_windows(inputs, "@words.rsp")
    assert (done.returncode, done.stderr) == (0, "")
    assert Instance(inputs / "out.wasm").list() == [1]


# Command lines and statuses


# A newline is no part of a name there, and LLVM takes it for the end of a word.
@given(st.lists(st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"])), min_size=1))
def test_what_becomes_one_line_is_read_back_as_words(words: list[str]) -> None:
    line = subprocess.list2cmdline(words)
    assert [word.decode() for word in command.tokenize_windows(line.encode())] == words


def test_how_long_a_line_may_be() -> None:
    assert windows.fits(["a" * 32_766])
    assert not windows.fits(["a" * 32_767])
    assert not windows.fits(["a" * 30_000, "b c" * 1000])
    assert windows.fits(["é" * 32_766])
    assert not windows.fits(["😀" * 16_384])


@pytest.mark.parametrize(
    ("status", "seen"),
    [(0, 0), (1, 1), (3, 3), (0x7FFFFFFF, 0x7FFFFFFF), (0x80000003, 0x80000003), (0xC0000005, 0xC0000005), (-2, 0xC000013A)],
)
def test_a_status_of_windows_goes_through_exit(status: int, seen: int) -> None:
    given_to_exit = windows.exit_status(status)
    # It has to be a C int, and Windows sees its 32 bits.
    assert ctypes.c_int32(given_to_exit).value == given_to_exit
    assert ctypes.c_uint32(given_to_exit).value == seen


# Finding things


@pytest.mark.parametrize(
    ("system", "environ", "folder"),
    [
        ("linux", {"HOME": "/home/me"}, "/home/me/.cache/ldshim"),
        ("linux", {"HOME": "/home/me", "XDG_CACHE_HOME": "/cache"}, "/cache/ldshim"),
        ("linux", {"HOME": "/home/me", "LOCALAPPDATA": "/left/over"}, "/home/me/.cache/ldshim"),
        ("darwin", {"HOME": "/Users/me"}, "/Users/me/Library/Caches/ldshim"),
        ("darwin", {"HOME": "/Users/me", "XDG_CACHE_HOME": "/cache"}, "/cache/ldshim"),
        ("win32", {"LOCALAPPDATA": "/c/Users/me/AppData/Local"}, "/c/Users/me/AppData/Local/ldshim"),
        ("win32", {"HOME": "/c/msys/home/me", "LOCALAPPDATA": "/c/Local"}, "/c/Local/ldshim"),
        ("win32", {"LDSHIM_CACHE": "/own"}, "/own"),
        ("win32", {}, None),
        ("darwin", {}, None),
    ],
)
def test_where_the_memory_is(system: str, environ: dict[str, str], folder: str | None) -> None:
    assert memory._place(environ, system) == (f"{folder}/archives" if folder else "")


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"MZ")
    path.chmod(0o755)
    return path


def test_programs_have_a_suffix_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linker, "_SUFFIX", ".exe")
    monkeypatch.setattr(os, "pathsep", ";")
    monkeypatch.setattr(sys, "path", [])
    first, second = tmp_path / "a", tmp_path / "b"
    executable(first / "wasm-ld")  # a script of some other system
    expected = executable(second / "wasm-ld.exe")
    environ = {"PATH": f"{first};;{second}"}
    assert linker._usual(environ) == str(expected)
    for name in ("wasm-ld", "wasm-ld.exe"):
        assert linker._named("LDSHIM_LINKER", name, environ) == str(expected)
    (second / "wasm-ld.exe").rename(second / "WASM-LD.EXE")
    assert linker._named("LDSHIM_LINKER", "WASM-LD.EXE", environ) == str(second / "WASM-LD.EXE")
    sdk = executable(tmp_path / "sdk" / "bin" / "wasm-ld.exe")
    assert linker._usual({"PATH": "", "WASI_SDK_PATH": str(tmp_path / "sdk")}) == str(sdk)


def test_the_program_that_pip_installs_on_windows_is_ldshim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linker, "_SUFFIX", ".exe")
    monkeypatch.setattr(sys, "path", [])
    own = executable(tmp_path / "wasm-ld.exe")
    assert linker._usual({"PATH": str(tmp_path)}) == str(own)
    # Its script takes the suffix off.
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "wasm-ld")])
    assert linker._usual({"PATH": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("C:/zig/zig.exe", ["C:/zig/zig.exe", "wasm-ld"]),
        ("C:/llvm/wasm-ld.exe", ["C:/llvm/wasm-ld.exe"]),
        ("C:/llvm/WASM-LD.EXE", ["C:/llvm/WASM-LD.EXE", "-flavor", "wasm"]),  # lld looks for `wasm`, too
        ("C:/llvm/lld.exe", ["C:/llvm/lld.exe", "-flavor", "wasm"]),
    ],
)
def test_how_the_linker_is_called(path: str, prefix: list[str]) -> None:
    assert linker._linker(path).prefix == prefix


def test_drives_and_backslashes_in_libraries_and_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def exists(path: str) -> bool:
        asked.append(path)
        return path == "D:/more/libtwo.a"

    monkeypatch.setattr(os.path, "exists", exists)
    parsed = command.parse(["C:\\in\\a.o", "-LC:\\libs", "-L", "D:/more/", "-ltwo", "--library-path=E:", "-l:three.a", "/slash.o"])
    assert asked == ["C:\\libs/libtwo.a", "D:/more/libtwo.a", "C:\\libs/three.a", "D:/more/three.a", "E:/three.a"]
    assert [given.path for given in parsed.inputs] == ["C:\\in\\a.o", "D:/more/libtwo.a", "/slash.o"]
    assert parsed.missing_libraries == [":three.a"]


@pytest.mark.parametrize("name", ["a:b.o", 'lib.a("x".o)', "lib.a(what?.o)", "lib.a(<lambda>.o)", "lib.a(a|b.o)"])
def test_members_with_names_that_windows_refuses_get_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    workspace = rewrite.Workspace({"TMPDIR": str(tmp_path)})
    try:
        assert os.path.basename(workspace.write(name, [b""])) == name
        monkeypatch.setattr(rewrite, "_NOT_IN_NAMES", '<>:"|?*')
        path = workspace.write(name, [b""])
        assert os.path.basename(path) == rewrite.STAND_IN_NAME
        assert workspace.translate(f"error: {path}: is bad".encode()) == f"error: {name}: is bad".encode()
        assert os.path.basename(workspace.write("lib.a(plain.o)", [b""])) == "lib.a(plain.o)"
    finally:
        workspace.remove()


def test_signals_that_a_system_does_not_have_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Windows:
        SIGINT, SIGTERM = 2, 15

    monkeypatch.setattr(linker, "_signal", Windows)
    assert linker._ending_signals() == [15, 2]


def test_two_spellings_of_one_archive_are_one_file(cc: Compiler, tmp_path: Path) -> None:
    # On a disk where large and small letters are the same; here the file has two names.
    from ldshim.inputs import open_inputs
    from tests.harness import archive

    library = archive(tmp_path / "libone.a", cc(marked("one", 1), "-O1"))
    (tmp_path / "LIBONE.A").hardlink_to(library)
    parsed = command.parse([str(library), str(tmp_path / "LIBONE.A")])
    (file,) = open_inputs(parsed, memory.Memory({"LDSHIM_CACHE": "off"}, [b"x"]))
    assert len(file.inputs) == 2
