"""What ldshim adds to the real linker's messages: why nothing defines `__start_X`.

Imported only when a link fails, or when `--allow-undefined` turns the missing bounds into 0.
"""

from __future__ import annotations

import difflib

from ldshim.survey import NATIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.survey import Survey


def failure_hints(survey: Survey, messages: bytes) -> list[str]:
    """A line for each section whose bounds the linker's `messages` call undefined."""
    lines = []
    for section in survey.references:
        bounds = (b"__start_" + section, b"__stop_" + section)
        if any(b"undefined symbol: " + name + end in messages for name in bounds for end in (b"\n", b"\r")):
            lines.append(f"ldshim: note: {_why(survey, section)}")
    return lines


def missing_section_warning(section: bytes, user: str) -> str:
    """For a link that goes on without the section."""
    name = _text(section)
    return (
        f"ldshim: warning: {user} refers to section {name}, but no input has an element or a declaration of it: "
        f"__start_{name} and __stop_{name} are 0 (undefined symbols are allowed)"
    )


def _why(survey: Survey, section: bytes) -> str:
    name = _text(section)
    contributions = survey.contributions.get(section, [])
    lazy = [c.unit.name for c in contributions if not c.unit.certain]
    if lazy:
        return f"section {name} has elements in {', '.join(lazy)}, but nothing in the link refers to a symbol there"
    if any(c.kind == NATIVE for c in contributions):
        return f"section {name} has elements, but none is marked as used, so the linker collected them as garbage"
    near = difflib.get_close_matches(name, [_text(known) for known, found in survey.contributions.items() if found])
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"no input has an element or a declaration of section {name}{hint}"


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
