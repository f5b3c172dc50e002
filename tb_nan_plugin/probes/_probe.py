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

LONGEST_CHAIN: Final = 8  # of products or sums; longer ones are read where they are
REGROUPED: Final = frozenset({"Add", "AddV2", "Mul"})


@dataclass(frozen=True)
class _Watched:
    """Numbers that are replaced by better ones in a step that looks non-finite."""

    size: int
    usual: tf.Tensor | None
    exact: Callable[[], tf.Tensor]
    suspicion: tf.Tensor


class Row:
    """The numbers of one training step, as tensors, while that step is being traced.

    A small model's step is hardly longer than the operations beside it. So numbers are put together
    once, at the end, and not where they are measured.

    Attributes:
        slow_squares: The step is compiled by XLA for a CPU, where a sum of squares is computed one
            number at a time, while a plain sum, maximum or minimum is as fast as memory.
        ends: For probes, the last row to look at of tensors whose rows are alike.
    """

    def __init__(self, *, slow_squares: bool = False) -> None:
        self.slow_squares = slow_squares
        self.ends: dict[tuple[int, ...], tf.Tensor] = {}
        self._vectors: list[tuple[list[Column], tf.Tensor]] = []
        self._scalars: list[tuple[Column, tf.Tensor]] = []
        self._halves: list[tuple[Column, tf.Tensor]] = []
        self._watched: list[_Watched] = []
        self._watched_columns: list[Column] = []
        self._graph = _current_graph()

    @property
    def columns(self) -> list[Column]:
        """Return what the numbers of `packed` are, in their order."""
        vectors = [column for columns, _ in self._vectors for column in columns]
        return [*vectors, *(column for column, _ in [*self._scalars, *self._halves])]

    def add(
        self, signal: Signal, places: Sequence[str], values: tf.Tensor | Sequence[tf.Tensor]
    ) -> None:
        """Append one number a place.

        Args:
            signal: What was measured.
            places: Where, one entry a number.
            values: As many scalars, or a tensor of shape (len(places),), or a scalar for one place.
        """
        columns = [Column(signal.value, place) for place in places]
        if not isinstance(values, (list, tuple)):
            values = tf.cast(values, tf.float32)
            if values.shape.rank != 0:
                self._vectors.append((columns, tf.reshape(values, [len(places)])))
                return
            values = [values]
        scalars = [tf.cast(value, tf.float32) for value in values]
        self._scalars += zip(columns, scalars, strict=True)

    def add_norms(
        self, signal: Signal, places: Sequence[str], halved_squares: Sequence[tf.Tensor]
    ) -> None:
        """Append the norm of one tensor a place, from half the sum of its squares."""
        columns = [Column(signal.value, place) for place in places]
        self._halves += zip(columns, halved_squares, strict=True)

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
            suspicion: A scalar that is finite only if every value is.

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
        doubts = list({id(w.suspicion): w.suspicion for w in watched}.values())
        together = [tf.cast(doubt, tf.float32) for doubt in doubts]
        numbers = tf.cond(
            tf.math.is_finite(together[0] if len(together) == 1 else tf.add_n(together)),
            lambda: _joined([_usual(w) for w in watched]),
            _called(lambda: _joined([_vector(w.exact(), w.size) for w in watched])),
        )
        self._vectors.append((columns, numbers))

    def is_open_here(self) -> bool:
        """Return whether ops made now belong to the step itself, not to a loop inside it."""
        return _current_graph() is self._graph

    def packed(self) -> list[tf.Tensor]:
        """Return the whole row in pieces, float32, as many numbers as there are columns."""
        pieces = [values for _, values in self._vectors]
        if self._scalars:
            pieces.append(tf.stack([value for _, value in self._scalars]))
        if self._halves:
            pieces.append(tf.sqrt(2.0 * tf.stack([value for _, value in self._halves])))
        return pieces


def _current_graph() -> Any:
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def _vector(values: tf.Tensor, size: int) -> tf.Tensor:
    return tf.reshape(tf.cast(values, tf.float32), [size])


def _usual(watched: _Watched) -> tf.Tensor:
    if watched.usual is None:
        return tf.zeros([watched.size])
    return _vector(watched.usual, watched.size)


def _called(make: Callable[[], tf.Tensor]) -> Callable[[], tf.Tensor]:
    """Return the same as one operation: the many of a branch not taken are visited each step."""
    if tf.executing_eagerly():
        return make
    called: Callable[[], tf.Tensor] = tf.function(
        make, autograph=False, experimental_attributes={"_noinline": True}
    )
    return called


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


def halved_squares(row: Row, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Return half the sum of squares of each tensor, a scalar each.

    One pass at memory speed each: `l2_loss` is the cheapest reduction that no NaN or Inf escapes.
    Half precision is widened first, for its squares overflow early.
    """
    return [tf.cast(_half_square(row, widened(t)), tf.float32) for t in tensors]


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


def largest(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the largest absolute value of each tensor, NaN left out, shape (len(tensors),)."""
    clean = [tf.where(tf.math.is_nan(t), tf.zeros_like(t), tf.abs(t)) for t in tensors]
    return tf.stack([tf.cast(tf.reduce_max(c), tf.float32) for c in clean])


def aside(tensor: Any) -> Any:
    """Return the same values, computed beside the training rather than read out of it.

    TensorFlow's graph optimizer regroups chains of products and of sums to save broadcasts, but
    only where nobody else reads what is in between. A reader of such a product would thus change
    how it is rounded. The chain is repeated for us; the mark keeps the optimizer from merging both.
    """
    if not isinstance(tensor, tf.Tensor) or not hasattr(tensor, "op"):
        return tensor
    return _twin(tensor, {}, LONGEST_CHAIN)


def _twin(tensor: tf.Tensor, known: dict[int, tf.Tensor], most: int) -> tf.Tensor:
    if id(tensor) in known:
        return known[id(tensor)]
    regrouped = tensor.graph is _current_graph() and tensor.op.type in REGROUPED
    if not regrouped or most == 0:
        return tensor
    left, right = (_twin(t, known, most - 1) for t in tensor.op.inputs)
    twin = (tf.raw_ops.Mul if tensor.op.type == "Mul" else tf.raw_ops.AddV2)(x=left, y=right)
    twin.op._set_attr("_beside_training", tf.compat.v1.AttrValue(b=True))
    known[id(tensor)] = twin
    return twin


def count_signals(stem: str) -> tuple[Signal, Signal, Signal]:
    """Return the signals of the three counts, in the order of `counts`."""
    return Signal(f"{stem}_nan"), Signal(f"{stem}_posinf"), Signal(f"{stem}_neginf")


def widened(tensor: tf.Tensor) -> tf.Tensor:
    """Return half precision as float32, and everything else as it is."""
    return tensor if tensor.dtype in (tf.float32, tf.float64) else tf.cast(tensor, tf.float32)
