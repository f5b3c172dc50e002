"""The loss overflowed on predictions that were finite.

## What happened
A loss of the user's own took `exp` of a prediction above 88.7 (a log-likelihood with a predicted
log-variance or log-rate, for one), or squared one above 1.8e19.

## How it is recognised
In the first bad step all outputs were finite and the loss was not; the predictions lay beyond the
reach of `exp`, farther out than in any earlier step, in a loss of the user's own. Or their square
is beyond float32. Training was not diverging before, or the loss was not what showed it.

## What it cannot tell apart
Why the predictions grew: alternatives are listed with what speaks against them.

## Fix
Bound what goes into `exp`, and compute a logarithm of sums by `logsumexp`.

## References
- Blanchard, Higham, Higham, *Accurately computing the log-sum-exp and softmax functions* (2021).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import NOT_FINITE, Case
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._divergence import excesses, is_diverging
from analyzer.rules._operations import REACH_FLOAT32, largest_prediction
from analyzer.rules._places import is_own_operation
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "loss-overflow"
ROOT_OF_LARGEST: Final = 1.8e19  # its square is 3.4e38, the largest float32
OUT_OF_PROPORTION: Final = 1.0  # decades of anything else at the start


def check(case: Case) -> Answer:
    """Look for predictions beyond the reach of exp, or of a square, behind a loss that broke."""
    trouble = case.trouble
    if trouble is None or trouble.phase is not Phase.LOSS:
        return None
    into = largest_prediction(case, trouble.step)
    if into is None:
        return CannotTell(CAUSE, (Signal.PREDICTION_MIN.value, Signal.PREDICTION_MAX.value))
    own, size = is_own_operation(case), abs(into.observed)
    reach = REACH_FLOAT32 if own else ROOT_OF_LARGEST
    if size <= reach:
        return RuledOut(CAUSE, f"the predictions were at most {size:.3g}")
    if _passed_before(case, into.signal, into.where, trouble.step, size):
        return RuledOut(CAUSE, "predictions as large did no harm before", 0.2)
    broke = case.at(trouble.step).shows(
        Signal.LOSS, NOT_FINITE, because="while every output of the model was finite"
    )
    if broke is None:
        return None
    summary = (
        f"In step {trouble.step} the loss overflowed on finite predictions: the farthest was "
        f"{into.observed:.4g}, beyond {'exp' if size < ROOT_OF_LARGEST else 'a square'}'s reach of "
        f"{reach if size < ROOT_OF_LARGEST else ROOT_OF_LARGEST:.3g}."
    )
    return Finding(CAUSE, trouble.step, _confidence(case, own=own), "error", summary, (into, broke))


def _confidence(case: Case, *, own: bool) -> float:
    excess = excesses(case)
    others = (excess.rate, excess.features, excess.targets, excess.initialization, excess.batch)
    if max(others) >= OUT_OF_PROPORTION:
        return 0.65 if own and not is_diverging(case) else 0.4
    if is_diverging(case):
        return 0.55 if own else 0.3
    return 0.85 if own else 0.55


def _passed_before(case: Case, signal: str, where: str, step: int, size: float) -> bool:
    series = case.health.series(Signal(signal), where)
    if series is None:
        return False
    earlier = np.abs(series.before(step).finite().values)
    return len(earlier) > 0 and bool(earlier.max() >= 0.98 * size)


RULE: Final = Rule(
    CAUSE,
    "loss",
    "The loss overflowed on finite predictions",
    check,
    (
        Remedy(
            "Bound what goes into exp.",
            "def loss(y_true, y_pred):\n"
            "    log_rate = keras.ops.clip(y_pred, -20.0, 20.0)\n"
            "    return keras.ops.mean(keras.ops.exp(log_rate) - y_true * log_rate)",
        ),
        Remedy(
            "Take sums of exponentials by a function that subtracts the maximum.",
            "total = keras.ops.logsumexp(logits, axis=-1)",
        ),
    ),
)
