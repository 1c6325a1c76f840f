"""Modules with distributed slices in the hands of what comes after the linker: wasm-bindgen, wasm-opt, wasm-tools, a browser."""

from __future__ import annotations

import fcntl
import hashlib
import http.server
import json
import queue
import shutil
import subprocess
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import wasmtime

from tests.harness import Instance, check, custom_section_names, export_names, linker_path
from tests.rust import PROGRAMS, RUST, UNKNOWN, cargo, configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What each command makes of 7.  The order is the linker's.
COMMANDS = [["itself", 7], ["negate", -7], ["square", 49], ["twice", 14]]

# By settings of one profile: those of another would have the macros compiled again.
PROFILES = {
    "debug": ["opt-level=0", "debug=true"],
    "release": [],
    "small": ['opt-level="z"', "lto=true", "codegen-units=1", "strip=true"],
}

LIST_IN_NODE = """
const page = require(process.argv[1]);
console.log(JSON.stringify(Array.from({length: page.count()}, (_, index) => [page.name(index), page.call(index, 7)])));
"""

CHROMIUM = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


class Builds:
    """cargo, with a memory of what it has built in this run.  cargo's own does not tell when the linker has changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, package: str, *flags: str, profile: str = "release", without_linkme: bool = False) -> Path:
        """The module of a package; `flags` go to rustc for it alone. One without linkme is linked by lld."""
        digest = hashlib.sha256(repr((package, flags, profile, without_linkme)).encode()).hexdigest()[:24]
        path = self.folder / digest / f"{package}.wasm"
        self.folder.mkdir(exist_ok=True)
        # Workers share the folder.
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                path.parent.mkdir()
                path.write_bytes(self._build(package, flags, profile, without_linkme=without_linkme))
        return path

    def _build(self, package: str, flags: tuple[str, ...], profile: str, *, without_linkme: bool) -> bytes:
        source, target = self.folder / "source", self.folder / "target"
        if not source.exists():
            shutil.copytree(PROGRAMS / "neighbours", source)
        words = ["rustc", "--release", f"--target={UNKNOWN}", f"--package={package}"]
        words += [word for setting in PROFILES[profile] for word in ("--config", f"profile.release.{setting}")]
        env = {}
        if without_linkme:
            words += ["--config", f'target.{UNKNOWN}.linker="{linker_path("22")}"']
            env["RUSTFLAGS"] = "--cfg without_linkme"
        done = cargo(source, *words, "--", "-Wlinker-messages", *flags, config=configuration(), env=env, target_dir=target)
        assert done.returncode == 0, done.stderr
        # What a linker says rustc repeats as a warning.
        assert "linker" not in done.stderr
        return (target / UNKNOWN / "release" / f"{package}.wasm").read_bytes()


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Builds:
    folder = tmp_path_factory.getbasetemp()
    return Builds((folder if worker_id == "master" else folder.parent) / "neighbours")


def installed(name: str, path: str | None = None) -> str:
    """Where scripts/rust-tools has put a program: `.rust/bin`, if it is not one of the machine's."""
    found = shutil.which(name, path=path)
    assert found, f"{name} is not installed: run scripts/rust-tools"
    return found


def tool(name: str, *words: str | Path) -> None:
    check([installed(name, str(RUST / "bin")), *words])


def wasm_bindgen(module: Path, folder: Path, target: str) -> Path:
    """Make a package of it; returns its module."""
    tool("wasm-bindgen", "--target", target, "--out-dir", folder, module)
    return folder / "page_bg.wasm"


def in_node(folder: Path) -> Any:
    return sorted(json.loads(check([installed("node"), "-e", LIST_IN_NODE, folder / "page.js"]).stdout))


def in_wasmtime(module: Path) -> list[list[Any]]:
    instance = Instance(module)
    memory = instance.exports["memory"]
    assert isinstance(memory, wasmtime.Memory)

    def name(index: int) -> str:
        start = instance.name_at(index)
        return memory.read(instance.store, start, start + instance.name_length(index)).decode()

    return sorted([name(index), instance.call(index, 7)] for index in range(instance.count()))


@pytest.mark.parametrize("profile", PROFILES)
def test_wasm_bindgen_for_node(build: Builds, tmp_path: Path, profile: str) -> None:
    wasm_bindgen(build("page", profile=profile), tmp_path, "nodejs")
    assert in_node(tmp_path) == COMMANDS


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder on localhost, and keeps what is posted to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.posted: queue.Queue[str] = queue.Queue()


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(204)
        self.end_headers()
        assert isinstance(self.server, Server)
        self.server.posted.put(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def shown_by_chromium(server: Server, folder: Path, seconds: float = 180) -> str:
    """What the page posts.  A browser that ends or takes too long fails the test, with what it said."""
    words = [installed("chromium"), *CHROMIUM, f"--user-data-dir={folder / 'profile'}", f"http://127.0.0.1:{server.server_port}/"]
    deadline = time.monotonic() + seconds
    with (folder / "said").open("w") as said, subprocess.Popen(words, stdout=said, stderr=said) as browser:
        try:
            while server.posted.empty() and browser.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            browser.terminate()
    assert not server.posted.empty(), f"nothing came from the page\n{(folder / 'said').read_text()}"
    return server.posted.get()


def test_wasm_bindgen_for_a_browser(build: Builds, tmp_path: Path, server: Server) -> None:
    wasm_bindgen(build("page"), tmp_path, "web")
    shutil.copy(PROGRAMS / "neighbours" / "page" / "index.html", tmp_path)
    shown = shown_by_chromium(server, tmp_path)
    assert shown.startswith("["), shown
    assert sorted(json.loads(shown)) == COMMANDS


@pytest.mark.parametrize("level", ["-O3", "-Oz"])
def test_wasm_opt(build: Builds, out: Path, level: str) -> None:
    tool("wasm-opt", level, build("plain"), "-o", out)
    assert in_wasmtime(out) == COMMANDS


def test_wasm_tools_strip(build: Builds, out: Path) -> None:
    tool("wasm-tools", "strip", "-a", build("plain"), "-o", out)
    assert custom_section_names(out) == []
    assert in_wasmtime(out) == COMMANDS


@pytest.mark.parametrize("how", ["link-arg", "profile"])
def test_stripped_by_the_linker(build: Builds, tmp_path: Path, how: str) -> None:
    def stripped(package: str) -> Path:
        return build(package, profile="small") if how == "profile" else build(package, "-Clink-arg=--strip-all")

    assert "name" not in custom_section_names(stripped("plain"))
    assert in_wasmtime(stripped("plain")) == COMMANDS
    wasm_bindgen(stripped("page"), tmp_path, "nodejs")
    assert in_node(tmp_path) == COMMANDS


def test_one_after_the_other(build: Builds, tmp_path: Path) -> None:
    module = wasm_bindgen(build("page"), tmp_path, "nodejs")
    before = module.stat().st_size
    tool("wasm-opt", "-Oz", module, "-o", module)
    tool("wasm-tools", "strip", "-a", module, "-o", module)
    assert module.stat().st_size < before
    assert in_node(tmp_path) == COMMANDS


@pytest.mark.parametrize("package", ["page", "plain"])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_registration_leaves_no_trace_in_the_interface(build: Builds, package: str, profile: str) -> None:
    module = build(package, profile=profile)
    assert export_names(module) == export_names(build(package, profile=profile, without_linkme=True))
    assert not [name for name in export_names(module) if "ldshim" in name or "linkme" in name]
    assert not [name for name in custom_section_names(module) if "ldshim" in name or "linkme" in name]
