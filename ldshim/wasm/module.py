"""Reading a linked module: what is left of a program's data and functions, and what they are called.

A linked module has no symbol table and no relocations.  What it has: data segments with their places in memory, the table of functions
whose addresses were taken (the *element section* fills it), imports, exports, constant globals, and, unless it was stripped, a custom
section `name` with the names of functions, globals and data segments (the last two are of
https://github.com/WebAssembly/extended-name-section).

The same sections of a relocatable object can be read, too: the tables of functions and imports are alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldshim.wasm.cursor import Cursor
from ldshim.wasm.format import (
    EXTERNAL_FUNCTION,
    EXTERNAL_GLOBAL,
    EXTERNAL_MEMORY,
    EXTERNAL_TABLE,
    EXTERNAL_TAG,
    LIMITS_HAS_MAX,
    LIMITS_HAS_PAGE_SIZE,
    LIMITS_IS_64,
    OPCODE_END,
    OPCODE_I32_CONST,
    OPCODE_I64_CONST,
    SEC_CODE,
    SEC_DATA,
    SEC_IMPORT,
    SEGMENT_HAS_MEMINDEX,
    SEGMENT_IS_PASSIVE,
    SYMBOL_DATA,
)
from ldshim.wasm.leb128 import signed, unsigned

if TYPE_CHECKING:
    from ldshim.wasm.reader import ObjectFile

SEC_MEMORY, _SEC_GLOBAL, _SEC_EXPORT, _SEC_ELEMENT = 5, 6, 7, 9

# Subsections of `name`.
_FUNCTION_NAMES, _GLOBAL_NAMES, _DATA_NAMES = 1, 7, 9

_GLOBAL_GET, _REF_NULL, _REF_FUNC = 0x23, 0xD0, 0xD2
_ADD, _SUBTRACT, _MULTIPLY = (0x6A, 0x7C), (0x6B, 0x7D), (0x6C, 0x7E)
# lld/wasm/SyntheticSections.cpp, where it names globals.
_INTERNAL_GOT = b"GOT.data.internal."
_FLOATS = {0x43: 4, 0x44: 8}
_TYPED_REFERENCES = (0x63, 0x64)


class Global:
    """A global; `value` is None for one that is imported or that is no constant."""

    __slots__ = ("is_mutable", "name", "value")

    def __init__(self, name: bytes, *, is_mutable: bool, value: int | None) -> None:
        self.name = name
        self.is_mutable = is_mutable
        self.value = value


class DataSegment:
    """One data segment: its bytes are `data[begin:end]`.

    `address` is None where the module does not say it as a number: it is relative to the global `base`, or the segment is passive and
    no code was found that places it.
    """

    __slots__ = ("address", "base", "begin", "end", "index", "is_passive", "name")

    def __init__(self, index: int, begin: int, end: int, *, is_passive: bool) -> None:
        self.index = index
        self.begin = begin
        self.end = end
        self.is_passive = is_passive
        self.address: int | None = None
        self.base: bytes | None = None
        self.name = b""

    @property
    def size(self) -> int:
        return self.end - self.begin


class _Constant:
    """What a constant expression is: a number, on top of a global perhaps, or a function."""

    __slots__ = ("function", "global_", "number")

    def __init__(self, number: int = 0, global_: int | None = None, function: int | None = None) -> None:
        self.number = number
        self.global_ = global_
        self.function = function


class Module:
    """A linked module.  Raises `MalformedObject` for what does not hold together."""

    __slots__ = (
        "bodies",
        "data",
        "exports",
        "file",
        "function_names",
        "functions",
        "globals",
        "has_data_names",
        "has_names",
        "imported_functions",
        "imported_globals",
        "imports_memory",
        "is_64",
        "path",
        "relative_table",
        "segments",
        "table",
    )

    def __init__(self, file: ObjectFile) -> None:
        self.file = file
        self.data = file.data
        self.path = file.path
        self.is_64 = False
        self.imports_memory = False
        self.imported_functions = 0
        self.imported_globals = 0
        self.functions: dict[int, bytes] = {}  # names from imports and exports
        self.function_names: dict[int, bytes] = {}  # names from the section `name`
        self.globals: list[Global] = []
        self.exports: list[tuple[bytes, int, int]] = []  # name, kind, index
        self.segments: list[DataSegment] = []
        self.table: dict[int, int] = {}  # index in the first table -> function
        self.relative_table: dict[int, int] = {}  # the same for indexes that count from a global
        self.bodies: list[tuple[int, int]] = []  # where each function's body lies, in the order of the defined functions
        self.has_names = any(True for _ in file.custom_sections((b"name",)))
        self.has_data_names = False
        self._read()

    def function_name(self, function: int) -> bytes:
        """The name of a function; empty if nothing says it."""
        return self.function_names.get(function) or self.functions.get(function, b"")

    def symbols(self) -> dict[bytes, int]:
        """The addresses of data symbols that the module still has, and other constants that look like them.

        Exported symbols are constant globals; so are those that position-independent code in a module at a fixed address refers to, under
        another name (`GOT.data.internal.X`).  A module of --emit-relocs has a symbol table.
        """
        found = {}
        for name, kind, index in self.exports:
            if kind == EXTERNAL_GLOBAL and index < len(self.globals) and not self.globals[index].is_mutable:
                value = self.globals[index].value
                if value is not None:
                    found[name] = value
        for known in self.globals:
            if known.name.startswith(_INTERNAL_GOT) and known.value is not None:
                found.setdefault(known.name[len(_INTERNAL_GOT) :], known.value)
        for symbol in self.file.symbols:
            if symbol.kind == SYMBOL_DATA and symbol.element >= 0:
                address = self.segments[symbol.element].address
                if address is not None:
                    found.setdefault(symbol.name, address + symbol.offset)
        return found

    def _read(self) -> None:
        readers = {
            SEC_IMPORT: self._read_imports,
            SEC_MEMORY: self._read_memories,
            _SEC_GLOBAL: self._read_globals,
            _SEC_EXPORT: self._read_exports,
            _SEC_ELEMENT: self._read_elements,
            SEC_CODE: self._read_code,
            SEC_DATA: self._read_data,
        }
        for section in self.file.sections:
            if section.id in readers:
                cursor = self.file.cursor(section)
                readers[section.id](cursor)
                cursor.finish()
        for section in self.file.custom_sections((b"name",)):
            self._read_names(self.file.cursor(section))
        self._place_passive_segments()

    def _read_imports(self, cursor: Cursor) -> None:
        for _ in range(cursor.count()):
            cursor.name()
            field = cursor.name()
            kind = cursor.byte()
            if kind == EXTERNAL_FUNCTION:
                cursor.u32()
                self.functions[self.imported_functions] = field
                self.imported_functions += 1
            elif kind == EXTERNAL_TABLE:
                _type(cursor)
                _limits(cursor)
            elif kind == EXTERNAL_MEMORY:
                self.imports_memory = True
                self.is_64 = self.is_64 or bool(_limits(cursor) & LIMITS_IS_64)
            elif kind == EXTERNAL_GLOBAL:
                _type(cursor)
                self.globals.append(Global(field, is_mutable=bool(cursor.byte()), value=None))
                self.imported_globals += 1
            elif kind == EXTERNAL_TAG:
                cursor.byte()
                cursor.u32()
            else:
                raise cursor.fail(f"unknown import kind {kind}")

    def _read_memories(self, cursor: Cursor) -> None:
        for _ in range(cursor.count()):
            self.is_64 = self.is_64 or bool(_limits(cursor) & LIMITS_IS_64)

    def _read_globals(self, cursor: Cursor) -> None:
        for _ in range(cursor.count()):
            _type(cursor)
            is_mutable = bool(cursor.byte())
            constant = _constant(cursor)
            is_number = constant is not None and constant.global_ is None and constant.function is None
            value = constant.number if constant is not None and is_number else None
            self.globals.append(Global(b"", is_mutable=is_mutable, value=value))

    def _read_exports(self, cursor: Cursor) -> None:
        for _ in range(cursor.count()):
            name, kind, index = cursor.name(), cursor.byte(), cursor.u32()
            self.exports.append((name, kind, index))
            if kind == EXTERNAL_FUNCTION:
                self.functions.setdefault(index, name)

    def _read_elements(self, cursor: Cursor) -> None:
        """The eight forms of https://webassembly.github.io/spec/core/binary/modules.html#element-section."""
        for _ in range(cursor.count()):
            flags = cursor.u32()
            if flags > 7:
                raise cursor.fail(f"element segment flags {flags:#x}")
            is_active = not flags & 1
            table = cursor.u32() if is_active and flags & 2 else 0
            place = _constant(cursor) if is_active else None
            if flags & 3 and flags & 4:
                _type(cursor)
            elif flags & 3:
                cursor.byte()  # the kind: functions
            functions = [self._element(cursor, flags) for _ in range(cursor.count())]
            # Those of a position-independent module count from a global.
            if place is not None and table == 0:
                entries = self.table if place.global_ is None else self.relative_table
                entries.update((place.number + i, f) for i, f in enumerate(functions) if f is not None)

    def _element(self, cursor: Cursor, flags: int) -> int | None:
        if not flags & 4:
            return cursor.u32()
        constant = _constant(cursor)
        return constant.function if constant is not None else None

    def _read_code(self, cursor: Cursor) -> None:
        for _ in range(cursor.count()):
            begin = cursor.skip(cursor.uleb())
            self.bodies.append((begin, cursor.pos))

    def _read_data(self, cursor: Cursor) -> None:
        for index in range(cursor.count()):
            flags = cursor.u32()
            is_passive = bool(flags & SEGMENT_IS_PASSIVE)
            if flags & SEGMENT_HAS_MEMINDEX:
                cursor.u32()
            place = None if is_passive else _constant(cursor)
            begin = cursor.skip(cursor.uleb())
            segment = DataSegment(index, begin, cursor.pos, is_passive=is_passive)
            if place is not None and place.global_ is None:
                segment.address = place.number & (0xFFFFFFFFFFFFFFFF if self.is_64 else 0xFFFFFFFF)
            elif place is not None and place.global_ is not None and place.global_ < len(self.globals):
                segment.base = self.globals[place.global_].name
            self.segments.append(segment)

    def _read_names(self, cursor: Cursor) -> None:
        while cursor.pos < cursor.end:
            kind = cursor.byte()
            begin = cursor.skip(cursor.uleb())
            part = Cursor(self.data, begin, cursor.pos, cursor.context)
            if kind == _FUNCTION_NAMES:
                self.function_names.update(_name_map(part))
            elif kind == _GLOBAL_NAMES:
                for index, name in _name_map(part).items():
                    if index < len(self.globals):
                        self.globals[index].name = name
            elif kind == _DATA_NAMES:
                self.has_data_names = True
                for index, name in _name_map(part).items():
                    if index < len(self.segments):
                        self.segments[index].name = name

    def _place_passive_segments(self) -> None:
        """Find where passive segments go: lld writes `memory.init` with constants into `__wasm_init_memory`.

        (`Writer::createInitMemoryFunction` of lld/wasm/Writer.cpp.)  Destination, 0, size, segment: bytes that hardly mean anything else.
        """
        if any(known.name == b"__memory_base" for known in self.globals[: self.imported_globals]):
            return  # there it is not one constant
        address = bytes((OPCODE_I64_CONST if self.is_64 else OPCODE_I32_CONST,))
        number = bytes((OPCODE_I32_CONST,))
        for segment in self.segments:
            if not segment.is_passive or not segment.size:
                continue
            rest = number + b"\0" + number + signed(segment.size) + b"\xfc\x08" + unsigned(segment.index) + b"\0"
            found = {
                place
                for begin, end in self.bodies
                if (position := self.data.find(rest, begin, end)) >= 0
                and (place := self._number_before(position, begin, address)) is not None
            }
            if len(found) == 1:
                segment.address = found.pop()

    def _number_before(self, end: int, begin: int, opcode: bytes) -> int | None:
        """The number of a constant instruction that ends here; its opcode is the one before."""
        if self.data[end - 1] & 0x80:
            return None
        for start in range(end - 2, max(begin, end - 11) - 1, -1):
            if self.data[start : start + 1] == opcode and all(byte & 0x80 for byte in self.data[start + 1 : end - 1]):
                value = Cursor(self.data, start + 1, end, self.path).sleb()
                return value & (0xFFFFFFFFFFFFFFFF if self.is_64 else 0xFFFFFFFF)
        return None


def _name_map(cursor: Cursor) -> dict[int, bytes]:
    return {cursor.u32(): cursor.name() for _ in range(cursor.count())}


def _type(cursor: Cursor) -> None:
    if cursor.byte() in _TYPED_REFERENCES:
        cursor.sleb()


def _limits(cursor: Cursor) -> int:
    flags = cursor.u32()
    cursor.uleb()
    if flags & LIMITS_HAS_MAX:
        cursor.uleb()
    if flags & LIMITS_HAS_PAGE_SIZE:
        cursor.u32()
    return flags


def _constant(cursor: Cursor) -> _Constant | None:
    """A constant expression: one constant, or sums of some; None for one that is no address (a float, a null)."""
    stack: list[_Constant | None] = []
    while True:
        opcode = cursor.byte()
        if opcode == OPCODE_END:
            break
        if opcode in (OPCODE_I32_CONST, OPCODE_I64_CONST):
            stack.append(_Constant(cursor.sleb()))
        elif opcode == _GLOBAL_GET:
            stack.append(_Constant(global_=cursor.u32()))
        elif opcode == _REF_FUNC:
            stack.append(_Constant(function=cursor.u32()))
        elif opcode == _REF_NULL:
            cursor.sleb()
            stack.append(None)
        elif opcode in _FLOATS:
            cursor.skip(_FLOATS[opcode])
            stack.append(None)
        elif opcode in (*_ADD, *_SUBTRACT, *_MULTIPLY) and len(stack) >= 2:
            right, left = stack.pop(), stack.pop()
            stack.append(_combined(opcode, left, right))
        else:
            raise cursor.fail(f"opcode {opcode:#x} in a constant expression")
    return stack[-1] if stack else None


def _combined(opcode: int, left: _Constant | None, right: _Constant | None) -> _Constant | None:
    if left is None or right is None or (left.global_ is not None and right.global_ is not None):
        return None
    if opcode in _ADD:
        return _Constant(left.number + right.number, left.global_ if left.global_ is not None else right.global_)
    if left.global_ is not None or right.global_ is not None:
        return None
    return _Constant(left.number - right.number if opcode in _SUBTRACT else left.number * right.number)
