"""Data: what enters the step is not finite, or is out of all proportion."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.cases.case import Family, Otherwise, Training, normal
from tests.cases.models import Dense, chain, dense, image, words

DATA = Family("data")
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam


def spoiled(array: Any, *where: int, value: float = np.nan) -> Any:
    array = array.copy()
    array[where] = value
    return array


@DATA.fails("nan-in-one-cell", "nonfinite-input", (2, "input", "feature 2"))
def nan_in_one_cell(fixed: bool) -> Training:
    x = normal(96, 4)
    x = x if fixed else spoiled(x, 17, 2)
    return Training(dense(), x, normal(96, 1), SGD(0.01))


@DATA.fails("inf-in-one-cell", "nonfinite-input", (9, "input", "feature 0"))
def inf_in_one_cell(fixed: bool) -> Training:
    x = normal(96, 4)
    x = x if fixed else spoiled(x, 77, 0, value=np.inf)
    inputs = keras.Input((4,))
    hidden = Dense(5, "tanh", name="hidden")(inputs)
    joined = keras.layers.Concatenate(name="joined")([hidden, inputs])
    model = keras.Model(inputs, Dense(1, name="last")(joined))
    return Training(model, x, normal(96, 1), Adam(0.01))


@DATA.fails("log-of-zero-counts", "log-of-nonpositive-feature", (2, "input", "feature 1"))
def log_of_zero_counts(fixed: bool) -> Training:
    counts = np.random.default_rng(3).poisson(2.0, (96, 3)).astype(np.float32)
    counts[:, 0] += 1
    counts[:, 2] += 1
    with np.errstate(divide="ignore"):
        x = np.log1p(counts) if fixed else np.log(counts)
    return Training(dense(3), x, normal(96, 1), SGD(0.01))


@DATA.fails("log-of-negative-balance", "log-of-nonpositive-feature", (5, "input", "feature 3"))
def log_of_negative_balance(fixed: bool) -> Training:
    x = normal(96, 4)
    balance = np.exp(x[:, 3])
    balance[42] = -0.5
    with np.errstate(invalid="ignore"):
        x[:, 3] = np.arcsinh(balance) if fixed else np.log(balance)
    return Training(dense(activation="tanh"), x, normal(96, 1), Adam(0.01))


@DATA.fails("constant-column-standardised", "zero-variance-feature", (0, "input", "feature 3"))
def constant_column_standardised(fixed: bool) -> Training:
    x = normal(96, 5)
    x[:, 3] = 4.0
    deviation = x.std(axis=0)
    with np.errstate(invalid="ignore"):
        x = (x - x.mean(axis=0)) / (np.where(deviation > 0, deviation, 1) if fixed else deviation)
    norm = keras.layers.BatchNormalization(name="norm")
    model = chain((5,), Dense(6, name="first"), norm, Dense(1, name="last"))
    return Training(model, x, normal(96, 1), SGD(0.01))


@DATA.fails("nan-in-a-named-input", "nonfinite-input", (6, "input", "income feature 1"))
def nan_in_a_named_input(fixed: bool) -> Training:
    x = {"age": normal(96, 2), "income": normal(96, 2, seed=6)}
    if not fixed:
        x["income"][55, 1] = np.nan
    inputs = {name: keras.Input((2,), name=name) for name in x}
    both = keras.layers.Concatenate(name="both")(list(inputs.values()))
    return Training(keras.Model(inputs, Dense(1, name="last")(both)), x, normal(96, 1), SGD(0.01))


@DATA.fails("nan-in-the-second-of-two-inputs", "nonfinite-input", (3, "input", "input 1 feature 0"))
def nan_in_the_second_of_two_inputs(fixed: bool) -> Training:
    left, right = normal(96, 3), normal(96, 2, seed=6)
    right = right if fixed else spoiled(right, 31, 0)
    inputs = [keras.Input((3,), name="left"), keras.Input((2,), name="right")]
    parts = [Dense(4, "elu", name=f"{i.name}_part")(i) for i in inputs]
    model = keras.Model(inputs, Dense(1, name="last")(keras.layers.Add(name="sum")(parts)))
    return Training(model, [left, right], normal(96, 1), SGD(0.01))


@DATA.fails("nan-pixel", "nonfinite-input", (4, "input", "channel 1"))
def nan_pixel(fixed: bool) -> Training:
    x = normal(96, 6, 6, 2)
    x = x if fixed else spoiled(x, 37, 2, 3, 1)
    return Training(image(keras.layers.ReLU(name="relu")), x, normal(96, 1), SGD(0.01))


@DATA.fails("nan-in-a-sequence", "nonfinite-input", (7, "input", "feature 1"))
def nan_in_a_sequence(fixed: bool) -> Training:
    x = normal(96, 5, 3)
    x = x if fixed else spoiled(x, 60, 4, 1)
    model = chain((5, 3), keras.layers.LSTM(4, name="memory"), Dense(1, name="last"))
    return Training(model, x, normal(96, 1), Adam(0.01))


@DATA.fails("nan-in-a-wide-table", "nonfinite-input", (8, "input", "feature 217"))
def nan_in_a_wide_table(fixed: bool) -> Training:
    x = normal(96, 300)
    x = x if fixed else spoiled(x, 70, 217)
    return Training(dense(300), x, normal(96, 1), SGD(0.001))


@DATA.fails("nan-in-the-short-last-batch", "nonfinite-input", (12, "input", "feature 1"))
def nan_in_the_short_last_batch(fixed: bool) -> Training:
    x = normal(99, 4)
    x = x if fixed else spoiled(x, 98, 1)
    return Training(dense(activation="gelu"), x, normal(99, 1), SGD(0.01), fit={"epochs": 2})


def _ragged(fixed: bool) -> Any:
    rng = np.random.default_rng(4)
    rows = [rng.normal(size=rng.integers(1, 6)).astype(np.float32) for _ in range(64)]
    if not fixed:
        rows[21][0] = np.nan
    x = tf.RaggedTensor.from_row_splits(
        np.concatenate(rows), np.cumsum([0, *(len(row) for row in rows)])
    )
    return tf.data.Dataset.from_tensor_slices((x, normal(64, 1))).batch(8)


class _Pooled(keras.Model):
    """Averages rows of different lengths and goes on from there."""

    def __init__(self) -> None:
        super().__init__(name="pooled")
        self.hidden = Dense(4, "tanh", name="hidden")
        self.last = Dense(1, name="last")

    def call(self, x: Any) -> Any:
        return self.last(self.hidden(tf.reduce_mean(x, axis=1)[:, None]))


@DATA.fails(
    "nan-in-a-ragged-row",
    "nonfinite-input",
    (2, "input", "feature"),
    otherwise={"xla": Otherwise(None, "XLA cannot compile ragged tensors", runs=False)},
)
def nan_in_a_ragged_row(fixed: bool) -> Training:
    return Training(_Pooled(), _ragged(fixed), None, SGD(0.01))


@DATA.fails("nan-sample-weight", "nonfinite-input", (3, "input", "sample weight"))
def nan_sample_weight(fixed: bool) -> Training:
    weight = np.abs(normal(96))
    weight = weight if fixed else spoiled(weight, 30)
    return Training(dense(), normal(96, 4), normal(96, 1), SGD(0.01), fit={"sample_weight": weight})


@DATA.fails("nan-target", "nonfinite-target", (3, "target", "target"))
def nan_target(fixed: bool) -> Training:
    y = normal(96, 1)
    y = y if fixed else spoiled(y, 29, 0)
    return Training(dense(), normal(96, 4), y, keras.optimizers.RMSprop(0.01))


@DATA.fails("inf-target-of-one-output", "nonfinite-target", (4, "target", "size target 1"))
def inf_target_of_one_output(fixed: bool) -> Training:
    y = {"price": normal(96, 1), "size": normal(96, 2, seed=6)}
    if not fixed:
        y["size"][33, 1] = -np.inf
    inputs = keras.Input((4,))
    trunk = Dense(5, "relu", name="trunk")(inputs)
    outputs = {
        "price": Dense(1, name="price")(trunk),
        "size": Dense(2, name="size")(trunk),
    }
    loss = {"price": "mse", "size": "mae"}
    return Training(keras.Model(inputs, outputs), normal(96, 4), y, SGD(0.01), loss)


@DATA.fails("nan-target-of-words", "nonfinite-target", (10, "target", "target"))
def nan_target_of_words(fixed: bool) -> Training:
    x = np.random.default_rng(2).integers(0, 11, (96, 5)).astype(np.int32)
    y = normal(96, 1)
    y = y if fixed else spoiled(y, 80, 0)
    return Training(words(keras.layers.GRU(3, name="memory")), x, y, Adam(0.01), "huber")


@DATA.fails("income-in-euros", "unscaled-features", (2, "forward", "last"))
def income_in_euros(fixed: bool) -> Training:
    x = normal(96, 4)
    if not fixed:
        x[:, 0] = 30_000 + 10_000 * x[:, 0]
    return Training(dense(activation="linear"), x, normal(96, 1), SGD(0.01))


@DATA.fails("pixels-up-to-255", "unscaled-features", (2, "loss", ""))
def pixels_up_to_255(fixed: bool) -> Training:
    x = np.random.default_rng(3).uniform(0, 255, (96, 6, 6, 2)).astype(np.float32)
    return Training(image(), x / 255 - 0.5 if fixed else x, normal(96, 1), SGD(0.01, momentum=0.9))


@DATA.fails("prices-in-cents", "unscaled-target", (2, "loss", ""))
def prices_in_cents(fixed: bool) -> Training:
    y = normal(96, 1) if fixed else 3e7 + 1e7 * normal(96, 1)
    return Training(dense(activation="elu"), normal(96, 4), y.astype(np.float32), SGD(0.01))


@DATA.fails("one-batch-of-sentinels", "outlier-batch", (6, "forward", "last"))
def one_batch_of_sentinels(fixed: bool) -> Training:
    x = normal(120, 4)
    if not fixed:
        x[40:48, 2] = 1e12
    return Training(dense(activation="linear"), x, normal(120, 1), SGD(0.01))
