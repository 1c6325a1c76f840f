"""The facts for people: tables with colours and in the width that a terminal has, and plain text elsewhere."""

from __future__ import annotations

import shutil
import unicodedata

from ldshim.inspect.names import is_demangler_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TextIO

    from ldshim.inspect.facts import Element, File, Linked, LinkedSection, Member, Reading, Relocation, Report, Section, Slice

_BOLD, _DIM, _GREEN, _YELLOW, _CYAN = "1", "2", "32", "33", "36"
# A dump of more is for --json.
_ROWS_OF_BYTES, _ROWS_OF_READINGS = 16, 40
# Columns narrower than this are not made narrower still.
_LEAST = 16


class Style:
    """Whether to colour, and how wide lines may be (None: as wide as they are)."""

    __slots__ = ("is_coloured", "width")

    def __init__(self, *, is_coloured: bool, width: int | None) -> None:
        self.is_coloured = is_coloured
        self.width = width

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str]) -> Style:
        """What fits a stream; https://no-color.org and https://force-color.org say what users can set."""
        is_terminal = stream.isatty()
        is_coloured = is_terminal and environ.get("TERM") != "dumb"
        if environ.get("FORCE_COLOR"):
            is_coloured = True
        if environ.get("NO_COLOR"):
            is_coloured = False
        return cls(is_coloured=is_coloured, width=shutil.get_terminal_size().columns if is_terminal else None)

    def paint(self, text: str, *codes: str) -> str:
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.is_coloured and codes and text else text


class _Cell:
    """A piece of text in a table; `codes` are its colours."""

    __slots__ = ("codes", "text", "to_the_right")

    def __init__(self, text: str, *codes: str, to_the_right: bool = False) -> None:
        self.text = text
        self.codes = codes
        self.to_the_right = to_the_right


def render(report: Report, style: Style, shown: str | None, *, with_relocations: bool) -> str:
    """All files, as text; `shown` is the one section that was asked for, if one was."""
    blocks = ["\n".join(_file(file, style, shown, with_relocations=with_relocations)) for file in report.files]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _file(file: File, style: Style, shown: str | None, *, with_relocations: bool) -> Iterator[str]:
    yield style.paint(file.path, _BOLD) + ": " + _description(file)
    if not file.has_sections:
        what = "named sections" if shown is None else f"section {shown}"
        yield f"  no {what}" + (" that could be told from other data" if file.format == "module" else "")
    for section in file.sections:
        yield ""
        yield from _section(section, style)
    for member in file.members:
        if member.linked is not None:
            yield from _linked(member.linked, f" in {member.name}" if member.name else "", style)
    if shown is None:
        yield from _rest(file, style)
    if with_relocations:
        for member in file.members:
            yield from _all_relocations(member, style)
    notes = list(file.notes)
    if not is_demangler_here() and any(_is_mangled(name) for name in _shown_names(file)):
        notes.append("names are mangled: pip install 'ldshim[inspect]'")
    if notes:
        yield ""
    for note in notes:
        yield from _wrapped("note: " + note, style)


def _description(file: File) -> str:
    parts = [{"module": "linked module", "bitcode": "LLVM bitcode"}.get(file.format, file.format)]
    if file.members and file.members[0].name is not None:
        formats = [member.format for member in file.members]
        titles = {"bitcode": "bitcode file", "other": "other file"}
        listed = [_counted(formats.count(kind), titles.get(kind, kind)) for kind in dict.fromkeys(formats)]
        parts[0] += " of " + ", ".join(listed)
    producers = {member.producer: None for member in file.members if member.producer}
    parts += [producer.replace("LLVM", "LLVM ", 1) for producer in producers]
    if file.architecture:
        parts.append(file.architecture)
    return ", ".join(parts)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


# Sections of objects.


def _section(section: Section, style: Style) -> Iterator[str]:
    yield "section " + _section_name(section, style) + ": " + ", ".join(_summary(section))
    yield from _references(section, style)
    for declaration in section.declarations:
        where = f" in {declaration.member}" if declaration.member else ""
        name = f", {declaration.name}" if declaration.name and declaration.name != "declaration" else ""
        yield f"  declared{where}{name}: may be empty"
    if section.elements:
        yield from _elements(section.elements, style)


def _references(section: Section, style: Style) -> Iterator[str]:
    """Who reads the section; readers need both bounds, so one that has only one is worth a word."""
    symbols: dict[tuple[str | None, str, bool], list[str]] = {}
    for reference in section.references:
        for user in reference.users or [""]:
            symbols.setdefault((reference.member, user, reference.weak), []).append(reference.symbol)
    for (member, user, is_weak), bounds in symbols.items():
        rest = f" in {member}" if member else ""
        rest += f", {bounds[0].removesuffix(section.name).rstrip('_')} only" if len(bounds) == 1 else ""
        rest += ", weakly" if is_weak else ""
        yield _clipped("  read by ", [_Cell(user or "code", _GREEN), _Cell(rest)], style)


def _section_name(section: Section | LinkedSection, style: Style) -> str:
    name = style.paint(section.label, _BOLD)
    return name + style.paint(f" (linkme, {section.hash})", _DIM) if section.hash else name


def _summary(section: Section) -> Iterator[str]:
    count = len(section.elements)
    if not count:
        yield "no elements here"
        return
    yield _counted(count, "element")
    if section.size is not None:
        yield _counted(section.size, "byte")


def _elements(elements: list[Element], style: Style) -> Iterator[str]:
    columns = ["ELEMENT", "SIZE", "ALIGN", "KEY", "KIND", "FLAGS", "FROM"]
    rows = []
    for element in elements:
        name = element.name or "(no name)"
        if element.aliases:
            name += " = " + ", ".join(element.aliases)
        rows.append(
            [
                _Cell(name) if element.name else _Cell(name, _DIM),
                _Cell("?" if element.size is None else str(element.size), to_the_right=True),
                _Cell("?" if element.alignment is None else str(element.alignment), to_the_right=True),
                _Cell(element.key or "", _YELLOW),
                _Cell(element.kind, _DIM),
                _Cell(", ".join(_flags(element)), _DIM),
                _Cell(element.crate or element.member or ""),
            ]
        )
    lines = list(_table(columns, rows, style))
    yield lines[0]
    for element, line in zip(elements, lines[1:], strict=True):
        yield line
        for pointer in element.pointers or ():
            yield _clipped(*_pointer(pointer), style)


def _flags(element: Element) -> Iterator[str]:
    if element.used:
        yield "used"
    if element.hidden:
        yield "hidden"
    if element.binding in ("weak", "local"):
        yield element.binding
    if element.thread_local:
        yield "thread-local"
    if element.comdat is not None:
        yield "comdat"


def _pointer(pointer: Relocation) -> tuple[str, list[_Cell]]:
    return f"      +{pointer.offset:<4} ", _target(pointer)


def _target(pointer: Relocation) -> list[_Cell]:
    addend = f"{pointer.addend:+}" if pointer.addend else ""
    is_function = pointer.type.startswith(("TABLE_INDEX", "FUNCTION"))
    name = (pointer.name or "") + addend
    if is_function:
        return [_Cell("function ", _DIM), _Cell(name, _GREEN)]
    if pointer.text is not None:
        return [_Cell(f'"{pointer.text}"', _CYAN), _Cell(f" in {name}", _DIM)]
    return [_Cell(name)]


# Linked modules.


def _linked(linked: Linked, where: str, style: Style) -> Iterator[str]:
    for section in linked.sections:
        yield ""
        yield from _linked_section(section, where, style)
    if linked.other_segments and not linked.sections and not where:
        listed = [f"{s.name or f'#{s.segment}'} {_address(s.address)}, {_counted(s.size, 'byte')}" for s in linked.other_segments]
        yield from _wrapped("  data segments: " + "; ".join(listed), style)


def _linked_section(section: LinkedSection, where: str, style: Style) -> Iterator[str]:
    yield "section " + _section_name(section, style) + f"{where}: {_counted(section.size, 'byte')}{_extent(section)}"
    for part in section.slices:
        key = f", key {part.key}" if part.key else ""
        where = f" at {_address(part.address)}" if part.address is not None else ""
        name = f" {part.name}" if part.name else ""
        passive = ", passive" if part.passive else ""
        yield f"  segment {part.segment}{name}{where}, {_counted(part.size, 'byte')}{key}{passive}"
        yield from _bytes(part, style)
        yield from _places_and_readings(part, style)


def _extent(section: LinkedSection) -> str:
    if section.bounds_from == "symbols":
        return f" from {_address(section.start)} to {_address(section.stop)}"
    return f", up to {_address(section.stop)}" if section.stop is not None else ""


def _bytes(part: Slice, style: Style) -> Iterator[str]:
    content = bytes.fromhex(part.bytes)
    rows = [content[i : i + 16] for i in range(0, len(content), 16)]
    shown = 0
    previous = b""
    is_repeated = False
    for number, row in enumerate(rows):
        if row == previous and number + 1 < len(rows):
            if not is_repeated:
                yield "    *"
            is_repeated = True
            continue
        if shown == _ROWS_OF_BYTES:
            yield f"    {len(content) - 16 * number} more bytes: --json has them"
            return
        previous, is_repeated, shown = row, False, shown + 1
        groups = " ".join(row[i : i + 4].hex(" ") + " " for i in range(0, len(row), 4)).rstrip()
        printable = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        place = f"{part.address + 16 * number:#x}" if part.address is not None else f"+{16 * number:#x}"
        yield f"    {place:<8}  {groups:<50}  " + style.paint(printable, _DIM)


def _places_and_readings(part: Slice, style: Style) -> Iterator[str]:
    lines: list[tuple[int, list[_Cell]]] = [(place.offset, [_Cell("is ", _DIM), _Cell(place.name)]) for place in part.places]
    runs: list[tuple[Reading, int]] = []  # with how many alike follow each other
    for reading in part.readings:
        last, count = runs[-1] if runs else (None, 0)
        if last is not None and (last.guess, last.name, last.text) == (reading.guess, reading.name, reading.text):
            runs[-1] = (last, count + 1)
        else:
            runs.append((reading, 1))
    lines += [(reading.offset, list(_reading(reading, count))) for reading, count in runs]
    lines.sort(key=lambda line: line[0])
    for offset, cells in lines[:_ROWS_OF_READINGS]:
        yield _clipped(f"      +{offset:<4} ", cells, style)
    if len(lines) > _ROWS_OF_READINGS:
        yield f"      {len(lines) - _ROWS_OF_READINGS} more words like these: --json has them"


def _reading(reading: Reading, count: int) -> Iterator[_Cell]:
    is_function = reading.guess == "function"
    yield _Cell("perhaps function " if is_function else "perhaps ", _DIM)
    yield _Cell(reading.name, *([_GREEN] if is_function else []))
    if reading.text is not None:
        yield _Cell(" ")
        yield _Cell(f'"{reading.text}"', _CYAN)
    if count > 1:
        yield _Cell(f", {count} times", _DIM)


def _address(address: int | None) -> str:
    return "at an unknown address" if address is None else f"{address:#x}"


# The rest.


def _rest(file: File, style: Style) -> Iterator[str]:
    custom: dict[str, tuple[int, int]] = {}
    types: dict[str, dict[str, int]] = {}
    for member in file.members:
        for section in member.custom_sections:
            count, size = custom.get(section.name, (0, 0))
            custom[section.name] = (count + 1, size + section.size)
        for relocated in member.relocations:
            counts = types.setdefault(relocated.section, {})
            for kind, number in relocated.types.items():
                counts[kind] = counts.get(kind, 0) + number
    if custom or types:
        yield ""
    if custom:
        listed = [f"{name} {_counted(size, 'byte')}" + (f" in {count}" if count > 1 else "") for name, (count, size) in custom.items()]
        yield from _wrapped("custom sections: " + ", ".join(listed), style)
    for section_name, counts in types.items():
        listed = [f"{number} {kind}" for kind, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
        yield from _wrapped(f"relocations of {section_name}: " + ", ".join(listed), style)


def _all_relocations(member: Member, style: Style) -> Iterator[str]:
    for relocated in member.relocations:
        yield ""
        yield f"relocations of {relocated.section}" + (f" in {member.name}" if member.name else "")
        for entry in relocated.entries or ():
            yield _clipped(f"  {entry.offset:#8x}  {entry.type:<22} ", _target(entry), style)


# Lines.


def _table(titles: list[str], rows: list[list[_Cell]], style: Style) -> Iterator[str]:
    """A table; columns with nothing in them are left out, and the last and the first one are cut where lines would be too long."""
    used = [i for i in range(len(titles)) if any(row[i].text for row in rows)]
    widths = {i: max(_width(titles[i]), *(_width(row[i].text) for row in rows)) for i in used}
    if style.width is not None:
        excess = 2 + sum(widths.values()) + 2 * (len(used) - 1) - style.width
        for i in (len(titles) - 1, 0):
            if i not in widths:
                continue
            narrower = max(min(widths[i], _LEAST), widths[i] - max(excess, 0))
            excess -= widths[i] - narrower
            widths[i] = narrower
    header = [_Cell(titles[i], _DIM, to_the_right=any(row[i].to_the_right for row in rows)) for i in used]
    for cells in (header, *([row[i] for i in used] for row in rows)):
        parts = []
        for i, cell in zip(used, cells, strict=True):
            text = _cut(cell.text, widths[i])
            gap = " " * (widths[i] - _width(text))
            painted = style.paint(text, *cell.codes)
            parts.append(gap + painted if cell.to_the_right else painted + ("" if i == used[-1] else gap))
        yield ("  " + "  ".join(parts)).rstrip()


def _clipped(start: str, cells: Iterable[_Cell], style: Style) -> str:
    """A line of cells, cut where the terminal ends."""
    left = style.width - _width(start) if style.width is not None else None
    parts = [start]
    for cell in cells:
        text = cell.text if left is None else _cut(cell.text, max(left, 1))
        parts.append(style.paint(text, *cell.codes))
        if left is not None:
            left -= _width(text)
            if left <= 0:
                break
    return "".join(parts).rstrip()


def _wrapped(text: str, style: Style) -> Iterator[str]:
    """Text over as many lines as it takes; one line where nothing limits it."""
    if style.width is None:
        yield text
        return
    line = ""
    for word in text.split(" "):
        if line and _width(line) + 1 + _width(word) > style.width:
            yield line
            line = "  " + word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _cut(text: str, width: int) -> str:
    """The text, its middle left out if it is wider: names differ at their ends."""
    if _width(text) <= width:
        return text
    head, tail = "", ""
    while _width(head) + _width(tail) + 1 < width:
        if len(head) <= len(tail):
            head += text[len(head)]
        else:
            tail = text[-len(tail) - 1] + tail
    while _width(head) + _width(tail) + 1 > width and (head or tail):
        head, tail = (head[:-1], tail) if head else (head, tail[1:])
    return f"{head}…{tail}"


def _width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _is_mangled(name: str | None) -> bool:
    return name is not None and name.startswith(("_R", "_Z"))


def _shown_names(file: File) -> Iterator[str | None]:
    for section in file.sections:
        for element in section.elements:
            yield element.name
            for pointer in element.pointers or ():
                yield pointer.name
    for member in file.members:
        for linked in member.linked.sections if member.linked is not None else ():
            for part in linked.slices:
                for reading in part.readings:
                    yield reading.name
