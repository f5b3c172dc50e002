"""A ring of rows on the device: written inside the step, read by Python once in many steps."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tb_nan_plugin.probes._probe import Row
from tb_nan_plugin.record import Column

MOST_ROWS: Final = 2048
MOST_BYTES: Final = 4 << 20  # of device memory, unless one execution of the step needs more
SPARE_COLUMNS: Final = 64


class Ring:
    """The last rows of a training.

    A step may be traced several times (a partial last batch, a model that is built by its first
    call), and traces may differ in their columns. Every row begins with the number of its trace, so
    that a number that was not measured is known to be missing; room is left for later columns.

    Attributes:
        columns: What the numbers of a row are; empty until the first step was traced.
        dropped: Columns for which no room was left, and that are not recorded.
    """

    def __init__(self, steps_per_execution: int) -> None:
        self.columns: tuple[Column, ...] = ()
        self.dropped: set[Column] = set()
        self._least_rows = 2 * steps_per_execution
        self._traces: list[frozenset[Column]] = []
        self._rows: Any = None
        self._count: Any = None
        self._read = 0

    @property
    def capacity(self) -> int:
        """Return how many rows fit; before the first trace, how many at least will."""
        return self._least_rows if self._rows is None else int(self._rows.shape[0])

    def write(self, row: Row) -> None:
        """Write the row into the ring; called inside the step, so it becomes part of the graph."""
        if self._rows is None:
            self._allocate(row)
        self._make_room(row)
        pieces = row.packed()
        if list(self.columns) != row.columns:
            position = {column: i for i, column in reversed(list(enumerate(row.columns)))}
            order = [position.get(column, 0) for column in self.columns]
            pieces = [tf.gather(tf.concat(pieces, axis=0), order)]
        padding = int(self._rows.shape[1]) - 1 - len(self.columns)
        number = tf.constant([float(self._number_of(row))])
        packed = tf.concat([number, *pieces, tf.zeros([padding])], axis=0)
        slot = self._count % self.capacity
        self._rows.scatter_update(tf.IndexedSlices(packed, slot))
        with tf.control_dependencies([packed]):  # a step whose batch never came is no step
            self._count.assign_add(1)

    def _number_of(self, row: Row) -> int:
        trace = frozenset(row.columns)
        if trace not in self._traces:  # without a graph, every step would be a trace of its own
            self._traces.append(trace)
        return self._traces.index(trace)

    def _allocate(self, row: Row) -> None:
        width = 1 + len(row.columns) + max(SPARE_COLUMNS, len(row.columns))
        wanted = min(MOST_ROWS, MOST_BYTES // (4 * width))
        shape = [max(self._least_rows, wanted), width]
        with tf.init_scope():
            self._rows = tf.Variable(tf.zeros(shape), trainable=False, name="nan_monitor_rows")
            self._count = tf.Variable(0, dtype=tf.int64, trainable=False, name="nan_monitor_count")

    def _make_room(self, row: Row) -> None:
        known = set(self.columns)
        new = [column for column in dict.fromkeys(row.columns) if column not in known]
        room = int(self._rows.shape[1]) - 1 - len(self.columns)
        self.columns += tuple(new[:room])
        self.dropped |= set(new[room:])

    def unread(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Return the rows since the last call, and which of their numbers were measured.

        Returns:
            Values, float32, shape (n, k), and a mask of the same shape.
        """
        if self._rows is None:
            return np.empty((0, 0), np.float32), np.empty((0, 0), np.bool_)
        count = int(self._count.numpy())
        first = max(self._read, count - self.capacity)
        rows = self._rows.numpy()[np.arange(first, count) % self.capacity]
        self._read = count
        values = rows[:, 1 : 1 + len(self.columns)]
        masks = [[column in trace for column in self.columns] for trace in self._traces]
        present = np.array(masks, np.bool_)[rows[:, 0].astype(np.int64)]
        return values, present
