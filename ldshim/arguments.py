"""The command lines of the subcommands: their options, what `--help` says, and what an error in them looks like.

The exit status for words that a subcommand does not understand is 2, as it is for argparse and grep: 1 is an answer of `doctor`,
`explain` and `inspect`, and a script that tests for it must not take a misspelt option for one.

The manual and the completions of the shells are made from these parsers, too (scripts/generate-manual).  There the name that an option's
value has says what it is: FILE, DIR, or something that cannot be completed.
"""

from __future__ import annotations

import argparse
import textwrap

from ldshim.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """The parser of a subcommand.

    `notes` say more of the arguments; `examples` are lines for a shell, which a test runs; `status` says what the exit status means.
    """

    def __init__(
        self, command: str, description: str, *, examples: Sequence[str], status: str, notes: str = "", usage: str | None = None
    ) -> None:
        self.examples = examples
        self.notes = notes
        self.status = status + "; 2 if the command line makes no sense."
        shown = "\n".join(f"  $ {example}" for example in examples)
        parts = [notes, f"examples:\n{shown}", textwrap.fill(f"exit status: {self.status}", 100)]
        super().__init__(
            prog=f"ldshim {command}",
            usage=usage,
            description=description,
            epilog="\n\n".join(part for part in parts if part),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong with the command line, and end the process."""
        self.exit(2, f"{self.prog}: {printable(message)}; see {self.prog} --help\n")
