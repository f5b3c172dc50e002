"""Finite gradients went into the optimizer, and weights that are not finite came out.

## What happened
The optimizer divides by a root of past squared gradients plus a small epsilon. With an epsilon of
0, or one that rounds to 0 in half precision (1e-8 is below the smallest float16), a gradient of 0
makes 0/0 = NaN, and a tiny one a division by an underflowed 0. A centered RMSprop can take the root
of a negative number. A constraint that divides by a norm does the same after the update.

## How it is recognised
In the first bad step everything up to and including the gradients was finite, the learning rate
too, and a trained variable was NaN or Inf after the update. Rate times gradient lies many decades
below the largest number, so the update itself did not overflow.

## What it cannot tell apart
The optimizer from what runs after it in the same step: a weight constraint, an average of weights.

## Fix
Use the default epsilon (1e-7), or a larger one in half precision; keep optimizer state in float32.

## References
- Kingma, Ba, *Adam* (ICLR 2015), algorithm 1.
- optax issue 1754, pytorch issue 147437, keras issue 11860: Adam with zero gradients in float16.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Case, Evidence, at_most
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._places import bad_count, is_statistic, largest_finite
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "optimizer-update-nonfinite"
# Eight decades below the largest float32; products of rate and gradient up to here cannot overflow.
FAR_FROM_OVERFLOW: Final = 1e30
USUAL_EPSILON: Final = 1e-8  # the smallest in ordinary use (Kingma and Ba); Keras has 1e-7


def check(case: Case) -> Answer:
    """Look for an update that turned finite gradients into bad weights."""
    trouble = case.trouble
    if trouble is None:
        return None
    if trouble.phase is Phase.BACKWARD:
        return RuledOut(CAUSE, f"{trouble.where} had a bad gradient before the update")
    if trouble.phase is not Phase.UPDATE or is_statistic(case, trouble.where):
        return None
    moment = case.at(trouble.step)
    if missing := moment.lacks((Signal.GRADIENT_NORM, Signal.LEARNING_RATE)):
        return CannotTell(CAUSE, missing)
    rate = moment.recorded(Signal.LEARNING_RATE, case.health.places(Signal.LEARNING_RATE)[0])
    if rate is None or not np.isfinite(rate):
        return RuledOut(CAUSE, "the learning rate itself was not finite")
    largest = largest_finite(case, Signal.GRADIENT_NORM, trouble.step)
    size = abs(rate) * (largest[0] if largest and case.health.setup.optimizer == "SGD" else 1.0)
    if size / (1 - case.health.setup.momentum) > FAR_FROM_OVERFLOW:
        return RuledOut(CAUSE, f"rate times gradient is about {size:.1e}: the update overflowed")
    gradient = _gradient(case, trouble.where, trouble.step)
    broken = bad_count(case, trouble, because="the update made it, out of numbers that were finite")
    if gradient is None or broken is None:
        return None
    summary = (
        f"The update of step {trouble.step} made {trouble.where} non-finite out of finite "
        f"gradients: the {case.health.setup.optimizer or 'optimizer'}'s own arithmetic failed"
        f"{_epsilon(case)}."
    )
    confidence = 0.75 if case.health.setup.optimizer == "SGD" else 0.92
    return Finding(CAUSE, trouble.step, confidence, "error", summary, (gradient, broken))


def _gradient(case: Case, where: str, step: int) -> Evidence | None:
    because = "this went into the optimizer"
    claim = at_most(FAR_FROM_OVERFLOW)
    return case.at(step).shows(Signal.GRADIENT_NORM, claim, where=where, because=because)


def _epsilon(case: Case) -> str:
    epsilon = case.health.setup.setting("epsilon")
    if epsilon is None:
        return ""
    half = "16" in case.health.setup.dtype_policy
    if epsilon < USUAL_EPSILON or (half and epsilon < 6e-8):
        return f" (its epsilon is {epsilon:g}, so a gradient of 0 makes 0/0)"
    return f" (its epsilon is {epsilon:g})"


RULE: Final = Rule(
    CAUSE,
    "optimization",
    "The optimizer turned finite gradients into non-finite weights",
    check,
    (
        Remedy(
            "Give the optimizer an epsilon that its dtype can hold.",
            "model.compile(keras.optimizers.Adam(1e-3, epsilon=1e-7), loss=loss)",
        ),
        Remedy(
            "In half precision keep variables and optimizer state in float32: a mixed policy does.",
            'keras.mixed_precision.set_global_policy("mixed_float16")',
        ),
    ),
)
