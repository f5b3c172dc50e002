"""Non-finite points that are no failure: skipped steps, placeholders, two quantities in one tag."""

from __future__ import annotations

from collections.abc import Iterable
from math import isinf, isnan
from typing import Final

import numpy as np
import numpy.typing as npt

from analyzer.labels import Label, Labels
from analyzer.roles import Role, is_best_so_far
from analyzer.series import Run, Series
from tb_nan_plugin.signals import Kind, Phase

# A step whose gradients are not finite is skipped under dynamic loss scaling, and training goes on.
SKIPPING: Final = (Role.GRADIENT_NORM, Role.LOSS_SCALE)
Mask = npt.NDArray[np.bool_]


def kind_of(value: float) -> Kind:
    """Return which kind of non-finite number it is."""
    if isnan(value):
        return "nan"
    return "-inf" if isinf(value) and value < 0 else "inf"


def name_of(kind: Kind) -> str:
    """Return a kind as people write it."""
    return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[kind]


def sentinels(run: Run, labels: Labels, bad: Iterable[str]) -> dict[str, Role]:
    """Return the tags whose infinities stand for "no value yet"."""
    found = {}
    for key in bad:
        label, values = labels.of[key], run.scalars[key].values
        finite = np.flatnonzero(np.isfinite(values))
        leading = values[: finite[0]] if len(finite) else values
        rest = values[len(leading) :]
        named = is_best_so_far(label.origin.tag) or label.phase is Phase.METRIC
        if named and len(leading) and np.isinf(leading).all() and np.isfinite(rest).all():
            found[key] = Role.SENTINEL
    return found


def passing(run: Run, labels: Labels, label: Label, series: Series, mask: Mask) -> Mask:
    """Return the bad points of a tag that are no failure by themselves."""
    if label.role in SKIPPING:
        last_finite = np.flatnonzero(~mask)
        passing = mask.copy()
        passing[int(last_finite[-1]) + 1 if len(last_finite) else 0 :] = False
        return passing
    losses = (Role.LOSS, Role.VALIDATION_LOSS)
    if label.role in losses and _is_written_twice_a_step(series):
        return mask & np.isinf(series.values) & ~_failing(mask, series, labels, run, label)
    return np.zeros_like(mask)


def _is_written_twice_a_step(series: Series) -> bool:
    """Tell whether each step has several points: two quantities share the tag."""
    different = 1 + int(np.count_nonzero(np.diff(np.sort(series.steps))))
    return len(series) >= 4 and different * 2 <= len(series)


def _failing(mask: Mask, series: Series, labels: Labels, run: Run, label: Label) -> Mask:
    """Return the points from the step on at which another loss, or a NaN, says that it failed."""
    steps = [
        int(other.steps[~np.isfinite(other.values)][0])
        for twin in labels.with_role(label.role)
        if twin.key != label.key and not np.isfinite((other := run.scalars[twin.key]).values[-1])
    ]
    own = series.steps[np.isnan(series.values)]
    steps += [int(own[0])] if len(own) else []
    trailing = bool(mask[series.steps == series.steps[-1]].all())
    if not steps:
        return mask if trailing else np.zeros_like(mask)
    return series.steps >= min(steps)


def why_harmless(
    label: Label,
    series: Series,
    mask: Mask,
    skipped: Mask,
) -> str:
    """Return why the bad points of a tag are no failure, as a sentence; "" where they may be."""
    if not (mask == skipped).all() or label.phase is Phase.METRIC:
        return ""
    times = "once" if mask.sum() == 1 else f"{int(mask.sum())} times"
    kind = name_of(kind_of(float(series.values[int(np.argmax(mask))])))
    step = int(series.steps[int(np.argmax(mask))])
    said = f"{label.key} is {kind} {times}, first at its step {step}, and came back"
    if label.role in SKIPPING:
        return (
            f"{said}: dynamic loss scaling skips such steps, which is normal while the loss stays "
            "finite."
        )
    return (
        f"{said}. Two quantities are written under this tag in each step, and training went on: "
        "an infinity of one of them is no failure."
    )
