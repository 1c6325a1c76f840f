"""Reading bitcode: what it says of its symbols agrees with LLVM's own tools, and damage is an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldshim.bitcode import ALIAS, FUNCTION, VARIABLE, bitstream
from ldshim.bitcode import module as bitcode
from ldshim.bitcode.bitstream import MalformedBitcode
from tests.harness import check, tool

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

SOURCE = """
extern int somewhere, maybe __attribute__((weak));
extern void outside(void);
static int hidden_in_file __attribute__((used)) = 1;
__attribute__((section("a section.with \\\\\\"odd\\\\\\" name"))) int placed = 2;
__attribute__((section("hooks"), aligned(64), used)) static const char text[] = "text";
__attribute__((weak)) int weak = 3;
int strange __asm__("n\\303\\244me with $ and \\\\\\"") = 4;
int target = 5;
extern int other __attribute__((alias("target")));
_Thread_local int of_thread = 6;
struct empty {} nothing;
int *function(void) { outside(); return &maybe ? &maybe : &somewhere; }
"""
CXX = """
template <int N> struct T { static int value; };
template <int N> __attribute__((used, section("hooks"))) int T<N>::value = N;
inline int shared = 7;
int sum() { return T<1>::value + T<2>::value + shared; }
"""
CLANGS = ("14", "15", "16", "19", "22")
LINE = re.compile(r'^@(?:"((?:[^"\\]|\\..)*)"|([-\w.]+)) = (.*)', re.MULTILINE)
FUNCTION_LINE = re.compile(r'^(define|declare) .*?@(?:"((?:[^"\\]|\\..)*)"|([-\w.]+))\(', re.MULTILINE)


def unescaped(text: str) -> bytes:
    parts = re.split(r"\\(\\|[0-9A-F]{2})", text)
    return b"".join(part.encode() if i % 2 == 0 else b"\\" if part == "\\" else bytes.fromhex(part) for i, part in enumerate(parts))


def as_llvm_has_it(path: Path) -> list[tuple[str, bytes, bool, bytes, bool]]:
    """Kind, name, whether it is a declaration, section, and whether it is local, by llvm-dis."""
    text = check([tool("llvm-dis-22"), path, "-o", "-"]).stdout
    variables: list[tuple[bytes, bool, bytes, bool]] = []
    aliases: list[tuple[bytes, bool, bytes, bool]] = []
    for quoted, plain, rest in LINE.findall(text):
        words = rest.split(" global ")[0].split(" constant ")[0].split()
        section = re.search(r', section "((?:[^"\\]|\\..)*)"', rest)
        declared = any(word in ("external", "extern_weak", "available_externally") for word in words)
        local = any(word in ("internal", "private") for word in words)
        entry = (unescaped(quoted or plain), declared, unescaped(section[1]) if section else b"", local)
        (aliases if " alias " in rest else variables).append(entry)
    functions = [(unescaped(quoted or plain), how == "declare", b"", False) for how, quoted, plain in FUNCTION_LINE.findall(text)]
    return [(VARIABLE, *v) for v in variables] + [(FUNCTION, *f) for f in functions] + [(ALIAS, *a) for a in aliases]


@pytest.mark.parametrize("clang", CLANGS)
@pytest.mark.parametrize("flavor", ["-flto", "-flto=thin"])
def test_symbols_are_those_that_llvm_dis_prints(cc: Compiler, clang: str, flavor: str) -> None:
    for source, language in ((SOURCE, "c"), (CXX, "c++")):
        path = cc(source, "-O0", "-g", flavor, clang=clang, language=language)
        module = bitcode.read(path.read_bytes())
        ours = [(g.kind, g.name, g.is_declaration, g.section, g.is_local) for g in module.globals]
        assert ours == as_llvm_has_it(path)
        assert module.is_thin == (flavor == "-flto=thin")
        assert module.producer.startswith(b"LLVM" + clang.encode() + b".")
        assert module.triple == b"wasm32"


def test_alignments_groups_and_kinds_of_variables_are_read(cc: Compiler) -> None:
    module = bitcode.read(cc(SOURCE, "-O0", "-flto").read_bytes())
    variables = {g.name: g for g in module.globals}
    assert variables[b"text"].p2align == 6
    assert variables[b"of_thread"].is_thread_local
    assert not variables[b"placed"].is_thread_local
    assert variables[b"weak"].is_weak
    assert variables[b"maybe"].is_weak
    assert variables[b"somewhere"].is_declaration
    module = bitcode.read(cc(CXX, "-O0", "-flto", "-std=c++17", language="c++").read_bytes())
    groups = {g.name: module.comdats[g.comdat - 1] for g in module.globals if g.comdat}
    assert groups == {name: name for name in (b"_ZN1TILi1EE5valueE", b"_ZN1TILi2EE5valueE", b"shared")}


def test_assembly_is_read(cc: Compiler) -> None:
    module = bitcode.read(cc('__asm__(".globl f\\nf = 3");\nint x;', "-flto").read_bytes())
    assert module.asm == b".globl f\nf = 3\n"


def test_blocks_and_records_are_those_that_llvm_bcanalyzer_prints(cc: Compiler) -> None:
    path = cc(SOURCE, "-O2", "-g", "-flto=thin")
    data = path.read_bytes()
    dump = check([tool("llvm-bcanalyzer-22"), "--dump", path]).stdout
    printed = re.findall(r"^  <(\w+) (?:abbrevid=\d+ )?((?:op\d+=\d+ ?)*)", dump.split("<MODULE_BLOCK")[1].split("</MODULE_BLOCK")[0], re.MULTILINE)
    records = [[int(number) for number in re.findall(r"=(\d+)", operands)] for _, operands in printed if operands]
    block = bitcode.read(data).block
    ours = [item.values for item in bitstream.Reader(data, block) if isinstance(item, bitstream.Record)]
    assert [values for values in ours if values] == [values for values in records if values]


def test_a_bitcode_file_that_is_cut_is_refused(cc: Compiler) -> None:
    data = cc(SOURCE, "-O1", "-flto").read_bytes()
    for size in range(0, len(data) - 4, 4):
        with pytest.raises(MalformedBitcode):
            bitcode.read(data[:size])


def test_a_bitcode_file_with_any_bit_flipped_is_read_or_refused(cc: Compiler) -> None:
    data = cc(SOURCE, "-O1", "-flto=thin").read_bytes()
    for position in range(0, len(data) * 8, 7):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        read_or_refused(bytes(flipped))


@given(st.binary(max_size=300))
def test_noise_is_read_or_refused(noise: bytes) -> None:
    read_or_refused(b"BC\xc0\xde" + noise)
    read_or_refused(b"\xde\xc0\x17\x0b" + noise)


def read_or_refused(data: bytes) -> None:
    try:
        bitcode.read(bitcode.unwrapped(data))
    except MalformedBitcode:
        pass
    bitcode.producer(data)


def test_several_modules_in_one_file_are_refused(cc: Compiler, tmp_path: Path) -> None:
    both = tmp_path / "both.bc"
    check([tool("llvm-cat-22"), "-b", "-o", both, cc(SOURCE, "-flto"), cc("int x;", "-flto")])
    with pytest.raises(MalformedBitcode, match="several modules"):
        bitcode.read(both.read_bytes())


@given(st.lists(st.tuples(st.integers(0, 40), st.lists(st.integers(0, 2**64 - 1), max_size=5)), max_size=5), st.integers(2, 8))
def test_what_is_written_is_read_back(records: list[tuple[int, list[int]]], width: int) -> None:
    inner = bitstream.Writer()
    for code, values in records:
        inner.record(code, values, width)
    inner.fixed(bitstream.END_BLOCK, width)
    outer = bitstream.Writer()
    outer.block(17, width, inner.to_bytes(), bitstream.OUTER_WIDTH)
    data = b"BC\xc0\xde" + outer.to_bytes()
    (block,) = bitstream.blocks(data)
    assert block.id == 17
    assert [(r.code, r.values) for r in bitstream.Reader(data, block) if isinstance(r, bitstream.Record)] == records
