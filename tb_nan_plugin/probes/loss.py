"""The batch's own loss, and the predictions it was computed from."""

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


def measure_loss(row: Row, loss: Any) -> None:
    """Add the loss; a loss that is no scalar is averaged, as its gradient would be."""
    if tf.is_tensor(loss) and loss.dtype.is_floating:
        row.add(Signal.LOSS, [""], tf.reduce_mean(loss))
