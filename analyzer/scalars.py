"""What ordinary scalars alone can say of a run: when, and in which tag; seldom why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isinf, isnan
from typing import Final

import numpy as np

from analyzer.roles import Role, role_of
from analyzer.series import Run, Series, median
from tb_nan_plugin.signals import Kind, Phase

PHASES: Final = {
    Role.LOSS: Phase.LOSS,
    Role.GRADIENT_NORM: Phase.BACKWARD,
    Role.LEARNING_RATE: Phase.UPDATE,
    Role.VALIDATION_LOSS: Phase.VALIDATION,
    Role.ACCURACY: Phase.METRIC,
    Role.OTHER: Phase.METRIC,
}


@dataclass(frozen=True)
class BadTag:
    """A tag that holds something non-finite.

    Attributes:
        tag: The tag.
        role: What it stands for.
        step: The tag's own number of the first bad point.
        last_finite_step: The tag's own number of the finite point before it, None if there is none.
        kind: What the first bad point is.
        count: How many points are bad.
        recovered: Whether the tag's last point is finite again.
        series: The points.
    """

    tag: str
    role: Role
    step: int
    last_finite_step: int | None
    kind: Kind
    count: int
    recovered: bool
    series: Series

    @property
    def phase(self) -> Phase:
        """Return the stage that the tag belongs to."""
        return PHASES[self.role]


def bad_tags(run: Run) -> list[BadTag]:
    """Return the tags that hold something non-finite, in the order of their roles, then time."""
    found = [bad for tag, series in run.scalars.items() if (bad := _bad(tag, series, run.name))]
    order = list(Role)
    return sorted(found, key=lambda b: (order.index(b.role), _when(b), "loss" not in b.tag.lower()))


def _when(bad: BadTag) -> float:
    index = int(np.flatnonzero(~np.isfinite(bad.series.values))[0])
    return float(bad.series.wall_times[index])


def _bad(tag: str, series: Series, run: str) -> BadTag | None:
    indices = np.flatnonzero(~np.isfinite(series.values))
    if len(indices) == 0:
        return None
    first = int(indices[0])
    return BadTag(
        tag,
        role_of(tag, run),
        int(series.steps[first]),
        int(series.steps[first - 1]) if first > 0 else None,
        kind_of(float(series.values[first])),
        len(indices),
        bool(np.isfinite(series.values[-1])),
        series,
    )


def kind_of(value: float) -> Kind:
    """Return which kind of non-finite number it is."""
    if isnan(value):
        return "nan"
    return "-inf" if isinf(value) and value < 0 else "inf"


def growth_sentence(bad: BadTag) -> str:
    """Say how the tag moved before it broke: over several points, or from one to the next."""
    before = bad.series.before(bad.step).finite().values
    if len(before) == 0:
        return "It is not finite from its first point, so nothing shows what came before."
    if len(before) == 1:
        return "One finite point came before; that shows no trend."
    start, last = (
        median(np.abs(before[: max(1, len(before) // 10)])),
        float(abs(before[-1])),
    )
    if start > 0 and last > 10 * start:
        return (
            f"It had grown from {before[0]:.4g} to {before[-1]:.4g} over the {len(before)} points "
            "before: training diverged, which learning rate, data scale and initialization can all "
            "cause."
        )
    return (
        f"The {len(before)} points before lay between {before.min():.4g} and {before.max():.4g}: "
        "it broke from one point to the next, so a single bad value is likelier than a slow "
        "divergence."
    )


def accuracy_remarks(run: Run) -> tuple[str, ...]:
    """Explain accuracies that stand beside a loss that is NaN: they are no result."""
    nan_steps = _nan_loss_steps(run)
    remarks = []
    for tag, series in run.scalars.items():
        if role_of(tag, run.name) is not Role.ACCURACY:
            continue
        beside = series.values[np.isin(series.steps, nan_steps)]
        beside = beside[np.isfinite(beside)]
        if len(beside) == 0:
            continue
        last = float(beside[-1])
        if last == 0:
            remarks.append(
                f"{tag} is 0.0 beside a NaN loss. That is no result: with the loss, weights and "
                "predictions become NaN, and every comparison with NaN is false, so no prediction "
                "counts as right."
            )
        else:
            remarks.append(
                f"{tag} reads {last:.4g} beside a NaN loss. That is no result: every comparison "
                "with NaN is false, so all rows are taken for the same class, and the figure is "
                "that class's share."
            )
    return tuple(remarks)


def _nan_loss_steps(run: Run) -> list[int]:
    steps: set[int] = set()
    for series in _losses(run):
        steps.update(series.steps[np.isnan(series.values)].tolist())
    return sorted(steps)


def _losses(run: Run) -> Iterable[Series]:
    for tag, series in run.scalars.items():
        if role_of(tag, run.name) in (Role.LOSS, Role.VALIDATION_LOSS):
            yield series
