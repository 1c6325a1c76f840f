"""The example of the README, as it stands in `toolchains/rust/examples`, with no configuration but its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.harness import custom_section_names, export_names
from tests.rust import ROOT, WASIP1, cargo, exclusively, run_wasi

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = ROOT / "toolchains" / "rust" / "examples" / "commands"
HELP = """\
reverse  its words from the last to the first
sum      the sum of its numbers
upper    its words in capital letters
help     this list
"""


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.getbasetemp().parent / "example-target"
    with exclusively():
        done = cargo(EXAMPLE, "build", "--locked", "--target", WASIP1, target_dir=target)
        assert done.returncode == 0, done.stderr
        return target / WASIP1 / "debug" / "commands.wasm"


def test_commands_of_three_crates_run(commands: Path, tmp_path: Path) -> None:
    assert run_wasi(commands, "sum", "1", "2", "39", directory=tmp_path) == "42\n"
    assert run_wasi(commands, "upper", "a", "b", directory=tmp_path) == "A B\n"
    assert run_wasi(commands, "reverse", "a", "b", directory=tmp_path) == "b a\n"


def test_the_list_of_commands_fills_itself_and_has_help_last(commands: Path, tmp_path: Path) -> None:
    *others, last = run_wasi(commands, directory=tmp_path).splitlines(keepends=True)
    assert "".join([*sorted(others), last]) == HELP


def test_nothing_of_the_registry_is_seen_from_outside(commands: Path) -> None:
    assert export_names(commands) == {"memory", "_start", "__main_void"}
    assert not [name for name in custom_section_names(commands) if "linkme" in name or "ldshim" in name]


def test_the_example_runs_on_the_host_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    shutil.copytree(EXAMPLE, folder)
    (folder / ".cargo" / "config.toml").unlink()
    (folder / "Cargo.lock").unlink()
    done = cargo(folder, "run", "--quiet", "--", "sum", "40", "2")
    assert done.stdout == "42\n", done.stderr
