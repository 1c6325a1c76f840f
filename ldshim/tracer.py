"""What the passes of a link decided, for `LDSHIM_TRACE=1`."""

from __future__ import annotations

import os
import shlex
import time

from ldshim.bitcode import MAGIC, WRAPPER_MAGIC
from ldshim.errors import printable
from ldshim.survey import CUSTOM, MARKED, NATIVE, PAIRED
from ldshim.trace import trace
from ldshim.watching import Watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from ldshim.anchors import Anchor
    from ldshim.command import Command
    from ldshim.inputs import InputFile, Unit
    from ldshim.linker import Linker
    from ldshim.rewrite import Workspace
    from ldshim.sections import Plan
    from ldshim.survey import Contribution, Survey
    from ldshim.wasm.editor import Edit


class Tracer(Watcher):
    """Says what it is told."""

    __slots__ = ("_command", "_last", "_sum")

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._sum = 0.0
        self._command: Command | None = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if isinstance(error, Exception):
            self._sum += self._took()
            trace.say(f"failed: {error}")
            self._total()

    def begins(self, command: Command, real: Linker, environ: Mapping[str, str]) -> None:
        took = self._took()
        self._command = command
        trace.say(f"time: Python and its imports: {time.process_time() * 1000:.1f} ms of the processor")
        trace.say(f"command: {len(command.argv)} words, {len(command.words)} with response files expanded, {len(command.inputs)} inputs")
        trace.say(f"linker: {real.path}: {_why_this_linker(command, real, environ)}")
        self._time("command line and linker", took)

    def opened(self, files: list[InputFile]) -> None:
        took = self._took()
        archives = [file for file in files if file.is_archive]
        bitcode = sum(not file.is_archive and file.data[:4] in (MAGIC, WRAPPER_MAGIC) for file in files)
        objects = len(files) - len(archives) - bitcode
        size = sum(file.identity[2] for file in files)
        named = len(self._command.inputs) if self._command else 0
        others = named - sum(len(file.inputs) for file in files)
        trace.say(
            f"inputs: {len(files)} files, {size} bytes: {objects} objects, {bitcode} of bitcode, {len(archives)} archives, "
            f"{sum(file.is_remembered for file in archives)} of these remembered as holding nothing; {others} left to the linker"
        )
        self._time("opening", took)

    def surveyed(self, found: Survey) -> None:
        took = self._took()
        for section in found.wanted:
            trace.say(f"wanted: {printable(section)}: {', '.join(self._who_wants(found, section))}")
        self._time("survey", took)

    def collected(self, found: Survey) -> None:
        took = self._took()
        for section, contributions in found.contributions.items():
            for contribution in contributions:
                trace.say(f"contribution: {printable(section)}: {contribution.unit}: {_described(contribution)}")
        self._time("collection", took)

    def planned(self, plan: Plan, found: Survey) -> None:
        took = self._took()
        for section, contributions in found.contributions.items():
            for contribution in contributions:
                if contribution.dropped:
                    place = f"{contribution.unit}: {_place(contribution)}"
                    trace.say(f"copy: {printable(section)}: {place} is left out for an earlier copy")
        for unit, edit in plan.edits.items():
            for change in _changes(unit, edit):
                trace.say(f"change: {unit}: {change}")
        for anchor in plan.anchors:
            trace.say(f"anchor: {_anchor(anchor)}")
        if plan.needs_table:
            trace.say("anchor: imports the function table")
        for option in plan.dropped_exports:
            trace.say(f"change: command line: --export {option.name} is left out")
        for reference in plan.unfilled:
            trace.say(f"unfilled: {printable(reference.section)}: nothing that is surely loaded defines its bounds")
        self._time("plan", took)

    def runs(self, real: Linker, words: list[str], workspace: Workspace) -> None:
        took = self._took()
        for path in _files_in(workspace.path):
            trace.say(f"written: {path}, {os.path.getsize(path)} bytes")
        self._time("rewriting", took)
        trace.say(f"run: {shlex.join([*real.prefix, *words])}")
        self._last = time.perf_counter()

    def ended(self, status: int) -> None:
        took = self._took()
        trace.say(f"ended: {'signal' if status < 0 else 'status'} {abs(status)}")
        self._time("real linker", took)
        self._total()

    def hands_over(self, real: Linker, words: list[str], why: str) -> None:
        self._total()
        trace.say(f"handed over: {why}")
        trace.say(f"exec: {shlex.join([*real.prefix, *words])}")

    def _who_wants(self, found: Survey, section: bytes) -> Iterator[str]:
        bounds = (f"__start_{printable(section)}", f"__stop_{printable(section)}")
        asked = [*(option.name for option in self._command.exports), *self._command.required] if self._command else []
        for name in dict.fromkeys(asked):
            if name in bounds:
                yield f"the command line asks for {name}"
        reference = found.references.get(section)
        if reference is not None and reference.unit is not None:
            yield f"{reference.unit} refers to its bounds"
        elif reference is not None and not any(name in bounds for name in asked):
            yield "something refers to its bounds, weakly or as functions"
        units = [unit for unit, _, marker in found.marked if marker.section == section]
        if units:
            yield f"{len(units)} marker symbols name it, the first in {units[0]}"
        if reference is None and not units:
            yield "bitcode names it"

    def _took(self) -> float:
        return time.perf_counter() - self._last

    def _time(self, what: str, took: float) -> None:
        trace.say(f"time: {what}: {took * 1000:.1f} ms")
        self._sum += took
        # What it takes to write the trace is nobody's time.
        self._last = time.perf_counter()

    def _total(self) -> None:
        trace.say(f"time: total: {self._sum * 1000:.1f} ms")


def _why_this_linker(command: Command, real: Linker, environ: Mapping[str, str]) -> str:
    if command.linker:
        return f"--ldshim-linker={command.linker}"
    if environ.get("LDSHIM_LINKER"):
        return f"LDSHIM_LINKER={environ['LDSHIM_LINKER']}"
    if os.path.basename(os.path.dirname(real.path)) == "ziglang":
        return "of the ziglang package; no wasm-ld on PATH"
    if os.path.dirname(real.path) in environ.get("PATH", os.defpath).split(os.pathsep):
        return "the first on PATH"
    return "of WASI_SDK_PATH; no wasm-ld on PATH"


_RULES = {
    NATIVE: "a segment of this name",
    MARKED: "the segment of a marker symbol",
    PAIRED: "a segment whose bytes a custom section of this name repeats",
    CUSTOM: "a custom section of this name",
}


def _described(contribution: Contribution) -> str:
    facts = [f"{_place(contribution)}, {_RULES[contribution.kind]}", f"{contribution.size} bytes"]
    if contribution.p2align is not None:
        facts.append(f"aligned to {1 << contribution.p2align}")
    if contribution.key:
        facts.append(f"key {printable(contribution.key)}")
    facts += [printable(marker.name) for marker in contribution.markers]
    if contribution.is_declaration:
        facts.append("a declaration")
    facts.append("surely loaded" if contribution.unit.certain else "loaded only if something refers to it")
    return ", ".join(facts)


def _place(contribution: Contribution) -> str:
    return f"{'section' if contribution.kind == CUSTOM else 'segment'} {contribution.index}"


def _changes(unit: Unit, edit: Edit) -> Iterator[str]:
    obj = unit.object
    if unit.is_lowered:
        yield "the object that the linker made of it takes the bitcode's place"
    for index, (name, p2align, flags) in edit.segment_info.items():
        before = printable(obj.segments[index].name)
        yield f"segment {index} {before} becomes {printable(name)}, aligned to {1 << p2align}, flags {flags:#x}"
    for index, flags in edit.symbol_flags.items():
        yield f"symbol {printable(obj.symbols[index].name)} gets flags {flags:#x}"
    for index in sorted(edit.undefined_symbols):
        yield f"symbol {printable(obj.symbols[index].name)} becomes a reference to another copy"
    for _, index in sorted(edit.left_comdats):
        yield f"segment or section {index} leaves its COMDAT group"
    for index in sorted(edit.emptied_sections):
        yield f"section {index} {printable(obj.sections[index].name)} is emptied"
    for segment in edit.new_segments:
        yield f"new segment {printable(segment.name)}, {len(segment.content)} bytes, {len(segment.relocations)} relocations"
    for symbol in edit.new_symbols:
        yield f"new symbol {printable(symbol.name)}, flags {symbol.flags:#x}"


def _anchor(anchor: Anchor) -> str:
    elements = "elements look after themselves" if anchor.elements is None else f"keeps {len(anchor.elements)} elements alive"
    keys = f", {len(anchor.keyed)} output segments for sort keys" if anchor.keyed else ""
    return f"{printable(anchor.section)}: aligned to {1 << anchor.p2align}, {elements}{keys}"


def _files_in(directory: str) -> list[str]:
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(directory) for name in names)
