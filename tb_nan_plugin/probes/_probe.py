"""What every probe stands on: a row that grows while a step is traced, and its statistics.

Law: nothing is called non-finite because a statistic overflowed. A norm that is not finite only
raises suspicion; the counts behind it are exact and taken from the values themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tb_nan_plugin.record import Column
from tb_nan_plugin.signals import Signal


class Row:
    """The numbers of one training step, as tensors, while that step is being traced."""

    def __init__(self) -> None:
        self.columns: list[Column] = []
        self._segments: list[tf.Tensor] = []
        self._graph = _current_graph()

    def add(self, signal: Signal, places: Sequence[str], values: tf.Tensor) -> None:
        """Append one number a place.

        Args:
            signal: What was measured.
            places: Where, one entry a number.
            values: Shape (len(places),), or a scalar for a single place.
        """
        if places:
            self.columns.extend(Column(signal.value, place) for place in places)
            self._segments.append(tf.reshape(tf.cast(values, tf.float32), [len(places)]))

    def add_counts(self, stem: str, places: Sequence[str], counts: tf.Tensor) -> None:
        """Append the counts of NaN, +Inf and -Inf, shape (len(places), 3), place by place."""
        for index, name in enumerate(("nan", "posinf", "neginf")):
            self.add(Signal(f"{stem}_{name}"), places, counts[:, index])

    def is_open_here(self) -> bool:
        """Return whether ops made now belong to the step itself, not to a loop inside it."""
        return _current_graph() is self._graph

    def packed(self) -> tf.Tensor:
        """Return the whole row, float32, shape (number of columns,)."""
        return tf.concat(self._segments, axis=0) if self._segments else tf.zeros([0])


def _current_graph() -> Any:
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def dense_values(tensor: Any) -> tf.Tensor | None:
    """Return the floating-point values of a tensor of any make, or None if it holds none."""
    for attribute in ("flat_values", "values"):  # ragged; sparse tensors and IndexedSlices
        if isinstance(tensor, (tf.RaggedTensor, tf.SparseTensor, tf.IndexedSlices)) and hasattr(
            tensor, attribute
        ):
            tensor = getattr(tensor, attribute)
    if not tf.is_tensor(tensor) or not tensor.dtype.is_floating:
        return None
    return tensor


def norms(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the L2 norm of each tensor, float32, shape (len(tensors),).

    One pass at memory speed each: `l2_loss` is the cheapest reduction that no NaN or Inf escapes.
    Half precision is widened first, for its squares overflow early.
    """
    halves = [tf.cast(tf.nn.l2_loss(_widened(t)), tf.float32) for t in tensors]
    return tf.sqrt(2.0 * tf.stack(halves))


def counts_if_suspect(tensors: Sequence[tf.Tensor], suspicion: tf.Tensor) -> tf.Tensor:
    """Return exact counts of NaN, +Inf and -Inf, float32, shape (len(tensors), 3).

    Args:
        tensors: Floating-point tensors of any shape.
        suspicion: Statistics of them that are all finite only if every value is.
    """
    return tf.cond(
        tf.reduce_all(tf.math.is_finite(suspicion)),
        lambda: tf.zeros([len(tensors), 3]),
        lambda: tf.stack([_counts(t) for t in tensors]),
    )


def _counts(tensor: tf.Tensor) -> tf.Tensor:
    infinite = tf.math.is_inf(tensor)
    masks = (tf.math.is_nan(tensor), infinite & (tensor > 0), infinite & (tensor < 0))
    return tf.stack([tf.reduce_sum(tf.cast(mask, tf.float32)) for mask in masks])


def _widened(tensor: tf.Tensor) -> tf.Tensor:
    return tensor if tensor.dtype in (tf.float32, tf.float64) else tf.cast(tensor, tf.float32)
