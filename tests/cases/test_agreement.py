"""The recorder and an eager loop that looks at everything agree on step, phase and place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.case import MODES, Case, Mode
from tests.cases.catalogue import ALL
from tests.cases.oracle import first_failure
from tests.cases.recorded import first_trouble, record

EVERY = [(case, mode) for case in ALL for mode in MODES]
# Every third program in one mode, the modes in turn; the whole takes minutes.
QUICK = {(case.name, list(MODES)[i % len(MODES)]) for i, case in enumerate(ALL[::3])}
SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("case", "mode"),
    [
        pytest.param(
            case,
            mode,
            id=f"{case.name}, {mode}",
            marks=() if (case.name, mode) in QUICK else SLOW,
        )
        for case, mode in EVERY
        if case.runs(mode)
    ],
)
def test_step_phase_and_place_are_those_that_the_oracle_finds(
    case: Case, mode: Mode, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    truth = first_failure(case.training()) if mode not in case.otherwise else case.expected(mode)
    assert truth == case.expected(mode)

    recording = record(case.training(), mode, tmp_path)

    assert first_trouble(recording) == truth
    said = [line for line in capfd.readouterr().err.splitlines() if "NaNMonitor" in line]
    if recording.trouble is None or truth is None:
        assert said == []
    else:
        assert said == [
            f"NaNMonitor: step {truth.step}, {truth.phase}: {recording.trouble.sentence()}. "
            f"Why: tb-nan analyze {tmp_path}"
        ]


@pytest.mark.parametrize("case", [case for case in ALL if case.otherwise], ids=lambda c: c.name)
def test_what_a_compiled_step_does_otherwise_it_does_only_there(case: Case) -> None:
    assert first_failure(case.training()) == case.failure


@SLOW
@pytest.mark.parametrize("case", [case for case in ALL if case.twin], ids=lambda c: c.name)
def test_the_repaired_twin_stays_finite(case: Case, tmp_path: Path) -> None:
    assert first_failure(case.training(fixed=True)) is None
    assert first_trouble(record(case.training(fixed=True), "graph", tmp_path)) is None
