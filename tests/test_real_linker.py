from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ldshim import linker
from ldshim.command import parse
from ldshim.errors import LinkError
from tests.linkers import WASM_LDS

ROOT = Path(__file__).parent.parent
LLD = WASM_LDS["22"][0]
ZIG = WASM_LDS["zig"][0]

# What the tests run ldshim's half of: argv[0] of these is "-c".
HAND_OVER = """
import os, sys
from ldshim import command, linker
parsed = command.parse(sys.argv[1:])
linker.hand_over(linker.find(parsed, os.environ), parsed.argv)
"""
VERSION = HAND_OVER.replace("hand_over", "exit_like(linker.version_or_help").replace("parsed.argv", "parsed)")
RUN = """
import os, sys, tempfile
from ldshim import command, linker
parsed = command.parse(sys.argv[1:])
real = linker.find(parsed, os.environ)
messages = []
with tempfile.TemporaryDirectory() as directory:
    with linker.forwarded_signals():
        status = linker.run(real, parsed.words, directory, lambda text: text.replace(b"temporary", b"user's"), messages)
    print("cleaned up", len(b"".join(messages)), flush=True)
linker.exit_like(status)
"""


def python(code: str, *args: str, lld: str = LLD, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LDSHIM_LINKER": lld, **environ}
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False, env=env)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


# Finding it


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory tree with all the linkers that are looked for, and nothing else to be found."""
    for name in ("bin/rust-lld", "bin/wasm-ld", "bin/wasm-ld-9", "bin/wasm-ld-22", "bin/wasm-ld-19"):
        script(tmp_path / name, "exit 0\n")
    script(tmp_path / "sdk/bin/wasm-ld", "exit 0\n")
    script(tmp_path / "site/ziglang/zig", "exit 0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "ldshim")])
    return tmp_path


def find(places: Path, *words: str, **environ: str) -> str:
    environ = {"PATH": f"{places}/none:{places}/bin", "WASI_SDK_PATH": f"{places}/sdk", **environ}
    return os.path.relpath(linker.find(parse(list(words)), environ).path, places)


def test_the_first_linker_of_the_usual_ones_is_taken(places: Path) -> None:
    usual = ["bin/rust-lld", "bin/wasm-ld", "bin/wasm-ld-22", "bin/wasm-ld-19", "sdk/bin/wasm-ld", "site/ziglang/zig"]
    for expected in usual:
        assert find(places) == expected
        (places / expected).unlink()
    with pytest.raises(LinkError, match=r"(?s)pip install 'ldshim\[lld\]'.*LDSHIM_LINKER"):
        find(places)


def test_a_named_linker_comes_before_the_usual_ones(places: Path) -> None:
    other = str(script(places / "other/wasm-ld-x", "exit 0\n"))
    assert find(places, LDSHIM_LINKER=other) == "other/wasm-ld-x"
    assert find(places, LDSHIM_LINKER="wasm-ld-9") == "bin/wasm-ld-9"
    assert find(places, f"--ldshim-linker={other}", LDSHIM_LINKER="wasm-ld-9") == "other/wasm-ld-x"
    assert find(places, LDSHIM_LINKER="") == "bin/rust-lld"


@pytest.mark.parametrize("value", ["/none/wasm-ld", "none-ld", "/", __file__])
@pytest.mark.parametrize("setting", ["LDSHIM_LINKER", "--ldshim-linker"])
def test_a_named_linker_that_cannot_run_is_an_error(value: str, setting: str, places: Path) -> None:
    words, environ = ([f"{setting}={value}"], {}) if setting.startswith("-") else ([], {setting: value})
    with pytest.raises(LinkError, match=re.escape(f"{setting}: ") + ".*" + re.escape(value)):
        find(places, *words, **environ)


def test_ldshim_never_finds_itself(places: Path) -> None:
    script(places / "ldshim", "from ldshim.cli import main\n")
    for name in ("rust-lld", "wasm-ld"):
        (places / "bin" / name).unlink()
    (places / "bin/wasm-ld").symlink_to("../ldshim")
    script(places / "bin/rust-lld", "exec python3 -c 'from ldshim.cli import main; main()'\n")
    assert find(places) == "bin/wasm-ld-22"
    for value in ("wasm-ld", "rust-lld", f"{places}/bin/wasm-ld", f"{places}/ldshim"):
        with pytest.raises(LinkError, match=r"LDSHIM_LINKER: .* is ldshim itself"):
            find(places, LDSHIM_LINKER=value)


def test_a_detour_back_to_ldshim_ends(tmp_path: Path) -> None:
    again = script(tmp_path / "wasm-ld", f'exec {sys.executable} -c "$CODE" "$@"\n')
    done = python(HAND_OVER, "--version", lld=str(again), CODE=HAND_OVER)
    assert done.returncode == 1
    assert f"the real linker {again} is ldshim itself" in done.stderr


# Calling it


@pytest.mark.parametrize(
    "name",
    ["wasm-ld", "my-wasm-ld", "wasm-ld-22.exe", "lld", "rust-lld", "ld", "wasm32-wasi-ld", "ld-wasm", "link-wasm"],
)
def test_a_linker_of_any_name_links_wasm(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to(LLD)
    done = python(HAND_OVER, "-flavor", "wasm", "--export-if-defined=a", "none.o", lld=str(tmp_path / name))
    shown = name.removesuffix(".exe")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{shown}: error: cannot open none.o: No such file or directory\n"


def test_zig_is_called_by_its_subcommand() -> None:
    done = python(HAND_OVER, "-flavor", "wasm", "none.o", lld=ZIG)
    assert done.stderr == "wasm-ld: error: cannot open none.o: No such file or directory\n"


@pytest.mark.parametrize("code", [HAND_OVER, RUN, VERSION])
def test_a_linker_that_the_system_refuses_is_named(code: str, tmp_path: Path) -> None:
    bad = tmp_path / "wasm-ld"
    bad.write_text("#!/none/interpreter\n")
    bad.chmod(0o755)
    done = python(code, "a.o", lld=str(bad))
    assert f"LinkError: cannot run {bad}: No such file or directory" in done.stderr


LONG = [f"--export-if-defined={number:0100000}" for number in range(30)]


@pytest.mark.parametrize("lld", ["14", "22", "zig"])
@pytest.mark.parametrize("code", [HAND_OVER, RUN])
def test_a_line_too_long_for_exec_arrives(code: str, lld: str, tmp_path: Path) -> None:
    # The words behind the file are those of a user who quotes in another way, and an empty one.
    words = [*LONG, "a b\\c'", "--rsp-quoting=windows", "-e", "", "d.o"]
    (tmp_path / "long").write_text("\n".join(word.replace("\\", "\\\\").replace(" ", "\\ ") for word in words if word))
    script(tmp_path / "wasm-ld", f'touch {tmp_path}/called\nexec {" ".join(WASM_LDS[lld])} "$@"\n')
    code = code.replace("sys.argv[1:]", f"eval(open({str(tmp_path / 'words')!r}).read())")
    (tmp_path / "words").write_text(repr(words))
    done = python(code, lld=str(tmp_path / "wasm-ld"), TMPDIR=str(tmp_path))
    assert re.findall("cannot open (.*): No", done.stderr) == ["a b\\c'", "d.o"]
    assert done.returncode == 1
    assert (tmp_path / "called").exists()
    assert not list(tmp_path.glob("ldshim-*"))


@pytest.mark.parametrize(("word", "text"), [("--version", "ldshim 0."), ("--help", "--ldshim-linker=")])
def test_version_and_help_begin_with_the_real_linkers(word: str, text: str) -> None:
    real = subprocess.run([LLD, word], capture_output=True, text=True, check=True).stdout
    done = python(VERSION, word)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(real)
    assert text in done.stdout[len(real) :]


def test_a_version_with_an_error_stays_an_error() -> None:
    done = python(VERSION, "--version", "--no-such-option")
    assert done.returncode == 1
    assert "ldshim 0." not in done.stdout


# Its output and its end


def test_output_is_translated_by_lines_on_both_streams(tmp_path: Path) -> None:
    fake = script(tmp_path / "wasm-ld", "echo to temporary; printf tempo >&2; sleep 0.1; printf rary >&2; exit 7\n")
    done = python(RUN, lld=str(fake))
    assert (done.returncode, done.stdout, done.stderr) == (7, "to user's\ncleaned up 16\n", "user's")


def test_lines_arrive_while_the_linker_runs(tmp_path: Path) -> None:
    fake = script(tmp_path / "wasm-ld", f"echo first; while [ ! -e {tmp_path}/seen ]; do sleep 0.05; done\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LDSHIM_LINKER": str(fake)}
    with subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout
        assert process.stdout.readline() == b"first\n"
        (tmp_path / "seen").touch()
        assert process.stdout.read() == b"cleaned up 6\n"


def test_one_file_for_both_streams_keeps_their_order(tmp_path: Path) -> None:
    fake = script(tmp_path / "wasm-ld", "for i in 1 2 3 4 5 6 7 8; do echo out $i; echo err $i >&2; done\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LDSHIM_LINKER": str(fake)}
    line = [sys.executable, "-c", RUN]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True, env=env)
    assert done.stdout.splitlines()[:-1] == [f"{stream} {i}" for i in range(1, 9) for stream in ("out", "err")]


def test_the_linker_reads_our_input(tmp_path: Path) -> None:
    fake = script(tmp_path / "wasm-ld", "cat\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LDSHIM_LINKER": str(fake)}
    for code in (RUN, HAND_OVER):
        line = [sys.executable, "-c", code]
        done = subprocess.run(line, input="hello\n", capture_output=True, text=True, check=True, env=env)
        assert done.stdout.startswith("hello\n")


@pytest.mark.parametrize("code", [RUN.replace("    print", "    # "), HAND_OVER])
def test_a_linker_whose_reader_is_gone_ends_quietly(code: str, tmp_path: Path) -> None:
    fake = script(tmp_path / "wasm-ld", "exec yes\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LDSHIM_LINKER": str(fake)}
    line = [sys.executable, "-c", code]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == -signal.SIGPIPE


def test_a_closed_stream_is_no_trouble(tmp_path: Path) -> None:
    fake = script(tmp_path / "wasm-ld", "echo error >&2; exit 3\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LDSHIM_LINKER": str(fake), "CODE": RUN}
    shell = f'{sys.executable} -c "$CODE" <&- >&-'
    done = subprocess.run(["/bin/sh", "-c", shell], stderr=subprocess.PIPE, text=True, check=False, env=env)
    assert (done.returncode, done.stderr.splitlines()[0]) == (3, "error")


@pytest.mark.parametrize("code", [RUN, HAND_OVER, VERSION])
def test_a_crash_of_the_linker_is_our_crash(code: str, tmp_path: Path) -> None:
    fake = script(tmp_path / "wasm-ld", "kill -ABRT $$\n")
    done = python(code, lld=str(fake))
    assert done.returncode == -signal.SIGABRT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_linker_and_then_us(number: signal.Signals, tmp_path: Path) -> None:
    trap = f"trap 'echo caught; exit 0' {number.name[3:]}\n"
    fake = script(tmp_path / "wasm-ld", trap + "echo ready; while :; do sleep 0.05; done\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LDSHIM_LINKER": str(fake)}
    # Whoever runs the tests may ignore it (nohup).
    code = f"import signal; signal.signal({int(number)}, signal.SIG_DFL)\n" + RUN
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.read() == b"caught\ncleaned up 13\n"
    assert process.returncode == -number


def test_a_signal_that_comes_before_the_linker_keeps_it_from_starting(tmp_path: Path) -> None:
    fake = script(tmp_path / "wasm-ld", "echo started\n")
    code = RUN.replace("status =", "os.kill(os.getpid(), 15); status =")
    done = python(code, lld=str(fake))
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "cleaned up 0\n")


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    fake = script(tmp_path / "wasm-ld", "kill -HUP $PPID; kill -HUP $$; echo alive\n")
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + RUN
    done = python(code, lld=str(fake))
    assert (done.returncode, done.stdout) == (0, "alive\ncleaned up 6\n")


def on_a_terminal(*words: str, term: str) -> str:
    """What RUN writes to a terminal that is its stderr."""
    main, terminal = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LDSHIM_LINKER": LLD, "TERM": term}
    line = [sys.executable, "-c", RUN, *words]
    subprocess.run(line, stdout=subprocess.DEVNULL, stderr=terminal, check=False, env=env)
    os.close(terminal)
    text = os.read(main, 1 << 16).decode()
    os.close(main)
    return text


def in_color(text: str) -> bool:
    assert "cannot open" in text
    return "\x1b[" in text


def test_a_terminal_sees_colors_as_with_lld() -> None:
    for term in ("xterm-256color", "linux", "dumb", "screen", ""):
        main, terminal = pty.openpty()
        env = {**os.environ, "TERM": term}
        subprocess.run([LLD, "none.o"], stderr=terminal, check=False, env=env)
        os.close(terminal)
        expected = in_color(os.read(main, 1 << 16).decode())
        os.close(main)
        assert in_color(on_a_terminal("none.o", term=term)) == expected, term


def test_the_users_color_option_counts() -> None:
    assert not in_color(on_a_terminal("none.o", "--no-color-diagnostics", term="xterm"))
    assert in_color(on_a_terminal("none.o", "--color-diagnostics", term="dumb"))


def test_what_is_not_a_terminal_sees_no_colors() -> None:
    assert not in_color(python(RUN, "none.o", TERM="xterm").stderr)


def test_without_posix_spawn_a_link_works_too(tmp_path: Path) -> None:
    fake = script(tmp_path / "wasm-ld", "echo to temporary; echo temporary >&2; exit 7\n")
    done = python("import os; del os.posix_spawn\n" + RUN, lld=str(fake))
    assert (done.returncode, done.stdout, done.stderr) == (7, "to user's\ncleaned up 17\n", "user's\n")


def test_our_modules_start_fast() -> None:
    """The hot path imports nothing that costs (see the budget in the design)."""
    code = "import sys; before = set(sys.modules); import ldshim.linker; print(*set(sys.modules) - before)"
    loaded = {name for name in python(code).stdout.split() if not name.startswith("ldshim")}
    assert loaded <= {"errno", "__future__"}
