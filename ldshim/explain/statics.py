"""What the inputs define: the statics that are elements, and those that may have been meant as such.

This looks at the inputs alone, whatever a link makes of them, and so also where ldshim refuses the link.  To the survey of a link an
object without a bound or a marker is of no interest; here it is, since someone asks where the element is.
"""

from __future__ import annotations

from ldshim import markers
from ldshim.bitcode import FUNCTION
from ldshim.errors import LinkError
from ldshim.inspect import names
from ldshim.wasm.format import SEC_CUSTOM, SEG_FLAG_TLS, SYMBOL_DATA, SYMBOL_FUNCTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ldshim.inputs import InputFile, Unit

# How a static says which section it belongs to.
MARKER, SEGMENT, CUSTOM_SECTION, NOTHING = "marker", "segment", "custom section", "nothing"

_METADATA = (b"linking", b"name", b"producers", b"target_features", b"dylink", b"dylink.0")
_METADATA_PREFIXES = (b"reloc.", b".debug_", b".llvm", b".rustc", b"ldshim")

_NAMELESS = {SEGMENT: "data segment", CUSTOM_SECTION: "custom section"}


class Static:
    """A definition in an input: a variable, a function (`is_function`), or, where `symbol` is empty, a whole segment or custom section.

    `index` is that of the data segment or of the custom section, -1 in bitcode, `offset` and `size` are those in it.
    """

    __slots__ = (
        "index",
        "is_function",
        "is_local",
        "is_thread_local",
        "key",
        "offset",
        "problem",
        "section",
        "size",
        "symbol",
        "unit",
        "way",
    )

    def __init__(self, unit: Unit, symbol: bytes, section: bytes, way: str) -> None:
        self.unit = unit
        self.symbol = symbol
        self.section = section
        self.way = way
        self.key = b""
        self.index = -1
        self.offset = 0
        self.size: int | None = None  # bitcode does not say
        self.is_local = False
        self.is_thread_local = False
        self.is_function = False
        self.problem = ""  # why its name, which looks like a marker's, is none

    @property
    def name(self) -> str:
        """What a person calls it."""
        if self.problem:
            return text(self.symbol)
        return readable(self.symbol) or text(self.symbol) if self.symbol else f"{_NAMELESS[self.way]} {text(self.section)}"


class Statics:
    """All that was found, and the inputs that could not be read."""

    __slots__ = ("found", "unreadable", "users")

    def __init__(self) -> None:
        self.found: list[Static] = []
        self.unreadable: list[str] = []
        # section -> the objects that refer to its bounds, and declare neither an element nor the section
        self.users: dict[bytes, list[Unit]] = {}


def look(files: list[InputFile], needles: Iterable[str] | None) -> Statics:
    """Look into the objects in which one of `needles` occurs (None: into all), and into all bitcode."""
    statics = Statics()
    wanted = None if needles is None else [n.encode("utf-8", "surrogateescape") for n in needles if n]
    for file in files:
        _look_into_file(statics, file, wanted)
    return statics


def readable(symbol: bytes) -> str:
    """The name in the source, as far as it can be told: of a marker its last part, of a mangled name the path."""
    return names.element_name(text(symbol))


def slice_name(section: str) -> str | None:
    """The name of the linkme slice that a section is of."""
    name, unique = names.section_label(section)
    return name if unique is not None else None


def text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _units(file: InputFile, needles: list[bytes] | None) -> Iterator[Unit]:
    # Every object has a linking section; the names of sections in bitcode are not there as bytes.
    known = set()
    for unit in file.units_with([b"linking"] if needles is None else needles):
        known.add(unit.order)
        yield unit
    for unit in file.bitcode():
        if unit.order not in known:
            yield unit


def _look_into_file(statics: Statics, file: InputFile, needles: list[bytes] | None) -> None:
    try:
        for unit in _units(file, needles):
            _look_into(statics, unit)
    except LinkError as error:
        statics.unreadable.append(str(error))


def _look_into(statics: Statics, unit: Unit) -> None:
    if unit.is_bitcode:
        _look_into_bitcode(statics, unit)
    elif unit.object.is_relocatable:
        _look_into_object(statics, unit)


def _look_into_object(statics: Statics, unit: Unit) -> None:
    obj = unit.object
    for symbol in obj.symbols:
        if symbol.is_undefined:
            _note_user(statics, unit, symbol.name)
        elif symbol.kind == SYMBOL_FUNCTION or (symbol.kind == SYMBOL_DATA and symbol.element >= 0):
            is_function = symbol.kind == SYMBOL_FUNCTION
            segment = None if is_function else obj.segments[symbol.element]
            static = _static(unit, symbol.name, b"" if segment is None else segment.name)
            static.is_function = is_function
            static.is_local = symbol.is_local
            if segment is not None:
                static.index, static.offset, static.size = segment.index, symbol.offset, symbol.size
                static.is_thread_local = bool(segment.flags & SEG_FLAG_TLS)
            statics.found.append(static)
    for segment in obj.segments:
        if _names_section(segment.name) and not any(symbol.size for symbol in obj.symbols_of_segment(segment.index)):
            static = Static(unit, b"", segment.name, SEGMENT)
            static.index, static.size = segment.index, segment.size
            statics.found.append(static)
    for section in obj.sections:
        if section.id == SEC_CUSTOM and not is_metadata(section.name):
            static = Static(unit, b"", section.name, CUSTOM_SECTION)
            static.index, static.size = section.index, section.end - section.content
            statics.found.append(static)


def _look_into_bitcode(statics: Statics, unit: Unit) -> None:
    facts = unit.bitcode
    if facts is None:
        statics.unreadable.append(f"{unit}: bitcode that cannot be read")
        return
    for known in facts.globals:
        if known.is_declaration:
            _note_user(statics, unit, known.name)
        elif not known.name.startswith(b"llvm."):
            static = _static(unit, known.name, known.section)
            static.is_function = known.kind == FUNCTION
            static.is_local = known.is_local
            static.is_thread_local = known.is_thread_local
            statics.found.append(static)


def _static(unit: Unit, symbol: bytes, place: bytes) -> Static:
    marker, problem = _parsed(symbol)
    if marker is not None:
        static = Static(unit, symbol, marker.section, MARKER)
        static.key = marker.key
    elif _names_section(place):
        static = Static(unit, symbol, place, SEGMENT)
    else:
        static = Static(unit, symbol, b"", NOTHING)
    static.problem = problem
    return static


def _names_section(segment: bytes) -> bool:
    """Whether the source has named a segment; compilers' own names begin with a dot."""
    return bool(segment) and not segment.startswith((b".", b"llvm."))


def _parsed(symbol: bytes) -> tuple[markers.Marker | None, str]:
    try:
        return markers.parse(symbol), ""
    except LinkError as error:
        return None, str(error)


def _note_user(statics: Statics, unit: Unit, symbol: bytes) -> None:
    for prefix in (b"__start_", b"__stop_"):
        if symbol.startswith(prefix) and markers.is_c_identifier(symbol[len(prefix) :]):
            users = statics.users.setdefault(symbol[len(prefix) :], [])
            if unit not in users:
                users.append(unit)


def is_metadata(section: bytes) -> bool:
    """Whether a custom section is one of the format's or of a compiler's, which no element is in."""
    return section in _METADATA or section.startswith(_METADATA_PREFIXES)
