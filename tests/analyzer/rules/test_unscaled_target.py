"""`unscaled-target` fires on large targets behind a regression that went wrong."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.analyzer.rules.trainings import cause_of, features, judged, line, perceptron

X = features(40)


@pytest.mark.parametrize(("scale", "activation"), [(1e4, "relu"), (1e6, "linear")])
def test_large_targets_throw_the_weights_away(
    scale: float, activation: str, tmp_path: Path
) -> None:
    model = perceptron(activation=activation)

    found = judged(tmp_path, model, X, scale * line(X))

    assert found.first_nonfinite is not None
    assert cause_of(found) == "unscaled-target"


def test_the_same_targets_at_unit_scale_are_healthy(tmp_path: Path) -> None:
    assert judged(tmp_path, perceptron(activation="relu"), X, line(X)).status == "healthy"


def test_targets_whose_square_overflows(tmp_path: Path) -> None:
    found = judged(tmp_path, perceptron(), X, 1e22 * line(X))

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.phase) == (0, "loss")
    assert cause_of(found) == "unscaled-target"


def test_targets_that_an_adaptive_optimizer_never_reaches(tmp_path: Path) -> None:
    y = 1e5 + 1e4 * line(X)
    model = perceptron()

    found = judged(tmp_path, model, X, y, optimizer=keras.optimizers.Adam(1e-3))

    assert found.status == "unhealthy"
    assert cause_of(found) == "unscaled-target"


def test_large_targets_that_a_model_learns_are_no_finding(tmp_path: Path) -> None:
    model = perceptron(activation="linear")
    optimizer = keras.optimizers.Adam(30.0)

    found = judged(tmp_path, model, X, 1e3 * line(X), optimizer=optimizer, epochs=4)

    assert cause_of(found) is None


def test_a_high_rate_on_targets_of_unit_scale_is_the_rates_fault(tmp_path: Path) -> None:
    model = perceptron(activation="linear")

    found = judged(tmp_path, model, X, line(X), optimizer=keras.optimizers.SGD(50.0))

    assert cause_of(found) == "learning-rate-too-high"


def test_large_features_with_usual_targets_are_the_features_fault(tmp_path: Path) -> None:
    model = perceptron(activation="linear")

    found = judged(tmp_path, model, 1000 * X, line(X))

    assert cause_of(found) == "unscaled-features"


def test_class_labels_are_no_measure(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(5, dtype=np.int32) * 200, len(X) // 5)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1000)])

    found = judged(tmp_path, model, X, labels, loss=loss, optimizer=keras.optimizers.SGD(30.0))

    assert cause_of(found) != "unscaled-target"
