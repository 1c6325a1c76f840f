"""Published crates, unchanged, that keep what they are told in slices of linkme: on wasm they find what they find natively.

What is set for wasm is what a user would set: the linker and `[patch.crates-io]`.  The oracle is a build for this machine with linkme from
the registry, by the Cargo.lock beside each program.
"""

from __future__ import annotations

import ctypes
import shutil
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import wasmtime

from tests.harness import ENGINE, check
from tests.rust import PROGRAMS, RUST, UNKNOWN, WASIP1, cargo, configuration, run_wasi

if TYPE_CHECKING:
    from pathlib import Path

# Kept from run to run, and of these programs alone: what they depend on takes minutes to compile.
BUILT = RUST / "real-crates"


@dataclass
class Program:
    """A program of `tests/rust/real_crates` and lines that it prints."""

    folder: str
    name: str
    lines: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    # More of .cargo/config.toml, for reasons other than ldshim.
    configuration: tuple[str, ...] = ()
    # How many lines, where it is more than is written here.
    count: int | None = None


PROGRAMS_OF_WASI = (
    Program(
        "rsasl",
        "rsasl-mechanisms",
        tuple(
            f"Mechanism {{ name: MECHANISM({name}), has client: {has}, has server: {has}, .. }}"
            for name, has in (
                ("ANONYMOUS", "true"),
                ("EXTERNAL", "true"),
                ("LOGIN", "true"),
                ("PLAIN", "true"),
                ("X-OURS", "false"),
                ("XOAUTH2", "true"),
            )
        ),
    ),
    Program(
        "metriken",
        "metriken-report",
        ("UNNAMED = 0, -, -", "queue = -2, jobs that wait, -", "requests = 3, requests seen, -", "retries = 0, -, jobs"),
    ),
    Program(
        "divan",
        "divan-benches",
        ("divan_benches", "├─ fill", "│  ├─ 1", "│  ╰─ 2", "╰─ strings", "   ├─ concatenate", "   ╰─ renamed", ""),
        ("--list",),
    ),
    Program(
        "pliron",
        "pliron-context",
        (
            "key our_key",
            "key sym_name",
            "op ours.stop has 2 interfaces",
            "op builtin.module has 8 interfaces",
            "type builtin.function has 1 interfaces",
            "attribute builtin.double has 2 interfaces",
        ),
        count=19,
    ),
    Program(
        "lint-http-rules",
        "lint-http-catalogue",
        (
            "rule referer_uri_valid reports 18 violations",
            "protocol rule http3_settings_frame reports 3 violations",
            "violation method_trace_content_forbidden: Error",
        ),
        # Its dependency tokio refuses wasm with the features that are asked for, but for those who say that they know.
        configuration=('[build]\nrustflags = ["--cfg", "tokio_unstable"]',),
        count=784,
    ),
)


def copy_of(folder: str, path: Path) -> Path:
    # Files as of now, unlike those of copytree by itself: cargo looks at that, and does not know that ldshim may be another than last time.
    shutil.copytree(PROGRAMS / "real_crates" / folder, path, copy_function=shutil.copy)
    return path


def cargo_in(project: Path, *words: str, config: str) -> None:
    done = cargo(project, *words, config=config, target_dir=BUILT)
    assert done.returncode == 0, done.stderr


def build_natively(folder: str, tmp_path: Path) -> None:
    cargo_in(copy_of(folder, tmp_path / "native"), "build", "--locked", config="")


def build_for_wasm(folder: str, tmp_path: Path, target: str, config: str) -> None:
    project = copy_of(folder, tmp_path / "wasm")
    # The lock file names the linkme of the registry, which a patch alone does not change.
    cargo_in(project, "update", "linkme", config=config)
    cargo_in(project, "build", "--locked", "--target", target, config=config)


@pytest.mark.parametrize("program", PROGRAMS_OF_WASI, ids=lambda program: program.folder)
def test_a_program_finds_on_wasm_what_it_finds_natively(program: Program, tmp_path: Path) -> None:
    build_natively(program.folder, tmp_path)
    native = check([BUILT / "debug" / program.name, *program.arguments]).stdout.splitlines()
    assert set(program.lines) <= set(native)
    assert len(native) == (program.count or len(program.lines))

    build_for_wasm(program.folder, tmp_path, WASIP1, configuration(*program.configuration))
    wasm = run_wasi(BUILT / WASIP1 / "debug" / f"{program.name}.wasm", *program.arguments, directory=tmp_path).splitlines()
    assert sorted(wasm) == sorted(native)


class _Expansions(ctypes.Structure):
    """A StableSlice<StableExpansion> of cairo-lang-macro-stable."""

    _fields_ = (("pointer", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Expansion(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("kind", ctypes.c_uint8))


def expansions_of_library(path: Path) -> list[tuple[str, int]]:
    function = ctypes.CDLL(str(path)).list_expansions_v2
    function.restype = _Expansions
    found = function()
    return [(item.name.decode(), item.kind) for item in (_Expansion * found.length).from_address(found.pointer)]


def expansions_of_module(path: Path) -> list[tuple[str, int]]:
    store = wasmtime.Store(ENGINE)
    exports = wasmtime.Instance(store, wasmtime.Module.from_file(ENGINE, str(path)), []).exports(store)
    memory, function = exports["memory"], exports["list_expansions_v2"]
    assert isinstance(memory, wasmtime.Memory)
    assert isinstance(function, wasmtime.Func)
    result = memory.grow(store, 1) * 65536
    function(store, result)
    pointer, length = struct.unpack("<II", memory.read(store, result, result + 8))
    found = []
    for name, kind in struct.iter_unpack("<IB3x", memory.read(store, pointer, pointer + 8 * length)):
        text = bytes(memory.read(store, name, name + 64))
        found.append((text[: text.index(0)].decode(), kind))
    return found


def test_a_plugin_tells_its_host_of_the_macros_in_it(tmp_path: Path) -> None:
    """A module without a main: the host calls what the crate cairo-lang-macro exports, and that reads the slice."""
    build_natively("cairo-lang-macro", tmp_path)
    native = expansions_of_library(BUILT / "debug" / "libcairo_lang_macro_plugin.so")
    assert sorted(native) == [("attribute", 1), ("derived", 2), ("inlined", 3)]

    build_for_wasm("cairo-lang-macro", tmp_path, UNKNOWN, configuration())
    wasm = expansions_of_module(BUILT / UNKNOWN / "debug" / "cairo_lang_macro_plugin.wasm")
    assert sorted(wasm) == sorted(native)
