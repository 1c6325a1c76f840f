"""The real linker: which one it is, how it is called, what becomes of its output, its status and signals.

A link that needs nothing from ldshim is handed over: the real linker takes this process's place (`hand_over`).
Otherwise it runs as a child whose output passes through a translation of paths (`run`), and its end becomes ours
(`exit_like`).

One lld binary is several linkers and chooses by its name or by `-flavor` as the first word:
https://github.com/llvm/llvm-project/blob/main/lld/Common/DriverDispatcher.cpp
"""

from __future__ import annotations

import errno
import os
import sys

from ldshim.command import quote_response_file
from ldshim.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType, ModuleType, TracebackType
    from typing import NoReturn

    from ldshim.command import Command

# `signal` wraps this built-in module in enums, which costs a third of what ldshim may take for a link.
_signal: ModuleType = __import__("_signal")

_SUFFIX = ".exe" if os.name == "nt" else ""
_VERSIONS = range(40, 12, -1)
_SCRIPT_SIZE = 8192
# In the environment of the real linker: its path.  To find it in our own means that the real linker is ldshim again.
_RUNNING = "LDSHIM_RUNNING"


class Linker:
    """The program at `path`; its arguments begin with `prefix`, argv[0] included."""

    __slots__ = ("path", "prefix")

    def __init__(self, path: str, prefix: list[str]) -> None:
        self.path = path
        self.prefix = prefix


# Finding it


def find(command: Command, environ: Mapping[str, str]) -> Linker:
    """Find the real linker: the one that is named, else the first of the usual ones that is here."""
    running = environ.get(_RUNNING)
    if running:
        raise LinkError(f"the real linker {running} is ldshim itself: name a wasm-ld in LDSHIM_LINKER")
    settings = (("--ldshim-linker", command.linker), ("LDSHIM_LINKER", environ.get("LDSHIM_LINKER")))
    for setting, value in settings:
        if value:
            return _linker(_named(setting, value, environ))
    path = _usual(environ)
    if path is None:
        raise LinkError(
            "no wasm-ld found: get one with `pip install 'ldshim[lld]'` or your system's lld package "
            "(`apt install lld`), or name one in LDSHIM_LINKER"
        )
    return _linker(path)


def _named(setting: str, value: str, environ: Mapping[str, str]) -> str:
    """Find the linker that the user named; it is that one or an error."""
    if "/" in value or os.sep in value:
        candidates = [value]
    else:
        candidates = [path for path in _on_path(value, environ) if _is_executable(path)]
        if not candidates:
            raise LinkError(f"{setting}: no {value} on PATH")
    for path in candidates:
        if not os.path.exists(path):
            raise LinkError(f"{setting}: {path} does not exist")
        if not _is_executable(path):
            raise LinkError(f"{setting}: {path} is not an executable file")
        if not _is_ldshim(path, b"ldshim.cli"):
            return path
    raise LinkError(f"{setting}: {candidates[0]} is ldshim itself, not the linker behind it")


def _usual(environ: Mapping[str, str]) -> str | None:
    for name in ("rust-lld", "wasm-ld", *(f"wasm-ld-{number}" for number in _VERSIONS)):
        for path in _on_path(name, environ):
            if _is_executable(path) and not _is_ldshim(path, b"ldshim"):
                return path
    places = [os.path.join(entry, "ziglang", "zig") for entry in sys.path]
    sdk = environ.get("WASI_SDK_PATH")
    if sdk:
        places.insert(0, os.path.join(sdk, "bin", "wasm-ld"))
    return next((place + _SUFFIX for place in places if _is_executable(place + _SUFFIX)), None)


def _on_path(name: str, environ: Mapping[str, str]) -> list[str]:
    if not name.lower().endswith(_SUFFIX):
        name += _SUFFIX
    directories = environ.get("PATH", os.defpath).split(os.pathsep)
    return [os.path.join(directory, name) for directory in directories if directory]


def _is_executable(path: str) -> bool:
    return os.access(path, os.X_OK) and os.path.isfile(path)


def _is_ldshim(path: str, mark: bytes) -> bool:
    """Whether this is our own script, under whatever name, or a small script with `mark` in it."""
    if sys.argv and os.path.realpath(path) in (os.path.realpath(sys.argv[0]), os.path.realpath(sys.argv[0] + _SUFFIX)):
        return True
    try:
        with open(path, "rb") as file:
            if file.read(2) != b"#!":
                return False
            script = file.read(_SCRIPT_SIZE)
    except OSError:
        return False
    return len(script) < _SCRIPT_SIZE and mark in script


def _linker(path: str) -> Linker:
    name = os.path.basename(path)
    if name.lower().endswith(".exe"):
        name = name[:-4]
    if name == "zig":
        return Linker(path, [path, "wasm-ld"])
    return Linker(path, [path] if _means_wasm(name) else [path, "-flavor", "wasm"])


def _means_wasm(name: str) -> bool:
    """Whether lld, called by this name, is wasm-ld: the first part of the name that is a flavor decides."""
    for part in name.split("-"):
        if part == "wasm":
            return True
        if part.lower() in ("ld", "ld.lld", "gnu", "link", "ld64", "ld64.lld", "darwin"):
            return False
    return False


# Running it


def hand_over(linker: Linker, args: list[str]) -> NoReturn:
    """Become the real linker."""
    if os.name != "nt":  # where exec would return to the caller before the linker is done
        _restore_signals()
        try:
            os.execve(linker.path, [*linker.prefix, *args], environment(linker))
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise _cannot_run(linker, error) from None
    exit_like(_call(linker, args))


def version_or_help(linker: Linker, command: Command) -> int:
    """Let the real linker answer --version or --help, then add what there is to say of ldshim; returns the status."""
    status = _call(linker, command.argv)
    if status == 0 and command.prints_help:
        from ldshim.help import HELP  # noqa: PLC0415 - only when asked for

        text = f"\n{HELP}"
    elif status == 0:
        from ldshim import __version__  # noqa: PLC0415

        text = f"ldshim {__version__}\n"
    else:
        return status
    # Whoever reads may have seen enough (`ldshim --help | head`): nothing is said of that.
    return 0 if write(1, text.encode()) else 1


def version(linker: Linker) -> str:
    """What the real linker says of its version."""
    import subprocess  # noqa: PLC0415 - only for bitcode

    words = [*linker.prefix, "--version"]
    return subprocess.run(
        words, executable=linker.path, env=environment(linker), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
    ).stdout


def run(
    linker: Linker,
    args: list[str],
    directory: str,
    translate: Callable[[bytes], bytes],
    messages: list[bytes],
    meanwhile: Callable[[], None] | None = None,
) -> int:
    """Run the real linker as a child and pass on what it prints, line by line, through `translate`.

    `directory` is where a response file may be put, `messages` gets what was passed on, `meanwhile` is called as soon as the child runs.
    Returns the status, negative for the signal that ended the child or that we were sent (see `forwarded_signals`): the caller cleans up
    and then calls `exit_like`.
    """
    if wants_color(args):
        args = ["--color-diagnostics=always", *args]  # lld sees a pipe, the user a terminal
    if not hasattr(os, "posix_spawn"):
        return _run_simply(linker, args, directory, translate, messages)
    if _active is not None:
        return _run_forwarding(linker, args, directory, _relays(translate, messages), _active, meanwhile)
    with forwarded_signals() as forwarding:
        return _run_forwarding(linker, args, directory, _relays(translate, messages), forwarding, meanwhile)


def _run_forwarding(
    linker: Linker,
    args: list[str],
    directory: str,
    relays: list[_Relay],
    forwarding: forwarded_signals,
    meanwhile: Callable[[], None] | None,
) -> int:
    try:
        if forwarding.received:
            return -forwarding.received
        forwarding.adopt(_spawn_any(linker, args, directory, (relays[0].write_end, relays[-1].write_end)))
        for relay in relays:
            relay.close_write_end()
        if meanwhile is not None:
            meanwhile()
        _pump(relays)
    finally:
        for relay in relays:
            relay.close()
    return forwarding.wait()


def exit_like(status: int) -> NoReturn:
    """End this process as the real linker ended: with its exit status, or by its signal."""
    if os.name == "nt":
        from ldshim import windows  # noqa: PLC0415 - only there

        sys.exit(windows.exit_status(status))
    if status >= 0:
        sys.exit(status)
    import resource  # noqa: PLC0415 - only for crashes

    # The linker has dumped its core; ours would overwrite it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if -status not in (_signal.SIGKILL, _signal.SIGSTOP):
        _signal.signal(-status, _signal.SIG_DFL)
    os.kill(os.getpid(), -status)
    sys.exit(128 - status)


class forwarded_signals:  # noqa: N801 - used like a function: `with forwarded_signals():`
    """While it is entered, SIGTERM, SIGINT and SIGHUP go to the running child and are remembered.

    They do not interrupt us: a child ends by them, or is not started any more, and `run` returns their number.  That
    leaves the caller to clean up and to die of them.
    """

    __slots__ = ("child", "previous", "received")

    def __init__(self) -> None:
        self.child = 0
        self.received = 0
        self.previous: dict[int, object] = {}

    def __enter__(self) -> forwarded_signals:  # noqa: PYI034 - Self is newer than Python 3.10
        global _active  # noqa: PLW0603 - signal handlers belong to the process, and so does this
        for number in _ending_signals():
            # What was ignored stays so (nohup), for us and for the child.
            if _signal.getsignal(number) != _signal.SIG_IGN:
                self.previous[number] = _signal.signal(number, self._forward)
        _active = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global _active  # noqa: PLW0603
        set_handlers(self.previous)
        _active = None

    def adopt(self, child: int) -> None:
        """Make `child` the one that gets the signals, beginning with one that came while it was started."""
        self.child = child
        if self.received:
            os.kill(child, self.received)

    def wait(self) -> int:
        """Wait for the child; returns its status, or the signal that we were sent, negative."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        self.child = 0
        return -self.received if self.received else status

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        if self.child:
            try:
                os.kill(self.child, number)
            except ProcessLookupError:
                pass  # it has ended, and `wait` has not gone on yet


_active: forwarded_signals | None = None


def handle_unhandled(handler: Callable[[int, FrameType | None], None]) -> dict[int, object]:
    """Have `handler` called by those of the signals that would end this process; returns what to give to `set_handlers` in the end."""
    previous: dict[int, object] = {}
    for number in _ending_signals():
        if _signal.getsignal(number) in (_signal.SIG_DFL, _signal.default_int_handler):
            previous[number] = _signal.signal(number, handler)
    return previous


def set_handlers(handlers: dict[int, object]) -> None:
    for number, handler in handlers.items():
        _signal.signal(number, handler)


def _ending_signals() -> list[int]:
    return [getattr(_signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(_signal, name)]


# The child


def environment(linker: Linker) -> dict[str, str]:
    """What the real linker finds in its environment."""
    return {**os.environ, _RUNNING: linker.path}


def _cannot_run(linker: Linker, error: OSError) -> LinkError:
    return LinkError(f"cannot run {linker.path}: {error.strerror}")


def _restore_signals() -> None:
    """Undo what Python ignores and lld does not: with SIGPIPE ignored it would complain instead of ending quietly."""
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(_signal, name):
            _signal.signal(getattr(_signal, name), _signal.SIG_DFL)


def _call(linker: Linker, args: list[str]) -> int:
    """Run the real linker on our own standard streams, with a response file if need be."""
    if not hasattr(os, "posix_spawn"):
        return _call_simply(linker, args)
    with forwarded_signals() as forwarding:
        try:
            forwarding.adopt(_spawn(linker, args, (1, 2)))
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise _cannot_run(linker, error) from None
        else:
            return forwarding.wait()
        import tempfile  # noqa: PLC0415 - 11 ms, for the few links that are too long for exec

        with tempfile.TemporaryDirectory(prefix="ldshim-") as directory:
            forwarding.adopt(_spawn_any(linker, _shorten(args, directory), directory, (1, 2)))
            return forwarding.wait()


def _call_simply(linker: Linker, args: list[str]) -> int:
    """Do what `_call` does where there is no posix_spawn."""
    import subprocess  # noqa: PLC0415 - Windows
    import tempfile  # noqa: PLC0415

    from ldshim import windows  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="ldshim-") as directory:
        words = [*linker.prefix, *args]
        if not windows.fits(words):
            words = [*linker.prefix, *_shorten(args, directory)]
        try:
            return subprocess.run(words, env=environment(linker), check=False).returncode
        except OSError as error:
            raise _cannot_run(linker, error) from None


def _run_simply(
    linker: Linker, args: list[str], directory: str, translate: Callable[[bytes], bytes], messages: list[bytes]
) -> int:
    """Do what `run` does where there is no posix_spawn; output appears at the end."""
    import subprocess  # noqa: PLC0415 - Windows

    # The limit is the whole line's length there, and low.
    words = [*linker.prefix, *_shorten(args, directory)]
    try:
        done = subprocess.run(words, env=environment(linker), capture_output=True, check=False)
    except OSError as error:
        raise _cannot_run(linker, error) from None
    for target, output in ((1, done.stdout), (2, done.stderr)):
        text = translate(output)
        messages.append(text)
        write(target, text)
    return done.returncode


def _spawn_any(linker: Linker, args: list[str], directory: str, streams: tuple[int, int]) -> int:
    """Start the child with these as stdout and stderr, with a response file if its line is too long; returns its id."""
    try:
        return _spawn(linker, args, streams)
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise _cannot_run(linker, error) from None
    try:
        return _spawn(linker, _shorten(args, directory), streams)
    except OSError as error:
        raise _cannot_run(linker, error) from None


def _spawn(linker: Linker, args: list[str], streams: tuple[int, int]) -> int:
    return os.posix_spawn(
        linker.path,
        [*linker.prefix, *args],
        environment(linker),
        file_actions=[(os.POSIX_SPAWN_DUP2, streams[0], 1), (os.POSIX_SPAWN_DUP2, streams[1], 2)],
        setsigdef=[_signal.SIGPIPE, _signal.SIGXFSZ],
    )


def _shorten(args: list[str], directory: str) -> list[str]:
    """Put the arguments into response files; empty ones, which those cannot hold, stay between."""
    # Windows has another default.  What the user's own --rsp-quoting says is in the file, too late to count.
    short = ["--rsp-quoting=posix"]
    start = 0
    for end, arg in enumerate([*args, ""]):
        if arg:
            continue
        if start < end:
            path = os.path.join(directory, f"arguments-{start}.rsp")
            with open(path, "wb") as file:
                file.write(os.fsencode(quote_response_file(args[start:end])))
            short.append("@" + path)
        if end < len(args):
            short.append("")
        start = end + 1
    return short


# Its output


def wants_color(args: list[str]) -> bool:
    """Whether lld, on our stderr, would color its messages of its own accord."""
    if any("color-diagnostics" in arg for arg in args) or not os.isatty(2):
        return False
    # https://github.com/llvm/llvm-project/blob/main/llvm/lib/Support/Unix/Process.inc, terminalHasColors
    term = os.environ.get("TERM", "")
    return (
        term in ("ansi", "cygwin", "linux")
        or term.startswith(("screen", "xterm", "vt100", "rxvt"))
        or term.endswith("color")
    )


class _Relay:
    """One of the child's output streams, on its way to ours."""

    __slots__ = ("messages", "pending", "read_end", "target", "translate", "write_end")

    def __init__(self, target: int, translate: Callable[[bytes], bytes], messages: list[bytes]) -> None:
        self.target = target
        self.translate = translate
        self.messages = messages
        self.pending = b""
        self.read_end, self.write_end = os.pipe()

    def transfer(self) -> bool:
        """Pass on what is there, complete lines only; False at the end of the stream."""
        data = os.read(self.read_end, 1 << 16)
        lines, newline, self.pending = (self.pending + data).rpartition(b"\n")
        if not data:
            lines, self.pending = self.pending, b""
        text = self.translate(lines + newline)
        if text:
            self.messages.append(text)
        # When nobody reads our output any more the child is to find out, by a SIGPIPE of its own.
        return write(self.target, text) and bool(data)

    def close_write_end(self) -> None:
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def close(self) -> None:
        self.close_write_end()
        if self.read_end >= 0:
            os.close(self.read_end)
            self.read_end = -1


def _relays(translate: Callable[[bytes], bytes], messages: list[bytes]) -> list[_Relay]:
    """Make a relay for stdout and one for stderr; a single one if both are the same, which keeps their order exact."""
    open_standard_streams()
    stdout, stderr = os.fstat(1), os.fstat(2)
    if (stdout.st_dev, stdout.st_ino) == (stderr.st_dev, stderr.st_ino):
        return [_Relay(2, translate, messages)]
    return [_Relay(1, translate, messages), _Relay(2, translate, messages)]


def open_standard_streams() -> None:
    """Open those that are closed: what takes a low number must not be a pipe of ours."""
    for target in (0, 1, 2):
        if not _is_open(target):
            os.open(os.devnull, os.O_RDWR)  # becomes `target`


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _pump(relays: list[_Relay]) -> None:
    """Relay until the child has closed all its ends."""
    import select  # noqa: PLC0415 - for links that are not handed over

    poll = select.poll()
    by_end = {relay.read_end: relay for relay in relays}
    for end in by_end:
        poll.register(end, select.POLLIN)
    while by_end:
        for end, _ in poll.poll():
            if not by_end[end].transfer():
                poll.unregister(end)
                by_end.pop(end).close()


def write(target: int, data: bytes) -> bool:
    """Write all of it; False if nobody reads it."""
    try:
        while data:
            data = data[_write_some(target, data) :]
    except OSError:
        return False
    return True


def _write_some(target: int, data: bytes) -> int:
    try:
        return os.write(target, data)
    except BlockingIOError:
        # Whoever shares our output may have made it non-blocking.
        import select  # noqa: PLC0415

        select.select([], [target], [])
        return 0
