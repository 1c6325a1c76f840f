"""Making an object of bitcode with the user's own linker: `wasm-ld -r` runs LLVM's code generator, whatever the version.

What is lowered is optimized by itself, and no longer together with the rest of the program; its elements are an object's.
"""

from __future__ import annotations

import os
import subprocess

from ldshim import linker
from ldshim.errors import LinkError
from ldshim.rewrite import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ldshim.command import Command
    from ldshim.linker import Linker, forwarded_signals


class Lowered:
    """What became of one file: its object, or what the linker said instead."""

    __slots__ = ("messages", "object")

    def __init__(self, content: bytes | None, messages: str) -> None:
        self.object = content
        self.messages = messages


class _Job:
    __slots__ = ("directory", "process")

    def __init__(self, directory: str, process: subprocess.Popen[bytes]) -> None:
        self.directory = directory  # of the file, and of all that the linker makes of it
        self.process = process


def lower(files: list[tuple[str, bytes]], real: Linker, command: Command, environ: Mapping[str, str]) -> list[Lowered]:
    """The objects of `files`, each a name for messages and bitcode, in their order; as many at once as there are processors."""
    workspace = Workspace(environ)
    done: list[Lowered] = []
    running: list[_Job] = []
    try:
        with linker.forwarded_signals() as forwarding:
            try:
                for name, data in files:
                    if len(running) >= (os.cpu_count() or 1):
                        done.append(_finish(running.pop(0), workspace, forwarding))
                    if forwarding.received:
                        break
                    # lld 22 leaves what it makes for ThinLTO beside its input, older ones beside their output.
                    running.append(_start(workspace.write(name, [data], alone=True), real, command))
                while running:
                    done.append(_finish(running.pop(0), workspace, forwarding))
            finally:
                for job in running:
                    job.process.kill()
                    job.process.communicate()
        if forwarding.received:
            workspace.remove()
            linker.exit_like(-forwarding.received)
    finally:
        workspace.remove()
    return done


def _start(source: str, real: Linker, command: Command) -> _Job:
    directory = os.path.dirname(source)
    # What LLVM makes is left beside the output: `-r` itself loses the flags of segments (https://github.com/llvm/llvm-project/pull/210747).
    line = [*real.prefix, "-r", "--save-temps", *command.codegen, source, "-o", os.path.join(directory, "lowered")]
    try:
        process = subprocess.Popen(
            line, executable=real.path, env=linker.environment(real), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise LinkError(f"cannot run {real.path}: {error.strerror}") from None
    return _Job(directory, process)


def _finish(job: _Job, workspace: Workspace, forwarding: forwarded_signals) -> Lowered:
    forwarding.adopt(job.process.pid)
    messages = workspace.translate(job.process.communicate()[1]).decode("utf-8", "backslashreplace").strip()
    forwarding.child = 0
    if job.process.returncode < 0:
        return Lowered(None, f"it crashed (signal {-job.process.returncode})")
    if job.process.returncode != 0:
        return Lowered(None, messages or f"it ended with status {job.process.returncode}")
    made = [os.path.join(job.directory, "lowered"), *_native_objects(job.directory)]
    path = made[1] if len(made) == 2 else made[0]
    with open(path, "rb") as file:
        return Lowered(file.read(), messages)


def _native_objects(directory: str) -> Iterator[str]:
    """What --save-temps left: `lowered.lto.o`, `lowered1.lto.o` or `lowered.lto.a.o`, as the version of lld has it."""
    for name in sorted(os.listdir(directory)):
        if name.startswith("lowered") and ".lto." in name and name.endswith(".o"):
            yield os.path.join(directory, name)
