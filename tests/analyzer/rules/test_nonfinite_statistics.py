"""`nonfinite-statistics` fires on moving averages that go bad while training looks sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from analyzer.findings import RuledOut
from analyzer.rules.nonfinite_statistics import RULE
from tests.analyzer.failures import failure
from tests.analyzer.rules.trainings import cause_of, features, judged, line, stack

X = features()


def normalized(moving_variance: float = 1.0) -> Any:
    model = stack(keras.layers.BatchNormalization(name="norm"), keras.layers.Dense(1, name="last"))
    gamma, beta, mean, variance = model.get_layer("norm").get_weights()
    variance[1] = moving_variance
    model.get_layer("norm").set_weights([gamma, beta, mean, variance])
    return model


def test_a_batch_whose_variance_overflows_is_kept_for_ever(tmp_path: Path) -> None:
    x = X.copy()
    x[30, 2] = 1e25

    found = judged(tmp_path, normalized(), x, line(X))

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.phase) == (3, "update")
    assert found.first_nonfinite.where == "norm/moving_variance"
    assert cause_of(found) == "nonfinite-statistics"
    assert found.status == "silent"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_checkpoint_with_a_bad_moving_average(value: float, tmp_path: Path) -> None:
    found = judged(tmp_path, normalized(value), X, line(X))

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.phase) == (0, "weights")
    assert cause_of(found) == "nonfinite-statistics"


def test_a_layer_that_was_adapted_to_data_with_nan(tmp_path: Path) -> None:
    x = X.copy()
    x[3, 0] = np.nan
    layer = keras.layers.Normalization(name="norm")
    layer.adapt(x)

    found = judged(tmp_path, stack(layer, keras.layers.Dense(1)), X, line(X))

    assert cause_of(found) == "nonfinite-statistics"


def test_batch_normalization_of_ordinary_data_is_healthy(tmp_path: Path) -> None:
    assert judged(tmp_path, normalized(), X, line(X)).status == "healthy"


def test_a_trained_weight_that_went_bad_first_is_another_cause() -> None:
    assert isinstance(RULE.check(failure("nonfinite-learning-rate")), RuledOut)
