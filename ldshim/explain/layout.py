"""Where everything is in the linked module: lld's map, read.

A line has an address (`-` where there is none), an offset in the file, a size, and then, further to the right each time,
the name of an output segment, of a piece of an input (`main.o:(numbers)`), or of a symbol in that piece.  Pieces that were
collected as garbage are not there.
https://github.com/llvm/llvm-project/blob/main/lld/wasm/MapFile.cpp
"""

from __future__ import annotations

# Where the columns of names begin.
_OUT, _IN, _SYMBOL = 27, 35, 43


class Piece:
    """One data segment, or one function, of an input: `symbols` has the address of each."""

    __slots__ = ("address", "file", "name", "output", "size", "symbols")

    def __init__(self, file: str, name: str, output: str, address: int, size: int) -> None:
        self.file = file
        self.name = name
        self.output = output
        self.address = address
        self.size = size
        self.symbols: dict[str, int] = {}

    @property
    def end(self) -> int:
        return self.address + self.size


class Layout:
    """The pieces of the module, in order; `data` by name of the file and by symbol, and the functions."""

    __slots__ = ("by_symbol", "functions", "outputs", "pieces")

    def __init__(self, text: str) -> None:
        self.pieces: list[Piece] = []
        self.outputs: dict[str, list[Piece]] = {}
        self.by_symbol: dict[str, list[Piece]] = {}
        self.functions: set[tuple[str, str]] = set()  # file, symbol
        self._read(text)

    def _read(self, text: str) -> None:
        output = ""
        piece: Piece | None = None
        for line in text.splitlines()[1:]:
            address, rest = line[:8].strip(), line[_OUT:]
            if rest[:1] != " ":
                output, piece = rest, None
            elif line[_IN : _IN + 1] != " ":
                file, _, name = line[_IN:].rpartition(":(")
                piece = Piece(file, name.removesuffix(")"), output, _hexadecimal(address), _hexadecimal(line[18:26]))
                if address != "-":
                    self.pieces.append(piece)
                    self.outputs.setdefault(output, []).append(piece)
            elif piece is not None and address == "-":
                self.functions.add((piece.file, line[_SYMBOL:]))
            elif piece is not None:
                symbol = line[_SYMBOL:]
                piece.symbols[symbol] = _hexadecimal(address)
                self.by_symbol.setdefault(symbol, []).append(piece)


def _hexadecimal(text: str) -> int:
    return int(text, 16) if text.strip() not in ("", "-") else 0
