"""`ldshim demo`: a small plugin program, linked by the bare linker and through ldshim, and run.

Everything that it shows is real: the files of `demo_sources` are compiled with the clang of the `ziglang` package,
linked with its wasm-ld, and run in wasmtime.
"""

from __future__ import annotations

import os
import sys

from ldshim.arguments import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo_sources")
INCLUDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")
NEEDED = ("ziglang", "wasmtime", "subprocess_tee")

ARCHIVE = "libplugins.a"
OBJECTS = ("main.o", "twice.o", ARCHIVE)
# Which input of the link each plugin's source ends up in.
INPUTS = {"twice.c": "twice.o", "square.c": f"{ARCHIVE}(square.o)"}
NAMES = {"twice.c": "twice", "square.c": "square"}
ARGUMENT = 7

INTRODUCTION = f"""\
Three C files: main.c walks over an array of commands, and two plugins each add one to it.  No file names another's
functions: the linker has to gather the array.
  main.c    main.o
  twice.c   twice.o
  square.c  {INPUTS["square.c"]}: in an archive, and nothing refers to it
"""


class DemoError(Exception):
    """Why the demo cannot go on, for the user."""


def execute(argv: list[str]) -> int:
    """Run the demo; returns the exit status."""
    keep = parser().parse_args(argv).keep
    try:
        _require_packages()
        return _run_in(keep)
    except (DemoError, OSError) as error:
        sys.stdout.flush()
        print(f"ldshim demo: {error}", file=sys.stderr)
        return 1


def parser() -> Parser:
    options = Parser(
        "demo",
        "Link a small plugin program with the bare linker and through ldshim; show what each registered.",
        examples=["ldshim demo", "ldshim demo --keep plugins"],
        status="0 if the program has all its plugins; 1 if not, or if a step fails",
    )
    options.add_argument("--keep", metavar="DIR", help="write sources, objects and modules to DIR, and leave them there")
    return options


def _require_packages() -> None:
    import importlib  # noqa: PLC0415

    def is_missing(package: str) -> bool:
        try:
            importlib.import_module(package)
        except ImportError:
            return True
        return False

    missing = [package.replace("_", "-") for package in NEEDED if is_missing(package)]
    if missing:
        raise DemoError(f"{' and '.join(missing)} not installed: pip install 'ldshim[demo]'")


def _run_in(keep: str | None) -> int:
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="ldshim-demo-") as scratch:
        folder = os.path.abspath(keep) if keep is not None else os.path.join(scratch, "demo")
        os.makedirs(folder, exist_ok=True)
        _Demo(folder, scratch).run()
    if keep is not None:
        print(f"\nThe files are in {folder}.")
    return 0


class _Demo:
    """The steps, in `folder`; `scratch` goes away afterwards."""

    __slots__ = ("environ", "folder", "zig")

    def __init__(self, folder: str, scratch: str) -> None:
        import ziglang  # noqa: PLC0415

        package = os.path.dirname(os.path.abspath(ziglang.__file__))
        self.zig = os.path.join(package, "zig.exe" if os.name == "nt" else "zig")
        self.folder = folder
        self.environ = _environment(self.zig, scratch)

    def run(self) -> None:
        import shutil  # noqa: PLC0415

        for name in sorted(os.listdir(SOURCES)):
            shutil.copyfile(os.path.join(SOURCES, name), os.path.join(self.folder, name))
        print(INTRODUCTION)

        print('1. As on ELF: __attribute__((used, section("commands"))), and the bare linker')
        self._compile("-DPLAIN_SECTION")
        self._link("zig", "wasm-ld", output="plain.wasm")
        plain = self._registered("plain.wasm")
        self._show_missing(plain)
        if plain == list(NAMES):
            print("   This linker lost nothing.\n")
        else:
            print("   The linker says nothing, but the archive member was never linked: its command is lost.\n")

        print("2. The same sources with the macros of ldshim.h, and the bare linker")
        self._compile("-I", "INCLUDE")
        self._link("zig", "wasm-ld", output="bare.wasm", may_fail=True)
        print()

        print("3. The same objects, linked through ldshim")
        self._link("ldshim", output="ldshim.wasm")
        found = self._registered("ldshim.wasm")
        self._show_missing(found)
        if found != list(NAMES):
            raise DemoError(
                f"the module has the commands of {', '.join(found) or 'no file'}, not of {', '.join(NAMES)}"
            )
        print("   Every plugin is there, in the order of the command line, and no code ran to put it there.")

    def _compile(self, *flags: str) -> None:
        for source in ("main.c", *NAMES):
            self._do("zig", "cc", "--target=wasm32-freestanding", "-O2", *flags, "-c", source)
        # Without this a member that the last step left would stay in the archive.
        archive = os.path.join(self.folder, ARCHIVE)
        if os.path.exists(archive):
            os.remove(archive)
        self._do("zig", "ar", "rcs", ARCHIVE, "square.o")

    def _link(self, *linker: str, output: str, may_fail: bool = False) -> None:
        self._do(*linker, "--no-entry", *OBJECTS, "-o", output, may_fail=may_fail)

    def _do(self, *words: str, may_fail: bool = False) -> None:
        """Run a command of the story, and show it and what it writes.  Raises `DemoError` if it fails and must not."""
        import subprocess_tee  # noqa: PLC0415

        shown = " ".join("$(ldshim include-dir)" if word == "INCLUDE" else word for word in words)
        print(f"   $ {shown}", flush=True)
        programs = {"zig": [self.zig], "ldshim": [sys.executable, "-m", "ldshim"]}
        command = [*programs[words[0]], *(INCLUDE if word == "INCLUDE" else word for word in words[1:])]
        # One stream, so that messages stand behind the commands that they belong to.
        done = subprocess_tee.run(command, cwd=self.folder, env=self.environ, stderr=sys.stdout)
        if done.returncode != 0:
            if not may_fail:
                raise DemoError(f"`{shown}` failed with status {done.returncode}")
            print(f"   exit status {done.returncode}")

    def _registered(self, module: str) -> list[str]:
        """Show the module's commands; returns their sources, in the order of its array."""
        program = _Program(os.path.join(self.folder, module))
        files = []
        for i in range(program.call("count")):
            name, file = program.text("name", i), program.text("file", i)
            result = program.call("run", i, ARGUMENT)
            print(f"   {module}: {name}({ARGUMENT}) = {result}, registered in {file}, {INPUTS[file]}")
            files.append(file)
        return files

    def _show_missing(self, files: list[str]) -> None:
        for file, name in NAMES.items():
            if file not in files:
                print(f"   missing: {name}, of {file}, {INPUTS[file]}")


class _Program:
    """A running module."""

    __slots__ = ("exports", "store")

    def __init__(self, path: str) -> None:
        import wasmtime  # noqa: PLC0415

        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        module = wasmtime.Module.from_file(engine, path)
        self.exports: Any = wasmtime.Instance(self.store, module, []).exports(self.store)

    def call(self, name: str, *arguments: int) -> int:
        return int(self.exports[name](self.store, *arguments))

    def text(self, name: str, *arguments: int) -> str:
        """Read the C string that the export returns the address of."""
        memory, address = self.exports["memory"], self.call(name, *arguments)
        return bytes(memory.read(self.store, address, memory.data_len(self.store))).split(b"\0", 1)[0].decode()


def _environment(zig: str, scratch: str) -> Mapping[str, str]:
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return {
        # zig's caches, where nothing is in the way and nothing stays.
        "ZIG_GLOBAL_CACHE_DIR": os.path.join(scratch, "zig-cache"),
        "ZIG_LOCAL_CACHE_DIR": os.path.join(scratch, "zig-cache"),
        **{name: value for name, value in os.environ.items() if not name.startswith("LDSHIM")},
        # The same linker in all steps, whatever else is installed.
        "LDSHIM_LINKER": zig,
        "PYTHONPATH": path,
    }
