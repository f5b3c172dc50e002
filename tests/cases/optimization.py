"""Optimization: the step is too long, its length is no number, or the update itself breaks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.cases.case import Family, Training, normal
from tests.cases.models import Dense, chain, dense, image

OPTIMIZATION = Family("optimization")
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam


def linear(rows: int = 96, width: int = 4) -> tuple[Any, Any]:
    """Features of unit scale, and targets that depend on them linearly."""
    x = normal(rows, width)
    return x, (x @ normal(width, 1, seed=9)).astype(np.float32)


@OPTIMIZATION.fails("descent-that-climbs", "learning-rate-too-high", (11, "loss", ""))
def descent_that_climbs(fixed: bool) -> Training:
    rate = 0.05 if fixed else 30.0
    return Training(chain((4,), Dense(1, name="last")), *linear(240), SGD(rate))


@OPTIMIZATION.fails("two-layers-that-climb", "learning-rate-too-high", (3, "loss", ""))
def two_layers_that_climb(fixed: bool) -> Training:
    model = dense(activation="linear")
    rate = 0.01 if fixed else 8.0
    return Training(model, *linear(), SGD(rate, momentum=0.9), fit={"epochs": 2})


@OPTIMIZATION.fails("convolution-that-climbs", "learning-rate-too-high", (2, "loss", ""))
def convolution_that_climbs(fixed: bool) -> Training:
    rate = 1e-3 if fixed else 50.0
    return Training(image(), normal(96, 6, 6, 2), normal(96, 1), SGD(rate, nesterov=True))


@OPTIMIZATION.fails("adam-with-huge-strides", "learning-rate-too-high", (1, "forward", "last"))
def adam_with_huge_strides(fixed: bool) -> Training:
    rate = 1e-3 if fixed else 1e25
    return Training(dense(activation="linear"), *linear(), Adam(rate))


@OPTIMIZATION.fails("weights-out-of-range", "learning-rate-too-high", (0, "update", "first/kernel"))
def weights_out_of_range(fixed: bool) -> Training:
    x, y = linear()
    rate = 1e-2 if fixed else 3e38
    return Training(dense(activation="linear"), x, y if fixed else 1000 * y, SGD(rate))


class _Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """A cosine that ends in 0/0 after its last step."""

    def __init__(self, steps: int, fixed: bool) -> None:
        self.steps, self.fixed = steps, fixed

    def __call__(self, step: Any) -> Any:
        left = tf.cast(self.steps, tf.float32) - tf.cast(step, tf.float32)
        left = tf.maximum(left, 0.0)
        return 0.01 * left / (tf.maximum(left, 1.0) if self.fixed else left)

    def get_config(self) -> dict[str, Any]:
        return {"steps": self.steps, "fixed": self.fixed}


@OPTIMIZATION.fails(
    "schedule-past-its-end", "nonfinite-learning-rate", (7, "update", "first/kernel")
)
def schedule_past_its_end(fixed: bool) -> Training:
    return Training(dense(), *linear(), SGD(_Warmup(7, fixed)))


@OPTIMIZATION.fails("infinite-rate", "nonfinite-learning-rate", (0, "update", "first/kernel"))
def infinite_rate(fixed: bool) -> Training:
    return Training(dense(activation="tanh"), *linear(), Adam(1e-3 if fixed else np.inf))


@OPTIMIZATION.fails(
    "infinite-rate-after-accumulation", "nonfinite-learning-rate", (3, "update", "first/kernel")
)
def infinite_rate_after_accumulation(fixed: bool) -> Training:
    rate = 1e-3 if fixed else np.inf
    optimizer = SGD(rate, gradient_accumulation_steps=4)
    return Training(dense(activation="tanh"), *linear(), optimizer)


@OPTIMIZATION.fails(
    "adam-without-epsilon", "optimizer-update-nonfinite", (0, "update", "first/kernel")
)
def adam_without_epsilon(fixed: bool) -> Training:
    x, y = linear()
    x[:, 2] = 0
    return Training(dense(), x, y, Adam(1e-3, epsilon=1e-7 if fixed else 0.0))


@OPTIMIZATION.fails(
    "rmsprop-without-epsilon", "optimizer-update-nonfinite", (0, "update", "conv/kernel")
)
def rmsprop_without_epsilon(fixed: bool) -> Training:
    x = normal(64, 6, 6, 2)
    x[..., 1] = 0
    epsilon = 1e-7 if fixed else 0.0
    optimizer = keras.optimizers.RMSprop(1e-3, epsilon=epsilon)
    return Training(image(), x, normal(64, 1), optimizer)


class UnitSteps(keras.optimizers.SGD):
    """Steps of unit length: 0/0 where the gradient is 0."""

    def __init__(self, *, fixed: bool, **options: Any) -> None:
        super().__init__(**options)
        self.least = 1e-12 if fixed else 0.0

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        length = tf.norm(gradient)
        super().update_step(gradient / tf.maximum(length, self.least), variable, learning_rate)


@OPTIMIZATION.fails(
    "unit-steps-without-a-gradient", "optimizer-update-nonfinite", (5, "update", "first/kernel")
)
def unit_steps_without_a_gradient(fixed: bool) -> Training:
    x, y = linear()
    x[40:48] = 0
    model = chain((4,), Dense(6, "tanh", use_bias=False, name="first"), Dense(1, name="last"))
    return Training(model, x, y, UnitSteps(fixed=fixed, learning_rate=0.01))


@OPTIMIZATION.fails(
    "clipping-by-a-norm-that-overflows", "exploding-gradient", (0, "update", "first/kernel")
)
def clipping_by_a_norm_that_overflows(fixed: bool) -> Training:
    x, y = linear()
    y = y if fixed else 1e-5 * y
    tiny = "glorot_uniform" if fixed else keras.initializers.RandomNormal(stddev=1e-12, seed=1)
    large = "glorot_uniform" if fixed else keras.initializers.RandomNormal(stddev=1e15, seed=2)
    first = Dense(6, use_bias=False, kernel_initializer=tiny, name="first")
    last = Dense(1, kernel_initializer=large, name="last")
    return Training(chain((4,), first, last), 1e3 * x, y, SGD(1e-3, global_clipnorm=1.0))


@OPTIMIZATION.fails(
    "recurrence-with-a-steep-slope",
    "exploding-gradient",
    (0, "backward", "memory/simple_rnn_cell/bias"),
)
def recurrence_with_a_steep_slope(fixed: bool) -> Training:
    steep, small = keras.initializers.Identity(30.0), keras.initializers.Constant(1e-25)
    starts = {} if fixed else {"recurrent_initializer": steep, "kernel_initializer": small}
    memory = keras.layers.SimpleRNN(3, activation="linear", name="memory", **starts)
    model = chain((24, 2), memory, Dense(1, name="last"))
    return Training(model, normal(64, 24, 2), normal(64, 1), SGD(1e-3, clipnorm=1.0))


@OPTIMIZATION.fails("steep-chain", "exploding-gradient", (0, "backward", "deep_0/kernel"))
def steep_chain(fixed: bool) -> Training:
    sizes = [1.0] * 6 if fixed else [1e-30, *[1e7] * 5]
    deep = [
        Dense(3, use_bias=False, kernel_initializer=keras.initializers.Identity(size), name=name)
        for size, name in zip(sizes, (f"deep_{i}" for i in range(6)), strict=True)
    ]
    model = chain((3,), *deep, Dense(1, name="last"))
    return Training(model, normal(64, 3), normal(64, 1), Adam(1e-3))
