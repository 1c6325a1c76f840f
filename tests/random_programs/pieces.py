"""What a file may hold, and the templates of such files.

Compiling is what takes time, so clang compiles a *template* once: a file with placeholders of fixed length for names and numbers.  A file
of a program is a copy of one with other bytes in their place.

    UUUU        the number of the file
    CCCC        the number of a file that this one calls
    GGGj        the name that copies of the element in place j share
    KKKj        its sort key
    0x5EA1D0je  the number that tells the e-th element in place j from all others (of 16 bits, 0xXXje)
    0x5DA7A0je  what it points to
    0x5EED0000  what the file's function returns
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tests.harness import check, tool

if TYPE_CHECKING:
    from tests.harness import Compiler

ELF = "x86_64-linux-gnu"
WASM = "wasm32"

UNIT, CALLED = b"UUUU", b"CCCC"
VALUE = 0x5EED0000
POINTEE_MASK = 0x5A5A0000
ELEMENTS_OF_ARRAY = 3


@dataclass(frozen=True)
class Section:
    """A named section: the type of its elements, their size and alignment for wasm32, their size for x86-64."""

    type: str
    size: int
    alignment: int
    elf_size: int


SECTIONS = {
    "alpha": Section("int", 4, 4, 4),
    "beta": Section("struct beta", 12, 4, 24),
    "gamma": Section("long long", 8, 8, 8),
    "delta": Section("unsigned short", 2, 2, 2),
    "omega": Section("struct omega", 16, 16, 16),
    "mixed": Section("int", 4, 4, 8),  # of different sizes, read through pointers
}
# Of this one the program reads a table of pointers, too, which ldshim makes.
WITH_TABLE = "omega"

# What makes an element: by a marker, by the section's own name, in a custom section.
MARKED = ("marked", "keyed", "array", "weak_marked", "inline_marked", "pointed", "pointed_large")
NATIVE = ("native", "native_global", "weak_native", "inline_native")
CUSTOM = ("custom", "paired")
KINDS = (*MARKED, *NATIVE, *CUSTOM, "declare", "plain")
# Several files may have copies of one.
COPIES = ("weak_marked", "inline_marked", "inline_native")
# These share names with those of other files, if only by chance: a weak definition overridden is still an element.
SHARED = (*COPIES, "weak_native")
CXX = ("inline_marked", "inline_native")


@dataclass(frozen=True)
class Piece:
    """One thing in a file: `kind` of KINDS, in the section of that name."""

    kind: str
    section: str

    @property
    def elements(self) -> int:
        if self.kind in ("declare", "plain"):
            return 0
        return ELEMENTS_OF_ARRAY if self.kind == "array" else 1


@dataclass(frozen=True)
class Shape:
    """A kind of file; what the copies of its template have in common."""

    pieces: tuple[Piece, ...]
    level: str = "-O0"
    calls: bool = False  # it calls another file's function
    uses_own: bool = False  # its function reads its first element

    @property
    def language(self) -> str:
        return "c++" if any(piece.kind in CXX for piece in self.pieces) else "c"


def kinds_of(section: str) -> tuple[str, ...]:
    if section == "mixed":
        return ("pointed", "pointed_large", "declare")
    kinds = [kind for kind in KINDS if not kind.startswith("pointed")]
    if section == WITH_TABLE:
        kinds = [kind for kind in kinds if kind not in CUSTOM]  # they do not say where an element begins
    if section == "beta":  # what has pointers is not paired
        kinds.remove("paired")
    return tuple(kinds)


def _is_possible(pieces: tuple[Piece, ...]) -> bool:
    """Whether one object can hold these; a segment X beside a custom section X may be one thing or two."""
    native = {piece.section for piece in pieces if piece.kind in NATIVE}
    custom = {piece.section for piece in pieces if piece.kind in CUSTOM}
    declared = [piece.section for piece in pieces if piece.kind == "declare"]
    return not native & custom and len(declared) == len(set(declared))


@cache
def catalogue(size: int) -> tuple[Shape, ...]:
    """`size` shapes, the same ones each time, simple ones first: every kind in every section alone, then mixtures."""
    singles = [Shape((Piece(kind, section),)) for section in SECTIONS for kind in kinds_of(section)]
    chance = random.Random(1)
    shapes = dict.fromkeys(chance.sample(singles, min(len(singles), size // 2)))
    while len(shapes) < size:
        pieces = []
        sections = chance.sample(list(SECTIONS), 2)
        for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 6))):
            section = chance.choice(sections)
            pieces.append(Piece(chance.choice((*kinds_of(section), "keyed" if section != "mixed" else "pointed")), section))
        if _is_possible(tuple(pieces)):
            level = chance.choice(("-O0", "-O2"))
            shapes[Shape(tuple(pieces), level, chance.random() < 0.3, chance.random() < 0.3)] = None
    return tuple(sorted(shapes, key=lambda shape: (len(shape.pieces), shape.calls + shape.uses_own)))


# Sources.

PROLOGUE = """
#include <ldshim.h>
#if defined(__cplusplus)
#define C extern "C"
#else
#define C
#endif
#define KEEP used, visibility("hidden")
struct beta { int id; const int *data; int (*call)(void); };
struct omega { int id; int rest[3]; } __attribute__((aligned(16)));
LDSHIM_SECTION(alpha, int);
LDSHIM_SECTION(beta, struct beta);
LDSHIM_SECTION(gamma, long long);
LDSHIM_SECTION(delta, unsigned short);
LDSHIM_SECTION(omega, struct omega);
LDSHIM_POINTERS(mixed, int);
"""


def element_magic(section: str, place: int, element: int, short: int) -> int:
    low = place * 16 + element
    return (short << 8) + low if section == "delta" else 0x5EA1D000 + low


def pointee_magic(place: int, element: int) -> int:
    return 0x5DA7A000 + place * 16 + element


def _value(piece: Piece, place: int, element: int, short: int) -> str:
    magic = hex(element_magic(piece.section, place, element, short))
    if piece.section == "beta":
        return f"{{{magic}, &data{place}{element}, call{place}{element}}}"
    return f"{{{magic}}}" if piece.section == "omega" else magic


def _source_of(piece: Piece, place: int, target: str, short: int) -> str:
    section, kind = piece.section, piece.kind
    type_ = SECTIONS[section].type
    name = f"e{place}_UUUU"
    copy = f"{kind[0]}_{section}_GGG{place}"
    lines = []
    if section == "beta":
        for at in (f"{place}{element}" for element in range(piece.elements)):
            lines.append(f'__attribute__((KEEP)) int data{at} __asm__("d{at}_UUUU") = {pointee_magic(place, int(at[-1]))};')
            lines.append(f'int call{at}(void) __asm__("c{at}_UUUU");')
            lines.append(f"__attribute__((KEEP)) int call{at}(void) {{ return *(volatile int *)&data{at}; }}")
    value = "" if kind == "plain" else _value(piece, place, 0, short)
    placed = f'section("{section}"), aligned(__alignof__({type_}))'
    retained = ", retain" if target == ELF else ""
    if kind == "marked":
        lines.append(f"LDSHIM_ELEMENT({section}, {type_}, {name}) = {value};")
    elif kind == "keyed":
        lines.append(f"LDSHIM_ELEMENT_KEYED({section}, KKK{place}, {type_}, {name}) = {value};")
    elif kind == "array":
        values = ", ".join(_value(piece, place, element, short) for element in range(ELEMENTS_OF_ARRAY))
        where = f'section("{section}"), ' if target == ELF else ""
        lines.append(
            f'__attribute__((KEEP{retained}, {where}aligned(__alignof__({type_})))) {type_} {name}[{ELEMENTS_OF_ARRAY}] '
            f'__asm__("__ldshim${section}$$array{place}_UUUU") = {{{values}}};'
        )
    elif kind == "weak_marked":
        lines.append(f'__attribute__((KEEP, weak)) {type_} {name} __asm__("__ldshim${section}$$x{copy}") = {value};')
    elif kind == "inline_marked":
        label, where = (f"m{copy}", f", retain, {placed}") if target == ELF else (f"__ldshim${section}$$m{copy}", "")
        lines.append(f'inline __attribute__((KEEP{where})) {type_} {name} __asm__("{label}") = {value};')
    elif kind == "inline_native":
        lines.append(f'inline __attribute__((KEEP{retained}, {placed})) {type_} {name} __asm__("n{copy}") = {value};')
    elif kind == "weak_native":
        lines.append(f'__attribute__((KEEP{retained}, weak, {placed})) {type_} {name} __asm__("{copy}") = {value};')
    elif kind in ("native", "native_global"):
        storage = "static" if kind == "native" else ""
        attributes = "used" if kind == "native" else "KEEP"
        lines.append(f"{storage} __attribute__(({attributes}{retained}, {placed})) {type_} {name} = {value};")
    elif kind == "pointed":
        lines.append(f"LDSHIM_POINTERS_ELEMENT(mixed, int, {name}) = {value};")
    elif kind == "pointed_large":
        lines.append(f"struct large{place} {{ int id; char rest[{3 + 5 * place}]; }}; LDSHIM_POINTERS_ELEMENT(mixed, struct large{place}, {name}) = {{{value}}};")
    elif kind in CUSTOM:
        lines.append(_custom(piece, place, target, short))
        if kind == "paired":
            lines.append(f"static __attribute__((used)) {type_} {name} = {value};")
    elif kind == "declare":
        lines.append(f"LDSHIM_MAY_BE_EMPTY({section});")
    elif kind == "plain":
        lines.append(f'__attribute__((used)) static const char *text{place} = "text of {section} {place}, UUUU"; static int zeros{place}[5] __attribute__((used));')
    return "\n".join(lines) + "\n"


def _custom(piece: Piece, place: int, target: str, short: int) -> str:
    magic = element_magic(piece.section, place, 0, short)
    if target == ELF:
        head, word, pointer = f'.section {piece.section},\\"aw\\",@progbits', ".long", ".quad"
    else:
        head, word, pointer = f'.section .custom_section.{piece.section},\\"\\",@', ".int32", ".int32"
    lines = {
        "alpha": [f"{word} {magic}"],
        "beta": [f"{word} {magic}", *([".zero 4"] if target == ELF else []), f"{pointer} d{place}0_UUUU", f"{pointer} c{place}0_UUUU"],
        "gamma": [f"{word} {magic}", f"{word} 0"],
        "delta": [f"{'.short' if target == ELF else '.int16'} {magic}"],
    }[piece.section]
    back = [".text"] if target == ELF else []
    return "__asm__(" + "".join(f'"{line}\\n"' for line in [head, *lines, *back]) + ");"


def source(shape: Shape, target: str, short: int) -> str:
    text = PROLOGUE + "".join(_source_of(piece, place, target, short) for place, piece in enumerate(shape.pieces))
    text += f"C int need_UUUU(void);\n__attribute__((used)) static int value_UUUU = {VALUE};\n"
    if shape.calls:
        text += "C int need_CCCC(void);\n"
    terms = ["*(volatile int *)&value_UUUU"]
    if shape.calls:
        terms.append("need_CCCC()")
    if used_piece(shape) is not None:
        name = f"e{used_piece(shape)}_UUUU"
        terms.append(f"(int)*(volatile unsigned short *)&{name}")
    return text + f"C int need_UUUU(void) {{ return {' + '.join(terms)}; }}\n"


def used_piece(shape: Shape) -> int | None:
    """The place of the element that the file's function reads."""
    if not shape.uses_own:
        return None
    readable = ("marked", "keyed", "native", "native_global", "pointed")
    return next((place for place, piece in enumerate(shape.pieces) if piece.kind in readable), None)


# Templates.


@dataclass(frozen=True)
class Template:
    """An object with placeholders; `symbols` are the global ones that it defines, `order` its elements as they stand in it."""

    data: bytes
    symbols: tuple[bytes, ...]
    order: tuple[tuple[int, int], ...]  # (place, element)
    short: int


def magic_bytes(shape: Shape, place: int, element: int, short: int) -> bytes:
    section = shape.pieces[place].section
    return struct.pack("<H" if section == "delta" else "<I", element_magic(section, place, element, short))


def compiled(cc: Compiler, shape: Shape, target: str) -> Template:
    for short in range(0xA1, 0xFF, 2):
        flags = [shape.level, *(["-std=c++17"] if shape.language == "c++" else [])]
        if target == ELF:
            flags += ["-fno-asynchronous-unwind-tables", "-fno-pic"]
        path = cc(source(shape, target, short), *flags, target=target, language=shape.language, name="template")
        data = path.read_bytes()
        copies = 2  # a paired static is there twice
        places = {}
        for place, piece in enumerate(shape.pieces):
            for element in range(piece.elements):
                magic = magic_bytes(shape, place, element, short)
                count = data.count(magic)
                assert count
                if count > (copies if piece.kind == "paired" else 1):
                    break
                # Where a custom section has more than statics repeat, its bytes are copied; it stands behind all data.
                is_copied = piece.kind == "paired" and Piece("custom", piece.section) in shape.pieces
                places[place, element] = data.rfind(magic) if is_copied else data.find(magic)
            else:
                continue
            break
        else:
            names = check([tool("llvm-nm-22"), "-gjU", path]).stdout.split()
            order = tuple(sorted(places, key=places.__getitem__))
            return Template(data, tuple(name.encode() for name in names), order, short)
    raise AssertionError("no short magic is unique")

