"""The recorder finds the very failure that an eager loop finds which looks at everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tb_nan_plugin import NaNMonitor
from tb_nan_plugin.signals import Phase
from tests.tb_nan_plugin.keras.oracle import Failure, Oracle, batches_of
from tests.tb_nan_plugin.keras.programs import BATCH, FAILING, Program
from tests.tb_nan_plugin.recordings import read

MODES: dict[str, dict[str, Any]] = {
    "graph": {},
    "xla": {"jit_compile": True},
    "eager": {"run_eagerly": True},
    "four at once": {"steps_per_execution": 4},
}
# Every program runs in graph mode; the other modes repeat one of each sort.
REPEATED = {
    "xla": ("NaN in one cell", "NaN in the weights", "exp that", "learning rate Inf"),
    "eager": ("Inf in one cell", "slope of", "learning rate Inf"),
    "four at once": ("NaN in one target", "logarithm", "Adam"),
}
CASES = [
    pytest.param(program, mode, id=f"{program.name}, {mode}")
    for mode in MODES
    for program in FAILING
    if mode == "graph" or program.name.startswith(REPEATED[mode])
]


def failure_of(program: Program) -> Failure | None:
    batches = batches_of(program.x, program.y, BATCH)
    return Oracle(program.model(), program.loss, program.optimizer()).train(batches).failure


def record(program: Program, mode: str, log_dir: Path, **options: Any) -> None:
    model = program.model()
    how = {"jit_compile": False, **MODES[mode]}
    model.compile(program.optimizer(), program.loss, **how)
    monitor = NaNMonitor(log_dir, **options)
    arrays = {"x": program.x, "y": program.y, "batch_size": BATCH}
    model.fit(**arrays, shuffle=False, verbose=0, callbacks=[monitor])


@pytest.mark.parametrize(("program", "mode"), CASES)
def test_step_phase_and_place_are_those_that_the_oracle_finds(
    program: Program, mode: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    truth = failure_of(program)
    assert truth is not None
    assert truth.phase == program.phase

    record(program, mode, tmp_path)

    found = read(tmp_path).trouble
    assert found is not None
    assert Failure(found.step, found.phase.value, found.where) == truth
    said = [line for line in capfd.readouterr().err.splitlines() if "NaNMonitor" in line]
    assert said == [
        f"NaNMonitor: step {truth.step}, {truth.phase}: {found.sentence()}. "
        f"Why: tb-nan analyze {tmp_path}"
    ]


def test_the_update_of_the_very_last_step_is_looked_at(tmp_path: Path) -> None:
    program = replace(FAILING[9], x=FAILING[9].x[:BATCH], y=FAILING[9].y[:BATCH])

    record(program, "graph", tmp_path)

    found = read(tmp_path).trouble
    assert found is not None
    assert (found.step, found.phase, found.where) == (0, Phase.UPDATE, "first/kernel")


def test_the_loss_may_stay_finite_to_the_end_although_the_data_is_bad(tmp_path: Path) -> None:
    record(FAILING[0], "graph", tmp_path)

    recording = read(tmp_path)
    assert np.isfinite(recording.series("loss")).all()
    assert recording.series("input_nan", "feature 2").tolist() == [0, 0, 1, 0, 0, 0]
    assert recording.series("weight_nan", "first/kernel").any()
