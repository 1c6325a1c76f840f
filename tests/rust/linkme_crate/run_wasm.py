"""cargo's runner for test programs of WebAssembly: `run_wasm.py MODULE [ARGUMENT...]`.

Without WASI a program has no arguments and no output: it ends well, or traps.
"""

from __future__ import annotations

import sys
from typing import Any

import wasmtime


def run(arguments: list[str]) -> int:
    config = wasmtime.Config()
    # Programs that run for a moment.
    config.cranelift_opt_level = "none"
    engine = wasmtime.Engine(config)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    wasi = wasmtime.WasiConfig()
    wasi.argv = arguments
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    store.set_wasi(wasi)
    exports: Any = linker.instantiate(store, wasmtime.Module.from_file(engine, arguments[0])).exports(store)
    if "_start" not in exports:
        return int(exports["main"](store, 0, 0))
    try:
        exports["_start"](store)
    except wasmtime.ExitTrap as trap:
        return trap.code
    return 0


sys.exit(run(sys.argv[1:]))
