"""What is in the module: its memory, its table and its functions, and where lld says that each input went."""

from __future__ import annotations

import bisect

from ldshim.rewrite import ANCHOR_NAME
from ldshim.wasm.cursor import Cursor
from ldshim.wasm.format import OPCODE_END, OPCODE_I32_CONST, OPCODE_I64_CONST, SEC_CODE
from ldshim.wasm.module import Module
from ldshim.wasm.reader import ObjectFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.mapping.linker_map import Chunk, LinkerMap

ANCHORS = ANCHOR_NAME.encode()
_MARK = b"__ldshim$"
_GLOBAL_GET, _I32_STORE, _I64_STORE = 0x23, 0x36, 0x37
_ADD = (0x6A, 0x7C)
_APPLY_RELOCATIONS = b"__wasm_apply_data_relocs"

# A number that counts from the global of that name; None: from nothing.
Value = tuple[bytes | None, int]


class Output:
    """The linked module."""

    def __init__(self, module: Module, linker_map: LinkerMap) -> None:
        self.module = module
        self.map = linker_map
        self.chunks: dict[bytes, list[tuple[bytes, Chunk]]] = {}  # section -> file and chunk
        self.symbols: dict[tuple[bytes, bytes], set[int]] = {}  # file and symbol -> addresses
        self.addresses: dict[bytes, set[int]] = {}  # symbol -> addresses
        self.segments: dict[tuple[bytes, bytes], list[Chunk]] = {}  # file and name of segment
        for chunk in linker_map.chunks:
            file, name = split(chunk.text)
            section = name[len(_MARK) :].partition(b"$")[0] if name.startswith(_MARK) else name
            self.chunks.setdefault(section, []).append((file, chunk))
            self.segments.setdefault((file, name), []).append(chunk)
            for symbol in chunk.symbols:
                self.symbols.setdefault((file, symbol.name), set()).add(symbol.address)
                self.addresses.setdefault(symbol.name, set()).add(symbol.address)
        self.functions: dict[tuple[bytes, bytes], set[int]] = {}
        self.functions_named: dict[bytes, set[int]] = {}
        begins = [begin for begin, _ in module.bodies]
        code = module.file.section(SEC_CODE)
        header = code.content - code.start if code is not None else 0
        for text, offset, _, names in linker_map.bodies:
            # lld forgets the header of the section; the place is that of the size in front of the body.
            place = offset + header
            number = bisect.bisect_right(begins, place)
            if number < len(begins) and begins[number] <= place + 5:
                file, name = split(text)
                for known in {name, *names}:
                    self.functions.setdefault((file, known), set()).add(module.imported_functions + number)
                    self.functions_named.setdefault(known, set()).add(module.imported_functions + number)
        self._relocations = _relocations(module)
        self._places: list[tuple[int, int, int]] = []  # address, begin and end of the bytes
        for segment in module.segments:
            if segment.address is not None or segment.base:
                self._places.append((segment.address or 0, segment.begin, segment.end))
        self._places.sort()

    @property
    def width(self) -> int:
        return 8 if self.module.is_64 else 4

    def read(self, address: int, size: int) -> bytes | None:
        """Bytes of memory, as the module fills it; None if no data segment does."""
        number = bisect.bisect_right(self._places, (address, 1 << 62, 0)) - 1
        while number >= 0:
            place, begin, end = self._places[number]
            if address + size <= place + end - begin:
                return self.module.data[begin + address - place : begin + address - place + size]
            if place + end - begin > place:
                break
            number -= 1
        return None

    def pointer(self, address: int, width: int) -> Value | None:
        """What the pointer at this address is, when the module has started."""
        if address in self._relocations:
            return self._relocations[address]
        content = self.read(address, width)
        return (None, int.from_bytes(content, "little")) if content is not None else None

    def function(self, value: Value) -> int | None:
        """The function that a pointer means."""
        base, index = value
        return (self.module.table if base is None else self.module.relative_table).get(index)

    def bound(self, name: bytes) -> int | None:
        """The address of a bound that an object of the link defines, which is the one that ldshim adds, or the user's."""
        return next(iter(self.addresses.get(name, ())), None)


def split(text: bytes) -> tuple[bytes, bytes]:
    """File and segment, or function, of what the map calls `FILE:(NAME)`."""
    file, _, name = text.rpartition(b":(")
    return file, name[:-1]


def read_output(path: str, linker_map: LinkerMap) -> Output:
    with open(path, "rb") as file:
        return Output(Module(ObjectFile(file.read(), path)), linker_map)


def _relocations(module: Module) -> dict[int, Value]:
    """Which pointers a position-independent module writes when it starts: address -> value.

    lld generates the function for that (`generateRelocationCode` of lld/wasm/InputChunks.cpp).  For each pointer: the address, the value on
    top of a global, and a store.
    """
    found: dict[int, Value] = {}
    names = {name: index for index, name in module.function_names.items()}
    names.update({name: index for name, kind, index in module.exports if kind == 0})
    index = names.get(_APPLY_RELOCATIONS)
    if index is None or index < module.imported_functions:
        return found
    begin, end = module.bodies[index - module.imported_functions]
    cursor = Cursor(module.data, begin, end, module.path)
    for _ in range(cursor.count()):
        cursor.u32()
        cursor.byte()
    stack: list[Value] = []
    while (opcode := cursor.byte()) != OPCODE_END:
        if opcode in (OPCODE_I32_CONST, OPCODE_I64_CONST):
            stack.append((None, cursor.sleb()))
        elif opcode == _GLOBAL_GET:
            stack.append((module.globals[cursor.u32()].name, 0))
        elif opcode in _ADD:
            (base, number), (other, more) = stack.pop(), stack.pop()
            stack.append((base or other, number + more))
        elif opcode in (_I32_STORE, _I64_STORE):
            cursor.u32()
            offset = cursor.uleb()
            value, (_, place) = stack.pop(), stack.pop()
            found[place + offset] = value
        else:
            raise cursor.fail(f"opcode {opcode:#x} in {_APPLY_RELOCATIONS.decode()}")
    return found
