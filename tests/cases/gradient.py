"""Gradient: forward pass and loss are finite, their slope is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

from tests.cases import layers
from tests.cases.case import Failure, Family, Mode, Objective, Otherwise, Training, normal
from tests.cases.loss import own_step
from tests.cases.models import Dense, chain, image

GRADIENT = Family("gradient")
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam


RELU_SLOPE: Final = (
    "at 0 TensorFlow's kernel multiplies with the ReLU's slope, and 0 times what is not finite is "
    "NaN; XLA selects the 0 itself"
)
FINITE: Final[Mapping[Mode, Otherwise]] = {"xla": Otherwise(None, RELU_SLOPE)}


def with_zero_row(rows: int = 96, width: int = 4, row: int = 42) -> Any:
    x = normal(rows, width)
    x[row] = 0
    return x


class _SafeLength(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True) + 1e-12)


@GRADIENT.fails("length-of-a-zero-row", "backward-singularity", (5, "backward", "first/kernel"))
def length_of_a_zero_row(fixed: bool) -> Training:
    length = _SafeLength(name="length") if fixed else layers.Length(name="length")
    first = Dense(5, use_bias=False, name="first")
    model = chain((4,), first, length, Dense(1, name="last"))
    return Training(model, with_zero_row(), normal(96, 1), SGD(0.01))


class _QuotientWhere(keras.layers.Layer):
    """One over what is positive, guarded in the forward pass only."""

    def __init__(self, fixed: bool, **options: Any) -> None:
        super().__init__(**options)
        self.fixed = fixed

    def call(self, x: Any) -> Any:
        under = tf.where(x > 0, x, tf.ones_like(x)) if self.fixed else x
        return tf.where(x > 0, 1 / under, tf.zeros_like(x))


@GRADIENT.fails("where-around-a-quotient", "backward-singularity", (5, "backward", "first/kernel"))
def where_around_a_quotient(fixed: bool) -> Training:
    x = np.abs(with_zero_row()) + 0.0
    first = Dense(5, use_bias=False, kernel_initializer="ones", name="first")
    model = chain((4,), first, _QuotientWhere(fixed, name="quotient"), Dense(1, name="last"))
    return Training(model, x, normal(96, 1), Adam(0.001))


class _LogWhere(keras.layers.Layer):
    def __init__(self, fixed: bool, **options: Any) -> None:
        super().__init__(**options)
        self.fixed = fixed

    def call(self, x: Any) -> Any:
        inside = tf.where(x > 0, x, tf.ones_like(x)) if self.fixed else x
        return tf.where(x > 0, tf.math.log(inside), tf.zeros_like(x))


@GRADIENT.fails("where-around-a-logarithm", "backward-singularity", (6, "backward", "gain/kernel"))
def where_around_a_logarithm(fixed: bool) -> Training:
    x = np.abs(normal(96, 5, 2)) + 0.1
    x[51, 2] = 0
    gain = Dense(3, use_bias=False, kernel_initializer="ones", name="gain")
    pool = keras.layers.GlobalAveragePooling1D(name="pool")
    model = chain((5, 2), gain, _LogWhere(fixed, name="log"), pool, Dense(1, name="last"))
    return Training(model, x, normal(96, 1), SGD(1e-3))


@GRADIENT.fails("distance-that-reaches-zero", "backward-singularity", (4, "backward", "last/bias"))
def distance_that_reaches_zero(fixed: bool) -> Training:
    def distance(y: Any, p: Any) -> Any:
        return tf.reduce_mean(tf.sqrt(tf.reduce_sum(tf.square(y - p), axis=-1) + 1e-12 * fixed))

    x, y = with_zero_row(row=35), normal(96, 2)
    y[35] = 0
    hidden = Dense(5, "tanh", use_bias=False, name="first")
    model = chain((4,), hidden, Dense(2, name="last", bias_constraint=_Zero()))
    return Training(model, x, y, SGD(0.01), distance)


class _Zero(keras.constraints.Constraint):
    def __call__(self, w: Any) -> Any:
        return 0 * w


@GRADIENT.fails(
    "power-below-one", "backward-singularity", (0, "backward", "conv/bias"), otherwise=FINITE
)
def power_below_one(fixed: bool) -> Training:
    class Compressed(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return tf.pow(x + 1e-6 * fixed, 0.3)

    relu = keras.layers.ReLU(name="relu")
    model = image(relu, Compressed(name="compressed"))
    return Training(model, normal(96, 6, 6, 2), normal(96, 1), SGD(1e-3))


@GRADIENT.fails("angle-of-parallel-rows", "backward-singularity", (3, "backward", "last/kernel"))
def angle_of_parallel_rows(fixed: bool) -> Training:
    def angle(y: Any, p: Any) -> Any:
        cosine = tf.reduce_sum(y * p, axis=-1)
        return tf.reduce_mean(tf.acos(0.99 * cosine if fixed else cosine))

    x = np.tanh(normal(96, 2))
    y = np.stack([np.ones(96), np.zeros(96)], axis=1).astype(np.float32)
    x[30] = [1, 0]
    same = keras.initializers.Identity()
    last = Dense(2, use_bias=False, kernel_initializer=same, name="last")
    return Training(chain((2,), last), x, y, SGD(1e-12), angle)


@GRADIENT.fails("slope-by-hand", "backward-singularity", (5, "backward", "first/bias"))
def slope_by_hand(fixed: bool) -> Training:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def magnitude(x: Any) -> Any:
        y = tf.abs(x)
        return y, lambda slope: slope * (tf.sign(x) if fixed else x / y)

    class Magnitude(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return magnitude(x)

    first = Dense(5, use_bias=True, bias_constraint=_Zero(), name="first")
    model = chain((4,), first, Magnitude(name="magnitude"), Dense(1, name="last"))
    return Training(model, with_zero_row(), normal(96, 1), Adam(0.01))


@GRADIENT.fails(
    "clipped-by-global-norm", "backward-singularity", (5, "backward", "left_part/kernel")
)
def clipped_by_global_norm(fixed: bool) -> Training:
    inputs = {name: keras.Input((4,), name=name) for name in ("left", "right")}
    left = Dense(3, use_bias=False, name="left_part")(inputs["left"])
    length = _SafeLength(name="length") if fixed else layers.Length(name="length")
    right = Dense(3, "tanh", name="right_part")(inputs["right"])
    both = keras.layers.Concatenate(name="both")([length(left), right])
    model = keras.Model(inputs, Dense(1, name="last")(both))
    x = {"left": with_zero_row(), "right": normal(96, 4, seed=6)}
    return Training(model, x, normal(96, 1), SGD(0.01, global_clipnorm=1.0))


@GRADIENT.fails(
    "hidden-by-clipping-values",
    "backward-singularity",
    (2, "backward", "first/kernel"),
    otherwise=FINITE,
)
def hidden_by_clipping_values(fixed: bool) -> Training:
    def root(y: Any, p: Any) -> Any:
        return tf.reduce_mean(tf.sqrt(tf.nn.relu(p) + 1e-12 * fixed) - y)

    x = np.abs(normal(96, 3)) + 0.1
    x[20] = 0
    first = Dense(1, use_bias=False, kernel_initializer="ones", name="first")
    return Training(chain((3,), first), x, normal(96, 1), SGD(1e-4, clipvalue=1.0), root)


@GRADIENT.fails(
    "word-without-a-vector", "backward-singularity", (0, "backward", "words/embeddings")
)
def word_without_a_vector(fixed: bool) -> Training:
    table = normal(11, 4)
    table[0] = 0
    length = _SafeLength(name="length") if fixed else layers.Length(name="length")
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            keras.layers.Embedding(11, 4, weights=[table], name="words"),
            length,
            keras.layers.Flatten(),
            Dense(1, name="last"),
        ]
    )
    x = np.random.default_rng(2).integers(0, 11, (64, 5)).astype(np.int32)
    return Training(model, x, normal(64, 1), SGD(0.01))


class _Backwards(keras.Model):
    """Its layers are declared from the last to the first."""

    def __init__(self, fixed: bool) -> None:
        super().__init__(name="backwards")
        self.last = Dense(1, name="last")
        self.length = _SafeLength(name="length") if fixed else layers.Length(name="length")
        self.second = Dense(4, use_bias=False, name="second")
        self.first = Dense(4, use_bias=False, name="first")

    def call(self, x: Any) -> Any:
        return self.last(self.length(self.second(self.first(x))))


@GRADIENT.fails("declared-backwards", "backward-singularity", (5, "backward", "second/kernel"))
def declared_backwards(fixed: bool) -> Training:
    return Training(_Backwards(fixed), with_zero_row(), normal(96, 1), SGD(0.01))


@GRADIENT.fails("behind-a-frozen-layer", "backward-singularity", (5, "backward", "first/kernel"))
def behind_a_frozen_layer(fixed: bool) -> Training:
    first = Dense(4, use_bias=False, name="first")
    frozen = Dense(4, use_bias=False, trainable=False, name="frozen")
    length = _SafeLength(name="length") if fixed else layers.Length(name="length")
    model = chain((4,), first, frozen, length, Dense(1, name="last"))
    return Training(model, with_zero_row(), normal(96, 1), Adam(0.01))


def _steepness(fixed: bool) -> Any:
    """A critic's score and a penalty on the length of its slope."""

    def loss(model: Any, x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = model(x, training=True)
        slope = tape.gradient(score, x)
        length = tf.sqrt(tf.reduce_sum(slope * slope, axis=-1) + 1e-12 * fixed)
        return tf.reduce_mean(score * y) + tf.reduce_mean(tf.square(length - 1))

    return loss


@GRADIENT.fails(
    "penalty-on-a-flat-critic",
    "backward-singularity",
    (0, "backward", "last/kernel"),
    otherwise={"xla": Otherwise(Failure(0, "backward", "first/kernel"), RELU_SLOPE)},
)
def penalty_on_a_flat_critic(fixed: bool) -> Training:
    inputs = keras.Input((4,))
    hidden = Dense(5, "relu", bias_initializer=keras.initializers.Constant(-1.0), name="first")
    objective = Objective(_steepness(fixed))
    model = own_step(inputs, Dense(1, name="last")(hidden(inputs)), objective)
    x = with_zero_row(row=33)
    y = np.sign(normal(96, 1))
    return Training(model, x, y, SGD(1e-3), None, objectives=(objective,))
