"""A link, from the command line to the exit status.  Start here: `link` is the list of the passes, in order.

The first passes only look.  If they find nothing to do, and that is most links, the real linker takes this process over
(`exec`), with the words that the user gave.  From the rewriting on there is a private directory with the changed objects, and the
real linker runs as a child whose messages are translated back to the user's paths.
"""

from __future__ import annotations

import os

from ldshim import command as command_line
from ldshim import inputs, linker, survey
from ldshim.memory import Memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from ldshim.sections import Plan


def link(argv: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Link as `argv` (without the program's name) says, and end the process with the real linker's status.

    Raises `LinkError` where ldshim itself has to refuse.
    """
    # Understand the command line, and find the linker that will do the work.
    off = environ.get("LDSHIM") == "off"
    command = command_line.parse(argv, guarded=off)
    real = linker.find(command, environ)

    # A version, a help text, `-r` and LDSHIM=off are the real linker's business alone.
    if command.prints_version or command.prints_help:
        linker.exit_like(linker.version_or_help(real, command))
    if command.relocatable or off:
        linker.hand_over(real, command.argv)

    # Open the inputs.  What is wanted?  Bitcode with elements is made readable, and may want more.
    memory = Memory(environ, survey.NEEDLES)
    files = inputs.open_inputs(command, memory)
    found = survey.survey(files, command, memory)
    memory.save()
    while units := survey.unopened_bitcode(found, files):
        from ldshim.bitcode.opening import open_units  # noqa: PLC0415 - most links have no bitcode

        open_units(units, found.filled_names, real, command, environ)
        survey.note_opened(found, units)
    if not found.wanted:
        linker.hand_over(real, command.argv)

    # What contributes to it?
    survey.collect(found, files)

    # What has to change?  From here on no contribution is found or forgotten.
    from ldshim import sections  # noqa: PLC0415 - most links end above

    plan = sections.make_plan(found, command)

    # Nothing to do, and nothing to say?
    if not plan and not plan.unfilled:
        linker.hand_over(real, command.argv)

    # Write the changed objects, let the real linker run on them, and mend the paths in what it wrote.
    linker.exit_like(_link_rewritten(real, command, files, found, plan, environ))


def _link_rewritten(
    real: linker.Linker,
    command: command_line.Command,
    files: list[inputs.InputFile],
    found: survey.Survey,
    plan: Plan,
    environ: Mapping[str, str],
) -> int:
    from ldshim import rewrite  # noqa: PLC0415 - most links need none

    workspace = rewrite.Workspace(environ)
    try:
        with linker.forwarded_signals():
            words = rewrite.rewrite(plan, files, command, workspace)
            messages: list[bytes] = []
            status = linker.run(real, words, workspace.path, workspace.translate, messages)
            for path in command.reports:
                workspace.translate_file(path)
    finally:
        workspace.remove()
    _comment(command, found, plan, status, b"".join(messages))
    return status


def _comment(command: command_line.Command, found: survey.Survey, plan: Plan, status: int, messages: bytes) -> None:
    """Say what the real linker cannot know: why bounds are missing."""
    lines = []
    if status == 0 and command.allow_undefined and plan.unfilled:
        from ldshim.hints import missing_section_warning  # noqa: PLC0415 - only for links that need it

        missing = [r for r in plan.unfilled if r.certain and not found.contributions.get(r.section)]
        lines = [missing_section_warning(r.section, r.unit.name) for r in missing if r.unit is not None]
    elif status != 0 and b"undefined symbol: __st" in messages:
        from ldshim.hints import failure_hints  # noqa: PLC0415 - only for links that fail

        lines = failure_hints(found, messages)
    if lines:
        os.write(2, ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
