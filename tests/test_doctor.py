"""`ldshim doctor`: each finding is provoked, and its cure carried out, after which the doctor has nothing to say.

Each patient has a home, a PATH and a virtual environment of its own, with a copy of the package and a small linkme in the place where a wheel has it.
Linkers, clang, rustc and cargo are real.  Scripts stand in for what is broken, and for pip and rustup, which would need the network.
"""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from ldshim.doctor import programs
from tests.harness import tool
from tests.linkers import WASM_LDS
from tests.rust import NONE, RUST, UNKNOWN, WASIP1, WASIP2
from tests.test_init import CRATE, VERSION, write

ROOT = Path(__file__).parent.parent
SITE = Path(tomlkit.__file__).parent.parent
LINKER = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER"
SHELL_TOOLS = ("sh", "mkdir", "ln", "sleep", "cat", "echo")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the copy of the package is."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "ldshim", folder / "ldshim", ignore=shutil.ignore_patterns("__pycache__"))
    write(folder / "ldshim" / "toolchains" / "rust" / "linkme", CRATE)
    (folder / "tomlkit").symlink_to(SITE / "tomlkit")
    return folder


class Report:
    """What the doctor says to programs."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stderr == ""
        self.data: dict[str, Any] = json.loads(done.stdout)
        self.findings: list[dict[str, Any]] = self.data["findings"]
        errors = [finding for finding in self.findings if finding["severity"] == "error"]
        assert done.returncode == (1 if errors else 0)
        assert self.data["ok"] == (not errors)

    @property
    def ids(self) -> list[str]:
        return [finding["id"] for finding in self.findings]

    def facts(self, group: str) -> Any:
        return self.data["facts"][group]


class Patient:
    """A machine with nothing on it but Python and ldshim, and what a test puts there."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.bin = folder / "bin"
        self.project = folder / "work"
        for place in (self.home, self.bin, self.project):
            place.mkdir()
        venv.EnvBuilder(symlinks=True).create(folder / "venv")
        self.site_packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
        (self.site_packages / "site.pth").write_text(f"{site}\n")
        self.crate = site / "ldshim" / "toolchains" / "rust" / "linkme"
        python = folder / "venv" / "bin" / "python"
        self.ldshim = folder / "venv" / "bin" / "ldshim"
        self.ldshim.write_text(f"#!{python}\nimport sys\nfrom ldshim.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n")
        self.ldshim.chmod(0o755)
        for name in SHELL_TOOLS:
            (self.bin / name).symlink_to(tool(name))
        self.environ = {"HOME": str(self.home), "PATH": f"{self.ldshim.parent}:{self.bin}", "CARGO_NET_OFFLINE": "true"}

    # What it has

    def has(self, name: str, program: str | Path) -> Path:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).symlink_to(program)
        return self.bin / name

    def has_lld(self, version: str = "22", name: str = "wasm-ld") -> Path:
        return self.has(name, WASM_LDS[version][0])

    def has_script(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return path

    def has_rust(self) -> None:
        for name in ("rustc", "cargo"):
            self.has(name, RUST / "bin" / name)

    def has_rust_with(self, *targets: str, tools: bool = False) -> Path:
        """A real rustc, with a std for these targets alone; returns the sysroot."""
        self.has_rust()
        sysroot = self.folder / "toolchains" / "mine"
        rustc = RUST / "bin" / "rustc"
        told = subprocess.run([rustc, "-vV"], capture_output=True, text=True, check=True).stdout
        host = told.partition("host: ")[2].partition("\n")[0]
        for target in targets:
            (sysroot / "lib" / "rustlib" / target / "lib").mkdir(parents=True)
        folder = sysroot / "lib" / "rustlib" / host / "bin"
        folder.mkdir(parents=True)
        if tools:
            (folder / "rust-lld").symlink_to(WASM_LDS["22"][0])
        self.has_script("rustc", f'if [ "$*" = "--print sysroot" ]; then echo {sysroot}; exit; fi\nexec {rustc} "$@"\n')
        return sysroot

    def has_package(self, name: str) -> None:
        (self.site_packages / name).symlink_to(SITE / name)

    def has_pip_for(self, line: str, package: str) -> None:
        """A pip whose only command is this one."""
        install = f"ln -s {SITE}/{package}* {self.site_packages}"
        self.has_script("pip", f'[ "$*" = "{line}" ] || exit 3\n{install}\n')

    def has_project(self, config: str | None = None, *, linkme: str | None = None, lock: str | None = None) -> None:
        """A package `app`, in the folder where the doctor is called."""
        wanted = f'[dependencies]\nlinkme = "{linkme}"\n' if linkme else ""
        write(self.project, {"Cargo.toml": f'[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n{wanted}', "src/lib.rs": ""})
        if config is not None:
            write(self.project, {".cargo/config.toml": config})
        if lock is not None:
            source = "registry+https://github.com/rust-lang/crates.io-index"
            own = '[[package]]\nname = "app"\nversion = "0.1.0"\ndependencies = ["linkme"]\n'
            other = f'[[package]]\nname = "linkme"\nversion = "{lock}"\nsource = "{source}"\nchecksum = "{"0" * 64}"\n'
            write(self.project, {"Cargo.lock": f"version = 4\n{own}{other}"})

    # What is said of it

    def shell(self, command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.project,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def doctor(self, before: str = "", **environ: str) -> Report:
        """Run `ldshim doctor`, in the shell in which `before` has run."""
        return Report(self.shell(f"{before}\nexec {self.ldshim} doctor --json", **environ))

    def has_only(self, name: str, severity: str = "error", **environ: str) -> dict[str, Any]:
        """Assert that this is the only finding."""
        report = self.doctor(**environ)
        assert [(finding["id"], finding["severity"]) for finding in report.findings] == [(name, severity)], report.findings
        return report.findings[0]

    def is_cured_of(self, name: str, severity: str = "error", **environ: str) -> dict[str, Any]:
        """Assert that this is the only finding, and that after its cure there is none."""
        finding = self.has_only(name, severity, **environ)
        report = self.doctor(self.carry_out(finding), **environ)
        assert report.findings == []
        return finding

    def carry_out(self, finding: dict[str, Any]) -> str:
        """Edit files as the cure says; returns the commands that are still to be run."""
        assert finding["cure"]
        lines = ["set -e"]
        for step in finding["cure"]:
            assert step["kind"] in ("run", "write", "remove"), step
            if step["kind"] == "run":
                lines.append(f"{{ {step['text']}\n}} >{self.folder}/messages 2>&1 || {{ cat {self.folder}/messages >&2; exit 9; }}")
            elif step["kind"] == "write":
                path = Path(step["file"])
                document = tomlkit.parse(path.read_text())
                merge(document, tomlkit.parse(step["text"]))
                path.write_text(tomlkit.dumps(document))
            else:
                path = Path(step["file"])
                assert path.read_text().count(step["text"] + "\n") == 1
                path.write_text(path.read_text().replace(step["text"] + "\n", ""))
        return "\n".join(lines)


def merge(document: Any, new: Any) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and key in document and "path" not in value:
            merge(document[key], value)
        else:
            document[key] = value


@pytest.fixture
def patient(tmp_path: Path, site: Path) -> Patient:
    return Patient(tmp_path, site)


@pytest.fixture
def healthy(patient: Patient) -> Patient:
    """One with a linker."""
    patient.has_lld()
    return patient


@pytest.fixture
def rustacean(healthy: Patient) -> Patient:
    """One with a linker and Rust."""
    healthy.has_rust()
    return healthy


def linked(*targets: str) -> str:
    return "".join(f'[target.{target}]\nlinker = "ldshim"\n' for target in targets or (UNKNOWN,))


def patched(patient: Patient) -> str:
    return f'[patch.crates-io]\nlinkme = {{ path = "{patient.crate}" }}\n'


# Nothing is wrong


def test_a_linker_is_all_that_c_needs(healthy: Patient) -> None:
    report = healthy.doctor()
    assert report.findings == []
    assert report.facts("linkers")["used"] == str(healthy.bin / "wasm-ld")


def test_a_project_that_init_has_set_up_has_nothing_wrong(rustacean: Patient) -> None:
    rustacean.has_project(linkme="0.3")
    assert rustacean.doctor().ids == ["project-not-set-up", "linkme-unpatched"]
    assert rustacean.shell(f"ldshim init --yes --target {UNKNOWN} --target {WASIP2}").returncode == 0
    report = rustacean.doctor()
    assert report.findings == []
    targets = report.facts("cargo")["targets"]
    assert {name: (target["ldshim"], target["std"]) for name, target in targets.items()} == dict.fromkeys((UNKNOWN, WASIP2), (True, True))
    assert report.facts("linkme")["patch"]["set_by"] == str(rustacean.project / ".cargo" / "config.toml")


def test_what_it_found_is_shown(rustacean: Patient) -> None:
    rustacean.has("clang-22", tool("clang-22"))
    rustacean.has_project(linked())
    done = rustacean.shell("ldshim doctor")
    assert (done.returncode, done.stderr) == (0, "")
    told = subprocess.run([RUST / "bin" / "rustc", "-V"], capture_output=True, text=True, check=True).stdout
    for text in (
        f"{rustacean.ldshim}\n",
        f"  LLD 22.1.8       {rustacean.bin}/wasm-ld (wasm-ld on PATH)\n",
        f"  rustc    {told.strip().removeprefix('rustc ')}, LLVM ",
        f"  configuration           {rustacean.project}/.cargo/config.toml\n",
        f"  {UNKNOWN}  linked by ldshim (ldshim), says {rustacean.project}/.cargo/config.toml\n",
        f"  22.1.8  {rustacean.bin}/clang-22\n",
        "\nNothing is wrong.\n",
    ):
        assert text in done.stdout


def test_it_leaves_nothing(rustacean: Patient) -> None:
    rustacean.has_project(linked())
    before = sorted(path for path in rustacean.folder.rglob("*") if "__pycache__" not in path.parts)
    rustacean.doctor(TMPDIR=str(rustacean.home))
    assert sorted(path for path in rustacean.folder.rglob("*") if "__pycache__" not in path.parts) == before


# The real linker


def test_no_linker(patient: Patient) -> None:
    patient.has_pip_for("install ldshim[lld]", "ziglang")
    finding = patient.is_cured_of("linker-missing")
    assert finding["cure"] == [{"kind": "run", "text": "pip install 'ldshim[lld]'"}]
    assert patient.doctor().facts("linkers")["found"][0]["how"] == "the ziglang package"


def test_a_wasm_ld_that_is_ldshim_with_nothing_behind_it(patient: Patient) -> None:
    patient.has("wasm-ld", patient.ldshim)
    patient.has_pip_for("install ldshim[lld]", "ziglang")
    finding = patient.is_cured_of("linker-missing")
    assert f"{patient.bin}/wasm-ld is ldshim itself" in finding["message"]


def test_ldshim_as_wasm_ld_with_a_linker_behind_it(patient: Patient) -> None:
    patient.has("wasm-ld", patient.ldshim)
    patient.has_lld(name="wasm-ld-22")
    report = patient.doctor()
    assert report.findings == []
    assert [(found["ldshim"], found["lld"]) for found in report.facts("linkers")["found"]] == [(True, None), (False, "22.1.8")]


def test_only_rustc_has_a_linker(patient: Patient) -> None:
    patient.has_rust_with(UNKNOWN, tools=True)
    patient.is_cured_of("linker-missing-in-shell", "warning")
    facts = patient.doctor().facts("linkers")
    assert facts["used"] is None
    assert facts["used_for_rustc"].endswith("bin/rust-lld")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("/none/wasm-ld", "linker-not-found"),
        ("wasm-ld-99", "linker-not-found"),
        ("HOME", "linker-not-executable"),
        ("HOME/plain", "linker-not-executable"),
        ("LDSHIM", "linker-itself"),
        ("BIN/again", "linker-itself"),
        ("BIN/echo", "linker-not-lld"),
        ("BIN/broken", "linker-broken"),
    ],
)
def test_a_linker_that_is_named_and_is_none(healthy: Patient, value: str, name: str) -> None:
    (healthy.home / "plain").write_text("text")
    healthy.has_script("again", f'exec {healthy.ldshim} "$@"\n')
    healthy.has_script("broken", "echo out of order >&2; exit 3\n")
    value = value.replace("HOME", str(healthy.home)).replace("LDSHIM", str(healthy.ldshim)).replace("BIN", str(healthy.bin))
    finding = healthy.is_cured_of(name, LDSHIM_LINKER=value)
    assert value in finding["message"]
    assert finding["cure"] == [{"kind": "run", "text": "unset LDSHIM_LINKER"}]


def test_a_named_linker_and_no_other(patient: Patient) -> None:
    patient.has_pip_for("install ldshim[lld]", "ziglang")
    patient.is_cured_of("linker-not-found", LDSHIM_LINKER="/none/wasm-ld")


def test_an_old_linker(healthy: Patient) -> None:
    healthy.has_script("wasm-ld", "echo LLD 13.0.1\n")
    healthy.has_lld("14", "wasm-ld-14")
    finding = healthy.is_cured_of("linker-old")
    assert "LLD 13.0.1" in finding["message"]


def test_the_oldest_tested_linker_is_not_old(patient: Patient) -> None:
    patient.has_lld("14")
    assert patient.doctor().findings == []


def test_an_old_linker_and_no_other(patient: Patient) -> None:
    patient.has_script("wasm-ld", "echo LLD 13.0.1\n")
    patient.has_pip_for("install ldshim[lld]", "ziglang")
    patient.is_cured_of("linker-old")


BROKEN = {
    "cat /dev/zero": "prints without end",
    "sleep 1000": "does not answer within 2 seconds",
    "sleep 1000 & exit": "does not answer within 2 seconds",
    "kill -SEGV $$": "crashes (SIGSEGV)",
    "exit 7": "ends with status 7",
    r"printf '\033[31m\377\n'": "prints something else than its version: ?[31m?",
    "": "prints something else than its version: nothing",
}


def is_over(group: int) -> bool:
    """Whether nothing of a process group runs any more."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    # Who has ended stays there until somebody asks for its status, which not every container's first process does.
    states = [path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
    return not any(int(state[2]) == group and state[0] != "Z" for state in states)


def impatient(patient: Patient, before: str = "") -> Report:
    code = "import sys; from ldshim.doctor import execute, programs; programs.TIMEOUT = 2; sys.argv[0] = 'ldshim'; sys.exit(execute(['--json']))"
    return Report(patient.shell(f"{before}\nexec python -c {shlex.quote(code)}"))


@pytest.mark.parametrize("text", BROKEN)
def test_a_linker_that_misbehaves_is_reported_as_it_does(healthy: Patient, text: str) -> None:
    healthy.has_script("rust-lld", f"echo $$ >{healthy.folder}/pid\n{text}\n")
    start = time.monotonic()
    report = impatient(healthy)
    assert time.monotonic() - start < 9
    [finding] = report.findings
    assert finding["id"] == ("linker-not-lld" if "something else" in BROKEN[text] else "linker-broken")
    assert BROKEN[text] in finding["message"]
    assert impatient(healthy, healthy.carry_out(finding)).findings == []
    assert is_over(int((healthy.folder / "pid").read_text()))


def test_what_is_printed_without_end_is_not_waited_for(healthy: Patient) -> None:
    healthy.has_script("rust-lld", "exec cat /dev/zero\n")
    start = time.monotonic()
    assert healthy.doctor().ids == ["linker-broken"]
    assert time.monotonic() - start < programs.TIMEOUT - 1


def test_a_linker_that_cannot_be_run(healthy: Patient) -> None:
    path = healthy.has_script("rust-lld", "")
    path.write_bytes(b"\x7fELF rubbish")
    assert "cannot be run: Exec format error" in healthy.is_cured_of("linker-broken")["message"]


def test_a_broken_linker_that_is_not_used_is_only_shown(healthy: Patient) -> None:
    healthy.has_script("wasm-ld-30", "exit 1\n")
    assert healthy.doctor().findings == []
    assert f"  broken      {healthy.bin}/wasm-ld-30 (wasm-ld-30 on PATH)\n" in healthy.shell("ldshim doctor").stdout


def test_every_linker_that_is_looked_for_is_listed(patient: Patient) -> None:
    other = patient.folder / "other"
    write(patient.folder, {"other/x": "", "sdk/bin/x": ""})
    patient.has_lld("16", "wasm-ld")
    (other / "wasm-ld").symlink_to(WASM_LDS["16"][0])
    (patient.folder / "sdk" / "bin" / "wasm-ld").symlink_to(WASM_LDS["19"][0])
    patient.has_package("ziglang")
    patient.has_rust_with(UNKNOWN, tools=True)
    path = f"{patient.environ['PATH']}:{other}"
    report = patient.doctor(PATH=path, WASI_SDK_PATH=str(patient.folder / "sdk"), LDSHIM_LINKER=WASM_LDS["22"][0])
    found = [(entry["how"], entry["lld"].partition(".")[0]) for entry in report.facts("linkers")["found"]]
    assert found == [
        ("LDSHIM_LINKER", "22"),
        ("rust-lld of rustc's own tools", "22"),
        ("wasm-ld on PATH", "16"),
        ("wasm-ld on PATH", "16"),
        ("WASI_SDK_PATH", "19"),
        ("the ziglang package", "22"),
    ]
    assert report.facts("linkers")["used"] == WASM_LDS["22"][0]


def test_what_is_used_is_what_a_link_uses(patient: Patient) -> None:
    patient.has_rust()
    patient.has_lld("22", "wasm-ld-22")
    for lld, name in (("19", "wasm-ld-30"), ("16", "wasm-ld"), ("14", "rust-lld")):
        patient.has_lld(lld, name)
        assert patient.doctor().facts("linkers")["used"] == f"{patient.bin}/{name}"
        assert f"LLD {lld}." in patient.shell("ldshim --version").stdout


# The environment


def test_ldshim_is_off(healthy: Patient) -> None:
    healthy.is_cured_of("off", LDSHIM="off")


def test_a_mark_of_a_running_link(healthy: Patient) -> None:
    healthy.is_cured_of("running", LDSHIM_RUNNING="/usr/bin/wasm-ld")


@pytest.mark.parametrize("variable", ["TMPDIR", "TEMP"])
@pytest.mark.parametrize("value", ["/none", "/proc"])
def test_a_temporary_directory_that_cannot_be_written(healthy: Patient, variable: str, value: str) -> None:
    assert value in healthy.is_cured_of("tmpdir-unwritable", **{variable: value})["message"]


@pytest.mark.parametrize("value", ["/proc/none", "HOME/file", "HOME/file/cache"])
def test_a_cache_that_cannot_be_written(healthy: Patient, value: str) -> None:
    (healthy.home / "file").write_text("")
    finding = healthy.is_cured_of("cache-unwritable", "warning", LDSHIM_CACHE=value.replace("HOME", str(healthy.home)))
    assert finding["cure"][0]["text"] == "unset LDSHIM_CACHE"


def test_a_home_that_cannot_be_written(healthy: Patient) -> None:
    assert healthy.is_cured_of("cache-unwritable", "warning", HOME="/proc/none")["cure"][0]["text"] == "export LDSHIM_CACHE=off"


@pytest.mark.parametrize("value", ["off", ""])
def test_a_cache_that_is_off_or_not_there_yet_is_none_to_complain_of(healthy: Patient, value: str) -> None:
    assert healthy.doctor(LDSHIM_CACHE=value or str(healthy.home / "not" / "yet")).findings == []


def test_a_python_that_is_too_old(healthy: Patient) -> None:
    code = "import sys; from ldshim.doctor import execute; sys.version_info = (3, 9, 18); sys.exit(execute(['--json']))"
    report = Report(healthy.shell(f"exec python -c {shlex.quote(code)}"))
    assert report.ids == ["python-old"]


def test_another_ldshim_on_path(healthy: Patient) -> None:
    other = healthy.folder / "other"
    other.mkdir()
    shutil.copy(healthy.ldshim, other / "ldshim")
    finding = healthy.is_cured_of("ldshim-other", "warning", PATH=f"{other}:{healthy.environ['PATH']}")
    assert f"{other}/ldshim" in finding["message"]


def test_a_package_that_is_missing(healthy: Patient, site: Path) -> None:
    own = healthy.folder / "site"
    own.mkdir()
    (own / "ldshim").symlink_to(site / "ldshim")
    (healthy.site_packages / "site.pth").write_text(f"{own}\n")
    healthy.has_script("pip", f'[ "$*" = "install tomlkit" ] || exit 3\nln -s {SITE}/tomlkit {own}\n')
    healthy.has_project(linked())
    healthy.has_rust()
    healthy.is_cured_of("package-missing")


def test_a_directory_that_is_gone(healthy: Patient) -> None:
    gone = healthy.folder / "gone"
    start = f"mkdir -p {gone}; cd {gone}; {tool('rmdir')} {gone}\n"
    report = healthy.doctor(start)
    assert report.ids == ["directory-gone"]
    assert healthy.doctor(start + healthy.carry_out(report.findings[0])).findings == []


# Programs


@pytest.mark.parametrize("name", ["rustc", "cargo"])
def test_rust_is_missing_in_a_project(rustacean: Patient, name: str) -> None:
    rustacean.has_project(linked())
    (rustacean.bin / name).unlink()
    rustacean.has_only(f"{name}-missing")


def test_rust_is_not_missed_without_a_project(healthy: Patient) -> None:
    assert healthy.doctor().findings == []


@pytest.mark.parametrize("name", ["rustc", "cargo"])
@pytest.mark.parametrize(("text", "finding"), [(None, "missing"), ("kill -SEGV $$\n", "broken"), ("echo hello\n", "broken")])
def test_a_variable_names_a_program_that_is_none(rustacean: Patient, name: str, text: str | None, finding: str) -> None:
    rustacean.has_project(linked())
    path = rustacean.has_script("mine", text) if text else Path("/none/mine")
    assert str(path) in rustacean.is_cured_of(f"{name}-{finding}", **{name.upper(): str(path)})["message"]


@pytest.mark.parametrize("text", ["sleep 1000", "kill -SEGV $$", ""])
@pytest.mark.parametrize("name", ["rustc", "cargo", "clang"])
def test_a_program_that_misbehaves_is_reported_as_it_does(rustacean: Patient, name: str, text: str) -> None:
    rustacean.has_project(linked())
    rustacean.has_script(name, f"{text}\n")
    [finding] = impatient(rustacean).findings
    assert finding["id"] == f"{name}-broken"
    assert BROKEN[text] in finding["message"]


def test_a_toolchain_that_is_not_installed(rustacean: Patient) -> None:
    rustacean.has_project(linked())
    advice = "rustup toolchain install"
    for name in ("rustc", "cargo"):
        rustacean.has_script(name, f"echo \"error: toolchain 'nightly' is not installed\nhelp: run \\`{advice}\\` to install it\" >&2; exit 1\n")
    report = rustacean.doctor()
    assert [(finding["id"], finding["cure"][0]["text"]) for finding in report.findings] == [("rustc-broken", advice), ("cargo-broken", advice)]


def test_a_target_that_rustc_does_not_know(rustacean: Patient) -> None:
    rustacean.has_project('[build]\ntarget = "wasm32-wasi"\n' + linked("wasm32-wasi"))
    finding = rustacean.has_only("target-unknown")
    assert "wasm32-wasip1" in finding["cure"][0]["text"]


def test_no_std_for_the_target(healthy: Patient) -> None:
    sysroot = healthy.has_rust_with(UNKNOWN)
    healthy.has_project(f'[build]\ntarget = "{WASIP1}"\n' + linked(WASIP1, UNKNOWN))
    line = f"target add --toolchain mine {WASIP1}"
    healthy.has_script("rustup", f'[ "$*" = "{line}" ] || exit 3\nmkdir -p {sysroot}/lib/rustlib/{WASIP1}/lib\n')
    healthy.is_cured_of("target-std-missing")


def test_no_std_for_a_target_that_something_is_set_for_is_a_warning(healthy: Patient) -> None:
    healthy.has_rust_with(UNKNOWN)
    healthy.has_project(linked(UNKNOWN, WASIP1))
    healthy.has_only("target-std-missing", "warning")


def test_no_std_where_cargo_builds_it(healthy: Patient) -> None:
    healthy.has_rust_with()
    healthy.has_project('[unstable]\nbuild-std = ["core"]\n' + linked())
    assert healthy.doctor().findings == []


# What cargo is told


def test_a_project_that_is_not_set_up(rustacean: Patient) -> None:
    rustacean.has_project()
    rustacean.is_cured_of("project-not-set-up", "warning")


def test_a_target_without_a_linker(rustacean: Patient) -> None:
    rustacean.has_project(f'[build]\ntarget = "{UNKNOWN}"\n')
    rustacean.is_cured_of("target-linker-unset")


def test_a_target_without_a_linker_beside_one_that_is_built_is_a_warning(rustacean: Patient) -> None:
    rustacean.has_project(linked() + f"[target.{NONE}]\nrustflags = []\n")
    rustacean.is_cured_of("target-linker-unset", "warning")


@pytest.mark.parametrize("name", ["BIN/wasm-ld", "wasm-ld"])
def test_another_linker_in_the_project(rustacean: Patient, name: str) -> None:
    rustacean.has_project(linked().replace("ldshim", name.replace("BIN", str(rustacean.bin))))
    rustacean.is_cured_of("target-linker-other")


def test_another_linker_of_the_home_directory(rustacean: Patient) -> None:
    write(rustacean.home, {".cargo/config.toml": linked().replace("ldshim", "wasm-ld")})
    rustacean.has_project()
    finding = rustacean.is_cured_of("target-linker-other")
    assert f"{rustacean.home}/.cargo/config.toml names 'wasm-ld'" in finding["message"]


def test_ldshim_is_not_on_path(rustacean: Patient) -> None:
    rustacean.has_project(linked())
    path = str(rustacean.bin)
    finding = rustacean.has_only("target-linker-missing", PATH=path)
    commands = rustacean.carry_out(finding).replace("ldshim init", f"{rustacean.ldshim} init")
    assert rustacean.doctor(commands, PATH=path).findings == []


def test_a_wasm_ld_that_is_ldshim_is_as_good_as_ldshim(rustacean: Patient) -> None:
    rustacean.has("my-wasm-ld", rustacean.ldshim)
    rustacean.has_project(linked().replace("ldshim", "my-wasm-ld"))
    assert rustacean.doctor().findings == []


def test_the_environment_overrides_ldshim(rustacean: Patient) -> None:
    rustacean.has_project(linked())
    finding = rustacean.is_cured_of("target-linker-overridden", **{LINKER: "wasm-ld"})
    assert finding["cure"] == [{"kind": "run", "text": f"unset {LINKER}"}]


def test_the_environment_names_another_linker(rustacean: Patient) -> None:
    rustacean.has_project(f'[build]\ntarget = "{UNKNOWN}"\n')
    rustacean.is_cured_of("target-linker-other", **{LINKER: "wasm-ld"})


def test_a_nearer_file_overrides_ldshim(rustacean: Patient) -> None:
    rustacean.has_project(linked())
    write(rustacean.project, {"inner/.cargo/config.toml": linked().replace("ldshim", "wasm-ld")})
    rustacean.project /= "inner"
    finding = rustacean.is_cured_of("target-linker-overridden")
    assert finding["cure"][0]["file"] == f"{rustacean.project}/.cargo/config.toml"


def test_a_cfg_names_another_linker(rustacean: Patient) -> None:
    rustacean.has_project(f'[build]\ntarget = "{UNKNOWN}"\n[target.\'cfg(target_family = "wasm")\']\nlinker = "wasm-ld"\n')
    rustacean.is_cured_of("target-linker-other")


@pytest.mark.parametrize("variable", ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"])
def test_rustflags_of_the_environment_name_another_linker(rustacean: Patient, variable: str) -> None:
    rustacean.has_project(linked())
    separator = "\x1f" if "ENCODED" in variable else " "
    flags = separator.join(["--cfg", "a", "-Clinker=wasm-ld", "-g"])
    finding = rustacean.is_cured_of("target-linker-overridden", **{variable: flags})
    shown = rustacean.shell(f"{finding['cure'][0]['text']}\nprintf %s \"${variable}\"").stdout
    assert shown == flags.replace("=wasm-ld", "=ldshim")


def test_rustflags_of_a_file_name_another_linker(rustacean: Patient) -> None:
    rustacean.has_project(linked() + 'rustflags = ["-C", "linker=wasm-ld", "-g"]\n')
    rustacean.is_cured_of("target-linker-overridden")
    assert 'rustflags = ["-C", "linker=ldshim", "-g"]\n' in (rustacean.project / ".cargo" / "config.toml").read_text()


def test_a_component_without_a_wasm_ld(rustacean: Patient) -> None:
    rustacean.has_project(f'[build]\ntarget = "{WASIP2}"\n')
    rustacean.is_cured_of("component-wasm-ld")


@pytest.mark.parametrize("variable", ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS"])
@pytest.mark.parametrize("flags", ["-g", "-C link-arg=--wasm-ld-path=/other -g"])
def test_flags_of_the_environment_name_no_wasm_ld_or_another(rustacean: Patient, variable: str, flags: str) -> None:
    rustacean.has_project(f'[build]\ntarget = "{WASIP2}"\n')
    flags = flags.replace(" ", "\x1f") if "ENCODED" in variable else flags
    rustacean.is_cured_of("component-wasm-ld", **{variable: flags})


@pytest.mark.parametrize("words", ["'-Clinker-plugin-lto'", "'-C', 'linker_plugin_lto=yes', '-g'"])
def test_a_component_with_linker_lto(rustacean: Patient, words: str) -> None:
    rustacean.has_package("llvmlite")
    flags = f"[{words}, '-Clink-arg=--wasm-ld-path={rustacean.ldshim}']"
    rustacean.has_project(f'[build]\ntarget = "{WASIP2}"\n[target.{WASIP2}]\nrustflags = {flags}\n')
    rustacean.is_cured_of("component-lto", "warning")


def test_linker_lto_of_the_environment_for_a_component(rustacean: Patient) -> None:
    rustacean.has_package("llvmlite")
    rustacean.has_project(f"[target.{WASIP2}]\nrustflags = ['-Clink-arg=--wasm-ld-path={rustacean.ldshim}']\n")
    rustacean.is_cured_of("component-lto", "warning", CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS="-C linker-plugin-lto")


def test_another_linker_for_a_component(rustacean: Patient) -> None:
    rustacean.has_project(f'[target.{WASIP2}]\nlinker = "ldshim"\nrustflags = ["-Clink-arg=--wasm-ld-path={rustacean.ldshim}"]\n')
    rustacean.is_cured_of("component-linker")


def test_a_file_that_is_not_toml(rustacean: Patient) -> None:
    rustacean.has_project("[build\n")
    finding = rustacean.has_only("config-broken")
    assert f"{rustacean.project}/.cargo/config.toml is not valid TOML" in finding["message"]


@pytest.mark.parametrize(("name", "text"), [("Cargo.toml", "[package\n"), ("Cargo.toml", "[package]\n"), ("Cargo.lock", "[[package\n")])
def test_a_project_that_cannot_be_read(rustacean: Patient, name: str, text: str) -> None:
    rustacean.has_project(linked())
    write(rustacean.project, {name: text})
    assert name in rustacean.has_only("cargo-refuses")["message"]


@pytest.mark.parametrize(
    "config",
    ["target = 3\n", f"[target]\n{UNKNOWN} = 3\n", "patch = 3\nbuild = []\n", "[patch]\ncrates-io = 1\n", "[build]\ntarget = 3\nrustflags = 3\n"],
)
def test_values_of_another_kind_do_no_harm(rustacean: Patient, config: str) -> None:
    rustacean.has_project(config, linkme="0.3")
    write(rustacean.project, {"Cargo.lock": 'package = ["a", 3]\n'})
    rustacean.doctor()


def test_files_that_are_not_looked_at(rustacean: Patient) -> None:
    rustacean.has_project('include = ["x.toml"]\n' + linked())
    write(rustacean.project, {".cargo/x.toml": ""})
    rustacean.has_only("config-include", "warning")


def test_two_files_of_one_folder(rustacean: Patient) -> None:
    rustacean.has_project(linked())
    write(rustacean.project, {".cargo/config": linked()})
    rustacean.has_only("config-twice", "warning")


def test_emscripten_has_its_own_linker(rustacean: Patient) -> None:
    rustacean.has_project("[target.wasm32-unknown-emscripten]\nrustflags = []\n")
    assert "target-linker-unset" not in rustacean.doctor().ids


SETTINGS = {
    "a table": (linked(), {}),
    "a variable": (linked(), {LINKER: "BIN/wasm-ld"}),
    "a cfg": ("[target.'cfg(all(not(unix), any(target_arch = \"wasm32\", windows)))']\nlinker = \"ldshim\"\n", {}),
    "a cfg of others": ("[target.'cfg(any(unix, target_os = \"wasi\"))']\nlinker = \"ldshim\"\n", {}),
    "a table and a cfg": (linked() + "[target.'cfg(target_arch = \"wasm32\")']\nlinker = \"other\"\n", {}),
    "flags": (linked() + 'rustflags = ["-Clinker=BIN/one", "--codegen", "linker=BIN/two"]\n', {}),
    "flags and a variable": (linked() + 'rustflags = ["-Clinker=BIN/one"]\n', {"RUSTFLAGS": "-C linker=BIN/two"}),
    "flags of the target and of all": (linked() + 'rustflags = ["-g"]\n[build]\nrustflags = ["-Clinker=BIN/one"]\n', {}),
    "flags of all": (linked() + '[build]\nrustflags = "-Clinker=BIN/one  -g"\n', {}),
    "flags of a file and the target's variable": (
        linked() + 'rustflags = ["-Clinker=BIN/one"]\n',
        {"CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": "-Clinker=BIN/two"},
    ),
    "flags of the target and of a cfg": (
        linked() + "rustflags = ['-Clinker=BIN/one']\n[target.'cfg(target_arch = \"wasm32\")']\nrustflags = [\"-Clinker=BIN/two\"]\n",
        {},
    ),
}


@pytest.mark.parametrize(
    ("name", "home"),
    [
        *((name, "") for name in SETTINGS),
        *((name, 'linker = "BIN/three"\n') for name in ("a table", "a cfg", "flags")),
        *((name, 'rustflags = ["-Clinker=BIN/three"]\n') for name in ("a variable", "flags", "flags of all")),
    ],
)
def test_the_linker_is_the_one_that_cargo_has_rustc_take(rustacean: Patient, name: str, home: str) -> None:
    config, environ = SETTINGS[name]
    here = str(rustacean.bin)
    rustacean.has_project(config.replace("BIN", here))
    if home:
        write(rustacean.home, {".cargo/config.toml": f"[target.{UNKNOWN}]\n{home.replace('BIN', here)}"})
    environ = {key: value.replace("BIN", here) for key, value in environ.items()}
    done = rustacean.shell(f"cargo check -v --target {UNKNOWN}", **environ)
    words = shlex.split(next(line for line in done.stderr.splitlines() if "--crate-name app" in line).strip(" `"))
    taken = [word.rpartition("linker=")[2] for word in words if word.startswith(("linker=", "-Clinker=")) and "wasm" not in word.partition("=")[0]]
    targets = rustacean.doctor(**environ).facts("cargo")["targets"]
    assert targets.get(UNKNOWN, {"linker": None})["linker"] == (taken[-1] if taken else None)


# linkme


@pytest.mark.parametrize("lock", [None, "0.3.36"])
def test_linkme_of_the_registry(rustacean: Patient, lock: str | None) -> None:
    rustacean.has_project(linked(), linkme="0.3", lock=lock)
    rustacean.is_cured_of("linkme-unpatched")
    assert f"({rustacean.crate})" in rustacean.shell("cargo tree").stdout


def test_a_lock_that_keeps_linkme(rustacean: Patient) -> None:
    rustacean.has_project(linked() + patched(rustacean), linkme="0.3", lock="0.3.36")
    finding = rustacean.is_cured_of("linkme-locked")
    assert finding["cure"] == [{"kind": "run", "text": "cargo update -p linkme"}]
    assert f'name = "linkme"\nversion = "{VERSION}"\n' in (rustacean.project / "Cargo.lock").read_text()


@pytest.mark.parametrize("lock", [None, "0.3.36"])
def test_a_requirement_that_excludes_the_patch(rustacean: Patient, lock: str | None) -> None:
    rustacean.has_project(linked() + patched(rustacean), linkme="=0.3.36", lock=lock)
    rustacean.is_cured_of("linkme-pinned")


def test_linkme_of_another_series(rustacean: Patient) -> None:
    rustacean.has_project(linked() + patched(rustacean), lock="0.2.10")
    finding = rustacean.has_only("linkme-series")
    assert "cargo tree -i linkme@0.2.10" in finding["cure"][0]["text"]


@pytest.mark.parametrize("there", [None, "0.3.36"])
def test_a_patch_that_leads_elsewhere(rustacean: Patient, there: str | None) -> None:
    if there:
        write(rustacean.folder / "fork", {"Cargo.toml": f'[package]\nname = "linkme"\nversion = "{there}"\n'})
    rustacean.has_project(linked() + f'[patch.crates-io]\nlinkme = {{ path = "{rustacean.folder}/fork" }}\n', linkme="0.3")
    rustacean.is_cured_of("linkme-patch-wrong")


def test_a_patch_of_cargo_toml_that_leads_elsewhere(rustacean: Patient) -> None:
    rustacean.has_project(linked(), linkme="0.3")
    path = rustacean.project / "Cargo.toml"
    path.write_text(path.read_text() + '[patch.crates-io]\nlinkme = { path = "/none" }\n')
    rustacean.is_cured_of("linkme-patch-wrong")


def test_an_installation_without_the_crate(rustacean: Patient, site: Path) -> None:
    own = rustacean.folder / "site"
    shutil.copytree(site / "ldshim", own / "ldshim", ignore=shutil.ignore_patterns("__pycache__", "toolchains"))
    (own / "tomlkit").symlink_to(SITE / "tomlkit")
    (rustacean.site_packages / "site.pth").write_text(f"{own}\n")
    rustacean.has_script("pip", f'[ "$*" = "install --force-reinstall ldshim" ] || exit 3\nln -s {site}/ldshim/toolchains {own}/ldshim\n')
    rustacean.has_project(linked() + patched(rustacean), linkme="0.3")
    rustacean.is_cured_of("crate-missing")


# Link-time optimization

LTO = 'rustflags = ["-Clinker-plugin-lto"]\n'


def llvmlite_of(patient: Patient, llvm: str) -> None:
    """An llvmlite with this LLVM, in the place of the real one, which is the tests' only one."""
    folder = patient.folder / "llvmlites" / "llvmlite" / "binding"
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "__init__.py").write_text('__version__ = "0.1"\n')
    (folder / "__init__.py").write_text(f"llvm_version_info = ({llvm.replace('.', ', ')})\n")
    patient.environ["PYTHONPATH"] = str(folder.parent.parent)


def without_tools_of_rustc(patient: Patient) -> None:
    patient.has_rust_with(UNKNOWN)


def test_whole_program_optimization(healthy: Patient) -> None:
    without_tools_of_rustc(healthy)
    healthy.has_package("llvmlite")
    healthy.has_project(linked() + LTO)
    report = healthy.doctor()
    assert report.findings == []
    assert report.facts("lto")["targets"] == [UNKNOWN]
    assert "through llvmlite, and as bitcode to LLD 22" in report.facts("lto")["bitcode"][str(healthy.bin / "rustc")]


def test_llvmlite_is_missing(healthy: Patient) -> None:
    without_tools_of_rustc(healthy)
    healthy.has_project(linked() + LTO)
    healthy.has_pip_for("install ldshim[lto]", "llvmlite")
    healthy.is_cured_of("lto-lowered", "warning")


@pytest.mark.parametrize("config", ["", '[profile.release]\nlto = "fat"\n', '[build]\nrustflags = ["-Clinker-plugin-lto=no"]\n'])
def test_llvmlite_is_not_missed_where_the_linker_gets_no_bitcode(healthy: Patient, config: str) -> None:
    without_tools_of_rustc(healthy)
    healthy.has_project(linked() + config)
    assert healthy.doctor().findings == []


def test_llvmlite_is_older_than_rustc(healthy: Patient) -> None:
    without_tools_of_rustc(healthy)
    llvmlite_of(healthy, "20.1.8")
    healthy.has_script("pip", f'[ "$*" = "install --upgrade llvmlite" ] || exit 3\nln -sfn {SITE}/llvmlite {healthy.site_packages}/llvmlite\n')
    healthy.has_project(linked() + LTO)
    finding = healthy.has_only("lto-lowered", "warning")
    assert "llvmlite has LLVM 20.1.8" in finding["message"]
    del healthy.environ["PYTHONPATH"]
    assert healthy.doctor(healthy.carry_out(finding)).findings == []


def test_llvmlite_is_newer_than_the_linker(healthy: Patient) -> None:
    without_tools_of_rustc(healthy)
    llvmlite_of(healthy, "23.1.0")
    healthy.has_script("wasm-ld-30", "echo LLD 23.1.0\n")
    healthy.has_project(linked() + LTO)
    healthy.is_cured_of("lto-lowered", "warning")


def test_rustc_is_newer_than_the_linker(healthy: Patient) -> None:
    without_tools_of_rustc(healthy)
    healthy.has_package("llvmlite")
    healthy.has_lld("19")
    healthy.has_lld("22", "wasm-ld-22")
    healthy.has_project(linked() + LTO)
    finding = healthy.is_cured_of("lto-unreadable")
    assert "LLD 19." in finding["message"]


@pytest.mark.parametrize("code", ["raise OSError('no such\\nlibrary')", "import os; os.abort()", "print('hello')", "1/0"])
def test_an_llvmlite_that_cannot_be_loaded(healthy: Patient, code: str) -> None:
    package = healthy.site_packages / "llvmlite"
    package.mkdir()
    (package / "__init__.py").write_text(code)
    line = "install --force-reinstall llvmlite"
    healthy.has_script("pip", f'[ "$*" = "{line}" ] || exit 3\n{tool("rm")} -r {package}\nln -s {SITE}/llvmlite {package}\n')
    healthy.is_cured_of("llvmlite-broken", "warning")


# What it looks like


def on_a_terminal(patient: Patient, **environ: str) -> str:
    reader, writer = pty.openpty()
    with subprocess.Popen(
        [patient.ldshim, "doctor"], cwd=patient.project, env={**patient.environ, **environ}, stdout=writer, stdin=subprocess.DEVNULL
    ) as process:
        os.close(writer)
        text = b""
        while True:
            try:
                data = os.read(reader, 1 << 16)
            except OSError:
                break
            text += data
        process.wait()
    os.close(reader)
    return text.decode()


def test_colors_are_for_terminals(healthy: Patient) -> None:
    assert "\x1b[1;31merror: off\x1b[m: " in on_a_terminal(healthy, TERM="xterm", LDSHIM="off")
    assert "\x1b" not in on_a_terminal(healthy, TERM="dumb")
    assert "\x1b" not in on_a_terminal(healthy, TERM="xterm", NO_COLOR="1")
    assert "\x1b" not in healthy.shell("ldshim doctor", TERM="xterm").stdout
    assert "\x1b" in healthy.shell("ldshim doctor", FORCE_COLOR="1").stdout
    assert "\x1b" not in healthy.shell("ldshim doctor", FORCE_COLOR="1", NO_COLOR="1").stdout


def test_errors_and_warnings_are_counted(healthy: Patient) -> None:
    done = healthy.shell("ldshim doctor", LDSHIM="off", LDSHIM_CACHE="/proc/none", TMPDIR="/none")
    assert done.returncode == 1
    assert done.stdout.endswith("\n2 errors and 1 warning\n")
    assert "\n  error: off: LDSHIM=off is set" in done.stdout
    assert "\n    run: unset LDSHIM\n" in done.stdout


def test_a_reader_that_goes_away_gets_no_complaint(healthy: Patient) -> None:
    done = healthy.shell("ldshim doctor | true")
    assert (done.returncode, done.stderr) == (0, "")


def test_names_that_are_not_text_are_shown(healthy: Patient) -> None:
    folder = os.fsencode(healthy.folder) + b"/\xff"
    os.mkdir(folder)
    os.symlink(WASM_LDS["22"][0], folder + b"/rust-lld")
    path = os.fsdecode(folder) + ":" + healthy.environ["PATH"]
    assert "\\xff/rust-lld" in healthy.shell("ldshim doctor", PATH=path, PYTHONUTF8="1").stdout.replace("\\udcff", "\\xff")
    assert healthy.doctor(PATH=path).facts("linkers")["used"] == os.fsdecode(folder) + "/rust-lld"


def test_help() -> None:
    done = subprocess.run([sys.executable, "-m", "ldshim", "doctor", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--json" in done.stdout


def test_every_finding_is_documented() -> None:
    import re

    code = "".join(path.read_text() for path in (ROOT / "ldshim" / "doctor").glob("*.py"))
    used = set(re.findall(r'(?:error|warning|report)\(\s*"([a-z-]+)"', code)) | set(re.findall(r'name = "([a-z-]+)"', code))
    used |= {f"{program}-{what}" for program in ("rustc", "cargo") for what in ("missing", "broken")}
    documented = re.findall(r"(?m)^\| `([a-z-]+)` \| [EW]", (ROOT / "docs" / "doctor.md").read_text())
    assert sorted(documented) == sorted(used)
