"""A link that holds nothing for ldshim is the real linker's link: same bytes, same messages, same status."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.harness import archive, linker_path
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

SOURCES = {
    "main": "int helper(int); int data = 3; int _start(void) { return helper(data); } int other(void) { return 4; }",
    "helper": 'int helper(int x) { return x + 1; } __attribute__((export_name("h"))) int exported(void) { return 1; }',
    "tables": "typedef int (*f)(int); int helper(int); f volatile table[] = { helper, 0 }; int use(void) { return table[0](1); }",
    "weak": "extern int nowhere __attribute__((weak)); int probe(void) { return &nowhere != 0; }",
    "missing": 'int absent(void); __attribute__((export_name("call"))) int call(void) { return absent(); }',
    "twice": "int helper(int x) { return x + 2; }",
    "section": 'int used_here __attribute__((used, section("numbers"))) = 1; extern int __start_numbers[], __stop_numbers[];'
    " int numbers(void) { return __stop_numbers - __start_numbers; }",
    "tools": '__asm__(".section .custom_section.for_tools,\\"\\",@\\n.int32 1\\n"); int tools(void) { return 1; }',
}

# The inputs, in ways that work and ways that do not.
INPUTS = {
    "objects": "main.o helper.o",
    "reversed": "helper.o main.o",
    "archive": "main.o libhelper.a",
    "library": "-L. main.o -lhelper",
    "library apart": "main.o --library helper --library-path .",
    "exact name": "-L lib main.o -l:libhelper.a ./libhelper.a",
    "whole": "main.o --whole-archive liball.a --no-whole-archive",
    "group": "main.o --start-lib helper.o tables.o --end-lib",
    "thin": "main.o libthin.a",
    "response file": "@words.rsp main.o",
    "nested response file": "@outer.rsp",
    "tables": "main.o helper.o tables.o",
    "weak": "main.o helper.o weak.o",
    "a section of its own": "main.o helper.o section.o",
    "tools": "main.o helper.o tools.o",
    "debug": "main-g.o helper.o",
    "bitcode": "main.o helper-lto.o",
    "missing symbol": "main.o helper.o missing.o",
    "two definitions": "main.o helper.o twice.o",
    "no such file": "main.o helper.o gone.o",
    "no such library": "main.o helper.o -lgone",
    "no such response file": "main.o helper.o @gone.rsp",
    "not an object": "main.o helper.o text.o",
    "truncated": "main.o helper.o truncated.o",
    "empty": "main.o helper.o empty.o",
    "broken archive": "main.o helper.o broken.a",
    "a directory": "main.o helper.o lib",
    "nothing": "",
    "unknown option": "main.o helper.o --no-such-option",
    "spelt alike": "main.o helper.o -export-all",
}

# Options that go with every set of inputs.
OPTIONS = {
    "plain": "",
    "everything": "--no-gc-sections --export-all --no-entry",
    "exports": "--export=other --export-if-defined=gone --strip-all -O2",
    "memory": "--initial-memory=262144 --max-memory=1048576 --growable-table -z stack-size=8192 --stack-first",
    "undefined": "--allow-undefined --no-demangle -u helper",
    "relocatable": "-r",
    "told": "--trace --print-gc-sections -Map=out.map",
    "version": "--verbose --error-limit=1",
}


@pytest.fixture(scope="module")
def folder(cc: Compiler, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drop-in")
    objects = {name: cc(source, "-O1", name=name) for name, source in SOURCES.items()}
    objects["main-g"] = cc(SOURCES["main"], "-g", name="main")
    objects["helper-lto"] = cc(SOURCES["helper"], "-flto", name="helper")
    for name, path in objects.items():
        (folder / f"{name}.o").write_bytes(path.read_bytes())
    archive(folder / "libhelper.a", folder / "helper.o", folder / "tables.o")
    archive(folder / "liball.a", folder / "helper.o", folder / "weak.o")
    archive(folder / "libthin.a", folder / "helper.o", folder / "weak.o", thin=True)
    (folder / "lib").mkdir()
    (folder / "words.rsp").write_text("'helper.o' \"weak.o\"\n")
    (folder / "outer.rsp").write_text("main.o\n@words.rsp\n")
    (folder / "text.o").write_text("not an object, though it says __start_numbers and __ldshim$numbers$$x\n")
    (folder / "truncated.o").write_bytes((folder / "helper.o").read_bytes()[:-20])
    (folder / "empty.o").write_bytes(b"")
    (folder / "broken.a").write_bytes((folder / "libhelper.a").read_bytes()[:200])
    return folder


class Result:
    """Everything that a link leaves behind."""

    def __init__(self, command: list[str], folder: Path, output: Path, environ: dict[str, str]) -> None:
        output.mkdir()
        # The module's name section holds the name of the output, so both links get the same one, in a directory of their own.
        for name in os.listdir(folder):
            (output / name).symlink_to(folder / name)
        done = subprocess.run(command, capture_output=True, check=False, cwd=output, env=environ, stdin=subprocess.DEVNULL)
        self.status = done.returncode
        self.stdout = done.stdout
        # lld's threads write these lines in any order.
        self.stderr = sorted(done.stderr.splitlines()) if "--verbose" in command else done.stderr
        self.files = {p.name: p.read_bytes() for p in output.iterdir() if not p.is_symlink()}


def compare(folder: Path, scratch: Path, words: list[str], lld: str) -> str | None:
    """What differs between the real linker and ldshim."""
    environ = {**os.environ, "LDSHIM_LINKER": linker_path(lld)}
    arguments = [*words, "-o", "out.wasm"]
    bare = Result([*WASM_LDS[lld], *arguments], folder, scratch / "bare", environ)
    ours = Result([sys.executable, "-m", "ldshim", *arguments], folder, scratch / "ours", environ)
    for name in ("status", "stdout", "stderr", "files"):
        if getattr(bare, name) != getattr(ours, name):
            return f"{' '.join(words)}: {name}: {getattr(bare, name)!r} became {getattr(ours, name)!r}"
    return None


@pytest.mark.parametrize("lld", ["14", "22", "zig"])
@pytest.mark.parametrize("options", OPTIONS)
def test_a_link_without_anything_to_collect_is_the_real_linkers(folder: Path, tmp_path: Path, lld: str, options: str) -> None:
    lines = [inputs.split() + OPTIONS[options].split() for inputs in INPUTS.values()]

    def one(numbered: tuple[int, list[str]]) -> str | None:
        number, words = numbered
        (scratch := tmp_path / str(number)).mkdir()
        return compare(folder, scratch, words, lld)

    with ThreadPoolExecutor(2) as pool:
        different = [found for found in pool.map(one, enumerate(lines)) if found]
    assert different == []


def test_the_list_has_more_than_a_hundred_lines_that_work_and_lines_that_do_not(folder: Path, tmp_path: Path) -> None:
    assert len(INPUTS) * len(OPTIONS) > 100
    statuses = set()
    for number, (inputs, options) in enumerate(itertools.product(("objects", "missing symbol"), ("plain", "exports"))):
        words = [*WASM_LDS["22"], *INPUTS[inputs].split(), *OPTIONS[options].split(), "-o", "out.wasm"]
        statuses.add(Result(words, folder, tmp_path / str(number), dict(os.environ)).status)
    assert statuses == {0, 1}
