"""Precision: what float32 would hold, half precision does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.cases import layers
from tests.cases.case import Family, Training, normal
from tests.cases.models import Dense, chain

PRECISION = Family("precision")
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam
Scaled = keras.optimizers.LossScaleOptimizer
UNSCALED = {"auto_scale_loss": False}


@contextmanager
def policy(name: str) -> Iterator[None]:
    """Make layers under a dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def mixed(fixed: bool, name: str = "mixed_float16") -> Any:
    return policy("mixed_bfloat16" if fixed else name)


def in_float32(*hidden: Any, shape: tuple[int, ...] = (4,)) -> Any:
    """What is hidden, and an output of full precision."""
    return chain(shape, *hidden, Dense(1, dtype="float32", name="last"))


@PRECISION.fails("product-beyond-65504", "fp16-overflow", (6, "forward", "hidden"))
def product_beyond_65504(fixed: bool) -> Training:
    x = normal(96, 4)
    x[48:56] *= 4e4
    with mixed(fixed):
        hidden = Dense(6, kernel_initializer="ones", name="hidden")
        tame = keras.layers.Activation("tanh", name="tame")
        model = in_float32(hidden, tame)
    return Training(model, x, normal(96, 1), SGD(1e-3))


@PRECISION.fails("square-beyond-65504", "fp16-overflow", (5, "forward", "square"))
def square_beyond_65504(fixed: bool) -> Training:
    x = normal(96, 6, 2)
    x[44] = 400.0
    with mixed(fixed):
        pool = keras.layers.GlobalMaxPooling1D(name="pool")
        model = in_float32(layers.Square(name="square"), pool, shape=(6, 2))
    return Training(model, x, normal(96, 1), Adam(1e-3), "mae")


@PRECISION.fails("length-of-large-rows", "fp16-overflow", (4, "forward", "spread"))
def length_of_large_rows(fixed: bool) -> Training:
    class Spread(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            spread = tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True) + 1.0)
            return (x - tf.reduce_mean(x, axis=-1, keepdims=True)) * spread

    x = normal(96, 4)
    x[39] *= 1000
    with mixed(fixed):
        model = in_float32(Spread(name="spread"))
    return Training(model, x, normal(96, 1), SGD(1e-3))


@PRECISION.fails("gradient-beyond-65504", "fp16-overflow", (3, "backward", "hidden/kernel"))
def gradient_beyond_65504(fixed: bool) -> Training:
    x, y = normal(96, 4), normal(96, 1)
    x[24:32] = 200.0
    y[24:32] = 3000.0
    with mixed(fixed):
        model = in_float32(Dense(4, use_bias=False, name="hidden"))
    return Training(model, x, y, SGD(1e-9), compile=UNSCALED)


@PRECISION.fails("static-scale-too-large", "fp16-overflow", (0, "backward", "hidden/bias"))
def static_scale_too_large(fixed: bool) -> Training:
    with policy("mixed_float16"):
        model = in_float32(Dense(4, name="hidden"))
    scale = 2.0**4 if fixed else 2.0**24
    optimizer = SGD(1e-3, loss_scale_factor=scale)
    return Training(model, normal(64, 4), normal(64, 1), optimizer, compile=UNSCALED)


@PRECISION.fails(
    "epsilon-that-is-zero", "optimizer-update-nonfinite", (0, "update", "first/kernel")
)
def epsilon_that_is_zero(fixed: bool) -> Training:
    x = normal(64, 4)
    x[:, 1] = 0
    with policy("float16"):
        model = chain((4,), Dense(5, "tanh", name="first"), Dense(1, name="last"))
    optimizer = Adam(1e-3, epsilon=1e-3 if fixed else 1e-9)
    return Training(model, x, normal(64, 1), optimizer)


@PRECISION.fails("logarithm-of-a-lost-epsilon", "layer-log-of-zero", (0, "forward", "log"))
def logarithm_of_a_lost_epsilon(fixed: bool) -> Training:
    class Log(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return tf.math.log(x + (1e-3 if fixed else 1e-9))

    with policy("mixed_float16"):
        model = in_float32(Dense(6, "relu", name="hidden"), Log(name="log"))
    return Training(model, normal(64, 4), normal(64, 1), SGD(1e-3))


class _Root(keras.layers.Layer):
    def __init__(self, least: float, **options: Any) -> None:
        super().__init__(**options)
        self.least = least

    def call(self, x: Any) -> Any:
        return tf.sqrt(x + self.least)


@PRECISION.fails("every-step-skipped", "loss-scale-collapse", None)
def every_step_skipped(fixed: bool) -> Training:
    x = np.abs(normal(240, 4))
    x[::8] = 0
    with policy("mixed_float16"):
        gain = Dense(4, use_bias=False, kernel_initializer="ones", name="gain")
        root = _Root(1e-3 if fixed else 0.0, name="root")
        model = in_float32(gain, root)
    return Training(model, x, normal(240, 1), SGD(1e-3))
