"""Small trainings whose failure is known, and some that are sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

BATCH = 8
STEPS = 6
SQUARED = keras.losses.MeanSquaredError()


class Exponential(keras.layers.Layer):  # type: ignore[misc]
    """An unguarded exp."""

    def call(self, x: Any) -> Any:
        return tf.exp(x)


class Length(keras.layers.Layer):  # type: ignore[misc]
    """The Euclidean length of each row, whose slope at 0 is 0/0."""

    def call(self, x: Any) -> Any:
        return tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True))


def cross_entropy(target: Any, p: Any) -> Any:
    """As one writes it by hand: the logarithm of a prediction that may be 0 or 1."""
    target = tf.cast(target, p.dtype)
    return -tf.reduce_mean(target * tf.math.log(p) + (1 - target) * tf.math.log(1 - p))


@dataclass(frozen=True)
class Program:
    """A training that can be run twice, once recorded and once by the oracle.

    Attributes:
        name: What is wrong with it.
        phase: Where it shows first.
        x: Inputs, or inputs by name.
        y: Targets.
        model: Makes the model, with the same weights every time.
        optimizer: Makes the optimizer.
        loss: From targets and predictions to a number.
    """

    name: str
    phase: str
    x: Any
    y: Any
    model: Callable[[], Any]
    optimizer: Callable[[], Any]
    loss: Callable[[Any, Any], Any]


def table(width: int = 4) -> Any:
    return np.random.default_rng(1).normal(size=(BATCH * STEPS, width)).astype(np.float32)


def with_cell(value: float, row: int, column: int, width: int = 4) -> Any:
    array = table(width)
    array[row, column] = value
    return array


def regression(width: int = 4, hidden: Any = None, last: str = "linear", **first: Any) -> Any:
    """Two dense layers, with something between them."""
    keras.utils.set_random_seed(7)
    between = [] if hidden is None else [hidden]
    return keras.Sequential(
        [
            keras.Input((width,)),
            keras.layers.Dense(5, name="first", **{"activation": "relu", **first}),
            *between,
            keras.layers.Dense(1, activation=last, name="last"),
        ]
    )


def poisoned() -> Any:
    model = regression()
    kernel, *others = model.get_weights()
    kernel[2, 3] = np.nan
    model.set_weights([kernel, *others])
    return model


def people() -> Any:
    """Inputs by name."""
    keras.utils.set_random_seed(7)
    inputs = {name: keras.Input((2,), name=name) for name in ("age", "income")}
    both = keras.layers.Concatenate(name="both")(list(inputs.values()))
    return keras.Model(inputs, keras.layers.Dense(1, name="last")(both))


def sgd(rate: float = 0.01) -> Callable[[], Any]:
    return lambda: keras.optimizers.SGD(rate)


Y = table(1)
ZERO_ROW = table()
ZERO_ROW[3 * BATCH + 2] = 0
FAR = table()
FAR[4 * BATCH :] *= 1000
LABELS = (Y > 0).astype(np.float32)

FAILING = [
    Program(
        "NaN in one cell of the input",
        "input",
        with_cell(np.nan, 17, 2),
        Y,
        regression,
        sgd(),
        SQUARED,
    ),
    Program(
        "Inf in one cell of the input",
        "input",
        with_cell(np.inf, 30, 1),
        Y,
        regression,
        sgd(),
        SQUARED,
    ),
    Program(
        "NaN in one target",
        "target",
        table(),
        with_cell(np.nan, 25, 0, 1),
        regression,
        sgd(),
        SQUARED,
    ),
    Program("NaN in the weights to begin with", "weights", table(), Y, poisoned, sgd(), SQUARED),
    Program(
        "exp that overflows",
        "forward",
        FAR,
        Y,
        lambda: regression(hidden=Exponential(name="exp")),
        sgd(1e-4),
        SQUARED,
    ),
    Program(
        "logarithm of zero",
        "loss",
        FAR,
        LABELS,
        lambda: regression(last="sigmoid"),
        sgd(),
        cross_entropy,
    ),
    Program(
        "slope of a square root at zero",
        "backward",
        ZERO_ROW,
        Y,
        lambda: regression(activation="linear", use_bias=False, hidden=Length(name="length")),
        sgd(),
        SQUARED,
    ),
    Program("learning rate 1e30", "forward", table(), Y, regression, sgd(1e30), SQUARED),
    Program(
        "learning rate that throws the weights out of range",
        "update",
        100 * table(),
        Y,
        regression,
        sgd(3e38),
        SQUARED,
    ),
    Program("learning rate Inf", "update", table(), Y, regression, sgd(np.inf), SQUARED),
    Program(
        "Adam without an epsilon",
        "update",
        table() * [1, 1, 0, 1],
        Y,
        regression,
        lambda: keras.optimizers.Adam(epsilon=0.0),
        SQUARED,
    ),
    Program(
        "one NaN among 500 columns",
        "input",
        with_cell(np.nan, 13, 321, 500),
        Y,
        lambda: regression(500),
        sgd(),
        SQUARED,
    ),
    Program(
        "NaN in an input with a name",
        "input",
        {"age": table(2), "income": with_cell(np.nan, 40, 1, 2)},
        Y,
        people,
        sgd(),
        SQUARED,
    ),
]
