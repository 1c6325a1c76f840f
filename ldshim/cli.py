"""The entry: a link, or one of the subcommands.

A subcommand is the first word of the command line, and only where ldshim is called by its own name: as `wasm-ld` it is a linker
and nothing else.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

COMMANDS = {
    "demo": "ldshim.demo",
    "doctor": "ldshim.doctor",
    "explain": "ldshim.explain",
    "include-dir": "ldshim.include_dir",
    "init": "ldshim.init",
    "inspect": "ldshim.inspect",
}
# These hand files of the package to compilers: there are none where it is imported from a zip (scripts/pyz).
_NEED_FILES = ("demo", "include-dir", "init")


def main() -> NoReturn:
    """Run the command line of this process; never returns."""
    try:
        _leave_current_directory()
        _main(sys.argv[1:], os.path.basename(sys.argv[0]))
    except KeyboardInterrupt:
        from ldshim.linker import exit_like  # noqa: PLC0415

        exit_like(-2)  # as if the signal had ended us: that is what a shell and make look for


def _main(argv: list[str], called: str) -> NoReturn:
    from ldshim.errors import LinkError  # noqa: PLC0415

    try:
        if argv and argv[0] in COMMANDS and "wasm-ld" not in called:
            sys.exit(_subcommand(argv))
        from ldshim.link import link  # noqa: PLC0415

        # A link makes many objects and hardly any cycle: looking for cycles took a third of the time of one with 100,000 elements.
        gc.disable()
        link(argv, os.environ)
    except LinkError as error:
        from ldshim.diagnostics import printer  # noqa: PLC0415 - only for links that fail

        printer(argv, os.environ).fail(error)


def _leave_current_directory() -> None:
    """Import nothing from the current directory, where `python -m` looks first: anybody's `json.py` may lie there."""
    if sys.flags.isolated or getattr(sys.flags, "safe_path", False) or not sys.path:
        return
    try:
        if sys.path[0] == os.getcwd():
            del sys.path[0]
    except OSError:
        pass  # it is gone, and nothing lies in it


def _subcommand(argv: list[str]) -> int:
    name, *rest = argv
    if name in _NEED_FILES and not os.path.isfile(__file__):
        from ldshim.errors import LinkError  # noqa: PLC0415

        raise LinkError(
            f"{name} needs files that other programs can open, and here ldshim is one file: `pip install ldshim`, or unpack it "
            f"(`python3 -m zipfile -e {sys.argv[0]} ldshim-unpacked`, then `python3 ldshim-unpacked {name}`)"
        )
    # Each module has an `execute`, which takes the words behind the command's name and returns the exit status.
    module = __import__(COMMANDS[name], fromlist=["execute"])
    status: int = module.execute(rest)
    return status
