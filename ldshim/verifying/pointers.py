"""Following relocations: what each pointer of an element has to be, and what it is."""

from __future__ import annotations

from ldshim.errors import printable
from ldshim.trace import trace
from ldshim.verifying.expected import bounded
from ldshim.wasm.format import (
    R_FUNCTION_OFFSET_I32,
    R_FUNCTION_OFFSET_I64,
    R_MEMORY_ADDR_I32,
    R_MEMORY_ADDR_I64,
    R_SECTION_OFFSET_I32,
    R_TABLE_INDEX_I32,
    R_TABLE_INDEX_I64,
    SYMBOL_DATA,
    SYMBOL_FUNCTION,
    SYMBOL_SECTION,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ldshim.verifying.actual import Output, Value
    from ldshim.verifying.expected import CarefulObject, Element, Source
    from ldshim.wasm.entries import Relocation, Symbol

_CODE = (R_TABLE_INDEX_I32, R_TABLE_INDEX_I64, R_FUNCTION_OFFSET_I32, R_FUNCTION_OFFSET_I64)
_MEMORY = (R_MEMORY_ADDR_I32, R_MEMORY_ADDR_I64)
_WIDE = (R_MEMORY_ADDR_I64, R_TABLE_INDEX_I64, R_FUNCTION_OFFSET_I64)
_MEMORY_BASE = b"__memory_base"


class Pointers:
    """What knows where everything is.  `sections` are the places of custom sections, `bounds` those of the checked sections."""

    def __init__(self, output: Output, sections: Mapping[tuple[bytes, int], int], bounds: Mapping[bytes, int]) -> None:
        self.output = output
        self.sections = sections
        self.bounds = bounds

    def problem(self, element: Element, relocation: Relocation, address: int) -> str | None:
        """What is wrong with the pointer that a relocation of `element` is to write at `address`."""
        obj = element.source.open()
        value = self.output.pointer(address, width(relocation))
        symbol = obj.symbols[relocation.index] if relocation.index < len(obj.symbols) else None
        if value is None or symbol is None:
            return f"there is no pointer at {address:#x}"
        if relocation.type in _CODE and symbol.kind == SYMBOL_FUNCTION:
            return self._function_problem(element.source, symbol, value)
        if relocation.type == R_SECTION_OFFSET_I32 and symbol.kind == SYMBOL_SECTION:
            place = self.sections.get((element.source.name, symbol.element))
            if place is None:
                return None  # `sections` has said that the section is not there
            return self._address_problem(symbol, value, {place + relocation.addend}, f"section {symbol.element}")
        if relocation.type in _MEMORY and symbol.kind == SYMBOL_DATA:
            return self._data_problem(element.source, obj, symbol, relocation.addend, value)
        trace.say(f"verify: not checked: {relocation.type_name} in {element}")
        return None

    # Functions

    def _function_problem(self, source: Source, symbol: Symbol, value: Value) -> str | None:
        expected = self._functions(source, symbol)
        name = printable(symbol.name)
        if value[0] not in (None, b"__table_base"):
            base = (value[0] or b"").removeprefix(b"GOT.func.internal.")
            return None if base == symbol.name else f"the pointer to {name} counts from {printable(base)}"
        if value[1] == 0 and value[0] is None:
            return None if symbol.is_weak and symbol.is_undefined else f"the pointer to {name} is null"
        function = self.output.function(value)
        if function is None:
            return f"the pointer to {name} is {value[1]}, and there is nothing in the table"
        if not expected:
            return self._unplaced_problem(symbol, function)
        if function in expected:
            return None
        found = printable(self.output.module.function_name(function))
        return f"the pointer to {name} is function {function} {found}, expected {_listed(expected)}"

    def _functions(self, source: Source, symbol: Symbol) -> set[int]:
        """The functions that a symbol can mean, by their numbers in the module."""
        if not symbol.is_undefined:
            mine = self.output.functions.get((source.name, symbol.name))
            if mine:
                return mine
            for other in source.open().symbols:  # several can be of one function
                if other.kind == SYMBOL_FUNCTION and other.element == symbol.element and not other.is_undefined:
                    mine = self.output.functions.get((source.name, other.name))
                    if mine:
                        return mine
            if symbol.is_local:
                return set()
        return self.output.functions_named.get(symbol.name, set())

    def _unplaced_problem(self, symbol: Symbol, function: int) -> str | None:
        """An import, or something that lld made in place of a function that there is not."""
        module = self.output.module
        name = module.function_name(function)
        if function < module.imported_functions or name.endswith((b":" + symbol.name, symbol.name)):
            return None
        if not module.function_names or b"(" in name:  # stripped, or demangled
            trace.say(f"verify: not checked: the pointer to {printable(symbol.name)}")
            return None
        return f"the pointer to {printable(symbol.name)} is function {function} {printable(name)}"

    # Data

    def _data_problem(self, source: Source, obj: CarefulObject, symbol: Symbol, addend: int, value: Value) -> str | None:
        base, number = value
        name = printable(symbol.name)
        if base not in (None, _MEMORY_BASE):
            other = (base or b"").removeprefix(b"GOT.data.internal.")
            return None if other == symbol.name and number == addend else f"the pointer to {name} is {printable(other)} + {number}"
        section = bounded(symbol.name)
        if section and symbol.name in self.bounds:
            return self._address_problem(symbol, value, {self.bounds[symbol.name] + addend}, name)
        places = self._places(source, symbol)
        if places:
            problem = self._address_problem(symbol, value, {place + addend for place in places}, name)
        elif symbol.is_undefined and symbol.is_weak and number == addend:
            return None
        elif symbol.element < 0:
            trace.say(f"verify: not checked: the address of {name}, which lld's map does not have")
            return None
        else:
            problem = None
        if problem is None and symbol.element >= 0 and (symbol.is_local or not symbol.is_weak) and obj.comdat_of(0, symbol.element) is None:
            return self._content_problem(obj, symbol, number - addend)
        return problem

    def _places(self, source: Source, symbol: Symbol) -> set[int]:
        if not symbol.is_undefined:
            mine = self.output.symbols.get((source.name, symbol.name))
            if mine or symbol.is_local:
                return mine or set()
        return self.output.addresses.get(symbol.name, set())

    def _content_problem(self, obj: CarefulObject, symbol: Symbol, address: int) -> str | None:
        """Compare what a pointer points to, outside its own pointers."""
        segment = obj.segments[symbol.element]
        size = min(symbol.size, segment.size - symbol.offset)
        expected = obj.data[segment.begin + symbol.offset : segment.begin + symbol.offset + size]
        found = self.output.read(address, size)
        if found is None:
            return (
                None
                if not expected.strip(b"\0")
                else f"the pointer to {printable(symbol.name)} is {address:#x}, outside of the module's data"
            )
        inside = [r for r in obj.relocations_of_segment(symbol.element) if symbol.offset <= r.offset < symbol.offset + size]
        if differs(expected, found, inside, symbol.offset):
            return f"the pointer to {printable(symbol.name)} is {address:#x}, and something else is there"
        return None

    def _address_problem(self, symbol: Symbol, value: Value, expected: set[int], name: str) -> str | None:
        mask = (1 << 8 * self.output.width) - 1
        if value[1] & mask in {place & mask for place in expected}:
            return None
        return f"the pointer to {name or printable(symbol.name)} is {value[1]:#x}, expected {_listed(expected, hexadecimal=True)}"


def width(relocation: Relocation) -> int:
    return 8 if relocation.type in _WIDE else 4


def differs(expected: bytes, found: bytes, relocations: Iterable[Relocation], begin: int = 0) -> bool:
    """Whether bytes differ that no relocation writes; the relocations' offsets count from `begin` bytes before them."""
    if expected == found:
        return False
    left, right = bytearray(expected), bytearray(found)
    for relocation in relocations:
        at = relocation.offset - begin
        for data in (left, right):
            data[at : at + width(relocation)] = bytes(len(data[at : at + width(relocation)]))
    return left != right


def _listed(numbers: Iterable[int], *, hexadecimal: bool = False) -> str:
    return " or ".join(f"{number:#x}" if hexadecimal else str(number) for number in sorted(numbers))
