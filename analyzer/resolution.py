"""Which steps of a recording are there, where some are not: thinned under a cap, or never written.

Law: what the reader is told of the steps was counted in them, not taken from what the writer meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from analyzer.environment import Environment
from analyzer.series import Health
from tb_nan_plugin.trouble import Trouble

MOST_GAPS_NAMED: Final = 3


def remarks(health: Health, trouble: Trouble | None) -> tuple[str, ...]:
    """Return a sentence for each kind of step that is not there, none if all are."""
    steps = health.steps
    if len(steps) == steps[-1] - steps[0] + 1:
        return ()
    every = np.concatenate(
        [np.full(len(b.steps), Environment(m.environment).thinned_to) for m, b in health.blocks]
    )
    return (*_thinned(steps, every, trouble), *_missing(steps, every))


def _thinned(
    steps: np.ndarray[tuple[int], np.dtype[np.int64]],
    every: np.ndarray[tuple[int], np.dtype[np.int64]],
    trouble: Trouble | None,
) -> Iterator[str]:
    (marked,) = np.nonzero(every > 1)
    if not len(marked):
        return
    low, high = marked[0], marked[-1]
    first, last = int(steps[low]), int(steps[high])
    yield (
        f"The recording was kept below a size: of the {last - first + 1} steps from {first} to "
        f"{last}, {high - low + 1} are there, at least one in {every.max()}."
    )
    if trouble is not None and trouble.step in steps:
        breaks = np.flatnonzero(np.diff(steps) != 1) + 1
        at = int(np.searchsorted(steps, trouble.step))
        begin = breaks[np.searchsorted(breaks, at, side="right") - 1] if at >= breaks[0] else 0
        end = breaks[np.searchsorted(breaks, at, side="right")] if at < breaks[-1] else len(steps)
        yield (
            f"Around the first bad step, every step from {steps[begin]} to {steps[end - 1]} is "
            "there."
        )


def _missing(
    steps: np.ndarray[tuple[int], np.dtype[np.int64]],
    every: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> Iterator[str]:
    """Name the gaps that no thinning explains: where the disk was full or away, or a file is."""
    explained = np.maximum(every[1:], every[:-1])
    (gaps,) = np.nonzero(np.diff(steps) > explained)
    for at in gaps[:MOST_GAPS_NAMED]:
        yield f"Steps {steps[at] + 1} to {steps[at + 1] - 1} are missing from the recording."
    if len(gaps) > MOST_GAPS_NAMED:
        yield f"{len(gaps) - MOST_GAPS_NAMED} more stretches of steps are missing from it."
