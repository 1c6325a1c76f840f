"""Who refers to a symbol: which functions, and which statics, of which objects."""

from __future__ import annotations

from ldshim.explain.statics import text
from ldshim.wasm.format import SEC_CODE, SEC_DATA, SYMBOL_FUNCTION
from ldshim.wasm.reader import ObjectFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ldshim.inputs import InputFile, Unit

_TYPE_INDEX = 6  # R_WASM_TYPE_INDEX_LEB: its index is not that of a symbol


class User:
    """An object that refers to a symbol, and where; `function` and `static` are empty where it cannot be told (bitcode)."""

    __slots__ = ("function", "static", "unit")

    def __init__(self, unit: Unit, function: str = "", static: str = "") -> None:
        self.unit = unit
        self.function = function
        self.static = static


def users_of(files: list[InputFile], names: tuple[bytes, ...]) -> list[User]:
    """Who refers to one of the symbols `names`, in the order of the inputs."""
    found: list[User] = []
    for file in files:
        for unit in file.units_with(names):
            if unit.is_bitcode:
                facts = unit.bitcode
                if facts is not None and any(g.name in names and g.is_declaration for g in facts.globals):
                    found.append(User(unit))
            elif unit.object.is_relocatable and isinstance(unit.object, ObjectFile):
                found.extend(_in_object(unit, unit.object, names))
    return found


def _in_object(unit: Unit, obj: ObjectFile, names: tuple[bytes, ...]) -> list[User]:
    indexes = {symbol.index for symbol in obj.symbols if symbol.name in names}
    users: dict[tuple[str, str], User] = {}
    code, data = obj.section(SEC_CODE), obj.section(SEC_DATA)
    if code is not None:
        bodies = list(_bodies(obj))
        for relocation in obj.relocations(code.index):
            if relocation.index in indexes and relocation.type != _TYPE_INDEX:
                name = next((n for begin, end, n in bodies if begin <= relocation.offset + code.content < end), "")
                users.setdefault((name, ""), User(unit, function=name))
    if data is not None:
        for relocation in obj.relocations(data.index):
            if relocation.index in indexes:
                name = _static_at(obj, relocation.offset + data.content)
                users.setdefault(("", name), User(unit, static=name))
    return list(users.values())


def _bodies(obj: ObjectFile) -> Iterator[tuple[int, int, str]]:
    """Where each function begins and ends, and its name."""
    section = obj.section(SEC_CODE)
    if section is None:
        return
    names: dict[int, str] = {}
    for symbol in obj.symbols:
        if symbol.kind == SYMBOL_FUNCTION and not symbol.is_undefined:
            names.setdefault(symbol.element, text(symbol.name))
    cursor = obj.cursor(section)
    count = cursor.count()
    # Imported functions are numbered first.
    imported = [s.element for s in obj.symbols if s.kind == SYMBOL_FUNCTION and s.is_undefined]
    first = max(imported, default=-1) + 1
    for index in range(first, first + count):
        size = cursor.u32()
        begin = cursor.skip(size)
        yield begin, begin + size, names.get(index, "")


def _static_at(obj: ObjectFile, position: int) -> str:
    for segment in obj.segments:
        if segment.begin <= position < segment.end:
            at = position - segment.begin
            inside = [s for s in obj.symbols_of_segment(segment.index) if s.offset <= at]
            return text(max(inside, key=lambda s: s.offset).name) if inside else text(segment.name)
    return ""
