"""What others can write to, a temporary directory, a cache, the current directory, the names of files, does not decide what runs or what is linked."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ldshim import memory, rewrite, survey
from ldshim.memory import Memory, identity
from tests.harness import Instance, check, export_names, ldshim, linker_path, tool
from tests.test_copies_and_losses import marked, project

if TYPE_CHECKING:
    from tests.harness import Compiler

LLD = linker_path("22")
SCRIPT = Path(sys.executable).parent / "ldshim"
INPUTS = ("reader.o", "one.o", "libtwo.a")
LINK = ("--no-entry", *INPUTS, "-o", "out.wasm")
EVIL = "\n--export=evil\n"


@pytest.fixture
def folder(cc: Compiler, tmp_path: Path) -> Path:
    return project(cc, tmp_path / "project")


def program(path: Path, body: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(0o755)
    return path


# Temporary files

LOOKING = f"""
import os, sys
path = next(word for word in sys.argv if "ldshim-" in word)
while not os.path.basename(path).startswith("ldshim-") or not os.path.isdir(path):
    path = os.path.dirname(path)
for folder, _, files in os.walk(path):
    for place in (folder, *(os.path.join(folder, name) for name in files)):
        status = os.lstat(place)
        print(place, oct(status.st_mode & 0o777), status.st_uid == os.getuid())
os.execv({LLD!r}, ["wasm-ld", *sys.argv[1:]])
"""


def test_temporary_files_are_private_and_their_place_is_not_to_be_guessed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    linker = program(tmp_path / "wasm-ld", LOOKING)
    names = set()
    before = os.umask(0)
    try:
        for _ in range(3):
            done = ldshim(*LINK, cwd=folder, env={"LDSHIM_LINKER": str(linker)})
            assert done.returncode == 0, done.stderr
            lines = [line.split() for line in done.stdout.splitlines()]
            # Paths in what the linker prints are the user's again: only the directory itself has none.
            names |= set(re.findall(r"/(ldshim-[0-9a-f]{16}) ", done.stdout))
            assert len(lines) >= 5
            assert all(mode in ("0o700", "0o600") and owned == "True" for _, mode, owned in lines), lines
    finally:
        os.umask(before)
    assert len(names) == 3
    assert list(scratch.iterdir()) == []


def test_a_link_planted_where_the_directory_is_to_be_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    guessed = [b"\0" * 8, b"\1" * 8]
    monkeypatch.setattr(os, "urandom", lambda _: guessed.pop(0))
    (tmp_path / f"ldshim-{'00' * 8}").symlink_to(victim)
    workspace = rewrite.Workspace({"TMPDIR": str(tmp_path)})
    try:
        assert workspace.path == str(tmp_path / f"ldshim-{'01' * 8}")
        workspace.write("a.o", [b"content"])
    finally:
        workspace.remove()
    assert list(victim.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"victim", f"ldshim-{'00' * 8}"}


def test_to_remove_the_directory_follows_no_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").touch()
    workspace = rewrite.Workspace({"TMPDIR": str(tmp_path)})
    Path(workspace.path, "link").symlink_to(victim)
    Path(workspace.path, "file").symlink_to(victim / "precious")
    workspace.remove()
    assert (victim / "precious").exists()


# What is remembered


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LDSHIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def claim(status: os.stat_result) -> None:
    """Remember that there is nothing in the archive of `status`."""
    kept = Memory(os.environ, survey.NEEDLES)
    kept._new[memory._encoded(identity(status))] = memory.HAS_NOTHING
    kept.save()


def differing(status: os.stat_result, field: str) -> os.stat_result:
    """The status of a file that differs in this, and in nothing else."""
    names = ("st_mode", "st_ino", "st_dev", "st_nlink", "st_uid", "st_gid", "st_size", "st_atime", "st_mtime", "st_ctime")
    numbers = [int(getattr(status, name)) + (name == field) for name in names]
    return os.stat_result(numbers, {name: getattr(status, name) + (name == field) for name in ("st_mtime_ns", "st_ctime_ns")})


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("field", ["st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns"])
def test_what_is_remembered_of_another_file_does_not_count(folder: Path, field: str) -> None:
    claim(differing((folder / "libtwo.a").stat(), field))
    assert ldshim(*LINK, cwd=folder).returncode == 0
    assert Instance(folder / "out.wasm").list() == [1, 2]


@pytest.mark.usefixtures("cache")
@pytest.mark.usefixtures("unverified")
def test_who_can_write_what_is_remembered_can_leave_elements_out_and_no_more(folder: Path) -> None:
    # docs/reliability.md says so.
    claim((folder / "libtwo.a").stat())
    assert ldshim(*LINK, cwd=folder).returncode == 0
    assert Instance(folder / "out.wasm").list() == [1]


def test_the_memory_is_private_and_a_planted_file_is_not_written_through(cache: Path, folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    cache.mkdir()
    (cache / "archives").symlink_to(victim)
    claim((folder / "libtwo.a").stat())
    assert victim.read_text() == "precious"
    assert not (cache / "archives").is_symlink()
    assert stat.S_IMODE((cache / "archives").stat().st_mode) == 0o600
    (cache / "archives").unlink()
    (cache / "archives.new").symlink_to(victim)
    claim((folder / "reader.o").stat())
    assert victim.read_text() == "precious"
    assert not (cache / "archives").exists()


# What is run


def test_no_linker_of_the_current_directory_is_run_unless_path_says_so(folder: Path) -> None:
    for name in ("wasm-ld", "rust-lld", "lld", "ziglang/zig"):
        (folder / name).parent.mkdir(exist_ok=True)
        program(folder / name, f"print('TRAP {name}')\n")
    for path in ("", ":", f":{folder.parent}:", f"{folder.parent}::"):
        done = ldshim(*LINK, cwd=folder, env={"PATH": path, "LDSHIM_LINKER": "", "WASI_SDK_PATH": ""})
        assert "TRAP" not in done.stdout + done.stderr
        # The ziglang package of the environment is the next best.
        assert done.returncode == 0, done.stderr
    for path in (".", "../project"):  # named by the user, as for execvp
        assert ldshim(*LINK, cwd=folder, env={"PATH": path, "LDSHIM_LINKER": ""}).stdout == "TRAP rust-lld\n"
    assert ldshim(*LINK, cwd=folder, env={"PATH": "", "LDSHIM_LINKER": "wasm-ld"}).stderr == "ldshim: error: LDSHIM_LINKER: no wasm-ld on PATH\n"


def traps(place: Path) -> None:
    """Put a module in the place of each one of the standard library, and of each package that ldshim uses if it is there."""
    # Python itself imports these before it knows what is to be run.
    loaded = check([sys.executable, "-c", "import runpy, sys; print(*sys.modules)"]).stdout.split()
    for name in {*sys.stdlib_module_names, "llvmlite", "tomlkit", "elftools", "ziglang", "subprocess_tee"} - {*loaded, "this", "antigravity"}:
        (place / f"{name}.py").write_text(f"print('TRAP {name}')\n")


WAYS = {
    "script": [str(SCRIPT)],
    "-m": [sys.executable, "-m", "ldshim"],
    "-I -m": [sys.executable, "-I", "-m", "ldshim"],
    **({"-P -m": [sys.executable, "-P", "-m", "ldshim"]} if sys.version_info >= (3, 11) else {}),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_module_of_the_current_directory_is_imported(cc: Compiler, folder: Path, way: str) -> None:
    traps(folder)
    if way == "-m":
        # Python looks for these in the current directory before a line of ldshim runs: docs/reliability.md.
        (folder / "__future__.py").unlink()
    else:
        (folder / "ldshim").mkdir()
        (folder / "ldshim" / "__init__.py").write_text("print('TRAP ldshim')\n")
    shutil.copy(cc(marked("three", 3), "-O1", "-flto", name="three"), folder / "three.o")
    environ = {**os.environ, "LDSHIM_LINKER": LLD}
    environ.pop("PYTHONPATH", None)
    for words, status in (
        (LINK, 0),
        ((*LINK, "three.o", "--ldshim-map=map.json"), 0),
        ((*LINK, "--bogus"), 1),
        ((*LINK, "--ldshim-bogus"), 1),
        (("--version",), 0),
        (("inspect", "libtwo.a"), 0),
        (("init", "--help"), 0),
    ):
        done = subprocess.run([*WAYS[way], *words], capture_output=True, text=True, check=False, cwd=folder, env=environ)
        assert "TRAP" not in done.stdout + done.stderr
        assert done.returncode == status, done.stderr


# Names that want to be options


def strange(cc: Compiler, folder: Path) -> list[str]:
    """Inputs with newlines, quotes and what looks like options and response files in their names, and a member that has one, too."""
    shutil.copy(cc(marked("three", 3) + "int evil(void) { return 1; }", "-O1"), folder / f"a{EVIL}.o")
    shutil.copy(cc(marked("four", 4), "-O1"), folder / "'\"\\ @four.o")
    shutil.copy(cc(marked("five", 5), "-O1", name="five"), folder / f"m{EVIL}.o")
    # Other archives end a name with a newline.
    check([tool("llvm-ar-22", "llvm-ar"), "rcs", "--format=bsd", "libfive.a", f"m{EVIL}.o"], cwd=folder)
    return [f"a{EVIL}.o", "'\"\\ @four.o", "libfive.a"]


@pytest.mark.parametrize("long", [False, True], ids=["words", "a response file of ours"])
def test_a_name_is_never_an_option(cc: Compiler, folder: Path, long: bool) -> None:
    words = [*LINK, *strange(cc, folder)]
    if long:  # than a word may be for exec
        (folder / "long.rsp").write_text("--export-if-defined=" + "x" * 140_000)
        words.append("@long.rsp")
    done = ldshim(*words, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert Instance(folder / "out.wasm").list() == [1, 2, 3, 4, 5]
    assert "evil" not in export_names(folder / "out.wasm")


def test_a_name_in_a_response_file_is_never_an_option(cc: Compiler, folder: Path) -> None:
    names = strange(cc, folder)
    quoted = "".join("\\".join(["", *name]) + "\n" for name in names)
    (folder / "words.rsp").write_text(quoted)
    done = ldshim(*LINK, "@words.rsp", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert Instance(folder / "out.wasm").count() == 5
    assert "evil" not in export_names(folder / "out.wasm")
