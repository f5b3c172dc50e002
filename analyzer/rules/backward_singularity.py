"""The loss was finite, and its gradient was not: a slope that is infinite or 0 times infinite.

## What happened
Some functions are finite where their slope is not: the square root at 0, a norm at 0, a power below
1 at 0, an arc sine at 1. Backpropagation multiplies that infinite slope with 0 and gets NaN. The
`where` trap is the same: `where(x > 0, sqrt(x), 0)` chooses the right value forward, and multiplies
the other branch's slope by 0 backward.

## How it is recognised
In the first bad step inputs, weights, every layer output and the loss were finite, and a gradient
was not, before clipping. Numbers were of ordinary size (outputs up to 1e6, gradients up to 1e10)
and training was not diverging, so that nothing had overflowed.

## What it cannot tell apart
Which operation it was: the named variable is the one nearest to the loss whose gradient is bad, so
it lies in, or after, that layer. An operation between layers is not observed: where it made NaN and
a ReLU after it 0, only the gradient shows it. In models with recurrent layers a gradient may
overflow over time steps that were not observed, and then this rule is not sure.

## Fix
Keep the argument away from the singular point: `sqrt(x + 1e-6)`, or `where` twice.

## References
- TensorFlow issue 38349 and JAX's FAQ, "gradients contain NaN where using where".
- PyTorch issues 68425 (norm at 0), 52248 (sqrt).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer import derived
from analyzer.evidence import Case, Claim, Evidence
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._columns import WORDS
from analyzer.rules._divergence import is_diverging
from analyzer.rules._places import bad_count, is_recurrent, largest_finite
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "backward-singularity"
LARGE_OUTPUT: Final = 1e6  # products and squares of such outputs stay 26 decades below overflow
LARGE_GRADIENT: Final = 1e10
_HIDING: Final = frozenset({"relu", "relu6"})  # fused on a CPU, they turn NaN into 0
FINITE: Final = Claim("is finite", lambda x: bool(np.isfinite(x)))


def check(case: Case) -> Answer:
    """Look for a bad gradient of a finite loss among numbers of ordinary size."""
    trouble = case.trouble
    if trouble is None:
        return None
    if trouble.phase is not Phase.BACKWARD:
        if trouble.phase is Phase.UPDATE:
            return RuledOut(CAUSE, f"every gradient of step {trouble.step} was finite")
        return None
    moment = case.at(trouble.step)
    if missing := moment.lacks((Signal.OUTPUT_MAX_ABS, Signal.LOSS)):
        return CannotTell(CAUSE, missing)
    if why := _overflow(case, trouble.step):
        return RuledOut(CAUSE, why)
    if case.health.setup.dtype_policy == "float16" and trouble.kind != "nan":
        return CannotTell(CAUSE, ("the same steps in float32, where gradients do not overflow",))
    loss = moment.shows(
        Signal.LOSS, FINITE, because="the forward pass and the loss were sound, up to the end"
    )
    bad = bad_count(case, trouble, because="it is the first gradient, from the loss on, that is")
    if loss is None or bad is None:
        return None
    size = _size(case, trouble.step)
    summary = (
        f"In step {trouble.step} the loss was finite ({loss.observed:.4g}), but the gradient of "
        f"{trouble.where} holds {WORDS[trouble.kind]}: a slope on the way is infinite or 0 times "
        "infinite."
    )
    facts = (loss, bad) if size is None else (loss, bad, size)
    return Finding(CAUSE, trouble.step, _confidence(case), "error", summary, facts)


def _confidence(case: Case) -> float:
    if is_recurrent(case) or any("loop" in why for why in case.health.setup.unobserved.values()):
        return 0.55 if case.trouble is not None and case.trouble.kind == "nan" else 0.45
    hides = any(layer.activation in _HIDING for layer in case.health.setup.layers)
    return 0.8 if hides else 0.92


def _overflow(case: Case, step: int) -> str:
    """Return what speaks for an overflow instead, "" if nothing does."""
    if is_diverging(case):
        return "training was diverging before"
    output = largest_finite(case, Signal.OUTPUT_MAX_ABS, step)
    if output is not None and output[0] > LARGE_OUTPUT:
        return f"{output[1]} gave {output[0]:.3g}: products of such numbers may overflow"
    gradient = largest_finite(case, Signal.GRADIENT_NORM, step)
    if gradient is not None and gradient[0] > LARGE_GRADIENT:
        return f"the gradient of {gradient[1]} was already {gradient[0]:.3g}"
    earlier = case.before_trouble(derived.gradient_norm(case.health))
    if earlier is not None and earlier.values[-1] > LARGE_GRADIENT:
        return f"gradients had already grown to {earlier.values[-1]:.3g}"
    return ""


def _size(case: Case, step: int) -> Evidence | None:
    found = largest_finite(case, Signal.OUTPUT_MAX_ABS, step)
    if found is None:
        return None
    claim = Claim("is the largest output of a layer", lambda _: True)
    return case.at(step).shows(
        Signal.OUTPUT_MAX_ABS, claim, where=found[1], because="numbers this small do not overflow"
    )


RULE: Final = Rule(
    CAUSE,
    "gradient",
    "The gradient is not finite although the loss is",
    check,
    (
        Remedy(
            "Keep roots and norms away from 0, where their slope is infinite.",
            "length = keras.ops.sqrt(keras.ops.sum(x * x, axis=-1) + 1e-6)",
        ),
        Remedy(
            "Choose a safe argument before the function, then the value after it: `where` twice.",
            "safe = keras.ops.where(x > 0, x, 1.0)\n"
            "root = keras.ops.where(x > 0, keras.ops.sqrt(safe), 0.0)",
        ),
    ),
)
