"""`ldshim inspect`: which named sections files have, what their elements are, and who reads them.

report     gathers the facts of all files
files      opens objects, archives, bitcode and linked modules
objects    what an object or a bitcode file says
modules    what a linked module still says
facts      all of it as plain data, which `--json` prints
table      the same for people
names      names as people read them
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys

from ldshim.arguments import Parser
from ldshim.inspect.report import make_report
from ldshim.inspect.table import Style, render


def execute(argv: list[str]) -> int:
    """Show the files; returns the exit status, 1 if something could not be shown."""
    options = parser().parse_args(argv)
    report = make_report(options.files, options.section, with_relocations=options.relocations)
    if options.json:
        output = json.dumps(dataclasses.asdict(report), indent=2, ensure_ascii=False) + "\n"
    else:
        output = render(report, Style.of(sys.stdout, os.environ), options.section, with_relocations=options.relocations)
    _write(output)
    lines = [f"ldshim inspect: {problem.message}" for problem in report.errors]
    if options.section is not None and report.files and not any(file.has_sections for file in report.files):
        lines.append(f"ldshim inspect: no section {options.section} in {', '.join(file.path for file in report.files)}")
    if lines:
        os.write(2, ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
    return 1 if lines else 0


def parser() -> Parser:
    options = Parser(
        "inspect",
        "Show the named sections of objects, archives, rlibs, bitcode and linked modules, with their elements.",
        examples=["ldshim inspect main.o plugins.a", "ldshim inspect --section commands --json out.wasm"],
        status="0; 1 if something could not be shown, or if no file has the section",
    )
    options.add_argument("files", metavar="FILE", nargs="+", help="an object, an archive, or a module")
    options.add_argument("--section", metavar="X", help="show this section only; for a slice of linkme, its name will do")
    options.add_argument("--relocations", action="store_true", help="list every relocation, not only how many of each type there are")
    options.add_argument("--json", action="store_true", help="print all facts as JSON (docs/inspect.md says what they mean)")
    return options


def _write(output: str) -> None:
    try:
        rest = memoryview(output.encode("utf-8", "backslashreplace"))
        # Under PYTHONUNBUFFERED there is no buffer, and a pipe may take a part only.
        while rest:
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough.  Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
