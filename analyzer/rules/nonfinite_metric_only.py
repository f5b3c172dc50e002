"""A metric is NaN where it has nothing to measure; training is fine.

## What happened
Some metrics are not defined on every batch or epoch: the area under a curve of one class, the mean
overlap of a class that is absent, a score before the first evaluation. Their NaN touches neither
loss nor weights.

## How it is recognised
A tag that is neither a loss nor a gradient norm is not finite, while every loss, gradient and
weight of the training was, and the validation loss, too, where there is one. It is a note, never a
failure.

## What it cannot tell apart
A metric that is undefined from one whose own code is wrong.

## Fix
Nothing in the training. Give the metric a value for that case, or leave such points out of the
mean.

## References
- torchmetrics issue 2778, nnU-Net issue 2530: classes that are absent from a batch.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import NOT_FINITE, Case, Evidence
from analyzer.findings import Answer, Finding
from analyzer.roles import Role
from analyzer.rules._rule import Remedy, Rule

CAUSE: Final = "nonfinite-metric-only"
METRICS: Final = (Role.OTHER, Role.ACCURACY, Role.METRIC, Role.SENTINEL)


def check(case: Case) -> Answer:
    """Look for metrics that are not finite beside a training that is."""
    if case.trouble is not None:
        return None
    bad = {tag: s for tag, s in case.scalars.items() if not np.isfinite(s.values).all()}
    if not bad or any(case.role(tag) not in METRICS for tag in bad):
        return None
    tag, series = next(iter(bad.items()))
    index = int(np.flatnonzero(~np.isfinite(series.values))[0])
    fact = Evidence(
        tag,
        "",
        int(series.steps[index]),
        float(series.values[index]),
        NOT_FINITE.words,
        "it is neither a loss nor a gradient, and all of those are finite",
    )
    times = int((~np.isfinite(series.values)).sum())
    summary = (
        f"The metric {tag} is not finite in {times} of {len(series)} points, and training is fine: "
        "many metrics are not defined where they have nothing to measure."
    )
    return Finding(CAUSE, fact.step, 0.9, "note", summary, (fact,))


RULE: Final = Rule(
    CAUSE,
    "reporting",
    "A metric is undefined; training is fine",
    check,
    (
        Remedy(
            "In a metric of your own, say what it is where there is nothing to measure.",
            "def overlap(y_true, y_pred):\n"
            "    both = keras.ops.sum(y_true * y_pred)\n"
            "    either = keras.ops.sum(keras.ops.maximum(y_true, y_pred))\n"
            "    return keras.ops.where(either > 0, both / keras.ops.maximum(either, 1e-7), 1.0)",
        ),
    ),
)
