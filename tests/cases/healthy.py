"""Healthy: trainings of every make, some of them with numbers that look alarming and are not."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.cases import layers
from tests.cases.case import Family, Objective, Training, normal
from tests.cases.models import Dense, chain, dense, image, words
from tests.cases.precision import Scaled, in_float32, policy

FINE = Family("healthy")
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam
CLASSES = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def labels(rows: int = 96, count: int = 3) -> Any:
    return np.random.default_rng(4).integers(0, count, rows).astype(np.int32)


def sentences(rows: int = 96) -> Any:
    x = np.random.default_rng(2).integers(1, 11, (rows, 5)).astype(np.int32)
    x[:, 3:] *= np.random.default_rng(3).integers(0, 2, (rows, 1))
    return x


@FINE.stays_finite("plain-classifier")
def plain_classifier(fixed: bool) -> Training:
    return Training(dense(out=3), normal(91, 4), labels(91), SGD(0.1, momentum=0.9), CLASSES)


@FINE.stays_finite("images-with-dropout")
def images_with_dropout(fixed: bool) -> Training:
    norm = keras.layers.BatchNormalization(name="norm")
    drop = keras.layers.Dropout(0.3, name="drop")
    return Training(
        image(norm, keras.layers.ReLU(name="relu"), drop),
        normal(96, 6, 6, 2),
        normal(96, 1),
        Adam(0.01),
    )


@FINE.stays_finite("masked-sentences")
def masked_sentences(fixed: bool) -> Training:
    y = labels(count=2).astype(np.float32)[:, None]
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return Training(words(keras.layers.LSTM(3, name="memory")), sentences(), y, Adam(0.01), loss)


@FINE.stays_finite("sentences-from-both-ends")
def sentences_from_both_ends(fixed: bool) -> Training:
    memory = keras.layers.Bidirectional(keras.layers.GRU(2), name="memory")
    model = words(memory, keras.layers.LayerNormalization(name="norm"))
    return Training(model, sentences(64), normal(64, 1), SGD(0.05))


@FINE.stays_finite("attention-with-padding")
def attention_with_padding(fixed: bool) -> Training:
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(11, 4, mask_zero=True, name="words")(inputs)
    heads = keras.layers.MultiHeadAttention(2, 2, name="attention")
    x = keras.layers.LayerNormalization(name="norm")(x + heads(x, x, use_causal_mask=True))
    x = keras.layers.GlobalAveragePooling1D(name="mean")(Dense(4, "gelu", name="mix")(x))
    model = keras.Model(inputs, Dense(3, name="last")(x))
    return Training(model, sentences(64), labels(64), Adam(0.01), CLASSES)


@FINE.stays_finite("attention-with-minus-infinity")
def attention_with_minus_infinity(fixed: bool) -> Training:
    present = np.ones((96, 5), np.float32)
    present[::2, 3:] = 0
    inputs = [keras.Input((5, 4), name="sequence"), keras.Input((5,), name="present")]
    attention = layers.Attention(name="attention")(inputs)
    pooled = keras.layers.GlobalMaxPooling1D(name="pool")(attention)
    model = keras.Model(inputs, Dense(1, name="last")(pooled))
    return Training(model, [normal(96, 5, 4), present], normal(96, 1), Adam(0.01))


class _Masked(keras.layers.Layer):
    """Gives a score of -Inf to what is forbidden, for a softmax that comes after it."""

    def call(self, scores: Any) -> Any:
        forbidden = tf.constant([0.0, 0.0, 0.0, -np.inf])
        return scores + forbidden


@FINE.stays_finite("forbidden-classes")
def forbidden_classes(fixed: bool) -> Training:
    scores, allowed = Dense(4, name="scores"), keras.layers.Softmax(name="allowed")
    model = chain((4,), scores, _Masked(name="mask"), allowed)
    return Training(model, normal(96, 4), labels(), SGD(0.1), "sparse_categorical_crossentropy")


@FINE.stays_finite("missing-values-filled-in")
def missing_values_filled_in(fixed: bool) -> Training:
    x = normal(96, 4)
    x[normal(96, 4, seed=8) > 1] = np.nan
    model = chain((4,), layers.FillMissing(name="fill"), Dense(5, "relu"), Dense(1))
    return Training(model, x, normal(96, 1), SGD(0.05))


@FINE.stays_finite("two-inputs-two-outputs")
def two_inputs_two_outputs(fixed: bool) -> Training:
    inputs = {name: keras.Input((3,), name=name) for name in ("left", "right")}
    shared = Dense(4, "tanh", name="shared")
    both = keras.layers.Concatenate(name="both")([shared(i) for i in inputs.values()])
    outputs = {"kind": Dense(3, name="kind")(both), "size": Dense(1, name="size")(both)}
    x = {"left": normal(96, 3), "right": normal(96, 3, seed=6)}
    y = {"kind": labels(), "size": normal(96, 1)}
    loss = {"kind": CLASSES, "size": "mse"}
    return Training(keras.Model(inputs, outputs), x, y, Adam(0.01), loss, fit={"epochs": 2})


@FINE.stays_finite("rows-of-different-weight")
def rows_of_different_weight(fixed: bool) -> Training:
    weight = np.abs(normal(96))
    weight[8:16] = 0
    return Training(dense(), normal(96, 4), normal(96, 1), SGD(0.1), fit={"sample_weight": weight})


@FINE.stays_finite("classes-of-different-weight")
def classes_of_different_weight(fixed: bool) -> Training:
    fit = {"class_weight": {0: 1.0, 1: 10.0}}
    y = labels(count=2).astype(np.float32)[:, None]
    return Training(
        dense(last="sigmoid"), normal(96, 4), y, Adam(0.01), "binary_crossentropy", fit=fit
    )


@FINE.stays_finite("frozen-encoder")
def frozen_encoder(fixed: bool) -> Training:
    inside = keras.Input((4,))
    hidden = keras.layers.BatchNormalization(name="norm")(Dense(5, name="code")(inside))
    encoder = keras.Model(inside, hidden, name="encoder", trainable=False)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Dense(1, name="last")(encoder(inputs)))
    return Training(model, normal(96, 4), normal(96, 1), keras.optimizers.RMSprop(0.01))


@FINE.stays_finite("accumulated-and-clipped")
def accumulated_and_clipped(fixed: bool) -> Training:
    optimizer = Adam(0.01, gradient_accumulation_steps=4, global_clipnorm=0.1)
    return Training(dense(activation="selu"), normal(99, 4), normal(99, 1), optimizer)


class _Pair(keras.Model):
    """A generator and a critic, each with an optimizer of its own."""

    def __init__(self) -> None:
        super().__init__(name="pair")
        self.generator = chain((2,), Dense(5, "relu", name="g1"), Dense(4, name="g2"))
        self.critic = chain((4,), Dense(5, "relu", name="c1"), Dense(1, name="c2"))
        self.slow = Adam(1e-3)

    def call(self, noise: Any, *, training: bool = False) -> Any:
        return self.critic(self.generator(noise, training=training), training=training)

    def train_step(self, data: Any) -> Any:
        logs = {}
        for name, objective in zip(("critic", "generator"), DUEL, strict=True):
            with tf.GradientTape() as tape:
                loss = objective.loss(self, *data)
            variables = list(objective.variables(self))
            gradients = tape.gradient(loss, variables)
            objective.optimizer(self).apply(gradients, variables)
            logs[name] = loss
        return logs


def _critic_loss(model: Any, noise: Any, real: Any) -> Any:
    fake = model.critic(model.generator(noise, training=True), training=True)
    right = tf.nn.softplus(-model.critic(real, training=True))
    return tf.reduce_mean(right) + tf.reduce_mean(tf.nn.softplus(fake))


def _generator_loss(model: Any, noise: Any, real: Any) -> Any:
    del real
    return tf.reduce_mean(tf.nn.softplus(-model(noise, training=True)))


DUEL = (
    Objective(_critic_loss, lambda model: model.critic.trainable_variables),
    Objective(
        _generator_loss,
        lambda model: model.generator.trainable_variables,
        lambda model: model.slow,
    ),
)


@FINE.stays_finite("two-models-against-each-other")
def two_models_against_each_other(fixed: bool) -> Training:
    model = _Pair()
    model(np.zeros((1, 2), np.float32))
    return Training(model, normal(64, 2), normal(64, 4), SGD(0.01), None, objectives=DUEL)


class _Sample(keras.layers.Layer):
    """Draws a latent around its mean, and adds the divergence from the prior to the loss."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(11)

    def call(self, inputs: Any) -> Any:
        mean, log = inputs
        self.add_loss(-0.5 * tf.reduce_mean(1 + log - mean**2 - tf.exp(log)))
        return mean + tf.exp(0.5 * log) * keras.random.normal(tf.shape(mean), seed=self.seeds)


@FINE.stays_finite("variational-autoencoder")
def variational_autoencoder(fixed: bool) -> Training:
    inputs = keras.Input((4,))
    hidden = Dense(5, "elu", name="encode")(inputs)
    latent = _Sample(name="sample")([Dense(2, name="mean")(hidden), Dense(2, name="log")(hidden)])
    x = normal(96, 4)
    return Training(keras.Model(inputs, Dense(4, name="last")(latent)), x, x, Adam(0.01))


@FINE.stays_finite("loss-scale-that-settles")
def loss_scale_that_settles(fixed: bool) -> Training:
    with policy("mixed_float16"):
        model = in_float32(Dense(5, "relu", name="hidden"), Dense(4, name="second"))
    optimizer = Scaled(SGD(0.01), initial_scale=2.0**24)
    return Training(model, normal(160, 4), normal(160, 1), optimizer)


@FINE.stays_finite("brain-float")
def brain_float(fixed: bool) -> Training:
    with policy("mixed_bfloat16"):
        model = in_float32(Dense(5, "swish", name="hidden"), keras.layers.Dropout(0.2))
    return Training(model, 1e6 * normal(96, 4), normal(96, 1), SGD(1e-16))


@FINE.stays_finite("squares-that-overflow")
def squares_that_overflow(fixed: bool) -> Training:
    tame = keras.layers.Rescaling(1e-24, name="tame")
    model = chain((4,), tame, Dense(5, "tanh", name="first"), Dense(1, name="last"))
    return Training(model, 1e24 * normal(96, 4), normal(96, 1), SGD(0.01))


@FINE.stays_finite("heavy-tailed-targets")
def heavy_tailed_targets(fixed: bool) -> Training:
    y = np.random.default_rng(6).standard_cauchy((96, 1)).astype(np.float32)
    return Training(dense(), normal(96, 4), y, Adam(0.01), "huber")


@FINE.stays_finite("sparse-relu")
def sparse_relu(fixed: bool) -> Training:
    start = keras.initializers.Constant(-1.0)
    hidden = Dense(16, "relu", bias_initializer=start, name="hidden")
    return Training(chain((4,), hidden, Dense(3)), normal(96, 4), labels(), SGD(0.1), CLASSES)


@FINE.stays_finite("categories-by-name")
def categories_by_name(fixed: bool) -> Training:
    inputs = {
        "city": keras.Input((), dtype="int32", name="city"),
        "age": keras.Input((1,), name="age"),
    }
    city = keras.layers.Embedding(7, 3, name="cities")(inputs["city"])
    both = keras.layers.Concatenate(name="both")([city, inputs["age"]])
    x = {"city": labels(count=7), "age": normal(96, 1)}
    return Training(keras.Model(inputs, Dense(1, name="last")(both)), x, normal(96, 1), SGD(0.05))


@FINE.stays_finite("one-row-at-a-time")
def one_row_at_a_time(fixed: bool) -> Training:
    return Training(dense(activation="gelu"), normal(20, 4), normal(20, 1), SGD(0.01), batch=1)


@FINE.stays_finite("steps-through-time")
def steps_through_time(fixed: bool) -> Training:
    each = keras.layers.TimeDistributed(Dense(3, "relu", name="inner"), name="each")
    conv = keras.layers.Conv1D(3, 2, padding="causal", name="conv")
    model = chain((5, 2), each, conv, keras.layers.UpSampling1D(2), Dense(1, name="last"))
    return Training(model, normal(96, 5, 2), normal(96, 10, 1), Adam(0.01), "mae")


@FINE.stays_finite("undefined-metric", "nonfinite-metric-only")
def undefined_metric(fixed: bool) -> Training:
    def share(y: Any, p: Any) -> Any:
        return tf.reduce_sum(tf.cast(p > 1e9, tf.float32)) / tf.reduce_sum(0 * y)

    return Training(dense(), normal(96, 4), normal(96, 1), SGD(0.01), compile={"metrics": [share]})


@FINE.stays_finite("bad-validation-data", "nonfinite-validation-data")
def bad_validation_data(fixed: bool) -> Training:
    held = normal(16, 4, seed=8)
    held[3, 1] = np.nan
    fit = {"validation_data": (held, normal(16, 1)), "epochs": 2}
    return Training(dense(activation="tanh"), normal(64, 4), normal(64, 1), SGD(0.01), fit=fit)
