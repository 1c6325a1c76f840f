"""Whatever bytes are given for an object: it is read, or a `MalformedObject` says why not, soon and without much memory."""

from __future__ import annotations

import os
import random
import subprocess
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldshim.wasm import editor, writer
from ldshim.wasm.cursor import MalformedObject
from ldshim.wasm.editor import Edit, NewSegment, NewSymbol
from ldshim.wasm.entries import Relocation
from ldshim.wasm.format import MODULE_HEADER, R_MEMORY_ADDR_I32
from ldshim.wasm.leb128 import signed, unsigned
from ldshim.wasm.reader import ObjectFile
from tests.harness import tool
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness import Compiler

SOURCES = {
    "c": ('extern int e; int *p = &e; int f(void); int g(void) { return f() + *p; } const char *s = "s";', ("-O1",), "c"),
    "c++": ("template <class T> struct A { static inline T v = T(3); }; int f() { return A<int>::v; }", ("-O1",), "c++"),
    "assembly": (
        '.globl f\n.type f,@function\nf:\n.functype f () -> ()\nend_function\n.section .custom_section.entries,"",@\n.Lhere:\n.int32 f\n.int32 .Lhere\n',
        (),
        "assembler",
    ),
}


@pytest.fixture(scope="module")
def objects(cc: Compiler) -> dict[str, bytes]:
    """Small objects that between them have all that the reader looks at."""
    return {name: cc(text, *flags, language=language).read_bytes() for name, (text, flags, language) in SOURCES.items()}


def use(data: bytes) -> str | None:
    """Read all of an object, and edit it if that went well; returns the message of the error."""
    try:
        obj = ObjectFile(data, "test.o")
        for section in obj.sections:
            for entry in obj.relocations(section.index):
                assert entry.type_name
        for segment in obj.segments:
            assert 0 <= segment.begin <= segment.end <= len(data)
            assert all(0 <= symbol.offset <= segment.size for symbol in obj.symbols_of_segment(segment.index))
        edited = b"".join(editor.apply(obj, edit_of_everything(obj))) if obj.is_relocatable else data
    except MalformedObject as error:
        message = str(error)
        assert message.startswith("test.o: ")
        assert message.isprintable()
        return message
    ObjectFile(edited, "edited.o")
    return None


def edit_of_everything(obj: ObjectFile) -> Edit:
    edit = Edit()
    edit.segment_info = {segment.index: (b"renamed", 2, 0) for segment in obj.segments}
    edit.symbol_flags = {symbol.index: symbol.flags for symbol in obj.symbols}
    edit.new_segments.append(NewSegment(b"new", 2, bytes(4), [Relocation(R_MEMORY_ADDR_I32, 0, len(obj.symbols))]))
    edit.new_symbols.append(NewSymbol(b"new", 0, len(obj.segments), 0, 4))
    return edit


def accepted_by_llvm(data: bytes, folder: Path) -> bool:
    """Whether LLVM's reader takes this for an object, and lld links it."""
    # A broken number makes LLVM abort: that it looks for its own debug information then takes seconds.
    environ = {**os.environ, "LLVM_DISABLE_SYMBOLIZATION": "1", "LLVM_DISABLE_CRASH_REPORT": "1"}
    path = folder / "broken.o"
    path.write_bytes(data)
    for command in ([tool("obj2yaml-22", "obj2yaml"), path, "-o", os.devnull], [*WASM_LDS["22"], "-r", path, "-o", folder / "o"]):
        if subprocess.run([str(word) for word in command], capture_output=True, check=False, env=environ).returncode:
            return False
    return True


# Broken files.


def flipped(data: bytes, how_many: int, seed: int) -> Iterator[bytes]:
    """Copies of `data`, each with a few bits turned over."""
    chance = random.Random(seed)
    for _ in range(how_many):
        broken = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            broken[chance.randrange(8, len(data))] ^= 1 << chance.randrange(8)
        yield bytes(broken)


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_may_end_anywhere(objects: dict[str, bytes], name: str) -> None:
    data = objects[name]
    assert use(data) is None
    for size in range(len(data)):
        use(data[:size])


@pytest.mark.parametrize("name", SOURCES)
def test_any_part_of_the_linking_section_may_be_missing(objects: dict[str, bytes], name: str) -> None:
    data = objects[name]
    linking = ObjectFile(data, "").linking
    assert linking is not None
    refused = 0
    for end in range(linking.content, linking.end):
        broken = data[: linking.start] + writer.custom_section(b"linking", data[linking.content : end]) + data[linking.end :]
        refused += use(broken) is not None
    assert refused >= linking.end - linking.content - 6


@pytest.mark.parametrize("name", SOURCES)
def test_any_bits_may_be_wrong(objects: dict[str, bytes], name: str) -> None:
    messages = [use(broken) for broken in flipped(objects[name], 1500, seed=1)]
    # Both happen: an object that is still one, and one that is not.
    assert 100 < messages.count(None) < 1400


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_may_follow_the_header(data: bytes) -> None:
    use(MODULE_HEADER + data)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=100), st.sampled_from((5, 6, 7, 8)))
def test_any_bytes_may_be_in_a_subsection(data: bytes, kind: int) -> None:
    segments = writer.section(11, writer.vector([writer.segment(b"1234", is_64=False)]))
    linking = writer.custom_section(b"linking", unsigned(2) + writer.subsection(kind, data))
    use(MODULE_HEADER + segments + linking)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=100), st.sampled_from((2, 11, 12)))
def test_any_bytes_may_be_in_a_section(data: bytes, kind: int) -> None:
    use(MODULE_HEADER + writer.section(kind, data) + writer.custom_section(b"linking", unsigned(2)))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=100))
def test_any_bytes_may_be_relocations(data: bytes) -> None:
    segments = writer.section(11, writer.vector([writer.segment(b"1234", is_64=False)]))
    relocations = writer.custom_section(b"reloc.DATA", b"\0" + data)
    use(MODULE_HEADER + segments + writer.custom_section(b"linking", unsigned(2)) + relocations)


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_refused_llvm_refuses_too(objects: dict[str, bytes], name: str, tmp_path: Path) -> None:
    refused = 0
    for broken in flipped(objects[name], 400, seed=2):
        message = use(broken)
        if message is None or "alignment 2**" in message or "in a segment's offset" in message:
            continue  # see the next test
        refused += 1
        assert not accepted_by_llvm(broken, tmp_path), message
    assert refused > 30


def objects_that_llvm_takes() -> dict[str, bytes]:
    """By the message with which the reader refuses them."""
    segment = b"\0\x41\0\x0b\0"
    data = writer.section(11, b"\1" + segment)
    info = writer.subsection(5, b"\1\1n\0\0")
    return {
        # A bound keeps a megabyte of 0x80 from costing quadratic time.
        "malformed number": module(writer.section(11, unsigned(1, 21) + segment), linking()),
        # What 1 << 32 is in lld is up to chance.
        "segment 0: alignment 2**32": module(data, linking(writer.subsection(5, b"\1\1n\x20\0"))),
        # The last one counts, or the second symbol table goes on where the first ended.
        "a second subsection of type 5": module(data, linking(info, info)),
        # lld passes over the place, and compilers write 0.
        "opcode 0x43 in a segment's offset": module(writer.section(11, b"\1\0\x43\0\0\0\0\x0b\0"), linking()),
        "a segment's offset is not one constant": module(writer.section(11, b"\1\0\x41\0\x41\0\x6a\x0b\0"), linking()),
    }


def module(*sections: bytes) -> bytes:
    return MODULE_HEADER + b"".join(sections)


def linking(*subsections: bytes) -> bytes:
    return writer.custom_section(b"linking", unsigned(2) + b"".join(subsections))


@pytest.mark.parametrize("reason", objects_that_llvm_takes())
def test_these_alone_are_refused_and_llvm_takes_them(reason: str, tmp_path: Path) -> None:
    data = objects_that_llvm_takes()[reason]
    message = use(data)
    assert message is not None
    assert f": {reason} at offset " in message
    assert accepted_by_llvm(data, tmp_path)


def test_more_segment_names_than_segments_are_refused() -> None:
    data = writer.section(11, writer.vector([writer.segment(b"", is_64=False)]))
    message = use(module(data, linking(writer.subsection(5, writer.vector([writer.segment_info(b"n", 0, 0)] * 2)))))
    assert message is not None
    assert "more segment names than segments" in message


# Hostile files: what a module says of itself is no reason to allocate, or to go on for long.

HUGE = (2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1)


def hostile(value: bytes) -> dict[str, bytes]:
    """Modules in which one count or size, each another one, is `value`."""
    data = writer.section(11, writer.vector([writer.segment(b"1234", is_64=False)]))
    group = writer.name(b"g") + unsigned(0)
    memory = b"\1" + writer.name(b"e") + writer.name(b"m") + b"\2"
    return {
        "size of a section": module(b"\x0b" + value + b"\0\0\0\0"),
        "length of a custom section's name": module(writer.section(0, value + b"name")),
        "number of imports": module(writer.section(2, value), linking()),
        "length of an import's module": module(writer.section(2, b"\1" + value + b"e"), linking()),
        "length of an import's field": module(writer.section(2, b"\1" + writer.name(b"e") + value), linking()),
        "limits of a memory": module(writer.section(2, memory + value), linking()),
        "number of segments": module(writer.section(11, value + bytes(9)), linking()),
        "memory of a segment": module(writer.section(11, b"\1\2" + value), linking()),
        "place of a segment": module(writer.section(11, b"\1\0\x41" + value + b"\x0b\0"), linking()),
        "size of a segment": module(writer.section(11, b"\1\0\x41\0\x0b" + value + b"1234"), linking()),
        "version": module(writer.custom_section(b"linking", value)),
        "size of a subsection": module(data, linking(b"\5" + value + b"\0")),
        "number of segment names": module(data, linking(writer.subsection(5, value + b"\0"))),
        "length of a segment's name": module(data, linking(writer.subsection(5, b"\1" + value + b"n\0\0"))),
        "alignment of a segment": module(data, linking(writer.subsection(5, b"\1\1n" + value + b"\0"))),
        "number of symbols": module(data, linking(writer.subsection(8, value + b"\0"))),
        "function of a symbol": module(data, linking(writer.subsection(8, b"\1\0\x10" + value))),
        "section of a symbol": module(data, linking(writer.subsection(8, b"\1\3\2" + value))),
        "length of a symbol's name": module(data, linking(writer.subsection(8, b"\1\1\0" + value + b"n\0\0\0"))),
        "segment of a symbol": module(data, linking(writer.subsection(8, b"\1\1\0\1n" + value + b"\0\0"))),
        "offset of a symbol": module(data, linking(writer.subsection(8, b"\1\1\0\1n\0" + value + b"\0"))),
        "number of groups": module(data, linking(writer.subsection(7, value))),
        "number of a group's entries": module(data, linking(writer.subsection(7, b"\1" + group + value))),
        "target of relocations": module(data, linking(), writer.custom_section(b"reloc.DATA", value + b"\0")),
        "addend of a relocation": module(data, linking(), writer.custom_section(b"reloc.DATA", b"\0\1\5\0\0" + value)),
        "number of relocations": module(data, linking(), writer.custom_section(b"reloc.DATA", b"\0" + value)),
    }


# What nobody looks at: the pages of a memory, where lld places segments, relocations of a section that is not there, addends.
NOT_CHECKED = ("limits of a memory", "place of a segment", "target of relocations", "addend of a relocation")


def test_no_number_has_more_than_64_bits() -> None:
    for value in (2**64 - 1, 2**64):
        symbol = b"\1\0\1n\0\0" + unsigned(value)
        data = module(writer.section(11, b"\1\0\x41\0\x0b\0"), linking(writer.subsection(8, b"\1" + symbol)))
        assert (_measured(data)[0] is None) == (value < 2**64)


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("place", hostile(b""))
def test_a_huge_number_is_refused(place: str, value: int) -> None:
    data = hostile(unsigned(value))[place]
    message, seconds, peak = _measured(data)
    if place not in NOT_CHECKED:
        assert message is not None
    assert seconds < 0.5
    assert peak < 100_000


@pytest.mark.parametrize("place", hostile(b""))
@pytest.mark.parametrize("length", [19, 20, 21, 1000, 1_000_000])
def test_a_number_may_take_many_bytes_but_not_any_number(place: str, length: int) -> None:
    # Zero, written over `length` bytes.
    data = hostile(b"\x80" * (length - 1) + b"\0")[place]
    message, seconds, peak = _measured(data)
    if length > 20:
        assert message is not None
    assert seconds < 0.5
    assert peak < 100_000


def test_a_number_of_twenty_bytes_is_read_as_llvm_reads_it(tmp_path: Path) -> None:
    for width in (5, 15, 20):
        segment = b"\0\x41\0\x0b" + unsigned(4, width) + b"1234"
        info = writer.subsection(5, writer.vector([unsigned(1, width) + b"n" + unsigned(2, width) + unsigned(0)]), width)
        data = module(writer.section(11, unsigned(1, width) + segment), linking(info))
        obj = ObjectFile(data, "test.o")
        assert [(s.name, s.size, s.p2align) for s in obj.segments] == [(b"n", 4, 2)]
        assert accepted_by_llvm(data, tmp_path)


@pytest.mark.parametrize("value", [0, 1, -1, 63, 64, -64, -65, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)])
def test_signed_numbers_are_read_as_they_are_written(value: int) -> None:
    entry = Relocation(R_MEMORY_ADDR_I32, 5, 0, value)
    data = writer.section(11, writer.vector([writer.segment(b"1234", is_64=False)]))
    obj = ObjectFile(module(data, linking(), writer.relocation_section(b"DATA", 0, [entry])), "test.o")
    assert [found.addend for found in obj.relocations(0)] == [value]
    assert len(signed(value)) <= 10


MANY = 20_000


def many_of_a_kind() -> dict[str, bytes]:
    """Large modules of the smallest things."""
    data = writer.section(11, writer.vector([writer.segment(b"", is_64=False)] * MANY))
    no_data = writer.section(11, writer.vector([]))
    reloc = writer.custom_section(b"reloc.DATA", b"\0\0")
    return {
        "sections": module(*[writer.custom_section(b"", b"")] * MANY, linking()),
        "segments": module(data, linking(writer.subsection(5, writer.vector([writer.segment_info(b"", 0, 0)] * MANY)))),
        "subsections": module(linking(*[b"\1\0"] * MANY, writer.subsection(5, b"\0"))),
        "symbols": module(linking(writer.subsection(8, writer.vector([b"\1\x10\0"] * MANY)))),
        "groups": module(linking(writer.subsection(7, writer.vector([b"\0\0\0"] * MANY)))),
        "relocations": module(no_data, linking(), writer.custom_section(b"reloc.DATA", b"\0" + writer.vector([b"\0\0\0"] * MANY))),
        "sections of relocations": module(no_data, linking(), *[reloc] * MANY),
    }


@pytest.mark.parametrize("kind", many_of_a_kind())
def test_time_and_memory_grow_no_faster_than_the_file(kind: str) -> None:
    data = many_of_a_kind()[kind]
    tracemalloc.start()
    begin = time.process_time()
    obj = ObjectFile(data, "test.o")
    obj.relocations(0)
    edit = Edit()
    edit.symbol_flags[0] = 0
    edit.new_segments.append(NewSegment(b"new", 0, bytes(4), [Relocation(R_MEMORY_ADDR_I32, 0, 0)]))
    b"".join(editor.apply(obj, edit))
    seconds = time.process_time() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 3
    assert peak < 200 * len(data) + 100_000


def _measured(data: bytes) -> tuple[str | None, float, int]:
    """The message of the error, the seconds and the bytes it took."""
    tracemalloc.start()
    begin = time.process_time()
    message = None
    try:
        obj = ObjectFile(data, "test.o")
        for index in range(min(len(obj.sections), 5)):
            obj.relocations(index)
    except MalformedObject as error:
        message = str(error)
    seconds = time.process_time() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return message, seconds, peak


# Messages.


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "test.o: not a wasm module of version 1"),
        (b"\0asm\2\0\0\0", "test.o: not a wasm module of version 1"),
        (MODULE_HEADER + b"\1\5abc", "test.o: 5 bytes do not fit at offset 0xa"),
        (MODULE_HEADER + b"\0\2\3a", "test.o: section 0: 3 bytes do not fit at offset 0xb"),
        (module(linking(), linking()), "test.o: more than one linking section"),
        (
            module(writer.custom_section(b"linking", b"\1")),
            "test.o: section linking: metadata version 1, expected 2 at offset 0x17",
        ),
        (
            module(linking(writer.subsection(8, b"\1\1\0\3\xffab\0\0\0"))),
            "test.o: section linking: symbol \\xffab: not inside a segment at offset 0x27",
        ),
        (
            module(linking(writer.subsection(8, b"\1\1\0\3\x1b[m\0\0\0"))),
            "test.o: section linking: symbol \\x1b[m: not inside a segment at offset 0x27",
        ),
    ],
)
def test_a_message_says_where(data: bytes, message: str) -> None:
    with pytest.raises(MalformedObject) as caught:
        ObjectFile(data, "test.o")
    assert str(caught.value) == message
