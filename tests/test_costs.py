"""The benchmarks run, and what the documents say of costs is what they measured."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "scripts" / "bench" / "run", *words], capture_output=True, text=True, check=False)


def test_the_tables_and_charts_are_those_of_the_measurements() -> None:
    done = bench("report", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_figure_can_be_measured_again_by_one_command(tmp_path: Path) -> None:
    done = bench("link", "nothing-c", "--quick", "--work", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "C, four small files, nothing to do" in done.stdout
