"""One batch far outside of all before it: where, when and how far, for the rules that compete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analyzer.derived import decades
from analyzer.evidence import Case
from analyzer.series import Floats, median
from tb_nan_plugin.signals import Phase, Signal

BEFORE: Final = 10  # steps before the trouble in which a batch can have caused it
LEAST_STEPS: Final = 4  # fewer batches do not say what is usual
ORDINARY: Final = 3.0  # a maximum over a batch varies that much by chance


@dataclass(frozen=True)
class Outlier:
    """The most outlying column of the batches just before a divergence.

    Attributes:
        signal: `input_min`, `input_max`, `target_min` or `target_max`, whichever is larger.
        where: The column.
        step: The batch.
        value: What was recorded there.
        usual: The largest absolute value of the column in all earlier batches.
    """

    signal: Signal
    where: str
    step: int
    value: float
    usual: float

    @property
    def excess(self) -> float:
        """Return how far out it is, in decades; twice that for a feature, as curvature grows."""
        power = 2 if self.signal.quantity.phase is Phase.INPUT else 1
        return power * max(0.0, decades(abs(self.value) / self.usual / ORDINARY))


def worst_batch(case: Case) -> Outlier | None:
    """Return the batch that is farthest out among those just before the trouble, or None."""
    last = _last_step(case)
    if last is None:
        return None
    found = [
        outlier
        for stem in ("input", "target")
        for where in case.health.places(Signal(f"{stem}_max"))
        if (outlier := _in_column(case, stem, where, last)) is not None
    ]
    return max(found, key=lambda outlier: outlier.excess, default=None)


def _last_step(case: Case) -> int | None:
    """Return the first bad step, or that of the largest loss where all stayed finite."""
    if case.trouble is not None:
        return case.trouble.step
    loss = case.health.series(Signal.LOSS)
    return None if loss is None else int(loss.steps[int(np.argmax(loss.values))])


def _in_column(case: Case, stem: str, where: str, last: int) -> Outlier | None:
    low = case.health.series(Signal(f"{stem}_min"), where)
    high = case.health.series(Signal(f"{stem}_max"), where)
    if low is None or high is None or len(low) != len(high) or len(low) < LEAST_STEPS:
        return None
    size = np.maximum(np.abs(low.values), np.abs(high.values))
    near = np.flatnonzero((high.steps <= last) & (high.steps > last - BEFORE) & np.isfinite(size))
    ratios = [size[i] / usual if (usual := _usual(size, i)) else 0.0 for i in near.tolist()]
    if not ratios:
        return None
    index = int(near[int(np.argmax(ratios))])
    signal = Signal(f"{stem}_max") if size[index] == abs(high.values[index]) else None
    value = float(high.values[index] if signal else low.values[index])
    usual = _usual(size, index)
    signal = signal or Signal(f"{stem}_min")
    return Outlier(signal, where, int(high.steps[index]), value, usual) if usual else None


def _usual(size: Floats, index: int) -> float:
    """Return the largest of the earlier batches; of the first ones, the median of all others."""
    earlier = size[:index]
    earlier = earlier[np.isfinite(earlier)]
    if len(earlier) >= LEAST_STEPS - 1:
        return float(earlier.max())
    others = np.delete(size, index)
    others = others[np.isfinite(others)]
    return median(others) if len(others) else 0.0
