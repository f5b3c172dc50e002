"""The loss divided by 0.

## What happened
A loss of the user's own divides by a target (a percentage error), by a sum (an overlap of two empty
masks), or by a standard deviation (a correlation over a batch whose values are all alike). `x / 0`
is Inf, `0 / 0` is NaN.

## How it is recognised
In the first bad step all outputs were finite, the loss is the user's own and is not finite, and one
of these holds, which did no harm before: predictions and targets were all exactly 0; the smallest
or largest target is exactly 0 and the loss +Inf; all targets or all predictions of the batch were
alike and the loss NaN.

## What it cannot tell apart
The logarithm of a target of 0 is infinite, too: the confidence says so. A 0 between negative and
positive targets is not recorded. A batch of which a mask keeps nothing is `empty-loss`.

## Fix
Keep the divisor away from 0, or divide by `divide_no_nan`.

## References
- Milletari et al., *V-Net* (2016), section 3: the Dice loss; its usual smoothing term is for this.
- Keras, `mean_absolute_percentage_error`: it divides by at least epsilon.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import NOT_FINITE, ZERO, Case, Evidence
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._operations import zero_edge
from analyzer.rules._places import all_alike, is_own_operation, is_sentinel
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "loss-division-by-zero"
TARGETS: Final = (Signal.TARGET_MIN, Signal.TARGET_MAX)
PREDICTIONS: Final = (Signal.PREDICTION_MIN, Signal.PREDICTION_MAX)
NEEDED: Final = (*TARGETS, *PREDICTIONS)


def check(case: Case) -> Answer:
    """Look for a divisor of 0 in the step whose loss broke first."""
    trouble = case.trouble
    if trouble is None or trouble.phase is not Phase.LOSS or not is_own_operation(case):
        return None
    if missing := case.at(trouble.step).lacks(NEEDED):
        return CannotTell(CAUSE, missing)
    broke = case.at(trouble.step).shows(
        Signal.LOSS, NOT_FINITE, because="while every output of the model was finite"
    )
    found = _divisor(case, trouble.step, trouble.kind)
    if broke is None:
        return None
    if found is None:
        return RuledOut(CAUSE, "nothing that a loss divides by was seen to be 0")
    fact, what, confidence = found
    summary = f"In step {trouble.step} the loss divided by 0: {what}."
    return Finding(CAUSE, trouble.step, confidence, "error", summary, (fact, broke))


def _divisor(case: Case, step: int, kind: str) -> tuple[Evidence, str, float] | None:
    moment = case.at(step)
    if all(all_alike(case, stem, step) == 0.0 for stem in ("target", "prediction")):
        where = case.health.places(Signal.PREDICTION_MAX)[0]
        because = "as are all targets, so that every sum of them is 0"
        fact = moment.shows(Signal.PREDICTION_MAX, ZERO, where=where, because=because)
        return None if fact is None else (fact, "targets and predictions were all exactly 0", 0.85)
    edge = zero_edge(case, TARGETS, step)
    if edge is not None and kind == "inf" and not _was_zero_before(case, edge):
        return edge, "a target of this batch is exactly 0, as none before", 0.7
    for stem in ("target", "prediction"):
        value = all_alike(case, stem, step)
        if value is None or kind != "nan" or is_sentinel(case, stem, step):
            continue
        if stem == "prediction" and value in (0.0, 1.0):
            continue  # a sigmoid or softmax at its end: `loss-log-of-zero`
        where = case.health.places(Signal(f"{stem}_max"))[0]
        claim = f"is also the smallest {stem}"
        because = "a deviation of 0 is what a correlation or a standardisation divides by"
        fact = Evidence(f"{stem}_max", where, step, value, claim, because)
        return fact, f"all {stem}s of the batch were alike ({value:.4g})", 0.7
    return None


def _was_zero_before(case: Case, edge: Evidence) -> bool:
    series = case.health.series(Signal(edge.signal), edge.where)
    return series is not None and bool(np.any(series.before(edge.step).values == 0))


RULE: Final = Rule(
    CAUSE,
    "loss",
    "The loss divided by 0",
    check,
    (
        Remedy(
            "Keep the divisor away from 0 by a term that is small against its usual size.",
            "def dice(y_true, y_pred):\n"
            "    both = keras.ops.sum(y_true * y_pred)\n"
            "    total = keras.ops.sum(y_true) + keras.ops.sum(y_pred)\n"
            "    return 1.0 - (2.0 * both + 1.0) / (total + 1.0)",
        ),
        Remedy(
            "For relative errors, use the loss of Keras, which bounds its divisor.",
            'model.compile("adam", loss="mean_absolute_percentage_error")',
        ),
    ),
)
