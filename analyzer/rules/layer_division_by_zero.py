"""A layer of the user's own divided by 0.

## What happened
`x / 0` is +Inf or -Inf by the sign of x, and `0 / 0` is NaN: a row that is normalized by its sum or
length and holds only zeros, a difference of two equal numbers below a fraction, a mask that kept
nothing.

## How it is recognised
In the first bad step everything before one layer was finite and of ordinary size, within the reach
of `exp`, and the layer is the user's own. Its output holds +Inf and -Inf at once, or +Inf; or NaN
only, where everything that went in was 0, or came out of a ReLU, whose output has no negative
numbers (so no root or logarithm of one) and exact zeros.

## What it cannot tell apart
The negative logarithm of a probability of 0 is +Inf, too: of a layer after a sigmoid or softmax
this rule is not sure. Where numbers of both signs went in and NaN came out, it could be 0/0, the
root of a negative number, or Inf - Inf where a mask hides a whole row, and this rule is not sure.

## Fix
Keep the divisor away from 0, or use a division that gives 0 there.

## References
- TensorFlow, `tf.math.divide_no_nan`; DEBAR (FSE 2020): `RealDiv` among the operations at risk.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._operations import Operation, exceeds_exp, first_operation
from analyzer.rules._rule import Remedy, Rule

CAUSE: Final = "layer-division-by-zero"


def check(case: Case) -> Answer:
    """Look for infinities or 0/0 out of ordinary numbers."""
    operation = first_operation(case, CAUSE)
    if not isinstance(operation, Operation):
        return operation
    confidence = _confidence(case, operation)
    if confidence is None:
        return RuledOut(CAUSE, f"{operation.where} gave no infinity that a division would")
    shown = "NaN" if not operation.up + operation.down else "infinities"
    summary = (
        f"In step {operation.step} the layer {operation.where} divided by 0: numbers up to "
        f"{operation.size:.4g} went in, {shown} came out."
    )
    return Finding(CAUSE, operation.step, confidence, "error", summary, operation.facts)


def _confidence(case: Case, operation: Operation) -> float | None:
    if operation.up > 0:
        if exceeds_exp(case, operation):
            return None
        if operation.down > 0:
            return 0.9
        return 0.55 if operation.makes_probabilities else 0.8
    if operation.down > 0 or operation.makes_probabilities:
        return None
    if operation.size == 0:
        return 0.9
    if operation.sign == "not negative":
        return 0.8
    return 0.45 if operation.negative_before else None  # or Inf - Inf: a mask of a whole row


RULE: Final = Rule(
    CAUSE,
    "model",
    "A layer divided by 0",
    check,
    (
        Remedy(
            "Keep the divisor away from 0.",
            "total = keras.ops.sum(x, axis=-1, keepdims=True)\n"
            "share = x / keras.ops.maximum(total, 1e-7)",
        ),
        Remedy(
            "Or normalize by a layer of Keras, which does so itself.",
            "x = keras.layers.UnitNormalization(axis=-1)(x)",
        ),
    ),
)
