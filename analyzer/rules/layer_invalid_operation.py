"""A layer of the user's own took the root or the logarithm of a negative number.

## What happened
`sqrt(-1)`, `log(-1)` and a power of a negative number with a fraction for an exponent are NaN; so
are Inf - Inf and 0 times Inf inside the layer. What went in is usually an activation that was
expected to be positive, a variance that rounding made negative, or data that changed its sign.

## How it is recognised
In the first bad step everything before one layer was finite and of ordinary size, the layer is the
user's own, and its output holds NaN and no infinity. Either a negative input came for the first
time in that step; or it is the very first step, and a good part of the outputs is NaN, as the
negative half of a layer's outputs would be.

## What it cannot tell apart
The root from the logarithm. 0/0 of rows of zeros makes NaN, too: where no negative number went in,
it is `layer-division-by-zero`.

## Fix
Make the argument positive before the function: `softplus`, `abs`, a maximum with a small number.

## References
- IEEE 754-2019, section 7.2, invalid operation.
- DEBAR (FSE 2020): `Sqrt` and `Log` among the operations at risk.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._operations import Operation, exceeds_exp, first_operation
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Signal

CAUSE: Final = "layer-invalid-operation"
GOOD_PART: Final = 0.25  # NaN a row: ours; half of a layer's outputs are negative at first


def check(case: Case) -> Answer:
    """Look for NaN alone out of ordinary numbers that may be negative."""
    operation = first_operation(case, CAUSE)
    if not isinstance(operation, Operation):
        return operation
    if operation.up + operation.down > 0:
        return RuledOut(CAUSE, f"{operation.where} gave infinities, which no root does")
    if operation.sign == "not negative" or operation.size == 0:
        return RuledOut(CAUSE, f"nothing negative went into {operation.where}")
    if operation.negative_before:
        return RuledOut(CAUSE, f"negative numbers went into {operation.where} without harm before")
    rows = case.at(operation.step).recorded(Signal.BATCH_SIZE) or 1.0
    at_first = operation.step == case.first_step
    if operation.sign == "unknown" and not (at_first and operation.nan >= GOOD_PART * rows):
        return CannotTell(CAUSE, (f"the smallest number that went into {operation.where}",))
    confidence = 0.85
    if operation.sign == "unknown":
        # Half of what such a layer gives at first is negative; rows of zeros are elsewhere.
        kind = case.health.setup.layer(operation.source[1]).kind
        confidence = 0.75 if kind == "Dense" or kind.startswith("Conv") else 0.4
    if exceeds_exp(case, operation):
        confidence = 0.45  # exp of such numbers is Inf, and Inf / Inf is NaN
    summary = (
        f"In step {operation.step} the layer {operation.where} gave NaN {operation.nan:g} times "
        f"from finite numbers up to {operation.size:.4g}, as the root or logarithm of a negative "
        "number does."
    )
    return Finding(CAUSE, operation.step, confidence, "error", summary, operation.facts)


RULE: Final = Rule(
    CAUSE,
    "model",
    "A layer took the root or logarithm of a negative number",
    check,
    (
        Remedy(
            "Make the argument positive before the root or the logarithm.",
            "spread = keras.ops.sqrt(keras.ops.softplus(x) + 1e-6)",
        ),
    ),
)
