"""The map as JSON; `docs/map.md` describes the shape."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ldshim.mapping.layout import Absent, Element, Layout, Section, Source

VERSION = 1


def to_json(layout: Layout) -> str:
    return json.dumps(as_data(layout), indent=1) + "\n"


def as_data(layout: Layout) -> dict[str, Any]:
    return {
        "version": VERSION,
        "output": layout.output,
        "addresses": "relative to __memory_base" if layout.is_relative else "absolute",
        "note": layout.note,
        "sections": [_section(section) for section in layout.sections],
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "name": section.name,
        "start": section.start,
        "stop": section.stop,
        "size": section.size,
        "padding": section.padding,
        "table_of": section.table_of,
        "elements": [_element(element) for element in section.elements],
        "absent": [{"reason": absent.reason, "kept": absent.kept, **_named(absent)} for absent in section.absent],
        "declarations": [_named(declaration) for declaration in section.declarations],
    }


def _element(element: Element) -> dict[str, Any]:
    return {"address": element.address, **_named(element)}


def _named(item: Element | Absent) -> dict[str, Any]:
    return {"size": item.size, "name": item.name, "symbols": item.symbols, "key": item.key, **_source(item.source)}


def _source(source: Source | None) -> dict[str, Any]:
    if source is None:
        return {"file": None, "member": None, "rule": None, "bitcode": True, "extracted": False}
    return {
        "file": source.file,
        "member": source.member,
        "rule": source.rule,
        "bitcode": source.bitcode,
        "extracted": source.extracted,
    }
