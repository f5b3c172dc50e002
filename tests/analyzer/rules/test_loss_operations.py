"""The causes of a loss that broke on finite predictions, against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.analyzer.rules.trainings import ROWS, cause_of, features, judged, line, stack

X = features()
Y = line(X)
PART = slice(5 * ROWS, 6 * ROWS)  # the batch of step 5


def with_batch(y: Any, value: float) -> Any:
    changed = y.copy()
    changed[PART] = value
    return changed


def with_cell(y: Any, value: float) -> Any:
    changed = y.copy()
    changed[PART.start] = value
    return changed


def marked(y: Any) -> Any:
    """Targets of which every second is to be ignored, and all of one batch."""
    changed = np.abs(y)
    changed[::2] = -1
    return with_batch(changed, -1)


def masked(floor: float) -> Any:
    def loss(target: Any, predicted: Any) -> Any:
        counts = tf.cast(tf.not_equal(target, -1.0), tf.float32)
        errors = counts * tf.square(target - predicted)
        return tf.reduce_sum(errors) / tf.maximum(tf.reduce_sum(counts), floor)

    return loss


def relative(floor: float) -> Any:
    def loss(target: Any, predicted: Any) -> Any:
        return tf.reduce_mean(tf.abs(target - predicted) / tf.maximum(target, floor))

    return loss


def correlation(floor: float) -> Any:
    def loss(target: Any, predicted: Any) -> Any:
        t, p = target - tf.reduce_mean(target), predicted - tf.reduce_mean(predicted)
        spread = tf.reduce_sum(t * t) * tf.reduce_sum(p * p) + floor
        return 1 - tf.reduce_sum(t * p) / tf.sqrt(spread)

    return loss


def overlap(floor: float) -> Any:
    def loss(target: Any, predicted: Any) -> Any:
        both = 2 * tf.reduce_sum(target * predicted)
        return 1 - both / (tf.reduce_sum(target) + tf.reduce_sum(predicted) + floor)

    return loss


def poisson(limit: float) -> Any:
    def loss(target: Any, predicted: Any) -> Any:
        rate = tf.minimum(predicted, limit)
        return tf.reduce_mean(tf.exp(rate) - target * rate)

    return loss


def rooted(floor: float) -> Any:
    def loss(target: Any, predicted: Any) -> Any:
        return tf.reduce_mean(tf.abs(target - tf.sqrt(tf.maximum(predicted, floor))))

    return loss


def dense(activation: str = "linear", bias: Any = "zeros", kernel: Any = "glorot_uniform") -> Any:
    start = {"bias_initializer": bias, "kernel_initializer": kernel}
    return stack(keras.layers.Dense(1, activation, name="last", **start))


DEAD = keras.initializers.Constant(-50.0)
HIGH = keras.initializers.Constant(5.0)
COUNTS = np.abs(Y) + np.float32(0.5)
MASKS = (np.abs(Y) > 0.3).astype(np.float32)
UP = X.copy()
UP[PART] = 200 * np.sign(X[PART])
RATE = keras.initializers.Constant(80.0)  # the exponent of a rate near the end of float32
RISING = X.copy()
RISING[PART] = 3.0  # no outlier, but together they lift the exponent above 88.7

PROGRAMS = [
    pytest.param("empty-loss", masked, 0.0, 1.0, dense, X, marked(Y), id="all ignored"),
    pytest.param(
        "loss-division-by-zero", relative, 0.0, 0.1, dense, X, with_cell(COUNTS, 0.0), id="target 0"
    ),
    pytest.param(
        "loss-division-by-zero",
        correlation,
        0.0,
        1e-3,
        dense,
        X,
        with_batch(Y, 0.7),
        id="a batch of one target",
    ),
    pytest.param(
        "loss-division-by-zero",
        overlap,
        0.0,
        1.0,
        lambda: dense("relu", DEAD),
        X,
        with_batch(MASKS, 0.0),
        id="two empty masks",
    ),
    pytest.param(
        "loss-overflow",
        poisson,
        1e9,
        20.0,
        lambda: dense(bias=RATE, kernel="ones"),
        RISING,
        COUNTS,
        id="exp",
    ),
    pytest.param(
        "loss-invalid-operation",
        rooted,
        -1e9,
        1e-3,
        lambda: dense(bias=HIGH),
        UP,
        COUNTS,
        id="root",
    ),
]


@pytest.mark.parametrize(("cause", "loss", "bad", "good", "model", "x", "y"), PROGRAMS)
def test_names_what_broke_the_loss(
    cause: str, loss: Any, bad: float, good: float, model: Any, x: Any, y: Any, tmp_path: Path
) -> None:
    slow = keras.optimizers.SGD(0.0 if loss is poisson else 1e-4)

    found = judged(tmp_path, model(), x, y, loss=loss(bad), optimizer=slow)

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.phase) == (5, "loss")
    assert cause_of(found) == cause


@pytest.mark.parametrize(("cause", "loss", "bad", "good", "model", "x", "y"), PROGRAMS)
def test_the_guarded_loss_is_no_finding(
    cause: str, loss: Any, bad: float, good: float, model: Any, x: Any, y: Any, tmp_path: Path
) -> None:
    slow = keras.optimizers.SGD(0.0 if loss is poisson else 1e-4)

    found = judged(tmp_path, model(), x, y, loss=loss(good), optimizer=slow)

    assert found.first_nonfinite is None
    assert cause_of(found) is None


def test_zeros_among_targets_that_did_no_harm_before_are_not_blamed(tmp_path: Path) -> None:
    def breaks_late(target: Any, predicted: Any) -> Any:
        late = tf.reduce_max(target) > 90
        return tf.where(late, np.inf, tf.reduce_mean(tf.square(target - predicted)))

    y = with_cell(np.maximum(COUNTS - 1, 0), 99.0)
    y[PART.start + 1] = 0

    assert cause_of(judged(tmp_path, dense(), X, y, loss=breaks_late)) == "unknown"
