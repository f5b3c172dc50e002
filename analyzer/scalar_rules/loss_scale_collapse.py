"""Dynamic loss scaling gave up, by the log's own loss scale tag.

## What happened
A step whose gradients are not finite is skipped and the scale halved: normal a few times. Where
gradients are not finite for another reason than the scale, every step is skipped.

## How it is recognised
The scale fell below 1, a thousandfold or more below its peak, while the logged loss was finite.

## What it cannot tell apart
What makes the gradients non-finite.

## Fix
Train a few steps in float32, where the operation shows itself.

## References
- Micikevicius et al., *Mixed Precision Training* (ICLR 2018).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Evidence
from analyzer.findings import Finding
from analyzer.roles import Role
from analyzer.rules import Remedy
from analyzer.scalar_rules._case import ScalarCase, ScalarRule

CAUSE: Final = "loss-scale-collapse"
LEAST_SCALE: Final = 1.0  # below it the scale shrinks gradients instead of lifting them
LEAST_FALL: Final = 2.0**10  # ten skipped steps more than were made up for


def check(case: ScalarCase) -> Finding | None:
    """Look for a loss scale that fell below 1 while the loss was finite."""
    for label, series in case.series(Role.LOSS_SCALE):
        scale = series.finite()
        if len(scale) < 2 or scale.values[-1] >= LEAST_SCALE or scale.values[-1] <= 0:
            continue
        peak = float(scale.values.max())
        if peak < LEAST_FALL * scale.values[-1]:
            continue
        fell = int(np.flatnonzero(scale.values < LEAST_SCALE)[0])
        if any(loss.since <= scale.wall_times[fell] for loss in case.bad_of(Role.LOSS)):
            continue  # the loss itself was bad first: no scale mends that
        last, step = float(scale.values[-1]), int(scale.steps[-1])
        fact = Evidence(
            label.key,
            "",
            step,
            last,
            f"is below {LEAST_SCALE:g}, from {peak:.4g}",
            "it is halved with every step that is skipped",
            LEAST_SCALE,
        )
        summary = (
            f"The loss scale ({label.key}) has fallen from {peak:.4g} to {last:.3g} while the loss "
            "is finite: steps are skipped whatever the scale, and nothing is learned."
        )
        return Finding(CAUSE, int(scale.steps[fell]), 0.85, "error", summary, (fact,))
    return None


RULE: Final = ScalarRule(
    CAUSE,
    "precision",
    "Loss scaling collapsed: every step is skipped",
    check,
    (
        Remedy(
            "Train a few steps in float32: the first bad step then shows which operation makes the "
            "gradient non-finite.",
            'keras.mixed_precision.set_global_policy("float32")',
        ),
    ),
)
