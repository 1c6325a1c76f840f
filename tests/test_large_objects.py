"""Objects of as many entries as there is room for: what they cost grows with their size, and no faster."""

from __future__ import annotations

import gc
import os
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from ldshim import command, inputs, rewrite, sections, survey
from ldshim.errors import LinkError
from ldshim.memory import Memory
from ldshim.wasm import writer
from ldshim.wasm.format import (
    COMDAT_INFO,
    MODULE_HEADER,
    NO_STRIP,
    SEC_DATA,
    SEC_IMPORT,
    SEGMENT_INFO,
    SYMBOL_TABLE,
    UNDEFINED,
)
from ldshim.wasm.leb128 import unsigned

if TYPE_CHECKING:
    from pathlib import Path

MANY = 50_000
# Not to be found in the objects: what is measured is reading, and not elements.
ASKS = writer.undefined_data_symbol(b"__start_elements", UNDEFINED)


def an_object(
    *,
    imports: list[bytes] | None = None,
    data: list[bytes] | None = None,
    infos: list[bytes] | None = None,
    symbols: list[bytes] | None = None,
    groups: list[bytes] | None = None,
    subsections: bytes = b"",
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """An object of these entries that asks for a section; `before` and `after` are sections before and behind `linking`."""
    linking = [unsigned(2)]
    for kind, entries in ((SEGMENT_INFO, infos), (SYMBOL_TABLE, [ASKS, *(symbols or [])]), (COMDAT_INFO, groups)):
        if entries is not None:
            linking.append(writer.subsection(kind, writer.vector(entries)))
    parts = [
        MODULE_HEADER,
        writer.section(SEC_IMPORT, writer.vector(imports)) if imports else b"",
        writer.section(SEC_DATA, writer.vector(data)) if data else b"",
        before,
        writer.custom_section(b"linking", b"".join(linking) + subsections),
        after,
    ]
    return b"".join(parts)


SEGMENT = b"\x01\x00"  # passive, and empty
SMALLEST = {
    "sections": an_object(before=b"\0\x01\0" * MANY),
    "segments": an_object(data=[SEGMENT] * MANY),
    "segments with names": an_object(data=[SEGMENT] * MANY, infos=[b"\0\0\0"] * MANY),
    "functions": an_object(symbols=[b"\0\0\0\0"] * MANY),
    "data symbols": an_object(data=[SEGMENT], symbols=[b"\1\0\0\0\0\0"] * MANY),
    "data symbols of segments": an_object(data=[SEGMENT] * MANY, symbols=[b"\1\0\0" + unsigned(i) + b"\0\0" for i in range(MANY)]),
    "groups": an_object(groups=[b"\0\0\0"] * MANY),
    "entries of a group": an_object(data=[SEGMENT], groups=[b"\1a\0" + writer.vector([b"\0\0"] * MANY)]),
    "subsections": an_object(subsections=b"\x7e\0" * MANY),
    "imports": an_object(imports=[b"\0\0\0\0"] * MANY),
    "imports with names": an_object(imports=[b"\0\2%c%c\0\0" % (97 + i % 26, 97 + i // 26 % 26) for i in range(MANY)]),
    "relocations": an_object(
        before=writer.custom_section(b"x", b"1234"), after=writer.custom_section(b"reloc.x", b"\0" + writer.vector([b"\0\0\0"] * MANY))
    ),
    "sections of relocations": an_object(after=writer.custom_section(b"reloc.", b"\0\0") * MANY),
}


def passes(path: Path) -> str:
    """What is done before the real linker runs; "refused" if it was."""
    parsed = command.parse(["--no-entry", str(path), "-o", "out.wasm"])
    workspace = rewrite.Workspace(os.environ)
    try:
        files = inputs.open_inputs(parsed, Memory({"LDSHIM_CACHE": "off"}, survey.NEEDLES))
        found = survey.survey(files, parsed)
        survey.collect(found, files)
        rewrite.rewrite(sections.make_plan(found, parsed), files, parsed, workspace)
        # Nobody asks for relocations and groups in such a link; whoever does is not to pay more.
        for unit in files[0].units_with([b"__start_elements"]):
            obj = unit.object
            list(map(len, (obj.relocations(i) for i in range(2))))
            obj.comdat_of(0, 0)
            obj.symbol_count(1)
    except LinkError:
        return "refused"
    finally:
        workspace.remove()
    return "planned"


@pytest.mark.parametrize("shape", SMALLEST)
def test_an_object_of_the_smallest_entries_takes_less_than_ten_times_its_size(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "many.o"
    path.write_bytes(SMALLEST[shape])
    size = path.stat().st_size
    assert size > 2 * MANY
    gc.collect()
    tracemalloc.start()
    try:
        assert passes(path) == "planned"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * size, f"{peak / size:.1f} times its size"


def test_statics_that_thousands_of_custom_sections_may_repeat(tmp_path: Path) -> None:
    count = 3000
    contents = [b"%08d" % i for i in range(count)]
    symbols = [writer.data_symbol(b"static%d" % i, NO_STRIP, i, 0, 8) for i in range(count)]
    path = tmp_path / "many.o"
    path.write_bytes(
        an_object(
            data=[writer.segment(content, is_64=False) for content in contents],
            infos=[writer.segment_info(b".rodata.%d" % i, 0, 0) for i in range(count)],
            symbols=symbols,
            before=b"".join(writer.custom_section(b"elements", content) for content in contents),
        )
    )
    begin = time.process_time()
    parsed = command.parse(["--no-entry", str(path), "-o", "out.wasm"])
    files = inputs.open_inputs(parsed, Memory({"LDSHIM_CACHE": "off"}, survey.NEEDLES))
    found = survey.survey(files, parsed)
    survey.collect(found, files)
    assert time.process_time() - begin < 5  # 13 seconds where each section looked at all of the object anew
    contributions = found.contributions[b"elements"]
    assert [c.kind for c in contributions] == [survey.PAIRED] * count
    assert sorted(c.index for c in contributions) == list(range(count))
