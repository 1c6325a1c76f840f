"""What tells people how to call ldshim: `--help`, the man pages and the completions.  Examples are run, and the real shells are asked."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ldshim import command
from ldshim import help as texts
from ldshim.cli import COMMANDS
from ldshim.options import EITHER, FLAGS, JOINED, PREFIXES, SEPARATE
from tests.harness import ldshim, linker_path, tool
from tests.rust import LDSHIM, RUST, environment, exclusively

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent
SHARE = ROOT / "docs" / "share"
PAGES = sorted((SHARE / "man" / "man1").iterdir())
GENERATOR = ROOT / "scripts" / "generate-manual"

MAIN = """
#include <ldshim.h>
struct command { const char *name; };
LDSHIM_SECTION(commands, const struct command);
__attribute__((export_name("count"))) int count(void) { int n = 0; LDSHIM_FOREACH(commands, it) n++; return n; }
"""
HELLO = """
#include <ldshim.h>
struct command { const char *name; };
LDSHIM_SECTION(commands, const struct command);
LDSHIM_ELEMENT(commands, const struct command, hello) = {"hello"};
"""
MANIFEST = '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n'


def examples(text: str) -> list[str]:
    return re.findall(r"(?m)^ *\$ (.*)$", text)


def page_examples(name: str) -> list[str]:
    return examples((SHARE / "man" / "man1" / name).read_text().replace("\\e", "\\"))


def help_of(name: str) -> str:
    done = ldshim(name, "--help", env={"COLUMNS": "120"})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# The words


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_a_usage_options_an_example_and_the_status(name: str) -> None:
    text = help_of(name)
    assert text.startswith(f"usage: ldshim {name}")
    assert "\n  -h, --help " in text
    assert "\nexit status: 0" in text
    assert any(f"ldshim {name}" in example for example in examples(text))
    assert ldshim(name, "-h", env={"COLUMNS": "120"}).stdout == text


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_one_line_and_status_2(name: str) -> None:
    required = {"explain": ["commands"], "inspect": ["main.o"]}
    done = ldshim(name, *required.get(name, []), "--no-\nsuch")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"ldshim {name}: unrecognized arguments: --no-\\nsuch; see ldshim {name} --help\n"


def test_options_cannot_be_abbreviated() -> None:
    for words in (["demo", "--kee", "x"], ["inspect", "--js", "main.o"], ["init", "--dry"], ["doctor", "--js"], ["explain", "x", "--js"]):
        done = ldshim(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "unrecognized arguments: --" in done.stderr


def test_what_is_missing_is_one_line_and_status_2() -> None:
    assert ldshim("inspect").stderr == "ldshim inspect: the following arguments are required: FILE; see ldshim inspect --help\n"
    assert ldshim("inspect").returncode == 2


# The linker


def test_help_is_that_of_the_linker_and_then_ours() -> None:
    theirs = subprocess.run([linker_path("22"), "--help"], capture_output=True, text=True, check=True).stdout
    done = ldshim("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == theirs + "\n" + texts.HELP
    for name in (*texts.OPTIONS, *texts.VARIABLES, *(f"ldshim {word}" for word in texts.COMMANDS)):
        assert f"\n  {name} " in texts.HELP


def test_alone_it_is_the_linker_alone() -> None:
    theirs = subprocess.run([linker_path("22")], capture_output=True, text=True, check=False)
    done = ldshim()
    assert (done.returncode, done.stdout, done.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_nothing_is_said_when_nobody_reads_on(option: str) -> None:
    read, write = os.pipe()
    os.close(read)
    environ = {**os.environ, "LDSHIM_LINKER": "/bin/true"}  # lld itself would die of it
    done = subprocess.run([sys.executable, "-m", "ldshim", option], stdout=write, stderr=subprocess.PIPE, text=True, check=False, env=environ)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


# One source


def test_the_files_in_share_are_what_would_be_generated() -> None:
    done = subprocess.run([sys.executable, GENERATOR, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_tables_know_every_option_variable_and_command() -> None:
    assert {option.partition("=")[0] for option in texts.OPTIONS} == {*command._OWN_OPTIONS, *command._OWN_FLAGS}
    assert sorted(texts.COMMANDS) == sorted(COMMANDS)
    used = {name for path in (ROOT / "ldshim").rglob("*.py") for name in re.findall(r'["\'](LDSHIM(?:_[A-Z_]+)?)["\']', path.read_text())}
    assert {name.partition("=")[0] for name in texts.VARIABLES} == used - {"LDSHIM_RUNNING"}  # not for people


# Man pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_mandoc_and_groff_have_nothing_to_say_of_a_page(page: Path) -> None:
    lint = subprocess.run([tool("mandoc"), "-Tlint", "-Wstyle", page], capture_output=True, text=True, check=False)
    # Which other pages are installed is no property of this one.
    said = [line for line in lint.stdout.splitlines() if "referenced manual not found" not in line]
    assert said == []
    groff = subprocess.run([tool("groff"), "-ww", "-mdoc", "-Tutf8", "-z", page], capture_output=True, text=True, check=False)
    assert (groff.returncode, groff.stderr) == (0, "")


def shown(page: str) -> str:
    """The page as text, without the overstriking that makes it bold, and with one space between words."""
    text = subprocess.run([tool("mandoc"), "-Tutf8", SHARE / "man" / "man1" / page], capture_output=True, text=True, check=True).stdout
    return " ".join(re.sub(".\b", "", text).split())


def test_the_page_of_the_linker_says_what_help_says() -> None:
    page = shown("ldshim.1")
    for name, text in {**texts.OPTIONS, **texts.VARIABLES}.items():
        assert f"{name.replace('<', '').replace('>', '')} {text}" in page


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_the_tools_says_what_help_says(name: str) -> None:
    page = shown("ldshim-tools.1").partition(" DESCRIPTION ")[2]
    text = help_of(name)
    rows = re.findall(r"(?m)^  (--?[a-z].*?|[A-Z]+) {2,}(\S.*(?:\n {10,}.*)*)", text.partition("\n\n")[2])
    assert rows
    for option, said in rows:
        if option != "-h, --help":
            assert f" {option} {' '.join(said.split())} " in page
    for example in examples(text):
        assert " ".join(f"$ {example}".split()) in page


# Examples


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str], str], tuple[int, str]]:
    """Runs lines in one shell, on a terminal on which every question is answered with yes; returns the status and the output."""
    folder = tmp_path_factory.mktemp("workshop")
    programs = folder / "bin"
    programs.mkdir()
    for name, target in {"clang": tool("clang-22"), "llvm-ar": tool("llvm-ar-22"), "wasm-ld": linker_path("22"), "ldshim": str(LDSHIM)}.items():
        (programs / name).symlink_to(target)
    for project in ("rust", "rust/my-project"):
        (folder / project / "src").mkdir(parents=True)
        (folder / project / "Cargo.toml").write_text(MANIFEST)
        (folder / project / "src" / "main.rs").write_text("fn main() {}\n")
    (folder / "main.c").write_text(MAIN)
    (folder / "hello.c").write_text(HELLO)
    (folder / "link.rsp").write_text("--no-entry main.o plugins.a -o out.wasm\n")
    kept = {name: value for name, value in environment(folder / "target").items() if name != "CARGO_TARGET_DIR"}
    environ = {**kept, "PATH": f"{programs}:{RUST / 'bin'}:/usr/bin:/bin", "CARGO_NET_OFFLINE": "true", "LDSHIM_CACHE": os.environ["LDSHIM_CACHE"]}

    def run(lines: list[str], place: str = ".") -> tuple[int, str]:
        with exclusively():
            return on_terminal(["bash", "-ec", "\n".join(lines)], folder / place, environ)

    status, output = run(page_examples("ldshim.1")[:3])
    assert status == 0, output
    return run


def on_terminal(words: list[str], folder: Path, environ: dict[str, str]) -> tuple[int, str]:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execvpe(words[0], words, environ)
    output = b""
    try:
        while piece := os.read(terminal, 4096):
            output += piece
            if output.endswith(b"[y/N] "):
                os.write(terminal, b"y\n")
    except OSError:
        pass  # how Linux says that the other side is closed
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), output.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("line", [line for line in page_examples("ldshim.1")[3:] if "cargo" not in line])
def test_the_page_s_examples_work(workshop: Any, line: str) -> None:
    status, output = workshop([line, 'test "$(ldshim inspect --section commands main.o plugins.a | grep -c hello)" != 0'])
    assert status == 0, output


def test_the_page_s_example_of_cargo_works(workshop: Any) -> None:
    (line,) = [line for line in page_examples("ldshim.1") if "cargo" in line]
    status, output = workshop([line, "ls target/wasm32-unknown-unknown/debug/app.wasm"], "rust")
    assert status == 0, output


# What the last line of the examples shows, where they ran as they should.
SHOWN = {
    "demo": r"The files are in .*/plugins\.\n$",
    "doctor": r'"ok": true',
    "explain": r"hello is in section commands: number 1",
    "include-dir": r"^$",
    "init": r"(?s)Written\..*app v0\.1\.0.*Undone\.",
    "inspect": r'"hello"',
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_help_work(workshop: Any, name: str) -> None:
    status, output = workshop(examples(help_of(name)), "rust" if name == "init" else ".")
    assert status == 0, output
    assert re.search(SHOWN[name], output), output


# Completions


class Terminal:
    """An interactive shell that is asked what it makes of a line and a press of the tab key."""

    PROMPT = "%%> "

    def __init__(self, words: list[str], setup: str, folder: Path, environ: dict[str, str]) -> None:
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execvpe(words[0], words, environ)
        # Lists must fit, or the shell asks whether to show them.
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 1000, 200, 0, 0))
        self.write(setup + "\necho rea''dy\n")
        self.read_until(r"\nready\r?\n.*" + re.escape(self.PROMPT))

    def write(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def read_until(self, pattern: str) -> str:
        output, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([self.terminal], [], [], 1)[0]:
                output += os.read(self.terminal, 65536)
                text = re.sub(r"\x1b(\[[\d;?]*[a-zA-Z]|[=>])", "", output.decode(errors="replace"))
                if re.search(pattern, text, re.DOTALL):
                    return text
        raise AssertionError(f"no {pattern!r} in {output!r}")

    def offers(self, line: str) -> set[str]:
        self.write(line + "\t")
        self.write("\x18\x07")  # shows the line as it is now, see the setups
        # Before the prompt is there again, what is typed may be lost.
        text = self.read_until(r"<<.*?>>\r?\n.*" + re.escape(self.PROMPT))
        self.write("\x15")  # an empty line, for the next
        after = re.findall(r"<<(.*?)>>", text)[-1]
        # What was typed, then the list, then the prompt once more.
        listed = text.rpartition("<<")[0].partition("\n")[2].rpartition(self.PROMPT)[0].split()
        if listed:
            return set(listed)
        return set() if after == line else {after.rstrip().rpartition(" ")[2].rpartition("=")[2] or after.rstrip().rpartition(" ")[2]}

    def close(self) -> None:
        os.close(self.terminal)  # a hang-up
        os.waitpid(self.process, 0)


BASH = r"""
PS1='%%> '; set +o history
bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; bind 'set show-all-if-ambiguous on'
bind 'set completion-query-items 0'; bind 'set page-completions off'
bind -x '"\C-x\C-g": printf "<<%s>>\n" "$READLINE_LINE"'
. /usr/share/bash-completion/bash_completion
"""
ZSH = r"""
PS1='%%%%> '; unsetopt prompt_sp beep list_beep auto_menu always_last_prompt list_types list_ambiguous; LISTMAX=0
fpath=(SHARE/zsh/site-functions $fpath); autoload -Uz compinit; compinit -u -D; zstyle ':completion:*' verbose no
show() { zle -I; print -r -- "<<$BUFFER>>" }; zle -N show; bindkey '^X^G' show; bindkey -e; bindkey '^X^G' show
"""


class Fish:
    """fish, which can be asked without a terminal."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.environ = environ

    def offers(self, line: str) -> set[str]:
        done = subprocess.run(
            ["fish", "-c", "complete -C $argv[1]", line], capture_output=True, text=True, check=True, cwd=self.folder, env=self.environ
        )
        assert done.stderr == ""
        words = [row.partition("\t")[0] for row in done.stdout.splitlines()]
        return {word.partition("=")[2] or word for word in words}


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal | Fish]:
    folder = tmp_path_factory.mktemp("shell")
    (folder / "objects").mkdir()
    for name in ("main.o", "out.json"):
        (folder / name).touch()
    environ = {
        "PATH": f"{LDSHIM.parent}:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        # The files are found where they are, not loaded by hand.
        "XDG_DATA_DIRS": f"{SHARE}:/usr/share",
    }
    (folder / "home").mkdir()
    if request.param == "fish":
        yield Fish(folder, environ)
        return
    words, setup = (["bash", "--norc", "--noprofile"], BASH) if request.param == "bash" else (["zsh", "-f"], ZSH.replace("SHARE", str(SHARE)))
    terminal = Terminal(words, setup, folder, environ)
    yield terminal
    terminal.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ldshim insp", "inspect"),
        ("ldshim in", "include-dir init inspect"),
        ("ldshim mai", "main.o"),
        ("ldshim main.o insp", ""),
        ("ldshim --ldshim-", "--ldshim-linker --ldshim-map --ldshim-verify"),
        ("ldshim --ldshim-map=ou", "out.json"),
        ("ldshim --ldshim-map ou", "out.json"),
        ("ldshim main.o --no-gc", "--no-gc-sections"),
        ("ldshim --why", "--why-extract"),
        ("ldshim main.o -o ou", "out.json"),
        ("ldshim -m ", "wasm32 wasm64"),
        ("ldshim --color-diagnostics=", "always auto never"),
        ("ldshim --unresolved-symbols=r", "report-all"),
        ("ldshim -L obj", "objects/"),
        ("ldshim -L mai", ""),
        ("ldshim --export=mai", ""),
        ("ldshim --export mai", ""),
        ("ldshim doctor --j", "--json"),
        ("ldshim doctor mai", ""),
        ("ldshim doctor --no-gc", ""),
        ("ldshim init --", "--absolute --dry-run --help --target --undo --vendor --yes"),
        ("ldshim init --target ", "wasm32-unknown-unknown wasm32-wasip1"),
        ("ldshim init obj", "objects/"),
        ("ldshim init mai", ""),
        ("ldshim inspect --json mai", "main.o"),
        ("ldshim explain mai", ""),
        ("ldshim explain commands --sav", "--saved"),
        ("ldshim explain commands -- --no-gc", "--no-gc-sections"),
        ("ldshim explain commands -- mai", "main.o"),
    ],
)
def test_a_shell_completes(shell: Terminal | Fish, line: str, expected: str) -> None:
    assert {word.removesuffix("=") for word in shell.offers(line)} == set(expected.split())


def test_a_shell_knows_the_options_of_lld(shell: Terminal | Fish) -> None:
    spellings = {name.removesuffix("=") for name in (*FLAGS, *SEPARATE, *EITHER, *JOINED, *PREFIXES) if name.startswith("--")}
    assert len(spellings) > 90
    assert {word.removesuffix("=") for word in shell.offers("ldshim --")} == spellings | {"--ldshim-linker", "--ldshim-map", "--ldshim-verify"}


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("-m ", "wasm32 wasm64"),
        ("--color-diagnostics=", "always auto never"),
        ("--rsp-quoting=", "posix windows"),
        ("--unresolved-symbols=", "report-all ignore-all import-dynamic"),
        ("--build-id=", "fast sha1 uuid"),
    ],
)
def test_lld_takes_the_values_that_are_offered(shell: Terminal | Fish, option: str, values: str) -> None:
    assert shell.offers(f"ldshim {option}") == set(values.split())
    for value in values.split():
        done = ldshim(*f"{option}{value}".split(), "gone.o")
        assert done.stderr.count("error:") == 1, done.stderr
        assert "gone.o" in done.stderr
