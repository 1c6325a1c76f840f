"""What is published: the source archive, the wheel made from it, and that wheel installed where nothing else is."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from ldshim import __version__
from tests.harness import Instance, check, linker_path

if TYPE_CHECKING:
    from tests.harness import Compiler

ROOT = Path(__file__).parent.parent
METADATA = f"ldshim-{__version__}.dist-info"
LICENCES = ("LICENSE-APACHE", "LICENSE-MIT")


class Package(NamedTuple):
    sdist: Path
    wheel: Path
    python: Path  # of an environment in which the wheel is installed, and nothing else

    @property
    def ldshim(self) -> Path:
        return self.python.parent / "ldshim"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("package")
    check([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", ROOT])
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    (wheel,) = (folder / "dist").glob("*.whl")
    check([sys.executable, "-m", "venv", "--without-pip", folder / "venv"])
    python = folder / "venv" / "bin" / "python"
    check([sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel])
    return Package(sdist, wheel, python)


def run(*words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    # Outside of the checkout, so that it is the installed package that runs.
    environment = {**os.environ, **environ}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, cwd="/", env=environment
    )


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(package: Package) -> None:
    files = {path for path in (ROOT / "ldshim").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    expected = {path.relative_to(ROOT).as_posix() for path in files}
    assert {"ldshim/py.typed", "ldshim/include/ldshim.h", "ldshim/demo_sources/main.c", "ldshim/mapping/page.html"} < expected
    crate = ROOT / "toolchains" / "rust" / "linkme"
    sources = {path for path in crate.rglob("*") if path.suffix in (".rs", ".toml") and "target" not in path.parts}
    assert crate / "impl" / "src" / "lib.rs" in sources
    expected |= {f"ldshim/{path.relative_to(ROOT).as_posix()}" for path in sources}
    shared = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs" / "share").rglob("*") if path.is_file()}
    assert "share/man/man1/ldshim.1" in shared
    expected |= {f"ldshim-{__version__}.data/data/{path}" for path in [*shared, "include/ldshim.h"]}
    expected |= {f"{METADATA}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")}
    expected |= {f"{METADATA}/licenses/{name}" for name in LICENCES}
    assert set(zipfile.ZipFile(package.wheel).namelist()) == expected


def test_the_wheel_needs_one_package_and_says_under_which_licences_it_is(package: Package) -> None:
    text = zipfile.ZipFile(package.wheel).read(f"{METADATA}/METADATA").decode()
    metadata = email.message_from_string(text)
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT OR Apache-2.0"
    assert sorted(metadata.get_all("License-File", [])) == list(LICENCES)
    needed = [requirement for requirement in metadata.get_all("Requires-Dist", []) if "extra ==" not in requirement]
    assert len(needed) == 1
    assert needed[0].startswith("tomlkit")


def test_the_source_archive_can_be_tested(package: Package) -> None:
    with tarfile.open(package.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "CHANGELOG.md", "pyproject.toml", "scripts/test", "tests/harness.py", *LICENCES} < names
    documents = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*") if path.is_file()}
    assert documents < names


def test_pages_and_completions_are_installed_where_they_are_looked_for(package: Package) -> None:
    prefix = package.python.parent.parent
    for place in (
        "share/man/man1/ldshim.1",
        "share/man/man1/ldshim-tools.1",
        "share/bash-completion/completions/ldshim",
        "share/zsh/site-functions/_ldshim",
        "share/fish/vendor_completions.d/ldshim.fish",
    ):
        assert (prefix / place).read_bytes() == (ROOT / "docs" / place).read_bytes()
    # man looks beside the directories of PATH.
    environ = {name: value for name, value in os.environ.items() if name != "MANPATH"} | {"PATH": f"{prefix}/bin:{os.environ['PATH']}"}
    for page in ("ldshim", "ldshim-tools"):
        done = subprocess.run(["man", "--where", page], capture_output=True, text=True, check=False, env=environ)
        assert done.stdout == f"{prefix}/share/man/man1/{page}.1\n", done.stderr


def test_the_shells_find_the_completions_as_the_documentation_says(package: Package, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    environ = {"HOME": str(tmp_path), "PATH": f"{package.python.parent}:/usr/bin:/bin"}
    print_share = re.findall(r"(?m)^echo .*share\"$", text)[0]
    share = check(["bash", "-c", print_share], env=environ).stdout.strip()
    asking = {
        "bash": "complete -p ldshim",
        "zsh": "autoload -Uz compinit; compinit -u -D; print $_comps[ldshim]",
        "fish": "complete -C 'ldshim insp'",
    }
    answers = {"bash": "complete -o default -F _ldshim ldshim", "zsh": "_ldshim", "fish": "inspect\t"}
    lines = dict(re.findall(r"(?m)^\| (bash|zsh|fish).*? \| `(.*?)`", text))
    for shell, question in asking.items():
        done = check([shell, "-c", f"{lines[shell].replace('LDSHIM_SHARE', share)}\n{question}"], env=environ)
        assert done.stdout.startswith(answers[shell])


def test_include_dir_is_where_the_header_is(package: Package) -> None:
    for command in ([package.ldshim], [package.python, "-m", "ldshim"]):
        done = run(*command, "include-dir")
        assert (done.returncode, done.stderr) == (0, "")
        header = Path(done.stdout.removesuffix("\n")) / "ldshim.h"
        assert header.read_bytes() == (ROOT / "ldshim" / "include" / "ldshim.h").read_bytes()
        assert package.python.parent.parent in header.parents


def test_the_installed_linker_links(package: Package, cc: Compiler, tmp_path: Path) -> None:
    source = """
    __attribute__((used)) int one __asm__("__ldshim$numbers$$one") = 1;
    extern int __start_numbers[], __stop_numbers[];
    __attribute__((export_name("count"))) int count(void) { return __stop_numbers - __start_numbers; }
    """
    for command in ([package.ldshim], [package.python, "-m", "ldshim"]):
        module = tmp_path / "out.wasm"
        words: list[str | Path] = ["--no-entry", cc(source, "-O1"), "-o", module]
        done = run(*command, *words, LDSHIM_LINKER=linker_path("22"))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert Instance(module).count() == 1
        module.unlink()


def test_the_version_is_that_of_the_package(package: Package) -> None:
    done = run(package.ldshim, "--version", LDSHIM_LINKER=linker_path("22"))
    assert done.returncode == 0
    assert done.stdout.endswith(f"\nldshim {__version__}\n")


def test_the_demo_without_its_packages_says_how_to_get_them(package: Package) -> None:
    done = run(package.ldshim, "demo")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("not installed: pip install 'ldshim[demo]'\n")
