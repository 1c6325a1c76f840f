"""Archives are read as lld reads them, and what is written is read back by everyone else's tools."""

from __future__ import annotations

import mmap
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import ldshim.errors
from ldshim import archive
from ldshim.archive import MalformedArchive, Member, is_archive, member_at, members, symbol_index, write_archive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def tool(*names: str) -> str:
    """Find an LLVM tool; a machine without it fails the test that needs it."""
    found = [path for path in map(shutil.which, names) if path]
    return found[0] if found else f"/usr/lib/llvm-22/bin/{names[-1]}"


LLVM_AR = tool("llvm-ar-22", "llvm-ar")
LLVM_NM = tool("llvm-nm-22", "llvm-nm")
CLANG = tool("clang-22", "clang")
GNU_AR = "ar"
LINKERS = ["wasm-ld-14", "wasm-ld-15", "wasm-ld-16", "wasm-ld-19", "wasm-ld-22"]
NEWEST_LINKER = LINKERS[-1]

SOURCES = {
    "main.o": "int alpha(void); int entry(void) { return alpha(); }",
    "alpha.o": "int alpha_data = 7; int alpha(void) { return alpha_data; }",
    "beta.o": "int beta(void) { return 2; }",
    "a name with spaces that is long.o": "int gamma_(void) { return 3; }",
    "sub/beta.o": "int delta(void) { return 4; }",
}
LIBRARY = [name for name in SOURCES if name != "main.o"]


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, check=False, timeout=60)


def output(*command: str | Path, cwd: Path | None = None) -> bytes:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a directory of wasm objects, one per source."""
    directory = tmp_path_factory.mktemp("objects")
    (directory / "sub").mkdir()
    for name, source in SOURCES.items():
        c_file = directory / "source.c"
        c_file.write_text(source)
        output(CLANG, "--target=wasm32", "-O1", "-c", c_file, "-o", directory / name)
    return directory


FORMATS = ["gnu", "bsd", "darwin", "thin"]


@pytest.fixture(scope="module")
def by_llvm(objects: Path) -> dict[str, Path]:
    """Make one archive of LIBRARY in each format that llvm-ar writes."""
    made = {kind: objects / f"{kind}.a" for kind in FORMATS}
    for kind, path in made.items():
        flag = "--thin" if kind == "thin" else f"--format={kind}"
        output(LLVM_AR, "rcs", flag, path, *LIBRARY, cwd=objects)
    return made


def header(name: bytes, size: int) -> bytes:
    return b"%-16s%-32s%-10d`\n" % (name, b"0", size)


def raw_member(name: bytes, content: bytes) -> bytes:
    return header(name, len(content)) + content + b"\n" * (len(content) % 2)


def names_of(data: bytes) -> list[bytes]:
    return [member.name for member in members(data, "x.a")]


def contents_of(data: bytes) -> list[bytes]:
    return [data[member.begin : member.end] for member in members(data, "x.a")]


# What is written is read back


NAMES = st.one_of(
    st.binary(max_size=40),
    st.text("ab/ .#1_-\\", max_size=20).map(str.encode),
    st.sampled_from(
        [b"", b"/", b"//", b"/SYM64/", b"#1/4", b"#1", b"__.SYMDEF", b"a.o", b"sixteen_bytes_.o", b"fifteen_chars.o"]
    ),
)
SYMBOLS = st.binary(min_size=1, max_size=12).map(lambda name: name.replace(b"\0", b"_"))
CONTENTS = st.lists(
    st.tuples(NAMES, st.lists(st.binary(max_size=40), max_size=3), st.lists(SYMBOLS, max_size=3)), max_size=6
)


def as_shown(name: bytes) -> bytes:
    return name.replace(b"\n", b"?").replace(b"\0", b"?")


@settings(deadline=None)
@given(CONTENTS)
def test_what_is_written_is_read_back(content: list[tuple[bytes, list[bytes], list[bytes]]]) -> None:
    data = b"".join(write_archive(content))
    found = members(data, "x.a")
    assert [member.name for member in found] == [as_shown(name) for name, _, _ in content]
    assert contents_of(data) == [b"".join(pieces) for _, pieces, _ in content]
    index = symbol_index(data)
    wanted = zip(content, found, strict=True)
    assert index == [(symbol, member.header) for (_, _, symbols), member in wanted for symbol in symbols]


PLAIN = st.text("abc/ .#1_é", max_size=24).map(str.encode)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(content=[(name, [b"x"], []) for name in (b"#1", b"#", b"#1/2", b"", b"/", b"//", b"a ", b" a")])
@given(
    content=st.lists(st.tuples(PLAIN, st.binary(max_size=9).map(lambda piece: [piece]), st.lists(SYMBOLS)), max_size=5)
)
def test_other_tools_read_back_what_is_written(
    tmp_path: Path, content: list[tuple[bytes, list[bytes], list[bytes]]]
) -> None:
    path = tmp_path / "written.a"
    path.write_bytes(b"".join(write_archive(content)))
    for ar in LLVM_AR, GNU_AR:
        assert output(ar, "t", path) == b"".join(name + b"\n" for name, _, _ in content)
        assert output(ar, "p", path) == b"".join(pieces[0] for _, pieces, _ in content)


def test_content_is_not_copied() -> None:
    piece = bytearray(b"x" * 1001)
    pieces = write_archive([(b"a.o", [memoryview(piece)], [])])
    piece[:3] = b"abc"
    assert contents_of(b"".join(pieces))[0].startswith(b"abcx")


def test_newlines_and_nuls_do_not_break_the_tables() -> None:
    data = b"".join(write_archive([(b"a\nvery\0long_name_of.o", [], [b"bad\0symbol", b"good"])]))
    assert names_of(data) == [b"a?very?long_name_of.o"]
    assert [symbol for symbol, _ in symbol_index(data) or []] == [b"good"]


def test_an_archive_past_4_gib_gets_a_wide_index(objects: Path, tmp_path: Path) -> None:
    big = mmap.mmap(-1, (1 << 32) + 1, prot=mmap.PROT_READ)  # never touched: it takes up no memory
    alpha, main = (objects / "alpha.o").read_bytes(), objects / "main.o"
    pieces = write_archive(
        [(b"a_big_one_with_a_long_name", [big], []), (b"alpha.o", [alpha], [b"alpha", b"alpha_data"])]
    )
    assert any(piece is big for piece in pieces)
    path = tmp_path / "big.a"
    with path.open("wb") as sparse:
        for piece in pieces:
            if piece is big:
                sparse.seek(len(big), os.SEEK_CUR)
            else:
                sparse.write(piece)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        last = members(data, "big.a")[-1]
        assert last.header > 1 << 32
        assert data[last.begin : last.end] == alpha
        assert symbol_index(data) == [(b"alpha", last.header), (b"alpha_data", last.header)]
    assert output(LLVM_AR, "t", path) == output(GNU_AR, "t", path) == b"a_big_one_with_a_long_name\nalpha.o\n"
    for linker in LINKERS[0], LINKERS[-1]:
        output(linker, "--entry=entry", main, path, "-o", os.devnull)


def test_a_member_that_no_header_can_hold_is_refused() -> None:
    class Huge(bytes):
        __slots__ = ()

        def __len__(self) -> int:
            return 10**10

    with pytest.raises(ldshim.errors.LinkError, match="10000000000 bytes are too many"):
        write_archive([(b"a.o", [Huge()], [])])


@pytest.mark.parametrize("linker", LINKERS)
def test_every_linker_extracts_members_of_what_is_written(objects: Path, tmp_path: Path, linker: str) -> None:
    content = {name: (objects / name).read_bytes() for name in LIBRARY}
    path = tmp_path / "lib.a"
    defined = [[b"alpha", b"alpha_data"], [b"beta"], [b"gamma_"], [b"delta"]]
    triples: list[tuple[bytes, list[bytes | memoryview], list[bytes]]] = [
        (name.encode(), [data[:50], memoryview(data)[50:]], symbols)
        for (name, data), symbols in zip(content.items(), defined, strict=True)
    ]
    path.write_bytes(b"".join(write_archive(triples)))
    wanted = ["--entry=entry", "-u", "gamma_", "-u", "delta", "--trace"]
    trace = output(linker, *wanted, objects / "main.o", path, "-o", os.devnull).decode().splitlines()
    extracted = [line.partition("lib.a(")[2] for line in trace if "lib.a(" in line]
    assert sorted(extracted) == sorted(f"{name})" for name in LIBRARY if name != "beta.o")


def test_an_empty_archive_has_an_index_that_the_oldest_linker_accepts(objects: Path, tmp_path: Path) -> None:
    path = tmp_path / "empty.a"
    path.write_bytes(b"".join(write_archive([])))
    output(LINKERS[0], "--no-entry", "--allow-undefined", objects / "main.o", path, "-o", os.devnull)
    assert output(LLVM_AR, "t", path) == output(GNU_AR, "t", path) == b""
    assert symbol_index(path.read_bytes()) == []


# What others wrote is read as they meant it


@pytest.mark.parametrize("kind", FORMATS)
def test_members_are_those_that_llvm_ar_lists(by_llvm: dict[str, Path], kind: str) -> None:
    path = by_llvm[kind]
    data = path.read_bytes()
    assert b"".join(name + b"\n" for name in names_of(data)) == output(LLVM_AR, "t", path.name, cwd=path.parent)
    found = members(data, str(path))
    if kind == "thin":
        assert all(member.begin == member.end for member in found)
        content = [open(archive.thin_member_path(str(path), member), "rb").read() for member in found]  # noqa: SIM115
        assert [member.size for member in found] == list(map(len, content))
    else:
        assert all(member.path is None for member in found)
        content = contents_of(data)
    assert b"".join(content) == output(LLVM_AR, "p", path)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_index_says_what_llvm_nm_prints(by_llvm: dict[str, Path], kind: str) -> None:
    data = by_llvm[kind].read_bytes()
    names = {member.header: member.name for member in members(data, kind)}
    index = symbol_index(data)
    assert index is not None
    # Its exit status is about the objects: those in a Darwin archive are padded, which no reader of wasm understands.
    printed = run(LLVM_NM, "--print-armap", by_llvm[kind]).stdout.split(b"Archive map\n")[1].split(b"\n\n")[0]
    assert [symbol + b" in " + names[offset] for symbol, offset in index] == printed.splitlines()
    assert [symbol for symbol, _ in index] == [b"alpha", b"alpha_data", b"beta", b"gamma_", b"delta"]
    begin, end = archive.symbol_index_range(data) or (0, 0)
    assert b"\0gamma_\0" in data[begin:end]


@pytest.mark.parametrize("options", ["rcsD", "rcSD", "rcsTD"])
def test_members_are_those_that_gnu_ar_lists(objects: Path, tmp_path: Path, options: str) -> None:
    path = tmp_path / "gnu.a"
    # With an absolute path for the archive, GNU ar writes names into thin ones that do not lead to the members.
    output(GNU_AR, options, os.path.relpath(path, objects), *LIBRARY, cwd=objects)
    data = path.read_bytes()
    assert b"".join(name + b"\n" for name in names_of(data)) == output(
        LLVM_AR, "t", os.path.relpath(path, tmp_path), cwd=tmp_path
    )
    if "T" in options:
        wanted = [os.path.realpath(objects / name) for name in LIBRARY]
        got = [archive.thin_member_path(str(path), member) for member in members(data, str(path))]
        assert [os.path.realpath(name) for name in got] == wanted


def bsd_index(name: bytes, letter: str, symbols: list[bytes], offset: int) -> bytes:
    width = struct.calcsize(letter)
    table = b"".join(symbol + b"\0" for symbol in symbols)
    starts = [sum(len(symbol) + 1 for symbol in symbols[:n]) for n in range(len(symbols))]
    pairs = [number for start in starts for number in (start, offset)]
    index = struct.pack(f"<{len(pairs) + 1}{letter}", width * len(pairs), *pairs)
    return raw_member(name, index + struct.pack(f"<{letter}", len(table)) + table)


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        (b"__.SYMDEF", "I"),
        (b"__.SYMDEF SORTED", "I"),
        (b"__.SYMDEF/", "I"),
        (b"__.SYMDEF_64", "Q"),
        (b"__.SYMDEF_64/", "Q"),
    ],
)
def test_indexes_of_the_bsds_are_read(name: bytes, letter: str) -> None:
    data = archive.MAGIC + bsd_index(name, letter, [b"alpha", b"beta"], 4711) + raw_member(b"a.o", b"content")
    assert symbol_index(data) == [(b"alpha", 4711), (b"beta", 4711)]
    assert names_of(data) == [b"a.o"]


TABLE = b"a_long_member_name.o/\nanother_long_member.o/\n"
BY_HAND = {
    "coff": [
        (b"/", bytes(4)),
        (b"/", bytes(8)),
        (b"//", b"a_long_member_name.o\0x.o\0"),
        (b"/0", b"1"),
        (b"/21", b"2"),
    ],
    "arm64ec": [(b"/", bytes(4)), (b"/", bytes(8)), (b"//", b"x.o\0"), (b"/<ECSYMBOLS>/", bytes(4)), (b"/0", b"1")],
    "no index": [(b"//", TABLE), (b"/22", b"1"), (b"/0", b"2"), (b"short.o/", b"")],
    "BSD without index": [(b"#1/20", b"a long name.o\0\0\0\0\0\0\0data"), (b"short.o", b"12"), (b"#1/4", b"b.o\0")],
    "names padded with spaces": [(b"a b.o", b"1"), (b"b.o", b"2")],
    "specials out of place": [(b"a.o/", b"1"), (b"//", b"2"), (b"/", b"3")],
    "sharing a long name": [(b"//", TABLE), (b"/0", b"1"), (b"/0", b"2"), (b"/5", b"3")],
    "old lld index only": [(b"/", bytes(4))],
    "BSD by the index": [(b"__.SYMDEF/", bytes(8)), (b"a b.o", b"1"), (b"b.o/", b"2")],
    "sym64": [(b"/SYM64/", bytes(8)), (b"//", TABLE), (b"/0", b"1")],
    "nothing": [],
}


@pytest.mark.parametrize("case", BY_HAND)
def test_unusual_archives_are_read_as_llvm_reads_them(tmp_path: Path, case: str) -> None:
    data = archive.MAGIC + b"".join(raw_member(name, content) for name, content in BY_HAND[case])
    path = tmp_path / "lib.a"
    path.write_bytes(data)
    assert b"".join(name + b"\n" for name in names_of(data)) == output(LLVM_AR, "t", path)
    assert b"".join(contents_of(data)) == output(LLVM_AR, "p", path)


def test_a_thin_members_path_is_relative_to_its_archive() -> None:
    table = raw_member(b"//", b"../b/x.o/\n/abs/y.o/\nc.o\0junk/\n")
    data = archive.THIN_MAGIC + table + header(b"/0", 5) + header(b"/10", 10**9) + header(b"/20", 0)
    relative, absolute, with_nul = members(data, "x.a")
    assert archive.thin_member_path("lib/x.a", with_nul) == "lib/c.o"  # as the system reads what lld hands it
    assert archive.thin_member_path("lib/a/x.a", relative) == "lib/a/../b/x.o"
    assert archive.thin_member_path("x.a", relative) == "../b/x.o"
    assert archive.thin_member_path("lib/a/x.a", absolute) == "/abs/y.o"
    assert (relative.size, absolute.size) == (5, 10**9)
    with pytest.raises(ValueError, match="is not thin"):
        archive.thin_member_path("x.a", Member(b"a.o", 8, 68, 70, path=None, size=2))


@settings(deadline=None)
@given(CONTENTS)
def test_a_byte_is_found_in_its_member_or_in_none(content: list[tuple[bytes, list[bytes], list[bytes]]]) -> None:
    data = b"".join(write_archive(content))
    found = members(data, "x.a")
    owner = {offset: member for member in found for offset in range(member.begin, member.end)}
    assert [member_at(found, offset) for offset in range(len(data) + 1)] == [owner.get(n) for n in range(len(data) + 1)]


def test_bytes_mapped_files_and_views_are_all_read(by_llvm: dict[str, Path]) -> None:
    data = by_llvm["gnu"].read_bytes()
    with by_llvm["gnu"].open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for form in (mapped, memoryview(data)):
            assert is_archive(form)
            assert [member.name for member in members(form, "x.a")] == names_of(data)
            assert symbol_index(form) == symbol_index(data)
    assert not is_archive(b"!<arch>")
    assert not is_archive(b"\0asm\1\0\0\0")


# Hostile input


MALFORMED = {
    "cut header": (raw_member(b"a.o/", b"")[:59], 8, "59 bytes are left"),
    "size in hex": (raw_member(b"a.o/", b"").replace(b"0         `", b"0x0       `"), 8, "'0x0       ' is not a size"),
    "negative size": (raw_member(b"a.o/", b"").replace(b"0         `", b"-9        `"), 8, "is not a size"),
    "no size": (raw_member(b"a.o/", b"").replace(b"0         `", b"          `"), 8, "is not a size"),
    "huge size": (header(b"a.o/", 10**9), 8, "1000000000 bytes goes past the end"),
    "no padding": (header(b"a.o/", 1) + b"x", 8, "past the end"),
    "terminator": (raw_member(b"a.o/", b"")[:-1] + b"\r", 8, r"ends with b'`\\r'"),
    "no table": (raw_member(b"/7", b""), 8, "without a table of long names"),
    "second is bad": (raw_member(b"a.o/", b"") * 2 + b"x", 128, "1 bytes are left"),
    "past the table": (raw_member(b"//", TABLE) + raw_member(b"/99", b""), 114, "has 45 bytes"),
    "open end": (raw_member(b"//", b"name.o") + raw_member(b"/0", b""), 74, "has no end"),
    "name without a slash": (raw_member(b"//", b"name.o\n") + raw_member(b"/0", b""), 76, "has no end"),
    "not a number": (raw_member(b"//", TABLE) + raw_member(b"/0x", b""), 114, "not an offset"),
    "long BSD name": (raw_member(b"#1/5", b"1234"), 8, "does not name a part of 4 bytes"),
    "BSD name without length": (raw_member(b"#1/x", b"1234"), 8, "does not name a part"),
    "space in front": (raw_member(b"#1/2", b"ab") + raw_member(b" a.o", b""), 70, "starts with a space"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_archive_is_refused_with_path_place_and_reason(tmp_path: Path, case: str) -> None:
    body, offset, problem = MALFORMED[case]
    data = archive.MAGIC + body
    with pytest.raises(MalformedArchive, match=problem) as raised:
        members(data, "lib/x.a")
    assert str(raised.value).startswith("lib/x.a: malformed archive: ")
    assert str(raised.value).endswith(f"(member header at offset {offset})")
    (tmp_path / "x.a").write_bytes(data)
    assert run(LLVM_AR, "t", tmp_path / "x.a").returncode != 0


def test_a_thin_archive_has_no_bsd_names() -> None:
    with pytest.raises(MalformedArchive, match="a BSD name in a thin archive"):
        members(archive.THIN_MAGIC + header(b"#1/4", 10**9), "x.a")


@pytest.mark.parametrize(
    "index",
    [
        raw_member(b"/", b""),
        raw_member(b"/", b"\0\0"),
        raw_member(b"/", b"\xff\xff\xff\xff"),
        raw_member(b"/", b"\0\0\0\2" + bytes(8) + b"one\0two"),
        raw_member(b"/SYM64/", b"\xff" * 8 + bytes(100)),
        raw_member(b"__.SYMDEF", struct.pack("<5I", 8, 5, 99, 4, 0)),
        raw_member(b"__.SYMDEF", struct.pack("<2I", 1 << 31, 0)),
        raw_member(b"__.SYMDEF_64/", b"\xff" * 100),
    ],
)
def test_a_damaged_index_counts_as_absent(index: bytes) -> None:
    data = archive.MAGIC + index + raw_member(b"a.o/", b"x")
    assert symbol_index(data) in (None, [])
    assert names_of(data) == [b"a.o"]


def test_overlapping_names_do_not_fill_the_memory() -> None:
    table = raw_member(b"//", b"x" * 500_000 + b"/\n")
    data = archive.MAGIC + table + b"".join(raw_member(b"/%d" % n, b"") for n in range(8000))
    with pytest.raises(MalformedArchive, match="overlap too much"):
        members(data, "x.a")


def test_any_number_of_members_may_share_a_long_name() -> None:
    table = raw_member(b"//", b"x" * 30_000 + b"/\n")
    data = archive.MAGIC + table + raw_member(b"/0", b"") * 1000
    assert names_of(data) == [b"x" * 30_000] * 1000


def attempt(data: bytes) -> bool:
    """Read everything; whether the archive is well-formed. Any exception but MalformedArchive fails the test."""
    index = symbol_index(data)
    try:
        found = members(data, "x.a")
    except MalformedArchive:
        return False
    assert index is None or all(isinstance(symbol, bytes) for symbol, _ in index)
    assert all(0 < member.begin <= member.end <= len(data) for member in found)
    assert len(found) <= len(data) // 60
    return True


def small_archives(by_llvm: dict[str, Path]) -> list[bytes]:
    by_hand = [archive.MAGIC + b"".join(raw_member(*member) for member in case) for case in BY_HAND.values()]
    return by_hand + [path.read_bytes() for path in by_llvm.values()]


def flipped(data: bytes, rng: random.Random) -> bytes:
    """Damage one to three bits, half of the time in a header, where it matters."""
    damaged = bytearray(data)
    places = [n + rng.randrange(60) for n in range(8, len(data) - 60) if data[n + 58 : n + 60] == b"`\n"]
    for _ in range(rng.randint(1, 3)):
        place = rng.choice(places) if places and rng.random() < 0.7 else rng.randrange(len(data))
        damaged[place] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def test_cut_or_damaged_archives_are_read_or_refused_and_nothing_else(by_llvm: dict[str, Path]) -> None:
    rng = random.Random(1)
    began = time.monotonic()
    outcomes = set()
    for data in small_archives(by_llvm):
        outcomes |= {attempt(data[:end]) for end in range(len(data))}
        outcomes |= {attempt(flipped(data, rng)) for _ in range(500)}
    assert outcomes == {True, False}
    assert time.monotonic() - began < 15


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([archive.MAGIC, archive.THIN_MAGIC, b""]))
def test_noise_is_read_or_refused_and_nothing_else(noise: bytes, magic: bytes) -> None:
    attempt(magic + noise)


@pytest.fixture(scope="module")
def verdicts(by_llvm: dict[str, Path], objects: Path) -> Iterator[list[tuple[bytes, int, str]]]:
    """Damage archives and show them to the newest linker: the bytes, its exit status, its messages."""
    rng = random.Random(2)
    samples = []
    for data in small_archives(by_llvm):
        samples += [flipped(data, rng) for _ in range(16)]
        samples += [data[: rng.randrange(8, len(data) + 1)] for _ in range(5)]

    def judge(numbered: tuple[int, bytes]) -> tuple[bytes, int, str]:
        number, data = numbered
        path = objects / f"damaged{number}.a"
        path.write_bytes(data)
        command = [NEWEST_LINKER, "--no-entry", "--allow-undefined", "main.o", path.name, "-o", os.devnull]
        done = run(*command, cwd=objects)
        return data, done.returncode, done.stderr.decode(errors="replace")

    with ThreadPoolExecutor() as pool:
        yield list(pool.map(judge, enumerate(samples)))


# lld's messages that are about the archive, and neither about the objects in it nor about files a thin one lacks.
ABOUT_THE_ARCHIVE = ("failed to parse archive", "Archive::children failed", "truncated or malformed archive")
# It stops at the first problem, not always the one that we report: no magic, or a file that a thin archive lacks.
BEFORE_THAT = ("unknown file type: damaged", "could not get the buffer for a child of the archive")


def test_what_we_refuse_the_linker_refuses(verdicts: list[tuple[bytes, int, str]]) -> None:
    refused = [(data, status, text) for data, status, text in verdicts if not attempt(data)]
    assert len(refused) > 50
    for data, status, text in refused:
        about = any(words in text for words in (*ABOUT_THE_ARCHIVE, *BEFORE_THAT))
        assert status != 0, data
        assert about, (text, data)


def test_what_the_linker_takes_for_malformed_we_refuse(verdicts: list[tuple[bytes, int, str]]) -> None:
    malformed = [(data, text) for data, _, text in verdicts if any(words in text for words in ABOUT_THE_ARCHIVE)]
    assert len(malformed) > 50
    for data, text in malformed:
        assert not attempt(data), (text, data)


def test_reading_archives_costs_few_imports() -> None:
    root = os.path.dirname(os.path.dirname(ldshim.__file__))
    code = "import sys, os, struct; sys.path.insert(0, sys.argv[1]); old = set(sys.modules); import ldshim.archive"
    new = output(sys.executable, "-I", "-S", "-c", f"{code}; print(*set(sys.modules) - old)", root).decode().split()
    assert set(new) <= {"ldshim", "ldshim.archive", "ldshim.errors", "__future__"}
