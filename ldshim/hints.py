"""What ldshim adds to the real linker's messages: why nothing defines `__start_X`, and which inputs are no objects for WebAssembly.

Imported only when a link fails, or when `--allow-undefined` turns missing bounds into 0.
"""

from __future__ import annotations

import difflib
import os

from ldshim.errors import LinkError, printable
from ldshim.foreign import explanations
from ldshim.markers import is_c_identifier
from ldshim.survey import BOUNDS, NATIVE
from ldshim.wasm.format import MAGIC, SEC_CUSTOM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ldshim.command import Command
    from ldshim.inputs import InputFile, Unit
    from ldshim.sections import Plan
    from ldshim.survey import Contribution, Survey

# How the linker says that a symbol is missing: for a reference, and for --export.
_MISSING = (b"undefined symbol: ", b"symbol exported via --export not found: ")
# Where compilers put what has no section of its own, and what no program names.
_ANONYMOUS = (".data", ".rodata", ".bss", ".tdata", ".tbss", ".init_array", ".debug", ".llvm", "reloc.")
_FORMAT = ("linking", "name", "producers", "target_features")
# How many files or names one note lists.
_MAX_LISTED = 5


def missing_sections(found: Survey, plan: Plan) -> list[str]:
    """Warnings for a link that goes on without sections, as undefined symbols are allowed."""
    missing = [r for r in plan.unfilled if r.certain and not found.contributions.get(r.section)]
    return [_missing_section(r.section, r.unit) for r in missing if r.unit is not None]


def _missing_section(section: bytes, unit: Unit) -> str:
    name = printable(section)
    return (
        f"{unit} refers to section {name}, but no input has an element or a declaration of it: "
        f"__start_{name} and __stop_{name} are 0 (undefined symbols are allowed)"
    )


def failure_notes(command: Command, files: list[InputFile], found: Survey, messages: bytes) -> list[str]:
    """What the linker, which failed with these `messages`, cannot know."""
    missing = _missing_names(messages)
    sections = [s for s in found.references if any(bound + s in missing for bound in BOUNDS)]
    notes = []
    if sections:
        names = _section_names(files)
        notes = [_why(found, section, names) for section in sections]
    return notes + explanations(command, files, messages)


def _missing_names(messages: bytes) -> set[bytes]:
    lines = messages.replace(b"\r", b"").split(b"\n")
    return {line.partition(what)[2] for line in lines for what in _MISSING if what in line}


def _why(found: Survey, section: bytes, names: dict[str, list[str]]) -> str:
    name = printable(section)
    contributions = found.contributions.get(section, [])
    lazy = [c for c in contributions if not c.unit.certain]
    if lazy:
        return (
            f"section {name} has elements in {_units(lazy)}, but nothing in the link refers to a symbol there; "
            "--whole-archive links all members, and marker symbols (ldshim.h has them) those with elements"
        )
    unused = [c for c in contributions if c.kind == NATIVE]
    if unused:
        return (
            f"section {name} has elements in {_units(unused)}, but none is marked as used, so the linker collected them as garbage; "
            "say __attribute__((used)), or #[used] in Rust"
        )
    return f"no input has an element or a declaration of section {name}{_near(name, found, names)}"


def _near(name: str, found: Survey, names: dict[str, list[str]]) -> str:
    """What the name may be a misspelling of."""
    known = {**names, **{printable(s): [c.unit.name for c in of] for s, of in found.contributions.items() if of}}
    known.pop(name, None)
    near = difflib.get_close_matches(name, known)
    # Differences that are small to a reader.
    near += [other for other in known if other not in near and _plain(other) == _plain(name)]
    if not near:
        return ""
    near = near[:3]
    where = _listed([unit for other in near for unit in known[other]])
    text = f"; did you mean {' or '.join(near)}? {'It is' if len(near) == 1 else 'They are'} in {where}"
    if not all(is_c_identifier(os.fsencode(other)) for other in near):
        text += "; only names that are C identifiers have bounds"
    return text


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _units(contributions: list[Contribution]) -> str:
    return _listed([c.unit.name for c in contributions])


def _listed(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    text = ", ".join(printable(name) for name in names[:_MAX_LISTED])
    return text if len(names) <= _MAX_LISTED else f"{text} and {len(names) - _MAX_LISTED} more"


# What sections the inputs have at all


def _section_names(files: list[InputFile]) -> dict[str, list[str]]:
    """Names of segments and custom sections that somebody has chosen, and the objects that have them."""
    names: dict[str, list[str]] = {}
    for file in files:
        for unit in _units_of(file):
            for name in dict.fromkeys(_names_in(unit)):
                if not name.startswith(_ANONYMOUS) and name not in _FORMAT:
                    names.setdefault(name, []).append(unit.name)
    return names


def _units_of(file: InputFile) -> Iterator[Unit]:
    try:
        if file.is_archive:
            yield from (file.unit(member) for member in file.members)
        else:
            yield from file.units_with((b"",))
    except LinkError:
        return  # damaged: the linker has complained, or nothing needs it


def _names_in(unit: Unit) -> Iterator[str]:
    try:
        if unit.is_bitcode:
            yield from (printable(known.section) for known in (unit.bitcode.globals if unit.bitcode else ()) if known.section)
        elif unit.data[:4] == MAGIC:
            yield from (printable(segment.name) for segment in unit.object.segments)
            yield from (printable(section.name) for section in unit.object.sections if section.id == SEC_CUSTOM)
    except LinkError:
        return
