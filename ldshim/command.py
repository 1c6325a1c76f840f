"""The wasm-ld command line: response files, options, inputs, and the line for the real linker.

`parse` reads a line as lld does and keeps what ldshim has to know: which words name inputs, and the few options that
change what ldshim does.  Everything else stays words, and goes to the real linker verbatim and in place; how many words
an option takes is in `options.py`, which is generated.  Options of our own start with `--ldshim-`.

Words are `str` with surrogate escapes (`os.fsdecode`), so that any byte of a file name survives.

lld's own code for all this: https://github.com/llvm/llvm-project/blob/main/lld/wasm/Driver.cpp (what options mean),
https://github.com/llvm/llvm-project/blob/main/llvm/lib/Option/OptTable.cpp (how words become options) and
https://github.com/llvm/llvm-project/blob/main/llvm/lib/Support/CommandLine.cpp (response files).
"""

from __future__ import annotations

import os
import stat

from ldshim.errors import LinkError, printable
from ldshim.options import EITHER, FLAGS, JOINED, PREFIXES, SEPARATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    _FileId = tuple[int, int]

_OWN = "--ldshim-"
_OWN_OPTIONS = ("--ldshim-linker", "--ldshim-map")  # with a value, in the next word or behind a `=`
_OWN_FLAGS = ("--ldshim-verify",)
# A library of that name is no library: objects that cannot do without ldshim ask for it, so that any other linker fails with an
# error that says what to do.  `docs/markers.md` tells compilers of it.
_GUARD = "ldshim is needed"
_INPUT = ""  # the name of the "option" that is an input

# What an option sets, by its name without dashes (a joined one keeps its `=`): a setting and its value, None where the
# value is the option's own.  The last one on the line wins.
_SETTINGS: dict[str, tuple[str, str | None]] = {
    "o": ("output", None),
    "m": ("machine", None),
    "r": ("relocatable", "yes"),
    "relocatable": ("relocatable", "yes"),
    "shared": ("shared", "yes"),
    "pie": ("pie", "yes"),
    "no-pie": ("pie", ""),
    "gc-sections": ("gc", "yes"),
    "no-gc-sections": ("gc", ""),
    "shared-memory": ("shared memory", "yes"),
    "allow-undefined": ("allow undefined", "yes"),
    "allow-undefined-file": ("allow undefined file", "yes"),
    "allow-undefined-file=": ("allow undefined file", "yes"),
    "unresolved-symbols": ("unresolved", None),
    "unresolved-symbols=": ("unresolved", None),
    "warn-unresolved-symbols": ("warn unresolved", "yes"),
    "error-unresolved-symbols": ("warn unresolved", ""),
    "Map": ("map", None),
    "Map=": ("map", None),
    "why-extract=": ("why extract", None),
    "reproduce": ("reproduce", None),
    "reproduce=": ("reproduce", None),
    "lto-partitions=": ("lto partitions", None),
    "rsp-quoting": ("quoting", None),
    "rsp-quoting=": ("quoting", None),
    "color-diagnostics": ("color", "always"),
    "no-color-diagnostics": ("color", "never"),
    "color-diagnostics=": ("color", None),
    "error-limit": ("error limit", None),
    "error-limit=": ("error limit", None),
    "fatal-warnings": ("fatal warnings", "yes"),
    "no-fatal-warnings": ("fatal warnings", ""),
    "help": ("help", "yes"),
    "version": ("version", "yes"),
    "v": ("v", "yes"),
    "V": ("v", "yes"),
}
_LIBRARIES = frozenset(("l", "library", "library="))
_LIBRARY_PATHS = frozenset(("L", "library-path", "library-path="))
_EXPORTS = frozenset(("export", "export=", "export-if-defined", "export-if-defined="))
_UNDEFINED = frozenset(("u", "undefined", "undefined="))
# What the code generator is told, for bitcode.
_CODEGEN = frozenset(("lto-O", "lto-CGO", "mllvm", "m", "disable-verify"))
_PATHS_TO_STDOUT = frozenset(
    ("M", "print-map", "t", "trace", "y", "trace-symbol", "trace-symbol=", "print-gc-sections"),
)
# Options that count for the inputs behind them: a state and whether it holds from here on.
_STATES: dict[str, tuple[str, bool]] = {
    "whole-archive": ("whole-archive", True),
    "no-whole-archive": ("whole-archive", False),
    "start-lib": ("lib", True),
    "end-lib": ("lib", False),
    "Bdynamic": ("dynamic", True),
    "call_shared": ("dynamic", True),
    "dy": ("dynamic", True),
    "Bstatic": ("dynamic", False),
    "dn": ("dynamic", False),
    "non_shared": ("dynamic", False),
    "static": ("dynamic", False),
}


class Input:
    """A file that lld will open, named by `words[begin:end]` of the command: its path, or -l and a name."""

    __slots__ = ("begin", "end", "in_lib_group", "path", "whole_archive")

    def __init__(self, path: str, begin: int, end: int, whole_archive: bool, in_lib_group: bool) -> None:
        self.path = path
        self.begin = begin
        self.end = end
        self.whole_archive = whole_archive
        self.in_lib_group = in_lib_group


class SymbolOption:
    """A symbol that `words[begin:end]` of the command asks to export."""

    __slots__ = ("begin", "end", "name")

    def __init__(self, name: str, begin: int, end: int) -> None:
        self.name = name
        self.begin = begin
        self.end = end


class Command:
    """A parsed command line.

    argv             the words to hand over when there is nothing to do: the user's, without our own options and without
                     a leading `-flavor wasm`; response files stay unexpanded unless one holds an option of ours
    words            the same with response files expanded; indices into it are what Input and SymbolOption hold
    inputs           in the order of the line; a -l that finds nothing is not among them: lld will say so
    library_paths    the directories of -L
    missing_libraries  what -l did not find there
    exports          --export and --export-if-defined
    required         the symbols of -u
    codegen          the words that say how code is generated from bitcode
    splits_lto       the module that LTO makes is split for that (--lto-partitions)
    pic              -shared or -pie
    allow_undefined  an undefined data symbol may go without an error.  --import-undefined is for functions only.
    reports          files into which lld writes the paths of inputs (-Map, --why-extract); writes_paths_to_stdout: it
                     writes them there too (-M, --trace, ...)
    reproduce        the file of --reproduce; LLD_REPRODUCE in the environment is for the caller to see
    prints_version   lld prints its version and links nothing
    linker           the value of --ldshim-linker
    verify           --ldshim-verify is given
    map              the value of --ldshim-map; writes_map: lld is asked for a map of its own (-Map, -M)
    color            the value of --color-diagnostics: always, never, auto
    fatal_warnings   a warning is an error
    """

    __slots__ = (
        "_first",
        "allow_undefined",
        "argv",
        "codegen",
        "color",
        "exports",
        "fatal_warnings",
        "gc_sections",
        "inputs",
        "library_paths",
        "linker",
        "map",
        "missing_libraries",
        "output",
        "pic",
        "prints_help",
        "prints_version",
        "relocatable",
        "reports",
        "reproduce",
        "required",
        "shared_memory",
        "splits_lto",
        "verify",
        "wasm64",
        "words",
        "writes_map",
        "writes_paths_to_stdout",
    )

    def __init__(self, argv: list[str], words: list[str], linker: str | None, map_path: str | None) -> None:
        self.argv = argv
        self.words = words
        self.linker = linker
        self.map = map_path
        self.verify = False
        self.inputs: list[Input] = []
        self.library_paths: list[str] = []
        self.missing_libraries: list[str] = []
        self.exports: list[SymbolOption] = []
        self.required: list[str] = []
        self.codegen: list[str] = []
        self._first = len(words)
        self.output: str | None = None
        self.relocatable = False
        self.gc_sections = True
        self.pic = False
        self.wasm64 = False
        self.shared_memory = False
        self.splits_lto = False
        self.allow_undefined = False
        self.reports: list[str] = []
        self.writes_map = False
        self.writes_paths_to_stdout = False
        self.reproduce: str | None = None
        self.prints_version = False
        self.prints_help = False
        self.color: str | None = None
        self.fatal_warnings = False

    def rewritten(
        self, replacements: Mapping[int, Sequence[str]], *, first: Sequence[str] = (), drop: Iterable[int] = ()
    ) -> list[str]:
        """Return the words for the real linker.

        A replacement stands for the input or export option that begins at its index; `drop` lists those of which
        nothing is to remain.  `first` goes in front of all inputs, and of a --start-lib that would make it optional.
        """
        ends = {given.begin: given.end for given in self.inputs}
        ends.update((option.begin, option.end) for option in self.exports)
        changes: dict[int, Sequence[str]] = {**dict.fromkeys(drop, ()), **replacements}
        result: list[str] = []
        done = 0
        for begin in sorted({*changes, self._first}):
            result += self.words[done:begin]
            done = begin
            if begin == self._first:
                result += first
            if begin in changes:
                result += changes[begin]
                done = ends[begin]
        return result + self.words[done:]


def parse(argv: list[str], *, guarded: bool = False) -> Command:
    """Read the words behind the program's name; `guarded` leaves the guard library on the line, so that the link fails."""
    argv = _without_flavor(argv)
    words, origins, has_pipes = _expand(argv)
    if has_pipes:  # the real linker would find nothing left in them
        argv, origins = words, list(range(len(words)))
    command = _without_own_options(argv, words, origins, guarded=guarded)
    _read(command)
    return command


def message_settings(argv: list[str]) -> dict[str, str]:
    """What the line says of messages ("color", "error limit"), as far as it can be read."""
    settings: dict[str, str] = {}
    try:
        # A pipe has been read by now, and may never end again.
        for _, _, name, value in options(_expand(_without_flavor(argv), skip_pipes=True)[0]):
            if name in _SETTINGS:
                setting, fixed = _SETTINGS[name]
                settings[setting] = value if fixed is None else fixed
    except LinkError:
        pass
    return settings


def _without_flavor(argv: list[str]) -> list[str]:
    """Take off what makes a generic lld driver wasm-ld (rustc writes it for every linker)."""
    if not argv or argv[0] != "-flavor":
        return argv
    if len(argv) == 1:
        raise LinkError("missing arg value for '-flavor'")
    if argv[1].lower() not in ("wasm", "ld-wasm"):
        raise LinkError(f"-flavor {printable(argv[1])}: ldshim links WebAssembly only")
    return argv[2:]


def options(words: Sequence[str]) -> Iterator[tuple[int, int, str, str]]:
    """Begin, end, name without dashes, and value of every option that lld sees; inputs have the name _INPUT."""
    index, count = 0, len(words)
    while index < count:
        word = words[index]
        begin = index
        index += 1
        if not word:
            continue  # lld ignores an empty word
        if word[0] != "-" or word == "-":
            yield begin, index, _INPUT, word
        elif word in FLAGS:
            yield begin, index, word.lstrip("-"), ""
        elif word in SEPARATE or word in EITHER or word in _OWN_OPTIONS:
            if index == count:
                # lld reports it, and reads no further
                if word.startswith(_OWN):
                    raise LinkError(f"{word}: missing argument")
                return
            yield begin, index + 1, word.lstrip("-"), words[index]
            index += 1
        else:
            name, value = _joined(word)
            yield begin, index, name, value


def _joined(word: str) -> tuple[str, str]:
    """Split an option in one word into name and value: the longest match, as lld has it."""
    name, equals, value = word.partition("=")
    name += equals
    if name in JOINED or word.startswith(_OWN):
        return name.lstrip("-"), value
    for prefix in PREFIXES:
        if word.startswith(prefix):
            return prefix.lstrip("-"), word[len(prefix) :]
    return "unknown", word


def _without_own_options(argv: list[str], words: list[str], origins: list[int], *, guarded: bool) -> Command:
    """Take our own options off the line; `origins` says which word of argv each of the words is, -1 for none."""
    values: dict[str, str] = {}
    own: set[int] = set()
    if any(word.startswith(_OWN) or _GUARD in word for word in words):
        for begin, end, name, value in options(words):
            if words[begin].startswith(_OWN):
                option = "--" + name.removesuffix("=")
                if option not in _OWN_OPTIONS and words[begin] not in _OWN_FLAGS:
                    raise LinkError(f"unknown option: {printable(words[begin])}")
                values[option] = value
                own.update(range(begin, end))
            elif name in _LIBRARIES and value.startswith(_GUARD) and not guarded:
                own.update(range(begin, end))
    linker, map_path = (values.get(option) for option in _OWN_OPTIONS)
    if not own:
        return Command(argv, words, linker, map_path)
    rest = [word for index, word in enumerate(words) if index not in own]
    in_argv = {origins[index] for index in own}
    kept = rest if -1 in in_argv else [word for index, word in enumerate(argv) if index not in in_argv]
    command = Command(kept, rest, linker, map_path)
    command.verify = "--ldshim-verify" in values
    return command


def _read(command: Command) -> None:
    """Fill in what the options say."""
    settings: dict[str, str] = {}
    directories = command.library_paths
    states: list[tuple[int, int, str, str]] = []  # inputs, libraries and what changes their meaning, in order
    positional = False
    for option in options(command.words):
        begin, end, name, value = option
        if name in _CODEGEN:
            command.codegen += command.words[begin:end]
        if name in _SETTINGS:
            setting, fixed = _SETTINGS[name]
            settings[setting] = value if fixed is None else fixed
        elif name == _INPUT:
            positional = True
            states.append(option)
        elif name in _STATES or name in _LIBRARIES:
            states.append(option)
        elif name in _LIBRARY_PATHS:
            directories.append(value)
        elif name in _EXPORTS:
            command.exports.append(SymbolOption(value, begin, end))
        elif name in _UNDEFINED:
            command.required.append(value)
        elif name in _PATHS_TO_STDOUT:
            command.writes_paths_to_stdout = True
            if name in ("M", "print-map"):
                settings["print map"] = "yes"
    _apply(command, settings, positional)
    dynamic = bool(settings.get("shared") or settings.get("pie"))
    _find_inputs(command, states, directories, dynamic)


def _apply(command: Command, settings: dict[str, str], positional: bool) -> None:
    """Copy the settings that stand for themselves."""
    has = settings.get
    command.output = has("output")
    command.relocatable = "relocatable" in settings
    command.gc_sections = bool(has("gc", "" if command.relocatable else "yes"))
    command.pic = "shared" in settings or bool(has("pie"))
    command.wasm64 = has("machine") == "wasm64"
    command.shared_memory = "shared memory" in settings
    command.splits_lto = has("lto partitions", "1") not in ("0", "1")
    command.allow_undefined = bool(
        has("allow undefined")
        or has("allow undefined file")
        or has("unresolved") in ("ignore-all", "import-dynamic")
        or has("warn unresolved")
    )
    command.writes_map = bool(has("map") or has("print map"))
    # -M writes the map to stdout, and nowhere else.
    for report in (has("why extract"), None if has("print map") else has("map")):
        if report == "-":
            command.writes_paths_to_stdout = True
        elif report:
            command.reports.append(report)
    command.reproduce = has("reproduce")
    command.prints_help = "help" in settings
    # `-v` is a version to those who only ask for it, and a line of output to those who link.
    command.prints_version = "version" in settings or ("v" in settings and not positional)
    command.color = has("color")
    command.fatal_warnings = bool(has("fatal warnings"))


def _find_inputs(
    command: Command, options: list[tuple[int, int, str, str]], directories: list[str], dynamic: bool
) -> None:
    """Resolve what the line names to files."""
    states = {"whole-archive": False, "lib": False, "dynamic": dynamic}
    for begin, end, name, value in options:
        if name in _STATES:
            state, holds = _STATES[name]
            states[state] = holds
            if state == "lib":
                command._first = min(command._first, begin)  # noqa: SLF001 - filled in here and nowhere else
            continue
        path = value if name == _INPUT else _find_library(value, directories, states["dynamic"])
        if path is None:
            command.missing_libraries.append(value)
        else:
            command._first = min(command._first, begin)  # noqa: SLF001
            command.inputs.append(Input(path, begin, end, states["whole-archive"], states["lib"]))


def _find_library(name: str, directories: list[str], dynamic: bool) -> str | None:
    """Search the file of -lNAME, by the rules of lld 17 and later (lld 15 knows neither `-l:` nor `.so`)."""
    names = [f"lib{name}.so", f"lib{name}.a"] if dynamic else [f"lib{name}.a"]
    if name.startswith(":"):
        names = [name[1:]]
    for directory in directories:
        for file in names:
            path = _append(directory, file)
            if os.path.exists(path):
                return path
    return None


def _append(directory: str, name: str) -> str:
    """Join as LLVM's path::append does: unlike os.path.join it does not start anew at an absolute name."""
    if directory.endswith("/"):
        return directory + name.lstrip("/")
    if not directory or name.startswith("/"):
        return directory + name
    return f"{directory}/{name}"


# Response files


class _Unreadable(Exception):  # noqa: N818 - lld has a name for it: an error that it prints and then goes on
    """A response file that includes itself or that cannot be read."""


def expand_response_files(argv: list[str]) -> list[str]:
    """`argv` with the words of FILE in place of every @FILE that exists.

    A file that includes itself or cannot be read stays as it is, and so does all that comes behind it: lld says what is
    wrong, and goes on likewise.
    """
    return _expand(argv)[0]


def _expand(argv: list[str], *, skip_pipes: bool = False) -> tuple[list[str], list[int], bool]:
    """Return the expanded words, for each its index in argv, -1 if it comes from a file, and whether one cannot be read again."""
    origins = list(range(len(argv)))
    if not any(word.startswith("@") for word in argv):
        return argv, origins, False
    tokenize = _tokenizer(argv)
    words: list[str] = []
    found: list[int] = []
    # What is still to come, last word first; each with the files that it comes from.
    top: tuple[_FileId, ...] = ()
    rest = [(word, index, top) for index, word in enumerate(argv)][::-1]
    intact = True
    has_pipes = False
    while rest:
        word, origin, including = rest.pop()
        nested = None
        if intact and word.startswith("@"):
            is_pipe = _is_pipe(word[1:])
            has_pipes = has_pipes or is_pipe
            try:
                nested = None if is_pipe and skip_pipes else _nested(word[1:], including, tokenize)
            except _Unreadable:
                intact = False
        if nested is None:
            words.append(word)
            found.append(origin)
        else:
            file, content = nested
            rest += [(inner, -1, (*including, file)) for inner in reversed(content)]
    return words, found, has_pipes


def _is_pipe(path: str) -> bool:
    """Whether a response file is a pipe (`@<(...)`) or a terminal, which only one program can read."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def _nested(
    path: str, including: tuple[_FileId, ...], tokenize: Callable[[bytes], list[bytes]]
) -> tuple[_FileId, list[str]] | None:
    """Read a response file; None if there is none, and the word is an input of that name, @ and all."""
    # A plain `@` names the working directory, and like all directories it cannot be read.
    path = path or "."
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError:
        raise _Unreadable from None
    file = status.st_dev, status.st_ino
    if file in including:
        raise _Unreadable
    return file, _read_response_file(path, tokenize)


def _tokenizer(argv: list[str]) -> Callable[[bytes], list[bytes]]:
    """Choose what --rsp-quoting asks for; an option inside a response file comes too late to count."""
    quoting = "windows" if os.name == "nt" else "posix"
    if any("rsp-quoting" in word for word in argv):
        for _, _, name, value in options(argv):
            if name in ("rsp-quoting", "rsp-quoting="):
                quoting = value
    return tokenize_windows if quoting == "windows" else tokenize_posix


def _read_response_file(path: str, tokenize: Callable[[bytes], list[bytes]]) -> list[str]:
    try:
        with open(path, "rb") as file:
            data = file.read()
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            data = data.decode("utf-16").encode()
    except (OSError, UnicodeError):
        raise _Unreadable from None
    # A word ends at a NUL: to lld it is a C string.
    return [os.fsdecode(word.partition(b"\0")[0]) for word in tokenize(data.removeprefix(b"\xef\xbb\xbf"))]


def tokenize_posix(data: bytes) -> list[bytes]:
    r"""Split as LLVM's TokenizeGNUCommandLine does.

    Unlike in a shell a backslash escapes inside single quotes too, a backslash before a newline is a newline, and `''`
    is no word at all.
    """
    if not any(special in data for special in (b"\\", b'"', b"'", b"\v", b"\f")):
        return data.split()
    import re  # noqa: PLC0415 - 5 ms, for the few lines that are too long for exec and quote

    quoted = rb"""'(?:[^'\\]|\\.)*(?:'|\\?\Z)|"(?:[^"\\]|\\.)*(?:"|\\?\Z)"""
    piece = re.compile(rb"""[^ \t\r\n\\'"]+|\\.|\\\Z|""" + quoted, re.DOTALL)
    word = re.compile(rb"(?:" + piece.pattern + rb")+", re.DOTALL)
    escaped = re.compile(rb"\\(.)", re.DOTALL)

    def plain(match: re.Match[bytes]) -> bytes:
        text = match[0]
        if text[:1] in (b"'", b'"'):
            text = text[1:-1] if _is_closed(text) else text[1:]
        return escaped.sub(rb"\1", text) if b"\\" in text else text

    words = (_bare(found) or piece.sub(plain, found) for found in word.findall(data))
    return [found for found in words if found]


def _bare(word: bytes) -> bytes:
    """Return a word without special characters, or all in one pair of quotes (so clang writes them); else nothing."""
    if b"\\" in word:
        return b""
    inner = word[1:-1] if word[:1] in (b"'", b'"') and word[:1] == word[-1:] else word
    return b"" if b"'" in inner or b'"' in inner else inner


def _is_closed(quoted: bytes) -> bool:
    """Tell whether a quoted piece ends with its quote, not with the end of the file."""
    if len(quoted) < 2 or quoted[-1] != quoted[0]:
        return False
    text = quoted[1:-1]
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 0


def tokenize_windows(data: bytes) -> list[bytes]:
    r"""Split as LLVM's TokenizeWindowsCommandLine does.

    Backslashes are plain except in front of a double quote: there each pair is one, and an odd one makes the quote
    plain.  Inside quotes `""` is a quote.  A quote makes a word, even an empty one.
    """
    words: list[bytes] = []
    word = bytearray()
    started = quoted = False
    index, size = 0, len(data)
    while index < size:
        char = data[index : index + 1]
        index += 1
        if char in (b" ", b"\t", b"\r", b"\n", b"\0") and not quoted:
            if started:
                words.append(bytes(word))
            word.clear()
            started = False
            continue
        started = True
        if char == b"\\":
            rest = data[index - 1 :]
            run = len(rest) - len(rest.lstrip(b"\\"))
            index += run - 1
            if data[index : index + 1] == b'"':
                word += b"\\" * (run // 2)
                if run % 2:
                    word += b'"'
                    index += 1
            else:
                word += b"\\" * run
        elif char != b'"':
            word += char
        elif quoted and data[index : index + 1] == b'"':
            word += b'"'
            index += 1
        else:
            quoted = not quoted
    if started:
        words.append(bytes(word))
    return words


def quote_response_file(args: Iterable[str]) -> str:
    """Return a response file that `--rsp-quoting=posix` reads back as `args`; write it with os.fsencode.

    There is no way to write an empty word: it raises ValueError.
    """
    # A first word may begin with what looks like a byte order mark: an empty line keeps it from the start of the file.
    return "\n" + "".join(_quote(arg) + "\n" for arg in args)


def _quote(arg: str) -> str:
    if not arg:
        raise ValueError("a response file has no empty words")
    for special in ("\\", " ", "\t", "\n", "\r", "'", '"'):
        if special in arg:
            arg = arg.replace(special, "\\" + special)
    return arg
