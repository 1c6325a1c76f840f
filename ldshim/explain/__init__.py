"""`ldshim explain`: why an element is in a section, or is not.

The link is done once more in a private directory (`trial.py`), with the real linker's map (`layout.py`) to tell what the module really
has.  `statics.py` looks into all inputs for what is an element, or may be meant as one; `verdicts.py` says what became of each, and
`absent.py` why there is none; `report.py` shows it.
"""

from __future__ import annotations

import os
import sys

from ldshim.arguments import Parser
from ldshim.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

NOTES = """\
SECTION is what stands behind __start_, or the name of a distributed slice of Rust.
NAME is a name in the source, a symbol, or a part of one.
Behind -- stand the words of the link: those behind wasm-ld, ldshim or rust-lld."""


class ExplainError(Exception):
    """The question cannot be answered; the text says why."""


def execute(argv: list[str]) -> int:
    """Run `ldshim explain`; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        # Names of files and symbols may be anything; to show one must not fail.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    own, words = _split(argv)
    options = parser().parse_args(own)
    try:
        return _explain(options, _link_words(options, words))
    except (ExplainError, LinkError) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    sys.stdout.flush()
    print(f"ldshim explain: {message}", file=sys.stderr)
    return 1


def parser() -> Parser:
    options = Parser(
        "explain",
        "Say why an element is in a section of a link, or why it is not.",
        usage="ldshim explain SECTION [--element NAME] [--json] (--saved DIR | -- WORD...)",
        notes=NOTES,
        examples=[
            "ldshim explain commands -- --no-entry main.o plugins.a -o out.wasm",
            "ldshim explain commands --element hello -- @link.rsp",
        ],
        status="0 if the element (without --element: any element) is in the section; 1 if not, or if the question cannot be answered",
    )
    options.add_argument("section", metavar="SECTION", help="the section, or the slice")
    options.add_argument("--element", metavar="NAME", help="explain only what has this name (default: all elements of the section)")
    options.add_argument("--saved", metavar="DIR", help="the link that LDSHIM_SAVE_DIR saved there, instead of words behind --")
    options.add_argument("--json", action="store_true", help="write the answer as JSON")
    return options


def _split(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """The words for us, and those of the link; None if there is no `--`."""
    if "--" not in argv:
        return list(argv), None
    at = list(argv).index("--")
    return list(argv[:at]), list(argv[at + 1 :])


def _link_words(options: Namespace, words: list[str] | None) -> list[str]:
    if options.saved is not None:
        if words is not None:
            parser().error("--saved and words behind -- are two links: give one")
        from ldshim.explain.saved import enter  # noqa: PLC0415 - only where a saved link is asked about

        return enter(options.saved)
    if not words:
        parser().error("which link? give its words behind --, as in: ldshim explain SECTION -- main.o plugins.a -o out.wasm")
    # A line may be pasted as it is, with the program in front.
    return words[1:] if os.path.basename(words[0]).removesuffix(".exe") in ("ldshim", "wasm-ld", "rust-lld") else words


def _explain(options: Namespace, words: list[str]) -> int:
    from ldshim.explain import report  # noqa: PLC0415 - not for an error in the words
    from ldshim.explain.question import answer  # noqa: PLC0415

    found = answer(options.section, options.element, words, os.environ)
    print(report.as_json(found) if options.json else report.as_text(found))
    return 0 if any(finding.is_in for finding in found.findings) else 1
