"""The script that runs a saved link again, and the text that says what is in its directory."""

from __future__ import annotations

import os
import shlex

from ldshim.command import quote_response_file
from ldshim.saving.originals import OUTPUTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ORIGINAL, REWRITTEN = "original", "rewritten"

_SCRIPT = """\
#!/bin/sh
# Runs the link of this directory again, wherever the directory is now; README.txt says what else is here.
#
#   ./replay [OPTION...]         through ldshim, with the inputs as they were
#   ./replay --real [OPTION...]  the real linker alone, with the inputs as ldshim rewrote them
#
# What is made goes to {outputs}/.  LDSHIM_LINKER names the real linker; without it the first of these on PATH is taken: {linker}, wasm-ld,
# rust-lld.
cd -- "$(dirname -- "$0")" || exit
mkdir -p {outputs} || exit

if [ -z "${{LDSHIM_LINKER:-}}" ]; then
    for name in {linker} wasm-ld rust-lld; do
        LDSHIM_LINKER=$(command -v "$name") && break
    done
fi
if [ -z "$LDSHIM_LINKER" ]; then
    echo "replay: no {linker}, wasm-ld or rust-lld on PATH: name one in LDSHIM_LINKER" >&2
    exit 1
fi
unset LDSHIM LDSHIM_SAVE_DIR LDSHIM_RUNNING

if [ "${{1:-}}" = --real ]; then
    shift
{real}
fi

export LDSHIM_LINKER LDSHIM_CACHE=off
set -- {original} "$@"
if command -v ldshim >/dev/null; then
    {off}exec ldshim "$@"
fi
{off}exec python3 -m ldshim "$@"
"""

_REAL = """\
    set -- {rewritten} "$@"
    case ${{LDSHIM_LINKER##*/}} in
        zig) exec "$LDSHIM_LINKER" wasm-ld "$@" ;;
        *) exec "$LDSHIM_LINKER" -flavor wasm "$@" ;;
    esac"""

_NOT_REAL = """\
    echo "replay: the real linker was not called; README.txt says how the link ended" >&2
    exit 1"""

_README = """\
A link, saved by ldshim (LDSHIM_SAVE_DIR).  It ended with {how}.

To run it again:

  ./replay           through ldshim, with the inputs as they were
  ./replay --real    the real linker alone, with the inputs as ldshim rewrote them

or by hand, in this directory:

  mkdir -p {outputs}
  LDSHIM_CACHE=off {off}ldshim {original}
  {by_hand}

What is made goes to {outputs}/.

To report a bug, attach this directory as an archive (tar czf link.tar.gz {name}).  It holds the program's objects and libraries, and
paths and some variables of the machine: look through it before it goes where others can read it.

  command.txt              the command line that ldshim was called with, and where
  environment.txt          the variables that matter
  versions.txt             of ldshim, Python, the real linker, the system
  original/                the files that the command line names, each at its absolute path; response files, too
  original.words           the command line of ./replay: a response file
  rewritten/               the files that ldshim wrote for the real linker
  rewritten.words          the command line of ./replay --real: a response file
  child.txt                the command line of the real linker
  trace.txt                what ldshim decided, as LDSHIM_TRACE=1 prints it
  stdout.txt, stderr.txt   what the link printed; output.txt, if both went to one place
  result.txt               the status or signal, the time that it took, and what was made
"""


def write_words(folder: str, name: str, words: Sequence[str]) -> str:
    """Write a command line into the response file `name.words`; returns what names it in a shell.

    Empty words, which a response file cannot hold, stand between several files.
    """
    groups: list[list[str]] = [[]]
    for word in words:
        if word:
            groups[-1].append(word)
        else:
            groups.append([])
    named = ["--rsp-quoting=posix"]
    for number, group in enumerate(groups):
        if number:
            named.append("")
        file = f"{name}.words" if number == 0 else f"{name}.{number}.words"
        if group or number == 0:
            with open(os.path.join(folder, file), "wb") as target:
                target.write(os.fsencode(quote_response_file(group)))
            named.append("@" + file)
    return shlex.join(named)


def write(folder: str, *, how: str, linker: str, off: bool, original: str, rewritten: str, missing: Sequence[str]) -> None:
    """Write `replay` and README.txt.

    `linker` is the name of the real linker, `off` says whether ldshim only handed over to it; `original` and `rewritten` are what
    `write_words` returned, the latter empty if there is nothing to run.
    """
    facts = {
        "how": how,
        "linker": shlex.quote(linker),
        "name": os.path.basename(folder),
        "outputs": OUTPUTS,
        "original": original,
        "off": "LDSHIM=off " if off else "",
    }
    path = os.path.join(folder, "replay")
    script = _SCRIPT.format(**facts, real=_REAL.format(rewritten=rewritten) if rewritten else _NOT_REAL)
    _write(path, script)
    os.chmod(path, 0o755)  # noqa: S103 - a script
    text = _README.format(**facts, by_hand=f"{linker} {rewritten}" if rewritten else "(the real linker was not called)")
    if missing:
        text += "\nNot here, although the command line names it:\n\n" + "".join(f"  {line}\n" for line in missing)
    _write(os.path.join(folder, "README.txt"), text)


def _write(path: str, text: str) -> None:
    with open(path, "wb") as file:
        file.write(os.fsencode(text))
