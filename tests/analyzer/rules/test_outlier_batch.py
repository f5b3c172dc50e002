"""`outlier-batch` fires on one batch far outside of the others, where training broke on it."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.analyzer.rules.trainings import (
    ROWS,
    Floats,
    cause_of,
    features,
    judged,
    line,
    perceptron,
)

X = features(30)


def with_row(value: float, step: int = 20) -> Floats:
    x = X.copy()
    x[step * ROWS + 3, 1] = value
    return x


@pytest.mark.parametrize(("value", "step"), [(1e12, 20), (-1e15, 1)])
def test_a_row_in_a_wrong_unit(value: float, step: int, tmp_path: Path) -> None:
    model = perceptron(activation="relu")

    found = judged(tmp_path, model, with_row(value, step), line(X))

    assert cause_of(found) == "outlier-batch"


def test_a_target_that_was_coded_as_a_huge_number(tmp_path: Path) -> None:
    y = line(X)
    y[18 * ROWS] = 1e25

    found = judged(tmp_path, perceptron(), X, y)

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.phase) == (18, "loss")
    assert cause_of(found) == "outlier-batch"


def test_the_same_training_with_that_row_clipped_is_healthy(tmp_path: Path) -> None:
    model = perceptron(activation="relu")

    found = judged(tmp_path, model, with_row(3.0), line(X))

    assert found.status == "healthy"


def test_an_outlier_that_training_survives_is_no_finding(tmp_path: Path) -> None:
    found = judged(tmp_path, perceptron(), with_row(1e12), line(X))

    assert cause_of(found) is None  # tanh bounds it


def test_heavy_tailed_features_are_no_finding(tmp_path: Path) -> None:
    x = np.random.default_rng(2).standard_t(2, size=X.shape).astype(np.float32)

    found = judged(tmp_path, perceptron(), x, line(X))

    assert cause_of(found) is None


def test_a_rate_that_is_too_high_is_blamed_although_batches_differ(tmp_path: Path) -> None:
    x = np.random.default_rng(2).standard_t(4, size=X.shape).astype(np.float32)
    model = perceptron(activation="linear")

    found = judged(tmp_path, model, x, line(X), optimizer=keras.optimizers.SGD(50.0))

    assert cause_of(found) == "learning-rate-too-high"
