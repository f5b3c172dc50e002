"""Which points TensorBoard's own charts get: a handful a second, none of the telling ones missing.

The first steps are all drawn, so that a short training has its curve. After that each tag gets, now
and then, its lowest and its highest point since the last time, the first and the last that is not
finite, and the last of all: once a second at first, and ever more seldom as a training lasts, since
TensorBoard draws 1000 sampled points of a tag and reads all of them for that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from tb_nan_plugin.record import Column
from tb_nan_plugin.signals import Signal

# The last is 0 up to the first step that something non-finite harmed, and 1 from there on.
TAGS: Final = ("nan/loss", "nan/gradient_norm", "nan/learning_rate", "nan/nonfinite")
NONFINITE: Final = 3

ALL_OF_THE_FIRST: Final = 500
SECONDS_BETWEEN: Final = 1.0
SHARE_BETWEEN: Final = 1 / 200  # of the time so far: ten days give about 15,000 points a tag
MOST_WAITING: Final = 4096  # rows

Point = tuple[dict[str, float], int, float]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Rows = tuple[npt.NDArray[np.int64], Floats, Floats, Mask]


class Charts:
    """Takes every row, and gives the points to draw."""

    def __init__(self) -> None:
        self._whole = ALL_OF_THE_FIRST
        self._waiting: list[Rows] = []
        self._began = time.monotonic()
        self._last = float("-inf")
        self._bad_step: int | None = None

    def add(
        self,
        columns: tuple[Column, ...],
        steps: npt.NDArray[np.int64],
        wall_times: Floats,
        values: npt.NDArray[np.float32],
        present: Mask,
        bad_step: int | None,
    ) -> None:
        """Take rows.

        Args:
            columns: Names of the k columns.
            steps: Shape (n,).
            wall_times: Shape (n,), seconds since the epoch.
            values: Shape (n, k).
            present: Shape (n, k), which values were measured.
            bad_step: The first step that something non-finite harmed, if one is known.
        """
        if bad_step is not None and self._bad_step is None and bad_step < steps[0]:
            marker = np.ones((1, len(TAGS))), np.arange(len(TAGS))[None] == NONFINITE
            self._waiting.append((np.array([bad_step]), wall_times[:1], *marker))
        if bad_step is not None and self._bad_step is None:
            self._last = float("-inf")
        self._bad_step = bad_step
        bad = np.zeros(len(steps), np.bool_) if bad_step is None else steps >= bad_step
        self._waiting.append((steps, wall_times, *_drawn(columns, values, present, bad)))
        if self._whole == 0 and sum(len(part[0]) for part in self._waiting) > MOST_WAITING:
            steps, wall_times, table, measured = self._joined()
            chosen = sorted(telling(table, measured))
            kept = steps[chosen], wall_times[chosen], table[chosen], measured[chosen]
            self._waiting = [kept]

    def take(self, *, at_once: bool = False) -> Iterator[Point]:
        """Yield scalars by tag, step and wall time of each point to draw now, in order.

        Args:
            at_once: Even if it is too soon after the last time.
        """
        now = time.monotonic()
        between = max(SECONDS_BETWEEN, SHARE_BETWEEN * (now - self._began))
        due = at_once or self._whole > 0 or now - self._last >= between
        if not due or not self._waiting:
            return
        self._last = now
        (steps, wall_times, values, measured), self._waiting = self._joined(), []
        chosen = {*range(min(self._whole, len(steps))), *telling(values, measured)}
        self._whole = max(0, self._whole - len(steps))
        for i in sorted(chosen):
            point = {t: float(values[i, k]) for k, t in enumerate(TAGS) if measured[i, k]}
            if point:
                yield point, int(steps[i]), float(wall_times[i])

    def _joined(self) -> Rows:
        steps, wall_times, values, measured = map(np.concatenate, zip(*self._waiting, strict=True))
        return steps, wall_times, values, measured


def telling(values: Floats, measured: Mask) -> set[int]:
    """Return the rows to draw of some, both of shape (n, k): at most 1 + 5 k."""
    found = {len(values) - 1}
    for column, there in zip(values.T, measured.T, strict=True):
        finite = np.flatnonzero(there & np.isfinite(column))
        if len(finite):
            low, high = np.argmin(column[finite]), np.argmax(column[finite])
            found |= {int(finite[low]), int(finite[high])}
        other = np.flatnonzero(there & ~np.isfinite(column))
        found |= {int(i) for i in other[[0, -1]]} if len(other) else set()
    changes = np.flatnonzero(np.diff(values[:, NONFINITE]))
    return found | {int(i) for i in changes[:1]}  # the last step that was sound


def _drawn(
    columns: tuple[Column, ...], values: npt.NDArray[np.float32], present: Mask, bad: Mask
) -> tuple[Floats, Mask]:
    """Return the values of the tags and which were measured, both of shape (n, 4)."""
    table = np.zeros((len(values), len(TAGS)))
    measured = np.zeros(table.shape, np.bool_)
    for k, signal in ((0, Signal.LOSS), (2, Signal.LEARNING_RATE)):
        at = next((i for i, c in enumerate(columns) if c.signal == signal.value), None)
        if at is not None:
            table[:, k], measured[:, k] = values[:, at], present[:, at]
    norms = [i for i, c in enumerate(columns) if c.signal == Signal.GRADIENT_NORM.value]
    parts = np.where(present[:, norms], values[:, norms], np.float32(0)).astype(np.float64)
    table[:, 1] = np.sqrt((parts**2).sum(axis=1))
    measured[:, 1] = present[:, norms].any(axis=1)
    table[:, NONFINITE], measured[:, NONFINITE] = bad, True
    return table, measured
