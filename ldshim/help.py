"""What `ldshim --help` says behind lld's own help.

The tables below are the only list of our own options and variables: the manual and the completions are made from them, and from the
parsers of the subcommands (scripts/generate-manual; run it after a change).
"""

from __future__ import annotations

import textwrap

# A value is written behind the name as lld's help does: <file> and <dir> are completed by the shells.
OPTIONS = {
    "--ldshim-linker=<path>": "The wasm-ld that does the linking; a name without a slash is looked up on PATH. "
    "Default: LDSHIM_LINKER, then rust-lld, wasm-ld or wasm-ld-NN on PATH, then $WASI_SDK_PATH/bin/wasm-ld, then the ziglang package's.",
    "--ldshim-map=<file>": "Write what is in each named section, where it lies and which input it came from: "
    "JSON if the name ends in .json, a page if in .html, else text; - is stdout.",
    "--ldshim-verify": "Read the module back, and fail if an element is missing or wrong.",
}
VARIABLES = {
    "LDSHIM_LINKER=<path>": "The same as --ldshim-linker, for all links.",
    "LDSHIM_CACHE=<dir>": "Where it is remembered which archives hold nothing to collect, so that they are searched once; off: nowhere. "
    "Default: ldshim in $XDG_CACHE_HOME or ~/.cache.",
    "LDSHIM_VERIFY=1": "The same as --ldshim-verify, for all links.",
    "LDSHIM_TRACE=1": "Say on stderr what was decided, and why.",
    "LDSHIM_SAVE_DIR=<dir>": "Save each link in a numbered directory of its own, to be run again elsewhere.",
    "LDSHIM=off": "Hand every link over to the real linker as it is.",
}
COMMANDS = {
    "include-dir": "Print the directory of the C headers.",
    "demo": "Build and run an example.",
    "init": "Make a cargo project link through ldshim, with a linkme that works on wasm.",
    "doctor": "Say what is wrong with the linkers, compilers and the cargo project here, and what mends it.",
    "inspect": "Show named sections, their elements and who reads them.",
    "explain": "Say why an element is in a section of a link, or why it is not.",
}

_COLUMN = 26
_WIDTH = 120


def _rows(table: dict[str, str]) -> str:
    return "\n".join(
        textwrap.fill(f"  {name}".ljust(_COLUMN) + text, _WIDTH, subsequent_indent=" " * _COLUMN, break_on_hyphens=False)
        for name, text in table.items()
    )


HELP = f"""\
ldshim: a wasm-ld that collects named sections; every other option is the real linker's.

{_rows(OPTIONS)}

{_rows(VARIABLES)}

{_rows({f"ldshim {name}": text for name, text in COMMANDS.items()})}

Each of these has options of its own: ldshim COMMAND --help.  The manual: man ldshim, man ldshim-tools.
"""
