"""`--ldshim-verify` and `LDSHIM_VERIFY=1`: whether all that the inputs register is in the module, whole and in its place.

The check knows the user's files, which it reads again (`expected.py`), the module, and lld's map, which says where lld put
what (`actual.py`).  It does not ask what ldshim planned or wrote, so an error in that shows.  `sections.py` compares,
`pointers.py` follows every relocation.  docs/reliability.md says what is compared, and what cannot be.

What cannot be checked is said in the lines of LDSHIM_TRACE that begin with `verify: `.
"""

from __future__ import annotations

import os

from ldshim.errors import LinkError, printable
from ldshim.trace import trace
from ldshim.verifying.expected import Opened, read_expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.command import Command
    from ldshim.inputs import Unit
    from ldshim.linker import Linker
    from ldshim.rewrite import Workspace
    from ldshim.survey import Survey
    from ldshim.verifying.actual import Output


def check_untouched(command: Command) -> None:
    """Check, before the real linker takes over, that a link in which nothing was found holds nothing.  Raises `LinkError`."""
    expected = read_expected(command, Opened({}, {}))
    for section in expected.wanted:
        who = expected.who_wants[section]
        raise LinkError(f"verification: section {printable(section)} is wanted by {who}, and the link was about to be left to the linker")


def verify(real: Linker, words: list[str], found: Survey, command: Command, workspace: Workspace) -> None:
    """Check the module of a link that has succeeded; if it is wrong, remove it, and raise `LinkError`."""
    expected = read_expected(command, _opened(found.opened))
    if not expected.wanted:
        return
    path = command.output or "a.out"
    output = _output(real, words, command, workspace, path)
    if output is None:
        return
    from ldshim.verifying.sections import check_sections  # noqa: PLC0415 - most links have nothing of it

    problems = check_sections(expected, output, command)
    if problems:
        os.unlink(path)
        more = f"\n>>> and {len(problems) - 1} more like it" if len(problems) > 1 else ""
        raise LinkError(f"verification of {printable(path)}: {problems[0]}{more}")
    if trace.on:
        trace.say(f"verify: {len(expected.wanted)} sections, {sum(map(len, expected.elements.values()))} elements: as they should be")


def _opened(units: list[Unit]) -> Opened:
    """What LLVM says of bitcode files, and what the real linker made of them: neither is ours."""
    lowered = {(unit.file.path, unit.order[1]): unit.data for unit in units if unit.is_lowered}
    sizes = {
        (unit.file.path, unit.order[1]): {symbol.name: symbol.size for symbol in unit.object.symbols}
        for unit in units
        if not unit.is_lowered
    }
    return Opened(lowered, sizes)


def _output(real: Linker, words: list[str], command: Command, workspace: Workspace, path: str) -> Output | None:
    if not os.path.isfile(path):
        trace.say(f"verify: not checked: {path} is no file that can be read back")
        return None
    from ldshim.mapping import linker_map, lld_map  # noqa: PLC0415 - most links have nothing of it
    from ldshim.verifying.actual import read_output  # noqa: PLC0415

    text = lld_map(real, words, command, workspace)
    if text is None:
        trace.say("verify: not checked: linking a second time, for the map, did not make the same module")
        return None
    return read_output(path, linker_map.parse(text))
