"""What ordinary scalars alone can say of a run: when, and in which tag; seldom why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from analyzer.averages import BATCH, EPOCH, Epochs, epochs_of, survives
from analyzer.dialects import OWN, Axis
from analyzer.harmless import kind_of, name_of, passing, sentinels, why_harmless
from analyzer.labels import Label, Labels, labels_of
from analyzer.roles import PHASES, Role
from analyzer.series import Run, Series, median
from tb_nan_plugin.signals import Kind, Phase

__all__ = [
    "BadTag",
    "accuracy_remarks",
    "bad_tags",
    "first_of",
    "growth_sentence",
    "kind_of",
    "name_of",
]

TRAINING: Final = (Phase.WEIGHTS, Phase.LOSS, Phase.BACKWARD, Phase.UPDATE)


@dataclass(frozen=True, eq=False)
class BadTag:
    """A tag that holds something non-finite.

    Attributes:
        tag: As its writer named it.
        key: Its name within the run: the tag, after its part where two parts hold it.
        role: What it stands for.
        step: The tag's own number of the first bad point.
        last_finite_step: The tag's own number of the finite point before it, None if there is none.
        earliest_step: The tag's own number of the first step that can have been bad: steps between
            two points were not written. None where the log does not say.
        kind: What the first bad point is.
        count: How many points are bad.
        recovered: Whether the tag's last point is finite again, or is Inf only since a running mean
            still holds a batch that the model came through.
        harmless: Why it is no failure, as a sentence; "" where it may be one.
        series: The points.
        axis: What its steps count.
        epochs: How it is divided into epochs, where that is to be seen.
        passed: How many of its bad points are no failure by themselves, and were passed over.
        histogram: Whether it is a histogram, of which `series` holds only 0 and NaN.
    """

    tag: str
    key: str
    role: Role
    step: int
    last_finite_step: int | None
    earliest_step: int | None
    kind: Kind
    count: int
    recovered: bool
    harmless: str
    series: Series = field(compare=False)
    axis: Axis = OWN
    epochs: Epochs | None = None
    histogram: bool = False
    passed: int = 0

    @property
    def phase(self) -> Phase:
        """Return the stage that the tag belongs to."""
        return PHASES[self.role]

    @property
    def decisive(self) -> bool:
        """Return whether it says that training or validation failed."""
        return self.phase is not Phase.METRIC and not self.harmless

    @property
    def since(self) -> float:
        """Return when the first bad point was written, seconds since the epoch."""
        return float(self.series.wall_times[first_index(self.series, self.step)])


def first_index(series: Series, step: int) -> int:
    """Return the index of the first point of a step that is not finite."""
    bad = ~np.isfinite(series.values) & (series.steps == step)
    return int(np.argmax(bad))


def bad_tags(run: Run, labels: Labels | None = None) -> list[BadTag]:
    """Return the tags that hold something non-finite, in the order of their roles, then time."""
    labels = labels_of(run) if labels is None else labels
    bad = {
        key: mask
        for key, series in run.scalars.items()
        if (mask := ~np.isfinite(series.values)).any()
    }
    labels = labels.but(sentinels(run, labels, bad))
    found = _of_epochs([_bad(run, labels, labels.of[key], mask) for key, mask in bad.items()])
    order = list(Role)
    return sorted(found, key=lambda b: (order.index(b.role), b.since, "loss" not in b.tag.lower()))


def _of_epochs(found: list[BadTag]) -> list[BadTag]:
    """Let an epoch's mean have recovered where the batches that it is made of have."""
    survived = {b.tag.removeprefix(BATCH) for b in found if b.recovered and b.epochs is not None}
    return [
        replace(b, recovered=True)
        if b.tag.removeprefix(EPOCH) in survived and not np.isnan(b.series.values).any()
        else b
        for b in found
    ]


def first_of(bad: Iterable[BadTag]) -> BadTag | None:
    """Return the tag that was decisively bad first: of training, else of validation.

    Steps decide where two tags count alike, and causal order within a step; the clock where they
    count differently.
    """
    decisive = [b for b in bad if b.decisive]
    training = [b for b in decisive if b.phase in TRAINING] or decisive
    if not training:
        return None
    alike: dict[Axis, list[BadTag]] = {}
    for b in training:
        alike.setdefault(b.axis, []).append(b)
    firsts = [min(group, key=lambda b: (b.step, b.passed > 0)) for group in alike.values()]
    return min(firsts, key=lambda b: (b.since, b.axis.unit == "epoch"))


def _bad(run: Run, labels: Labels, label: Label, mask: npt.NDArray[np.bool_]) -> BadTag:
    series = run.scalars[label.key]
    skipped = passing(run, labels, label, series, mask)
    counted = mask & ~skipped if skipped.any() and (mask & ~skipped).any() else mask
    harmless = why_harmless(label, series, mask, skipped)
    first = int(np.argmax(counted))
    finite = np.flatnonzero(~mask[:first])
    before = int(series.steps[finite[-1]]) if len(finite) else None
    epochs = epochs_of(run, labels, label)
    return BadTag(
        label.origin.tag,
        label.key,
        label.role,
        int(series.steps[first]),
        before,
        _earliest(label, int(series.steps[first]), before, epochs),
        kind_of(float(series.values[first])),
        int(mask.sum()),
        bool(np.isfinite(series.values[-1])) or survives(series, epochs),
        harmless,
        series,
        label.axis,
        epochs,
        passed=int(skipped.sum()),
    )


def _earliest(label: Label, step: int, before: int | None, epochs: Epochs | None) -> int | None:
    """Return the first step that can have been bad.

    A running mean starts anew with each epoch, and an epoch whose mean is finite held nothing bad.
    """
    if before is None:
        first = label.axis.first
        return first if first is not None and first <= step else None
    least = min(before + 1, step)
    if epochs is None or not epochs.running:
        return least
    epoch = epochs.epoch_of(step)
    begun = epochs.start_of(step)
    between = range(epochs.epoch_of(least), epoch)
    whole = all(n < epochs.finished and epochs.finite[n] for n in between)
    return max(least, begun) if whole else least


# A loss that no data explains: so large that its square overflows float32.
OVERFLOWING: Final = 1e19


def growth_sentence(bad: BadTag) -> str:
    """Say how the tag moved before it broke: over several points, or from one to the next."""
    before = bad.series.before(bad.step).finite().values
    if len(before) == 0:
        return "It is not finite from its first point, so nothing shows what came before."
    if len(before) == 1:
        return "One finite point came before; that shows no trend." + (
            f" Yet it was {before[0]:.3g} already: numbers were about to overflow."
            if abs(before[0]) > OVERFLOWING
            else ""
        )
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
    labels = labels_of(run)
    remarks = []
    for label in labels.with_role(Role.ACCURACY):
        series = run.scalars[label.key]
        beside = series.values[np.isin(series.steps, _nan_loss_steps(run, labels, label))]
        beside = beside[np.isfinite(beside)]
        if len(beside) == 0:
            continue
        last = float(beside[-1])
        if last == 0:
            remarks.append(
                f"{label.key} is 0.0 beside a NaN loss. That is no result: with the loss, weights "
                "and predictions become NaN, and every comparison with NaN is false, so no "
                "prediction counts as right."
            )
        else:
            remarks.append(
                f"{label.key} reads {last:.4g} beside a NaN loss. That is no result: every "
                "comparison with NaN is false, so all rows are taken for the same class, and the "
                "figure is that class's share."
            )
    return tuple(remarks)


def _nan_loss_steps(run: Run, labels: Labels, beside: Label) -> list[int]:
    """Return the steps with a NaN loss among those that count as another tag does."""
    steps: set[int] = set()
    for label in (*labels.with_role(Role.LOSS), *labels.with_role(Role.VALIDATION_LOSS)):
        if (label.axis, label.origin.part) == (beside.axis, beside.origin.part):
            series = run.scalars[label.key]
            steps.update(series.steps[np.isnan(series.values)].tolist())
    return sorted(steps)
