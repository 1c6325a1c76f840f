"""What a linked module still tells of named sections.

lld names data segments in the `name` section: as they were called in the objects if that is a section's name, else `.rodata`, `.data` or
`.bss`, into which it merges all others.  ldshim puts elements with sort keys into segments `__ldshim$X$KEY` behind segment X.  That is how
sections are found here.  Where in a segment one element ends and the next one begins nobody says, unless symbols are exported.
"""

from __future__ import annotations

from ldshim import markers
from ldshim.inspect.facts import Linked, LinkedSection, OtherSegment, Place, Reading, Slice
from ldshim.inspect.names import demangled, element_name, section_label, text
from ldshim.inspect.objects import bounded_section, printable_text
from ldshim.wasm.module import DataSegment, Module

# Constants that lld itself exports, and that are no places of data in a section.
_LINKER_SYMBOLS = frozenset(
    b"__" + name
    for name in (
        *(b"data_end", b"dso_handle", b"global_base", b"heap_base", b"heap_end", b"memory_base", b"rodata_end", b"rodata_start"),
        *(b"stack_high", b"stack_low", b"stack_pointer", b"table_base", b"tls_align", b"tls_base", b"tls_size"),
        b"wasm_first_page_end",
    )
)
# What `sections.py` calls elements that have no name of their own to others.
_ELEMENT_PREFIX = b"__ldshim_element."
# A text that a pointer and a length stand for is not longer, if it is one.
_LONGEST_TEXT = 200

SYMBOLS, SEGMENTS = "symbols", "segments"


class LinkedFacts:
    """The facts of one linked module."""

    __slots__ = ("bounds", "constants", "module", "word")

    def __init__(self, module: Module) -> None:
        self.module = module
        self.word = 8 if module.is_64 else 4
        self.constants = module.symbols()
        # section -> (start, stop), where there are symbols that say so
        self.bounds: dict[bytes, tuple[int | None, int | None]] = {}
        for name, value in self.constants.items():
            section = bounded_section(name)
            if section is not None:
                start, stop = self.bounds.get(section, (None, None))
                self.bounds[section] = (value, stop) if name.startswith(b"__start_") else (start, value)

    def linked(self) -> Linked:
        module = self.module
        groups: dict[bytes, list[DataSegment]] = {}
        others = []
        for segment in module.segments:
            section = _section_of(segment.name)
            if section is not None:
                groups.setdefault(section, []).append(segment)
            else:
                others.append(OtherSegment(segment.index, text(segment.name) or None, segment.address, segment.size))
        for section in self.bounds:
            groups.setdefault(section, [])
        return Linked(
            has_names=module.has_names,
            has_segment_names=module.has_data_names,
            sections=[self._section(name, segments) for name, segments in groups.items()],
            other_segments=others,
        )

    def notes(self, linked: Linked) -> list[str]:
        """What cannot be known of this module, and why."""
        module = self.module
        found = []
        if module.segments and not module.has_names:
            found.append("stripped: without a `name` section nothing says which section a segment is, or what functions are called")
        elif module.segments and not module.has_data_names:
            found.append("the `name` section does not name data segments, so nothing says which of them is which section")
        if any(segment.base == b"__memory_base" for segment in module.segments):
            found.append(
                "segments are merged: in a position-independent module lld makes one of all sections; "
                "its address is known only when it is loaded"
            )
        parts = [part for section in linked.sections for part in section.slices]
        if any(part.address_from == "code" for part in parts):
            found.append("the segments are passive; their addresses were read off the code that copies them")
        if any(part.passive and part.address is None for part in parts):
            found.append("no code was found that says where a passive segment goes, so its address is unknown")
        if any(not part.places for part in parts):
            found.append(
                "a linked module does not say where elements begin and end, "
                "unless their symbols are exported (--export-all) or kept (--emit-relocs)"
            )
        if any(part.readings for part in parts):
            found.append("perhaps: the word is a function's index in the table, or an address in a segment; a mere number can be, too")
        return found

    def _section(self, name: bytes, segments: list[DataSegment]) -> LinkedSection:
        start, stop = self.bounds.get(name, (None, None))
        bounds_from = None
        if start is not None and stop is not None:
            bounds_from = SYMBOLS
            # What lies in front of the first element is no part of the section.
            segments = self._segments_between(start, stop) or segments
        # What is empty may have no address: nothing copies it.
        ends = [s.address + s.size if s.address is not None else None for s in segments if s.size or s.address is not None]
        known = [end for end in ends if end is not None]
        if stop is None and known and len(known) == len(ends):
            stop, bounds_from = max(known), SEGMENTS
        label, digits = section_label(text(name))
        # Only where the first element is unknown, something may lie in front of it.
        last = None if bounds_from == SYMBOLS else stop
        slices = [self._slice(segment, last) for segment in segments if segment.size or not _is_stop(segment.name)]
        return LinkedSection(text(name), label, digits, start, stop, bounds_from, sum(s.size for s in slices), slices)

    def _segments_between(self, start: int, stop: int) -> list[DataSegment]:
        """The parts of segments that lie between the bounds."""
        found = []
        for segment in self.module.segments:
            if segment.address is None:
                continue
            begin, end = max(start, segment.address), min(stop, segment.address + segment.size)
            if begin < end:
                part = DataSegment(
                    segment.index,
                    segment.begin + begin - segment.address,
                    segment.begin + end - segment.address,
                    is_passive=segment.is_passive,
                )
                part.address = begin
                part.name = segment.name
                found.append(part)
        return found

    def _slice(self, segment: DataSegment, stop: int | None) -> Slice:
        content = self.module.data[segment.begin : segment.end]
        where = None if segment.address is None else "code" if segment.is_passive else "segment"
        parts = segment.name.split(b"$")
        key = parts[2] if segment.name.startswith(markers.PREFIX) and len(parts) > 2 else b""
        return Slice(
            segment=segment.index,
            name=text(segment.name) or None,
            key=text(key) or None,
            address=segment.address,
            address_from=where,
            size=segment.size,
            passive=segment.is_passive,
            bytes=content.hex(),
            places=self._places(segment),
            readings=self._readings(segment, content, stop),
        )

    def _places(self, segment: DataSegment) -> list[Place]:
        if segment.address is None:
            return []
        found = [
            Place(element_name(text(name)), text(name), value, value - segment.address)
            for name, value in self.constants.items()
            if segment.address <= value < segment.address + segment.size and not _is_of_linker(name)
        ]
        return sorted(found, key=lambda place: (place.offset, place.symbol))

    # Guesses.

    def _readings(self, segment: DataSegment, content: bytes, stop: int | None) -> list[Reading]:
        """What the words of a segment may be."""
        first = -segment.address % self.word if segment.address is not None else 0
        found = []
        lengths: set[int] = set()  # where a word was taken for the length of a text
        for offset in range(first, len(content) - self.word + 1, self.word):
            value = int.from_bytes(content[offset : offset + self.word], "little")
            if not value:
                continue
            if offset == 0 and stop is not None and self._is_head(segment, value, stop):
                found.append(Reading(offset, value, "head", "what ldshim puts in front of the elements, for the linker"))
                continue
            function = self.module.table.get(value)
            if function is not None and offset not in lengths:
                found.append(Reading(offset, value, "function", self._function(function)))
            target = self._segment_at(value)
            if target is not None and target.address is not None:
                length = int.from_bytes(content[offset + self.word : offset + 2 * self.word], "little")
                distance = value - target.address
                name = text(target.name) or f"segment {target.index}"
                title = f"{name}+{distance:#x}" if distance else name
                text_, is_counted = self._text_at(target, distance, length)
                found.append(Reading(offset, value, "address", title, text_))
                lengths.update([offset + self.word] if is_counted else [])
        return found

    def _function(self, index: int) -> str:
        name = self.module.function_name(index)
        return demangled(text(name)) if name else f"#{index}"

    def _is_head(self, segment: DataSegment, value: int, stop: int) -> bool:
        """Whether the first word looks like the head of ldshim's anchor: the address of the last thing that it keeps.

        (`anchors.py`; with sort keys that is `__stop_X`, else the last element.)
        """
        if segment.address is None or segment.name.startswith(markers.PREFIX):
            return False
        return segment.address + self.word <= value < segment.address + segment.size or value == stop

    def _segment_at(self, address: int) -> DataSegment | None:
        for segment in self.module.segments:
            if segment.address is not None and segment.address <= address < segment.address + segment.size:
                return segment
        return None

    def _text_at(self, segment: DataSegment, offset: int, length: int) -> tuple[str | None, bool]:
        """The text at a place, and whether the next word is its length, as Rust has it; C's ends with a NUL."""
        begin = segment.begin + offset
        content = self.module.data[begin : min(segment.end, begin + _LONGEST_TEXT + 1)]
        end = content.find(b"\0")
        terminated = printable_text(content[:end]) if end > 1 else None
        counted = printable_text(content[:length]) if 1 < length <= len(content) and content[length - 1] else None
        # Where a text could begin in C, the next word may as well be a function's index.
        begins_like_c = terminated is not None and (offset == 0 or not self.module.data[begin - 1])
        if counted is None or (begins_like_c and length in self.module.table):
            return terminated, False
        return counted, True


def _is_of_linker(name: bytes) -> bool:
    """Whether lld or ldshim made the symbol: it is no name of an element."""
    if name in _LINKER_SYMBOLS or name.startswith(_ELEMENT_PREFIX) or bounded_section(name) is not None:
        return True
    # The places of sort keys have names like markers, without the last part.
    return name.startswith(markers.PREFIX) and name.count(b"$") < 3


def _section_of(name: bytes) -> bytes | None:
    """The section that a segment of that name belongs to."""
    if name.startswith(markers.PREFIX):
        section = name[len(markers.PREFIX) :].split(b"$", 1)[0]
        return section if markers.is_c_identifier(section) else None
    return name if markers.is_c_identifier(name) else None


def _is_stop(name: bytes) -> bool:
    section = _section_of(name)
    return section is not None and name == markers.stop_segment_name(section)
