"""Loss: the predictions are finite, what is computed of them is not."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.cases.case import Family, Objective, Training, normal
from tests.cases.models import Dense, chain, dense, image

LOSS = Family("loss")
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam
SMALLEST = 1e-7


def binary_by_hand(epsilon: float = 0.0) -> Any:
    """Cross-entropy as one writes it: the logarithm of a prediction that may be 0 or 1."""

    def binary_crossentropy_by_hand(y: Any, p: Any) -> Any:
        y = tf.cast(y, p.dtype)
        if epsilon:
            p = tf.clip_by_value(p, epsilon, 1 - epsilon)
        return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p))

    return binary_crossentropy_by_hand


def far_apart(rows: int = 96, last: float = 200.0) -> tuple[Any, Any]:
    """Two classes that are told apart ever more easily, and their labels."""
    x = normal(rows, 4)
    labels = (x[:, :1] > 0).astype(np.float32)
    return x * np.linspace(1, last, rows)[:, None].astype(np.float32), labels


@LOSS.fails("crossentropy-by-hand", "loss-log-of-zero", (2, "loss", ""))
def crossentropy_by_hand(fixed: bool) -> Training:
    loss = binary_by_hand(SMALLEST if fixed else 0.0)
    return Training(dense(last="sigmoid"), *far_apart(), SGD(0.01), loss)


@LOSS.fails("crossentropy-by-hand-with-class-weights", "loss-log-of-zero", (2, "loss", ""))
def crossentropy_by_hand_with_class_weights(fixed: bool) -> Training:
    loss = binary_by_hand(SMALLEST if fixed else 0.0)
    model = dense(activation="tanh", last="sigmoid")
    x, y = far_apart(last=1.0)
    fit = {"class_weight": {0: 1.0, 1: 5.0}, "epochs": 3}
    return Training(model, x, y, SGD(0.05 if fixed else 30.0), loss, fit=fit)


@LOSS.fails("log-of-a-vanished-class", "loss-log-of-zero", (2, "loss", ""))
def log_of_a_vanished_class(fixed: bool) -> Training:
    def crossentropy(y: Any, p: Any) -> Any:
        p = tf.maximum(p, SMALLEST) if fixed else p
        return -tf.reduce_mean(tf.reduce_sum(y * tf.math.log(p), axis=-1))

    x, _ = far_apart(last=400.0)
    y = keras.utils.to_categorical(np.random.default_rng(1).integers(0, 3, 96), 3)
    return Training(dense(out=3, last="softmax"), x, y, Adam(0.01), crossentropy)


@LOSS.fails("share-of-a-zero-target", "loss-division-by-zero", (4, "loss", ""))
def share_of_a_zero_target(fixed: bool) -> Training:
    def percentage(y: Any, p: Any) -> Any:
        return tf.reduce_mean(tf.abs((y - p) / (tf.maximum(y, 0.1) if fixed else y)))

    y = np.abs(normal(96, 1)) + 0.5
    y[37] = 0
    return Training(dense(), normal(96, 4), y, SGD(0.01), percentage)


@LOSS.fails("angle-to-a-zero-prediction", "loss-division-by-zero", (0, "loss", ""))
def angle_to_a_zero_prediction(fixed: bool) -> Training:
    def angle(y: Any, p: Any) -> Any:
        lengths = tf.reduce_sum(y * y, -1) * tf.reduce_sum(p * p, -1)
        return -tf.reduce_mean(tf.reduce_sum(y * p, -1) / tf.sqrt(lengths + SMALLEST * fixed))

    x = normal(96, 4)
    x[5] = 0
    model = chain((4,), Dense(5, "tanh", name="first"), Dense(2, name="last"))
    return Training(model, x, normal(96, 2), SGD(0.01), angle)


@LOSS.fails("square-of-a-large-error", "loss-overflow", (5, "loss", ""))
def square_of_a_large_error(fixed: bool) -> Training:
    y = normal(96, 1)
    if not fixed:
        y[40:48] *= 1e20
    return Training(dense(activation="elu"), normal(96, 4), y, SGD(1e-6))


@LOSS.fails("poisson-by-hand", "loss-overflow", (6, "loss", ""))
def poisson_by_hand(fixed: bool) -> Training:
    def poisson(y: Any, log_rate: Any) -> Any:
        log_rate = tf.minimum(log_rate, 20.0) if fixed else log_rate
        return tf.reduce_mean(tf.exp(log_rate) - y * log_rate)

    x = normal(96, 3)
    x[50] = 90.0
    y = np.random.default_rng(1).poisson(3.0, (96, 1)).astype(np.float32)
    model = chain((3,), Dense(1, kernel_initializer="ones", name="log_rate"))
    return Training(model, x, y, SGD(1e-3), poisson)


@LOSS.fails("root-of-a-signed-error", "loss-invalid-operation", (0, "loss", ""))
def root_of_a_signed_error(fixed: bool) -> Training:
    def root(y: Any, p: Any) -> Any:
        error = tf.abs(y - p) + SMALLEST if fixed else y - p
        return tf.reduce_mean(tf.sqrt(error))

    return Training(image(), normal(64, 6, 6, 2), normal(64, 1), SGD(0.01), root)


@LOSS.fails("logarithm-of-a-signed-prediction", "loss-invalid-operation", (0, "loss", ""))
def logarithm_of_a_signed_prediction(fixed: bool) -> Training:
    def squared_log_error(y: Any, p: Any) -> Any:
        p = tf.nn.relu(p) if fixed else p
        return tf.reduce_mean(tf.square(tf.math.log1p(4 * p) - tf.math.log1p(y)))

    y = np.abs(normal(96, 1))
    memory = keras.layers.GRU(4, name="memory")
    model = chain((5, 3), memory, Dense(1, name="last"))
    return Training(model, normal(96, 5, 3), y, Adam(0.01), squared_log_error)


@LOSS.fails("nothing-left-after-masking", "empty-loss", (7, "loss", ""))
def nothing_left_after_masking(fixed: bool) -> Training:
    def masked(y: Any, p: Any) -> Any:
        known = tf.cast(y >= 0, p.dtype)
        number = tf.reduce_sum(known)
        total = tf.reduce_sum(known * tf.square(y - p))
        return total / (tf.maximum(number, 1.0) if fixed else number)

    y = np.abs(normal(96, 1))
    y[normal(96, 1, seed=8) > 0] = -1
    y[56:64] = -1
    return Training(dense(activation="selu"), normal(96, 4), y, SGD(0.01), masked)


@LOSS.fails("no-positive-pair-in-the-batch", "empty-loss", (3, "loss", ""))
def no_positive_pair_in_the_batch(fixed: bool) -> Training:
    return Training(dense(), normal(96, 4), _one_empty_batch(), SGD(0.01), _spread(fixed))


def _one_empty_batch() -> Any:
    y = (normal(96, 1) > -1).astype(np.float32)
    y[24:32] = 0
    return y


def _spread(fixed: bool) -> Any:
    def spread(y: Any, p: Any) -> Any:
        positive = tf.cast(y > 0, p.dtype)
        number = tf.reduce_sum(positive)
        mean = tf.reduce_sum(p * positive) / (tf.maximum(number, 1.0) if fixed else number)
        return tf.reduce_mean(tf.square(p - mean))

    return spread


@LOSS.fails("one-of-two-outputs", "loss-log-of-zero", (3, "loss", ""))
def one_of_two_outputs(fixed: bool) -> Training:
    inputs = keras.Input((4,))
    trunk = Dense(6, "tanh", name="trunk")(inputs)
    outputs = {
        "kind": Dense(1, "sigmoid", name="kind", kernel_initializer="ones")(
            keras.layers.Add(name="skip")([Dense(4, name="mix")(trunk), inputs])
        ),
        "size": Dense(1, name="size")(trunk),
    }
    loss = {"kind": binary_by_hand(SMALLEST if fixed else 0.0), "size": "mse"}
    x = normal(96, 4)
    x[30] = 30.0
    y = {"kind": (x[:, :1] > 0).astype(np.float32), "size": normal(96, 1)}
    return Training(keras.Model(inputs, outputs), x, y, SGD(1e-3), loss)


class _Divergence(keras.layers.Layer):
    """Adds the divergence of its input, a spread, from 1 to the loss."""

    def __init__(self, epsilon: float, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    def call(self, spread: Any) -> Any:
        self.add_loss(tf.reduce_mean(spread - 1 - tf.math.log(spread + self.epsilon)))
        return spread


@LOSS.fails("divergence-of-a-dead-spread", "loss-log-of-zero", (0, "loss", ""))
def divergence_of_a_dead_spread(fixed: bool) -> Training:
    divergence = _Divergence(SMALLEST if fixed else 0.0, name="divergence")
    model = chain((4,), Dense(5, "relu", name="spread"), divergence, Dense(4, name="last"))
    x = normal(96, 4)
    return Training(model, x, x, Adam(0.01))


def log_ratio(model: Any, x: Any, y: Any) -> Any:
    """A loss of a training step of one's own: the logarithm of target over prediction."""
    predicted = model(x, training=True)
    return tf.reduce_mean(tf.square(tf.math.log(y / predicted)))


class OwnStep(keras.Model):
    """A functional model with a training step written by hand, for one objective."""

    objective: Objective

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.objective.loss(self, x, y)
        variables = list(self.objective.variables(self))
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return {"loss": loss}


def own_step(inputs: Any, outputs: Any, objective: Objective) -> Any:
    model = OwnStep(inputs, outputs)
    model.objective = objective
    return model


@LOSS.fails("log-ratio-in-a-step-of-ones-own", "loss-log-of-zero", (8, "loss", ""))
def log_ratio_in_a_step_of_ones_own(fixed: bool) -> Training:
    inputs = keras.Input((4,))
    hidden = Dense(6, "tanh", name="first")(inputs)
    model = own_step(inputs, Dense(1, "softplus", name="last")(hidden), Objective(log_ratio))
    y = np.abs(normal(96, 1)) + 0.2
    if not fixed:
        y[66] = 0
    objectives = (Objective(log_ratio),)
    return Training(model, normal(96, 4), y, Adam(0.01), None, objectives=objectives)
