"""The map as text, for people and for `grep`: a line for each element."""

from __future__ import annotations

from ldshim.mapping.layout import COPY, NOT_LINKED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.mapping.layout import Absent, Element, Layout, Section, Source

_TITLES = ("address", "size", "name", "key", "input", "by")
_RIGHT = (True, True, False, False, False, False)
_KEY = _TITLES.index("key")


def to_text(layout: Layout) -> str:
    where = "relative to __memory_base" if layout.is_relative else "absolute"
    lines = [f"Named sections of {printable(layout.output)}; addresses are {where}."]
    if layout.note is not None:
        lines.append(f"Note: {layout.note}.")
    if not layout.sections:
        lines.append("There are none.")
    for section in layout.sections:
        lines += ["", *_section(section)]
    return "\n".join(lines) + "\n"


def summary(section: Section) -> str:
    """Where a section lies and what is in it, in a few words."""
    elements = _counted(len(section.elements), "element")
    if section.start is not None and section.stop is not None:
        padding = f" ({section.padding:,} of them padding)" if section.padding else ""
        return f"{elements}, {_counted(section.stop - section.start, 'byte')}{padding}, {section.start:#x} to {section.stop:#x}"
    if not section.elements:
        return "not in the module"
    size = _counted(sum(element.size for element in section.elements), "byte")
    return f"{elements}, {size}; nothing refers to its bounds" if section.elements[0].address is not None else f"{elements}, {size}"


def rules(source: Source | None) -> str:
    """What brought something in."""
    if source is None:
        return "bitcode"
    extra = [", bitcode"] if source.bitcode else []
    extra += [", extracted member"] if source.extracted else []
    return source.rule + "".join(extra)


def reason(absent: Absent) -> str:
    if absent.reason == COPY:
        return f"a copy; the one in {absent.kept} counts" if absent.kept is not None else "a copy"
    return "nothing refers to its archive member" if absent.reason == NOT_LINKED else "collected as garbage"


def printable(text: str) -> str:
    """Text from files that may not mean well: what is not printable is escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _section(section: Section) -> list[str]:
    of = f", the pointer table of {section.table_of}" if section.table_of is not None else ""
    rows = [_row(element) for element in section.elements]
    rows += [_absent_row(absent) for absent in section.absent]
    rows += [_declared_row(declaration) for declaration in section.declarations]
    return [f"section {section.name}{of}: {summary(section)}", *(_table([_TITLES, *rows]) if rows else ())]


def _row(element: Element) -> tuple[str, ...]:
    address = "unknown" if element.address is None else f"{element.address:#x}"
    came_from = "(LTO)" if element.source is None else printable(element.source.input)
    return address, str(element.size), printable(element.name) or "-", printable(element.key), came_from, rules(element.source)


def _absent_row(absent: Absent) -> tuple[str, ...]:
    by = f"{rules(absent.source)}; {printable(reason(absent))}"
    return "absent", str(absent.size), printable(absent.name) or "-", printable(absent.key), printable(absent.source.input), by


def _declared_row(declaration: Absent) -> tuple[str, ...]:
    return "declared", "", printable(declaration.name) or "-", "", printable(declaration.source.input), rules(declaration.source)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    shown = [column for column in range(len(_TITLES)) if column != _KEY or any(row[column] for row in rows[1:])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    lines = []
    for row in rows:
        cells = [row[column].rjust(widths[column]) if _RIGHT[column] else row[column].ljust(widths[column]) for column in shown]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines
