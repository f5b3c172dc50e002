"""Each program, really trained: it fails for the reason it claims, and its twin does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tb_nan_plugin import demos
from tb_nan_plugin.demos._demo import Demo
from tb_nan_plugin.signals import Signal
from tests.tb_nan_plugin.demos.recorded import Recorded, read

pytestmark = pytest.mark.demos
pytest.importorskip("tensorflow")

Train = Callable[..., Recorded]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train a demo, once for all tests that ask."""

    @cache
    def train(name: str, *, fixed: bool = False) -> Recorded:
        log_dir = tmp_path_factory.mktemp(name)
        demo = next(demo for demo in demos.ALL if demo.name == name)
        return read(log_dir, demo.train(str(log_dir), fixed=fixed))

    return train


@pytest.mark.parametrize("demo", demos.ALL, ids=lambda demo: demo.name)
def test_the_twin_is_finite_throughout_and_learns(demo: Demo, trained: Train) -> None:
    twin = trained(demo.name, fixed=True)
    assert twin.first_bad_step() is None
    loss = twin.history["loss"]
    assert np.isfinite(loss).all()
    assert loss[-1] < loss[0] / 4
    assert np.abs(twin.all_of(Signal.INPUT_MAX)).max() < 10
    assert np.abs(twin.all_of(Signal.INPUT_MIN)).max() < 10
    assert twin.of(Signal.LEARNING_RATE).max() <= 0.1
    assert (twin.all_of(Signal.OUTPUT_NORM) > 0).all()  # no layer is dead


def test_unscaled_features_overflow_within_steps_at_an_ordinary_rate(trained: Train) -> None:
    run = trained("unscaled-features")
    assert 2 <= run.broke_at() <= 15
    assert run.of(Signal.INPUT_MEAN, "feature 0")[0] > 1e3
    assert run.of(Signal.INPUT_MEAN, "feature 1")[0] < 10
    assert run.of(Signal.LEARNING_RATE)[0] == np.float32(0.01)
    assert np.isnan(run.history["loss"][-1])


def test_relu_output_is_dead_and_its_loss_stands_still_above_the_best_constant(
    trained: Train,
) -> None:
    run = trained("relu-output")
    assert run.first_bad_step() is None
    loss = run.history["loss"]
    assert loss[-1] == pytest.approx(loss[2], rel=1e-4)
    last = slice(-32, None)
    assert run.of(Signal.PREDICTION_MIN)[last].max() == 0
    assert run.of(Signal.PREDICTION_MAX)[last].max() == 0
    assert run.all_of(Signal.GRADIENT_NORM)[:, last].max() == 0
    assert (run.of(Signal.TARGET_MEAN, "target") < -3).all()
    assert loss[-1] > 5 * run.of(Signal.TARGET_STD, "target").max() ** 2


def test_learning_rate_makes_loss_and_weights_grow_for_steps_on_end(trained: Train) -> None:
    run = trained("learning-rate")
    bad = run.broke_at()
    assert bad >= 8
    grown = slice(1, bad)
    loss, weights = run.of(Signal.LOSS)[grown], run.all_of(Signal.WEIGHT_NORM)[:, grown]
    assert (np.diff(loss) > 0).all()
    assert (np.diff(weights.max(axis=0)) > 0).all()
    assert run.of(Signal.LEARNING_RATE).min() > 1
    assert np.abs(run.all_of(Signal.INPUT_MAX)).max() < 10
    assert not np.isfinite(run.history["loss"][-1])


def test_constant_column_is_nan_in_every_row_from_the_first_step(trained: Train) -> None:
    run = trained("constant-column")
    assert run.broke_at() == 0
    assert (run.of(Signal.INPUT_NAN, "feature 3") == run.of(Signal.BATCH_SIZE)).all()
    others = [run.of(Signal.INPUT_NAN, f"feature {i}") for i in (0, 1, 2, 4)]
    assert np.sum(others) == 0
    assert np.isnan(run.history["loss"]).all()


def test_log_of_zero_fails_in_the_loss_alone_where_a_prediction_is_exact(trained: Train) -> None:
    run = trained("log-of-zero")
    bad = run.broke_at()
    assert bad > 16
    assert not np.isfinite(run.of(Signal.LOSS)[bad])
    for stem in ("input", "target", "weight", "output"):
        assert run.counts(stem)[bad] == 0
    assert run.of(Signal.PREDICTION_ONE)[bad] + run.of(Signal.PREDICTION_ZERO)[bad] > 0
    assert run.of(Signal.LOSS)[bad - 1] < 0.1
    assert run.history["accuracy"][0] > 0.9
    assert run.history["accuracy"][-1] < 0.6  # the share of class 0: NaN is never above 0.5


def test_deep_sigmoid_stands_still_saturated_while_the_first_gradient_vanishes(
    trained: Train,
) -> None:
    run = trained("deep-sigmoid")
    assert run.first_bad_step() is None
    loss = run.history["loss"]
    assert loss[-1] > np.log(10)  # no better than a guess among ten
    assert (run.of(Signal.SATURATED_FRACTION, run_first_layer(run)) > 0.9).all()
    gradients = run.all_of(Signal.GRADIENT_NORM)  # from the last layer to the first
    assert (gradients[-2:] < 1e-3 * gradients[:2]).all()
    assert gradients[-2:].max() < 1e-3


def test_exp_layer_overflows_between_moderate_inputs_and_its_own_output(trained: Train) -> None:
    run = trained("exp-layer")
    bad = run.broke_at()
    assert bad > 32
    for stem in ("input", "target", "weight"):
        assert run.counts(stem)[bad] == 0
    infinite = {
        column.where.rstrip("_0123456789")
        for column, values in run.columns.items()
        if column.signal == Signal.OUTPUT_POSINF.value and values[bad] > 0
    }
    assert infinite == {"exponential"}
    before = [
        values[: bad + 1].max()
        for column, values in run.columns.items()
        if column.signal in {Signal.OUTPUT_NORM.value, Signal.WEIGHT_NORM.value}
        and column.where.startswith("dense")
    ]
    assert max(before) < 1e4
    assert run.history["accuracy"][0] > 0.4
    assert run.history["accuracy"][-1] == 0.0


def test_the_command_trains_and_says_nothing_but_what_concerns_the_training(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "tb_nan_plugin.demos", "log-of-zero", "--log-dir"]
    ran = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert "loss: nan" in ran.stdout
    said = [line for line in ran.stderr.splitlines() if line]
    assert len(said) == 1
    assert said[0].startswith("NaNMonitor: step ")
    assert [file for file in tmp_path.iterdir() if "tfevents" in file.name]
    assert not [file for file in tmp_path.iterdir() if file.is_dir()]


def run_first_layer(run: Recorded) -> str:
    return next(c.where for c in run.columns if c.signal == Signal.SATURATED_FRACTION.value)
