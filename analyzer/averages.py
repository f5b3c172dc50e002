"""Keras' running means taken apart again, to find the batch that was bad.

`batch_loss` is no loss of a batch: it is the mean since the epoch began (keras.metrics.Mean, reset
at each epoch's start). One bad batch makes the rest of its epoch bad, and its successors innocent.
The mean over n batches times n, less the same one batch earlier, is what the batch added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analyzer.labels import Label, Labels
from analyzer.series import Run, Series

# Two float32 that are the same mean, the one written as a batch's and the other as the epoch's.
SAME: Final = 1e-5
BATCH: Final = "batch_"
EPOCH: Final = "epoch_"


@dataclass(frozen=True, eq=False)
class Epochs:
    """How a batch tag is divided into epochs.

    Attributes:
        length: Batches an epoch.
        finished: How many epochs were finished.
        finite: Whether the mean of each finished epoch is finite.
        running: Whether the means were seen to be running ones: each epoch's last is the epoch's.
    """

    length: int
    finished: int
    finite: tuple[bool, ...]
    running: bool

    def start_of(self, step: int) -> int:
        """Return the first batch, counted from 1, of the epoch that a batch belongs to."""
        return (step - 1) // self.length * self.length + 1

    def epoch_of(self, step: int) -> int:
        """Return the epoch, counted from 0, that a batch belongs to."""
        return (step - 1) // self.length


def epochs_of(run: Run, labels: Labels, label: Label) -> Epochs | None:
    """Return how a batch tag is divided, None where that is not to be seen for certain.

    The end of an epoch is told by the wall time at which its own tag was written: after its last
    batch, and before the first one of the next.
    """
    tag = label.origin.tag
    if labels.dialect.id != "keras" or not tag.startswith(BATCH):
        return None
    twin = next(
        (
            other.key
            for other in labels.of.values()
            if other.origin.part == label.origin.part
            and other.origin.tag == EPOCH + tag.removeprefix(BATCH)
        ),
        None,
    )
    if twin is None:
        return None
    batches, epochs = run.scalars[label.key], run.scalars[twin]
    if not len(batches) or not len(epochs) or (np.diff(batches.steps) <= 0).any():
        return None
    length = _length(batches, epochs)
    if length is None and len(epochs) > 1:
        epochs = _but_the_last(epochs)  # a training that stops ends its last epoch early
        length = _length(batches, epochs)
    if length is None:
        return None
    return Epochs(
        length,
        len(epochs),
        tuple(np.isfinite(epochs.values).tolist()),
        _is_running(batches, epochs, length),
    )


def _length(batches: Series, epochs: Series) -> int | None:
    """Return the one number of batches an epoch that all ends allow."""
    ends = np.searchsorted(batches.wall_times, epochs.wall_times, side="right")
    least, most, every = 1, np.iinfo(np.int64).max, int(batches.steps[0])
    for count, end in enumerate(ends.tolist(), start=1):
        if end == 0:
            return None
        last = int(batches.steps[end - 1])
        least = max(least, -(-last // count))
        if end < len(batches):
            most = min(most, (int(batches.steps[end]) - 1) // count)
        elif (np.diff(batches.steps) == every).all():
            most = min(most, (last + every - 1) // count)  # the next would have been written
    return least if least == most else None


def _but_the_last(series: Series) -> Series:
    return Series(series.steps[:-1], series.values[:-1], series.wall_times[:-1])


def _is_running(batches: Series, epochs: Series, length: int) -> bool:
    pairs = [
        (batches.at(length * count), float(mean))
        for count, mean in enumerate(epochs.values, start=1)
    ]
    known = [(last, mean) for last, mean in pairs if last is not None]
    return bool(known) and all(
        bool(np.isclose(last, mean, rtol=SAME, atol=0.0, equal_nan=True)) for last, mean in known
    )


def of_each_batch(series: Series, epochs: Epochs) -> Series:
    """Return what each batch added to running means; of several unlogged ones, their own mean.

    Batches after a bad one of the same epoch are left out: a mean that is not finite hides them.
    """
    steps, values = series.steps, series.values
    epoch = (steps - 1) // epochs.length
    within = steps - epoch * epochs.length
    fresh = np.concatenate([[True], epoch[1:] != epoch[:-1]])
    before = np.where(fresh, 0, np.concatenate([[0], within[:-1]]))
    mean_before = np.where(fresh, 0.0, np.concatenate([[0.0], values[:-1]]))
    with np.errstate(invalid="ignore", over="ignore"):
        added = (values * within - mean_before * before) / np.maximum(within - before, 1)
    shown = np.isfinite(mean_before)
    bad = ~np.isfinite(values)
    added = np.where(bad, values, added)
    return Series(steps[shown], added[shown], series.wall_times[shown])


def survives(series: Series, epochs: Epochs | None) -> bool:
    """Return whether the model came through every bad batch of a running mean, the last one too.

    A mean that is Inf turns to NaN with the first batch that is NaN, as all are once the weights
    are; one that stays Inf to its end held finite batches after the bad one. It must have been seen
    to come back before, when an epoch began.
    """
    bad = ~np.isfinite(series.values)
    if epochs is None or not epochs.running or np.isnan(series.values).any():
        return False
    came_back = bool((bad[:-1] & ~bad[1:]).any())
    return came_back and bool(bad[-2:].all())


def batches_a_call(run: Run, labels: Labels, label: Label) -> int:
    """Return how many batches Keras trains between two calls of its callbacks, 1 unless it shows.

    `steps_per_execution` makes a batch tag count calls, while `evaluation_*_vs_iterations` counts
    the optimizer's iterations. Two evaluations are needed: an optimizer may begin above 0.
    """
    batches = run.scalars[label.key]
    for other in labels.of.values():
        if not other.origin.tag.startswith("evaluation_"):
            continue
        evaluations = run.scalars[other.key]
        ends = np.searchsorted(batches.wall_times, evaluations.wall_times, side="right")
        if len(ends) < 2 or (ends == 0).any():
            return 1
        calls = batches.steps[ends - 1]
        size = int(evaluations.steps[0]) // int(calls[0])
        return size if size > 1 and (evaluations.steps == calls * size).all() else 1
    return 1
