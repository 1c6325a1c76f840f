"""What is remembered of archives saves time, and never costs an element."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ldshim import memory
from ldshim.memory import MAX_ENTRIES, Memory, identity
from tests.harness import Instance, archive, link, linker_path

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

READER = """
extern int __start_numbers[], __stop_numbers[];
__attribute__((export_name("count"))) int count(void) { return __stop_numbers - __start_numbers; }
__attribute__((export_name("at"))) int at(int i) { return __start_numbers[i]; }
static int declared[0] __asm__("__ldshim$numbers$$declared") __attribute__((used));
"""
LONG_AGO = 1_700_000_000
NEEDLES = (b"one", b"two")


def marked(name: str, value: int) -> str:
    return f'int {name} __asm__("__ldshim$numbers$${name}") __attribute__((used)) = {value};\n'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the memory is."""
    monkeypatch.setenv("LDSHIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def settled(path: Path) -> os.stat_result:
    """The status of a file as it will be a while after the last change."""
    status = path.stat()
    fields = list(status)
    return os.stat_result(fields, {"st_mtime_ns": LONG_AGO * 10**9, "st_ctime_ns": LONG_AGO * 10**9})


def settle(path: Path) -> None:
    """Wait until a file counts as one that will not change within what its times can tell apart."""
    os.utime(path, (LONG_AGO, LONG_AGO))
    left = path.stat().st_ctime_ns + memory._SETTLED_NS - time.time_ns()
    time.sleep(max(0, left / 1e9) + 0.01)


OPENED = """
import os, sys
opened = []
real = os.open
os.open = lambda path, *rest, **named: (opened.append(os.fspath(path)), real(path, *rest, **named))[1]
def report(*_, **__):
    print("\\n".join(opened), flush=True)
    os._exit(0)
os.END = report
sys.argv = ["ldshim", *sys.argv[1:]]
from ldshim.cli import main
main()
"""


def opened_by(*words: str | Path, ends_in: str = "execve") -> list[str]:
    """The files that ldshim opens before the real linker starts: in its place, or (posix_spawn) beside it."""
    command = [sys.executable, "-c", OPENED.replace("END", ends_in), "--no-entry", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "LDSHIM_LINKER": linker_path("22")})
    return done.stdout.splitlines()


def test_an_archive_without_elements_is_not_opened_again(cc: Compiler, cache: Path, tmp_path: Path) -> None:
    main, library = cc("int f(void) { return 1; }"), archive(tmp_path / "lib.a", cc("int g(void) { return 2; }"))
    settle(library)
    assert str(library) in opened_by(main, library)
    assert str(library) not in opened_by(main, library)
    assert [path.name for path in cache.iterdir()] == ["archives"]


def test_a_remembered_archive_is_searched_for_what_other_files_want(cc: Compiler, cache: Path, out: Path, tmp_path: Path) -> None:
    # It has no marker and refers to no bounds: there is nothing in it, until someone walks over its section.
    member = cc('int reached(void) { return 1; }\nstatic int element __attribute__((used, section("numbers"))) = 7;', name="member")
    library = archive(tmp_path / "lib.a", member)
    settle(library)
    opened_by(cc("int f(void) { return 1; }"), library)
    assert (cache / "archives").stat().st_size > 40
    assert Instance(link(out, cc(READER, "-O1"), "-u", "reached", library, lld="16")).list() == [7]


@pytest.mark.usefixtures("cache")
def test_an_archive_in_which_nothing_could_be_is_not_opened_where_something_is_wanted(cc: Compiler, out: Path, tmp_path: Path) -> None:
    main = cc(READER + marked("one", 1), "-O1")
    library = archive(tmp_path / "lib.a", cc("int g(void) { return 2; }"))
    other = archive(tmp_path / "other.a", cc('static int h __attribute__((used, section("others"))) = 3;'))
    for path in (library, other):
        settle(path)
    assert Instance(link(out, main, library, other)).list() == [1]
    opened = opened_by(main, library, other, "-o", out, ends_in="posix_spawn")
    assert str(library) not in opened
    assert str(other) in opened


def test_an_archive_that_changes_is_searched_again(cc: Compiler, cache: Path, out: Path, tmp_path: Path) -> None:
    library = archive(tmp_path / "lib.a", cc("int g(void) { return 2; }"))
    settle(library)
    main = cc(READER, "-O1")
    assert Instance(link(out, main, library)).list() == []
    assert (cache / "archives").exists()
    archive(library, cc(marked("one", 1), name="new"))
    assert Instance(link(out, main, library)).list() == [1]
    # In place, to the same size and with the old time.
    before = library.read_bytes()
    settle(library)
    library.write_bytes(before.replace(b"numbers$$one", b"numbers$$two"))
    os.utime(library, (LONG_AGO, LONG_AGO))
    assert Instance(link(out, main, library)).list() == [1]


def test_an_archive_that_was_just_written_is_not_remembered(cc: Compiler, cache: Path, tmp_path: Path) -> None:
    library = archive(tmp_path / "lib.a", cc("int g(void) { return 2; }"))
    opened_by(cc("int f(void) { return 1; }"), library)
    assert not cache.exists()


def test_a_thin_archive_is_not_remembered(cc: Compiler, cache: Path, tmp_path: Path) -> None:
    # Its members can change while it stays as it is.
    library = archive(tmp_path / "lib.a", cc("int g(void) { return 2; }"), thin=True)
    settle(library)
    opened_by(cc("int f(void) { return 1; }"), library)
    assert not cache.exists()


def memory_in(cache: Path, needles: tuple[bytes, ...] = NEEDLES) -> Memory:
    return Memory({"LDSHIM_CACHE": str(cache)}, needles)


def remembering(cache: Path, *files: Path) -> Memory:
    kept = memory_in(cache)
    for file in files:
        kept.of(identity(settled(file)))
        kept.learn(identity(settled(file)), memory.WANTS_NOTHING)
    kept.save()
    return memory_in(cache)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-1],
        lambda text: text + b"x",
        lambda text: text[:60] + bytes([text[60] ^ 1]) + text[61:],
        lambda text: text.replace(b"ldshim", b"ldshim 9"),
        lambda _: b"",
        lambda _: b"\0" * 100,
    ],
)
def test_a_damaged_memory_is_none(cache: Path, tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    file = tmp_path / "file"
    file.write_text("x")
    assert remembering(cache, file).of(identity(settled(file)))
    place = cache / "archives"
    place.write_bytes(damage(place.read_bytes()))
    assert not memory_in(cache).of(identity(settled(file)))


def test_a_memory_of_other_needles_is_none(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert remembering(cache, file).of(identity(settled(file)))
    assert not memory_in(cache, (b"one",)).of(identity(settled(file)))


def test_the_memory_is_bounded_and_forgets_what_was_not_used(cache: Path) -> None:
    kept = memory_in(cache)
    entries = [(1, n, 100, LONG_AGO, LONG_AGO) for n in range(MAX_ENTRIES)]
    for entry in entries:
        kept.learn(entry, memory.WANTS_NOTHING)
    kept.save()
    again = memory_in(cache)
    assert again.of(entries[-1])
    again.learn((2, 2, 100, LONG_AGO, LONG_AGO), memory.WANTS_NOTHING)
    again.save()
    last = memory_in(cache)
    assert last.of((2, 2, 100, LONG_AGO, LONG_AGO))
    assert last.of(entries[-1])
    assert sum(bool(last.of(entry)) for entry in entries) == MAX_ENTRIES - 1


@pytest.mark.parametrize("environ", [{"LDSHIM_CACHE": "off"}, {}, {"HOME": "/dev/null"}, {"XDG_CACHE_HOME": "/proc/no/such"}])
def test_without_a_place_there_is_no_memory(environ: dict[str, str]) -> None:
    kept = Memory(environ, NEEDLES)
    kept.learn((1, 2, 3, LONG_AGO, LONG_AGO), memory.WANTS_NOTHING)
    kept.save()
    assert not Memory(environ, NEEDLES).of((1, 2, 3, LONG_AGO, LONG_AGO))


def test_links_side_by_side_leave_a_whole_memory(cc: Compiler, cache: Path, tmp_path: Path) -> None:
    libraries = [archive(tmp_path / f"lib{n}.a", cc("int g(void) { return 2; }")) for n in range(8)]
    for library in libraries:
        os.utime(library, (LONG_AGO, LONG_AGO))
    settle(libraries[-1])
    main = cc("int f(void) { return 1; }")
    command = [sys.executable, "-m", "ldshim", "--no-entry", str(main)]
    environ = {**os.environ, "LDSHIM_LINKER": linker_path("22")}
    running = [
        subprocess.Popen([*command, str(library), "-o", str(tmp_path / f"{library.name}.wasm")], env=environ) for library in libraries for _ in range(2)
    ]
    assert [process.wait() for process in running] == [0] * 16
    assert [path.name for path in cache.iterdir()] == ["archives"]
    text = (cache / "archives").read_bytes()
    assert any(b"".join(number.to_bytes(8, "little") for number in identity(library.stat())) in text for library in libraries)
