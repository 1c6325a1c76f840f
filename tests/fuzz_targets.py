"""What is given bytes that nobody made on purpose: each target takes any bytes, and either reads them or meets a `LinkError`.

`scripts/abuse/fuzz` looks for bytes that a target cannot stand; `tests/test_fuzz_corpus.py` gives the targets those that were worth keeping.
The first byte of an input chooses among a few ways to use the rest.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldshim import archive, command, diagnostics, inputs, markers, rewrite, sections, survey
from ldshim.bitcode import MAGIC, bitstream, module
from ldshim.errors import LinkError, printable
from ldshim.memory import Memory
from ldshim.wasm import editor, names, reader, writer
from ldshim.wasm.cursor import MalformedObject
from ldshim.wasm.format import (
    BINDING_WEAK,
    MODULE_HEADER,
    SEC_CUSTOM,
    SEC_DATA,
    SYMBOL_DATA,
    SYMBOL_SECTION,
    SYMBOL_TABLE,
    UNDEFINED,
)
from ldshim.wasm.leb128 import unsigned
from tests.careful_reader import CarefulObject, careful_relocations, view

if TYPE_CHECKING:
    from collections.abc import Callable

    from ldshim.wasm.editor import Edit
    from ldshim.wasm.entries import Section

WANTED = (b"numbers", b"others", b"others_ptrs")
COMMAND_LINES = (
    ["--no-entry"],
    ["--no-entry", "--no-gc-sections"],
    ["-shared"],
    ["--no-entry", "-mwasm64", "--export=__start_numbers", "--start-lib"],
)


def _asking_object() -> bytes:
    """An object that asks for the bounds of all that is wanted."""
    bounds = [prefix + name for name in WANTED for prefix in (b"__start_", b"__stop_")]
    symbols = writer.vector([writer.undefined_data_symbol(name, UNDEFINED) for name in bounds])
    return b"".join(
        (
            MODULE_HEADER,
            writer.custom_section(b"linking", unsigned(2) + writer.subsection(SYMBOL_TABLE, symbols)),
        )
    )


class _Folder:
    """Where the targets' files are: one directory for a process, made when it is first needed."""

    def __init__(self) -> None:
        self._made: tempfile.TemporaryDirectory[str] | None = None

    @property
    def path(self) -> Path:
        if self._made is None:
            self._made = tempfile.TemporaryDirectory(prefix="ldshim-fuzz-")
            (Path(self._made.name) / "asking.o").write_bytes(_asking_object())
        return Path(self._made.name)

    def write(self, name: str, data: bytes) -> str:
        path = self.path / name
        path.write_bytes(data)
        return str(path)


FOLDER = _Folder()


def fuzz_object(data: bytes) -> None:
    """An object, from the command line to the bytes that the real linker would get."""
    read_both_ways(data[1:])
    _link("input.o", data)


def fuzz_archive(data: bytes) -> None:
    """An archive, likewise; and what its reader says of it agrees with itself."""
    content = data[1:]
    try:
        found = archive.members(content, "input.a")
    except archive.MalformedArchive:
        found = []
    for member in found:
        assert 0 <= member.begin <= member.end <= len(content)
        if member.begin < member.end:
            assert archive.member_at(found, member.begin) is member
    index = archive.symbol_index(content)
    assert index is None or all(offset >= 0 for _, offset in index)
    # A thin one would open files by names from nowhere.
    if all(member.path is None for member in found):
        _link("input.a", data)


def fuzz_words(data: bytes) -> None:
    """A response file, split both ways, and its words as a command line."""
    kind, content = data[:1], data[1:]
    for tokenize in (command.tokenize_posix, command.tokenize_windows):
        assert all(isinstance(word, bytes) for word in tokenize(content))
    quoting = ["--rsp-quoting=windows"] if kind < b"\x80" else []
    path = FOLDER.write("words.rsp", content)
    here = Path.cwd()
    os.chdir(FOLDER.path)
    try:
        expanded = command.expand_response_files([*quoting, f"@{path}"])
        written = command.quote_response_file(word for word in expanded if word)
        assert [os.fsdecode(word) for word in command.tokenize_posix(os.fsencode(written))] == [word for word in expanded if word]
        parsed = command.parse([*quoting, f"@{path}"])
        assert command.message_settings([*quoting, f"@{path}"]) is not None
    except LinkError as error:
        _check_message(error)
    else:
        assert parsed.rewritten({}) == parsed.words
        assert all(0 <= given.begin < given.end <= len(parsed.words) for given in parsed.inputs)
    finally:
        os.chdir(here)


def fuzz_bitcode(data: bytes) -> None:
    """A bitcode file, as far as it is read without LLVM."""
    content = MAGIC + data[1:] if data[:1] >= b"\x80" else data[1:]
    assert isinstance(module.producer(content), bytes)
    try:
        read = module.read(module.unwrapped(content))
        assert all(isinstance(known.name, bytes) for known in read.globals)
    except bitstream.MalformedBitcode as error:
        _check_message(error)
    unit = inputs.Unit(inputs.InputFile(0, "in.bc", content, _given("in.bc"), (0,) * 5), content, "in.bc", (0, 0), None)
    if unit.is_bitcode:
        try:
            survey._note_bitcode(survey.Survey(), unit)
        except LinkError as error:
            _check_message(error)


def fuzz_names(data: bytes) -> None:
    """A symbol's name as a marker, and as what messages print."""
    text = printable(data)
    assert text.isprintable()
    for name in (data, markers.PREFIX + data, b"_ZN" + data, b"_R" + data):
        try:
            marker = markers.parse(name)
        except LinkError as error:  # noqa: PERF203 - each name by itself
            _check_message(error)
        else:
            if marker is not None:
                assert markers.is_c_identifier(marker.section)
                markers.sort_rank(marker.key)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "object": fuzz_object,
    "archive": fuzz_archive,
    "words": fuzz_words,
    "bitcode": fuzz_bitcode,
    "names": fuzz_names,
}


def _given(path: str) -> command.Input:
    return command.Input(path, 0, 1, whole_archive=False, in_lib_group=False)


def _check_message(error: LinkError) -> None:
    """What is printed is text for a terminal, and not as long as what it is about."""
    for one in error.errors:
        text = diagnostics._lines(str(one))
        assert text
        assert text.replace("\n", " ").isprintable(), text
        assert len(text) < 10_000


def _link(name: str, data: bytes) -> None:
    path = FOLDER.write(name, data[1:])
    line = COMMAND_LINES[data[0] % len(COMMAND_LINES)] if data else COMMAND_LINES[0]
    parsed = command.parse([*line, str(FOLDER.path / "asking.o"), path, "-o", "out.wasm"])
    try:
        files = inputs.open_inputs(parsed, Memory({"LDSHIM_CACHE": "off"}, survey.NEEDLES))
        found = survey.survey(files, parsed)
        if survey.unopened_bitcode(found, files):
            return  # LLVM's part begins here
        survey.collect(found, files)
        plan = sections.make_plan(found, parsed)
        for unit, edit in plan.edits.items():
            assert isinstance(unit.object, reader.ObjectFile)
            check_edited(unit.object, edit)
        _rewrite(plan, files, parsed)
    except LinkError as error:
        _check_message(error)


def _rewrite(plan: sections.Plan, files: list[inputs.InputFile], parsed: command.Command) -> None:
    workspace = rewrite.Workspace({"TMPDIR": str(FOLDER.path)})
    try:
        words = rewrite.rewrite(plan, files, parsed, workspace)
        for word in words:
            if word.startswith(workspace.path):
                content = Path(word).read_bytes()
                if archive.is_archive(content):
                    archive.members(content, word)
                else:
                    reader.ObjectFile(content, word)
    finally:
        workspace.remove()


def check_edited(obj: reader.ObjectFile, edit: Edit) -> reader.ObjectFile:
    """Edit the object; what comes out, read carefully, says what the edit said, and all else as before."""
    edited = CarefulObject(b"".join(editor.apply(obj, edit)), "edited.o")
    old = obj.segments
    assert len(edited.segments) == len(old) + len(edit.new_segments)
    for segment, now in zip(old, edited.segments, strict=False):
        assert (now.name, now.p2align, now.flags) == edit.segment_info.get(segment.index, (segment.name, segment.p2align, segment.flags))
        assert edited.data[now.begin : now.end] == obj.data[segment.begin : segment.end]
    for new, now in zip(edit.new_segments, list(edited.segments)[len(old) :], strict=True):
        assert (now.name, now.p2align, now.flags) == (new.name, new.p2align, new.flags)
        assert edited.data[now.begin : now.end] == new.content
    assert len(edited.symbols) == len(obj.symbols) + len(edit.new_symbols)
    moved = bool(edit.new_segments) and obj.section(SEC_DATA) is None and obj.linking is not None
    for symbol, after in zip(obj.symbols, edited.symbols, strict=False):
        assert (after.kind, after.name) == (symbol.kind, symbol.name)
        flags = edit.symbol_flags.get(symbol.index, symbol.flags)
        if symbol.index in edit.undefined_symbols:
            assert after.flags == flags & ~BINDING_WEAK | UNDEFINED
            assert after.element == -1
            continue
        element = symbol.element
        if symbol.kind == SYMBOL_SECTION and moved and obj.linking is not None and element >= obj.linking.index:
            element += 1
        assert (after.flags, after.element, after.offset, after.size) == (flags, element, symbol.offset, symbol.size)
    for new_symbol, after in zip(edit.new_symbols, list(edited.symbols)[len(obj.symbols) :], strict=True):
        assert (after.kind, after.name, after.flags) == (SYMBOL_DATA, new_symbol.name, new_symbol.flags)
        assert (after.element, after.offset, after.size) == (new_symbol.segment, new_symbol.offset, new_symbol.size)
    return edited


def read_both_ways(data: bytes) -> bool:
    """The quick paths of the reader give what the careful ones give, or fail likewise; returns whether it is an object, with its relocations."""
    views: list[Any] = []
    for kind in (reader.ObjectFile, CarefulObject):
        try:
            views.append(view(kind(data, "input.o")))
        except MalformedObject as error:  # noqa: PERF203 - each reader by itself
            _check_message(error)
            views.append(str(error))
    assert views[0] == views[1]
    if isinstance(views[0], str):
        return False
    obj = reader.ObjectFile(data, "input.o")
    _names_are_found(data)
    relocations = [s for s in obj.sections if s.id == SEC_CUSTOM and s.name.startswith(b"reloc.")]
    return all([_relocations_both_ways(obj, section) for section in relocations])  # noqa: C419 - each of them


def _relocations_both_ways(obj: reader.ObjectFile, section: Section) -> bool:
    ends: list[object] = []
    for read in (reader.read_relocations, careful_relocations):
        cursor = obj.cursor(section)
        try:
            cursor.u32()
            ends.append([(r.type, r.offset, r.index, r.addend) for r in read(cursor)])
        except MalformedObject as error:
            ends.append(str(error))
    assert ends[0] == ends[1]
    return not isinstance(ends[0], str)


def _names_are_found(data: bytes) -> None:
    """Every name in an object is in the text that is searched for names."""
    symbols, all_names = bytearray(), bytearray()
    names.add_symbol_names(symbols, data, 0, len(data))
    names.add_all_names(all_names, data, 0, len(data))
    assert max(len(symbols), len(all_names)) <= 2 * len(data)
    obj = reader.ObjectFile(data, "input.o")
    for name in (s.name for s in obj.symbols):
        assert name in symbols
    for name in (*(s.name for s in obj.symbols), *(s.name for s in obj.segments), *(s.name for s in obj.sections)):
        assert name in all_names
    if obj.is_relocatable:
        _searches_find_all(obj)


def _searches_find_all(obj: reader.ObjectFile) -> None:
    """What is searched for is what one finds who looks at each entry."""
    named = {segment.name for segment in obj.segments} - {b""}
    for wanted in (named, set(list(named)[:1])):
        assert [s.index for s in obj.segments_named(wanted)] == [s.index for s in obj.segments if s.name in wanted]
    for symbol in obj.symbols:
        needle = symbol.name[1:9]
        if needle:
            assert {s.index for s in obj.symbols_with((needle,))} >= {s.index for s in obj.symbols if needle in s.name}
            break
