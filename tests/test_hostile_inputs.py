"""Files and names that somebody made to do harm, or that are there by mistake: each ends as lld's own link does, or with a clear message."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ldshim import markers
from ldshim.bitcode import MAGIC, module
from ldshim.bitcode.bitstream import MalformedBitcode, Writer
from ldshim.wasm import writer
from ldshim.wasm.entries import Relocation
from ldshim.wasm.format import COMDAT_DATA, COMDAT_INFO, MODULE_HEADER, SEC_DATA, SEGMENT_INFO, SYMBOL_TABLE
from ldshim.wasm.leb128 import unsigned
from ldshim.wasm.reader import ObjectFile
from tests.harness import Instance, archive, ldshim, link, linker_path
from tests.linkers import WASM_LDS
from tests.test_copies_and_losses import READER, marked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

# A link that takes longer than this hangs.
TIME_LIMIT = 60


def both(folder: Path, *words: str) -> tuple[tuple[int, str], tuple[int, str]]:
    """Status and messages of ldshim and of lld alone."""
    outcomes = []
    environ = {**os.environ, "LDSHIM_LINKER": linker_path("22")}
    for program in ([sys.executable, "-m", "ldshim"], WASM_LDS["22"]):
        done = subprocess.run(
            [*program, "--no-entry", *words, "-o", "out.wasm"],
            cwd=folder, env=environ, capture_output=True, text=True, errors="surrogateescape", check=False, timeout=TIME_LIMIT,
        )  # fmt: skip
        outcomes.append((done.returncode, done.stdout + done.stderr))
    return outcomes[0], outcomes[1]


def one_message(stderr: str) -> str:
    assert stderr.startswith("ldshim: error: ")
    assert stderr.count("\n") == 1
    assert stderr[:-1].isprintable()
    assert len(stderr) < 10_000
    return stderr


# Files that are none.


@pytest.fixture
def folder(cc: Compiler, tmp_path: Path) -> Path:
    """A directory with a program that has an element, and with everything that is no object."""
    (tmp_path / "reader.o").write_bytes(cc(READER, "-O1").read_bytes())
    (tmp_path / "one.o").write_bytes(cc(marked("one", 1)).read_bytes())
    (tmp_path / "directory").mkdir()
    (tmp_path / "here").symlink_to("there")
    (tmp_path / "there").symlink_to("here")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "empty").write_bytes(b"")
    return tmp_path


NO_OBJECTS = ("directory", "here", "dangling", "empty", os.devnull, "missing", "n" * 5000, "new\nline", "es\x1bcape", "\udcff\udcfe")


@pytest.mark.parametrize("name", NO_OBJECTS)
def test_what_is_no_object_is_lld_s_to_complain_about(folder: Path, name: str) -> None:
    ours, lld = both(folder, "reader.o", "one.o", name)
    assert ours[0] == 1
    assert "ldshim" not in ours[1]
    # lld by itself misses the section, too.
    assert {line for line in ours[1].splitlines() if "cannot open" in line or "unknown file type" in line} == {
        line for line in lld[1].splitlines() if "cannot open" in line or "unknown file type" in line
    }
    assert not (folder / "out.wasm").exists()


@pytest.mark.parametrize("name", NO_OBJECTS)
def test_what_is_no_response_file_is_lld_s_to_complain_about(folder: Path, name: str) -> None:
    ours, lld = both(folder, "one.o", f"@{name}")
    assert ours == lld


def test_response_files_that_include_each_other_end(folder: Path) -> None:
    (folder / "a.rsp").write_text("one.o @b.rsp")
    (folder / "b.rsp").write_text("@c.rsp")
    (folder / "c.rsp").symlink_to("a.rsp")
    ours, lld = both(folder, "@a.rsp")
    assert ours[0] == lld[0] == 1
    # Which of them it names depends on where one begins.
    for _, messages in (ours, lld):
        assert messages.startswith("recursive expansion of: ")
        assert messages.endswith("wasm-ld-22: error: cannot open @c.rsp: No such file or directory\n")


def test_a_deep_nest_of_response_files_is_read(folder: Path) -> None:
    depth = 3000
    for number in range(depth):
        (folder / f"{number}.rsp").write_text(f"@{number + 1}.rsp")
    (folder / f"{depth}.rsp").write_text("one.o")
    done = ldshim("--no-entry", "reader.o", "@0.rsp", "-o", "out.wasm", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["reader.o one.o", "plain.o --export=f"])
def test_a_response_file_that_is_a_pipe_loses_no_words(cc: Compiler, folder: Path, words: str) -> None:
    # The link that ldshim rewrites, and the one that it hands over: a pipe can be read once, and lld comes second.
    (folder / "plain.o").write_bytes(cc("int f(void) { return 1; }").read_bytes())
    os.mkfifo(folder / "words")
    threading.Thread(target=(folder / "words").write_text, args=(words,), daemon=True).start()
    done = ldshim("--no-entry", "@words", "-o", "out.wasm", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    module_ = Instance(folder / "out.wasm")
    assert module_.list() == [1] if "reader.o" in words else module_.f() == 1


def test_an_error_in_a_response_file_that_is_a_pipe_is_shown(folder: Path) -> None:
    # Messages ask the line for their color: that must not wait for a second writer.
    os.mkfifo(folder / "words")
    threading.Thread(target=(folder / "words").write_text, args=("--ldshim-nonsense",), daemon=True).start()
    command = [sys.executable, "-m", "ldshim", "@words"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIME_LIMIT)
    assert (done.returncode, done.stderr) == (1, "ldshim: error: unknown option: --ldshim-nonsense\n")


def test_an_option_that_would_move_the_cursor_is_shown_as_text(folder: Path) -> None:
    for words in (["--ldshim-\x1b[2J\n"], ["-flavor", "\x1b[2J\n"]):
        done = ldshim(*words, cwd=folder)
        assert done.returncode == 1
        assert r"\x1b[2J\n" in one_message(done.stderr)


# Archives.


@pytest.mark.parametrize("member", ["directory", "here", "dangling", "missing"])
def test_a_member_of_a_thin_archive_that_cannot_be_read_is_named(folder: Path, member: str) -> None:
    name = "m" * len(member)
    (folder / name).write_bytes((folder / "one.o").read_bytes())
    library = archive(folder / "lib.a", folder / name, thin=True)
    library.write_bytes(library.read_bytes().replace(name.encode(), member.encode()))
    done = ldshim("--no-entry", "reader.o", "lib.a", "-o", "out.wasm", cwd=folder)
    assert done.returncode == 1
    message = one_message(done.stderr)
    assert message.startswith("ldshim: error: lib.a: cannot open member ")
    assert f"/{member}: " in message


def test_thin_archives_that_hold_each_other_end(folder: Path) -> None:
    for name, other in (("a.a", "b.a"), ("b.a", "a.a")):
        library = archive(folder / name, folder / "one.o", thin=True)
        library.write_bytes(library.read_bytes().replace(b"one.o", b"./" + other.encode()))
    ours, lld = both(folder, "a.a", "b.a", "--whole-archive", "a.a")
    assert ours == lld


def write_library(path: Path, name: bytes, content: bytes) -> None:
    """An archive of one member.  In the dialect of BSD a name stands in front of the content, and may be anything."""
    content = name + content
    header = b"%-16s%-12d%-6d%-6d%-8d%-10d`\n" % (b"#1/%d" % len(name), 0, 0, 0, 644, len(content))
    path.write_bytes(b"!<arch>\n" + header + content + b"\n" * (len(content) % 2))


@pytest.mark.parametrize("name", [b"nul\0nul", b"new\nline", b"../../up.o", b"..", b"/", b"\xff\xfe", b"m" * 300], ids=range(7))
def test_a_member_with_an_element_may_have_any_name(cc: Compiler, folder: Path, name: bytes) -> None:
    write_library(folder / "lib.a", name, (folder / "one.o").read_bytes())
    assert Instance(link(folder / "out.wasm", cc(READER, "-O1"), "lib.a", cwd=folder)).list() == [1]
    assert "up.o" not in {path.name for path in folder.parent.iterdir()}


@pytest.mark.parametrize("problem", ["named twice", "cut off"])
def test_a_member_of_any_name_is_named_on_one_line(folder: Path, problem: str) -> None:
    element = (folder / "one.o").read_bytes()
    write_library(folder / "lib.a", b"fir\nst\x1b[1m\xff.o", element if problem == "named twice" else element[:-3])
    done = ldshim("--no-entry", "one.o", "lib.a", "-o", "out.wasm", cwd=folder)
    assert done.returncode == 1
    assert r"lib.a(fir\nst\x1b[1m\xff.o)" in one_message(done.stderr)


# Names.


def renamed(cc: Compiler, folder: Path, name: bytes) -> Path:
    """An object whose element's name ends with these bytes."""
    placeholder = "p" * len(name)
    path = folder / "renamed.o"
    path.write_bytes(cc(marked(placeholder, 7)).read_bytes().replace(placeholder.encode(), name))
    return path


@pytest.mark.parametrize("name", [b"new\nline", b"nul\0nul", b"\xff\xfe\x80", b"\x1b[2J", b"$$$$", b"a" * 100_000], ids=range(6))
@pytest.mark.parametrize("lld", ["14", "22"])
def test_an_element_may_have_any_name(cc: Compiler, folder: Path, name: bytes, lld: str) -> None:
    unit = renamed(cc, folder, name)
    library = archive(folder / "lib.a", unit)
    for given in (unit, library):
        assert Instance(link(folder / "out.wasm", cc(READER, "-O1"), given, lld=lld)).list() == [7]


@pytest.mark.parametrize("name", [b"new\nline", b"\xff\xfe\x80", b"\x1b[2J", b"a" * 100_000], ids=range(4))
def test_two_elements_of_any_one_name_are_refused_in_a_line(cc: Compiler, folder: Path, name: bytes) -> None:
    unit = renamed(cc, folder, name)
    other = folder / "other.o"
    other.write_bytes(unit.read_bytes())
    done = ldshim("--no-entry", cc(READER, "-O1"), unit, other, "-o", "out.wasm", cwd=folder)
    assert done.returncode == 1
    assert "two elements are named" in one_message(done.stderr)


@pytest.mark.parametrize("name", [b"new\nline", b"\xff\xfe\x80", b"\x1b[2J"], ids=range(3))
def test_a_section_of_any_name_is_refused_in_a_line(cc: Compiler, folder: Path, name: bytes) -> None:
    path = folder / "renamed.o"
    path.write_bytes(cc(marked("one", 7)).read_bytes().replace(b"$numbers$", b"$" + name[:7].ljust(7, b"!") + b"$"))
    done = ldshim("--no-entry", path, "-o", "out.wasm", cwd=folder)
    assert done.returncode == 1
    assert "expected __ldshim$SECTION$KEY$UNIQUE" in one_message(done.stderr)


@pytest.mark.parametrize("key", ["k" * 100_000, "9" * 100_000, "\udcff"])
def test_a_key_may_be_long(key: str) -> None:
    marker = markers.parse(b"__ldshim$s$" + os.fsencode(key) + b"$a")
    assert marker is not None
    assert markers.sort_rank(marker.key) == (2, 0, os.fsencode(key))


# Work: no more than the file is long.


def seconds(function: object) -> float:
    begin = time.process_time()
    function()  # type: ignore[operator]
    return time.process_time() - begin


def bitcode_of_records(records: int, elements: int, operands: int) -> bytes:
    """A module with records of an array of numbers of no bits, or of literals."""
    width = 3
    content = Writer()
    content.fixed(2, width)
    if operands:
        content.vbr(operands, 5)
        for _ in range(operands):
            content.fixed(1, 1)
            content.vbr(99, 8)
    else:
        content.vbr(3, 5)
        content.fixed(1, 1)
        content.vbr(99, 8)  # the code
        content.fixed(0b0110, 4)  # an array
        content.fixed(0b0010, 4)  # of a field
        content.vbr(0, 5)  # of no bits
    for _ in range(records):
        content.fixed(4, width)
        if not operands:
            content.vbr(elements, 6)
    content.fixed(0, width)
    content.align()
    out = Writer()
    out.block(8, width, content.to_bytes() + bytes(8 * 4096), 2)
    out.block(23, width, bytes(4), 2)
    return MAGIC + out.to_bytes()


@pytest.mark.parametrize("operands", [0, 4000])
def test_records_of_no_bits_do_not_fill_the_memory(operands: int) -> None:
    data = bitcode_of_records(20_000, 100_000, operands)
    assert len(data) < 150_000

    def read() -> None:
        with pytest.raises(MalformedBitcode, match=r"an array of nothing|an abbreviation of"):
            module.read(data)

    assert seconds(read) < 5


def many(count: int) -> ObjectFile:
    """An object of so many segments, each in a group, and of as many custom sections, each with relocations."""
    segments = writer.vector([writer.segment(b"1234", is_64=False)] * count)
    infos = writer.vector([writer.segment_info(b"x", 0, 0)] * count)
    symbols = writer.vector([writer.data_symbol(b"s", 0, index, 0, 4) for index in range(count)])
    groups = writer.vector([writer.name(b"%d" % index) + unsigned(0) + b"\1" + unsigned(COMDAT_DATA) + unsigned(index) for index in range(count)])
    linking = b"".join(
        [unsigned(2), writer.subsection(SEGMENT_INFO, infos), writer.subsection(SYMBOL_TABLE, symbols), writer.subsection(COMDAT_INFO, groups)]
    )
    customs = [writer.custom_section(b"c", b"1234") for _ in range(count)]
    relocations = [writer.relocation_section(b"c", 1 + index, [Relocation(5, 0, index)]) for index in range(count)]
    return ObjectFile(
        b"".join([MODULE_HEADER, writer.section(SEC_DATA, segments), *customs, writer.custom_section(b"linking", linking), *relocations]), "many.o"
    )


def test_looking_up_groups_and_relocations_takes_no_time() -> None:
    # Each contribution asks for its own: 6,000 times 6,000 steps took a minute.
    count = 6000
    obj = many(count)

    def look_up() -> None:
        for index in range(count):
            group = obj.comdat_of(COMDAT_DATA, index)
            assert group is not None
            assert group.name == b"%d" % index
            assert [relocation.index for relocation in obj.relocations(1 + index)] == [index]
            assert obj.relocations(0) is obj.relocations(0)

    assert seconds(look_up) < 2




# Names that are hard to find.


def behind(linking: bytes, version: bytes) -> bytes:
    """A `linking` payload whose version is written so, and which reads as one unknown subsection by who takes a byte for the version."""
    table = linking[1:]
    decoy = b"\0\0\x7e" + unsigned(len(table), 5)
    return version + b"\x03" + unsigned(len(decoy)) + decoy + table


@pytest.mark.parametrize("version", [b"\x02", b"\x82\x00", b"\x82\x80\x80\x80\x00"], ids=[1, 2, 5])
def test_a_version_of_any_length_hides_no_element(cc: Compiler, folder: Path, version: bytes) -> None:
    data = (folder / "one.o").read_bytes()
    section = ObjectFile(data, "one.o").linking
    assert section is not None
    linking = writer.custom_section(b"linking", behind(data[section.content : section.end], version))
    (folder / "hidden.o").write_bytes(data[: section.start] + linking + data[section.end :])
    library = archive(folder / "lib.a", folder / "hidden.o")
    assert Instance(link(folder / "out.wasm", cc(READER, "-O1"), library)).list() == [1]


@pytest.mark.parametrize("lld", ["14", "22"])
def test_a_second_linking_section_hides_no_element(cc: Compiler, folder: Path, lld: str) -> None:
    data = (folder / "one.o").read_bytes()
    section = ObjectFile(data, "one.o").linking
    assert section is not None
    decoy = writer.custom_section(b"linking", b"\x02")
    write_library(folder / "lib.a", b"two.o", data[: section.start] + decoy + data[section.start :])
    done = ldshim("--no-entry", cc(READER, "-O1"), "lib.a", "-o", "out.wasm", cwd=folder, lld=lld)
    assert done.returncode == 1
    assert "lib.a(two.o): more than one linking section" in one_message(done.stderr)
