"""Reading the map that lld writes (`-Map`): where each input segment and each symbol of it lies in the output.

All versions write it alike (https://github.com/llvm/llvm-project/blob/main/lld/wasm/MapFile.cpp).  A line is address, offset in the file,
size (in hexadecimal, at least 8 wide), then a name that is indented by what it is of: an output segment, an input segment, which is
`FILE:(NAME)`, or a symbol.  Only symbols that are live are there, local ones too.
"""

from __future__ import annotations

import re

_LINE = re.compile(rb" *([0-9a-f]+|-) +([0-9a-f]+) +([0-9a-f]+) ( {16}| {8}|)(?! )(.*)", re.DOTALL)
_OF_INPUT, _OF_SYMBOL = 8, 16


class MappedSymbol:
    """A data symbol of the output."""

    __slots__ = ("address", "name", "size")

    def __init__(self, name: bytes, address: int, size: int) -> None:
        self.name = name
        self.address = address
        self.size = size


class Chunk:
    """An input segment in the output segment `output`; `text` is `FILE:(NAME)`."""

    __slots__ = ("address", "output", "size", "symbols", "text")

    def __init__(self, text: bytes, output: bytes, address: int, size: int) -> None:
        self.text = text
        self.output = output
        self.address = address
        self.size = size
        self.symbols: list[MappedSymbol] = []


class LinkerMap:
    """The data of a module, and what its functions are called."""

    __slots__ = ("addresses", "bodies", "chunks", "files", "functions")

    def __init__(self) -> None:
        self.addresses: dict[bytes, int] = {}  # of data symbols; of several local ones of a name, the first
        self.chunks: list[Chunk] = []  # in the order of memory
        self.files: set[bytes] = set()  # of which something is in the output
        # Functions: `FILE:(NAME)`, place and size in the module, symbols.
        self.bodies: list[tuple[bytes, int, int, list[bytes]]] = []
        self.functions: set[tuple[bytes, bytes]] = set()  # file, symbol


def parse(text: bytes) -> LinkerMap:
    found = LinkerMap()
    chunk = None
    in_data = in_code = False
    file = output = b""
    for address, place, size, indent, name in _lines(text):
        if indent == _OF_INPUT:
            file = name.rpartition(b":(")[0]
            found.files.add(file)
        if indent == 0 and address is None:
            in_data, in_code = name == b"DATA", name == b"CODE"
            chunk = None
        elif indent == 0:
            output = name
        elif indent == _OF_INPUT and in_code:
            found.bodies.append((name, place, size, []))
        elif indent == _OF_SYMBOL and address is None:
            found.functions.add((file, name))
            if in_code and found.bodies:
                found.bodies[-1][3].append(name)
        elif not in_data or address is None:
            continue
        elif indent == _OF_INPUT:
            chunk = Chunk(name, output, address, size)
            found.chunks.append(chunk)
        elif indent == _OF_SYMBOL and chunk is not None:
            chunk.symbols.append(MappedSymbol(name, address, size))
    for chunk in found.chunks:
        for symbol in chunk.symbols:
            found.addresses.setdefault(symbol.name, symbol.address)
    return found


def _lines(text: bytes) -> list[tuple[int | None, int, int, int, bytes]]:
    """Address (None for `-`), place in the module, size, indent and name of each line behind the title."""
    lines: list[tuple[int | None, int, int, int, bytes]] = []
    for line in text.split(b"\n")[1:]:
        match = _LINE.fullmatch(line)
        if match is not None:
            address = None if match[1] == b"-" else int(match[1], 16)
            lines.append((address, int(match[2], 16), int(match[3], 16), len(match[4]), match[5]))
        elif lines and line:
            # A name with a line break in it.
            address, place, size, indent, name = lines[-1]
            lines[-1] = address, place, size, indent, name + b"\n" + line
    return lines
