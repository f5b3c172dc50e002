"""`layer-log-of-zero`, `layer-division-by-zero` and `layer-invalid-operation`, against each other.

Each layer here is finite for most rows and breaks on one; its repaired twin is the same layer with
a guard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.analyzer.rules.trainings import ROWS, cause_of, features, judged, line, stack

X = features()
POSITIVE = np.abs(X) + np.float32(0.1)
Y = line(X)


class Own(keras.layers.Layer):  # type: ignore[misc]
    """A layer of the user's own that computes one function."""

    def __init__(self, function: Any) -> None:
        super().__init__(name="own")
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


def with_row(x: Any, value: float, step: int = 4) -> Any:
    rows = x.copy()
    rows[step * ROWS + 3] = value
    return rows


def on_inputs(function: Any) -> Any:
    return stack(Own(function), keras.layers.Dense(1, name="last"))


def after(activation: str, function: Any) -> Any:
    """The function of what a saturating or dead hidden layer gives."""
    dead = keras.initializers.Constant(-300.0)
    hidden = keras.layers.Dense(6, activation, bias_initializer=dead, name="first")
    return stack(hidden, Own(function), keras.layers.Dense(1, name="last"))


def entropy(p: Any) -> Any:
    return -p * tf.math.log(p)


def share(x: Any) -> Any:
    return x / tf.reduce_sum(x, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("model", "x", "cause"),
    [
        pytest.param(
            lambda: on_inputs(tf.math.log), with_row(POSITIVE, 0), "layer-log-of-zero", id="log(0)"
        ),
        pytest.param(
            lambda: after("sigmoid", entropy), X, "layer-log-of-zero", id="0 log(0) of a sigmoid"
        ),
        pytest.param(
            lambda: on_inputs(lambda x: 1 / x),
            with_row(POSITIVE, 0),
            "layer-division-by-zero",
            id="1/0",
        ),
        pytest.param(
            lambda: after("relu", share), X, "layer-division-by-zero", id="0/0 of dead units"
        ),
        pytest.param(
            lambda: on_inputs(tf.sqrt), with_row(POSITIVE, -1), "layer-invalid-operation", id="sqrt"
        ),
        pytest.param(
            lambda: stack(keras.layers.Dense(6), Own(tf.math.log), keras.layers.Dense(1)),
            X,
            "layer-invalid-operation",
            id="log of negative",
        ),
    ],
)
def test_names_the_operation(model: Any, x: Any, cause: str, tmp_path: Path) -> None:
    found = judged(tmp_path, model(), x, Y)

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.phase, found.first_nonfinite.where) == ("forward", "own")
    assert cause_of(found) == cause


@pytest.mark.parametrize(
    ("model", "x"),
    [
        pytest.param(lambda: on_inputs(tf.math.log1p), with_row(POSITIVE, 0), id="log1p"),
        pytest.param(
            lambda: on_inputs(lambda x: tf.math.divide_no_nan(1.0, x)),
            with_row(POSITIVE, 0),
            id="divide_no_nan",
        ),
        pytest.param(
            lambda: on_inputs(lambda x: tf.sqrt(tf.nn.softplus(x))),
            with_row(POSITIVE, -1),
            id="a root of softplus",
        ),
    ],
)
def test_the_repaired_layer_is_healthy(model: Any, x: Any, tmp_path: Path) -> None:
    found = judged(tmp_path, model(), x, Y, optimizer=keras.optimizers.SGD(1e-3))

    assert found.first_nonfinite is None
    assert cause_of(found) is None


def test_a_lambda_is_code_of_the_users_own(tmp_path: Path) -> None:
    layer = keras.layers.Lambda(lambda x: tf.math.log(x), name="own")
    model = stack(layer, keras.layers.Dense(1))

    assert cause_of(judged(tmp_path, model, with_row(POSITIVE, 0), Y)) == "layer-log-of-zero"


def test_an_exp_that_overflows_is_no_division(tmp_path: Path) -> None:
    found = judged(tmp_path, on_inputs(tf.exp), with_row(POSITIVE, 120), Y)

    assert cause_of(found) == "layer-overflow"


def test_nan_out_of_numbers_of_both_signs_may_be_a_root_or_a_division(tmp_path: Path) -> None:
    first = keras.layers.Dense(4, use_bias=False, name="first")
    model = stack(first, Own(lambda x: x * (x / x)), keras.layers.Dense(1))

    found = judged(tmp_path, model, with_row(X, 0.0), Y)

    assert found.first_nonfinite is not None
    assert found.first_nonfinite.step == 4
    assert cause_of(found) == "unknown"
