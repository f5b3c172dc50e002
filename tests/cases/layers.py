"""Layers as users write them: each computes one thing, with no guard against what it cannot."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class Exponential(keras.layers.Layer):
    """e to the input, which float32 holds up to 88.7."""

    def call(self, x: Any) -> Any:
        return tf.exp(x)


class Logarithm(keras.layers.Layer):
    """The natural logarithm: -Inf at 0, NaN below."""

    def call(self, x: Any) -> Any:
        return tf.math.log(x)


class SquareRoot(keras.layers.Layer):
    """The square root: NaN below 0, and of infinite slope at 0."""

    def call(self, x: Any) -> Any:
        return tf.sqrt(x)


class Square(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x * x


class Power(keras.layers.Layer):
    """The base to the exponent, its two inputs: NaN for a negative base."""

    def call(self, inputs: Any) -> Any:
        base, exponent = inputs
        return tf.pow(base, exponent)


class Ratio(keras.layers.Layer):
    """The first input over the second."""

    def call(self, inputs: Any) -> Any:
        over, under = inputs
        return over / under


class Length(keras.layers.Layer):
    """The Euclidean length of each row, whose slope at 0 is 0/0."""

    def call(self, x: Any) -> Any:
        return tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True))


class Unit(keras.layers.Layer):
    """Each row over its length: 0/0 for a row of zeros."""

    def __init__(self, epsilon: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    def call(self, x: Any) -> Any:
        length = tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True) + self.epsilon)
        return x / length


class Standard(keras.layers.Layer):
    """Each row less its mean, over its standard deviation: 0/0 where all are alike."""

    def __init__(self, epsilon: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    def call(self, x: Any) -> Any:
        mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
        return (x - mean) / tf.sqrt(variance + self.epsilon)


class Attention(keras.layers.Layer):
    """One head over a sequence; what is padding gets a score of -Inf, or of a large negative."""

    def __init__(self, hidden: float = float("-inf"), **options: Any) -> None:
        super().__init__(**options)
        self.hidden = hidden

    def build(self, shape: Any) -> None:
        self.query = self.add_weight(shape=(shape[0][-1], 4), name="query")
        self.key = self.add_weight(shape=(shape[0][-1], 4), name="key")

    def call(self, inputs: Any) -> Any:
        x, present = inputs
        scores = tf.matmul(x @ self.query, x @ self.key, transpose_b=True)
        hidden = tf.cast(self.hidden, scores.dtype)
        scores = tf.where(present[:, None, :] > 0, scores, hidden)
        return tf.nn.softmax(scores) @ x


class Moments(keras.layers.Layer):
    """Mean and spread of a latent, as a variational encoder gives them."""

    def __init__(self, size: int, **options: Any) -> None:
        super().__init__(**options)
        self.mean = keras.layers.Dense(size, name="mean")
        self.spread = keras.layers.Dense(size, name="spread")

    def call(self, x: Any) -> Any:
        return self.mean(x), tf.exp(self.spread(x))


class FillMissing(keras.layers.Layer):
    """Zeros for what is NaN: missing values are expected here."""

    def call(self, x: Any) -> Any:
        return tf.where(tf.math.is_nan(x), tf.zeros_like(x), x)


class Tally(keras.layers.Layer):
    """Passes its input on, and keeps a number of its own that it multiplies in every step."""

    def __init__(self, factor: float, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def build(self, shape: Any) -> None:
        self.tally = self.add_weight(shape=(), initializer="ones", trainable=False, name="tally")

    def call(self, x: Any, *, training: bool = False) -> Any:
        if training:
            self.tally.assign(self.tally * self.factor)
        return x
