"""A layer of the user's own took the logarithm of 0.

## What happened
`log(0)` is -Inf, and `0 * log(0)`, as in an entropy, is NaN. A probability that rounds to 0, a dead
ReLU or an empty count gets there.

## How it is recognised
In the first bad step everything before one layer was finite and of ordinary size, the layer is the
user's own (a class, a `Lambda`, an activation function), and its output holds -Inf and no +Inf. Or:
it holds NaN only, and what went in came out of a sigmoid or softmax, which gives no negative
numbers but exact zeros.

## What it cannot tell apart
A negative number divided by 0 is -Inf, too: where negative numbers may have gone in, this rule is
not sure. An operation between layers is not observed.

## Fix
Add a small number before the logarithm, in the dtype's own reach, or use `log_softmax`.

## References
- Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 4.1.
- DEBAR (FSE 2020): `Log` first among the operations at risk.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._operations import Operation, exceeds_exp, first_operation
from analyzer.rules._rule import Remedy, Rule

CAUSE: Final = "layer-log-of-zero"


def check(case: Case) -> Answer:
    """Look for -Inf out of ordinary numbers."""
    operation = first_operation(case, CAUSE)
    if not isinstance(operation, Operation):
        return operation
    if operation.down > 0 and operation.up == 0 and not exceeds_exp(case, operation):
        # Of numbers of both signs a logarithm would have made NaN as well.
        confidence = 0.9 if operation.sign == "not negative" else 0.45
    elif operation.down + operation.up == 0 and operation.makes_probabilities:
        confidence = 0.75
    else:
        return RuledOut(CAUSE, f"{operation.where} did not give -Inf alone")
    summary = (
        f"In step {operation.step} the layer {operation.where} took a logarithm of 0: numbers "
        f"up to {operation.size:.4g} went in, "
        f"{'-Inf' if operation.down else 'NaN (0 times -Inf)'} came out."
    )
    return Finding(CAUSE, operation.step, confidence, "error", summary, operation.facts)


RULE: Final = Rule(
    CAUSE,
    "model",
    "A layer took the logarithm of 0",
    check,
    (
        Remedy(
            "Keep the argument away from 0 by more than the dtype's rounding.",
            "entropy = -keras.ops.sum(x * keras.ops.log(keras.ops.maximum(x, 1e-7)), axis=-1)",
        ),
        Remedy(
            "For the logarithm of a softmax, take log_softmax of the logits.",
            "log_p = keras.ops.log_softmax(logits, axis=-1)",
        ),
    ),
)
