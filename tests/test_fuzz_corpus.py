"""Each input that fuzzing kept, and each that once did harm, is read or refused, soon and with little memory.

`scripts/abuse/fuzz` finds them; tests/corpus has an archive of them for each target of tests/fuzz_targets.py.
"""

from __future__ import annotations

import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from tests.fuzz_targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
# An input takes milliseconds; a machine that does much else may take its time.
SECONDS = 5
# What a link takes before it has read anything, and what it may take for each byte.
MEMORY, FACTOR = 2_000_000, 10


def inputs(target: str) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(CORPUS / f"{target}.zip") as packed:
        return [(name, packed.read(name)) for name in packed.namelist()]


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_that_were_worth_keeping(target: str) -> None:
    found = inputs(target)
    assert len(found) >= 10
    run = TARGETS[target]
    run(b"")  # what is imported is no input's
    for name, data in found:
        begin = time.process_time()
        run(data)
        assert time.process_time() - begin < SECONDS, name
    tracemalloc.start()
    try:
        for name, data in found:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            run(data)
            assert tracemalloc.get_traced_memory()[1] - before < MEMORY + FACTOR * len(data), name
    finally:
        tracemalloc.stop()


def test_the_corpus_is_small() -> None:
    assert {path.stem for path in CORPUS.iterdir()} == set(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.iterdir()) < 300_000
