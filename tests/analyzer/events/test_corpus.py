"""Real event files of other people's runs, against what is known to be in each."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.events.records import FileRecords
from analyzer.events.scanner import read_file

CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
TRUTH = CORPUS / "truth.json"

pytestmark = [
    pytest.mark.usefixtures("twin"),
    pytest.mark.corpus,
    pytest.mark.skipif(
        not TRUTH.is_file(), reason="the corpus of real event files is not beside this checkout"
    ),
]


def truths() -> list[Any]:
    if not TRUTH.is_file():
        return []
    known: list[Any] = json.loads(TRUTH.read_text())
    return known


def kind(number: float) -> str:
    if math.isnan(number):
        return "nan"
    return "inf" if number > 0 else "-inf"


def first_nonfinite(records: FileRecords) -> dict[str, dict[str, object]]:
    found = {}
    for tag, columns in records.scalars.items():
        (bad,) = np.nonzero(~np.isfinite(columns.values))
        if len(bad):
            found[tag] = {
                "index": int(bad[0]),
                "step": int(columns.steps[bad[0]]),
                "kind": kind(columns.values[bad[0]]),
                "count": len(bad),
                "points": len(columns.values),
            }
    return found


@pytest.mark.parametrize("truth", truths(), ids=lambda truth: str(truth["file"]))
def test_finds_what_is_known_of(truth: Any) -> None:
    records = read_file(CORPUS / truth["file"])

    points = sum(len(columns.values) for columns in records.scalars.values())
    others = sum(records.other_tags.values())
    assert records.state.status == truth["status"]
    assert records.state.bytes == truth["bytes"]
    assert records.events == truth["events"]
    assert len(records.scalars) == truth["tags"]
    assert points == truth["points"]
    assert points + others == sum(truth["dialects"].values())
    assert first_nonfinite(records) == truth["first_nonfinite"]
