"""Files that a fuzzer kept, each for reaching something new: both readers, whole and in pieces."""

from __future__ import annotations

import io
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from analyzer.events import reference
from analyzer.events.event_file import EventStream
from tests.analyzer.events.test_twins import read, told
from tests.fuzz.seeds import seeds

CORPUS = Path(__file__).resolve().parents[2] / "fuzz" / "corpus"


@pytest.fixture(scope="module")
def fuzzed() -> dict[str, bytes]:
    """The files by name: those that the fuzzer began with, and those that it found."""
    return seeds() | {path.name: path.read_bytes() for path in sorted(CORPUS.iterdir())}


def in_pieces(twin: ModuleType, data: bytes, name: str) -> list[Any]:
    cuts = sorted(random.Random(name).choices(range(len(data) + 1), k=5))
    reader = EventStream(twin)
    return [reader.read(io.BytesIO(data[:cut])) for cut in [*cuts, len(data)]]


def test_the_files_are_few_and_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS.iterdir()]
    assert 100 <= len(sizes) <= 150
    assert sum(sizes) <= 200_000


def test_both_readers_say_the_same_of_every_file(
    compiled: ModuleType, fuzzed: dict[str, bytes]
) -> None:
    differing = [
        name for name, data in fuzzed.items() if read(compiled, data) != read(reference, data)
    ]
    assert differing == []


def test_both_readers_say_the_same_of_every_piece(
    compiled: ModuleType, fuzzed: dict[str, bytes]
) -> None:
    differing = [
        name
        for name, data in fuzzed.items()
        if [told(part) for part in in_pieces(compiled, data, name)]
        != [told(part) for part in in_pieces(reference, data, name)]
    ]
    assert differing == []


def test_the_pieces_of_every_file_add_up_to_the_whole(
    twin: ModuleType, fuzzed: dict[str, bytes]
) -> None:
    for name, data in fuzzed.items():
        whole, parts = EventStream(twin).read(io.BytesIO(data)), in_pieces(twin, data, name)
        assert not any(part.anew for part in parts), name
        assert parts[-1].state == whole.state, name
        assert sum(part.events for part in parts) == whole.events, name
        assert str([b for part in parts for b in part.health]) == str(whole.health), name
        assert list(dict.fromkeys(tag for part in parts for tag in part.scalars)) == list(
            whole.scalars
        ), name
        for tag, columns in whole.scalars.items():
            found = [part.scalars[tag].values for part in parts if tag in part.scalars]
            assert str(np.concatenate(found).tolist()) == str(columns.values.tolist()), name
