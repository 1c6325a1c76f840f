"""ldshim under every Python that is here, in every way in which it can be started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ldshim import __version__
from tests.harness import Instance, archive, check, linker_path
from tests.test_copies_and_losses import READER, marked, native
from tests.test_custom_sections import inline, numbers
from tests.test_sameness import POINTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness import Compiler

ROOT = Path(__file__).parent.parent
OLDEST, NEWEST = 10, 16


def _pythons() -> dict[str, str]:
    """The Pythons that are here, by version: the one of the tests, those on PATH, pyenv's and uv's."""
    found = {"{}.{}".format(*sys.version_info): sys.executable}
    home = Path.home()
    for minor in range(OLDEST, NEWEST):
        places = [
            *home.glob(f".pyenv/versions/3.{minor}.*/bin/python3.{minor}"),
            *home.glob(f".local/share/uv/python/cpython-3.{minor}.*/bin/python3.{minor}"),
            shutil.which(f"python3.{minor}"),
        ]
        for place in places:
            if place and subprocess.run([place, "-c", "import ctypes"], capture_output=True, check=False, cwd="/").returncode == 0:
                found.setdefault(f"3.{minor}", str(place))
    return found


PYTHONS = _pythons()
THIS = "{}.{}".format(*sys.version_info)


class Links:
    """Real links of every kind, with what has to come out of them."""

    def __init__(self, cc: Compiler, folder: Path) -> None:
        def unit(name: str, source: str) -> str:
            shutil.copy(cc(source, "-O1", name=name), folder / f"{name}.o")
            return f"{name}.o"

        self.folder = folder
        one, two = unit("one", marked("one", 1)), unit("two", native("two", 2))
        three = unit("three", marked("three", 3))
        archive(folder / "libthree.a", folder / three)
        reader, pointers = unit("reader", READER), unit("pointers", POINTERS)
        custom = unit("custom", inline(numbers(4, 5)))
        shutil.copy(cc(READER, "-O1", "-flto", name="bitcode"), folder / "bitcode.o")
        shutil.copy(cc(marked("six", 6), "-O1", "-flto", name="six"), folder / "six.o")
        row = [unit(f"r{n}", marked(f"r{n}", n)) for n in range(12)]
        plain = unit("plain", '__attribute__((export_name("count"))) int count(void) { return 0; }')
        self.lines: list[tuple[list[str], list[int]]] = [
            ([plain], []),
            ([reader, one, two, "libthree.a"], [1, 2, 3]),
            ([reader, custom, one, "--ldshim-map=map.json"], [4, 5, 1]),
            ([reader, *row], list(range(12))),
            ([pointers, one, "libthree.a", "-Map=out.map", "--ldshim-map=map.txt"], [1, 3]),
            (["bitcode.o", "six.o", one], [6, 1]),
        ]

    def run(self, *command: str | Path, **environ: str) -> None:
        """Make all links by `command`."""
        done = self.started(*command, "--version", **environ)
        assert done.stdout.endswith(f"\nldshim {__version__}\n"), done.stderr
        for words, expected in self.lines:
            output = self.folder / "out.wasm"
            output.unlink(missing_ok=True)
            done = self.started(*command, "--no-entry", *words, "-o", "out.wasm", **environ)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            assert Instance(output).list() == expected
        done = self.started(*command, "--no-entry", "reader.o", "-o", "none.wasm", **environ)
        assert done.returncode == 1
        assert "reader.o: undefined symbol: __start_numbers" in done.stderr
        assert "Traceback" not in done.stderr
        done = self.started(*command, "--ldshim-bogus", **environ)
        assert (done.returncode, done.stderr) == (1, "ldshim: error: unknown option: --ldshim-bogus\n")

    def started(self, *command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        # An environment for one Python is none for another.
        base = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        env = {**base, "LDSHIM_LINKER": linker_path("22"), **environ}
        return subprocess.run(words, capture_output=True, text=True, check=False, cwd=self.folder, env=env)


@pytest.fixture
def links(cc: Compiler, tmp_path: Path) -> Links:
    folder = tmp_path / "links"
    folder.mkdir()
    return Links(cc, folder)


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("pyz") / "ldshim.pyz"
    check([sys.executable, ROOT / "scripts" / "pyz", target])
    return target


@pytest.mark.parametrize("version", PYTHONS)
def test_every_python_makes_the_same_links(links: Links, version: str) -> None:
    # A warning is an error: of what ldshim uses nothing may be on its way out.
    links.run(PYTHONS[version], "-W", "error", "-m", "ldshim", PYTHONPATH=str(ROOT), PYTHONDONTWRITEBYTECODE="1")


@pytest.mark.parametrize("version", [version for version in PYTHONS if version != THIS])
def test_every_python_makes_them_from_one_file(links: Links, pyz: Path, version: str) -> None:
    links.run(PYTHONS[version], "-W", "error", "-I", pyz)


@pytest.mark.parametrize("flags", [["-O", "-B"], ["-OO"], ["-I"], ["-X", "utf8=0"]], ids=" ".join)
def test_every_way_to_start_it(links: Links, flags: list[str]) -> None:
    environ = {} if "-I" in flags else {"PYTHONPATH": str(ROOT)}
    links.run(sys.executable, *flags, "-m", "ldshim", PYTHONDONTWRITEBYTECODE="1", LC_ALL="C", **environ)


def test_the_file_is_the_same_each_time(pyz: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        environ = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
        check([sys.executable, ROOT / "scripts" / "pyz", tmp_path / "again.pyz"], cwd=tmp_path, env=environ)
    finally:
        os.umask(before)
    assert (tmp_path / "again.pyz").read_bytes() == pyz.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.pyz"]
    assert os.access(pyz, os.X_OK)


def test_the_file_runs_by_itself_and_under_the_name_of_the_linker(links: Links, pyz: Path, tmp_path: Path) -> None:
    place = tmp_path / "bin"
    place.mkdir()
    (place / "wasm-ld").symlink_to(pyz)
    (place / "python3").symlink_to(sys.executable)
    # Of the linkers on PATH it is the first, and not the one that it takes.
    links.run(place / "wasm-ld", PATH=f"{place}:{os.environ['PATH']}", LDSHIM_LINKER="")


def test_what_cannot_be_done_from_one_file_says_so_and_what_to_do(links: Links, pyz: Path, tmp_path: Path) -> None:
    for command in ("include-dir", "init", "demo"):
        done = links.started(sys.executable, pyz, command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"ldshim: error: {command} needs files that other programs can open, and here ldshim is one file: ")
    unpacked = tmp_path / "unpacked"
    assert f"python3 -m zipfile -e {pyz} ldshim-unpacked`, then `python3 ldshim-unpacked demo`" in done.stderr
    check([sys.executable, "-m", "zipfile", "-e", pyz, unpacked])
    done = links.started(sys.executable, unpacked, "include-dir")
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.rstrip("\n"), "ldshim.h").read_bytes() == (ROOT / "ldshim" / "include" / "ldshim.h").read_bytes()
    assert (unpacked / "ldshim" / "toolchains" / "rust" / "linkme" / "Cargo.toml").exists()
    for words in (["inspect", "libthree.a"], ["explain", "numbers", "--", "--no-entry", "reader.o", "one.o"]):
        done = links.started(sys.executable, pyz, *words)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_map_can_be_a_page_from_one_file(links: Links, pyz: Path) -> None:
    done = links.started(sys.executable, pyz, "--no-entry", "reader.o", "one.o", "-o", "mapped.wasm", "--ldshim-map=map.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert (links.folder / "map.html").read_text().startswith("<!DOCTYPE html>")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """The package in a directory with a name that needs care, where nothing may be written."""
    place = tmp_path / "mit Leerzeichen & Ümläuten 型"
    shutil.copytree(ROOT / "ldshim", place / "ldshim", ignore=shutil.ignore_patterns("__pycache__"))
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield place
    for folder in folders:
        folder.chmod(0o755)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_read_only_installation_in_a_strange_place_without_a_home(links: Links, read_only: Path, locale: str) -> None:
    limited = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    base = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LDSHIM_CACHE"), "")
    links.run(*limited, sys.executable, "-W", "error", "-m", "ldshim", PYTHONPATH=str(read_only), LC_ALL=locale, **base)
    assert not list(read_only.rglob("__pycache__"))
    done = links.started(sys.executable, "-m", "ldshim", "include-dir", PYTHONPATH=str(read_only), LC_ALL=locale)
    assert os.fsencode(done.stdout) == os.fsencode(f"{read_only}/ldshim/include\n")
