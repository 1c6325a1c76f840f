"""Objects are read as LLVM reads them, and an edited object is the old one but for what was edited."""

from __future__ import annotations

import copy
import functools
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ldshim.anchors import Anchor, anchor_object
from ldshim.wasm import editor, writer
from ldshim.wasm.editor import Edit, NewSegment, NewSymbol
from ldshim.wasm.entries import Relocation
from ldshim.wasm.format import (
    COMDAT_DATA,
    MODULE_HEADER,
    NO_STRIP,
    R_FUNCTION_OFFSET_I32,
    R_MEMORY_ADDR_I32,
    R_TABLE_INDEX_I32,
    SEG_FLAG_RETAIN,
    SEG_FLAG_STRINGS,
    SYMBOL_DATA,
    VISIBILITY_HIDDEN,
)
from ldshim.wasm.leb128 import unsigned
from ldshim.wasm.reader import ObjectFile
from tests.harness import check, tool
from tests.linkers import WASM_LDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness import Compiler

LINKERS = ("14", "15", "16", "19", "22")

Yaml = dict[str, Any]

# Objects to read and to edit.

C = """
__attribute__((section("named"), used)) int one = 1;
extern int elsewhere;
void external(void);
__attribute__((import_module("module"), import_name("name"))) void imported(void);
void (*pointer_to_function)(void) = external;
int *pointer_to_data = &elsewhere + 3;
__attribute__((weak)) int weak = 4;
int zero[100];
static int *local = &zero[2];
_Thread_local int threads_own = 5;
extern _Thread_local int threads_elsewhere;
__attribute__((constructor)) static void constructor(void) { zero[1]++; }
int get(int x) {
  static const char *strings[] = {"a", "bb"};
  volatile int stack[10];
  stack[x] = *local;
  imported();
  pointer_to_function();
  return stack[x] + one + strings[x][0] + weak + *pointer_to_data + threads_own + threads_elsewhere;
}
"""

CPP = """
int external();
int catches() { try { return external(); } catch (int) { return 2; } }
template <class T> struct Holder { static inline T value = T(3); static inline T get() { return value; } };
__attribute__((section("named"), used)) inline int variable = 4;
__attribute__((section("named"), used)) inline int another = 5;
int all() { return Holder<int>::get() + Holder<long long>::get() + variable + another; }
"""

ASSEMBLY = """
        .globaltype __stack_pointer, i32
        .tabletype table, funcref
        .globl table
table:
        .tagtype tag i32
        .globl tag
tag:
        .text
        .globl function
        .type function,@function
function:
        .functype function () -> ()
        global.get __stack_pointer
        drop
        i32.const data@MBREL
        drop
        i32.const function@TBREL
        drop
        global.get data@GOT
        drop
        table.size table
        drop
        i32.const 0
        throw tag
        end_function
        .section .custom_section.entries,"",@
        .int32 function
        .int32 data+4
        .int64 data-4
        .int64 function
        .int32 __stack_pointer
        .int32 elsewhere+1000000
        .int8 1
        .int32 .Lother
        .int32 .Ldebug
        .section .custom_section.more,"",@
        .int32 1
.Lother:
        .int32 function
        .section .custom_section.grouped,"G",@,group,comdat
        .int32 data
        .section .custom_section.table,"",@
        .int32 1
        .int32 function
        .section .custom_section.plain,"",@
        .ascii "no relocations"
        .section .debug_info,"",@
        .int32 1
.Ldebug:
        .int32 function
        .section .data.data,"",@
        .globl data
data:
        .int32 function
        .int32 0
        .size data, 8
"""

FUNCTION_INDEX = """
        .globl function
        .type function,@function
function:
        .functype function () -> ()
        end_function
        .section .custom_section.entries,"",@
        .int32 function@FUNCINDEX
"""

ONLY_CODE = "int external(int); int compute(int x) { return external(x) + 1; }"

# The object has 127 segments: with one more, their number takes a byte more.
MANY_SEGMENTS = "".join(f"extern int e{i}; int *p{i} = &e{i};\n" for i in range(127))

EXCEPTIONS = ("-mexception-handling", "-mreference-types")


class Samples:
    """The bytes of objects that compilers and linkers write, by name."""

    def __init__(self, cc: Compiler, folder: Path) -> None:
        self.cc = cc
        self.folder = folder
        self.kept: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self.kept:
            self.kept[name] = SAMPLES[name](self)
        return self.kept[name]

    def relocatable(self, lld: str, *names: str) -> bytes:
        """What `wasm-ld -r` makes of the samples."""
        paths = []
        for name in names:
            path = self.folder / f"{name}.o"
            path.write_bytes(self[name])
            paths.append(path)
        output = self.folder / "relocatable.o"
        check([*WASM_LDS[lld], "-r", *paths, "-o", output])
        return output.read_bytes()


def compiled(source: str, *flags: str, **kwargs: str) -> Callable[[Samples], bytes]:
    return lambda samples: samples.cc(source, *flags, **kwargs).read_bytes()


SAMPLES: dict[str, Callable[[Samples], bytes]] = {
    "c": compiled(C, "-O1"),
    "c of clang 14": compiled(C, "-O1", clang="14"),
    "c of clang 16": compiled(C, "-O0", clang="16"),
    "c for debuggers": compiled(C, "-g"),
    "c for threads": compiled(C, "-O1", "-pthread", "-matomics", "-mbulk-memory"),
    "c of 64 bits": compiled(C, "-O1", "-g", target="wasm64"),
    "c independent of its position": compiled(C, "-O1", "-fPIC", target="wasm32-emscripten"),
    "c++": compiled(CPP, "-O0", language="c++"),
    "c++ for debuggers": compiled(CPP, "-O1", "-g", "-fwasm-exceptions", "-fexceptions", language="c++"),
    "assembly": compiled(ASSEMBLY, *EXCEPTIONS, language="assembler"),
    "function indexes": compiled(FUNCTION_INDEX, language="assembler"),
    "no data": compiled(ONLY_CODE, "-O1"),
    "no data for debuggers": compiled(ONLY_CODE, "-O1", "-g"),
    "no relocations of data": compiled("int one = 1;", "-O1"),
    "127 segments": compiled(MANY_SEGMENTS, "-O1"),
    "127 segments of clang 14": compiled(MANY_SEGMENTS, "-O1", clang="14"),
    "output of -r": lambda samples: samples.relocatable("22", "c for debuggers", "no data"),
    "output of lld 14's -r": lambda samples: samples.relocatable("14", "c of clang 14", "127 segments of clang 14"),
    "assembly through -r": lambda samples: samples.relocatable("19", "assembly"),
    "nothing": compiled(""),
}


@pytest.fixture(scope="module")
def samples(cc: Compiler, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return Samples(cc, tmp_path_factory.mktemp("samples"))


# What LLVM says of an object.


def dumped(data: bytes) -> list[Yaml]:
    """The sections, as obj2yaml shows them; every scalar is a string."""
    done = subprocess.run([tool("obj2yaml-22", "obj2yaml"), "-"], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    # Not every word that YAML 1.1 takes for a number or a truth is quoted in LLVM's output: take none for one.
    sections: list[Yaml] = yaml.load(done.stdout, Loader=yaml.CBaseLoader)["Sections"]
    return sections


def made(sections: list[Yaml]) -> bytes:
    """The object that yaml2obj makes of this."""
    # JSON is YAML.
    text = "--- !WASM\n" + json.dumps({"FileHeader": {"Version": 1}, "Sections": sections}, ensure_ascii=False)
    command = [tool("yaml2obj-22", "yaml2obj"), "-", "-o", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + text
    return done.stdout


def section_of(sections: list[Yaml], kind: str, name: str | None = None) -> Yaml:
    (found,) = [s for s in sections if s["Type"] == kind and (name is None or s.get("Name") == name)]
    return found


def linking_of(sections: list[Yaml]) -> Yaml:
    return section_of(sections, "CUSTOM", "linking")


def number(value: str | int) -> int:
    return int(value, 0) if isinstance(value, str) else value


# Both views of an object, in one form.

SECTION_TYPES = (
    "CUSTOM TYPE IMPORT FUNCTION TABLE MEMORY GLOBAL EXPORT START ELEM CODE DATA DATACOUNT TAG".split()  # noqa: SIM905
)
SYMBOL_KINDS = ("FUNCTION", "DATA", "GLOBAL", "SECTION", "TAG", "TABLE")
SYMBOL_FLAGS = {
    "BINDING_WEAK": 0x1,
    "BINDING_LOCAL": 0x2,
    "VISIBILITY_HIDDEN": 0x4,
    "UNDEFINED": 0x10,
    "EXPORTED": 0x20,
    "EXPLICIT_NAME": 0x40,
    "NO_STRIP": 0x80,
    "TLS": 0x100,
    "ABSOLUTE": 0x200,
}
SEGMENT_FLAGS = {"STRINGS": 0x1, "TLS": 0x2, "RETAIN": 0x4}
COMDAT_KINDS = {"DATA": 0, "FUNCTION": 1, "SECTION": 5}


def bits(names: list[str], values: dict[str, int]) -> int:
    return sum(values[name] for name in names)


def view_of_yaml(sections: list[Yaml]) -> Yaml:
    linking: Yaml = next((s for s in sections if s.get("Name") == "linking"), {})
    data: Yaml = next((s for s in sections if s["Type"] == "DATA"), {})
    imports = [entry for s in sections if s["Type"] == "IMPORT" for entry in s.get("Imports", [])]
    infos = {number(info["Index"]): info for info in linking.get("SegmentInfo", [])}
    return {
        "sections": [(s["Type"], s.get("Name", "")) for s in sections],
        "payloads": [s["Payload"] for s in sections if "Payload" in s],
        "relocations": [[_relocation_of_yaml(r) for r in s.get("Relocations", [])] for s in sections],
        "segments": [
            {
                "offset": number(segment["SectionOffset"]),
                "content": segment["Content"],
                "name": infos.get(i, {}).get("Name", ""),
                "p2align": number(infos.get(i, {}).get("Alignment", 0)),
                "flags": bits(infos.get(i, {}).get("Flags", []), SEGMENT_FLAGS),
            }
            for i, segment in enumerate(data.get("Segments", []))
        ],
        "symbols": [_symbol_of_yaml(symbol) for symbol in linking.get("SymbolTable", [])],
        "comdats": [
            (group["Name"], sorted((COMDAT_KINDS[entry["Kind"]], number(entry["Index"])) for entry in group["Entries"]))
            for group in linking.get("Comdats", [])
        ],
        "is 64": any("IS_64" in entry["Memory"].get("Flags", []) for entry in imports if entry["Kind"] == "MEMORY"),
        "tables": [entry["Field"] for entry in imports if entry["Kind"] == "TABLE"],
    }


def _relocation_of_yaml(entry: Yaml) -> tuple[str, int, int, int]:
    return entry["Type"], number(entry["Offset"]), number(entry["Index"]), number(entry.get("Addend", 0))


def _symbol_of_yaml(symbol: Yaml) -> Yaml:
    kind = symbol["Kind"]
    place = symbol.get("Segment" if kind == "DATA" else kind.capitalize(), -1)
    return {
        "kind": kind,
        "name": symbol.get("Name", ""),
        "flags": bits(symbol["Flags"], SYMBOL_FLAGS),
        "place": number(place),
        "offset": number(symbol.get("Offset", 0)),
        "size": number(symbol.get("Size", 0)),
    }


def view_of_reader(data: bytes) -> Yaml:
    obj = ObjectFile(data, "test.o")
    assert [s.index for s in obj.sections] == list(range(len(obj.sections)))
    assert [s.index for s in obj.symbols] == list(range(len(obj.symbols)))
    assert [s.index for s in obj.segments] == list(range(len(obj.segments)))
    assert [c.index for c in obj.comdats] == list(range(len(obj.comdats)))
    data_section = obj.section(11)
    shown = [s for s in obj.sections if not s.name.startswith(b"reloc.")]
    parsed = (b"linking", b"name", b"producers", b"target_features", b"dylink.0")
    return {
        "sections": [(SECTION_TYPES[s.id], s.name.decode()) for s in shown],
        "payloads": [data[s.content : s.end].hex().upper() for s in shown if s.id == 0 and s.name not in parsed],
        "relocations": [[(r.type_name, r.offset, r.index, r.addend) for r in obj.relocations(section.index)] for section in shown],
        "segments": [
            {
                "offset": segment.begin - (data_section.content if data_section else 0),
                "content": data[segment.begin : segment.end].hex().upper(),
                "name": segment.name.decode(),
                "p2align": segment.p2align,
                "flags": segment.flags,
            }
            for segment in obj.segments
        ],
        "symbols": [
            {
                "kind": SYMBOL_KINDS[symbol.kind],
                "name": symbol.name.decode(),
                "flags": symbol.flags,
                "place": symbol.element,
                "offset": symbol.offset,
                "size": symbol.size,
            }
            for symbol in obj.symbols
        ],
        "comdats": [(group.name.decode(), sorted(group.entries)) for group in obj.comdats],
        "is 64": obj.is_64,
        "tables": [table.decode() for table in obj.imported_tables],
    }


# Reading.


@pytest.mark.parametrize("name", SAMPLES)
def test_an_object_is_read_as_llvm_reads_it(samples: Samples, name: str) -> None:
    data = samples[name]
    assert view_of_reader(data) == view_of_yaml(dumped(data))


def test_the_samples_have_all_that_compilers_write(samples: Samples) -> None:
    views = [view_of_reader(samples[name]) for name in SAMPLES]
    symbols = [symbol for view in views for symbol in view["symbols"]]
    assert {symbol["kind"] for symbol in symbols} == set(SYMBOL_KINDS)
    flags = functools.reduce(int.__or__, (symbol["flags"] for symbol in symbols))
    assert flags == sum(SYMBOL_FLAGS.values()) - SYMBOL_FLAGS["ABSOLUTE"]
    segments = [segment for view in views for segment in view["segments"]]
    assert functools.reduce(int.__or__, (segment["flags"] for segment in segments)) == sum(SEGMENT_FLAGS.values())
    entries = [entry for view in views for _, entries in view["comdats"] for entry in entries]
    assert {kind for kind, _ in entries} == set(COMDAT_KINDS.values())
    types = {entry[0] for view in views for section in view["relocations"] for entry in section}
    assert {
        "R_WASM_FUNCTION_INDEX_I32",
        "R_WASM_FUNCTION_INDEX_LEB",
        "R_WASM_FUNCTION_OFFSET_I32",
        "R_WASM_FUNCTION_OFFSET_I64",
        "R_WASM_GLOBAL_INDEX_I32",
        "R_WASM_GLOBAL_INDEX_LEB",
        "R_WASM_MEMORY_ADDR_I32",
        "R_WASM_MEMORY_ADDR_I64",
        "R_WASM_MEMORY_ADDR_LEB",
        "R_WASM_MEMORY_ADDR_LEB64",
        "R_WASM_MEMORY_ADDR_REL_SLEB",
        "R_WASM_MEMORY_ADDR_TLS_SLEB",
        "R_WASM_SECTION_OFFSET_I32",
        "R_WASM_TABLE_INDEX_I32",
        "R_WASM_TABLE_INDEX_I64",
        "R_WASM_TABLE_INDEX_REL_SLEB",
        "R_WASM_TABLE_NUMBER_LEB",
        "R_WASM_TAG_INDEX_LEB",
        "R_WASM_TYPE_INDEX_LEB",
    } <= types


def test_symbols_and_groups_are_found_by_what_they_are_of(samples: Samples) -> None:
    obj = ObjectFile(samples["c++"], "test.o")
    for segment in obj.segments:
        expected = [s for s in obj.symbols if s.kind == SYMBOL_DATA and s.element == segment.index and not s.is_undefined]
        assert [s.index for s in obj.symbols_of_segment(segment.index)] == [s.index for s in expected]
        group = obj.comdat_of(COMDAT_DATA, segment.index)
        found = [] if group is None else [group.index]
        assert found == [c.index for c in obj.comdats if (COMDAT_DATA, segment.index) in c.entries]
    assert obj.symbols_of_segment(len(obj.segments)) == []


def test_a_linked_module_is_no_object(samples: Samples, tmp_path: Path) -> None:
    path = tmp_path / "no data.o"
    path.write_bytes(samples["nothing"])
    check([*WASM_LDS["22"], "--no-entry", path, "-o", tmp_path / "linked.wasm"])
    obj = ObjectFile((tmp_path / "linked.wasm").read_bytes(), "linked.wasm")
    assert not obj.is_relocatable
    assert (len(obj.segments), len(obj.symbols)) == (0, 0)


def test_relocations_may_be_in_several_sections() -> None:
    segments = writer.section(11, writer.vector([writer.segment(bytes(16), is_64=False)]))
    symbol = writer.subsection(8, writer.vector([writer.undefined_data_symbol(b"elsewhere", 0x10)]))
    parts = [MODULE_HEADER, segments, writer.custom_section(b"linking", unsigned(2) + symbol)]
    for offsets in ((14, 18), (6, 10)):
        entries = [Relocation(R_MEMORY_ADDR_I32, offset, 0) for offset in offsets]
        parts.append(writer.relocation_section(b"any name", 0, entries))
    view = view_of_reader(b"".join(parts))
    assert [entry[1] for entry in view["relocations"][0]] == [6, 10, 14, 18]
    (shown,) = [section["Relocations"] for section in dumped(b"".join(parts)) if "Relocations" in section]
    assert len(shown) == 4


def test_segments_may_be_anywhere_in_any_memory() -> None:
    where = {"Opcode": "I32_CONST", "Value": 0}
    segments = [
        {"SectionOffset": 6, "InitFlags": 0, "Offset": where, "Content": "01"},
        {"SectionOffset": 9, "InitFlags": 1, "Content": "02"},
        {"SectionOffset": 15, "InitFlags": 2, "MemoryIndex": 0, "Offset": where, "Content": "03"},
        {"SectionOffset": 21, "InitFlags": 0, "Offset": {"Opcode": "GLOBAL_GET", "Index": 0}, "Content": "04"},
    ]
    memory = {"Type": "MEMORY", "Memories": [{"Minimum": 1}]}
    linking = {"Type": "CUSTOM", "Name": "linking", "Version": 2}
    data = made([memory, {"Type": "DATA", "Segments": segments}, linking])
    assert [segment["content"] for segment in view_of_reader(data)["segments"]] == ["01", "02", "03", "04"]
    assert view_of_reader(data) == view_of_yaml(dumped(data))


# Objects that no compiler would write.

HOW_MANY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

NAMES = st.text(st.characters(categories=("L", "N", "P", "S"), include_characters=" "), min_size=1, max_size=12)
# Names of sections that LLVM looks into are drawn apart from those that it does not.
SECTION_NAMES = NAMES.map(lambda name: f".{name}")
SIZES = st.one_of(st.integers(0, 20), st.integers(120, 140))
RELOCATION_TYPES = {
    "FUNCTION": ("TABLE_INDEX_I32", "TABLE_INDEX_I64", "FUNCTION_OFFSET_I32", "FUNCTION_OFFSET_I64", "FUNCTION_INDEX_I32"),
    "DATA": ("MEMORY_ADDR_I32", "MEMORY_ADDR_I64"),
    "SECTION": ("SECTION_OFFSET_I32",),
}
WITHOUT_ADDEND = ("TABLE_INDEX_I32", "TABLE_INDEX_I64", "FUNCTION_INDEX_I32")


def _flags(draw: st.DrawFn, *names: str) -> list[str]:
    return [name for name in names if draw(st.booleans())]


def _leb_size(value: int) -> int:
    return max(1, (value.bit_length() + 6) // 7)


def _relocations(draw: st.DrawFn, symbols: list[Yaml], places: list[int]) -> list[Yaml]:
    """Some relocations at some of these places, each of which has eight bytes."""
    usable = [i for i, symbol in enumerate(symbols) if symbol["Kind"] in RELOCATION_TYPES]
    if not usable or not places:
        return []
    entries = []
    for offset in sorted(draw(st.lists(st.sampled_from(places), max_size=6))):
        index = draw(st.sampled_from(usable))
        kind = draw(st.sampled_from(RELOCATION_TYPES[symbols[index]["Kind"]]))
        entry: Yaml = {"Type": f"R_WASM_{kind}", "Index": index, "Offset": offset}
        if kind not in WITHOUT_ADDEND:
            bound = 1 << (62 if kind.endswith("I64") else 31)
            entry["Addend"] = draw(st.one_of(st.integers(-5, 200), st.integers(-bound, bound - 1)))
        entries.append(entry)
    return entries


@st.composite
def yaml_objects(draw: st.DrawFn) -> list[Yaml]:
    """The sections of an object, for yaml2obj."""
    imports: list[Yaml] = []
    if draw(st.booleans()):
        memory = {"Flags": _flags(draw, "IS_64"), "Minimum": 1}
        imports.append({"Module": "env", "Field": "__linear_memory", "Kind": "MEMORY", "Memory": memory})
    imported = draw(st.lists(NAMES, max_size=3, unique=True))
    imports += [{"Module": "env", "Field": name, "Kind": "FUNCTION", "SigIndex": 0} for name in imported]
    limits: Yaml = {"Minimum": 0}
    if draw(st.booleans()):
        limits = {"Flags": ["HAS_MAX"], "Minimum": 200, "Maximum": 300}
    for index, name in enumerate(draw(st.lists(NAMES, max_size=2))):
        table = {"Index": index, "ElemType": draw(st.sampled_from(("FUNCREF", "EXTERNREF"))), "Limits": limits}
        imports.append({"Module": draw(NAMES), "Field": name, "Kind": "TABLE", "Table": table})
    functions = draw(st.integers(0, 2))
    contents = draw(st.one_of(st.none(), st.lists(st.binary(max_size=150), max_size=5)))
    if contents is not None and draw(st.integers(0, 9)) == 0:
        contents += [b""] * draw(st.integers(100, 130))

    sections: list[Yaml] = [
        {"Type": "TYPE", "Signatures": [{"Index": 0, "ParamTypes": [], "ReturnTypes": []}]},
        {"Type": "IMPORT", "Imports": imports},
    ]
    if functions:
        sections.append({"Type": "FUNCTION", "FunctionTypes": [0] * functions})
    if contents is not None and draw(st.booleans()):
        sections.append({"Type": "DATACOUNT", "Count": len(contents)})
    if functions:
        bodies = [{"Index": len(imported) + i, "Locals": [], "Body": "0B"} for i in range(functions)]
        sections.append({"Type": "CODE", "Functions": bodies})
    segments: list[Yaml] = []
    places: list[int] = []
    end = _leb_size(len(contents or ()))
    for content in contents or ():
        begin = end + 4 + _leb_size(len(content))
        end = begin + len(content)
        places += range(begin, end - 7)
        where = {"Opcode": "I32_CONST", "Value": 0}
        segments.append({"SectionOffset": begin, "InitFlags": 0, "Offset": where, "Content": content.hex().upper()})
    data: Yaml = {"Type": "DATA", "Segments": segments}
    if contents is not None:
        sections.append(data)
    for title in draw(st.lists(SECTION_NAMES, max_size=3)):
        at = draw(st.integers(0, len(sections)))
        sections.insert(at, {"Type": "CUSTOM", "Name": title, "Payload": draw(st.binary(max_size=40)).hex().upper()})
    linking: Yaml = {"Type": "CUSTOM", "Name": "linking", "Version": 2}
    sections.append(linking)
    sections += [
        {"Type": "CUSTOM", "Name": title, "Payload": draw(st.binary(max_size=40)).hex().upper()}
        for title in draw(st.lists(SECTION_NAMES, max_size=2))
    ]

    symbols = _symbols(draw, sections, imported, functions, segments)
    custom = [i for i, s in enumerate(sections) if "Payload" in s]
    for section in (sections[i] for i in custom):
        entries = _relocations(draw, symbols, list(range(len(section["Payload"]) // 2 - 7)))
        if entries:
            section["Relocations"] = entries
    entries = _relocations(draw, symbols, places)
    if entries:
        data["Relocations"] = entries
    if symbols:
        linking["SymbolTable"] = symbols
    if draw(st.booleans()) and segments:
        linking["SegmentInfo"] = [
            {
                "Index": i,
                "Name": draw(NAMES) if i < 6 else f".data.{i}",
                "Alignment": draw(st.integers(0, 16)) if i < 6 else 2,
                "Flags": _flags(draw, *SEGMENT_FLAGS) if i < 6 else [],
            }
            for i in range(len(segments))
        ]
    members = [("DATA", i) for i in range(min(len(segments), 6))]
    members += [("FUNCTION", len(imported) + i) for i in range(functions)] + [("SECTION", i) for i in custom if i < sections.index(linking)]
    groups = draw(st.lists(NAMES, max_size=3, unique=True))
    if groups and members:
        linking["Comdats"] = [{"Name": name, "Entries": []} for name in groups]
        for kind, index in draw(st.permutations(members)):
            number_of_group = draw(st.integers(0, len(groups)))
            if number_of_group < len(groups):
                linking["Comdats"][number_of_group]["Entries"].append({"Kind": kind, "Index": index})
    return sections


def _symbols(draw: st.DrawFn, sections: list[Yaml], imported: list[str], functions: int, segments: list[Yaml]) -> list[Yaml]:
    symbols: list[Yaml] = []
    for index, name in enumerate(imported):
        symbol: Yaml = {"Kind": "FUNCTION", "Name": name, "Flags": ["UNDEFINED", *_flags(draw, "NO_STRIP")]}
        if draw(st.booleans()):
            # The name in the symbol table is another than the import's.
            symbol.update(Name=f"{name} explicit", Flags=[*symbol["Flags"], "EXPLICIT_NAME"])
        symbols.append({**symbol, "Function": index})
    # LLVM knows no section that stands behind `linking` by then.
    before = [s.get("Name") for s in sections].index("linking")
    customs = [i for i, s in enumerate(sections[:before]) if s["Type"] in ("CUSTOM", "CODE", "DATA")]
    kinds = ["UNDEFINED", "ABSOLUTE"] + ["SECTION"] * bool(customs) + ["FUNCTION"] * bool(functions) + ["DATA"] * bool(segments)
    for position, kind in enumerate(draw(st.lists(st.sampled_from(kinds), max_size=8))):
        flags = _flags(draw, "VISIBILITY_HIDDEN", "EXPORTED", "NO_STRIP", "TLS")
        flags += draw(st.sampled_from(([], ["BINDING_WEAK"], ["BINDING_LOCAL"])))
        named: Yaml = {"Kind": "DATA", "Name": f"{draw(NAMES)} {position}", "Flags": flags}
        if kind == "SECTION":
            symbols.append({"Kind": "SECTION", "Flags": ["BINDING_LOCAL"], "Section": draw(st.sampled_from(customs))})
        elif kind == "UNDEFINED":
            symbols.append({**named, "Flags": [*_flags(draw, "BINDING_WEAK", "NO_STRIP"), "UNDEFINED"]})
        elif kind == "ABSOLUTE":
            symbols.append({**named, "Flags": [*flags, "ABSOLUTE"], "Offset": draw(st.integers(0, 2**31)), "Size": 4})
        elif kind == "FUNCTION":
            symbols.append({**named, "Kind": kind, "Function": len(imported) + draw(st.integers(0, functions - 1))})
        else:
            segment = draw(st.integers(0, len(segments) - 1))
            offset = draw(st.integers(0, len(segments[segment]["Content"]) // 2))
            symbols.append({**named, "Segment": segment, "Offset": offset, "Size": draw(SIZES)})
    for index, symbol in enumerate(symbols):
        symbol["Index"] = index
    return symbols


@HOW_MANY
@given(yaml_objects())
def test_an_object_is_read_as_it_was_generated(sections: list[Yaml]) -> None:
    data = made(sections)
    event(f"segments: {min(len(ObjectFile(data, '').segments), 7)}")
    assert view_of_reader(data) == view_of_yaml(sections)
    assert applied(data, Edit()) == data


@HOW_MANY
@given(yaml_objects())
def test_a_generated_object_that_is_rewritten_says_what_it_said(sections: list[Yaml]) -> None:
    data = made(sections)
    rewritten = applied(data, edit_of_everything_to_what_it_is(data))
    assert view_of_reader(rewritten) == view_of_reader(data)
    assert dumped(rewritten) == dumped(data)


@HOW_MANY
@given(yaml_objects(), st.lists(st.binary(max_size=20), min_size=1, max_size=30))
def test_segments_are_appended_to_any_object(sections: list[Yaml], contents: list[bytes]) -> None:
    data = made(sections)
    before = dumped(data)
    edit = Edit()
    first_segment = len(ObjectFile(data, "").segments)
    first_symbol = len(ObjectFile(data, "").symbols)
    for i, content in enumerate(contents):
        entries = [Relocation(R_MEMORY_ADDR_I32, 0, first_symbol + i, i)] if len(content) >= 4 else []
        edit.new_segments.append(NewSegment(b"added", 2, content, entries))
        edit.new_symbols.append(NewSymbol(b"added %d" % i, VISIBILITY_HIDDEN, first_segment + i, 0, len(content)))
    result = applied(data, edit)
    view = view_of_reader(result)
    assert view == view_of_yaml(dumped(result))
    added = view["segments"][first_segment:]
    assert [segment["content"] for segment in added] == [content.hex().upper() for content in contents]
    assert [s["name"] for s in view["symbols"][first_symbol:]] == [f"added {i}" for i in range(len(contents))]
    expected = [
        ("R_WASM_MEMORY_ADDR_I32", segment["offset"], first_symbol + i, i)
        for i, segment in enumerate(added)
        if len(segment["content"]) >= 8
    ]
    old, new = _relocations_of_data(before), _relocations_of_data(dumped(result))
    growth = _leb_size(first_segment + len(contents)) - _leb_size(first_segment) if first_segment else 0
    assert new == [(kind, offset + growth, index, addend) for kind, offset, index, addend in old] + expected


def _relocations_of_data(sections: list[Yaml]) -> list[tuple[str, int, int, int]]:
    return [_relocation_of_yaml(entry) for s in sections if s["Type"] == "DATA" for entry in s.get("Relocations", [])]


# Editing.


def applied(data: bytes, edit: Edit) -> bytes:
    return b"".join(editor.apply(ObjectFile(data, "test.o"), edit))


def edit_of_everything_to_what_it_is(data: bytes) -> Edit:
    obj = ObjectFile(data, "test.o")
    edit = Edit()
    edit.segment_info = {s.index: (s.name, s.p2align, s.flags) for s in obj.segments}
    edit.symbol_flags = {s.index: s.flags for s in obj.symbols}
    # A group that has no such entry is left by nobody, and all of them are written anew.
    edit.left_comdats = {(COMDAT_DATA, 0xFFFF_FFFF)}
    return edit


def accepted_by_every_linker(data: bytes, tmp_path: Path, *words: str, linkers: tuple[str, ...] = LINKERS) -> None:
    path = tmp_path / "edited.o"
    path.write_bytes(data)
    for lld in linkers:
        output = tmp_path / f"edited.{lld}.o"
        check([*WASM_LDS[lld], "-r", *words, path, "-o", output])
        dumped(output.read_bytes())


def segment_named(data: bytes, name: bytes) -> int:
    (index,) = [s.index for s in ObjectFile(data, "test.o").segments if s.name == name]
    return index


def symbol_named(data: bytes, name: bytes) -> int:
    (index,) = [s.index for s in ObjectFile(data, "test.o").symbols if s.name == name]
    return index


@pytest.mark.parametrize("name", SAMPLES)
def test_without_changes_an_object_stays_as_it_is(samples: Samples, name: str) -> None:
    assert applied(samples[name], Edit()) == samples[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_an_object_rewritten_to_what_it_is_keeps_its_size(samples: Samples, name: str) -> None:
    data = samples[name]
    rewritten = applied(data, edit_of_everything_to_what_it_is(data))
    assert len(rewritten) == len(data)
    assert dumped(rewritten) == dumped(data)


RENAMED = b".data.pointer_to_function"


@pytest.mark.parametrize("name", ["c", "c of clang 14", "c for debuggers", "c of 64 bits", "output of -r"])
def test_a_renamed_segment_keeps_everything_else(samples: Samples, name: str, tmp_path: Path) -> None:
    data = samples[name]
    index = segment_named(data, RENAMED)
    edit = Edit()
    edit.segment_info[index] = (b"named", 3, SEG_FLAG_RETAIN)
    result = applied(data, edit)
    expected = dumped(data)
    linking_of(expected)["SegmentInfo"][index].update(Name="named", Alignment="3", Flags=["RETAIN"])
    assert dumped(result) == expected
    # Nothing in front of the `linking` section, and nothing behind it, has moved.
    assert len(result) == len(data)
    linking = ObjectFile(data, "").linking
    assert linking is not None
    assert (result[: linking.start], result[linking.end :]) == (data[: linking.start], data[linking.end :])
    accepted_by_every_linker(result, tmp_path, *["-mwasm64"] * ("64" in name))


@pytest.mark.parametrize("name", ["c", "output of -r"])
def test_a_new_name_may_have_any_length(samples: Samples, name: str) -> None:
    data = samples[name]
    index = segment_named(data, RENAMED)
    expected = dumped(data)
    for length in (*range(len(RENAMED) + 12), 126, 127, 128, 129, 16383, 16384):
        # obj2yaml says nothing of a segment without a name.
        title = b"n" * length or b"x"
        edit = Edit()
        edit.segment_info[index] = (title, 2, 0)
        result = applied(data, edit)
        linking_of(expected)["SegmentInfo"][index].update(Name=title.decode())
        assert dumped(result) == expected
        growth = len(writer.name(title)) - len(writer.name(RENAMED))
        # lld's output has no room in front of the sizes: they take a byte more for a long name.
        assert 0 <= len(result) - (len(data) + max(growth, 0)) <= (2 if name == "output of -r" and growth > 0 else 0)
        # Others than LLVM take no number of more than five bytes.
        assert max(part.size_width for part in ObjectFile(result, "").subsections) <= 5


@pytest.mark.parametrize("length", [len(RENAMED) + delta for delta in (-7, -6, -5, -2, -1, 0, 1)])
def test_every_linker_takes_a_name_that_is_a_little_shorter(samples: Samples, length: int, tmp_path: Path) -> None:
    data = samples["c of clang 14"]
    edit = Edit()
    edit.segment_info[segment_named(data, RENAMED)] = (b"n" * length, 2, 0)
    accepted_by_every_linker(applied(data, edit), tmp_path)


def test_an_edited_object_can_be_edited_again(samples: Samples) -> None:
    data = samples["c"]
    index = segment_named(data, RENAMED)
    result = data
    for title in (b"short", b"x", b"of_some_length", RENAMED):
        edit = Edit()
        edit.segment_info[index] = (title, 2, 0)
        result = applied(result, edit)
        assert len(result) == len(data)
    assert dumped(result) == dumped(data)


def test_segments_flags_are_set_and_cleared(samples: Samples, tmp_path: Path) -> None:
    data = samples["c"]
    obj = ObjectFile(data, "test.o")
    edit = Edit()
    expected = dumped(data)
    for segment in obj.segments:
        edit.segment_info[segment.index] = (segment.name, 1, segment.flags ^ (SEG_FLAG_RETAIN | SEG_FLAG_STRINGS))
        info = linking_of(expected)["SegmentInfo"][segment.index]
        flags = set(info["Flags"]) ^ {"RETAIN", "STRINGS"}
        info.update(Alignment="1", Flags=[flag for flag in SEGMENT_FLAGS if flag in flags])
    result = applied(data, edit)
    assert dumped(result) == expected
    accepted_by_every_linker(result, tmp_path)


def test_symbols_flags_are_set_and_cleared(samples: Samples, tmp_path: Path) -> None:
    data = samples["assembly"]
    edit = Edit()
    expected = dumped(data)
    for symbol in ObjectFile(data, "test.o").symbols:
        # Two bytes, where one was enough.
        edit.symbol_flags[symbol.index] = symbol.flags ^ NO_STRIP
        entry = linking_of(expected)["SymbolTable"][symbol.index]
        flags = set(entry["Flags"]) ^ {"NO_STRIP"}
        entry["Flags"] = [flag for flag in SYMBOL_FLAGS if flag in flags]
    result = applied(data, edit)
    assert dumped(result) == expected
    accepted_by_every_linker(result, tmp_path, linkers=("16", "19", "22"))


def test_a_definition_is_given_up(samples: Samples, tmp_path: Path) -> None:
    data = samples["c"]
    indexes = [symbol_named(data, name) for name in (b"weak", b"zero")]
    edit = Edit()
    edit.undefined_symbols.update(indexes)
    expected = dumped(data)
    for index in indexes:
        symbol = linking_of(expected)["SymbolTable"][index]
        del symbol["Segment"]
        del symbol["Size"]
        symbol["Flags"] = ["VISIBILITY_HIDDEN", "UNDEFINED"]
    # A weak reference would be 0 where nobody has the definition: this one has to be met.
    result = applied(data, edit)
    assert dumped(result) == expected
    accepted_by_every_linker(result, tmp_path)


def test_a_segment_leaves_its_group(samples: Samples, tmp_path: Path) -> None:
    data = samples["c++"]
    obj = ObjectFile(data, "test.o")
    first = obj.symbols[symbol_named(data, b"variable")].element
    edit = Edit()
    edit.left_comdats.add((COMDAT_DATA, first))
    expected = dumped(data)
    (group,) = [group for group in linking_of(expected)["Comdats"] if group["Name"] == "variable"]
    # A group may be empty; obj2yaml finds groups by their entries, but keeps the numbers of all.
    group["Entries"] = [entry for entry in group["Entries"] if entry != {"Kind": "DATA", "Index": str(first)}]
    result = applied(data, edit)
    assert view_of_reader(result) == view_of_yaml(expected)
    assert view_of_reader(result) == view_of_yaml(dumped(result))
    assert len(result) == len(data)
    accepted_by_every_linker(result, tmp_path)


@pytest.mark.parametrize("name", ["assembly", "assembly through -r"])
def test_an_emptied_section_is_left_out_by_the_linkers(samples: Samples, name: str, tmp_path: Path) -> None:
    data = samples[name]
    obj = ObjectFile(data, "test.o")
    gone = [section for title in (b"entries", b"plain") for section in obj.custom_sections((title,))]
    edit = Edit()
    edit.emptied_sections.update(section.index for section in gone)
    expected = dumped(data)
    for section in gone:
        entry = section_of(expected, "CUSTOM", section.name.decode())
        entry.pop("Relocations", None)
        entry.update(Name=".llvmcmd", Payload="")
    result = applied(data, edit)
    assert dumped(result) == expected
    linkers = ("16", "19", "22")
    accepted_by_every_linker(result, tmp_path, linkers=linkers)
    for lld in linkers:
        titles = {section.get("Name") for section in dumped((tmp_path / f"edited.{lld}.o").read_bytes())}
        assert {"more", "grouped"} <= titles
        assert not titles & {"entries", "plain", ".llvmcmd"}


CONTENTS = (bytes(range(12)), b"", b"x" * 200, bytes(4))

WITH_ALL_OF_DATA = ("c", "c of clang 14", "c for debuggers", "c of 64 bits", "c independent of its position", "output of -r")
WITH_SOME_OF_DATA = ("no data", "no data for debuggers", "no relocations of data", "127 segments", "nothing")


def two_segments_more(data: bytes) -> Edit:
    """An edit that appends segments which refer to each other, to an old symbol, and to a function."""
    obj = ObjectFile(data, "test.o")
    segments, symbols = len(obj.segments), len(obj.symbols)
    pointers = [Relocation(R_MEMORY_ADDR_I32, 8, symbols + 1, -3), Relocation(R_MEMORY_ADDR_I32, 0, symbols, 150)]
    functions = [s.index for s in obj.symbols if s.kind == 0]
    pointers += [Relocation(R_TABLE_INDEX_I32, 4, index) for index in functions[:1]]
    edit = Edit()
    for content, entries in zip(CONTENTS, (pointers, [], [], [Relocation(R_MEMORY_ADDR_I32, 0, symbols)]), strict=True):
        edit.new_segments.append(NewSegment(b"added", len(edit.new_segments), content, entries))
    edit.new_segments[1].flags = SEG_FLAG_RETAIN
    edit.new_symbols.append(NewSymbol(b"new", VISIBILITY_HIDDEN | NO_STRIP, segments, 0, 12))
    edit.new_symbols.append(NewSymbol(b"in the third", 0, segments + 2, 130, 70))
    return edit


@pytest.mark.parametrize("name", WITH_ALL_OF_DATA + WITH_SOME_OF_DATA)
def test_appended_segments_leave_the_others_alone(samples: Samples, name: str, tmp_path: Path) -> None:
    data = samples[name]
    edit = two_segments_more(data)
    result = applied(data, edit)
    sections = dumped(result)
    added = _taken_off(sections, len(CONTENTS), 2)
    expected = _with_data_section(dumped(data), growth=1 if name == "127 segments" else 0)
    assert sections == expected

    assert [segment["Content"] for segment in added["segments"]] == [content.hex().upper() for content in CONTENTS]
    titles = [(info["Name"], info["Alignment"], info["Flags"]) for info in added["infos"]]
    assert titles == [("added", "0", []), ("added", "1", ["RETAIN"]), ("added", "2", []), ("added", "3", [])]
    first_symbol = len(ObjectFile(data, "").symbols)
    first, last = (number(added["segments"][i]["SectionOffset"]) for i in (0, 3))
    assert [entry for entry in added["relocations"] if entry[0] != "R_WASM_TABLE_INDEX_I32"] == [
        ("R_WASM_MEMORY_ADDR_I32", first, first_symbol, 150),
        ("R_WASM_MEMORY_ADDR_I32", first + 8, first_symbol + 1, -3),
        ("R_WASM_MEMORY_ADDR_I32", last, first_symbol, 0),
    ]
    functions = [entry[1] for entry in added["relocations"] if entry[0] == "R_WASM_TABLE_INDEX_I32"]
    assert functions == ([first + 4] if name not in ("nothing", "127 segments", "no relocations of data") else [])
    assert [(s["Name"], s["Flags"], s.get("Offset", "0"), s["Size"]) for s in added["symbols"]] == [
        ("new", ["VISIBILITY_HIDDEN", "NO_STRIP"], "0", "12"),
        ("in the third", [], "130", "70"),
    ]
    linkable = _without_function_pointers(data)
    accepted_by_every_linker(applied(data, linkable), tmp_path, *["-mwasm64"] * ("64" in name))


def _taken_off(sections: list[Yaml], segments: int, symbols: int) -> Yaml:
    """Take the appended things off what obj2yaml says; returns them."""
    data, linking = section_of(sections, "DATA"), linking_of(sections)
    found = {
        "segments": data["Segments"][-segments:],
        "infos": linking["SegmentInfo"][-segments:],
        "symbols": linking["SymbolTable"][-symbols:],
    }
    del data["Segments"][-segments:], linking["SegmentInfo"][-segments:], linking["SymbolTable"][-symbols:]
    begin = number(found["segments"][0]["SectionOffset"])
    entries = data.pop("Relocations", [])
    old = [entry for entry in entries if number(entry["Offset"]) < begin]
    found["relocations"] = [_relocation_of_yaml(entry) for entry in entries[len(old) :]]
    if old:
        data["Relocations"] = old
    for section in sections:
        if section["Type"] == "DATACOUNT":
            section["Count"] = str(number(section["Count"]) - segments)
    return found


def _with_data_section(sections: list[Yaml], growth: int) -> list[Yaml]:
    """What obj2yaml says, with an empty DATA section and segment info if there were none, and offsets moved by `growth`."""
    sections = copy.deepcopy(sections)
    linking = linking_of(sections)
    linking.setdefault("SegmentInfo", [])
    linking.setdefault("SymbolTable", [])
    if not any(section["Type"] == "DATA" for section in sections):
        sections.insert(sections.index(linking), {"Type": "DATA", "Segments": []})
    data = section_of(sections, "DATA")
    for segment in data["Segments"]:
        segment["SectionOffset"] = str(number(segment["SectionOffset"]) + growth)
    for entry in data.get("Relocations", []):
        entry["Offset"] = f"0x{number(entry['Offset']) + growth:X}"
    return sections


def _without_function_pointers(data: bytes) -> Edit:
    # lld crashes on them where no object imports the table, https://github.com/llvm/llvm-project/issues/174676.
    edit = two_segments_more(data)
    if not ObjectFile(data, "").imported_tables:
        for new in edit.new_segments:
            new.relocations = [entry for entry in new.relocations if entry.type != R_TABLE_INDEX_I32]
    return edit


def test_relocations_move_behind_a_longer_count_even_if_none_is_added(samples: Samples) -> None:
    data = samples["127 segments"]
    edit = Edit()
    edit.new_segments.append(NewSegment(b"added", 0, b"x", []))
    expected = [(kind, offset + 1, index, addend) for kind, offset, index, addend in _relocations_of_data(dumped(data))]
    assert _relocations_of_data(dumped(applied(data, edit))) == expected


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_count_that_was_written_over_more_bytes_keeps_them(width: int) -> None:
    segment = writer.segment(bytes(4), is_64=False)
    symbol = writer.undefined_data_symbol(b"elsewhere", 0x10)
    linking = unsigned(2) + writer.subsection(8, writer.vector([symbol]))
    parts = [MODULE_HEADER, writer.section(11, unsigned(1, width) + segment), writer.custom_section(b"linking", linking)]
    parts.append(writer.relocation_section(b"DATA", 0, [Relocation(R_MEMORY_ADDR_I32, width + 5, 0)]))
    edit = Edit()
    edit.new_segments.append(NewSegment(b"added", 0, bytes(4), [Relocation(R_MEMORY_ADDR_I32, 0, 0)]))
    view = view_of_yaml(dumped(applied(b"".join(parts), edit)))
    assert [found["offset"] for found in view["segments"]] == [width + 5, width + 14]
    assert [[entry[1] for entry in entries] for entries in view["relocations"]] == [[width + 5, width + 14], []]


@pytest.mark.parametrize("name", ["no data for debuggers", "c for debuggers", "c++ for debuggers", "output of -r"])
def test_debug_information_survives_an_appended_segment(samples: Samples, name: str, tmp_path: Path) -> None:
    before, after = tmp_path / "before.o", tmp_path / "after.o"
    before.write_bytes(samples[name])
    after.write_bytes(applied(samples[name], two_segments_more(samples[name])))

    def information(path: Path) -> str:
        text = check([tool("llvm-dwarfdump-22", "llvm-dwarfdump"), "--all", path]).stdout
        assert "DW_TAG_subprogram" in text
        return text.split("\n", 1)[1]

    assert information(after) == information(before)


def test_the_linkers_find_appended_segments_and_their_relocations(samples: Samples, tmp_path: Path) -> None:
    data = samples["127 segments of clang 14"]
    accepted_by_every_linker(applied(data, two_segments_more(data)), tmp_path)
    for lld in LINKERS:
        view = view_of_reader((tmp_path / f"edited.{lld}.o").read_bytes())
        (added,) = [segment for segment in view["segments"] if segment["name"] == "added"]
        assert CONTENTS[2].hex() in added["content"]
        (relocations,) = [entries for entries in view["relocations"] if entries]
        inside = [entry for entry in relocations if entry[1] >= added["offset"]]
        targets = [(view["symbols"][index]["name"], addend) for _, _, index, addend in inside]
        assert targets == [("new", 150), ("in the third", -3), ("new", 0)]
        others = [(view["symbols"][index]["name"], addend) for _, _, index, addend in relocations[: -len(inside)]]
        assert others == [(f"e{i}", 0) for i in range(127)]


def test_a_new_data_section_moves_what_stands_behind_it(tmp_path: Path) -> None:
    behind = {"Type": "CUSTOM", "Name": "behind", "Payload": "00" * 8}
    function = {"Kind": "FUNCTION", "Name": "function", "Flags": [], "Function": 0}
    relocations = [
        {"Type": "R_WASM_FUNCTION_OFFSET_I32", "Index": 0, "Offset": 0},
        {"Type": "R_WASM_SECTION_OFFSET_I32", "Index": 1, "Offset": 4, "Addend": 2},
    ]
    data = made(
        [
            {"Type": "TYPE", "Signatures": [{"Index": 0, "ParamTypes": [], "ReturnTypes": []}]},
            {"Type": "FUNCTION", "FunctionTypes": [0]},
            {"Type": "CODE", "Functions": [{"Index": 0, "Locals": [], "Body": "0B"}]},
            {"Type": "CUSTOM", "Name": "in front", "Payload": "00" * 8, "Relocations": relocations},
            {
                "Type": "CUSTOM",
                "Name": "linking",
                "Version": 2,
                "SymbolTable": [
                    {"Index": 0, **function},
                    {"Index": 1, "Kind": "SECTION", "Flags": ["BINDING_LOCAL"], "Section": 3},
                ],
                "Comdats": [{"Name": "group", "Entries": [{"Kind": "SECTION", "Index": 3}]}],
            },
            {**behind, "Relocations": relocations},
        ]
    )
    edit = two_segments_more(data)
    edit.new_segments[0].comdat = 0
    sections = dumped(applied(data, edit))
    _taken_off(sections, len(CONTENTS), 2)
    expected = _with_data_section(dumped(data), growth=0)
    linking_of(expected)["Comdats"][0]["Entries"].insert(0, {"Kind": "DATA", "Index": "0"})
    assert sections == expected
    linkable = _without_function_pointers(data)
    accepted_by_every_linker(applied(data, linkable), tmp_path)


def test_an_appended_segment_joins_a_group(samples: Samples, tmp_path: Path) -> None:
    data = samples["c++"]
    obj = ObjectFile(data, "test.o")
    (group,) = [comdat.index for comdat in obj.comdats if comdat.name == b"variable"]
    edit = Edit()
    edit.new_segments.append(NewSegment(b"named", 2, bytes(4), [], group))
    result = applied(data, edit)
    expected = dumped(data)
    entries = linking_of(expected)["Comdats"][group]["Entries"]
    entries.append({"Kind": "DATA", "Index": str(len(obj.segments))})
    assert linking_of(dumped(result))["Comdats"] == linking_of(expected)["Comdats"]
    accepted_by_every_linker(result, tmp_path)


@pytest.mark.parametrize("name", ["c", "assembly", "nothing"])
def test_symbols_are_appended(samples: Samples, name: str, tmp_path: Path) -> None:
    data = samples[name]
    obj = ObjectFile(data, "test.o")
    edit = Edit()
    if not obj.segments:
        edit.new_segments.append(NewSegment(b"place", 0, bytes(300), []))
    edit.new_symbols = [NewSymbol(b"new%d" % i, VISIBILITY_HIDDEN, 0, 0, i) for i in range(200)]
    result = applied(data, edit)
    symbols = linking_of(dumped(result))["SymbolTable"]
    assert symbols[: len(obj.symbols)] == linking_of(dumped(data)).get("SymbolTable", [])
    assert [(s["Name"], s["Segment"], s["Size"]) for s in symbols[len(obj.symbols) :]] == [(f"new{i}", "0", str(i)) for i in range(200)]
    accepted_by_every_linker(result, tmp_path, linkers=LINKERS if name != "assembly" else ("16", "19", "22"))


def test_a_custom_section_becomes_a_segment(samples: Samples, tmp_path: Path) -> None:
    data = samples["assembly"]
    obj = ObjectFile(data, "test.o")
    (section,) = obj.custom_sections((b"table",))
    entries = obj.relocations(section.index)
    assert [entry.type for entry in entries] == [R_FUNCTION_OFFSET_I32]
    moved = [Relocation(R_TABLE_INDEX_I32, entry.offset, entry.index) for entry in entries]
    edit = Edit()
    edit.emptied_sections.add(section.index)
    edit.new_segments.append(NewSegment(b"table", 2, data[section.content : section.end], moved))
    edit.new_symbols.append(NewSymbol(b"place", VISIBILITY_HIDDEN, len(obj.segments), 0, 8))
    edit.segment_info[0] = (b"renamed", 3, 0)
    edit.symbol_flags[0] = obj.symbols[0].flags | NO_STRIP
    result = applied(data, edit)
    sections = dumped(result)
    added = _taken_off(sections, 1, 1)
    offset = number(added["segments"][0]["SectionOffset"])
    assert added["relocations"] == [("R_WASM_TABLE_INDEX_I32", offset + 4, entries[0].index, 0)]
    expected = dumped(data)
    emptied = section_of(expected, "CUSTOM", "table")
    emptied.update(Name=".llvmcmd", Payload="")
    del emptied["Relocations"]
    linking_of(expected)["SegmentInfo"][0].update(Name="renamed", Alignment="3")
    linking_of(expected)["SymbolTable"][0]["Flags"] = ["NO_STRIP"]
    assert sections == expected
    accepted_by_every_linker(result, tmp_path, linkers=("16", "19", "22"))


# The anchor object.

ANCHORS = [
    Anchor(b"empty", 0, [], [], b""),
    Anchor(b"kept", 3, None, [b"kept 1", b"kept 2"], b"kept end"),
    Anchor(b"full", 4, [b"first", b"second"], [], b""),
    Anchor(b"ordered", 2, [b"third"], [b"key 1", b"key 2"], b"ordered end"),
]


@pytest.mark.parametrize("is_64", [False, True], ids=["32 bits", "64 bits"])
@pytest.mark.parametrize("table", [False, True], ids=["no table", "table"])
def test_the_anchor_object_is_what_llvm_reads(is_64: bool, table: bool, tmp_path: Path) -> None:
    data = anchor_object(ANCHORS, is_64=is_64, table=table)
    view = view_of_yaml(dumped(data))
    assert view_of_reader(data) == view
    assert view["is 64"] is is_64
    assert view["tables"] == ["__indirect_function_table"] * table
    pointer = 8 if is_64 else 4
    assert [(s["name"], len(s["content"]) // 2, s["p2align"]) for s in view["segments"]] == [
        ("empty", 0, 0),
        ("kept", 0, 3),
        ("kept 1", 0, 0),
        ("kept 2", 0, 0),
        ("kept end", 0, 0),
        ("full", 16, 4),
        ("ordered", max(pointer, 4), 2),
        ("key 1", 0, 0),
        ("key 2", 0, 0),
        ("ordered end", 0, 0),
    ]
    symbols = {symbol["name"]: symbol for symbol in view["symbols"]}
    assert (symbols["__start_full"]["place"], symbols["__start_full"]["offset"]) == (5, 16)
    assert (symbols["__start_kept"]["place"], symbols["__stop_kept"]["place"]) == (1, 4)
    assert symbols["__start_kept"]["flags"] == VISIBILITY_HIDDEN | NO_STRIP
    assert symbols["__start_full"]["flags"] == VISIBILITY_HIDDEN
    (relocations,) = [entries for entries in view["relocations"] if entries]
    assert {entry[0] for entry in relocations} == {"R_WASM_MEMORY_ADDR_I64" if is_64 else "R_WASM_MEMORY_ADDR_I32"}
    heads = {view["segments"][5]["offset"]: "full", view["segments"][6]["offset"]: "ordered"}
    reached = [(heads[entry[1]], view["symbols"][entry[2]]["name"]) for entry in relocations]
    assert [name for head, name in reached if head == "full"] == ["first", "second"]
    assert [name for head, name in reached if head == "ordered" and name == "third"] == ["third"]
    assert len(reached) == 6
    accepted_by_every_linker(data, tmp_path, *["-mwasm64"] * is_64)


def test_an_anchor_object_may_have_more_segments_than_one_byte_counts() -> None:
    anchors = [Anchor(b"name%d" % i, 2, [b"element%d" % i], [], b"") for i in range(200)]
    view = view_of_yaml(dumped(anchor_object(anchors, is_64=False, table=False)))
    (relocations,) = [entries for entries in view["relocations"] if entries]
    assert [entry[1] for entry in relocations] == [segment["offset"] for segment in view["segments"]]
    assert len(relocations) == 200
