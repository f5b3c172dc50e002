"""What every probe stands on: a row that grows while a step is traced, and its statistics.

Law: nothing is called non-finite because a statistic overflowed. A norm that is not finite only
raises suspicion; the counts behind it are exact and taken from the values themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import tensorflow as tf

from tb_nan_plugin.record import Column
from tb_nan_plugin.signals import Signal

# Beyond a megabyte or so of them, XLA's squares would no longer stay in the processor's cache.
MOST_SQUARES: Final = 1 << 20


@dataclass(frozen=True)
class _Watched:
    """Numbers that are replaced by better ones in a step that looks non-finite."""

    size: int
    usual: tf.Tensor | None
    exact: Callable[[], tf.Tensor]
    suspicion: tf.Tensor


class Row:
    """The numbers of one training step, as tensors, while that step is being traced.

    Attributes:
        columns: What was added so far, in order.
        slow_squares: The step is compiled by XLA for a CPU, where a sum of squares is computed one
            number at a time, while a plain sum, maximum or minimum is as fast as memory.
    """

    def __init__(self, *, slow_squares: bool = False) -> None:
        self.columns: list[Column] = []
        self.slow_squares = slow_squares
        self.ends: dict[tuple[int, ...], tf.Tensor] = {}
        self._segments: list[tf.Tensor] = []
        self._watched: list[_Watched] = []
        self._watched_columns: list[Column] = []
        self._graph = _current_graph()

    def add(self, signal: Signal, places: Sequence[str], values: tf.Tensor) -> None:
        """Append one number a place.

        Args:
            signal: What was measured.
            places: Where, one entry a number.
            values: Shape (len(places),), or a scalar for a single place.
        """
        if places:
            self._segments.append(_vector(values, len(places)))
            self.columns.extend(Column(signal.value, place) for place in places)

    def watch(
        self,
        signals: Sequence[Signal],
        places: Sequence[str],
        usual: tf.Tensor | None,
        exact: Callable[[], tf.Tensor],
        suspicion: tf.Tensor,
    ) -> None:
        """Append numbers that are computed in another way when something may not be finite.

        Args:
            signals: What was measured.
            places: Where; there is one number for every signal and place, all of the first signal's
                before those of the second.
            usual: Those numbers, in whatever shape, while all is finite; None for zeros.
            exact: Makes them otherwise.
            suspicion: Statistics that are all finite only if every value is.

        One condition decides for all that was added since the last `settle`: each of its own would
        cost a small model more than what it guards.
        """
        size = len(signals) * len(places)
        if size:
            self._watched.append(_Watched(size, usual, exact, suspicion))
            self._watched_columns.extend(Column(s.value, p) for s in signals for p in places)

    def settle(self) -> None:
        """Decide between the usual and the exact numbers of everything that is watched."""
        watched, self._watched = self._watched, []
        columns, self._watched_columns = self._watched_columns, []
        if not watched:
            return
        doubts = [tf.reshape(w.suspicion, [-1]) for w in watched]
        together = doubts[0] if len(doubts) == 1 else tf.concat(doubts, axis=0)
        self._segments.append(
            tf.cond(
                tf.reduce_all(tf.math.is_finite(together)),
                lambda: _joined([_usual(w) for w in watched]),
                lambda: _joined([_vector(w.exact(), w.size) for w in watched]),
            )
        )
        self.columns.extend(columns)

    def is_open_here(self) -> bool:
        """Return whether ops made now belong to the step itself, not to a loop inside it."""
        return _current_graph() is self._graph

    def packed(self) -> list[tf.Tensor]:
        """Return the whole row in pieces, float32, as many numbers as there are columns."""
        return list(self._segments)


def _current_graph() -> Any:
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def _vector(values: tf.Tensor, size: int) -> tf.Tensor:
    return tf.reshape(tf.cast(values, tf.float32), [size])


def _usual(watched: _Watched) -> tf.Tensor:
    if watched.usual is None:
        return tf.zeros([watched.size])
    return _vector(watched.usual, watched.size)


def _joined(vectors: list[tf.Tensor]) -> tf.Tensor:
    return vectors[0] if len(vectors) == 1 else tf.concat(vectors, axis=0)


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


def norms(row: Row, tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the L2 norm of each tensor, float32, shape (len(tensors),).

    One pass at memory speed each: `l2_loss` is the cheapest reduction that no NaN or Inf escapes.
    Half precision is widened first, for its squares overflow early.
    """
    halves = [_half_square(row, widened(t)) for t in tensors]
    return tf.sqrt(2.0 * tf.stack([tf.cast(h, tf.float32) for h in halves]))


def _half_square(row: Row, values: tf.Tensor) -> tf.Tensor:
    elements = values.shape.num_elements()
    if not row.slow_squares or elements is None or elements > MOST_SQUARES:
        return tf.nn.l2_loss(values)
    # Held apart from the sum, the squares are computed many at a time, and so is the sum.
    return 0.5 * tf.reduce_sum(_optimization_barrier(tf.square(values)))


def _optimization_barrier(values: tf.Tensor) -> tf.Tensor:
    from tensorflow.compiler.tf2xla.python import xla

    return xla.optimization_barrier(values)


def counts(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return exact counts of NaN, +Inf and -Inf, float32, shape (3, len(tensors))."""
    return tf.stack([_counts(t) for t in tensors], axis=1)


def _counts(tensor: tf.Tensor) -> tf.Tensor:
    infinite = tf.math.is_inf(tensor)
    masks = (tf.math.is_nan(tensor), infinite & (tensor > 0), infinite & (tensor < 0))
    return tf.stack([tf.reduce_sum(tf.cast(mask, tf.float32)) for mask in masks])


def count_signals(stem: str) -> tuple[Signal, Signal, Signal]:
    """Return the signals of the three counts, in the order of `counts`."""
    return Signal(f"{stem}_nan"), Signal(f"{stem}_posinf"), Signal(f"{stem}_neginf")


def widened(tensor: tf.Tensor) -> tf.Tensor:
    """Return half precision as float32, and everything else as it is."""
    return tensor if tensor.dtype in (tf.float32, tf.float64) else tf.cast(tensor, tf.float32)
