"""The batch's own loss, what it is made of, and the predictions it was computed from."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tb_nan_plugin.probes._probe import Row, dense_values
from tb_nan_plugin.signals import Signal


def measure_predictions(row: Row, predictions: dict[str, Any]) -> None:
    """Add the range of every output, and how many values are exactly 0 and exactly 1."""
    for name, tensor in predictions.items():
        values = dense_values(tensor)
        if values is None:
            continue
        row.add(Signal.PREDICTION_MIN, [name], tf.reduce_min(values))
        row.add(Signal.PREDICTION_MAX, [name], tf.reduce_max(values))
        row.add(Signal.PREDICTION_ZERO, [name], _how_many(values, 0.0))
        row.add(Signal.PREDICTION_ONE, [name], _how_many(values, 1.0))


def _how_many(values: tf.Tensor, number: float) -> tf.Tensor:
    hits = tf.equal(values, tf.cast(number, values.dtype))
    return tf.reduce_sum(tf.cast(hits, tf.float32))


def measure_true_class(row: Row, name: str, activation: str, target: Any, prediction: Any) -> None:
    """Add the smallest probability that was given to a true class, where outputs are probabilities.

    Args:
        row: The open row.
        name: The output's, "" for a model's only one.
        activation: What made the predictions: `sigmoid` or `softmax`; anything else is passed over.
        target: Classes 0 and 1, or rows of them, or numbers of classes.
        prediction: Probabilities, classes on the last axis.
    """
    given = dense_values(prediction)
    if given is None or not tf.is_tensor(target) or given.shape.rank is None:
        return
    wide = _as_wide(target, given) if activation == "sigmoid" else None
    if wide is not None:
        true = tf.where(wide >= 0.5, given, 1 - given)
    elif (
        activation == "softmax"
        and target.shape.rank == given.shape.rank
        and (target.shape[-1] == given.shape[-1] and given.shape[-1] != 1)
    ):
        true = tf.where(tf.cast(target, given.dtype) > 0.5, given, tf.ones_like(given))
    elif activation == "softmax" and given.shape[-1] and target.shape.rank is not None:
        true = _chosen(target, given)
    else:
        return
    row.add(Signal.TRUE_CLASS_PROBABILITY, [name], tf.reduce_min(true))


def _as_wide(target: tf.Tensor, given: tf.Tensor) -> tf.Tensor | None:
    """Return the targets beside the predictions that they are compared with."""
    target = tf.cast(target, given.dtype)
    if target.shape.rank == given.shape.rank and target.shape[-1] == given.shape[-1]:
        return target
    if given.shape[-1] == 1 and target.shape.rank == given.shape.rank - 1:
        return target[..., tf.newaxis]
    return None


def _chosen(target: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
    """Return each row's probability of its class, 1 where there is no such class."""
    classes = int(given.shape[-1])
    labels = tf.cast(tf.reshape(target, [-1]), tf.int32)
    flat = tf.reshape(given, [-1])
    cells = tf.range(tf.size(labels)) * classes + tf.clip_by_value(labels, 0, classes - 1)
    cells = tf.minimum(cells, tf.size(flat) - 1)
    known = (labels >= 0) & (labels < classes)
    return tf.where(known, tf.gather(flat, cells), tf.cast(1.0, given.dtype))


def measure_loss(row: Row, loss: Any) -> None:
    """Add the loss; a loss that is no scalar is averaged, as its gradient would be."""
    if tf.is_tensor(loss) and loss.dtype.is_floating:
        row.add(Signal.LOSS, [""], tf.reduce_mean(loss) if loss.shape.rank != 0 else loss)


def measure_parts(row: Row, outputs: dict[str, Any], penalties: list[Any]) -> None:
    """Add each output's own loss and the sum of what is added to them, if there are several."""
    if len(outputs) + bool(penalties) < 2:
        return
    for name, value in outputs.items():
        row.add(Signal.OUTPUT_LOSS, [name], tf.reduce_mean(value))
    if penalties:
        added = tf.add_n([tf.cast(penalty, tf.float32) for penalty in penalties])
        row.add(Signal.REGULARIZATION_LOSS, [""], added)
