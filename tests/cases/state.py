"""State: what a checkpoint brought along, or what is kept beside the weights, is not finite."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tests.cases import layers
from tests.cases.case import Family, Training, normal
from tests.cases.models import Dense, chain, dense, image, words

STATE = Family("state")
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam


def spoil(variable: Any, value: float = np.nan) -> None:
    """Put one number that is not finite into a variable, as a bad checkpoint does."""
    array = np.array(variable.numpy())
    array.reshape(-1)[array.size // 2] = value
    variable.assign(array)


@STATE.fails("nan-in-a-restored-kernel", "nonfinite-weights", (0, "weights", "first/kernel"))
def nan_in_a_restored_kernel(fixed: bool) -> Training:
    model = dense()
    if not fixed:
        spoil(model.layers[0].kernel)
    return Training(model, normal(96, 4), normal(96, 1), SGD(0.01))


@STATE.fails("inf-in-a-nested-bias", "nonfinite-weights", (0, "weights", "code/bias"))
def inf_in_a_nested_bias(fixed: bool) -> Training:
    inside = keras.Input((4,))
    encoder = keras.Model(inside, Dense(3, "tanh", name="code")(inside), name="encoder")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Dense(1, name="last")(encoder(inputs)))
    if not fixed:
        spoil(encoder.layers[1].bias, np.inf)
    return Training(model, normal(64, 4), normal(64, 1), Adam(0.01))


@STATE.fails("nan-in-a-frozen-layer", "nonfinite-weights", (0, "weights", "conv/kernel"))
def nan_in_a_frozen_layer(fixed: bool) -> Training:
    model = image(keras.layers.Activation("gelu", name="gelu"))
    model.layers[0].trainable = False
    if not fixed:
        spoil(model.layers[0].kernel)
    return Training(model, normal(64, 6, 6, 2), normal(64, 1), SGD(0.01))


@STATE.fails("nan-in-an-unused-word", "nonfinite-weights", (0, "weights", "words/embeddings"))
def nan_in_an_unused_word(fixed: bool) -> Training:
    model = words(keras.layers.GRU(3, name="memory"))
    if not fixed:
        spoil(model.layers[0].embeddings)
    x = np.random.default_rng(2).integers(1, 5, (64, 5)).astype(np.int32)
    return Training(model, x, normal(64, 1), Adam(0.01))


@STATE.fails(
    "nan-in-a-moving-variance", "nonfinite-statistics", (0, "weights", "norm/moving_variance")
)
def nan_in_a_moving_variance(fixed: bool) -> Training:
    norm = keras.layers.BatchNormalization(name="norm")
    model = chain((4,), Dense(6, name="first"), norm, Dense(1, name="last"))
    if not fixed:
        spoil(norm.moving_variance)
    return Training(model, normal(96, 4), normal(96, 1), SGD(0.01))


@STATE.fails("statistics-of-an-image", "nonfinite-statistics", (0, "weights", "norm/moving_mean"))
def statistics_of_an_image(fixed: bool) -> Training:
    norm = keras.layers.BatchNormalization(name="norm")
    model = image(norm, keras.layers.ReLU(name="relu"))
    norm.trainable = False
    if not fixed:
        spoil(norm.moving_mean, np.inf)
    return Training(model, normal(64, 6, 6, 2), normal(64, 1), Adam(0.01))


@STATE.fails("tally-that-overflows", "nonfinite-statistics", (7, "update", "tally/tally"))
def tally_that_overflows(fixed: bool) -> Training:
    tally = layers.Tally(1.0 if fixed else 1e5, name="tally")
    model = chain((4,), Dense(5, "relu", name="first"), tally, Dense(1, name="last"))
    return Training(model, normal(96, 4), normal(96, 1), SGD(0.01))
