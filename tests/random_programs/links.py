"""Link a program, run it, and compare what it reads with what it has to read."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import wasmtime
from elftools.elf.elffile import ELFFile

from tests.harness import Instance, linker_path, tool
from tests.random_programs import pieces
from tests.random_programs.build import Builder, stride
from tests.random_programs.model import Model
from tests.random_programs.pieces import ELF, SECTIONS, WASM, WITH_TABLE
from tests.random_programs.programs import READ_TABLE
from tests.random_programs.zygote import Zygote

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Compiler
    from tests.random_programs.programs import Program


# They do not have --start-lib.
WITHOUT_GROUPS = ("14", "15", "16")


class Disagreement(AssertionError):  # noqa: N818 - it is what is looked for
    """The program is not what the model or the ELF twin says."""


class Linker:
    """Checks programs; counts what it did."""

    def __init__(self, cc: Compiler, folder: Path) -> None:
        self.builder = Builder(cc)
        self.folder = folder
        self.zygote = Zygote()
        self.programs = self.links = self.twins = self.elements = self.failures = 0

    def close(self) -> None:
        self.zygote.close()

    def check(self, program: Program, llds: list[str]) -> None:
        """Link the program with each of these linkers, and its twin.  Raises `Disagreement`."""
        self.programs += 1
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        model = Model(program, self.builder.order)
        words = self._command_line(program)
        for lld in llds:
            try:
                self._check_with(program, model, words, lld)
            except Disagreement as error:  # noqa: PERF203 - it says with which linker
                raise Disagreement(f"lld {lld}: {error}") from None
        if model.has_elf_twin and not model.missing and not model.may_fail:
            self._check_twin(program, model)

    def _command_line(self, program: Program) -> list[str]:
        collecting = "--gc-sections" if program.collects else "--no-gc-sections"
        words = ["--no-entry", collecting, *program.options, *self.builder.words(program, WASM, self.folder)]
        if program.response_file:
            (self.folder / "words.rsp").write_text("\n".join(words))
            words = ["@words.rsp"]
        return [*words, "-o", "out.wasm"]

    def _check_with(self, program: Program, model: Model, words: list[str], lld: str) -> None:
        self.links += 1
        output = self.folder / "out.wasm"
        output.unlink(missing_ok=True)
        before = set(os.listdir(self.folder))
        status, messages = self.zygote.link(words, self.folder, linker_path(lld))
        left = set(os.listdir(self.folder)) - before - {"out.wasm", "messages"}
        if left:
            raise Disagreement(f"left behind: {left}")
        if lld in WITHOUT_GROUPS and any(item.kind == "group" for item in program.items):
            if status != 1 or "unknown argument: --start-lib" not in messages:
                raise Disagreement(f"status {status} with an option that it does not have: {messages}")
            return
        missing = model.missing
        if missing or (status and model.may_fail):
            self.failures += 1
            if status != 1 or output.exists() or not all(f"__start_{section}" in messages for section in missing):
                raise Disagreement(f"status {status} without {missing}: {messages}")
            return
        if status or messages:
            raise Disagreement(f"status {status}: {messages}")
        self._check_module(program, model, output)

    def _check_module(self, program: Program, model: Model, output: Path) -> None:
        module = Instance(output)
        if "--export-all" not in program.options:
            expected = {"memory", "call", "unharmed", *(f"need{i}" for i in range(len(program.needs)))}
            expected |= {f"{section}_{end}" for section in program.reads for end in ("first", "last")}
            found = {export.name for export in module.module.exports}
            if found != expected or list(module.module.imports):
                raise Disagreement(f"exports {found ^ expected}, imports {[entry.name for entry in module.module.imports]}")
        if module.unharmed() != 77 + ord("unharmed"[3]):
            raise Disagreement("other data is harmed")
        for index, number in enumerate(program.needs):
            if getattr(module, f"need{index}")() != model.returned(number):
                raise Disagreement(f"file {number} returns something else")
        exported = module.exports["memory"]
        assert isinstance(exported, wasmtime.Memory)
        memory = bytes(exported.read(module.store))
        for section in program.reads:
            self._check_section(module, memory, section, model)

    def _check_section(self, module: Instance, memory: bytes, section: str, model: Model) -> None:
        first, last = getattr(module, f"{section}_first")(), getattr(module, f"{section}_last")()
        size = stride(section)
        if first > last or (last - first) % size:
            raise Disagreement(f"{section}: bounds {first:#x} and {last:#x}")
        places = list(range(first, last, size))
        if section in ("mixed", READ_TABLE):
            places = [struct.unpack_from("<I", memory, place)[0] for place in places]
        elif first % SECTIONS[section].alignment:
            raise Disagreement(f"{section}: begins at {first:#x}")
        if section == READ_TABLE and any(place % SECTIONS[WITH_TABLE].alignment for place in places):
            raise Disagreement(f"{section}: elements at {places}")
        numbers = [struct.unpack_from("<H" if section == "delta" else "<I", memory, place)[0] for place in places]
        self.elements += len(numbers)
        wrong = model.answer(section).disagreement(numbers)
        if wrong:
            raise Disagreement(f"{section}: {wrong}")
        if section == "beta":
            for place, number in zip(places, numbers, strict=True):
                _, data, function = struct.unpack_from("<3I", memory, place)
                expected = number ^ pieces.POINTEE_MASK
                if struct.unpack_from("<I", memory, data)[0] != expected or module.call(function) != expected:
                    raise Disagreement(f"beta: element {number} points to something else")

    # The twin.

    def _check_twin(self, program: Program, model: Model) -> None:
        self.twins += 1
        folder = self.folder / "elf"
        folder.mkdir()
        words = self.builder.words(program, ELF, folder)
        output = folder / "out"
        done = subprocess.run([tool("ld.lld-22"), *words, "-o", str(output)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Disagreement(f"the ELF twin does not link: {done.stderr}")
        with output.open("rb") as file:
            elf = ELFFile(file)
            for section in program.reads:
                if section == READ_TABLE:
                    continue
                numbers = _elf_numbers(elf, section)
                wrong = model.answer(section).disagreement(numbers)
                if wrong and (model.elf_keeps_order or model.answer(section).disagreement(_sorted_like(model, section, numbers))):
                    raise Disagreement(f"the ELF twin's {section}: {wrong}")


def _sorted_like(model: Model, section: str, numbers: list[int]) -> list[int]:
    order = {number: rank for rank, number in enumerate(model.answer(section).numbers)}
    return sorted(numbers, key=lambda number: order.get(number, -1))


def _elf_numbers(elf: ELFFile, section: str) -> list[int]:
    is_table = section == "mixed"
    found = elf.get_section_by_name("mixed_ptrs" if is_table else section)
    if found is None:
        return []
    data = found.data()
    if is_table:
        return [_elf_word(elf, address) for (address,) in struct.iter_unpack("<Q", data)]
    kind = "<H" if section == "delta" else "<I"
    return [struct.unpack_from(kind, data, place)[0] for place in range(0, len(data), SECTIONS[section].elf_size)]


def _elf_word(elf: ELFFile, address: int) -> int:
    for section in elf.iter_sections():
        begin = section["sh_addr"]
        if begin and begin <= address < begin + section["sh_size"]:
            return int(struct.unpack_from("<I", section.data(), address - begin)[0])
    raise Disagreement(f"nothing at {address:#x}")
