"""The same inputs give the same bytes, wherever and however they are linked, and a file like the one that lld makes."""

from __future__ import annotations

import os
import pty
import re
import shutil
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ldshim import memory
from tests.harness import Instance, archive, link, linker_path
from tests.linkers import WASM_LDS
from tests.test_copies_and_losses import READER, marked, native
from tests.test_custom_sections import inline, numbers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness import Compiler

POINTERS = """
extern int *const __start_numbers_ptrs[], *const __stop_numbers_ptrs[];
__attribute__((export_name("count"))) int count(void) { return __stop_numbers_ptrs - __start_numbers_ptrs; }
__attribute__((export_name("at"))) int at(int i) { return *__start_numbers_ptrs[i]; }
"""
FLAGS = {"bitcode": ("-flto",), "lowered bitcode": ("-flto",), "thin bitcode": ("-flto=thin",), "debug information": ("-g",)}
KINDS = ("objects", "a row of objects", "custom sections", "pointer tables", *FLAGS)
WHERE = "a-directory-for-temporary-files"
COMMAND = [sys.executable, "-m", "ldshim"]


class Project:
    """A directory with inputs, and the words that link them."""

    def __init__(self, folder: Path, words: list[str], environ: dict[str, str]) -> None:
        self.folder = folder
        self.words = [*words, "-o", "out.wasm"]
        self.environ = environ

    def link(self, cwd: Path | None = None, *words: str, **environ: str | None) -> bytes:
        folder = cwd or self.folder
        env = {**os.environ, "LDSHIM_LINKER": linker_path("22"), **self.environ}
        for name, value in environ.items():
            env.pop(name, None)
            if value is not None:
                env[name] = value
        done = subprocess.run([*COMMAND, *self.words, *words], capture_output=True, text=True, check=False, cwd=folder, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        self.said = done.stdout
        return (folder / "out.wasm").read_bytes()


@pytest.fixture(params=KINDS)
def project(request: pytest.FixtureRequest, cc: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A link of each kind that ldshim rewrites in a way of its own; each has an archive."""
    kind = request.param
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / WHERE).mkdir()
    flags = ("-O1", *FLAGS.get(kind, ()))

    def unit(name: str, source: str) -> str:
        shutil.copy(cc(source, *flags, name=name), folder / f"{name}.o")
        return f"{name}.o"

    words = ["--no-entry", unit("reader", POINTERS if kind == "pointer tables" else READER)]
    if kind == "a row of objects":
        words += [unit(f"u{n}", marked(f"u{n}", n)) for n in range(1, 13)]
    elif kind == "custom sections":
        words += [unit("one", inline(numbers(1, 2))), unit("two", marked("two", 3))]
    else:
        words += [unit("one", marked("one", 1)), unit("two", native("two", 2))]
    # One member is extracted; the other is replaced in a copy of the archive.
    lazy = "int wanted(void) { return 1; }\n" + native("four", 4)
    members = [unit("three", marked("three", 3)), unit("four", lazy)]
    archive(folder / "libmore.a", *(folder / name for name in members))
    words += ["libmore.a", "-u", "wanted"]
    environ = {"TMPDIR": str(tmp_path / WHERE)}
    if kind == "lowered bitcode":
        hidden = tmp_path / "stand-in" / "llvmlite"
        hidden.mkdir(parents=True)
        (hidden / "__init__.py").write_text("raise ImportError('hidden by a test')\n")
        environ["PYTHONPATH"] = str(hidden.parent)
    monkeypatch.setenv("LDSHIM_CACHE", "off")
    return Project(folder, words, environ)


def on_a_terminal(project: Project) -> bytes:
    main, terminal = pty.openpty()
    env = {**os.environ, "LDSHIM_LINKER": linker_path("22"), "TERM": "xterm", **project.environ}
    subprocess.run([*COMMAND, *project.words], check=True, cwd=project.folder, env=env, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    os.close(main)
    return (project.folder / "out.wasm").read_bytes()


def test_the_same_inputs_give_the_same_bytes(project: Project, tmp_path: Path) -> None:
    first = project.link()
    assert len(Instance(project.folder / "out.wasm").list()) >= 4
    elsewhere = tmp_path / "elsewhere and deeper"
    shutil.copytree(project.folder, elsewhere)
    time.sleep(max(0.0, memory._SETTLED_NS / 1e9 + (elsewhere / "libmore.a").stat().st_ctime - time.time()))
    cache = str(tmp_path / "cache")
    assert project.link(elsewhere, PYTHONHASHSEED="1", LC_ALL="C", LDSHIM_CACHE=cache) == first
    before = os.umask(0o077)
    try:
        assert project.link(elsewhere, PYTHONHASHSEED="2", LC_ALL="C.UTF-8", LDSHIM_CACHE=cache, HOME=None, TZ="Asia/Tokyo") == first
    finally:
        os.umask(before)
    assert on_a_terminal(project) == first


def test_no_temporary_path_is_in_anything_that_is_written(project: Project) -> None:
    module = project.link(None, "-Map=out.map", "--why-extract=why.txt", "--trace", "--ldshim-map=shim.json")
    written = [module, project.said.encode(), *((project.folder / name).read_bytes() for name in ("out.map", "why.txt", "shim.json"))]
    assert b"libmore.a(three.o)" in written[1]
    for content in written:
        assert WHERE.encode() not in content
        assert not re.search(rb"ldshim-[0-9a-f]{16}", content)
        assert str(project.folder).encode() not in content


def test_the_order_of_members_is_the_order_of_elements(cc: Compiler, out: Path, tmp_path: Path) -> None:
    members = [cc(marked(f"m{n}", n), "-O1", name=f"m{n}") for n in range(6)]
    for order in (members, members[::-1]):
        library = archive(tmp_path / "libm.a", *order)
        expected = [int(member.stem[1:]) for member in order]
        assert Instance(link(out, cc(READER, "-O1"), library)).list() == expected


# What becomes of the file that is named as the output


def missing(_: Path) -> None:
    pass


def private(path: Path) -> None:
    path.write_text("old")
    path.chmod(0o600)


def unwritable(path: Path) -> None:
    path.write_text("old")
    path.chmod(0o444)


def linked(path: Path) -> None:
    path.with_name("target").write_text("old")
    path.symlink_to("target")


def dangling(path: Path) -> None:
    path.symlink_to("target")


def hard(path: Path) -> None:
    path.write_text("old")
    path.with_name("other name").hardlink_to(path)


def directory(path: Path) -> None:
    path.mkdir()


def in_nothing(path: Path) -> None:
    path.parent.rmdir()


def in_a_read_only_directory(path: Path) -> None:
    path.parent.chmod(0o555)


OUTPUTS: tuple[Callable[[Path], None], ...] = (
    missing, private, unwritable, linked, dangling, hard, directory, in_nothing, in_a_read_only_directory,
)  # fmt: skip


def state(folder: Path) -> list[tuple[str, str, int, str]]:
    """What is in a directory: names, modes, numbers of names, and whether it is a module."""
    found = []
    for path in sorted(folder.iterdir()) if folder.exists() else []:
        status = path.lstat()
        content = "a module" if path.is_file() and path.read_bytes()[:4] == b"\0asm" else "something else"
        found.append((path.name, stat.filemode(status.st_mode), status.st_nlink, content))
    return found


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000], ids=oct)
@pytest.mark.parametrize("lld", [lld for lld in WASM_LDS if lld in ("14", "22", "zig")])
def test_the_output_is_written_as_by_the_real_linker(cc: Compiler, tmp_path: Path, lld: str, umask: int) -> None:
    plain, reader, one = cc("int f(void) { return 1; }"), cc(READER, "-O1"), cc(marked("one", 1), "-O1")
    environ = {**os.environ, "LDSHIM_LINKER": linker_path(lld)}
    # root may write everywhere, unless it gives that up
    limited = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    for prepare in OUTPUTS:
        results = []
        for name, command in (("bare", [*WASM_LDS[lld], str(plain)]), ("shim", [*COMMAND, str(reader), str(one)])):
            folder = tmp_path / prepare.__name__ / name
            folder.mkdir(parents=True)
            prepare(folder / "out.wasm")
            words = [*limited, *command, "--no-entry", "-o", str(folder / "out.wasm")]
            before = os.umask(umask)
            try:
                done = subprocess.run(words, capture_output=True, text=True, check=False, env=environ)
            finally:
                os.umask(before)
            said = re.sub(r"^.*?error: ", "error: ", done.stderr.replace(str(folder), "FOLDER"), flags=re.MULTILINE)
            results.append((done.returncode, said, state(folder)))
            if folder.exists():
                folder.chmod(0o755)
        assert results[0] == results[1], prepare.__name__
