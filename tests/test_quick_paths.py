"""The quick paths of the reader and the editor give what careful ones give, on real, on damaged and on made-up objects."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldshim import command, inputs, sections, survey
from ldshim.memory import Memory
from ldshim.wasm import editor, names, writer
from ldshim.wasm.format import COMDAT_INFO, MODULE_HEADER, SEC_DATA, SEC_IMPORT, SEGMENT_INFO, SYMBOL_TABLE
from ldshim.wasm.leb128 import signed, unsigned
from ldshim.wasm.reader import ObjectFile
from tests.careful_reader import CarefulObject, view
from tests.fuzz_targets import check_edited, read_both_ways
from tests.random_programs import pieces
from tests.random_programs.build import Builder
from tests.random_programs.programs import Unit
from tests.test_objects import dumped, view_of_reader, view_of_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from ldshim.inputs import Unit as InputUnit
    from ldshim.wasm.editor import Edit
    from tests.harness import Compiler

SHAPES = 40
READER = """
extern char __start_alpha[], __start_beta[], __start_gamma[], __start_delta[], __start_omega_ptrs[], __start_mixed_ptrs[];
char *all[] = {__start_alpha, __start_beta, __start_gamma, __start_delta, __start_omega_ptrs, __start_mixed_ptrs};
"""


def real_objects(cc: Compiler) -> list[Path]:
    """Objects of the random programs: every kind of element, and mixtures."""
    return [cc(pieces.source(shape, pieces.WASM, 0xA1), shape.level, language=shape.language, name="u") for shape in pieces.catalogue(SHAPES)]


def test_objects_of_compilers_are_read_alike(cc: Compiler) -> None:
    for path in real_objects(cc):
        read_both_ways(path.read_bytes())


def test_damaged_objects_are_read_or_refused_alike(cc: Compiler) -> None:
    chance = random.Random(1)
    for path in real_objects(cc):
        data = path.read_bytes()
        for _ in range(40):
            broken = bytearray(data)
            for _ in range(chance.choice((1, 1, 2, 4))):
                at = chance.randrange(8, len(broken))
                broken[at] = chance.choice((broken[at] ^ 1 << chance.randrange(8), 0x7F, 0x80, 0xFF, 0))
            read_both_ways(bytes(broken))


# Made-up encodings: numbers around those at which an encoding grows, written over more bytes than they need.

# 0x0B << 14 ends with what ends an expression.
NUMBERS = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 4, 0x3F, 0x40, 0x7F, 0x80, 0x3FFF, 0x4000, 0x0B << 14, 2**31, 2**32 - 1, 2**32, 2**64 - 1))
WIDTHS = st.sampled_from((1, 1, 1, 1, 2, 2, 3, 5, 10, 19, 20, 21))


@st.composite
def numbers(draw: st.DrawFn, values: st.SearchStrategy[int] = NUMBERS) -> bytes:
    return unsigned(draw(values), draw(WIDTHS))


@st.composite
def name_bytes(draw: st.DrawFn) -> bytes:
    text = draw(st.sampled_from((b"", b"a", b"name", b"n" * 0x7F, b"n" * 0x80, b"\0\x80\xff")))
    return unsigned(len(text), draw(WIDTHS)) + text


def joined(*parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.tuples(*parts).map(b"".join)


KINDS = numbers(st.sampled_from((0, 1, 1, 1, 2, 3, 4, 5, 6)))
FLAGS = numbers(st.sampled_from((0, 1, 2, 4, 0x10, 0x14, 0x40, 0x50, 0x80, 0x200, 0x204, 2**31)))
INDEXES = numbers(st.sampled_from((0, 0, 1, 2, 3, 0x80, 2**32 - 1)))
SYMBOLS = st.one_of(
    joined(st.just(b"\1"), FLAGS, name_bytes(), INDEXES, INDEXES, numbers()),
    joined(st.just(b"\1"), numbers(st.sampled_from((0x10, 0x11, 0x14))), name_bytes()),
    joined(KINDS, FLAGS, INDEXES, name_bytes()),
    joined(KINDS, FLAGS, INDEXES),
)
INFOS = joined(name_bytes(), numbers(st.sampled_from((0, 2, 4, 31, 32, 0x80))), FLAGS)
PLACES = st.one_of(
    joined(st.just(b"\0\x41"), numbers(), st.just(b"\x0b")),
    joined(st.just(b"\0\x42"), numbers(), st.just(b"\x0b")),
    joined(numbers(st.sampled_from((0, 1, 2))), st.sampled_from((b"", b"\0", b"\x23\0\x0b", b"\0\x41\0\x0b", b"\x41\0"))),
)


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    content = draw(st.sampled_from((b"", b"1234", b"c" * 0x7F, b"c" * 0x80)))
    return unsigned(len(content), draw(WIDTHS)) + content


RELOCATIONS = st.one_of(
    joined(numbers(st.integers(0, 27)), numbers(), numbers()),
    joined(numbers(st.sampled_from((3, 5, 9, 16))), numbers(), numbers(), st.sampled_from((0, 1, -1, 63, -64, 64, 2**31)).map(signed)),
    joined(numbers(st.sampled_from((5, 9))), numbers(), numbers(), numbers()),
)


@st.composite
def vectors(draw: st.DrawFn, items: st.SearchStrategy[bytes]) -> bytes:
    """Some items with their number in front, which is wrong now and then."""
    found = draw(st.lists(items, max_size=4))
    count = max(0, len(found) + draw(st.sampled_from((0, 0, 0, 0, 0, 0, 1, -1))))
    return unsigned(count, draw(WIDTHS)) + b"".join(found)


IMPORTS = joined(name_bytes(), name_bytes(), st.sampled_from((b"\0\0", b"\1\x70\0\0", b"\2\0\0", b"\2\4\0", b"\3\x7f\0", b"\4\0\0", b"\5")))


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    subsections = [
        (SEGMENT_INFO, draw(vectors(INFOS))),
        (SYMBOL_TABLE, draw(vectors(SYMBOLS))),
        (COMDAT_INFO, draw(vectors(joined(name_bytes(), numbers(), vectors(joined(INDEXES, INDEXES)))))),
    ]
    chosen = [part for part in subsections if draw(st.booleans())]
    linking = unsigned(2, draw(WIDTHS)) + b"".join(writer.subsection(kind, payload, draw(st.sampled_from((1, 2, 5)))) for kind, payload in chosen)
    parts = [MODULE_HEADER]
    if draw(st.booleans()):
        parts.append(writer.section(SEC_IMPORT, draw(vectors(IMPORTS))))
    parts.append(writer.section(SEC_DATA, draw(vectors(joined(PLACES, contents())))))
    parts.append(writer.custom_section(b"linking", linking))
    parts.append(writer.custom_section(b"reloc.DATA", draw(numbers()) + draw(vectors(RELOCATIONS))))
    return b"".join(parts) + draw(st.sampled_from((b"", b"", bytes(16), b"\0\1\0" * 6)))


@settings(deadline=None, max_examples=1500)
@given(objects())
def test_made_up_encodings_are_read_or_refused_alike(data: bytes) -> None:
    read_both_ways(data)


def _entry(entries: st.SearchStrategy[bytes], kind: int) -> st.SearchStrategy[bytes]:
    """Objects that are whole but for a row of entries of one kind."""
    data = writer.section(SEC_DATA, writer.vector([writer.segment(b"c" * 0x90, is_64=False)] * 3))

    def whole(payload: bytes) -> bytes:
        parts = writer.subsection(kind, payload) if kind else b""
        relocations = b"" if kind else writer.custom_section(b"reloc.DATA", b"\0" + payload)
        return MODULE_HEADER + data + writer.custom_section(b"linking", unsigned(2) + parts) + relocations

    return vectors(entries).map(whole)


@pytest.mark.parametrize(("kind", "entries"), [(SEGMENT_INFO, INFOS), (SYMBOL_TABLE, SYMBOLS), (0, RELOCATIONS)])
def test_entries_of_any_encoding_are_read_or_refused_alike(kind: int, entries: st.SearchStrategy[bytes]) -> None:
    ends = set()

    @settings(deadline=None, max_examples=1000)
    @given(_entry(entries, kind))
    def check(data: bytes) -> None:
        ends.add(read_both_ways(data))

    check()
    assert ends == {True, False}


# The editor.


def planned(cc: Compiler, paths: list[Path]) -> list[tuple[InputUnit, Edit]]:
    words = ["--no-entry", str(cc(READER, "-O0")), *map(str, paths), "-o", "out.wasm"]
    parsed = command.parse(words)
    files = inputs.open_inputs(parsed, Memory({"LDSHIM_CACHE": "off"}, survey.NEEDLES))
    found = survey.survey(files, parsed)
    survey.collect(found, files)
    return list(sections.make_plan(found, parsed).edits.items())


def test_edited_objects_say_to_llvm_what_the_plan_says(cc: Compiler, tmp_path: Path) -> None:
    builder = Builder(cc)
    paths = []
    for number, shape in enumerate(pieces.catalogue(SHAPES), 1):
        copies = tuple(10 * number + place for place in range(len(shape.pieces)))
        unit = Unit(number, shape, ("0009",) * len(shape.pieces), copies, 1000 + number if shape.calls else None)
        path = tmp_path / f"u{number}.o"
        path.write_bytes(builder.object_of(unit, pieces.WASM)[0])
        paths.append(path)
    edits = planned(cc, paths)
    assert len(edits) > SHAPES // 2
    kinds: set[str] = set()
    for changed, edit in edits:
        obj = changed.object
        assert isinstance(obj, ObjectFile)
        check_edited(obj, edit)
        edited = b"".join(editor.apply(obj, edit))
        assert view_of_yaml(dumped(edited)) == view_of_reader(edited)
        assert view(ObjectFile(edited, "")) == view(CarefulObject(edited, ""))
        kinds.update(field for field in edit.__slots__ if getattr(edit, field))
    assert kinds >= {"segment_info", "symbol_flags", "new_segments", "new_symbols", "emptied_sections"}


def test_symbols_are_found_in_any_encoding_of_what_is_around_them() -> None:
    chance = random.Random(1)

    def section(ident: int, payload: bytes) -> bytes:
        return bytes((ident,)) + unsigned(len(payload), chance.choice((1, 2, 5, 6))) + payload

    def noise(size: int) -> bytes:
        return bytes(chance.choice((0, 3, 8, 0x7E, 0x80, chance.randrange(256))) for _ in range(chance.randrange(size)))

    table = writer.vector([writer.undefined_data_symbol(b"__start_numbers", 0x10)])
    for _ in range(5000):
        parts = [(SYMBOL_TABLE, table), *((chance.choice((3, 5, 6, 7, 0x7E)), noise(12)) for _ in range(chance.randrange(4)))]
        chance.shuffle(parts)
        title = unsigned(7, chance.choice((1, 1, 2))) + b"linking" + unsigned(2, chance.choice((1, 2, 3, 5)))
        linking = title + b"".join(writer.subsection(kind, payload, chance.choice((1, 2, 5, 7))) for kind, payload in parts)
        before = b"".join(section(chance.choice((1, 2, 10, 11)), noise(9)) for _ in range(chance.randrange(4)))
        data = MODULE_HEADER + before + section(0, b"\x01x" + noise(9)) + section(0, linking) + section(0, b"\x01y")
        for add in (names.add_symbol_names, names.add_all_names):
            text = bytearray(b"of others")
            add(text, b"before" + data + b"behind", len(b"before"), len(b"before" + data))
            assert text.startswith(b"of others")
            assert b"__start_numbers" in text
