"""Comparing sections: bounds, count, order, stride, bytes; `pointers.py` has the pointers."""

from __future__ import annotations

from itertools import pairwise

from ldshim.errors import printable
from ldshim.trace import trace
from ldshim.verifying.actual import ANCHORS
from ldshim.verifying.expected import BITCODE, CUSTOM, SEGMENT, function_at, rank
from ldshim.verifying.pointers import Pointers, differs
from ldshim.wasm.format import SEC_CODE, SEC_DATA, SYMBOL_DATA, SYMBOL_FUNCTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ldshim.command import Command
    from ldshim.mapping.linker_map import Chunk, MappedSymbol
    from ldshim.verifying.actual import Output
    from ldshim.verifying.expected import Element, Expected, Source
    from ldshim.wasm.entries import Relocation

_TABLE = b"_ptrs"
R_TYPE_INDEX_LEB = 6  # its index is no symbol
# Relocations of code whose operand is an address: a padded number, signed or not.
_SLEBS, _LEBS = (4, 15, 11, 17), (3, 14)
# What malloc aligns to; nobody recorded the alignment of a custom section.
_MAX_CUSTOM_P2ALIGN = 4
# What the symbols that ldshim adds to an object begin with.
_ADDED = b"__ldshim_element."
_UNKNOWN = -1


class _Placed:
    """A part of an element, most often all of it, in the module."""

    __slots__ = ("address", "element", "offset", "segment", "size")

    def __init__(self, element: Element, address: int, size: int, offset: int, segment: int | None = None) -> None:
        self.element = element
        self.address = address
        self.size = size
        self.offset = offset
        self.segment = segment  # of the static that a custom section has a copy of, if that is what is here

    @property
    def order(self) -> tuple[tuple[int, int], bool, int, int]:
        """A static stands where it is in its file, the bytes of a custom section behind all of it."""
        place = self.element.order if self.segment is None else (self.element.source.order, False, self.segment)
        return *place, self.offset

    @property
    def end(self) -> int:
        return self.address + self.size


class _Pool:
    """The elements of one file, or of several of one name; `progress` is how many bytes of each are found."""

    def __init__(self) -> None:
        self.elements: list[Element] = []
        self.by_symbol: dict[bytes, list[Element]] = {}
        self.progress: dict[Element, int] = {}

    def add(self, element: Element) -> None:
        self.elements.append(element)
        for name, _, _ in element.symbols:
            self.by_symbol.setdefault(name, []).append(element)


class _Section:
    """A section in the module."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.placed: list[_Placed] = []
        self.reader: str | None = None  # who refers to its bounds, of what is in the module
        self.start: int | None = None
        self.stop: int | None = None


def _static_of(element: Element, chunk: Chunk) -> int | None:
    """The segment that a custom section's piece of the module was in the object, if any; _UNKNOWN if lld has demangled its name."""
    names = {symbol.name for symbol in chunk.symbols if not symbol.name.startswith(_ADDED)} if element.kind == CUSTOM else set()
    if not names:
        return None
    defined = (s for s in element.source.open().symbols if s.name in names and s.kind == SYMBOL_DATA and not s.is_undefined)
    return next((symbol.element for symbol in defined), _UNKNOWN)


def check_sections(expected: Expected, output: Output, command: Command) -> list[str]:
    """What is wrong, a line for each."""
    return list(_Checker(expected, output, command).problems())


class _Checker:
    def __init__(self, expected: Expected, output: Output, command: Command) -> None:
        self.expected = expected
        self.output = output
        self.command = command
        self.found: list[str] = []
        self.sections: dict[bytes, _Section] = {}

    def problems(self) -> list[str]:
        names = dict.fromkeys((*self.expected.wanted, *self.expected.elements))
        for name in names:
            if self._table_of(name) is None:
                self._find(name)
        for name, section in self.sections.items():
            self._check_accounts(section)
            self._check_layout(name, section)
        bounds = {prefix + name: place for name, s in self.sections.items() for prefix, place in _bounds(s)}
        custom = {
            (p.element.source.name, p.element.index): p.address - p.offset
            for s in self.sections.values()
            for p in s.placed
            if p.element.kind == CUSTOM
        }
        pointers = Pointers(self.output, custom, bounds)
        for section in self.sections.values():
            for placed in section.placed:
                self._check_content(placed, pointers)
        for name in names:
            base = self._table_of(name)
            if base is not None:
                self._check_table(name, base)
        self._check_interface()
        return self.found

    def _say(self, section: bytes, text: str) -> None:
        self.found.append(f"section {printable(section)}: {text}")

    def _table_of(self, name: bytes) -> bytes | None:
        base = name[: -len(_TABLE)]
        if (
            not name.endswith(_TABLE)
            or self.expected.elements.get(name)
            or not (self.expected.elements.get(base) or self.expected.declared.get(base))
        ):
            return None
        return base

    # Where things are

    def _find(self, name: bytes) -> None:
        section = self.sections[name] = _Section(name)
        pools: dict[bytes, _Pool] = {}
        by_symbol: dict[bytes, list[Element]] = {}
        for element in self.expected.elements.get(name, []):
            if element.kind == BITCODE:
                by_symbol.setdefault(element.symbols[0][0], []).append(element)
            else:
                pools.setdefault(element.source.name, _Pool()).add(element)
        unknown: list[MappedSymbol] = []
        for file, chunk in self.output.chunks.get(name, []):
            if file == ANCHORS or not chunk.size:
                continue
            if file in pools:
                self._take(section, chunk, pools[file])
            elif by_symbol:
                unknown += self._take_lto(section, chunk, by_symbol)
            else:
                self._say(name, f"{chunk.size} bytes at {chunk.address:#x} are of {printable(file)}, which has no element of it")
        if unknown:
            left = _without_copies((e for elements in by_symbol.values() for e in elements), [p.element for p in section.placed])
            if len(unknown) > len(left):
                self._say(name, f"LTO has put {printable(unknown[0].name)} into it, which is in no input")
            for symbol, element in zip(sorted(unknown, key=lambda s: s.address), left, strict=False):
                trace.say(f"verify: not checked: {printable(symbol.name)}, which LTO or lld has renamed, is taken for {element}")
                section.placed.append(_Placed(element, symbol.address, symbol.size, 0))
        section.placed.sort(key=lambda placed: placed.address)
        section.start, section.stop = self._bound(section, b"__start_"), self._bound(section, b"__stop_")
        section.reader = self._live_reader(name)

    def _take(self, section: _Section, chunk: Chunk, pool: _Pool) -> None:
        """Find the element whose bytes a piece of the module is."""
        content = self.output.read(chunk.address, chunk.size)
        if content is None:
            self._say(section.name, f"there is nothing at {chunk.address:#x}, where lld put {printable(chunk.text)}")
            return
        progress = pool.progress
        named = [e for symbol in chunk.symbols for e in pool.by_symbol.get(symbol.name, ()) if e not in progress]
        for element in named or (e for e in pool.elements if e not in progress):
            if element.size == chunk.size and not differs(element.content, content, element.relocations):
                progress[element] = element.size
                section.placed.append(_Placed(element, chunk.address, chunk.size, 0, _static_of(element, chunk)))
                self._check_symbols(section, element, chunk)
                return
        for element in pool.elements:  # its statics, of which the custom section has copies
            begin = progress.get(element, 0)
            if element.kind == CUSTOM and not element.relocations and element.content[begin : begin + chunk.size] == content:
                progress[element] = begin + chunk.size
                section.placed.append(_Placed(element, chunk.address, chunk.size, begin, _static_of(element, chunk)))
                return
        left = named or [e for e in pool.elements if e not in progress] or pool.elements
        self._say(
            section.name,
            f"{chunk.size} bytes at {chunk.address:#x} in the module are not those of {left[0]}: "
            f"expected {_hex(left[0].content)}, found {_hex(content)}",
        )
        progress[left[0]] = left[0].size

    def _check_symbols(self, section: _Section, element: Element, chunk: Chunk) -> None:
        places = {name: chunk.address + offset for name, offset, _ in element.symbols}
        for symbol in chunk.symbols:
            place = places.get(symbol.name, symbol.address)
            if place != symbol.address:
                self._say(section.name, f"the address of {printable(symbol.name)} is {symbol.address:#x}, expected {place:#x}")

    def _take_lto(self, section: _Section, chunk: Chunk, by_symbol: dict[bytes, list[Element]]) -> list[MappedSymbol]:
        """The elements in a segment that LTO made; returns symbols that no element has."""
        unknown: dict[int, MappedSymbol] = {}
        seen = set()
        for symbol in sorted(chunk.symbols, key=lambda s: s.address):
            elements = by_symbol.get(symbol.name.partition(b".llvm.")[0])
            if elements and symbol.size:
                section.placed.append(_Placed(elements.pop(0), symbol.address, symbol.size, 0))
                seen.add(symbol.address)
            elif symbol.size:
                unknown[symbol.address] = symbol
        return [symbol for address, symbol in unknown.items() if address not in seen]

    def _bound(self, section: _Section, prefix: bytes) -> int | None:
        return self.output.bound(prefix + section.name)

    # Who is interested

    def _live_reader(self, name: bytes) -> str | None:
        """What is in the module and refers to a bound."""
        for source, index in self.expected.readers.get(name, ()):
            for place in self._live_references(source, index):
                return place[0]
        in_anchors = any(file == ANCHORS and c.symbols and c.size for file, c in self.output.chunks.get(name, []))
        is_kept = in_anchors and self.command.gc_sections and not self.command.pic
        return "something in bitcode" if is_kept and name in self.expected.bitcode_readers else None

    def _live_references(self, source: Source, index: int) -> Iterator[tuple[str, Relocation | None, int]]:
        """What of the module refers to a symbol of an object: who, and, in code, the relocation and where its operand is in the module."""
        obj = source.open()
        for section in obj.sections:
            if section.id not in (SEC_CODE, SEC_DATA):
                continue
            for relocation in obj.relocations(section.index):
                if relocation.index != index or relocation.type == R_TYPE_INDEX_LEB:
                    continue
                if section.id == SEC_DATA:
                    segment = next(s for s in obj.segments if s.begin <= section.content + relocation.offset < s.end)
                    if any((source.name, s.name) in self.output.symbols for s in obj.symbols_of_segment(segment.index)):
                        yield f"{source} (data)", None, 0
                    continue
                place = function_at(obj, relocation.offset)
                if place is None:
                    continue
                number, begin = place
                imported = _imported_functions(obj)
                names = [s.name for s in obj.symbols if s.kind == SYMBOL_FUNCTION and not s.is_undefined and s.element == imported + number]
                for function in {f for name in names for f in self.output.functions.get((source.name, name), ())}:
                    body = self.output.module.bodies[function - self.output.module.imported_functions][0]
                    yield f"{source} ({printable(names[0])})", relocation, body + relocation.offset - begin

    # Accounting

    def _check_accounts(self, section: _Section) -> None:
        """Each element is there, or there is a reason why it is not."""
        present = {id(placed.element) for placed in section.placed}
        identities: dict[tuple[str, bytes], Element] = {}
        for placed in section.placed:
            if placed.offset:
                continue
            for identity in placed.element.copies:
                other = identities.setdefault(identity, placed.element)
                self._check_strongest(section, placed.element, identity)
                if other is not placed.element:
                    self._say(section.name, f"two copies of one element are in the module: {other} and {placed.element}")
        for element in self.expected.elements.get(section.name, []):
            if id(element) in present or any(identity in identities for identity in element.copies):
                continue
            why = self._why_required(section, element)
            if why is not None:
                self._say(section.name, f"{element} is not in the module, although {why}")
        split: dict[int, int] = {}
        for placed in section.placed:
            if placed.element.kind != BITCODE:
                split[id(placed.element)] = split.get(id(placed.element), 0) + placed.size
        for placed in section.placed:
            if placed.element.kind != BITCODE and split[id(placed.element)] != placed.element.size:
                self._say(
                    section.name, f"{split[id(placed.element)]} bytes of {placed.element} are in the module, expected {placed.element.size}"
                )

    def _check_strongest(self, section: _Section, element: Element, identity: tuple[str, bytes]) -> None:
        """A weak definition gives way to another one."""
        if element.is_weak:
            for other in self.expected.elements[section.name]:
                if identity in other.copies and not other.is_weak:
                    self._say(section.name, f"{element} is in the module, which is weak, although there is {other} too")

    def _why_required(self, section: _Section, element: Element) -> str | None:
        """Why an element has to be in the module; None if it may be missing."""
        source = element.source
        if not source.is_certain and source.name not in self.output.map.files:
            return None  # its member is not loaded
        if not source.is_certain and element.kind != SEGMENT:
            return None  # of what is loaded lld may have kept something of another copy
        if not element.is_used:
            return None
        if not self.command.gc_sections:
            return "the linker collects no garbage"
        if element.kind == SEGMENT:
            return "it is marked as used"
        if self.command.pic and element.kind != BITCODE:
            return "nothing is collected in position-independent modules"
        if section.reader is not None:
            return f"{section.reader} refers to the section"
        return None

    # Layout

    def _check_layout(self, name: bytes, section: _Section) -> None:
        placed = section.placed
        is_walked = name in self.expected.referenced
        if is_walked and name not in self.expected.own_bounds:
            self._check_order(section)
            self._check_stride(section)
            self._check_bounds(section)
        elements = [p.element for p in placed]
        p2aligns = [e.p2align for e in elements if e.p2align is not None] or [_MAX_CUSTOM_P2ALIGN]
        common = min([*p2aligns, *(((p.size & -p.size) or 1).bit_length() - 1 for p in placed)], default=0)
        for part in placed:
            own = part.element.p2align or 0
            alignment = 1 << (min(common, own) if is_walked and part.element.kind != CUSTOM else common if is_walked else own)
            if part.element.kind != BITCODE and not part.offset and part.address % alignment:
                self._say(name, f"{part.element} is at {part.address:#x}, which is not aligned to {alignment}")
        is_memory = placed and all(e.kind == CUSTOM for e in elements) and name not in self.expected.mixed
        if is_memory and any(True for _ in self.output.module.file.custom_sections((name,))):
            self._say(name, "it is memory, and there is a custom section of this name in the module as well")

    def _check_order(self, section: _Section) -> None:
        last_key: _Placed | None = None
        last_certain: _Placed | None = None
        last_of: dict[Source, _Placed] = {}
        for placed in section.placed:
            if placed.segment == _UNKNOWN:
                continue
            element = placed.element
            key = rank(element.key)
            if last_key is not None and key < rank(last_key.element.key):
                self._say(section.name, f"{element} at {placed.address:#x} has to be in front of {last_key.element} by its key")
            if last_key is None or key != rank(last_key.element.key):
                last_certain, last_of = None, {}
            last_key = placed
            before = last_of.get(element.source)
            if element.source.is_certain:
                before = last_certain
                last_certain = placed
            last_of[element.source] = placed
            if before is not None and placed.order < before.order:
                self._say(
                    section.name, f"{element} at {placed.address:#x} has to be in front of {before.element} by the order of the inputs"
                )

    def _check_stride(self, section: _Section) -> None:
        """Elements follow each other without a gap, but for those that the compiler itself put into the section and aligned."""
        for before, placed in pairwise(section.placed):
            gap = placed.address - before.end
            natural = placed.element.is_compilers and 0 <= gap < 1 << (placed.element.p2align or 6)
            if gap and not natural:
                what = f"{gap} bytes lie between" if gap > 0 else f"{-gap} bytes are shared by"
                self._say(section.name, f"{what} {before.element} at {before.address:#x} and {placed.element} at {placed.address:#x}")
            elif gap:
                trace.say(
                    f"verify: {printable(section.name)}: a gap of {gap} bytes, of the alignment that the compiler gave {placed.element}"
                )

    def _check_bounds(self, section: _Section) -> None:
        """The bounds enclose the elements, and so do the numbers in the code that reads them."""
        first = section.placed[0].address if section.placed else section.start
        last = section.placed[-1].end if section.placed else section.stop
        if section.start is not None and section.start != first:
            self._say(section.name, f"__start_{printable(section.name)} is {section.start:#x}, expected {first:#x}")
        if section.stop is not None and section.stop != last:
            self._say(section.name, f"__stop_{printable(section.name)} is {section.stop:#x}, expected {last:#x}")
        if not section.placed and None not in (section.start, section.stop) and section.start != section.stop:
            self._say(section.name, f"it is empty, and its bounds are {section.start:#x} and {section.stop:#x}")
        if section.placed:
            section.start, section.stop = first, last
            self._check_readers(section)

    def _check_readers(self, section: _Section) -> None:
        if any(word.endswith("compress-relocations") for word in self.command.words):
            trace.say("verify: not checked: the code that refers to bounds, whose numbers are compressed")
            return
        for source, index in self.expected.readers.get(section.name, ()):
            symbol = source.open().symbols[index]
            expected = section.start if symbol.name.startswith(b"__start_") else section.stop
            for who, relocation, place in self._live_references(source, index):
                if relocation is None or relocation.type not in (*_SLEBS, *_LEBS) or expected is None:
                    continue
                found = _padded(self.output.module.data, place, is_signed=relocation.type in _SLEBS)
                wanted = expected + relocation.addend
                if (found - wanted) & ((1 << 8 * self.output.width) - 1):
                    self._say(section.name, f"{who} has {found:#x} for {printable(symbol.name)}, expected {wanted:#x}")

    # Bytes and pointers

    def _check_content(self, placed: _Placed, pointers: Pointers) -> None:
        element = placed.element
        if element.kind == BITCODE:
            trace.say(f"verify: not checked: the bytes and pointers of {element} which LTO has made")
            return
        for relocation in element.relocations if placed.size == element.size else ():
            problem = pointers.problem(element, relocation, placed.address + relocation.offset)
            if problem is not None:
                self._say(element.section, f"{element} at {placed.address:#x}: at offset {relocation.offset:#x} {problem}")

    # Tables

    def _check_table(self, table: bytes, base: bytes) -> None:
        """A table has a pointer for each element, in their order."""
        chunks = [chunk for file, chunk in self.output.chunks.get(table, []) if file != ANCHORS and chunk.size]
        width = self.output.width
        reader = self._live_reader(table)
        found = [
            self.output.pointer(c.address + i, width) for c in sorted(chunks, key=lambda c: c.address) for i in range(0, c.size, width)
        ]
        expected: dict[int, Element] = {}
        # Where nobody walks over the elements themselves, they may lie in any order.
        for placed in sorted(self.sections[base].placed, key=lambda p: (rank(p.element.key), p.order)):
            for _, offset, size in placed.element.symbols:
                if size or placed.element.kind == BITCODE:
                    expected.setdefault(placed.address + offset, placed.element)
        if not chunks and reader is None:
            return
        pointers = [value[1] if value is not None else None for value in found]
        if any(not e.source.is_certain for e in expected.values()) and set(pointers) == set(expected):
            return  # members are loaded in an order of the linker's
        for number, (address, element) in enumerate(expected.items()):
            if number >= len(pointers) or pointers[number] != address:
                what = f"{pointers[number] or 0:#x}" if number < len(pointers) else "nothing"
                self._say(table, f"entry {number} is {what}, expected {address:#x}, the address of {element}")
                return
        if len(pointers) > len(expected):
            self._say(table, f"it has {len(pointers)} entries, expected {len(expected)}")
        for before, chunk in pairwise(chunks):
            if chunk.address != before.address + before.size:
                self._say(table, f"a gap at {before.address + before.size:#x}")
        if chunks and table in self.expected.referenced and table not in self.expected.own_bounds:
            section = _Section(table)
            section.start, section.stop = self._bound(section, b"__start_"), self._bound(section, b"__stop_")
            first, last = chunks[0].address, chunks[-1].address + chunks[-1].size
            if (section.start, section.stop) not in ((None, None), (None, last), (first, None), (first, last)):
                self._say(table, f"its bounds are {section.start} and {section.stop}, expected {first} and {last}")

    def _check_interface(self) -> None:
        """A registration is no export."""
        if "--export-all" in self.command.words:
            return
        for name, _, _ in self.output.module.exports:
            if name in self.expected.markers:
                self.found.append(f"the module exports the marker symbol {printable(name)}")


def _bounds(section: _Section) -> Iterator[tuple[bytes, int]]:
    if section.start is not None:
        yield b"__start_", section.start
    if section.stop is not None:
        yield b"__stop_", section.stop


def _without_copies(elements: Iterable[Element], there: list[Element]) -> list[Element]:
    """Elements in their order, without copies of each other and of those that are there."""
    identities = {identity for element in there for identity in element.copies}
    found = []
    for element in sorted(elements, key=lambda e: (rank(e.key), e.order)):
        if identities.isdisjoint(element.copies):
            found.append(element)
        identities |= element.copies
    return found


def _imported_functions(obj: object) -> int:
    from ldshim.wasm.module import Module  # noqa: PLC0415

    return Module(obj).imported_functions  # type: ignore[arg-type]


def _padded(data: bytes, place: int, *, is_signed: bool) -> int:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        shift += 7
        place += 1
        if byte < 0x80:
            return value - (1 << shift) if is_signed and byte & 0x40 else value


def _hex(data: bytes) -> str:
    return data[:24].hex(" ") + (" ..." if len(data) > 24 else "")
