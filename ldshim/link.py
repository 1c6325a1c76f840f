"""A link, from the command line to the exit status.  Start here: `link` is the list of the passes, in order.

The first passes only look.  If they find nothing to do, and that is most links, the real linker takes this process over
(`exec`), with the words that the user gave.  From the rewriting on there is a private directory with the changed objects, and the
real linker runs as a child whose messages are translated back to the user's paths.
"""

from __future__ import annotations

import os

from ldshim import command as command_line
from ldshim import inputs, linker, survey
from ldshim.errors import Errors, LinkError
from ldshim.memory import Memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from ldshim.sections import Plan
    from ldshim.watching import Watcher


# So many elements, and what is known of them takes about as much memory as Python itself.
_MANY = 10_000


def link(argv: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Link as `argv` (without the program's name) says, and end the process with the real linker's status.

    Raises `LinkError` where ldshim itself has to refuse.
    """
    # Nobody watches most links: it is asked for, or there is a terminal that may want to see progress.
    if "LDSHIM_TRACE" in environ or "LDSHIM_SAVE_DIR" in environ or os.isatty(2):
        from ldshim.watching import watcher  # noqa: PLC0415

        with watcher(argv, environ) as watch:
            _link(argv, environ, watch)
    _link(argv, environ, None)


def _link(argv: list[str], environ: Mapping[str, str], watch: Watcher | None) -> NoReturn:
    # Understand the command line, and find the linker that will do the work.
    off = environ.get("LDSHIM") == "off"
    command = command_line.parse(argv, guarded=off)
    real = linker.find(command, environ)
    if watch:
        watch.begins(command, real, environ)

    # A version, a help text, `-r` and LDSHIM=off are the real linker's business alone.
    if command.prints_version or command.prints_help:
        if watch:
            watch.hands_over(real, command.argv, "it asks for a version or help")
        linker.exit_like(linker.version_or_help(real, command))
    if command.map is not None:
        from ldshim import mapping  # noqa: PLC0415 - only when asked for

        mapping.check(command.map, command)
    if command.relocatable or off:
        _hand_over(real, command, environ, watch, "LDSHIM=off" if off else "-r leaves elements to the final link")

    # Open the inputs.  What is wanted?
    memory = Memory(environ, survey.NEEDLES)
    files = inputs.open_inputs(command, memory)
    if watch:
        watch.opened(files)
    found = survey.survey(files, command)
    open_bitcode(found, files, real, command, environ)
    if watch:
        watch.surveyed(found)
    strangers = _has_strangers(command, files)
    verified = _is_verified(command, environ)
    if not found.wanted and verified:
        from ldshim import verifying  # noqa: PLC0415 - only when asked for

        verifying.check_untouched(command)
    if not found.wanted and not strangers:
        inputs.remember(files, memory)
        _hand_over(real, command, environ, watch, "nothing is wanted")

    # What contributes to it?
    survey.collect(found, files)
    inputs.remember(files, memory)
    if watch:
        watch.collected(found)

    # What has to change?  From here on no contribution is found or forgotten.
    from ldshim import sections  # noqa: PLC0415 - most links end above

    plan = sections.make_plan(found, command)
    if verified:
        from ldshim.verifying.accounting import check_plan  # noqa: PLC0415 - only when asked for

        check_plan(found, plan)
    if watch:
        watch.planned(plan, found)

    # Nothing to do, and nothing to say?
    explained = strangers or _lacks_a_section(found)
    if not plan and not plan.unfilled and command.map is None and not verified and not explained:
        _hand_over(real, command, environ, watch, "nothing to change")

    if command.fatal_warnings:
        Errors.of(_warnings(command, found, plan)).check()

    # Write the changed objects, let the real linker run on them, and mend the paths in what it wrote.
    facts = _Facts(files, found, plan)
    del files, found, plan  # see `_Facts`
    linker.exit_like(_link_rewritten(real, command, facts, environ, watch))


def open_bitcode(
    found: survey.Survey, files: list[inputs.InputFile], real: linker.Linker, command: command_line.Command, environ: Mapping[str, str]
) -> None:
    """Make bitcode with elements readable; it may want more."""
    while units := survey.unopened_bitcode(found, files):
        from ldshim.bitcode.opening import open_units  # noqa: PLC0415 - most links have no bitcode

        open_units(units, found.filled_names, real, command, environ)
        survey.note_opened(found, units)


def _hand_over(
    real: linker.Linker, command: command_line.Command, environ: Mapping[str, str], watch: Watcher | None, why: str
) -> NoReturn:
    if command.map is not None:  # somebody has to stay, and write the map in which there is nothing
        from ldshim.sections import Plan  # noqa: PLC0415 - only when asked for

        linker.exit_like(_link_rewritten(real, command, _Facts([], survey.Survey(), Plan()), environ, watch))
    if watch:
        watch.hands_over(real, command.argv, why)
    linker.hand_over(real, command.argv)


class _Facts:
    """What is known when the real linker starts.

    It can be as much as the linker itself needs, and is hardly ever needed afterwards: where it is much, it is given back meanwhile.
    """

    __slots__ = ("files", "found", "plan")

    def __init__(self, files: list[inputs.InputFile], found: survey.Survey, plan: Plan) -> None:
        self.files = files
        self.found = found
        self.plan = plan

    @property
    def are_many(self) -> bool:
        return sum(map(len, self.found.contributions.values())) >= _MANY

    def forget(self) -> None:
        import gc  # noqa: PLC0415 - for large links

        self.files, self.found = [], survey.Survey()
        self.plan = type(self.plan)()
        gc.collect()  # files and their units know each other


def _link_rewritten(
    real: linker.Linker, command: command_line.Command, facts: _Facts, environ: Mapping[str, str], watch: Watcher | None
) -> int:
    from ldshim import rewrite  # noqa: PLC0415 - most links need none

    verified = _is_verified(command, environ)
    forgets = facts.are_many and not (verified or watch or command.map is not None)
    warnings = _warnings(command, facts.found, facts.plan)
    workspace = rewrite.Workspace(environ)
    try:
        with linker.forwarded_signals():
            if watch:
                watch.rewriting(facts.plan, workspace)
            words = rewrite.rewrite(facts.plan, facts.files, command, workspace)
            inputs.check_unchanged(facts.files)
            if command.map is not None or verified:
                from ldshim import mapping  # noqa: PLC0415 - only when asked for

                words = mapping.asking_lld(words, facts.found, command, workspace, environ)
            if watch:
                watch.runs(real, words, workspace)
            messages: list[bytes] = []
            status = linker.run(real, words, workspace.path, workspace.translate, messages, facts.forget if forgets else None)
            if watch:
                watch.ended(status)
            for path in command.reports:
                workspace.translate_file(path)
        if verified and status == 0:
            from ldshim import verifying  # noqa: PLC0415 - only when asked for

            verifying.verify(real, words, facts.found, command, workspace)
        if command.map is not None and status == 0:
            mapping.write(real, words, facts.found, facts.plan, command, workspace, environ)
    finally:
        workspace.remove()
    if status:
        if forgets and status > 0:  # else by a signal, of which there is nothing to say
            _look_again(facts, real, command, environ)
        from ldshim.hints import failure_notes  # noqa: PLC0415 - only for links that fail

        _comment(command, "note", failure_notes(command, facts.files, facts.found, b"".join(messages)), environ)
    else:
        _comment(command, "warning", warnings, environ)
    return status


def _look_again(facts: _Facts, real: linker.Linker, command: command_line.Command, environ: Mapping[str, str]) -> None:
    try:
        facts.files = inputs.open_inputs(command, Memory({"LDSHIM_CACHE": "off"}, survey.NEEDLES))
        facts.found = survey.survey(facts.files, command)
        open_bitcode(facts.found, facts.files, real, command, environ)
        survey.collect(facts.found, facts.files)
    except LinkError:
        pass  # the inputs are others now: there is nothing to say of them


def _is_verified(command: command_line.Command, environ: Mapping[str, str]) -> bool:
    """Whether the module is to be read back, and there is something to compare it with."""
    asked = command.verify or environ.get("LDSHIM_VERIFY") == "1"
    return asked and not command.relocatable and environ.get("LDSHIM") != "off"


def _has_strangers(command: command_line.Command, files: list[inputs.InputFile]) -> bool:
    """Whether an input, or a member of one, is an object of another platform: if the real linker fails for it, `hints.py` explains it."""
    understood = sum(len(file.inputs) for file in files) == len(command.inputs) and not command.missing_libraries
    if understood and not any(file.has_others for file in files):
        return False
    from ldshim.foreign import is_there_any  # noqa: PLC0415 - hardly ever

    return is_there_any(command, files)


def _lacks_a_section(found: survey.Survey) -> bool:
    """Whether somebody asks for the bounds of a section that there is not, be it by an option or a weak reference."""
    return any(not found.contributions.get(section) and section not in found.own_bounds for section in found.references)


def _warnings(command: command_line.Command, found: survey.Survey, plan: Plan) -> list[str]:
    """What the user should know of a link that works."""
    if not command.allow_undefined or not plan.unfilled:
        return []
    from ldshim.hints import missing_sections  # noqa: PLC0415 - only for links that need it

    return missing_sections(found, plan)


def _comment(command: command_line.Command, kind: str, texts: list[str], environ: Mapping[str, str]) -> None:
    """Say what the real linker cannot know: why bounds are missing, and what the files are that it does not understand."""
    if texts:
        from ldshim.diagnostics import printer  # noqa: PLC0415

        printer(command.argv, environ).say(kind, texts)
