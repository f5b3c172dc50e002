"""The loss took the root, the logarithm or a power of a negative prediction.

## What happened
A loss of the user's own expects predictions that are positive (a rate, a variance, a probability),
and the model has no activation that makes them so. `log(-0.1)` and `sqrt(-0.1)` are NaN.

## How it is recognised
In the first bad step all outputs were finite, the loss is the user's own and is NaN, and a
prediction was below 0: for the first time in the record, or in the very first step.

## What it cannot tell apart
The root from the logarithm or a power. In the very first step nothing shows that negative
predictions are what matters, and the confidence is lower; where some are exactly 0, it could be
0/0.

## Fix
Let the last layer give positive numbers, or make them so inside the loss.

## References
- IEEE 754-2019, section 7.2, invalid operation.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import NOT_FINITE, Case, Evidence, below
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._operations import positive
from analyzer.rules._places import is_own_operation
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "loss-invalid-operation"


def check(case: Case) -> Answer:
    """Look for a first negative prediction in the step whose loss became NaN."""
    trouble = case.trouble
    if trouble is None or trouble.phase is not Phase.LOSS or not is_own_operation(case):
        return None
    if not case.health.places(Signal.PREDICTION_MIN):
        return CannotTell(CAUSE, (Signal.PREDICTION_MIN.value,))
    if trouble.kind != "nan":
        return RuledOut(CAUSE, "the loss was infinite, which no root of a negative number is")
    fact = _negative(case, trouble.step)
    if fact is None:
        return RuledOut(CAUSE, f"no prediction of step {trouble.step} was negative")
    series = case.health.series(Signal.PREDICTION_MIN, fact.where)
    earlier = np.empty(0) if series is None else series.before(trouble.step).values
    if np.any(earlier < 0):
        return RuledOut(CAUSE, "negative predictions did no harm in earlier steps")
    broke = case.at(trouble.step).shows(
        Signal.LOSS, NOT_FINITE, because="while every output of the model was finite"
    )
    if broke is None:
        return None
    first = "for the first time, " if len(earlier) else ""
    summary = (
        f"In step {trouble.step} a prediction was negative, {first}({fact.observed:.4g}), and the "
        "loss became NaN, as the root or logarithm of a negative number is."
    ).replace(", (", " (")
    zero = positive(Signal.PREDICTION_ZERO, case, trouble.step, because="0/0 is NaN, too")
    confidence = 0.88 if len(earlier) else 0.65 if zero is None else 0.4
    return Finding(CAUSE, trouble.step, confidence, "error", summary, (fact, broke))


def _negative(case: Case, step: int) -> Evidence | None:
    because = "the logarithm and the root of it are NaN"
    for where in case.health.places(Signal.PREDICTION_MIN):
        fact = case.at(step).shows(Signal.PREDICTION_MIN, below(0), where=where, because=because)
        if fact is not None:
            return fact
    return None


RULE: Final = Rule(
    CAUSE,
    "loss",
    "The loss took the root or logarithm of a negative prediction",
    check,
    (
        Remedy(
            "Let the last layer give positive numbers.",
            'outputs = keras.layers.Dense(1, activation="softplus")(hidden)',
        ),
        Remedy(
            "Or make them so inside the loss.",
            "def loss(y_true, y_pred):\n"
            "    rate = keras.ops.softplus(y_pred) + 1e-6\n"
            "    return keras.ops.mean(rate - y_true * keras.ops.log(rate))",
        ),
    ),
)
