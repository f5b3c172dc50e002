"""Model: a layer computes what the numbers do not allow, or begins out of all proportion."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.cases import layers
from tests.cases.case import Family, Training, normal
from tests.cases.models import Dense, chain, words

MODEL = Family("model")
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam


def growing(rows: int = 96, width: int = 4, factor: float = 1.5) -> Any:
    """Batches of eight whose scale grows from one to the next, from 1 to 86 after twelve."""
    return normal(rows, width) * np.repeat(factor ** np.arange(rows // 8), 8)[:, None].astype("f")


@MODEL.fails("exp-of-large-input", "layer-overflow", (9, "forward", "exp"))
def exp_of_large_input(fixed: bool) -> Training:
    guard = [keras.layers.LayerNormalization(name="norm")] if fixed else []
    model = chain((4,), Dense(6, name="first"), *guard, layers.Exponential(name="exp"), Dense(1))
    return Training(model, growing(), normal(96, 1), SGD(1e-3, clipnorm=1.0), "mae")


@MODEL.fails("exp-in-a-nested-encoder", "layer-overflow", (9, "forward", "exp"))
def exp_in_a_nested_encoder(fixed: bool) -> Training:
    inside = keras.Input((4,))
    code = Dense(6, "linear", name="code")(inside)
    code = (
        keras.layers.Activation("softplus", name="soft")(code)
        if fixed
        else (layers.Exponential(name="exp")(code))
    )
    encoder = keras.Model(inside, code, name="encoder")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Dense(1, name="last")(encoder(inputs)))
    return Training(model, growing(), normal(96, 1), SGD(1e-3, clipnorm=1.0), "mae")


@MODEL.fails("shared-exp-second-call", "layer-overflow", (9, "forward", "exp (call 2)"))
def shared_exp_second_call(fixed: bool) -> Training:
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    trunk = Dense(6, name="trunk")
    exp = keras.layers.Activation("tanh") if fixed else layers.Exponential(name="exp")
    both = keras.layers.Subtract(name="both")([exp(trunk(left)), exp(trunk(right))])
    model = keras.Model({"left": left, "right": right}, Dense(1, name="last")(both))
    x = {"left": normal(96, 4), "right": growing()}
    return Training(model, x, normal(96, 1), SGD(1e-3, clipnorm=1.0), "mae")


class _Softplus(keras.Model):
    """Log of one plus exp, written as it stands in the textbook."""

    def __init__(self, fixed: bool) -> None:
        super().__init__(name="softplus")
        self.last = Dense(1, name="last")
        self.soft = keras.layers.Activation("softplus") if fixed else _LogOnePlusExp(name="soft")
        self.first = Dense(6, name="first")

    def call(self, x: Any) -> Any:
        return self.last(self.soft(self.first(x)))


class _LogOnePlusExp(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return tf.math.log(1 + tf.exp(x))


@MODEL.fails("softplus-by-hand", "layer-overflow", (10, "forward", "soft"))
def softplus_by_hand(fixed: bool) -> Training:
    return Training(_Softplus(fixed), growing(), normal(96, 1), SGD(1e-3, clipnorm=1.0), "mae")


class _SoftmaxByHand(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return tf.exp(x) / tf.reduce_sum(tf.exp(x), axis=-1, keepdims=True)


@MODEL.fails("softmax-by-hand", "layer-overflow", (10, "forward", "share"))
def softmax_by_hand(fixed: bool) -> Training:
    share = keras.layers.Softmax(name="share") if fixed else _SoftmaxByHand(name="share")
    model = chain((4,), Dense(3, name="logits"), share)
    y = np.random.default_rng(1).integers(0, 3, 96)
    return Training(model, growing(), y, SGD(1e-3, clipnorm=1.0), "sparse_categorical_crossentropy")


@MODEL.fails("spread-of-a-latent", "layer-overflow", (9, "forward", "moments (output 1)"))
def spread_of_a_latent(fixed: bool) -> Training:
    inputs = keras.Input((4,))
    hidden = keras.layers.LayerNormalization(name="norm")(inputs) if fixed else inputs
    mean, spread = layers.Moments(3, name="moments")(hidden)
    last = Dense(1, name="last")(keras.layers.Concatenate(name="both")([mean, spread]))
    return Training(
        keras.Model(inputs, last), growing(), normal(96, 1), SGD(1e-3, clipnorm=1.0), "mae"
    )


@MODEL.fails("row-over-its-deviation", "layer-division-by-zero", (5, "forward", "standard"))
def row_over_its_deviation(fixed: bool) -> Training:
    x = normal(96, 4)
    x[44] = 2.0
    standard = layers.Standard(1e-6 if fixed else 0.0, name="standard")
    model = chain((4,), standard, Dense(6, "tanh", name="first"), Dense(1, name="last"))
    return Training(model, x, normal(96, 1), SGD(0.01))


@MODEL.fails("empty-word-vector-over-its-length", "layer-division-by-zero", (0, "forward", "unit"))
def empty_word_vector_over_its_length(fixed: bool) -> Training:
    table = normal(11, 4)
    table[0] = 0
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            keras.layers.Embedding(11, 4, weights=[table], trainable=False, name="words"),
            layers.Unit(1e-6 if fixed else 0.0, name="unit"),
            keras.layers.GlobalAveragePooling1D(name="mean"),
            Dense(1, name="last"),
        ]
    )
    x = np.random.default_rng(2).integers(0, 11, (64, 5)).astype(np.int32)
    return Training(model, x, normal(64, 1), Adam(0.01))


@MODEL.fails("ratio-of-two-branches", "layer-division-by-zero", (6, "forward", "ratio"))
def ratio_of_two_branches(fixed: bool) -> Training:
    x = {"over": normal(96, 2), "under": np.abs(normal(96, 2, seed=6)) + 0.5}
    x["under"][50, 0] = 0
    inputs = {name: keras.Input((2,), name=name) for name in x}
    under = keras.layers.Lambda(lambda t: t + 1.0)(inputs["under"]) if fixed else inputs["under"]
    ratio = layers.Ratio(name="ratio")([inputs["over"], under])
    return Training(keras.Model(inputs, Dense(1, name="last")(ratio)), x, normal(96, 1), SGD(0.01))


@MODEL.fails("log-of-a-relu", "layer-log-of-zero", (0, "forward", "log"))
def log_of_a_relu(fixed: bool) -> Training:
    activation = "softplus" if fixed else "relu"
    model = chain((4,), Dense(6, activation, name="first"), layers.Logarithm(name="log"), Dense(1))
    return Training(model, normal(96, 4), normal(96, 1), SGD(1e-3))


@MODEL.fails("log-in-a-lambda", "layer-log-of-zero", (7, "forward", "log"))
def log_in_a_lambda(fixed: bool) -> Training:
    x = np.abs(normal(96, 3, 2)) + 0.1
    x[57, 1, 1] = 0
    log = keras.layers.Lambda((lambda t: tf.math.log1p(t)) if fixed else tf.math.log, name="log")
    model = chain((3, 2), log, keras.layers.Flatten(), Dense(1, name="last"))
    return Training(model, x, normal(96, 1), Adam(0.01))


@MODEL.fails("root-of-a-negative", "layer-invalid-operation", (0, "forward", "root"))
def root_of_a_negative(fixed: bool) -> Training:
    conv = keras.layers.Conv1D(3, 2, activation="softplus" if fixed else "linear", name="conv")
    root, pool = layers.SquareRoot(name="root"), keras.layers.GlobalAveragePooling1D(name="pool")
    model = chain((6, 2), conv, root, pool, Dense(1, name="last"))
    return Training(model, normal(96, 6, 2), normal(96, 1), SGD(1e-3))


@MODEL.fails("power-of-a-negative", "layer-invalid-operation", (4, "forward", "power"))
def power_of_a_negative(fixed: bool) -> Training:
    base, exponent = np.abs(normal(96, 2)) + 0.5, np.abs(normal(96, 2, seed=6)) + 0.3
    if not fixed:
        base[35, 1] *= -1
    inputs = [keras.Input((2,), name="base"), keras.Input((2,), name="exponent")]
    model = keras.Model(inputs, Dense(1, name="last")(layers.Power(name="power")(inputs)))
    return Training(model, [base, exponent], normal(96, 1), SGD(0.01))


@MODEL.fails("attention-to-nothing", "layer-invalid-operation", (6, "forward", "attention"))
def attention_to_nothing(fixed: bool) -> Training:
    present = np.ones((96, 5), np.float32)
    present[:, 3:] = 0
    present[49, :] = 0
    inputs = [keras.Input((5, 4), name="sequence"), keras.Input((5,), name="present")]
    attention = layers.Attention(-1e9 if fixed else -np.inf, name="attention")(inputs)
    pooled = keras.layers.GlobalAveragePooling1D(name="pool")(attention)
    model = keras.Model(inputs, Dense(1, name="last")(pooled))
    return Training(model, [normal(96, 5, 4), present], normal(96, 1), Adam(0.01))


class _Exponent(keras.Model):
    """A subclassed model that computes something itself, after its last layer."""

    def __init__(self, fixed: bool) -> None:
        super().__init__(name="exponent")
        self.only = Dense(1, name="only")
        self.fixed = fixed

    def call(self, x: Any) -> Any:
        return self.only(x) if self.fixed else tf.exp(self.only(x))


@MODEL.fails("exp-outside-any-layer", "layer-overflow", (11, "forward", "exponent"))
def exp_outside_any_layer(fixed: bool) -> Training:
    return Training(_Exponent(fixed), growing(), normal(96, 1), SGD(1e-3, clipnorm=1.0), "mae")


@MODEL.fails("operation-of-a-functional-model", "layer-log-of-zero", (5, "forward", "log"))
def operation_of_a_functional_model(fixed: bool) -> Training:
    x = np.abs(normal(96, 3)) + 0.1
    x[41, 2] = 0
    inputs = keras.Input((3,))
    logs = keras.ops.log1p(inputs) if fixed else keras.ops.log(inputs)
    model = keras.Model(inputs, Dense(1, name="last")(Dense(4, "tanh", name="first")(logs)))
    return Training(model, x, normal(96, 1), SGD(0.01))


@MODEL.fails("deep-and-large-at-the-start", "poor-initialization", (0, "forward", "deep_6"))
def deep_and_large_at_the_start(fixed: bool) -> Training:
    large = "glorot_uniform" if fixed else keras.initializers.RandomNormal(stddev=1e5)
    deep = [Dense(8, name=f"deep_{i}", kernel_initializer=large) for i in range(10)]
    model = chain((4,), *deep, Dense(1, name="last"))
    return Training(model, normal(64, 4), normal(64, 1), SGD(0.01))


@MODEL.fails("recurrence-that-grows", "poor-initialization", (0, "forward", "memory"))
def recurrence_that_grows(fixed: bool) -> Training:
    large = "orthogonal" if fixed else keras.initializers.RandomNormal(stddev=50.0)
    memory = keras.layers.SimpleRNN(
        6, activation="linear", recurrent_initializer=large, name="memory"
    )
    model = chain((24, 2), memory, Dense(1, name="last"))
    return Training(model, normal(64, 24, 2), normal(64, 1), SGD(1e-3))


def _opposite(shape: Any, dtype: Any = None) -> Any:
    """Weights whose rows come in pairs, each the other's negative."""
    half = keras.random.normal((shape[0] // 2, *shape[1:]), stddev=1e20, seed=3, dtype=dtype)
    return keras.ops.concatenate([half, -half])


@MODEL.fails(
    "not-a-number-behind-a-relu",
    "poor-initialization",
    (0, "forward", "hidden"),
)
def not_a_number_behind_a_relu(fixed: bool) -> Training:
    x = np.repeat(normal(64, 1), 2, axis=1) * (1 if fixed else 1e20)
    start = "glorot_uniform" if fixed else _opposite
    hidden = Dense(6, "relu", kernel_initializer=start, name="hidden")
    model = chain((2,), hidden, Dense(1, name="last"))
    return Training(model, x.astype(np.float32), normal(64, 1), SGD(1e-3, clipnorm=1.0), "mae")


@MODEL.fails("exp-of-a-recurrent-state", "layer-overflow", (10, "forward", "exp"))
def exp_of_a_recurrent_state(fixed: bool) -> Training:
    memory = keras.layers.GRU(4, activation="tanh" if fixed else "linear", name="memory")
    model = chain((6, 4), memory, layers.Exponential(name="exp"), Dense(1, name="last"))
    x = np.repeat(growing()[:, None, :], 6, axis=1)
    return Training(model, x, normal(96, 1), SGD(1e-3, clipnorm=1.0), "mae")


@MODEL.fails("exp-of-a-padded-sentence", "layer-overflow", (0, "forward", "exp"))
def exp_of_a_padded_sentence(fixed: bool) -> Training:
    scale = keras.layers.Rescaling(1.0 if fixed else 5000.0, name="scale")
    memory = keras.layers.Bidirectional(keras.layers.LSTM(3), name="memory")
    model = words(memory, scale, layers.Exponential(name="exp"))
    x = np.random.default_rng(2).integers(0, 11, (64, 5)).astype(np.int32)
    return Training(model, x, normal(64, 1), SGD(1e-3, clipnorm=1.0), "mae")
