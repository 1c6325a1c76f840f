"""Writing the parts of an object: sections, relocations, the subsections of `linking`.

The editor and the synthesized objects use the same few encoders.  Sizes of sections are written over five bytes, as LLVM does.
"""

from __future__ import annotations

from ldshim.wasm.format import (
    OPCODE_END,
    OPCODE_I32_CONST,
    OPCODE_I64_CONST,
    RELOCATIONS_WITH_ADDEND,
    SEC_CUSTOM,
)
from ldshim.wasm.leb128 import signed, unsigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ldshim.wasm.entries import Relocation

SIZE_WIDTH = 5


def name(text: bytes) -> bytes:
    return unsigned(len(text)) + text


def section(ident: int, payload: bytes) -> bytes:
    return bytes((ident,)) + unsigned(len(payload), SIZE_WIDTH) + payload


def custom_section(title: bytes, payload: bytes) -> bytes:
    return section(SEC_CUSTOM, name(title) + payload)


def subsection(kind: int, payload: bytes, width: int = SIZE_WIDTH) -> bytes:
    """A part of `linking`; `width` is the number of bytes its size is written over."""
    return bytes((kind,)) + unsigned(len(payload), width) + payload


def vector(items: Iterable[bytes]) -> bytes:
    parts = list(items)
    return unsigned(len(parts)) + b"".join(parts)


def segment(content: bytes, *, is_64: bool) -> bytes:
    """An active segment.  Its place is 0: the linker gives it another, and reads only the opcode."""
    opcode = OPCODE_I64_CONST if is_64 else OPCODE_I32_CONST
    return bytes((0, opcode, 0, OPCODE_END)) + unsigned(len(content)) + content


def segment_info(title: bytes, p2align: int, flags: int) -> bytes:
    return name(title) + unsigned(p2align) + unsigned(flags)


def data_symbol(title: bytes, flags: int, index: int, offset: int, size: int) -> bytes:
    """A defined data symbol."""
    return b"\x01" + unsigned(flags) + name(title) + unsigned(index) + unsigned(offset) + unsigned(size)


def undefined_data_symbol(title: bytes, flags: int) -> bytes:
    return b"\x01" + unsigned(flags) + name(title)


def relocation(entry: Relocation, shift: int = 0) -> bytes:
    """One entry of a `reloc.*` section, its offset moved by `shift`."""
    encoded = unsigned(entry.type) + unsigned(entry.offset + shift) + unsigned(entry.index)
    if entry.type in RELOCATIONS_WITH_ADDEND:
        encoded += signed(entry.addend)
    return encoded


def relocation_section(title: bytes, target: int, entries: Iterable[Relocation]) -> bytes:
    """`entries` ascend by offset: LLVM refuses others."""
    return custom_section(b"reloc." + title, unsigned(target) + vector([relocation(e) for e in entries]))
