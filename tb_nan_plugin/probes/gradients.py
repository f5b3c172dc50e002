"""Gradients as the loss made them: before clipping, and with the loss scale divided out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tb_nan_plugin.probes._probe import Row, counts_if_suspect, dense_values, norms
from tb_nan_plugin.signals import Signal


def measure(row: Row, gradients: Sequence[tuple[str, Any]], scale: Any | None) -> None:
    """Add norm and finiteness of every gradient, the one nearest to the loss first.

    Args:
        row: The open row.
        gradients: Variable names and gradients, the one used last in the forward pass at the end;
            None where there is none.
        scale: The factor that is still on the gradients, or None.
    """
    found = [(name, dense_values(_summed(g))) for name, g in reversed(gradients)]
    present = [(name, g) for name, g in found if g is not None]
    if not present:
        return
    places, values = [name for name, _ in present], [g for _, g in present]
    sizes = norms(values)
    factor = 1.0 if scale is None else tf.cast(scale, tf.float32)
    row.add(Signal.GRADIENT_NORM, places, sizes / factor)
    row.add_counts("gradient", places, counts_if_suspect(values, sizes))


def _summed(gradient: Any) -> Any:
    """Add up the slices of a sparse gradient that belong to the same row of the variable.

    By sorting, for XLA knows neither `tf.unique` nor shapes that depend on the data.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    order = tf.argsort(gradient.indices)
    indices = tf.gather(gradient.indices, order)
    begins = tf.cast(indices[1:] != indices[:-1], tf.int32)
    rows = tf.concat([tf.zeros_like(indices[:1], tf.int32), tf.cumsum(begins)], axis=0)
    return tf.math.unsorted_segment_sum(tf.gather(gradient.values, order), rows, tf.size(rows))
