"""`ldshim init` on real cargo projects, and what cargo then makes of them.

The installation that runs is a copy of the package with a small linkme in the place where a wheel has it, so that cargo
needs nothing from the network.  What is installed of rustc is made up, too.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ldshim.init import edit
from ldshim.init.config import Config, loads
from ldshim.init.files import InitError, digest, replace_files
from ldshim.init.patch import PATCH, _allows
from ldshim.init.record import Record, _reverse, _reversed
from tests.rust import RUST

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(sys.executable).parent
LDSHIM = str(SCRIPTS / "ldshim")
VERSION = "0.3.999"
UNKNOWN = "wasm32-unknown-unknown"
RECORD = ".cargo/ldshim-init.json"

CRATE = {
    "Cargo.toml": f"""\
[package]
name = "linkme"
version = "{VERSION}"
edition = "2021"
[dependencies]
linkme-impl = {{ path = "impl", version = "={VERSION}" }}
[workspace]
members = ["impl"]
""",
    "src/lib.rs": "pub fn f() {}\n",
    "impl/Cargo.toml": f'[package]\nname = "linkme-impl"\nversion = "{VERSION}"\nedition = "2021"\n',
    "impl/src/lib.rs": "",
    "Cargo.lock": "",
    "target/debug/junk": "",
    "impl/target/junk": "",
}

RUSTC = """\
#!/bin/sh
case "$1" in
-vV) printf 'rustc 1.95.0 (made up)\\nhost: x86_64-unknown-linux-gnu\\n' ;;
--print) echo "SYSROOT" ;;
esac
"""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the copy of the package is."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "ldshim", folder / "ldshim", ignore=shutil.ignore_patterns("__pycache__"))
    write(folder / "ldshim" / "toolchains" / "rust" / "linkme", CRATE)
    return folder


class Project:
    """A package `app` that uses linkme, in `root`."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.root = folder / "app"
        self.config = self.root / ".cargo" / "config.toml"
        self.record = self.root / RECORD
        self.crate = site / "ldshim" / "toolchains" / "rust" / "linkme"
        self.sysroot = folder / "sysroot"
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LDSHIM", "CARGO", "RUST"))},
            **({"RUSTUP_HOME": os.environ["RUSTUP_HOME"]} if "RUSTUP_HOME" in os.environ else {}),
            "CARGO_HOME": str(folder / "home"),
            "PYTHONPATH": str(site),
            "PATH": os.pathsep.join([str(SCRIPTS), str(RUST / "bin"), os.environ["PATH"]]),
        }
        write(self.root, {"Cargo.toml": self.manifest("0.3"), "src/main.rs": "fn main() {}\n"})
        write(folder, {"rustc": RUSTC.replace("SYSROOT", str(self.sysroot))})
        (folder / "rustc").chmod(0o755)
        self.rustc = str(folder / "rustc")
        self.install(UNKNOWN)

    @staticmethod
    def manifest(linkme: str) -> str:
        return f'[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\nlinkme = "{linkme}"\n'

    def install(self, *targets: str) -> None:
        """Make these the installed targets."""
        shutil.rmtree(self.sysroot, ignore_errors=True)
        for target in ("x86_64-unknown-linux-gnu", *targets):
            (self.sysroot / "lib" / "rustlib" / target / "lib").mkdir(parents=True)

    def write_config(self, text: str) -> str:
        write(self.root, {".cargo/config.toml": text})
        return text

    def lock(self, *versions: str) -> None:
        """Write a Cargo.lock with these versions of linkme from the registry."""
        source = self.cargo_json("metadata", "--no-deps", "--offline", "--format-version", "1")["packages"][0]["dependencies"][0]["source"]
        entries = [f'[[package]]\nname = "linkme"\nversion = "{v}"\nsource = "{source}"\nchecksum = "{"0" * 64}"\n' for v in versions]
        own = '[[package]]\nname = "app"\nversion = "0.1.0"\n' + ('dependencies = [\n "linkme",\n]\n' if versions else "")
        write(self.root, {"Cargo.lock": "\n".join(["version = 4\n", own, *entries])})

    def run(self, *words: str | Path, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ldshim", "init", *map(str, words)]
        environment = {**self.environ, "RUSTC": self.rustc, **environ}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=cwd or self.root, env=environment, stdin=subprocess.DEVNULL
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def init(self, *words: str | Path, **kwargs: Any) -> str:
        """Run with --yes; returns the output."""
        done = self.run("--yes", *words, **kwargs)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def fails(self, *words: str | Path, **kwargs: Any) -> str:
        """Run with --yes; returns the message with which it fails."""
        done = self.run("--yes", *words, **kwargs)
        assert done.returncode == 1, done.stdout
        assert done.stderr.startswith("ldshim init: ")
        return done.stderr.removeprefix("ldshim init: ")

    def data(self) -> dict[str, Any]:
        return loads(self.config.read_text())

    def cargo(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["cargo", *words], capture_output=True, text=True, check=False, cwd=cwd or self.root, env=self.environ)

    def cargo_json(self, *words: str) -> Any:
        done = self.cargo(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def linkme(self) -> str:
        """The folder from which cargo takes linkme."""
        done = self.cargo("tree", "--offline", "-p", "linkme", "--depth", "0", "--prefix", "none")
        assert (done.returncode, "not used" in done.stderr) == (0, False), done.stderr
        return done.stdout.partition("(")[2].strip(" )\n")

    def rustc_words(self, target: str) -> str:
        """The command line that cargo gives rustc for the program."""
        done = self.cargo("build", "-v", "--offline", "--target", target)
        return next(line for line in done.stderr.splitlines() if "Running" in line and "--crate-name app" in line)

    def files(self) -> dict[str, bytes]:
        paths = [path for path in self.root.rglob("*") if path.is_file()]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def project(tmp_path: Path, site: Path) -> Project:
    return Project(tmp_path, site)


# What it writes


def test_cargo_takes_linkme_from_ldshim(project: Project) -> None:
    project.init()
    assert project.linkme() == str(project.crate)


def test_cargo_gives_rustc_ldshim_as_the_linker(project: Project) -> None:
    project.init()
    assert "-C linker=ldshim " in project.rustc_words(UNKNOWN)


def test_a_component_keeps_its_linker_and_gets_another_wasm_ld(project: Project) -> None:
    project.init("--target", "wasm32-wasip2")
    words = project.rustc_words("wasm32-wasip2")
    assert f"-C link-arg=--wasm-ld-path={LDSHIM}" in words
    assert "linker=" not in words


def test_the_files_are_those_that_the_diff_shows(project: Project) -> None:
    output = project.init()
    shown = [line[1:] for line in output.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert shown == project.config.read_text().splitlines()
    assert "--- /dev/null\n+++ b/.cargo/config.toml\n" in output


def test_cargo_toml_stays_as_it_is(project: Project) -> None:
    before = project.files()
    project.init()
    assert {name: project.files()[name] for name in before} == before


def test_comments_and_formatting_stay(project: Project) -> None:
    before = project.write_config("# mine\n[build]   # here\njobs    = 1\n\n[target.x86_64-unknown-linux-gnu]\nlinker='cc' # quoted\n")
    project.init()
    assert project.config.read_text().startswith(before)


def test_a_second_run_has_nothing_to_do(project: Project) -> None:
    project.init()
    before = project.files()
    assert "Nothing to do: the project is set up." in project.init()
    assert project.files() == before


def test_it_is_written_beside_the_workspaces_manifest(project: Project) -> None:
    write(project.root.parent, {"Cargo.toml": '[workspace]\nmembers = ["app"]\nresolver = "2"\n'})
    project.init(cwd=project.root / "src")
    assert (project.root.parent / ".cargo" / "config.toml").exists()
    assert not project.config.exists()
    assert project.linkme() == str(project.crate)


def test_a_workspace_is_found_without_cargo(project: Project) -> None:
    write(project.root.parent, {"Cargo.toml": '[workspace]\nmembers = ["app"]\n'})
    project.init(PATH=str(SCRIPTS))
    assert (project.root.parent / ".cargo" / "config.toml").exists()


def test_the_project_can_be_named(project: Project) -> None:
    project.init(project.root, cwd=project.root.parent)
    assert project.config.exists()


def test_a_project_behind_a_symbolic_link_is_the_one_it_links_to(project: Project, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project.root)
    project.write_config("[build]\njobs = 1\n")
    output = project.init(tmp_path / "link")
    assert f"config    {project.config}\n" in output
    assert "cargo does not read" not in output


def test_crlf_line_ends_stay(project: Project) -> None:
    project.write_config('[build]\r\njobs = 1\r\n[target.wasm32-unknown-unknown]\r\nlinker = "x"\r\n')
    output = project.init()
    raw = project.config.read_bytes()
    assert raw.count(b"\n") == raw.count(b"\r\n") > 5
    assert "\r" not in output


def test_the_byte_order_mark_stays(project: Project) -> None:
    project.write_config("\ufeff[build]\njobs = 1\n")
    project.init()
    assert project.config.read_bytes().startswith(b"\xef\xbb\xbf[build]")
    assert project.linkme() == str(project.crate)


def test_the_files_mode_stays(project: Project) -> None:
    project.write_config("")
    project.config.chmod(0o640)
    project.init()
    assert project.config.stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_stays_one(project: Project) -> None:
    write(project.root, {"shared/cargo.toml": "[build]\n", ".cargo/x": ""})
    project.config.symlink_to("../shared/cargo.toml")
    project.init()
    assert project.config.is_symlink()
    assert "linkme" in (project.root / "shared" / "cargo.toml").read_text()


def test_the_old_name_of_the_configuration_is_used_where_it_is_there(project: Project) -> None:
    write(project.root, {".cargo/config": "[build]\njobs = 1\n"})
    project.init()
    assert not project.config.exists()
    assert project.linkme() == str(project.crate)


def test_the_crate_of_the_checkout_is_copied_as_cargo_needs_it(project: Project) -> None:
    project.init("--vendor", PYTHONPATH=str(ROOT))
    copied = set(os.listdir(project.root / "vendor" / "linkme"))
    assert {"impl", "rules"} < copied
    assert not {"target", "Cargo.lock"} & copied
    # What it depends on is not in this checkout, and may not be in the test's own CARGO_HOME.
    del project.environ["CARGO_HOME"]
    done = project.cargo("tree", "-p", "linkme", "--depth", "0")
    assert f"({project.root}/vendor/linkme)" in done.stdout, done.stderr


def test_the_crate_of_a_checkout_is_named_where_it_is(project: Project) -> None:
    project.init(PYTHONPATH=str(ROOT))
    assert project.data()["patch"]["crates-io"]["linkme"] == {"path": str(ROOT / "toolchains" / "rust" / "linkme")}


# How it spells ldshim


def test_ldshim_is_named_where_it_is_on_path(project: Project) -> None:
    project.init()
    assert project.data()["target"][UNKNOWN]["linker"] == "ldshim"


def test_ldshim_is_a_path_where_another_one_is_on_path(project: Project, tmp_path: Path) -> None:
    write(tmp_path, {"bin/ldshim": "#!/bin/sh\n"})
    (tmp_path / "bin" / "ldshim").chmod(0o755)
    project.init(PATH=os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]]))
    assert project.data()["target"][UNKNOWN]["linker"] == LDSHIM


def test_absolute_writes_a_path_also_later(project: Project) -> None:
    project.init()
    project.init("--absolute")
    assert project.data()["target"][UNKNOWN]["linker"] == LDSHIM


def test_a_path_of_ldshim_is_as_good_as_its_name(project: Project) -> None:
    project.init("--absolute")
    assert "Nothing to do" in project.init()


# Which targets


def targets_of(project: Project, *words: str, **environ: str) -> set[str]:
    project.init(*words, **environ)
    return set(project.data()["target"])


def test_the_installed_and_the_configured_targets_are_set_up(project: Project) -> None:
    project.install("wasm32v1-none")
    project.write_config('[build]\ntarget = ["wasm32-wasip1-threads", "x86_64-unknown-linux-gnu"]\n')
    assert targets_of(project, CARGO_BUILD_TARGET=UNKNOWN) == {"wasm32v1-none", "wasm32-wasip1-threads", UNKNOWN}


def test_the_configuration_of_a_parent_directory_counts(project: Project) -> None:
    project.install()
    write(project.root.parent, {".cargo/config.toml": '[build]\ntarget = "wasm32-wali-linux-musl"\n'})
    assert targets_of(project) == {"wasm32-wali-linux-musl"}


def test_named_targets_are_the_only_ones(project: Project) -> None:
    assert targets_of(project, "--target", "wasm32-wasip1", "--target=wasm64-unknown-unknown") == {
        "wasm32-wasip1",
        "wasm64-unknown-unknown",
    }


def test_without_any_target_the_usual_ones_are_set_up(project: Project) -> None:
    project.install()
    output = project.init()
    assert set(project.data()["target"]) == {UNKNOWN, "wasm32-wasip1"}
    assert "not installed: rustup target add wasm32-wasip1" in output


def test_a_later_run_keeps_the_targets_of_the_first(project: Project) -> None:
    project.init()
    assert targets_of(project, "--target", "wasm32-wasip1") == {UNKNOWN, "wasm32-wasip1"}


def test_emscripten_has_its_own_linker(project: Project) -> None:
    output = project.init("--target", "wasm32-unknown-emscripten")
    assert "wasm32-unknown-emscripten is linked by emcc" in output
    assert "Nothing to do" in output
    assert not project.config.exists()


@pytest.mark.parametrize("target", ["x86_64-unknown-linux-gnu", "wasm32", 'wasm32-"x"', "wasm.json"])
def test_another_target_is_refused(project: Project, target: str) -> None:
    assert f"--target {target}: not the name of a WebAssembly target" in project.fails("--target", target)


# What is there already


def test_another_linker_is_shown_replaced_and_given_back(project: Project) -> None:
    before = project.write_config(f"[target.{UNKNOWN}]\nlinker = 'other' # for a reason\n")
    output = project.init()
    assert f"the linker of {UNKNOWN} is 'other' now; it is replaced" in output
    assert "-linker = 'other' # for a reason\n+linker = \"ldshim\" # for a reason\n" in output
    project.init("--undo")
    assert project.config.read_text() == before


def test_a_patch_in_cargo_toml_is_left_alone_and_no_second_one_written(project: Project) -> None:
    write(project.root, {"Cargo.toml": project.manifest("0.3") + '\n[patch.crates-io]\nlinkme = { path = "mine" }\n'})
    write(project.root / "mine", CRATE)
    output = project.init("--vendor")
    assert "Cargo.toml has a [patch.crates-io] linkme: no second one is written" in output
    assert set(project.data()) == {"target"}
    assert not (project.root / "vendor").exists()
    assert project.linkme() == str(project.root / "mine")


def test_another_patch_is_replaced_and_given_back(project: Project) -> None:
    before = project.write_config('[patch.crates-io.linkme]\ngit = "g"\nbranch = "b" # mine\n')
    assert "linkme is patched already, by {'git': 'g', 'branch': 'b'}; that is replaced" in project.init()
    assert project.linkme() == str(project.crate)
    project.init("--undo")
    assert project.config.read_text() == before


def test_a_patch_of_a_parent_directory_that_cargo_would_mix_is_left_alone(project: Project) -> None:
    write(project.root.parent, {".cargo/config.toml": '[patch.crates-io]\nlinkme = { git = "g" }\n'})
    assert "which cargo would mix with another: none is written" in project.init()
    assert "patch" not in project.data()


def test_linkers_that_override_are_named(project: Project) -> None:
    write(project.root, {"src/.cargo/config.toml": f'target.{UNKNOWN}.linker = "inner"\n'})
    write(project.root.parent, {".cargo/config.toml": f'target.{UNKNOWN}.linker = "outer"\n'})
    output = project.init(cwd=project.root / "src", CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="env")
    assert "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER is set, to 'env': it overrides the file" in output
    assert re.search(r"'inner': it overrides the project's", output)
    assert re.search(r"'outer': the project's overrides it", output)


@pytest.mark.parametrize(("before", "after"), [('["-O"]', ["-O", "-C", "X"]), ('"-O  -g"', "-O -g -C X"), ('["-CX/other"]', ["-CX"])])
def test_rustflags_of_a_component_are_extended(project: Project, before: str, after: list[str] | str) -> None:
    word = f"link-arg=--wasm-ld-path={LDSHIM}"
    old = project.write_config(f"[target.wasm32-wasip2]\nrustflags = {before.replace('X/other', 'link-arg=--wasm-ld-path=/other')}\n")
    project.init("--target", "wasm32-wasip2")
    expected = after.replace("X", word) if isinstance(after, str) else [flag.replace("X", word) for flag in after]
    assert project.data()["target"]["wasm32-wasip2"]["rustflags"] == expected
    assert "Nothing to do" in project.init("--target", "wasm32-wasip2")
    project.init("--undo")
    assert project.config.read_text() == old


def test_rustflags_of_all_targets_reach_a_component_as_before(project: Project) -> None:
    project.write_config('[build]\nrustflags = ["--cfg", "mine"]\n')
    assert "build.rustflags are repeated for wasm32-wasip2" in project.init("--target", "wasm32-wasip2")
    assert "--cfg mine -C link-arg=--wasm-ld-path=" in project.rustc_words("wasm32-wasip2")


def test_rustflags_in_the_environment_override_a_components(project: Project) -> None:
    assert "RUSTFLAGS is set: cargo takes it instead" in project.init("--target", "wasm32-wasip2", RUSTFLAGS="-g")


def test_included_files_are_named_as_not_looked_at(project: Project) -> None:
    project.write_config('include = ["other.toml"]\n')
    assert "includes other files, which are not looked at" in project.init(PATH=str(SCRIPTS))
    assert project.data()["include"] == ["other.toml"]


# What it says


def test_it_says_what_it_found(project: Project) -> None:
    project.install(UNKNOWN, "wasm32-wasip1")
    project.write_config("")
    project.lock("0.3.35")
    output = project.init(LDSHIM_LINKER="/bin/true")
    assert output.startswith(
        f"project   {project.root}\n"
        f"rustc     1.95.0 (made up), {project.rustc}, sysroot {project.sysroot}\n"
        f"targets   {UNKNOWN}\n"
        "          wasm32-wasip1\n"
        f"config    {project.config}\n"
        "linker    ldshim, which runs /bin/true\n"
        "linkme    0.3.35 in Cargo.lock\n"
    )


def test_the_linker_of_rustc_is_found_where_rustc_has_it(project: Project) -> None:
    tools = project.sysroot / "lib" / "rustlib" / "x86_64-unknown-linux-gnu" / "bin"
    tools.mkdir()
    (tools / "rust-lld").symlink_to("/bin/true")
    assert f"linker    ldshim, which runs {tools}/rust-lld\n" in project.init()


def test_it_works_without_rustc_cargo_and_linker(project: Project) -> None:
    output = project.init(PATH="/nowhere", RUSTC="nothing", LDSHIM_LINKER="/nowhere/lld")
    assert "rustc     none that runs\n" in output
    assert "linker    ldshim, but: LDSHIM_LINKER: /nowhere/lld does not exist\n" in output
    assert project.config.exists()


@pytest.mark.parametrize("version", ["0.3.35", "0.3.37"])
def test_another_locked_version_hides_the_patch_until_the_named_command(project: Project, version: str) -> None:
    project.lock(version)
    output = project.init()
    assert f"Cargo.lock has linkme {version}, ldshim's is {VERSION}: cargo ignores the patch, with a warning" in output
    # With the network it would be a warning; here the locked one cannot be had.
    assert f"(locked to {version})" in project.cargo("tree", "--offline").stderr
    command = re.search(r"\n  cargo (update -p linkme)\n", output)
    assert command is not None
    project.cargo(*command[1].split(), "--offline")
    assert project.linkme() == str(project.crate)


def test_a_lock_that_has_the_patch_needs_no_word(project: Project) -> None:
    project.init()
    project.linkme()
    project.record.unlink()
    project.config.unlink()
    output = project.init()
    assert f"linkme    {VERSION} (of a path) in Cargo.lock\n" in output
    assert "Cargo.lock" not in output.partition("in Cargo.lock")[2]


def test_the_command_names_the_version_where_there_are_two(project: Project) -> None:
    project.lock("0.2.10", "0.3.35")
    output = project.init()
    assert "\n  cargo update -p linkme@0.3.35\n" in output
    assert f"Cargo.lock has linkme 0.2.10, which no patch with {VERSION} replaces" in output


def test_a_requirement_that_excludes_the_patch_is_named(project: Project) -> None:
    write(project.root, {"Cargo.toml": project.manifest("=0.3.36")})
    assert f"app asks for linkme =0.3.36, which ldshim's {VERSION} is not" in project.init()


def test_a_project_without_linkme_is_told_of_cargos_warning(project: Project) -> None:
    write(project.root, {"Cargo.toml": project.manifest("0.3").replace("linkme", "# linkme")})
    write(project.root, {"Cargo.lock": 'version = 4\n\n[[package]]\nname = "app"\nversion = "0.1.0"\n'})
    assert "nothing uses linkme yet: until something does, cargo warns" in project.init()
    assert "was not used in the crate graph" in project.cargo("tree", "--offline").stderr


def test_the_help_has_an_example(project: Project) -> None:
    assert "examples:\n  $ cd my-project && ldshim init\n" in project.run("--help").stdout


@pytest.mark.parametrize(
    ("requirement", "allowed"),
    [
        ("^0.3.36", True), ("^0.3.37", False), ("^0.3", True), ("^0", True), ("^0.2", False), ("^1.0", False), ("=0.3.36", True),
        ("=0.3.35", False), ("~0.3.30", True), ("~0.2", False), (">=0.3.30, <0.3.36", False), (">0.3", False), (">0.3.35", True),
        ("<=0.3", True), ("<0.4", True), ("0.3.*", True), ("0.2.*", False), ("*", True), ("^0.3.37-alpha", True),
    ],
)  # fmt: skip
def test_requirements_are_read_as_cargo_reads_them(requirement: str, allowed: bool) -> None:
    assert _allows(requirement, "0.3.36") is allowed


# Asking


def on_terminal(project: Project, answer: str, *words: str) -> tuple[int, str]:
    """Run with a terminal and answer the question; returns the status and the output."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(project.root)
        os.execve(sys.executable, [sys.executable, "-m", "ldshim", "init", *words], {**project.environ, "RUSTC": project.rustc})
    output = b""
    while b"[y/N] " not in output:
        output += os.read(terminal, 4096)
    os.write(terminal, answer.encode())
    try:
        while piece := os.read(terminal, 4096):
            output += piece
    except OSError:
        pass  # how Linux says that the other side is closed
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), output.decode()


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"])
def test_nothing_is_written_without_a_yes(project: Project, answer: str) -> None:
    before = project.files()
    status, output = on_terminal(project, answer)
    assert (status, project.files()) == (1, before)
    assert output.index("+linker") < output.index("Write this? [y/N] ") < output.index("Nothing written.")


def test_it_is_written_and_undone_after_a_yes(project: Project) -> None:
    before = project.files()
    assert on_terminal(project, "y\n")[0] == 0
    assert project.config.exists()
    status, output = on_terminal(project, "yes\n", "--undo")
    assert (status, project.files()) == (0, before)
    assert "Undo this? [y/N] " in output


def test_without_a_terminal_the_diff_is_shown_and_how_to_write_it(project: Project) -> None:
    before = project.files()
    done = project.run()
    assert done.returncode == 1
    assert f"+[target.{UNKNOWN}]\n" in done.stdout
    assert done.stderr == (
        "ldshim init: nothing written: there is no terminal to ask on; `ldshim init --yes`, with the same options, writes it\n"
    )
    assert project.files() == before


def test_a_dry_run_only_shows(project: Project) -> None:
    before = project.files()
    done = project.run("--dry-run", "--vendor")
    assert (done.returncode, done.stderr) == (0, "")
    assert "create vendor/linkme/ (4 files)\n" in done.stdout
    assert project.files() == before
    project.init()
    before = project.files()
    assert project.run("--dry-run", "--undo").returncode == 0
    assert project.files() == before


# A copy of the crate


def test_a_vendored_crate_is_the_one_that_cargo_takes(project: Project) -> None:
    project.init("--vendor")
    assert project.data()["patch"]["crates-io"]["linkme"] == {"path": "vendor/linkme"}
    assert project.linkme() == str(project.root / "vendor" / "linkme")
    copied = {name.removeprefix("vendor/linkme/") for name in project.files() if name.startswith("vendor/")}
    assert copied == {name for name in CRATE if "target" not in name and name != "Cargo.lock"}


def test_a_vendored_crate_works_in_a_workspace(project: Project) -> None:
    write(project.root.parent, {"Cargo.toml": '[workspace]\nmembers = ["app"]\nresolver = "2"\n'})
    project.init("--vendor=third-party/a/linkme")
    assert project.linkme() == str(project.root.parent / "third-party" / "a" / "linkme")


def test_a_vendored_crate_must_not_become_a_member_of_the_workspace(project: Project) -> None:
    write(project.root, {"Cargo.toml": project.manifest("0.3") + '\n[workspace]\nmembers = ["vendor/*"]\n'})
    assert "workspace.members has 'vendor/*'" in project.fails("--vendor")
    write(project.root, {"Cargo.toml": (project.root / "Cargo.toml").read_text() + 'exclude = ["vendor/linkme"]\n'})
    project.init("--vendor")
    assert project.linkme() == str(project.root / "vendor" / "linkme")


def test_a_vendored_crate_stays_in_use(project: Project) -> None:
    project.init("--vendor")
    assert "Nothing to do" in project.init("--vendor")
    assert "Nothing to do" in project.init()


def test_a_project_can_change_to_a_vendored_crate_and_undo_both(project: Project) -> None:
    before = project.files()
    project.init()
    project.init("--vendor")
    assert project.linkme() == str(project.root / "vendor" / "linkme")
    project.init("--undo")
    (project.root / "Cargo.lock").unlink()
    assert project.files() == before


def test_a_vendored_crate_that_ldshim_has_changed_since_is_updated(project: Project) -> None:
    project.init("--vendor")
    record = json.loads(project.record.read_text())
    record["copy"]["files"]["src/lib.rs"] = digest(b"old")
    record["copy"]["files"]["src/gone.rs"] = digest(b"")
    project.record.write_text(json.dumps(record))
    write(project.root / "vendor" / "linkme", {"src/lib.rs": "old", "src/gone.rs": ""})
    assert "update vendor/linkme/" in project.init("--vendor")
    assert (project.root / "vendor/linkme/src/lib.rs").read_text() == CRATE["src/lib.rs"]
    assert not (project.root / "vendor/linkme/src/gone.rs").exists()


def test_a_folder_of_others_is_not_overwritten(project: Project) -> None:
    write(project.root, {"vendor/linkme/Cargo.toml": "mine"})
    before = project.files()
    assert "exists and is not ldshim's linkme as it was copied" in project.fails("--vendor")
    assert project.files() == before


@pytest.mark.parametrize("place", ["../outside", "/outside", "."])
def test_a_vendored_crate_has_to_be_inside_of_the_project(project: Project, place: str) -> None:
    assert f"--vendor {place}: has to be a folder inside of the project" in project.fails(f"--vendor={place}")


def test_a_second_copy_is_refused(project: Project) -> None:
    project.init("--vendor")
    assert "linkme is in vendor/linkme already; ldshim init --undo first" in project.fails("--vendor=other")


def test_undo_removes_a_vendored_crate_and_the_folders_around_it(project: Project) -> None:
    before = project.files()
    project.init("--vendor=a/b/linkme")
    assert "remove a/b/linkme/\n" in project.init("--undo")
    assert project.files() == before
    assert not (project.root / "a").exists()


def test_undo_leaves_folders_with_other_things(project: Project) -> None:
    project.init("--vendor")
    write(project.root, {"vendor/other": ""})
    project.init("--undo")
    assert os.listdir(project.root / "vendor") == ["other"]


def test_undo_leaves_a_vendored_crate_that_was_changed(project: Project) -> None:
    project.init("--vendor")
    write(project.root, {"vendor/linkme/src/lib.rs": "mine"})
    assert "vendor/linkme/ stays, it was changed since it was copied: src/lib.rs\n" in project.init("--undo")
    assert (project.root / "vendor/linkme/src/lib.rs").read_text() == "mine"
    assert not project.config.exists()


# Undo


def test_undo_without_anything_to_undo(project: Project) -> None:
    assert project.init("--undo").startswith("Nothing to undo: ")


def test_undo_removes_what_was_created(project: Project) -> None:
    project.init()
    project.init("--undo")
    assert not project.config.parent.exists()


def test_undo_works_from_a_folder_in_the_project(project: Project) -> None:
    project.init()
    project.init("--undo", cwd=project.root / "src")
    assert not project.config.parent.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# no line end",
        "[build]\r\njobs = 1\r\n",
        "[build]\njobs = 1\r\n\n\n",
        "\ufeff# x\n",
        "[patch.crates-io]\nx = { path = 'x' }",
    ],
)
def test_undo_gives_back_the_very_bytes(project: Project, text: str) -> None:
    project.write_config(text)
    project.init(PATH=str(SCRIPTS))
    project.init("--target", "wasm32-wasip2", PATH=str(SCRIPTS))
    project.init("--undo")
    assert project.config.read_bytes() == text.encode()
    assert os.listdir(project.config.parent) == ["config.toml"]


def test_undo_keeps_what_the_user_has_added_since(project: Project) -> None:
    before = project.write_config("[build]\njobs = 1\n")
    project.init()
    added = '\n[env]\nX = "1"  # mine\n'
    project.config.write_text(project.config.read_text() + added)
    project.init("--undo")
    assert project.config.read_text() == before + added


def test_undo_keeps_what_the_user_has_added_to_a_table_of_ours(project: Project) -> None:
    project.init()
    text = project.config.read_text()
    project.config.write_text(text.replace('linker = "ldshim"\n', 'linker = "ldshim"\nrunner = "wasmtime" # mine\n'))
    project.init("--undo")
    assert project.config.read_text().strip() == f'[target.{UNKNOWN}]\nrunner = "wasmtime" # mine'


def test_undo_keeps_a_linker_that_the_user_has_set_since(project: Project) -> None:
    project.init()
    project.config.write_text(project.config.read_text().replace('"ldshim"', '"mine"'))
    assert f"target.{UNKNOWN}.linker is not what ldshim init wrote, so it stays" in project.init("--undo")
    assert project.data() == {"target": {UNKNOWN: {"linker": "mine"}}}


def test_undo_gives_back_a_replaced_linker_in_a_changed_file(project: Project) -> None:
    project.write_config(f'[target.{UNKNOWN}]\nlinker = "other"\n')
    project.init()
    project.config.write_text("# new\n" + project.config.read_text())
    project.init("--undo")
    assert project.data() == {"target": {UNKNOWN: {"linker": "other"}}}
    assert project.config.read_text().startswith("# new\n")


@pytest.mark.parametrize(("flags", "left"), [('["-g", "-C", X, "-O"]', ["-g", "-O"]), ('["-C", X]', None), ('["-g"]', ["-g"])])
def test_undo_takes_its_own_rustflags_only(project: Project, flags: str, left: list[str] | None) -> None:
    project.write_config('[target.wasm32-wasip2]\nrustflags = ["-Z"]\n' if left else "")
    project.init("--target", "wasm32-wasip2")
    flags = flags.replace("X", f'"link-arg=--wasm-ld-path={LDSHIM}"')
    project.config.write_text(f"[target.wasm32-wasip2]\nrustflags = {flags}\n")
    project.init("--undo")
    assert project.data() == ({"target": {"wasm32-wasip2": {"rustflags": left}}} if left else {})


def test_undo_after_two_runs_and_a_change_between_them(project: Project) -> None:
    project.write_config("[build]\njobs = 1\n")
    project.init()
    project.config.write_text(project.config.read_text() + "\n[net]\nretry = 1\n")
    project.init("--target", "wasm32-wasip1")
    project.init("--undo")
    assert project.config.read_text() == "[build]\njobs = 1\n\n[net]\nretry = 1\n"


def test_undo_of_two_runs_with_the_same_key_goes_back_to_before_the_first(project: Project) -> None:
    project.write_config(f'[target.{UNKNOWN}]\nlinker = "other"\n')
    project.init()
    project.init("--absolute")
    project.config.write_text("# new\n" + project.config.read_text())
    project.init("--undo")
    assert project.config.read_text() == f'# new\n[target.{UNKNOWN}]\nlinker = "other"\n'


def test_undo_gives_back_a_replaced_wasm_ld_in_a_changed_file(project: Project) -> None:
    before = project.write_config('[target.wasm32-wasip2]\nrustflags = ["-Clink-arg=--wasm-ld-path=/other"]\n')
    project.init("--target", "wasm32-wasip2")
    flags = before.replace("/other", LDSHIM).replace('["-C', '["-g", "-C')
    project.config.write_text(flags)
    project.init("--undo")
    assert project.data()["target"]["wasm32-wasip2"]["rustflags"] == ["-g", "-Clink-arg=--wasm-ld-path=/other"]


def test_undo_removes_a_file_that_it_created_and_that_is_blank_without_its_keys(project: Project) -> None:
    project.init()
    project.config.write_text(project.config.read_text() + "\n")
    project.init("--undo")
    assert not project.config.parent.exists()


def test_undo_keeps_a_comment_in_a_table_of_ours(project: Project) -> None:
    project.init()
    project.config.write_text(project.config.read_text().replace('linker = "ldshim"\n', '# mine\nlinker = "ldshim"\n'))
    project.init("--undo")
    assert project.config.read_text().strip() == f"[target.{UNKNOWN}]\n# mine"


def test_undo_where_the_user_has_removed_the_file(project: Project) -> None:
    project.init("--vendor")
    project.config.unlink()
    project.init("--undo")
    assert not project.config.parent.exists()
    assert not (project.root / "vendor").exists()


def test_the_record_does_not_repeat_the_configuration(project: Project) -> None:
    project.write_config('[http]\nproxy = "secret"\n')
    project.init()
    assert "secret" not in project.record.read_text()


def test_cargo_takes_linkme_from_where_it_was_after_undo(project: Project) -> None:
    project.init()
    project.linkme()
    project.init("--undo")
    # Nothing but ldshim's crate can be had in this test.
    assert "no matching package named `linkme` found" in project.cargo("tree", "--offline").stderr


# Errors


def test_a_folder_that_is_no_project(project: Project, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert f"no Cargo.toml in {tmp_path}/empty or above it" in project.fails(cwd=tmp_path / "empty")
    assert "nowhere: no such directory" in project.fails("nowhere")


def test_what_cargo_says_of_a_broken_manifest_is_passed_on(project: Project) -> None:
    write(project.root, {"Cargo.toml": '[package]\nname = "a b"\n[workspace]\nmembers = 1\n'})
    assert "cargo does not accept the project in" in project.fails()


def test_broken_toml_is_shown(project: Project) -> None:
    project.write_config("[build]\njobs = = 1\n")
    message = project.fails()
    assert message.startswith(f"{project.config} is not valid TOML: ")
    assert "line 2" in message
    assert message.endswith("\n  jobs = = 1\n")


def test_a_configuration_that_is_not_utf_8(project: Project) -> None:
    project.write_config("")
    project.config.write_bytes(b"# ok\n# \xff\n")
    assert project.fails() == f"{project.config}, line 2: not UTF-8, which TOML has to be\n"


def test_a_configuration_that_is_a_directory(project: Project) -> None:
    project.config.mkdir(parents=True)
    assert project.fails() == f"cannot read {project.config}: Is a directory\n"


def test_a_cargo_directory_that_is_a_file(project: Project) -> None:
    write(project.root, {".cargo": ""})
    assert project.fails() == f"{project.root}/.cargo: File exists\n"


def test_a_damaged_record(project: Project) -> None:
    project.init()
    for damaged in ("{", "[]", "{}", '{"ldshim": 1, "new": 2}'):
        project.record.write_text(damaged)
        assert "ldshim-init.json, where ldshim init keeps what it did, is damaged" in project.fails()


def test_a_directory_that_cannot_be_written_to(project: Project) -> None:
    project.write_config("")
    project.config.parent.chmod(0o555)
    before = project.files()
    command = [sys.executable, "-m", "ldshim", "init", "--yes", "--vendor"]
    if os.geteuid() == 0:  # whom modes do not bind, unless it gives that up
        command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", *command]
    environ = {**project.environ, "RUSTC": project.rustc}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=project.root, env=environ)
    assert done.returncode == 1
    assert re.match(r"ldshim init: cannot write .*/\.cargo/.*: Permission denied\n$", done.stderr), done.stderr
    assert project.files() == before
    assert not (project.root / "vendor").exists()


def test_a_copy_that_cannot_be_made_leaves_nothing_behind(project: Project) -> None:
    write(project.root, {"vendor": ""})
    assert f"{project.root}/vendor" in project.fails("--vendor")
    assert not project.config.parent.exists()


def test_an_edit_that_would_change_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit, "_with_tomlkit", lambda *_: 'target = { x = { linker = "ldshim" } }\n')
    with pytest.raises(InitError, match=r'c: cannot set this .* please do it by hand\n  target\.x\.linker = "ldshim"'):
        edit.with_value("c", 'target = { y = { linker = "y" } }\n', ("target", "x", "linker"), "ldshim")


def test_of_two_files_none_is_changed_if_one_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path, {"a": "old"})
    with pytest.raises(InitError, match="cannot write"):
        replace_files({str(tmp_path / "a"): b"new", str(tmp_path / "nowhere" / "b"): b"new"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_an_installation_without_the_crate(project: Project, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "ldshim", tmp_path / "other" / "ldshim", ignore=shutil.ignore_patterns("__pycache__"))
    assert "this installation of ldshim has no linkme crate" in project.fails(PYTHONPATH=str(tmp_path / "other"))


def test_a_path_that_toml_cannot_hold(project: Project, site: Path, tmp_path: Path) -> None:
    other = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    shutil.copytree(site, other)
    assert "this path is not UTF-8" in project.fails(PYTHONPATH=other)


# Every way to spell it

SPELLINGS = (
    f'[target.{UNKNOWN}]\nlinker = "x"\n',
    f'[target.{UNKNOWN}] # mine\nrunner = "x"\n',
    f'[target."{UNKNOWN}"]\n',
    f'target.{UNKNOWN}.linker = "x"\n',
    f'target.{UNKNOWN}.runner = "x"\n',
    f'target . "{UNKNOWN}" = {{ runner = "x" }} # mine\n',
    f'target = {{ {UNKNOWN} = {{ linker = "x" }}, x = {{ ar = "x" }} }}\n',
    "target = {}\n",
    f'[target]\n{UNKNOWN}.linker = "x"\n',
    f'[target]\n{UNKNOWN} = {{ linker = "x", runner = "y" }}\n',
    "[target]\n",
    "[target.x]\nar = 'x'\n",
    'target.x.ar = "x"\n',
    'patch.crates-io.linkme.path = "x"\n',
    'patch.crates-io.linkme = { git = "x", branch = "y" }\n',
    'patch.crates-io.other.path = "x"\n',
    '[patch]\ncrates-io.linkme.git = "x"\n',
    '[patch]\ncrates-io = { other = { path = "x" } }\n',
    '[patch.crates-io]\nother = { path = "x" } # mine\n',
    '[patch.crates-io.linkme]\ngit = "x"\nrev = "y"\n',
    '[patch.crates-io.other]\npath = "x"\n',
    '[patch.other]\nlinkme = { path = "x" }\n',
    "[[x]]\na = 1\n[x.y]\n",
    f'[env]\nX = """\n[target.{UNKNOWN}]\nlinker = "s"\n"""\n',
    '[build]\nrustflags = [ # mine\n  "-g",\n]\n\n\n',
    '[alias]\nb = "build" # mine\n',
    "# only a comment\n",
    'include = ["x"]\n',
)


def is_toml(text: str) -> bool:
    try:
        loads(text)
    except ValueError:
        return False
    return True


configurations = st.lists(st.sampled_from(SPELLINGS), max_size=6, unique=True).map("".join).filter(is_toml)


def set_up(data: dict[str, Any]) -> dict[str, Any]:
    """What the configuration has to say afterwards."""
    for target in (UNKNOWN, "wasm32-wasip1"):
        data.setdefault("target", {}).setdefault(target, {})["linker"] = "ldshim"
    data.setdefault("patch", {}).setdefault("crates-io", {})["linkme"] = {"path": "p"}
    return data


def edited(text: str) -> edit.Edits:
    config = Config("config.toml", text.encode(), text, loads(text))
    edits = edit.Edits(config)
    for target in (UNKNOWN, "wasm32-wasip1"):
        edits.set(("target", target, "linker"), "ldshim")
    edits.set(PATCH, {"path": "p"})
    return edits


@given(configurations)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_an_edit_adds_what_it_should_and_changes_nothing_else(text: str) -> None:
    edits = edited(text)
    assert loads(edits.text) == set_up(loads(text))
    assert _reversed(edits.text.encode(), _reverse(text.encode(), edits.text.encode())) == text.encode()


@given(configurations)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_an_edit_of_a_file_that_was_changed_since_can_be_taken_back(text: str) -> None:
    edits = edited(text)
    record = Record(changes=edits.changes)
    changed = edits.text + ("" if not edits.text or edits.text.endswith("\n") else "\n") + "[later]\na = 1 # mine\n"
    after, notes = record.undone(Config("config.toml", changed.encode(), changed))
    assert after is not None
    assert notes == []
    assert loads(after.decode()) == {**loads(text), "later": {"a": 1}}
    assert after.decode().count("# mine") == changed.count("# mine")


@pytest.mark.parametrize("text", [spelling for spelling in SPELLINGS if "target" in spelling and '"""' not in spelling])
def test_cargo_understands_the_edit_of_every_spelling(project: Project, text: str) -> None:
    project.write_config(text)
    project.init()
    assert project.linkme() == str(project.crate)
