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


def main() -> NoReturn:
    """Run the command line of this process; never returns."""
    argv = sys.argv[1:]
    called = os.path.basename(sys.argv[0])
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
    except KeyboardInterrupt:
        from ldshim.linker import exit_like  # noqa: PLC0415

        exit_like(-2)  # as if the signal had ended us: that is what a shell and make look for


def _subcommand(argv: list[str]) -> int:
    name, *rest = argv
    # Each module has an `execute`, which takes the words behind the command's name and returns the exit status.
    module = __import__(COMMANDS[name], fromlist=["execute"])
    status: int = module.execute(rest)
    return status
