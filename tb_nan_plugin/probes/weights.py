"""The model's variables as they are when the step begins, non-trainable ones included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tb_nan_plugin.probes._probe import Row, count_signals, counts, halved_squares
from tb_nan_plugin.signals import Signal


def measure(row: Row, variables: Mapping[str, Any]) -> None:
    """Add norm and finiteness of every variable.

    Read before the forward pass and let go at once: a value still held when the optimizer writes
    would make TensorFlow copy the variable.
    """
    if not variables:
        return
    places = list(variables)
    values = [tf.convert_to_tensor(v) for v in variables.values()]
    halves = halved_squares(row, values)
    row.add_norms(Signal.WEIGHT_NORM, places, halves)
    row.watch(count_signals("weight"), places, None, lambda: counts(values), tf.add_n(halves))


def count_nonfinite(variables: Mapping[str, Any]) -> tf.Tensor:
    """Return counts of NaN, +Inf and -Inf of every variable, shape (3, len(variables))."""
    values = [tf.convert_to_tensor(v) for v in variables.values()]
    halves = tf.add_n([tf.cast(tf.nn.l2_loss(v), tf.float32) for v in values])
    return tf.cond(
        tf.math.is_finite(halves),
        lambda: tf.zeros([3, len(values)]),
        lambda: counts(values),
    )
