"""`ldshim init`: make a cargo project link through ldshim, and take that back (`--undo`).

It writes two things into the `.cargo/config.toml` beside the workspace's Cargo.toml: ldshim as the linker of the wasm
targets, and a `[patch.crates-io]` that replaces linkme by the crate that ldshim ships.  Cargo.toml stays as it is.

Start here: `_init` and `_undo` are the lists of the passes, in order.  All of them but the last only look, plan and show.
"""

from __future__ import annotations

import os
import shutil
import sys

from ldshim.arguments import Parser
from ldshim.errors import LinkError
from ldshim.init.config import config_of
from ldshim.init.edit import Edits
from ldshim.init.files import InitError, remove_if_empty, replace_files, upwards
from ldshim.init.linkers import choose_targets, plan_linker
from ldshim.init.patch import plan_patch
from ldshim.init.project import look
from ldshim.init.record import RECORD, Record, record_path
from ldshim.init.report import show_diff, show_findings
from ldshim.init.vendored import look_at_copy, plan_copy, remove_copy, shipped_crate, write_copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from ldshim.init.project import Project
    from ldshim.init.vendored import Copy


def execute(argv: list[str]) -> int:
    """Run `ldshim init`; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        # Names of files may be anything; to show one must not fail.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    options = parser().parse_args(argv)
    try:
        # As cargo sees it.
        folder = os.path.realpath(options.folder)
        return _undo(folder, options) if options.undo else _init(folder, options)
    except (InitError, LinkError) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    sys.stdout.flush()
    print(f"ldshim init: {message}", file=sys.stderr)
    return 1


def parser() -> Parser:
    options = Parser(
        "init",
        "Make a cargo project link its WebAssembly targets through ldshim, with ldshim's linkme.",
        notes="DIR is the project or a folder in it; the configuration is written beside the Cargo.toml of its workspace.",
        examples=["cd my-project && ldshim init", "cargo build --target wasm32-unknown-unknown", "ldshim init --undo"],
        status="0 if it is written, was there already, or with --dry-run; "
        "1 on an error, an answer other than yes, and if there is something to write but neither a terminal to ask on nor --yes",
    )
    options.add_argument("folder", nargs="?", default=".", metavar="DIR", help="the project (default: the current directory)")
    options.add_argument(
        "--target",
        action="append",
        metavar="TRIPLE",
        help="for this target, repeatable (default: the wasm targets of build.target and the installed ones)",
    )
    options.add_argument(
        "--vendor",
        nargs="?",
        const="vendor/linkme",
        metavar="DIR",
        help="copy ldshim's linkme into the project, to DIR (default: vendor/linkme), instead of naming its place here",
    )
    options.add_argument("--absolute", action="store_true", help="write the path of ldshim, even if `ldshim` is on PATH")
    options.add_argument("--undo", action="store_true", help="take out what `ldshim init` has written")
    options.add_argument("--yes", action="store_true", help="do not ask")
    options.add_argument("--dry-run", action="store_true", help="show what would be written, and stop")
    return options


def _init(folder: str, options: Namespace) -> int:
    # What is there, and which targets are set up?
    if not os.path.isdir(folder):
        raise InitError(f"{options.folder}: no such directory")
    project = look(folder)
    targets = choose_targets(project, options.target)
    show_findings(project, targets)
    if not targets:
        print("\nNothing to do: no target that ldshim can link.")
        return 0

    # What has to change?
    record = Record.load(project.root)
    crate = shipped_crate()
    copied = plan_copy(project, record.copy, crate, options.vendor) if options.vendor is not None else None
    edits = Edits(project.config)
    for target in targets:
        plan_linker(project, edits, target, absolute=options.absolute)
    if not plan_patch(project, edits, crate, copied, record.copy["place"]):
        copied = None  # nothing would use it
    if not os.path.join(folder, "").startswith(os.path.join(project.root, "")):
        edits.notes.append(f"cargo does not read the configuration in {project.root} where it runs in {folder}")
    for note in edits.notes:
        print(f"note: {note}")
    if not edits.changes and not (copied and copied.stale):
        print("\nNothing to do: the project is set up.")
        return 0

    # Show it, ask, and write it.
    after = project.config.encode(edits.text)
    print()
    show_diff(project.root, project.config, after)
    if copied and copied.stale:
        print(f"{'update' if copied.exists else 'create'} {copied.place}/ ({len(copied.files)} files)")
    if not _confirmed(options):
        return 0 if options.dry_run else 1
    _write(project, after, record.extended(project, edits, after, copied), crate, copied)
    print("Written.  To take it back: ldshim init --undo")
    return 0


def _write(project: Project, after: bytes, record: Record, crate: str, copied: Copy | None) -> None:
    """Write everything; if one thing cannot be written, nothing is."""
    root = project.root
    os.makedirs(os.path.join(root, ".cargo"), exist_ok=True)
    try:
        if copied and copied.stale:
            write_copy(root, crate, copied)
        # The record first: it does no harm where what it speaks of did not happen.
        replace_files({record_path(root): record.dump(), project.config.path: after})
    except BaseException:
        if copied and not copied.exists:
            shutil.rmtree(os.path.join(root, copied.place), ignore_errors=True)
        _remove_folders(root, record)
        raise


def _undo(folder: str, options: Namespace) -> int:
    # What was done, and what of it can be taken back?
    root = next((place for place in upwards(folder) if os.path.exists(record_path(place))), None)
    if root is None:
        print(f"Nothing to undo: no .cargo/{RECORD} in {folder} or above it.")
        return 0
    record = Record.load(root)
    config = config_of(root)
    after, notes = record.undone(config)
    removed, kept = look_at_copy(root, record.copy)

    # Show it, ask, and write it.
    if removed:
        print(f"remove {removed}/")
    for note in [*notes, *kept]:
        print(f"note: {note}")
    show_diff(root, config, after)
    if not _confirmed(options):
        return 0 if options.dry_run else 1
    if after is None and config.raw is not None:
        os.remove(os.path.realpath(config.path))
    elif after is not None and after != config.raw:
        replace_files({config.path: after})
    if removed:
        remove_copy(os.path.join(root, removed), record.copy["files"])
    os.remove(record_path(root))
    _remove_folders(root, record)
    print("Undone.  cargo takes linkme from where Cargo.toml says again, and puts that into Cargo.lock in its next run.")
    return 0


def _remove_folders(root: str, record: Record) -> None:
    for folder in record.created:
        remove_if_empty(os.path.join(root, folder))


def _confirmed(options: Namespace) -> bool:
    sys.stdout.flush()
    if options.dry_run:
        return False
    if options.yes:
        return True
    again = "ldshim init --undo --yes" if options.undo else "ldshim init --yes"
    question = "Undo this? [y/N] " if options.undo else "Write this? [y/N] "
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise InitError(f"nothing written: there is no terminal to ask on; `{again}`, with the same options, writes it")
    try:
        answer = input(question)
    except EOFError:
        answer = ""
    if answer.strip().lower() in ("y", "yes"):
        return True
    print("Nothing written.")
    return False
