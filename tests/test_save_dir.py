"""LDSHIM_SAVE_DIR: what is saved of a link runs again elsewhere, and the link is the one that it would have been."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ldshim.saving.record import _new_folder
from tests.harness import INCLUDE, Instance, archive, check, ldshim, link, linker_path, tool
from tests.rust import WASIP1, build, copy_of, run_wasi
from tests.test_copies_and_losses import READER, marked
from tests.test_rust_matrix import REPORT

if TYPE_CHECKING:
    from tests.harness import Compiler

ROOT = Path(__file__).parent.parent
IMPORTING = "int imported(void); int allowed(void); __attribute__((export_name(\"call\"))) int call(void) { return imported() + allowed(); }"


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """The directory of a user, with everything that can stand on a command line; names are such as need to be quoted."""
    folder = tmp_path / "user's own"
    (folder / "lib" / "thin").mkdir(parents=True)
    return folder


@pytest.fixture
def everything(cc: Compiler, user: Path) -> list[str]:
    """A command line that names a file in each way there is."""
    (user / "reader.o").write_bytes(cc(READER, "-O1").read_bytes())
    (user / "a b.o").write_bytes(cc(marked("one", 1), "-O1").read_bytes())
    archive(user / "lib" / "libtwo.a", cc(marked("two", 2), "-O1", name="two"), cc("int unused(void) { return 1; }", name="unused"))
    (user / "lib" / "thin" / "three.o").write_bytes(cc(marked("three", 3), "-O1").read_bytes())
    check([tool("llvm-ar-22"), "rcs", "--thin", "lib/thin.a", "lib/thin/three.o"], cwd=user)
    archive(user / "lib" / "libcaller.a", cc(IMPORTING, "-O1", name="caller"))
    (user / "lib" / "libcaller.imports").write_text("imported\n")
    (user / "allowed").write_text("allowed\n")
    (user / "nested.rsp").write_text("lib/thin.a @more.rsp")
    (user / "more.rsp").write_text("'a b.o'")
    return [
        *("--no-entry", str(user / "reader.o"), "@nested.rsp", "-L", "none", "-Llib", "-ltwo", "--whole-archive", "lib/libcaller.a"),
        *("--allow-undefined-file=allowed", "-Map=out.map", "-e", "", "-o", "out.wasm"),
    ]


def saved(parent: Path, number: int = 1) -> Path:
    return parent / f"{number:04}"


def moved(folder: Path, place: Path) -> Path:
    """The directory of a link somewhere else, as on another machine."""
    return Path(shutil.move(folder, place / "else where"))


def replay(folder: Path, *words: str, lld: str = "22") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "LDSHIM_LINKER": linker_path(lld)}
    shutil.rmtree(folder / "replayed", ignore_errors=True)
    return subprocess.run([folder / "replay", *words], cwd="/", env=env, capture_output=True, text=True, check=False)


def assert_replays(folder: Path, module: bytes, name: str = "out.wasm", lld: str = "22") -> None:
    """Both ways make the module again, and say nothing."""
    for words in ([], ["--real"]):
        done = replay(folder, *words, lld=lld)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert (folder / "replayed" / name).read_bytes() == module


@pytest.mark.parametrize("lld", ["16", "22", "zig"])
def test_a_link_runs_again_elsewhere_without_the_originals(everything: list[str], user: Path, tmp_path: Path, lld: str) -> None:
    done = ldshim(*everything, cwd=user, lld=lld, env={"LDSHIM_SAVE_DIR": "saved links"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    module = (user / "out.wasm").read_bytes()
    folder = moved(saved(user / "saved links"), tmp_path)
    shutil.rmtree(user)
    assert_replays(folder, module, lld=lld)
    assert (folder / "replayed" / "out.map").exists()
    names = {path.name for path in (folder / "original").rglob("*") if path.is_file()}
    assert {"reader.o", "a b.o", "libtwo.a", "thin.a", "three.o", "libcaller.a", "libcaller.imports", "allowed", "nested.rsp", "more.rsp"} == names
    assert "ldshim-anchors.o" in {path.name for path in (folder / "rewritten").rglob("*")}
    for name in ("original.words", "rewritten.words"):
        assert not any(line.startswith("/") for line in (folder / name).read_text().splitlines())


def test_the_module_is_the_one_that_would_have_been_made(everything: list[str], user: Path) -> None:
    link(user / "out.wasm", *everything[:-2], cwd=user)
    plain = (user / "out.wasm").read_bytes()
    ldshim(*everything, cwd=user, env={"LDSHIM_SAVE_DIR": "saved"})
    assert (user / "out.wasm").read_bytes() == plain
    assert str(user).encode() not in plain


def test_what_is_written_beside_the_inputs(everything: list[str], user: Path) -> None:
    ldshim(*everything, cwd=user, env={"LDSHIM_SAVE_DIR": "saved", "SECRET": "hidden"})
    folder = saved(user / "saved")
    texts = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    assert texts["result.txt"].startswith("status 0\n")
    assert f"out.wasm: {(user / 'out.wasm').stat().st_size} bytes, sha256 " in texts["result.txt"]
    assert texts["command.txt"].startswith("cd ")
    assert "-Llib -ltwo" in texts["command.txt"]
    assert linker_path("22") in texts["child.txt"]
    assert "LLD 22." in texts["versions.txt"]
    assert f"Python {sys.version.split()[0]}" in texts["versions.txt"]
    assert "ldshim: trace: contribution: numbers: a b.o: " in texts["trace.txt"]
    assert f"LDSHIM_LINKER={linker_path('22')}\n" in texts["environment.txt"]
    assert "hidden" not in "".join(texts.values())
    assert {"README.txt", "replay", "stdout.txt", "stderr.txt"} <= set(texts)
    assert not [name for name in texts if name.endswith(".json")]


@pytest.mark.parametrize("lld", ["16", "22"])
def test_a_link_that_is_handed_over_is_saved(cc: Compiler, user: Path, tmp_path: Path, lld: str) -> None:
    plain = archive(user / "plain.a", cc("int f(void) { return 7; }", "-O1"))
    link(user / "out.wasm", "--export=f", plain, lld=lld, env={"LDSHIM_SAVE_DIR": str(user / "saved")})
    assert Instance(user / "out.wasm").f() == 7
    folder = saved(user / "saved")
    assert (folder / "trace.txt").read_text().splitlines()[-2] == "ldshim: trace: handed over: nothing is wanted"
    assert_replays(moved(folder, tmp_path), (user / "out.wasm").read_bytes(), lld=lld)


def test_off_is_saved_as_off(everything: list[str], user: Path, tmp_path: Path) -> None:
    plain = ldshim(*everything, cwd=user, env={"LDSHIM": "off"})
    done = ldshim(*everything, cwd=user, env={"LDSHIM": "off", "LDSHIM_SAVE_DIR": "saved"})
    assert (done.returncode, done.stdout, done.stderr) == (1, plain.stdout, plain.stderr)
    again = replay(moved(saved(user / "saved"), tmp_path))
    assert again.returncode == 1
    assert "undefined symbol: __start_numbers" in again.stderr


@pytest.mark.parametrize("flag", ["-flto", "-flto=thin"])
def test_a_link_of_bitcode_runs_again(cc: Compiler, user: Path, tmp_path: Path, flag: str) -> None:
    for name, source in {"reader": READER, "one": marked("one", 1), "two": marked("two", 2)}.items():
        (user / f"{name}.o").write_bytes(cc(source, "-O1", flag).read_bytes())
    link(user / "out.wasm", "reader.o", "one.o", "two.o", cwd=user, env={"LDSHIM_SAVE_DIR": "saved"})
    assert Instance(user / "out.wasm").list() == [1, 2]
    assert_replays(moved(saved(user / "saved"), tmp_path), (user / "out.wasm").read_bytes())


@pytest.mark.parametrize("lld", ["16", "22"])
def test_a_link_that_lld_refuses_is_saved_with_its_messages(cc: Compiler, everything: list[str], user: Path, tmp_path: Path, lld: str) -> None:
    source = "int missing(void);\n" + 'int (*bad)(void) __asm__("__ldshim$numbers$$bad") __attribute__((used)) = missing;'
    (user / "bad.o").write_bytes(cc(source, "-O1").read_bytes())
    plain = ldshim(*everything, "bad.o", cwd=user, lld=lld)
    assert "bad.o: undefined symbol: missing" in plain.stderr
    done = ldshim(*everything, "bad.o", cwd=user, lld=lld, env={"LDSHIM_SAVE_DIR": "saved"})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", plain.stderr)
    folder = moved(saved(user / "saved"), tmp_path)
    assert (folder / "stderr.txt").read_text() == plain.stderr
    assert (folder / "stdout.txt").read_text() == ""
    assert (folder / "result.txt").read_text().startswith("status 1\n")
    shutil.rmtree(user)
    for words in ([], ["--real"]):
        again = replay(folder, *words, lld=lld)
        assert again.returncode == 1
        assert "bad.o: undefined symbol: missing" in again.stderr


def test_a_link_that_ldshim_refuses_is_saved_with_its_message(everything: list[str], user: Path, tmp_path: Path) -> None:
    (user / "cut.o").write_bytes((user / "a b.o").read_bytes()[:-3])
    done = ldshim(*everything, "cut.o", cwd=user, env={"LDSHIM_SAVE_DIR": "saved"})
    assert done.returncode == 1
    assert done.stderr.startswith("ldshim: error: cut.o: ")
    folder = moved(saved(user / "saved"), tmp_path)
    assert (folder / "stderr.txt").read_text() == done.stderr
    shutil.rmtree(user)
    again = replay(folder)
    assert again.returncode == 1
    assert again.stderr.replace("original" + str(user) + "/", "") == done.stderr
    assert replay(folder, "--real").stderr == "replay: the real linker was not called; README.txt says how the link ended\n"


def test_a_command_line_that_ldshim_refuses_is_saved(user: Path) -> None:
    done = ldshim("--ldshim-none", "a.o", cwd=user, env={"LDSHIM_SAVE_DIR": "saved"})
    assert (done.returncode, done.stderr) == (1, ldshim("--ldshim-none", "a.o", cwd=user).stderr)
    assert "--ldshim-none a.o" in (saved(user / "saved") / "command.txt").read_text()
    assert replay(saved(user / "saved")).stderr == done.stderr


def test_files_that_are_not_there_are_listed(everything: list[str], user: Path, tmp_path: Path) -> None:
    done = ldshim(*everything, "gone.o", cwd=user, env={"LDSHIM_SAVE_DIR": "saved"})
    assert "cannot open gone.o: No such file or directory" in done.stderr
    folder = moved(saved(user / "saved"), tmp_path)
    assert "\n  gone.o: No such file or directory\n" in (folder / "README.txt").read_text()
    assert "gone.o: No such file or directory" in replay(folder).stderr


def fake_linker(folder: Path, text: str) -> dict[str, str]:
    path = folder / "wasm-ld"
    path.write_text(f"#!{sys.executable}\nimport os, signal, sys, time\nif '--version' in sys.argv: sys.exit(0)\n{text}\n")
    path.chmod(0o755)
    return {"LDSHIM_LINKER": str(path), "LDSHIM_SAVE_DIR": str(folder / "saved")}


# A link that is rewritten, one in which something is wanted and missing, and one that is handed over.
INPUTS = (["reader.o", "a b.o"], ["reader.o"], ["plain.o"])


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
def test_a_crash_of_the_linker_is_saved_and_stays_one(cc: Compiler, everything: list[str], user: Path, number: int) -> None:
    assert everything
    (user / "plain.o").write_bytes(cc("int f(void) { return 1; }").read_bytes())
    env = fake_linker(user, f"print('before', flush=True)\nos.kill(os.getpid(), {number:d})")
    for count, inputs in enumerate(INPUTS, 1):
        done = ldshim("--no-entry", *inputs, "-o", "out.wasm", cwd=user, env=env)
        assert (done.returncode, done.stdout) == (-number, "before\n")
        folder = saved(user / "saved", count)
        assert (folder / "result.txt").read_text().startswith(f"signal {number:d}\n")
        assert (folder / "stdout.txt").read_text() == "before\n"
        assert (folder / "rewritten.words").exists()


# subprocess-tee knows no lines of more than 8 MB.
ODD = r"""
os.write(1, b"\xff\xfe trailing  \t\r\n\n\x00\x1b[1m\x0c" + b"long" * 3_000_000 + b" \n")
os.write(2, b"errors \xc3(\r\nwithout an end ")
"""


def test_bytes_that_are_no_text_survive_on_both_streams(everything: list[str], user: Path) -> None:
    assert everything
    inputs = INPUTS[0]
    env = {**os.environ, **fake_linker(user, ODD)}
    command = [sys.executable, "-m", "ldshim", "--no-entry", *inputs, "-o", "out.wasm"]
    done = subprocess.run(command, capture_output=True, cwd=user, env=env, check=False)
    plain = subprocess.run(command, capture_output=True, cwd=user, env={**env, "LDSHIM_SAVE_DIR": ""}, check=False)
    assert len(plain.stdout) > 12_000_000
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    folder = saved(user / "saved")
    assert (folder / "stdout.txt").read_bytes() == plain.stdout
    assert (folder / "stderr.txt").read_bytes() == plain.stderr


def test_two_streams_that_are_one_keep_their_order(everything: list[str], user: Path) -> None:
    assert everything
    env = {**os.environ, **fake_linker(user, "for i in range(300): os.write(1 + i % 2, b'%d\\n' % i)")}
    for inputs in INPUTS[:2]:
        command = [sys.executable, "-m", "ldshim", "--no-entry", *inputs]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=user, env=env, check=False)
        assert done.stdout == "".join(f"{i}\n" for i in range(300))
    assert (saved(user / "saved") / "output.txt").read_text() == done.stdout


def test_what_is_printed_is_seen_at_once(everything: list[str], user: Path) -> None:
    assert everything
    env = {**os.environ, **fake_linker(user, "print('first', flush=True)\nwhile not os.path.exists('seen'): time.sleep(0.02)")}
    command = [sys.executable, "-m", "ldshim", "--no-entry", "reader.o", "a b.o"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=user, env=env) as process:
        assert process.stdout
        assert process.stdout.readline() == b"first\n"
        (user / "seen").touch()
        assert process.stdout.read() == b""
    assert process.returncode == 0


WAITING = "open('running', 'w').close()\ntime.sleep(60)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("inputs", INPUTS[:2])
def test_a_signal_ends_the_link_and_is_saved(everything: list[str], user: Path, inputs: list[str], number: int) -> None:
    assert everything
    (user / "temporary").mkdir()
    # Whoever runs the tests may ignore it (nohup).
    heeding = f"import signal, sys; signal.signal({number:d}, signal.SIG_DFL)\n"
    env = {**os.environ, **fake_linker(user, heeding + WAITING), "TMPDIR": str(user / "temporary"), "PYTHONPATH": str(ROOT)}
    program = heeding + "sys.argv[0] = 'ldshim'; from ldshim.cli import main; main()"
    command = [sys.executable, "-c", program, "--no-entry", *inputs]
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=user, env=env, start_new_session=True) as process:
        while not (user / "running").exists():
            assert process.poll() is None
            time.sleep(0.02)
        # As a terminal does with ^C.
        os.killpg(process.pid, number)
        assert process.wait(20) == -number
        assert process.stderr
        assert process.stderr.read() == b""
    assert (saved(user / "saved") / "result.txt").read_text().startswith(f"signal {number:d}\n")
    assert list((user / "temporary").iterdir()) == []


def test_a_reader_that_goes_away_ends_the_linker(everything: list[str], user: Path) -> None:
    assert everything
    endless = "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nwhile True: os.write(1, b'line\\n' * 1000)"
    env = {**os.environ, **fake_linker(user, endless)}
    for inputs in INPUTS[:2]:
        with subprocess.Popen([sys.executable, "-m", "ldshim", *inputs], stdout=subprocess.PIPE, cwd=user, env=env) as process:
            assert process.stdout
            assert process.stdout.readline() == b"line\n"
            process.stdout.close()
            assert process.wait(20) == -signal.SIGPIPE


def test_messages_on_a_terminal_have_colors(everything: list[str], user: Path) -> None:
    env = {**os.environ, "TERM": "xterm", "LDSHIM_LINKER": linker_path("22"), "LDSHIM_SAVE_DIR": str(user / "saved")}
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "ldshim", *everything, "none.o"]
    process = subprocess.Popen(command, stdout=slave, stderr=slave, cwd=user, env=env)
    os.close(slave)
    output = b""
    try:
        while data := os.read(master, 1 << 16):
            output += data
    except OSError:
        pass
    os.close(master)
    assert process.wait(20) == 1
    assert b"\x1b[0;31merror: \x1b[0m" in output
    assert output.endswith(b"cannot open none.o: No such file or directory\r\n")


def test_links_at_the_same_time_get_a_directory_each(everything: list[str], user: Path) -> None:
    assert everything
    env = {**os.environ, "LDSHIM_LINKER": linker_path("22"), "LDSHIM_SAVE_DIR": str(user / "new" / "saved")}
    lines = [[sys.executable, "-m", "ldshim", "--no-entry", "reader.o", "a b.o", "-o", f"{i}.wasm"] for i in range(6)]
    for process in [subprocess.Popen(line, cwd=user, env=env) for line in lines]:
        assert process.wait(60) == 0
    folders = sorted(path.name for path in (user / "new" / "saved").iterdir())
    assert folders == [f"{i:04}" for i in range(1, 7)]
    made = {next((user / "new" / "saved" / name).glob("result.txt")).read_text().splitlines()[2].split(":")[0] for name in folders}
    assert made == {f"{i}.wasm" for i in range(6)}


def test_a_number_that_another_link_took_meanwhile_is_not_taken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0001").mkdir()
    monkeypatch.setattr(os, "listdir", lambda _path: [])
    assert _new_folder(str(tmp_path)) == str(tmp_path / "0002")


@pytest.mark.parametrize("place", ["a file", "reader.o/below"])
def test_a_directory_that_cannot_be_written_is_one_clear_error(everything: list[str], user: Path, place: str) -> None:
    (user / "a file").write_text("")
    done = ldshim(*everything, cwd=user, env={"LDSHIM_SAVE_DIR": place})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ldshim: error: LDSHIM_SAVE_DIR: cannot write {user}/{place}: ")
    assert done.stderr.count("\n") == 1
    assert not (user / "out.wasm").exists()


def test_a_disk_that_is_full_is_one_clear_error(everything: list[str], user: Path) -> None:
    (user / "saved").mkdir()
    limited = f"import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); sys.argv = ['ldshim', *{everything!r}]; from ldshim.cli import main; main()"
    env = {**os.environ, "LDSHIM_LINKER": linker_path("22"), "LDSHIM_SAVE_DIR": "saved", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", limited], cwd=user, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ldshim: error: LDSHIM_SAVE_DIR: cannot write {user}/saved")
    assert done.stderr.endswith(": File too large\n")


def test_without_subprocess_tee_it_says_how_to_get_it(everything: list[str], user: Path) -> None:
    (user / "subprocess_tee.py").write_text("raise ImportError\n")
    done = ldshim(*everything, cwd=user, env={"LDSHIM_SAVE_DIR": "saved", "PYTHONPATH": str(user)})
    assert (done.returncode, done.stderr) == (1, "ldshim: error: LDSHIM_SAVE_DIR needs subprocess-tee: pip install 'ldshim[save]'\n")
    assert not (user / "saved").exists()


def test_a_version_is_no_link(user: Path) -> None:
    done = ldshim("--version", cwd=user, env={"LDSHIM_SAVE_DIR": "saved"})
    assert done.returncode == 0
    assert not (user / "saved").exists()


def test_modules_of_the_working_directory_are_not_imported(everything: list[str], user: Path) -> None:
    for name in ("json", "signal", "asyncio", "shutil"):
        (user / f"{name}.py").write_text("raise SystemExit('imported')\n")
    env = {**os.environ, "LDSHIM_LINKER": linker_path("22"), "LDSHIM_SAVE_DIR": "saved"}
    done = subprocess.run([Path(sys.executable).parent / "ldshim", *everything], cwd=user, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_names_that_are_not_unicode(cc: Compiler, user: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"on\xff'e $x.o")
    (user / name).write_bytes(cc(marked("one", 1), "-O1").read_bytes())
    link(user / "out.wasm", cc(READER, "-O1"), name, cwd=user, env={"LDSHIM_SAVE_DIR": "saved"})
    assert_replays(moved(saved(user / "saved"), tmp_path), (user / "out.wasm").read_bytes())


def test_a_thin_archive_with_absolute_names_is_saved_as_an_ordinary_one(cc: Compiler, user: Path, tmp_path: Path) -> None:
    (user / "one.o").write_bytes(cc(marked("one", 1), "-O1").read_bytes())
    long_name = f"{user / 'one.o'}/\n".encode()
    # llvm-ar writes relative names; other tools have written absolute ones.
    member = f"{'/0':<48}{(user / 'one.o').stat().st_size:<10}`\n".encode()
    names = f"{'//':<48}{len(long_name):<10}`\n".encode() + long_name + b"\n" * (len(long_name) % 2)
    (user / "thin.a").write_bytes(b"!<thin>\n" + names + member)
    link(user / "out.wasm", cc(READER, "-O1"), "thin.a", cwd=user, env={"LDSHIM_SAVE_DIR": "saved"})
    assert Instance(user / "out.wasm").list() == [1]
    module = (user / "out.wasm").read_bytes()
    folder = moved(saved(user / "saved"), tmp_path)
    shutil.rmtree(user)
    assert_replays(folder, module)


def test_a_map_is_asked_for_again(everything: list[str], user: Path, tmp_path: Path) -> None:
    done = ldshim(*everything, "--ldshim-map=ours.json", cwd=user, env={"LDSHIM_SAVE_DIR": "saved"})
    assert (done.returncode, done.stderr) == (0, "")
    folder = moved(saved(user / "saved"), tmp_path)
    assert replay(folder).returncode == 0
    assert (folder / "replayed" / "ours.json").exists()


def test_the_driver_of_clang_can_be_watched(user: Path) -> None:
    (user / "one.c").write_text("#include <ldshim.h>\nLDSHIM_SECTION(n, const int);\nLDSHIM_ELEMENT(n, const int, one) = 1;\n" + READER.replace("numbers", "n"))
    program = Path(sys.executable).parent / "ldshim"
    options = ["--target=wasm32", "-nostdlib", f"-fuse-ld={program}", "-Wl,--no-entry", f"-I{INCLUDE}"]
    check([tool("clang-22"), *options, "one.c", "-o", "out.wasm"], cwd=user, env={**os.environ, "LDSHIM_LINKER": linker_path("22"), "LDSHIM_SAVE_DIR": "saved"})
    # clang removes its objects.
    assert_replays(saved(user / "saved"), (user / "out.wasm").read_bytes())


def test_a_link_of_rustc_runs_again_when_cargo_and_rustc_have_cleaned_up(tmp_path: Path) -> None:
    project = copy_of("matrix", tmp_path)
    env = {"LDSHIM_SAVE_DIR": str(tmp_path / "saved"), "LDSHIM_LINKER": linker_path("22")}
    program = build(project, "program", tmp_path, "--release", target=WASIP1, env=env)["bin"]
    assert run_wasi(program, directory=tmp_path) == REPORT
    (folder,) = (tmp_path / "saved").iterdir()
    folder = moved(folder, tmp_path)
    shutil.rmtree(project)
    module = program.read_bytes()
    (name,) = {line.rpartition("/")[2] for line in (folder / "original.words").read_text().splitlines() if line.startswith("replayed/")}
    assert_replays(folder, module, name)
