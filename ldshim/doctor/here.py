"""ldshim itself: which one this is, what it runs on, and where it may write."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
import tempfile

from ldshim import __version__, memory, rewrite
from ldshim.doctor.findings import Cure, Group, export, run, unset
from ldshim.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST_PYTHON = (3, 10)
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")


def examine(own: str | None) -> Group:
    """Look at the installation; `own` is the path of its program."""
    group = Group("ldshim")
    group.say("version", f"{__version__}, {own or 'without a program `ldshim`: ' + os.path.dirname(os.path.dirname(__file__))}")
    group.say("Python", f"{platform.python_version()}, {sys.executable}")
    group.facts = {"version": __version__, "program": own, "python": platform.python_version(), "python_program": sys.executable}
    if sys.version_info[:2] < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        group.error(
            "python-old",
            f"this is Python {platform.python_version()}, and ldshim needs {wanted} or later",
            Cure("do", f"install ldshim with a newer Python: python{wanted} -m pip install ldshim"),
        )
    _look_for_another(group, own)
    if os.environ.get("LDSHIM") == "off":
        group.error("off", "LDSHIM=off is set: every link goes to the real linker as it is, and nothing is collected", unset("LDSHIM"))
    _try_temporary_directory(group)
    _try_memory(group)
    return group


def _look_for_another(group: Group, own: str | None) -> None:
    on_path = shutil.which("ldshim")
    if own and on_path and os.path.realpath(on_path) != os.path.realpath(own):
        group.warning(
            "ldshim-other",
            f"`ldshim` on PATH is {on_path}, another one than this, {own}",
            run("export", f'PATH={shlex.quote(os.path.dirname(own))}:"$PATH"'),
        )


def _try_temporary_directory(group: Group) -> None:
    trouble = _temporary_trouble(os.environ)
    place = os.path.abspath(next((value for name in _TEMPORARY if (value := os.environ.get(name))), "/tmp"))  # noqa: S108
    group.facts["temporary_directory"] = place
    if not trouble:
        group.say("temporary", place)
        return
    group.say("temporary", f"{place}, where nothing can be written")
    variable = next((name for name in _TEMPORARY if os.environ.get(name)), "TMPDIR")
    others = (os.path.join(os.sep, "tmp"), os.path.join(os.sep, "var", "tmp"), os.path.expanduser("~"), os.curdir)
    other = next((os.path.abspath(path) for path in others if not _temporary_trouble({"TMPDIR": path})), None)
    cure = Cure("do", "name a directory that can be written in TMPDIR") if other is None else export(variable, other)
    group.error("tmpdir-unwritable", trouble.removesuffix("; set TMPDIR"), cure)


def _temporary_trouble(environ: Mapping[str, str]) -> str:
    """What a link would say of its temporary directory, which is made and removed."""
    try:
        os.rmdir(rewrite._make_private_directory(environ))  # noqa: SLF001 - the very one
    except LinkError as error:
        return str(error)
    return ""


def _try_memory(group: Group) -> None:
    place = os.path.dirname(memory._place(os.environ))  # noqa: SLF001 - the very one
    group.facts["cache"] = place or None
    if not place:
        group.say("cache", "none")
        return
    trouble = _cannot_write(place)
    group.say("cache", f"{place}, which cannot be written" if trouble else place)
    if trouble:
        without = {name: value for name, value in os.environ.items() if name != "LDSHIM_CACHE"}
        usual = os.path.dirname(memory._place(without))  # noqa: SLF001
        can_do_without = os.environ.get("LDSHIM_CACHE") and not (usual and _cannot_write(usual))
        group.warning(
            "cache-unwritable",
            f"cannot write to the cache, {place}: {trouble}; every link searches every archive",
            unset("LDSHIM_CACHE") if can_do_without else export("LDSHIM_CACHE", "off"),
        )


def _cannot_write(place: str) -> str:
    """Why nothing can be written in a directory that may have to be made first."""
    while not os.path.lexists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    try:
        with tempfile.TemporaryDirectory(prefix=".ldshim-", dir=place):
            return ""
    except OSError as error:
        return error.strerror or str(error)
