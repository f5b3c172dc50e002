"""Series binned for drawing. What is drawn is binned; nothing non-finite is ever binned away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from analyzer import derived
from analyzer.labels import labels_of
from analyzer.roles import Role
from analyzer.series import Attempt, Floats, Ints, Run, Series
from tb_nan_plugin.signals import Signal

MOST_SERIES: Final = 40  # a page draws no more; the report holds the rest

RoleName = Literal["loss", "gradient_norm", "learning_rate", "metric", "other"]
_ROLES: Final[dict[Role, RoleName]] = {
    Role.LOSS: "loss",
    Role.VALIDATION_LOSS: "loss",
    Role.GRADIENT_NORM: "gradient_norm",
    Role.LEARNING_RATE: "learning_rate",
    Role.LOSS_SCALE: "other",
    Role.WEIGHT: "other",
    Role.ACCURACY: "metric",
    Role.METRIC: "metric",
    Role.SENTINEL: "metric",
    Role.OTHER: "other",
}
_ORDER: Final = ("loss", "gradient_norm", "learning_rate", "metric", "other")


@dataclass(frozen=True, eq=False)
class Bins:
    """A series in at most so many bins; every array has one entry a bin.

    Attributes:
        step: First and `step_end` last step of the bin.
        low: Smallest finite value, NaN where there is none; `high` the largest.
        last: The bin's last value, finite or not.
        nan: How many values are NaN; `posinf` and `neginf` likewise.
    """

    step: Ints
    step_end: Ints
    low: Floats
    high: Floats
    last: Floats
    nan: Ints
    posinf: Ints
    neginf: Ints


@dataclass(frozen=True, eq=False)
class Track:
    """One series as it is drawn."""

    name: str
    label: str
    role: RoleName
    axis: Literal["step", "tag"]
    points: int
    bins: Bins


def tracks(run: Run, bins: int) -> list[Track]:
    """Return what to draw of a run, loss and gradient norm first."""
    found = [*_of_health(run, bins), *_of_scalars(run, bins)]
    found.sort(key=lambda track: _ORDER.index(track.role))
    return found[:MOST_SERIES]


def _of_health(run: Run, bins: int) -> Iterator[Track]:
    for attempt in run.attempts:
        health, suffix = attempt.health, _suffix(run, attempt)
        if health is None:
            continue
        columns: tuple[tuple[str, str, RoleName, Series | None], ...] = (
            ("loss", "Loss of each batch", "loss", health.series(Signal.LOSS)),
            ("gradient_norm", "Gradient norm", "gradient_norm", derived.gradient_norm(health)),
            (
                "learning_rate",
                "Learning rate",
                "learning_rate",
                health.series(Signal.LEARNING_RATE),
            ),
            ("weight_norm", "Weight norm", "other", derived.weight_norm(health)),
        )
        for name, label, role, series in columns:
            if series is not None:
                yield Track(
                    name + suffix, label + suffix, role, "step", len(series), binned(series, bins)
                )


def _of_scalars(run: Run, bins: int) -> Iterator[Track]:
    """Draw attempts apart: a line that goes back is none."""
    labels = labels_of(run).of
    parts = [(_suffix(run, attempt), attempt.scalars) for attempt in run.attempts]
    for suffix, scalars in parts or [("", run.scalars)]:
        for tag in sorted(scalars):
            series = scalars[tag]
            role = _ROLES[labels[tag].role]
            name = tag + suffix
            yield Track(name, name, role, "tag", len(series), binned(series, bins))


def _suffix(run: Run, attempt: Attempt) -> str:
    return f" (attempt {attempt.number})" if len(run.attempts) > 1 else ""


def binned(series: Series, bins: int) -> Bins:
    """Put a series into at most `bins` bins of consecutive points."""
    n = len(series)
    edges = (
        np.arange(n)
        if n <= bins
        else np.unique(np.linspace(0, n, bins, endpoint=False).astype(np.int64))
    )
    ends = np.append(edges[1:], n) - 1
    values = series.values
    finite = np.isfinite(values)
    low = np.minimum.reduceat(np.where(finite, values, np.inf), edges)
    high = np.maximum.reduceat(np.where(finite, values, -np.inf), edges)
    some = np.add.reduceat(finite.astype(np.int64), edges) > 0
    return Bins(
        np.minimum.reduceat(series.steps, edges),
        np.maximum.reduceat(series.steps, edges),
        np.where(some, low, np.nan),
        np.where(some, high, np.nan),
        values[ends],
        _counted(np.isnan(values), edges),
        _counted(np.isposinf(values), edges),
        _counted(np.isneginf(values), edges),
    )


def _counted(mask: npt.NDArray[np.bool_], edges: Ints) -> Ints:
    return np.add.reduceat(mask.astype(np.int64), edges)
