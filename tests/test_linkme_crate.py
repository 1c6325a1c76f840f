"""Our linkme against the one of the registry: its own tests, the errors of bad programs, and what good ones do, here and on wasm.

The sources are in `tests/rust/linkme_crate`.  Those of the registry's linkme come from the registry, at the time of the test.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness import check, export_names, tool
from tests.rust import LINKME, PROGRAMS, UNKNOWN, WASIP1, cargo, configuration, copy_of, exclusively, run_wasi

if TYPE_CHECKING:
    import subprocess

# The version of linkme whose interface ours has.
REGISTRY = "=0.3.36"
SOURCES = PROGRAMS / "linkme_crate"
WINDOWS = "x86_64-pc-windows-msvc"
MACOS = "aarch64-apple-darwin"


@dataclass(frozen=True)
class Kind:
    """With which linkme the programs are built: "ours" or "registry"; those of one kind share a target folder."""

    name: str
    folder: Path

    def copy_of(self, program: str, config: str | None = None) -> Path:
        return copy_of(f"linkme_crate/{program}", self.folder, config or ("" if self.name == "registry" else configuration()))

    def cargo(self, project: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return cargo(project, *words, env=env, target_dir=self.target)

    @property
    def target(self) -> Path:
        return self.folder / "target"


@pytest.fixture
def ours(tmp_path_factory: pytest.TempPathFactory) -> Kind:
    return Kind("ours", tmp_path_factory.getbasetemp().parent / "linkme-ours")


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> Kind:
    """The one of the registry.  Its copies of the programs name its version."""
    kind = Kind("registry", tmp_path_factory.getbasetemp().parent / "linkme-registry")
    for program in ("programs", "ui"):
        for manifest in kind.copy_of(program).rglob("Cargo.toml"):
            text = manifest.read_text()
            with exclusively():
                manifest.write_text(text.replace('linkme = "0.3"', f'linkme = "{REGISTRY}"'))
    return kind


def folder_of_tests(registry: Kind) -> Path:
    """The folder of linkme's own tests, in cargo's copy of its package."""
    done = registry.cargo(registry.copy_of("ui"), "metadata", "--format-version=1")
    assert done.returncode == 0, done.stderr
    (manifest,) = (package["manifest_path"] for package in json.loads(done.stdout)["packages"] if package["name"] == "linkme")
    return Path(manifest).parent / "tests"


# 1. The tests of the registry's linkme


RUNNER = json.dumps([sys.executable, str(SOURCES / "run_wasm.py")])
PLANTED = """
#[linkme::distributed_slice]
static SLICE: [u8];

#[linkme::distributed_slice(SLICE)]
static ELEMENT: u8 = 1;

#[test]
fn planted() {
    assert_eq!(SLICE.len(), LENGTH);
}
"""


@pytest.fixture
def suite(ours: Kind, registry: Kind) -> Path:
    project = ours.copy_of("suite")
    theirs = folder_of_tests(registry)
    with exclusively():
        if not (project / "tests").exists():
            # compiletest.rs starts another cargo, with another linkme; the files that it compiles are among the bad programs below.
            shutil.copytree(theirs, project / "tests", ignore=shutil.ignore_patterns("compiletest.rs", "ui"))
            for name, length in (("right", 1), ("wrong", 2)):
                (project / "tests" / f"planted_{name}.rs").write_text(PLANTED.replace("LENGTH", str(length)))
    return project


def run_tests(ours: Kind, suite: Path, target: str, *words: str) -> subprocess.CompletedProcess[str]:
    where = () if target == "host" else ("--target", target, "--config", f"target.{target}.runner={RUNNER}")
    return ours.cargo(suite, "test", *words, *where)


def names_of_suite(suite: Path) -> list[str]:
    """The programs of the suite, without those that are planted."""
    return sorted(path.stem for path in (suite / "tests").glob("*.rs") if not path.stem.startswith("planted"))


@pytest.mark.parametrize("profile", ["dev", "release"])
@pytest.mark.parametrize("target", ["host", WASIP1, UNKNOWN])
def test_the_tests_of_the_registry_pass(target: str, profile: str, ours: Kind, suite: Path) -> None:
    names = names_of_suite(suite)
    assert {"distributed_slice", "fn_element", "module_2015", "win_status_illegal_instruction"} <= set(names)
    done = run_tests(ours, suite, target, "--profile", profile, *(word for name in names for word in ("--test", name)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(re.findall(r"Running tests/(\w+)\.rs", done.stderr)) == names
    if target != UNKNOWN:  # where nothing is printed
        written = sum((suite / "tests" / f"{name}.rs").read_text().count("#[test]") for name in names)
        included = (suite / "tests" / "module" / "mod.rs").read_text().count("#[test]")
        assert len(re.findall(r"^test \S+ \.\.\. ok$", done.stdout, re.MULTILINE)) == written + 2 * included


@pytest.mark.parametrize("target", ["host", WASIP1, UNKNOWN])
def test_a_test_that_fails_is_noticed(target: str, ours: Kind, suite: Path) -> None:
    assert run_tests(ours, suite, target, "--test", "planted_right").returncode == 0
    wrong = run_tests(ours, suite, target, "--test", "planted_wrong")
    assert "`--test planted_wrong`" in wrong.stderr
    assert "could not compile" not in wrong.stderr


def test_the_crates_of_ours_pass_their_own_tests(tmp_path: Path) -> None:
    """In a copy: cargo writes a lock file beside the manifest."""
    shutil.copytree(LINKME, tmp_path / "linkme", ignore=shutil.ignore_patterns("target", "Cargo.lock"))
    done = cargo(tmp_path / "linkme", "test", "--workspace")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test identity::tests::every_way_to_write_metadata_is_seen ... ok" in done.stdout


# 2. Bad programs


# Where (file, line and column), which code, which headline.
Error = tuple[list[tuple[str, int, int]], "str | None", str]

# Where our errors are not those of the registry's linkme, and why.
DIFFERENCES: dict[str, list[Error]] = {
    # It says "expected identifier"; with us an argument may have any pattern.
    "method": [([("method.rs", 10, 16)], None, "expected `pattern: Type`")],
}


def errors_of(kind: Kind, project: Path, *words: str) -> dict[str, list[Error]]:
    """The errors of each program."""
    done = kind.cargo(project, "check", "--keep-going", "--message-format=json", *words)
    errors: dict[str, list[Error]] = {path.stem: [] for path in (project / "src" / "bin").glob("*.rs")}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        diagnostic = message.get("message", {})
        if message["reason"] == "compiler-message" and diagnostic["level"] == "error" and not diagnostic["message"].startswith("aborting"):
            places = sorted(place_of(span) for span in diagnostic["spans"] if span["is_primary"])
            # Of the registry's the name of this module has the version in it.
            headline = re.sub(r"__private\d+", "__private", diagnostic["message"])
            errors[message["target"]["name"]].append((places, (diagnostic["code"] or {}).get("code"), headline))
    return {name: sorted(found, key=str) for name, found in errors.items()}


def place_of(span: dict[str, Any]) -> tuple[str, int, int]:
    """Where rustc shows that an error is: not in a macro of another crate, but where that is called."""
    while not span["file_name"].startswith("src/bin/"):
        span = span["expansion"]["span"]
    return span["file_name"].removeprefix("src/bin/"), span["line_start"], span["column_start"]


def bad_programs(kind: Kind, registry: Kind) -> Path:
    project = kind.copy_of("ui")
    for source in (folder_of_tests(registry) / "ui").glob("*.rs"):
        with exclusively():
            shutil.copy(source, project / "src" / "bin")
    return project


def test_bad_programs_get_the_errors_of_the_registry(ours: Kind, registry: Kind) -> None:
    theirs = errors_of(registry, bad_programs(registry, registry))
    assert {"attempted_coercion", "zerosized", "crate_twice"} <= theirs.keys()
    assert [name for name, errors in theirs.items() if not errors] == []
    assert errors_of(ours, bad_programs(ours, registry)) == {**theirs, **DIFFERENCES}
    assert all(theirs[name] != errors for name, errors in DIFFERENCES.items())


def test_bad_programs_get_the_same_errors_on_wasm(ours: Kind, registry: Kind) -> None:
    project = bad_programs(ours, registry)
    assert errors_of(ours, project, "--target", UNKNOWN) == errors_of(ours, project)


# 3. Good programs


SAME = ("rust2015", "rust2018", "rust2021", "rust2024", "crates")
# What the programs print that are not for the registry's linkme, and what it says to them.
OURS = {
    "strict": ("", "declaration of a static with `link_section`"),
    "slices-of-one-name": ('[1, 2] ["ours", "second"]', 'duplicate #[distributed_slice] with name "SLICE"'),
    "modules": ("""[1, 2] ["ours", "second"] ['3']""", "`_linkme_macro_SLICE` is defined multiple times"),
    "versions": ("[1] [2] [1, 10, 20]", 'duplicate #[distributed_slice] with name "SLICE"'),
    "patterns": ("[1, 3, 30, 70, 101, 131]", "expected identifier"),
    "identifiers": ('[1] [2] [3] ["日本語"]', "custom attribute panicked"),
}


def build_programs(kind: Kind, *words: str) -> Path:
    """Build all that can be built; returns the folder of the programs."""
    project = kind.copy_of("programs")
    done = kind.cargo(project, "build", "--workspace", "--keep-going", *words)
    assert done.returncode == 0 or kind.name == "registry", done.stderr
    return kind.target


def on_host(kind: Kind, name: str) -> list[str]:
    return check([build_programs(kind) / "debug" / name]).stdout.splitlines()


def on_wasm(kind: Kind, name: str, directory: Path) -> list[str]:
    folder = build_programs(kind, "--release", "--target", WASIP1) / WASIP1 / "release"
    return run_wasi(folder / f"{name}.wasm", directory=directory).splitlines()


def positions(lines: list[str]) -> list[int]:
    """What a program says of a slice with positions; it is not compared, but looked at below."""
    (line,) = (line for line in lines if line.startswith("positions: "))
    return list(json.loads(line.removeprefix("positions: ")))


def without_positions(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("positions: ")]


@pytest.mark.parametrize("name", SAME)
def test_a_program_does_what_it_does_with_the_registry(name: str, ours: Kind, registry: Kind) -> None:
    lines = without_positions(on_host(ours, name))
    assert len(lines) == (4 if name == "crates" else 16)
    assert lines == without_positions(on_host(registry, name))


@pytest.mark.parametrize("name", [*SAME, *OURS])
def test_a_program_does_the_same_on_wasm(name: str, ours: Kind, tmp_path: Path) -> None:
    assert without_positions(on_wasm(ours, name, tmp_path)) == without_positions(on_host(ours, name))


@pytest.mark.parametrize("name", OURS)
def test_ours_can_do_more(name: str, ours: Kind) -> None:
    expected = on_host(ours, "rust2024") if name == "strict" else OURS[name][0].splitlines()
    assert on_host(ours, name) == expected


@pytest.mark.parametrize("name", OURS)
def test_the_registry_refuses_what_ours_can_do(name: str, registry: Kind) -> None:
    done = registry.cargo(registry.copy_of("programs"), "run", "--package", name)
    assert done.returncode != 0
    assert OURS[name][1] in done.stderr


# 4. Positions


ALL_POSITIONS = [20000, 20000, 0, 7, 8, 9, 10, 9999]


def test_positions_are_the_order_on_wasm(ours: Kind, tmp_path: Path) -> None:
    assert positions(on_wasm(ours, "crates", tmp_path)) == ALL_POSITIONS


def test_elements_with_positions_are_there_on_elf(ours: Kind) -> None:
    assert sorted(positions(on_host(ours, "crates"))) == sorted(ALL_POSITIONS)


def test_the_registry_loses_elements_with_positions_on_elf(registry: Kind) -> None:
    assert positions(on_host(registry, "crates")) == [20000, 20000]


# 5. COFF and Mach-O


@dataclass
class Image:
    """A linked image: what is at which address, and the symbols of the slices."""

    segments: list[tuple[int, bytes]]
    symbols: dict[str, int]
    # Of a word, the bits that are the address: the rest is what the loader needs to find the next one.
    address_bits: int
    # Whether the boundaries of a slice lie among the elements.
    boundary_is_element: bool

    def read(self, address: int, size: int) -> bytes:
        (found,) = (data[address - start :] for start, data in self.segments if start <= address < start + len(data))
        return found[:size]

    def number(self, address: int, size: int = 8) -> int:
        return int.from_bytes(self.read(address, size), "little")

    def pointer(self, address: int) -> int:
        return self.number(address) & ((1 << self.address_bits) - 1)

    def text(self, address: int) -> str:
        """What a `&str` here points to."""
        return self.read(self.pointer(address), self.number(address + 8)).decode()

    def elements(self, slice_name: str, size: int) -> list[int]:
        """The addresses of the elements of a slice; the static of that name is a reference to it."""
        reference = self.pointer(self.symbols[slice_name])
        start, stop = sorted((self.pointer(reference), self.pointer(reference + 8)))
        if self.boundary_is_element:
            start += size
        assert (stop - start) % size == 0
        return list(range(start, stop, size))


def build_objects(ours: Kind, target: str) -> Path:
    project = ours.copy_of("objects")
    # There is no std for these targets, but the sources of core are here.
    done = ours.cargo(project, "build", "-Zbuild-std=core", "--target", target, env={"RUSTC_BOOTSTRAP": "1"})
    assert done.returncode == 0, done.stderr
    folder = ours.target / target / "debug"
    return folder / ("objects.lib" if target == WINDOWS else "libobjects.a")


def link_coff(library: Path, path: Path) -> Image:
    # memcpy and the like are missing, and never called.
    flags = ("/nodefaultlib", "/force:unresolved", "/machine:x64", "/subsystem:console", "/entry:start")
    names = ("NUMBERS_ARE", "TEXTS_ARE", "COUNTERS_ARE", "EMPTY_IS")
    check([tool("lld-link"), *flags, *(f"/export:{name},DATA" for name in names), f"/out:{path}", library])
    exports = check([tool("llvm-readobj-22"), "--coff-exports", path]).stdout
    data = path.read_bytes()
    header = int.from_bytes(data[0x3C:0x40], "little")
    table = header + 24 + int.from_bytes(data[header + 20 : header + 22], "little")
    base = int.from_bytes(data[header + 48 : header + 56], "little")
    segments = []
    for entry in range(int.from_bytes(data[header + 6 : header + 8], "little")):
        place = table + 40 * entry
        address, size, offset = (int.from_bytes(data[place + at : place + at + 4], "little") for at in (12, 16, 20))
        segments.append((base + address, data[offset : offset + size]))
    symbols = {name: base + int(address, 16) for name, address in re.findall(r"Name: (\w+)\n\s+RVA: (0x\w+)", exports)}
    return Image(segments, symbols, address_bits=64, boundary_is_element=True)


def link_macho(library: Path, path: Path) -> Image:
    flags = "-arch arm64 -platform_version macos 13 13 -dylib -undefined dynamic_lookup -all_load -dead_strip"
    check([tool("ld64.lld"), *flags.split(), "-o", path, library])
    symbols = re.findall(r"^(\w+) \w _(\w+)$", check([tool("llvm-nm-22"), path]).stdout, re.MULTILINE)
    data = path.read_bytes()
    segments, place = [], 32
    for _ in range(int.from_bytes(data[16:20], "little")):
        command, size = (int.from_bytes(data[place + at : place + at + 4], "little") for at in (0, 4))
        if command == 0x19:  # LC_SEGMENT_64
            address, offset, length = (int.from_bytes(data[place + at : place + at + 8], "little") for at in (24, 40, 48))
            segments.append((address, data[offset : offset + length]))
        place += size
    return Image(segments, {name: int(address, 16) for address, name in symbols}, address_bits=36, boundary_is_element=False)


def contents(image: Image) -> dict[str, list[Any]]:
    counters = image.elements("COUNTERS_ARE", 24)
    # The fields of a Counter are in the order that rustc likes.
    value_last = image.number(counters[0] + 16) < 100
    name, value = (0, 16) if value_last else (8, 0)
    return {
        "numbers": [image.number(address, 4) - 0x1000_0000 for address in image.elements("NUMBERS_ARE", 4)],
        "texts": [image.text(address) for address in image.elements("TEXTS_ARE", 16)],
        "counters": [(image.text(address + name), image.number(address + value)) for address in counters],
        "empty": image.elements("EMPTY_IS", 8),
    }


ELEMENTS: dict[str, list[Any]] = {
    "numbers": [0, 0, 1, 0x30, 0x200, 0x9999],
    "texts": ["without", "three", "twenty in api", "hundred"],
    "counters": [("without", 0), ("three in api", 3), ("twenty", 20)],
    "empty": [],
}


def test_a_windows_image_has_the_elements_in_order(ours: Kind, tmp_path: Path) -> None:
    assert contents(link_coff(build_objects(ours, WINDOWS), tmp_path / "image.exe")) == ELEMENTS


def test_a_macos_image_has_the_elements_side_by_side(ours: Kind, tmp_path: Path) -> None:
    found = contents(link_macho(build_objects(ours, MACOS), tmp_path / "image.dylib"))
    assert {name: sorted(elements) for name, elements in found.items()} == {name: sorted(elements) for name, elements in ELEMENTS.items()}


def sections_of(library: Path, pattern: str) -> list[tuple[str, str]]:
    """The names of the sections that match, with all that readobj says of their flags."""
    listing = check([tool("llvm-readobj-22"), "--sections", library]).stdout
    blocks = re.findall(rf"^    Name: ({pattern}) \(.*?^  \}}", listing, re.MULTILINE | re.DOTALL)
    texts = re.findall(rf"^    Name: {pattern} \((.*?)^  \}}", listing, re.MULTILINE | re.DOTALL)
    flags = [" ".join(re.findall(r"(?:IMAGE_SCN|Segment:|Type:|Attributes|\bNoDeadStrip)[^\n]*", text)) for text in texts]
    return list(zip(blocks, flags, strict=True))


def test_boundaries_and_elements_have_the_same_flags_on_windows(ours: Kind) -> None:
    flags: dict[str, set[str]] = {}
    keys: dict[str, set[str]] = {}
    for name, flag in sections_of(build_objects(ours, WINDOWS), r"\.linkme_\S+"):
        section, key = name.split("$")
        flags.setdefault(section.split("_")[1], set()).add(flag)
        keys.setdefault(section.split("_")[1], set()).add(key)
    assert keys == {
        "NUMBERS": {"a", "b", "b0000", "b0030", "b0200", "b9999", "c"},
        "TEXTS": {"a", "b", "b0003", "b0020", "b0100", "c"},
        "COUNTERS": {"a", "b", "b0003", "b0020", "c"},
        "EMPTY": {"a", "c"},
    }
    assert {name: len(found) for name, found in flags.items()} == dict.fromkeys(keys, 1)
    assert {name for name, found in flags.items() if "MEM_WRITE" in found.pop()} == {"COUNTERS"}


def test_sections_are_fit_for_macos(ours: Kind) -> None:
    sections = sections_of(build_objects(ours, MACOS), r"__lk\w+")
    assert {len(name) for name, _ in sections} == {16}
    assert len({name for name, _ in sections}) == 3
    assert len({flags for _, flags in sections}) == 1
    assert "NoDeadStrip" in sections[0][1]


# 7. Names


def markers(folder: Path) -> list[str]:
    """The marker symbols of the objects that are left in a folder of rustc's."""
    listing = check([tool("llvm-nm-22"), "--format=just-symbols", "--defined-only", *sorted(folder.glob("*.rcgu.o"))]).stdout
    return [line for line in listing.splitlines() if line.startswith("__ldshim$")]


def build_at(folder: Path) -> Path:
    """Build all programs in this folder, with nothing shared, not even linkme; returns the folder of the modules."""
    project = folder / "a workspace"
    shutil.copytree(SOURCES / "programs", project)
    shutil.copytree(LINKME, project / "vendor" / "linkme", ignore=shutil.ignore_patterns("target"))
    config = configuration('[patch.crates-io]\nlinkme = { path = "vendor/linkme" }', patched=None)
    # The objects stay.
    env = {"CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": "-Csave-temps", "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1"}
    words = ("build", "--release", "--workspace", "--target", UNKNOWN, "--config", "profile.release.strip=true")
    done = cargo(project, *words, config=config, env=env)
    assert done.returncode == 0, done.stderr
    return project / "target" / UNKNOWN / "release"


def test_names_depend_on_no_path_and_are_unique(tmp_path: Path) -> None:
    here, there = build_at(tmp_path / "here"), build_at(tmp_path / "there" / "and deeper")
    names = markers(here / "deps")
    assert len(names) > 400
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert [name for name in names if "/" in name] == []
    assert sorted(names) == sorted(markers(there / "deps"))
    modules = sorted(path.name for path in here.glob("*.wasm"))
    assert modules == sorted(f"{name}.wasm" for name in (*SAME, *OURS))
    for module in modules:
        assert (here / module).read_bytes() == (there / module).read_bytes(), module


# 8. Slices without procedural macros


@pytest.fixture
def rules(ours: Kind) -> Kind:
    return Kind("rules", ours.folder.with_name("linkme-rules"))


RULES = '[1, 10, 100, 1000, 1001] [4, 8] ["in a function", "in the program"] [] [6] 16\n'


@pytest.mark.parametrize("target", ["host", WASIP1])
def test_rules_have_attributes_and_visibilities(target: str, rules: Kind, tmp_path: Path) -> None:
    project = rules.copy_of("rules", configuration(patched="linkme-rules"))
    done = rules.cargo(project, "build", *(() if target == "host" else ("--target", target)))
    assert done.returncode == 0, done.stderr
    if target == "host":
        assert check([rules.target / "debug" / "rules-program"]).stdout == RULES
    else:
        assert run_wasi(rules.target / WASIP1 / "debug" / "rules-program.wasm", directory=tmp_path) == RULES


# By program: which code in which line.
BAD_RULES = {
    "coercion": [("E0308", 6)],
    "function_of_one_lifetime": [("E0308", 5)],
    "function_of_other_type": [("E0308", 6)],
    "no_path": [(None, 2)],
    "no_slice": [("E0308", 4), ("E0425", 5)],
    "not_sync": [("E0277", 6)],
    "private": [("E0603", 8)],
    "second_of_two": [("E0308", 11), ("E0423", 12)],
    "wrong_type": [("E0308", 6)],
    "wrong_value": [("E0308", 6)],
    "zero_sized": [("E0080", 1)],
}


@pytest.mark.parametrize("target", [(), ("--target", UNKNOWN)])
def test_bad_rules_do_not_compile(target: tuple[str, ...], rules: Kind) -> None:
    project = rules.copy_of("rules-ui", configuration(patched="linkme-rules"))
    found = errors_of(rules, project, *target)
    assert {name: [(code, line) for ((_, line, _),), code, _ in errors] for name, errors in found.items()} == BAD_RULES


# 9. Costs


def test_an_empty_slice_costs_as_much_as_an_array(ours: Kind) -> None:
    done = ours.cargo(ours.copy_of("empty"), "build", "--release", "--target", UNKNOWN)
    assert done.returncode == 0, done.stderr
    folder = ours.target / UNKNOWN / "release"
    array, ours_ = (folder / f"empty_{name}.wasm" for name in ("array", "slice"))
    assert {"count", "sum"} <= export_names(array) & export_names(ours_)
    assert ours_.stat().st_size < array.stat().st_size + 200
