"""Quantities computed from recorded ones: totals, scales, how the training went.

Every function reads columns and returns numbers; none of them decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import log, log10
from typing import Final

import numpy as np

from analyzer.environment import Tensor
from analyzer.series import Health, Series, median
from tb_nan_plugin.signals import Signal

EARLY_STEPS: Final = 10  # "the first batches": before training has changed much

# Highest rate in ordinary use, before division by (1 - momentum). Sources: the optimizers' papers
# and Keras defaults; SGD 0.1 is the start of ResNet training (He et al., CVPR 2016), Adam's 1e-2 is
# ten times the default of Kingma and Ba (ICLR 2015).
HIGHEST_USUAL_RATE: Final = {
    "SGD": 0.1,
    "Adam": 1e-2,
    "AdamW": 1e-2,
    "Adamax": 1e-2,
    "Nadam": 1e-2,
    "RMSprop": 1e-2,
    "Lion": 1e-3,
    "Adagrad": 0.1,
    "Ftrl": 0.1,
    "Adadelta": 1.0,
    "Adafactor": 1e-2,
    "Muon": 0.1,
}


class Progress(Enum):
    """How a training went, by its loss."""

    LEARNED = "learned"
    STUCK = "stuck"
    DIVERGED = "diverged"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Outcome:
    """How a training went, and the numbers by which one can tell.

    Attributes:
        progress: The judgement.
        first: Loss of the first step, measured before any update.
        last: Mean loss of the last fifth of the steps.
        trivial: Loss of always predicting the mean, or all classes alike, where it is known.
        peak: Largest later loss over the larger of `first` and `trivial`.
    """

    progress: Progress
    first: float
    last: float
    trivial: float | None
    peak: float


UNCLEAR: Final = Outcome(Progress.UNCLEAR, float("nan"), float("nan"), None, 0.0)
LEAST_STEPS: Final = 20  # fewer say nothing of where a training is going
# A loss a hundred times what it was before any update: the training blew up. Ordinary trainings
# that we looked at stayed below 60 (one whose loss gains a term on the way), most below 2.
BLOWN_UP: Final = 100.0


def outcome(health: Health) -> Outcome:
    """Judge the training by its finite losses."""
    series = health.series(Signal.LOSS)
    losses = series.finite().values if series is not None else np.empty(0)
    if len(losses) < LEAST_STEPS:
        return UNCLEAR
    first, last = float(losses[0]), float(np.mean(losses[-max(3, len(losses) // 5) :]))
    trivial = trivial_loss(health)
    base = max(abs(first), trivial or 0.0, 1e-30)
    peak = float(losses[1:].max()) / base
    return Outcome(_progress(first, last, trivial, peak), first, last, trivial, peak)


def _progress(first: float, last: float, trivial: float | None, peak: float) -> Progress:
    """Tell stuck from learned by the trivial loss; a loss that fell far is not stuck above it."""
    bar = first if trivial is None else trivial
    if peak >= BLOWN_UP and last >= bar:
        return Progress.DIVERGED
    if trivial is None:
        return Progress.STUCK if last >= 0.9 * first else Progress.UNCLEAR
    if 0.85 * trivial <= last and (last <= 1.15 * trivial or last >= 0.5 * first):
        return Progress.STUCK
    return Progress.LEARNED if last <= 0.8 * trivial else Progress.UNCLEAR


def trivial_loss(health: Health) -> float | None:
    """Return the loss of a model that learned nothing but the mean, for one built-in loss.

    Mean squared error: the targets' variance. Cross-entropy over k classes: ln k.
    """
    losses = health.setup.losses
    if len(losses) != 1 or not losses[0].builtin:
        return None
    name = losses[0].name
    if name == "mean_squared_error":
        return _target_variance(health)
    if name == "binary_crossentropy":
        return log(2)
    if name in {"categorical_crossentropy", "sparse_categorical_crossentropy"}:
        width = prediction_width(health)
        return log(width) if width and width > 1 else None
    return None


def _target_variance(health: Health) -> float | None:
    spread = []
    for where in health.places(Signal.TARGET_STD):
        std, mean = (
            health.series(Signal.TARGET_STD, where),
            health.series(Signal.TARGET_MEAN, where),
        )
        if std is not None and mean is not None:
            spread.append(float(np.mean(std.values**2)) + float(np.var(mean.values)))
    return float(np.mean(spread)) if spread and np.isfinite(spread).all() else None


def prediction_width(health: Health) -> int | None:
    """Return the size of the only output's last axis, or None if it is not known."""
    shape = health.setup.tensors("predictions").get("", Tensor()).shape
    return shape[-1] if shape is not None and len(shape) > 1 else None


def gradient_norm(health: Health) -> Series | None:
    """Return the L2 norm over all variables' gradients together, before clipping."""
    return _total(health, Signal.GRADIENT_NORM)


def weight_norm(health: Health) -> Series | None:
    """Return the L2 norm over all variables together, when each step began."""
    return _total(health, Signal.WEIGHT_NORM)


def _total(health: Health, signal: Signal) -> Series | None:
    parts = [health.series(signal, where) for where in health.places(signal)]
    columns = [part for part in parts if part is not None]
    if not columns:
        return None
    first = max(columns, key=len)
    alike = np.stack([c.values for c in columns if len(c) == len(first)])
    with np.errstate(invalid="ignore", over="ignore"):
        return Series(first.steps, np.sqrt((alike**2).sum(axis=0)), first.wall_times)


def column_scale(health: Health, stem: str, where: str) -> float | None:
    """Return the root mean square of one input or target column over the first batches."""
    mean = health.series(Signal(f"{stem}_mean"), where)
    std = health.series(Signal(f"{stem}_std"), where)
    if mean is None or std is None:
        return None
    squares = np.hypot(mean.values[:EARLY_STEPS], std.values[:EARLY_STEPS])
    finite = squares[np.isfinite(squares)]
    return median(finite) if len(finite) else _peak(health, stem, where)


def _peak(health: Health, stem: str, where: str) -> float | None:
    """Return the usual largest absolute value, for a column whose squares overflow."""
    low = health.series(Signal(f"{stem}_min"), where)
    high = health.series(Signal(f"{stem}_max"), where)
    if low is None or high is None:
        return None
    peaks = [np.abs(edge.values[:EARLY_STEPS]) for edge in (low, high)]
    finite = [median(part[np.isfinite(part)]) for part in peaks if np.isfinite(part).any()]
    return max(finite) if finite else None


def largest_column(health: Health, stem: str) -> tuple[str, float] | None:
    """Return the column of the largest scale, and that scale."""
    places = health.places(Signal(f"{stem}_mean"))
    scales = [(where, column_scale(health, stem, where)) for where in places]
    known = [(where, scale) for where, scale in scales if scale is not None]
    return max(known, key=lambda pair: pair[1]) if known else None


def decades(ratio: float) -> float:
    """Return log10 of a ratio, 0 where it is not positive."""
    return log10(ratio) if ratio > 0 else 0.0
