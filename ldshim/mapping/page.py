"""The map as one HTML page that needs nothing else: `page.html` with the data of the JSON form in it."""

from __future__ import annotations

import html
import json
import pkgutil

from ldshim.mapping.data import as_data
from ldshim.mapping.text import printable, reason, rules, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ldshim.mapping.layout import Layout, Section


def to_html(layout: Layout) -> str:
    page = pkgutil.get_data(__name__, "page.html")  # the package may be in a zip (scripts/pyz)
    assert page is not None  # noqa: S101 - only loaders that have no data return None
    before, after = page.decode("utf-8").split("__DATA__")
    # `</script>` in a name must not end the data.
    data = json.dumps(_as_data(layout), separators=(",", ":")).replace("<", "\\u003c")
    return before.replace("__TITLE__", html.escape(printable(layout.output))) + data + after


def _as_data(layout: Layout) -> dict[str, Any]:
    """The data with what the page shows of it in words, so that it says the same as the text."""
    data = as_data(layout)
    for section, shown in zip(layout.sections, data["sections"], strict=True):
        shown["summary"] = summary(section)
        _describe(section, shown)
    return data


def _describe(section: Section, shown: dict[str, Any]) -> None:
    for element, item in zip(section.elements, shown["elements"], strict=True):
        item["by"] = rules(element.source)
    for absent, item in zip(section.absent, shown["absent"], strict=True):
        item["by"] = rules(absent.source)
        item["why"] = reason(absent)
    for declaration, item in zip(section.declarations, shown["declarations"], strict=True):
        item["by"] = rules(declaration.source)
