"""Histograms as evidence: TensorFlow writes one of NaN weights with NaN edges and counts of 0.

`tf.summary.histogram` spans its bins from the smallest to the largest value; with a NaN or an Inf
among the values there is no such span, and the file says so although every scalar may be finite.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from analyzer.dialects import EPOCHS
from analyzer.histograms import UnreadableHistogramError
from analyzer.labels import Labels
from analyzer.merged import origin_of
from analyzer.roles import LONGEST_NAME, Role
from analyzer.scalars import BadTag
from analyzer.series import Histogram, Run, Series

_WEIGHT: Final = (
    r"(kernel|bias(es)?|gamma|beta|weights?|embeddings?|moving_(mean|variance)|\w+/histogram)(_\d+)?"
    r"(/|$|:|_)"
)
_STATISTICS: Final = ("moving_mean", "moving_variance", "running_mean", "running_var")


def bad_histograms(run: Run, labels: Labels) -> list[BadTag]:
    """Return the histograms of weights and gradients that show NaN, in the order of their tags.

    Weights that are NaN stay so, so that the first is looked for by halving.
    """
    found = []
    for key, histograms in run.histograms.items():
        tag = origin_of(run, key).tag
        role = _role(tag)
        if role is None or not len(histograms):
            continue
        try:
            first = _first(histograms)
        except (OSError, UnreadableHistogramError):
            continue
        if first is not None:
            found.append(_bad(run, labels, key, role, histograms, first))
    return found


def is_of_statistics(tag: str) -> bool:
    """Return whether a tag names a layer's moving statistics rather than what it learns."""
    return any(word in tag[:LONGEST_NAME].lower() for word in _STATISTICS)


def _role(tag: str) -> Role | None:
    name = tag[:LONGEST_NAME].lower()
    if "grad" in name:
        return Role.GRADIENT_NORM
    return Role.WEIGHT if re.search(_WEIGHT, name) else None


def _first(histograms: Sequence[Histogram]) -> int | None:
    if not _is_bad(histograms[-1]):
        return None
    return _halved(len(histograms) - 1, lambda index: _is_bad(histograms[index]))


def _halved(known: int, holds: Callable[[int], bool]) -> int:
    """Return the first index from which something holds, if it holds at `known` and after."""
    low, high = 0, known
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _is_bad(histogram: Histogram) -> bool:
    edges = np.concatenate([histogram.left, histogram.right])
    return bool(len(edges)) and not np.isfinite(edges).all() and not histogram.counts.any()


def _bad(
    run: Run,
    labels: Labels,
    key: str,
    role: Role,
    histograms: Sequence[Histogram],
    first: int,
) -> BadTag:
    steps = np.array([h.step for h in histograms[first - 1 if first else 0 : first + 1]], np.int64)
    times = [h.wall_time for h in histograms[first - 1 if first else 0 : first + 1]]
    values = np.zeros(len(steps))
    values[-1] = np.nan
    before = int(steps[0]) if first else None
    origin = origin_of(run, key)
    step = int(steps[-1])
    axis = EPOCHS if labels.dialect.id == "keras" else labels.dialect.default
    least = axis.first if before is None else before + 1
    return BadTag(
        origin.tag,
        key,
        role,
        step,
        before,
        None if least is None else min(least, step),
        "nan",
        len(histograms) - first,
        recovered=False,
        harmless="",
        series=Series(steps, values, np.array(times, np.float64)),
        axis=axis,
        histogram=True,
    )
