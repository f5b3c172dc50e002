"""A layer's moving statistics hold NaN, by the histograms of the weights.

## What happened
BatchNormalization keeps moving averages for inference. An empty or non-finite batch makes them NaN
for good, while training, which normalises by the batch, may go on with a finite loss.

## How it is recognised
The histogram of a moving mean or variance shows NaN, no later than that of any learned weight, and
before the training loss does.

## What it cannot tell apart
Which batch did it: histograms are written once an epoch.

## Fix
Reset the statistics, and drop the batch that made them NaN.

## References
- Ioffe, Szegedy, *Batch Normalization* (ICML 2015), inference with population statistics.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Evidence
from analyzer.findings import Finding
from analyzer.roles import Role
from analyzer.rules import Remedy
from analyzer.scalar_rules._case import ScalarCase, ScalarRule
from analyzer.spreads import is_of_statistics

CAUSE: Final = "nonfinite-statistics"


def check(case: ScalarCase) -> Finding | None:
    """Look for moving statistics that are NaN while learned weights and the loss are not."""
    weights = [b for b in case.bad_of(Role.WEIGHT) if b.histogram]
    moving = [b for b in weights if is_of_statistics(b.tag)]
    if not moving or any(b.since <= moving[0].since for b in case.bad_of(Role.LOSS)):
        return None
    learned = [b for b in weights if not is_of_statistics(b.tag)]
    if any(b.step <= moving[0].step for b in learned):
        return None
    first = moving[0]
    fact = Evidence(
        first.key,
        "",
        first.step,
        float("nan"),
        "has no finite edges and counts nothing",
        "TensorFlow writes such a histogram where values are not finite",
    )
    summary = (
        f"{first.key} is not finite at its step {first.step}, while the learned weights are: "
        "validation and inference normalise by it, training does not."
    )
    return Finding(CAUSE, first.step, 0.85, "error", summary, (fact,))


RULE: Final = ScalarRule(
    CAUSE,
    "state",
    "State that is not trained, such as a moving average, is not finite",
    check,
    (
        Remedy(
            "Reset the moving statistics, and make sure that no batch is empty or holds NaN.",
            "layer.moving_mean.assign(keras.ops.zeros_like(layer.moving_mean))\n"
            "layer.moving_variance.assign(keras.ops.ones_like(layer.moving_variance))",
        ),
    ),
)
