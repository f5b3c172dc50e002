"""Gradients as the loss made them: before clipping, and with the loss scale divided out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import tensorflow as tf

from tb_nan_plugin.probes._probe import (
    Row,
    aside,
    count_signals,
    counts,
    dense_values,
    halved_squares,
    largest,
)
from tb_nan_plugin.signals import Signal

# Of a gradient with more values than this, evenly spaced rows are searched for the largest one.
SAMPLE: Final = 16384


def measure(
    row: Row, name: str, gradients: Sequence[tuple[str, Any]], scale: Any | None, optimizer: Any
) -> None:
    """Add norm and finiteness of every gradient, the one nearest to the loss first.

    Args:
        row: The open row.
        name: The optimizer's, "" for the model's only one.
        gradients: Variable names and gradients in the optimizer's order, None where there is none.
        scale: The factor that is still on the gradients, or None.
        optimizer: Whose clipping the gradients go through next.
    """
    found = [(place, dense_values(_summed(aside(g)))) for place, g in reversed(gradients)]
    present = [(place, g) for place, g in found if g is not None]
    if not present:
        return
    places, values = [place for place, _ in present], [g for _, g in present]
    factor = None if scale is None else 1.0 / tf.cast(scale, tf.float32)
    halves = halved_squares(row, values)
    doubt = tf.add_n(halves)
    if factor is not None:
        halves = [half * factor * factor for half in halves]
    together = doubt if factor is None else doubt * factor * factor
    row.add_norms(Signal.GRADIENT_NORM, places, halves)
    row.add_norms(Signal.GLOBAL_GRADIENT_NORM, [name], [together])
    highest = tf.stack([tf.cast(tf.reduce_max(tf.abs(_sample(g))), tf.float32) for g in values])
    row.watch(
        [Signal.GRADIENT_MAX_ABS],
        places,
        highest if factor is None else highest * factor,
        lambda: largest(values) if factor is None else largest(values) * factor,
        doubt,
    )
    row.watch(count_signals("gradient"), places, None, lambda: counts(values), doubt)
    clipped = _clipped(optimizer, values, halves, together, factor)
    if clipped is not None:
        row.add_norms(Signal.CLIPPED_GRADIENT_NORM, [name], [clipped])
    if hasattr(optimizer, "dynamic_scale"):
        all_finite = lambda: tf.cast(tf.reduce_sum(counts(values)) == 0, tf.float32)  # noqa: E731
        row.watch([Signal.STEP_APPLIED], [name], tf.ones([1]), all_finite, doubt)


def _clipped(
    optimizer: Any,
    values: Sequence[tf.Tensor],
    halves: Sequence[tf.Tensor],
    together: tf.Tensor,
    factor: tf.Tensor | None,
) -> tf.Tensor | None:
    """Return half the sum of squares that clipping leaves; None if nothing is clipped here."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if getattr(inner, "gradient_accumulation_steps", None):
        return None  # what is clipped is the sum of several steps
    if getattr(inner, "clipnorm", None):
        return tf.add_n([tf.minimum(half, inner.clipnorm**2 / 2) for half in halves])
    if getattr(inner, "global_clipnorm", None):
        return tf.minimum(together, inner.global_clipnorm**2 / 2)
    limit = getattr(inner, "clipvalue", None)
    if not limit:
        return None
    unscaled = values if factor is None else [g * tf.cast(factor, g.dtype) for g in values]
    clipped = [tf.nn.l2_loss(tf.clip_by_value(g, -limit, limit)) for g in unscaled]
    return tf.add_n([tf.cast(half, tf.float32) for half in clipped])


def _sample(gradient: tf.Tensor) -> tf.Tensor:
    elements = gradient.shape.num_elements()
    if elements is None or elements <= SAMPLE or gradient.shape.rank < 2:
        return gradient
    rows = tf.reshape(gradient, [-1, gradient.shape[-1]])
    return rows[:: -(-elements // SAMPLE)]


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
