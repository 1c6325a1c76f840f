"""`--ldshim-map=FILE`: what is in each named section of the module, where it lies, and which input it came from.

The addresses are lld's own: the link is asked for a map (`-Map`), which goes into the private directory and is read there
(`linker_map.py`).  Where the user wants a map of lld's as well, or that one leaves a question open, the link is done a second time for one
that does not (`relink.py`).  `layout.py` joins it with the plan; `text.py`, `data.py` and `page.py` write the three forms.  `docs/map.md`
describes them.
"""

from __future__ import annotations

import os
import stat

from ldshim.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ldshim.command import Command
    from ldshim.linker import Linker
    from ldshim.mapping.layout import Layout
    from ldshim.rewrite import Workspace
    from ldshim.sections import Plan
    from ldshim.survey import Survey

_STDOUT = "-"


def check(path: str, command: Command) -> None:
    """Find out whether the map can be written, before the link.  Raises `LinkError`; creates nothing."""
    if not path:
        raise LinkError("--ldshim-map: missing argument")
    if path == _STDOUT:
        return
    for other in [command.output or "a.out", *(given.path for given in command.inputs)]:
        if os.path.realpath(path) == os.path.realpath(other):
            raise LinkError(f"--ldshim-map: {path} is a file of the link itself: name another one")
    existed = os.path.lexists(path)
    if existed and not _is_file(path) and not os.path.isdir(path):
        return  # a pipe or a device: opening it may wait, or be noticed
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
        if not existed:
            os.unlink(path)
    except OSError as error:
        raise _cannot_open(path, error) from None


def asking_lld(words: list[str], found: Survey, command: Command, workspace: Workspace, environ: Mapping[str, str]) -> list[str]:
    """The words for the real linker, with which it writes its map for us where nobody else sees it."""
    # The archive of --reproduce has the command line in it.
    is_seen = command.writes_map or command.reproduce or environ.get("LLD_REPRODUCE")
    return words if is_seen or not found.wanted else [*words, f"-Map={_linker_map_path(workspace)}"]


def write(
    real: Linker,
    words: list[str],
    found: Survey,
    plan: Plan,
    command: Command,
    workspace: Workspace,
    environ: Mapping[str, str],
) -> None:
    """Write the map of a link that has succeeded; `words` are those that the real linker got."""
    path = command.map or ""
    made = _layout(real, words, found, plan, command, workspace)
    if environ.get("LDSHIM") == "off":
        made.note = "LDSHIM=off: ldshim did not look at this link"
    elif command.relocatable:
        made.note = "-r: sections are collected in the final link"
    content = _rendered(made, path).encode("utf-8", "backslashreplace")
    if path == _STDOUT:
        os.write(1, content)
        return
    try:
        with open(path, "wb") as file:
            file.write(content)
    except OSError as error:
        if _is_file(path):
            os.unlink(path)
        raise _cannot_open(path, error) from None


def _layout(real: Linker, words: list[str], found: Survey, plan: Plan, command: Command, workspace: Workspace) -> Layout:
    from ldshim.mapping import layout, linker_map  # noqa: PLC0415 - verification needs the map of lld alone
    from ldshim.mapping.relink import relink  # noqa: PLC0415

    output = layout.readable_path(command.output or "a.out")
    if not found.wanted:
        return layout.make_layout(found, plan, output, linker_map.LinkerMap(), is_relative=command.pic, loaded=set())
    text = _read(workspace)
    if text is not None:
        try:
            return layout.make_layout(found, plan, output, linker_map.parse(text), is_relative=command.pic, loaded=None)
        except layout.Unsettled:
            pass
    again = relink(real, words, command, workspace)
    if again is not None:
        return layout.make_layout(found, plan, output, linker_map.parse(again.map), is_relative=command.pic, loaded=again.loaded)
    made = layout.make_layout(found, plan, output, None, is_relative=command.pic, loaded=None)
    made.note = "addresses are unknown: linking a second time, to learn them, did not make the same module"
    return made


def lld_map(real: Linker, words: list[str], command: Command, workspace: Workspace) -> bytes | None:
    """The map of lld for what `words` made, after a second link if need be; None where that makes another module."""
    text = _read(workspace)
    if text is not None:
        return text
    from ldshim.mapping.relink import relink  # noqa: PLC0415 - hardly ever

    again = relink(real, words, command, workspace)
    return again.map if again is not None else None


def _linker_map_path(workspace: Workspace) -> str:
    return os.path.join(workspace.path, "lld.map")


def _read(workspace: Workspace) -> bytes | None:
    """The map of lld, with the user's paths; None if it was not asked for one or wrote none."""
    try:
        with open(_linker_map_path(workspace), "rb") as file:
            return workspace.translate(file.read())
    except FileNotFoundError:
        return None


def _rendered(made: Layout, path: str) -> str:
    """The form that the file's name asks for."""
    if path.endswith(".json"):
        from ldshim.mapping.data import to_json  # noqa: PLC0415 - one of three

        return to_json(made)
    if path.endswith(".html"):
        from ldshim.mapping.page import to_html  # noqa: PLC0415

        return to_html(made)
    from ldshim.mapping.text import to_text  # noqa: PLC0415

    return to_text(made)


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _cannot_open(path: str, error: OSError) -> LinkError:
    return LinkError(f"cannot open map file {path}: {error.strerror}")
