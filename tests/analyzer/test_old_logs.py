"""Logs that the stock Keras callback really wrote, with no health record beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from analyzer import read
from analyzer.analysis import Analysis
from analyzer.averages import epochs_of, of_each_batch
from analyzer.labels import labels_of
from analyzer.report import analyze
from tb_nan_plugin.signals import Phase
from tests.analyzer import trainings

PROGRAMS: dict[str, Callable[[Path], None]] = {
    "nan in row 85": trainings.nan_in_row(85),
    "nan hidden by relu": trainings.nan_in_row(
        85, "relu", callback={"histogram_freq": 1}, epochs=3
    ),
    "every third batch": trainings.nan_in_row(85, callback={"update_freq": 3}, epochs=2),
    "epochs only": trainings.nan_in_row(85, callback={"update_freq": "epoch"}, epochs=2),
    "four batches a call": trainings.nan_in_row(
        85, steps_per_execution=2, validation=trainings.data()
    ),
    "high rate": trainings.high_rate,
    "unscaled features": trainings.unscaled_features,
    "unscaled target": trainings.unscaled_target,
    "outlier": trainings.outlier,
    "bad schedule": trainings.bad_schedule,
    "bad validation rows": trainings.bad_validation_rows,
    "bad statistics": trainings.bad_statistics,
    "infinite batch": trainings.infinite_batch,
    "monitored": trainings.monitored,
    "healthy": trainings.healthy,
}
CAUSES = {
    "monitored": "nonfinite-input",
    "high rate": "learning-rate-too-high",
    "bad schedule": "nonfinite-learning-rate",
    "bad validation rows": "nonfinite-validation-data",
    "bad statistics": "nonfinite-statistics",
}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    directory = tmp_path_factory.mktemp("logs")
    for name, program in PROGRAMS.items():
        keras.utils.set_random_seed(1)
        program(directory / name)
    return directory


def on(logs: Path, name: str) -> Analysis:
    (analysis,) = analyze(logs / name).analyses
    return analysis


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_cause_is_named_but_the_one_that_is_true(name: str, logs: Path) -> None:
    verdict = on(logs, name).verdict

    if name == "healthy":
        assert verdict is None
    else:
        assert verdict is not None
        assert verdict.cause == CAUSES.get(name, "unknown")
        if name != "monitored":
            assert verdict.confidence <= 0.9
            assert verdict.missing


def test_a_row_is_found_in_its_batch_which_keras_counts_from_1(logs: Path) -> None:
    first = on(logs, "nan in row 85").first_nonfinite

    assert first is not None
    batch = 85 // trainings.BATCH  # counted from 0
    assert (first.tag, first.step, first.last_finite_step) == ("batch_loss", batch + 1, batch)
    assert first.earliest_step == first.step
    verdict = on(logs, "nan in row 85").verdict
    assert verdict is not None
    assert f"counted from 0 it is batch {batch}." in verdict.summary


def test_steps_that_were_not_written_are_said_to_be_possible(logs: Path) -> None:
    analysis = on(logs, "every third batch")
    first = analysis.first_nonfinite

    assert first is not None
    assert analysis.verdict is not None
    assert (first.last_finite_step, first.earliest_step, first.step) == (3, 4, 6)
    assert "it began in one of the steps 4 to 6." in analysis.verdict.summary
    assert analysis.verdict.missing[0] == "the loss of every batch: TensorBoard(update_freq=1)"


def test_an_epoch_says_that_one_of_its_batches_was_bad(logs: Path) -> None:
    analysis = on(logs, "epochs only")

    assert analysis.first_nonfinite is not None
    assert (analysis.first_nonfinite.tag, analysis.first_nonfinite.step) == ("epoch_loss", 0)
    assert analysis.verdict is not None
    assert "a mean over the whole epoch 0" in analysis.verdict.summary


def test_a_call_of_several_batches_is_an_interval(logs: Path) -> None:
    verdict = on(logs, "four batches a call").verdict

    assert verdict is not None
    assert "it is one of the batches 4 to 5, counted from 0." in verdict.summary


def test_nan_weights_under_a_finite_loss_are_seen_in_the_histograms(logs: Path) -> None:
    analysis = on(logs, "nan hidden by relu")
    losses = analysis.run.scalars["batch_loss"].values
    if not np.isfinite(losses).all():
        pytest.skip("this build of TensorFlow does not hide a NaN behind ReLU")

    assert analysis.status == "silent"
    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.phase is Phase.WEIGHTS
    assert (analysis.first_nonfinite.step, analysis.first_nonfinite.earliest_step) == (0, 0)
    assert analysis.first_nonfinite.tag.endswith("/kernel/histogram")


def test_one_infinite_batch_is_told_from_a_broken_model(logs: Path) -> None:
    analysis = on(logs, "infinite batch")
    first, verdict = analysis.first_nonfinite, analysis.verdict

    assert first is not None
    assert verdict is not None
    assert analysis.status == "recovered"
    assert (first.step, first.kind) == (4, "inf")
    assert "so that the weights were finite" in verdict.summary
    assert "one bad batch makes all later points of its epoch bad" in verdict.summary
    assert np.isfinite(analysis.run.scalars["batch_loss"].at(11) or np.nan)


def test_validation_is_judged_with_its_training_and_told_apart(logs: Path) -> None:
    analysis = on(logs, "bad validation rows")

    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.phase is Phase.VALIDATION
    assert analysis.first_nonfinite.part == "validation"
    assert [name for name, _ in analysis.parts] == ["train", "validation"]


def test_what_a_monitor_wrote_and_what_keras_wrote_is_one_training(logs: Path) -> None:
    analysis = on(logs, "monitored")

    assert [name for name, _ in analysis.parts][:2] == [".", "train"]
    assert analysis.first_nonfinite is not None
    assert (analysis.first_nonfinite.step, analysis.first_nonfinite.axis) == (5, "step")
    assert analysis.run.scalars["batch_loss"].steps[-1] == 6


def test_a_running_mean_is_taken_apart_into_what_each_batch_had(tmp_path: Path) -> None:
    import keras

    class Spy(keras.Sequential):  # type: ignore[misc]
        def compute_loss(self, *args: object, **named: object) -> object:
            loss = super().compute_loss(*args, **named)
            seen.append(float(loss))
            return loss

    seen: list[float] = []
    made = Spy([keras.layers.Input((4,)), keras.layers.Dense(1)])
    trainings.train(tmp_path, made, trainings.data(), run_eagerly=True)
    run = read(tmp_path)["train"]
    labels = labels_of(run)
    epochs = epochs_of(run, labels, labels.of["batch_loss"])

    assert epochs is not None
    assert (epochs.length, epochs.finished, epochs.running) == (10, 3, True)
    parted = of_each_batch(run.scalars["batch_loss"], epochs)
    np.testing.assert_allclose(parted.values, seen, rtol=1e-3, atol=1e-5)
    assert not np.allclose(run.scalars["batch_loss"].values, seen, rtol=1e-2)
