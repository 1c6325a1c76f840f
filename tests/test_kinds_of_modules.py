"""Shared memory, position-independent modules, 64-bit memory: elements and bounds are right at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import wasmtime

from tests.harness import COLLECTING, Instance, export_names, link
from tests.linkers import WASM_LDS
from tests.test_sources_of_elements import CUSTOM, MAIN, MARKED, MARKED_LOCAL, NATIVE, commands

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler

KEYED = MARKED.replace("bye", "keyed").replace("$$", "$7$").replace("{2,", "{9,")
ALL = (NATIVE, MARKED, KEYED, MARKED_LOCAL, CUSTOM)
FOUND = [(1, "h", 20), (2, "b", 30), (3, "m", -10), (4, "s", 100), (9, "k", 30)]

# In position-independent code only hidden symbols are sure to be the module's own.
HIDDEN_BOUNDS = MAIN.replace("extern const", '__attribute__((visibility("hidden"))) extern const')
# A 64-bit command: the number takes eight bytes with its padding.
CUSTOM_64 = CUSTOM.replace(".int32 4", ".int64 4").replace(".int32", ".int64")


@pytest.mark.parametrize("lld", WASM_LDS)
def test_passive_segments_of_shared_memory(cc: Compiler, out: Path, lld: str) -> None:
    flags = ("-O1", "-pthread", "-matomics", "-mbulk-memory")
    units = [cc(source, *flags) for source in (MAIN, *ALL)]
    for collecting in COLLECTING:
        module = link(out, collecting, "--shared-memory", "--max-memory=262144", *units, lld=lld)
        assert commands(module) == FOUND


@pytest.mark.parametrize("lld", WASM_LDS)
def test_64_bit_memory(cc: Compiler, out: Path, lld: str) -> None:
    # Before lld 17 the table of a 64-bit module had 32-bit indexes; objects and linker have to agree.
    clang = "14" if lld in ("14", "15", "16") else "22"
    sources = (MAIN, NATIVE, MARKED, KEYED, MARKED_LOCAL, CUSTOM_64)
    units = [cc(source, "-O1", target="wasm64", clang=clang) for source in sources]
    for collecting in COLLECTING:
        assert commands(link(out, "-mwasm64", collecting, *units, lld=lld)) == FOUND


@pytest.mark.parametrize("lld", WASM_LDS)
def test_64_bit_pointer_tables_and_empty_sections(cc: Compiler, out: Path, lld: str) -> None:
    clang = "14" if lld in ("14", "15", "16") else "22"
    reader = """
extern const char *const __start_texts_ptrs[], *const __stop_texts_ptrs[];
extern const char __start_empty[], __stop_empty[];
char declared[0] __asm__("__ldshim$empty$$declared") __attribute__((used));
__attribute__((export_name("count"))) int count(void) { return __stop_texts_ptrs - __start_texts_ptrs; }
__attribute__((export_name("at"))) int at(int i) { return __start_texts_ptrs[i][0]; }
__attribute__((export_name("nothing"))) int nothing(void) { return __stop_empty - __start_empty; }
"""
    text = 'char %s[] __asm__("__ldshim$texts$$%s") __attribute__((used)) = "%s";\n'
    unit = "".join(text % (name, name, name * 7) for name in ("a", "b"))
    objects = [cc(source, "-O1", target="wasm64", clang=clang) for source in (reader, unit)]
    for collecting in COLLECTING:
        program = Instance(link(out, "-mwasm64", collecting, *objects, lld=lld))
        assert (program.list(), program.nothing()) == ([ord("a"), ord("b")], 0)


def imports(module: wasmtime.Module, store: wasmtime.Store) -> list[Any]:
    """What a dynamic loader gives a position-independent module."""
    values = {"__memory_base": 4096, "__table_base": 3, "__stack_pointer": 2048}
    given: list[Any] = []
    for wanted in module.imports:
        kind = wanted.type
        if isinstance(kind, wasmtime.MemoryType):
            given.append(wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(4, None))))
        elif isinstance(kind, wasmtime.TableType):
            table = wasmtime.TableType(wasmtime.ValType.funcref(), wasmtime.Limits(64, None))
            given.append(wasmtime.Table(store, table, None))
        elif isinstance(kind, wasmtime.GlobalType):
            assert wanted.name in values, f"unexpected import {wanted.module}.{wanted.name}"
            given.append(wasmtime.Global(store, kind, wasmtime.Val.i32(values[wanted.name])))
        else:
            raise AssertionError(f"unexpected import {wanted.module}.{wanted.name}")
    return given


class Loaded(Instance):
    """A position-independent module, loaded at address 4096."""

    def __init__(self, path: Path) -> None:
        self.module = wasmtime.Module.from_file(_engine(), str(path))
        self.store = wasmtime.Store(_engine())
        self.instance = wasmtime.Instance(self.store, self.module, imports(self.module, self.store))
        self.exports = self.instance.exports(self.store)
        for name in ("__wasm_apply_data_relocs", "__wasm_call_ctors"):
            if name in {export.name for export in self.module.exports}:
                getattr(self, name)()


def _engine() -> wasmtime.Engine:
    from tests.harness import ENGINE

    return ENGINE


@pytest.mark.parametrize("kind", ["-shared", "-pie"])
@pytest.mark.parametrize("lld", WASM_LDS)
def test_position_independent_modules(cc: Compiler, out: Path, lld: str, kind: str) -> None:
    sources = (HIDDEN_BOUNDS, *ALL)
    units = [cc(source, "-O1", "-fPIC", target="wasm32-unknown-emscripten") for source in sources]
    for collecting in COLLECTING:
        program = Loaded(link(out, kind, "--experimental-pic", collecting, *units, lld=lld))
        found = [(program.at(i), chr(program.letter(i)), program.run(i, 10)) for i in range(program.count())]
        assert found == FOUND, collecting


def test_nothing_of_a_section_is_exported_where_used_means_exported(cc: Compiler, out: Path) -> None:
    # clang says so in the flags of the symbol if it compiles for emscripten.
    source = """
    long long declared[0] __asm__("__ldshim$numbers$$") __attribute__((used));
    int one __asm__("__ldshim$numbers$$one") __attribute__((used)) = 1;
    int kept __attribute__((used)) = 3;
    extern int __start_numbers[], __stop_numbers[];
    __attribute__((export_name("count"))) int count(void) { return __stop_numbers - __start_numbers; }
    """
    module = link(out, cc(source, "-O1", target="wasm32-unknown-emscripten"))
    assert Instance(module).count() == 1
    assert export_names(module) == {"memory", "count", "kept"}
