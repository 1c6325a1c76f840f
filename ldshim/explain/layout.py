"""Where everything is in the linked module, by what one asks for: lld's map (`mapping/linker_map.py`) as text, with an index."""

from __future__ import annotations

from ldshim.mapping import linker_map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.mapping.linker_map import Chunk


class Piece:
    """One data segment of an input: `symbols` has the address of each.  What was collected as garbage is no piece."""

    __slots__ = ("address", "file", "name", "output", "size", "symbols")

    def __init__(self, chunk: Chunk) -> None:
        self.file, _, name = _text(chunk.text).rpartition(":(")
        self.name = name.removesuffix(")")
        self.output = _text(chunk.output)
        self.address = chunk.address
        self.size = chunk.size
        self.symbols = {_text(symbol.name): symbol.address for symbol in chunk.symbols}

    @property
    def end(self) -> int:
        return self.address + self.size


class Layout:
    """The pieces of the module, in order, also by name of the output segment and by symbol, and the functions."""

    __slots__ = ("by_symbol", "functions", "outputs", "pieces")

    def __init__(self, text: bytes) -> None:
        mapped = linker_map.parse(text)
        self.pieces = [Piece(chunk) for chunk in mapped.chunks]
        self.outputs: dict[str, list[Piece]] = {}
        self.by_symbol: dict[str, list[Piece]] = {}
        self.functions = {(_text(file), _text(symbol)) for file, symbol in mapped.functions}
        for piece in self.pieces:
            self.outputs.setdefault(piece.output, []).append(piece)
            for symbol in piece.symbols:
                self.by_symbol.setdefault(symbol, []).append(piece)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
