"""The learning rate itself was NaN or Inf.

## What happened
A schedule or a callback computed the rate and divided by zero, took a power of a negative number,
or read a metric that was not finite. The optimizer multiplied every gradient with it, and every
weight was lost in one step, although data, outputs, loss and gradients of that step were sound.

## How it is recognised
The recorded learning rate is NaN or Inf in the very step whose update made the first bad weight.

## What it cannot tell apart
Which line of the schedule made it: the recorded rates of the steps before show how it went there.

## Fix
Evaluate the schedule for all its steps before training, and clip what it returns.

## References
- Keras, `LearningRateScheduler`: whatever the function returns is assigned, unchecked.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import NOT_FINITE, Case, Evidence
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._places import bad_count
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "nonfinite-learning-rate"


def check(case: Case) -> Answer:
    """Look for a rate that is not finite in the step whose update broke the weights."""
    trouble = case.trouble
    if trouble is None or trouble.phase is not Phase.UPDATE:
        return None
    places = case.health.places(Signal.LEARNING_RATE)
    if not places:
        return CannotTell(CAUSE, (Signal.LEARNING_RATE.value,))
    fact = next((f for where in places if (f := _bad_rate(case, trouble.step, where))), None)
    if fact is None:
        return RuledOut(CAUSE, f"the learning rate of step {trouble.step} was finite")
    broken = bad_count(case, trouble, because="the first thing that this update broke")
    facts = (fact,) if broken is None else (fact, broken)
    word = "NaN" if np.isnan(fact.observed) else "infinite"
    summary = (
        f"The learning rate of step {trouble.step} was {word}: the update made {trouble.where} and "
        "all else that it touched non-finite, although the gradients were sound."
    )
    return Finding(CAUSE, trouble.step, 0.99, "error", summary, facts)


def _bad_rate(case: Case, step: int, where: str) -> Evidence | None:
    return case.at(step).shows(
        Signal.LEARNING_RATE,
        NOT_FINITE,
        where=where,
        because="every gradient is multiplied with it, and everything before it was finite",
    )


RULE: Final = Rule(
    CAUSE,
    "optimization",
    "The learning rate is NaN or infinite",
    check,
    (
        Remedy(
            "Evaluate the schedule for every step before training.",
            "import numpy as np\n\n"
            "schedule = keras.optimizers.schedules.CosineDecay(1e-3, decay_steps=1000)\n"
            "rates = np.array([float(schedule(step)) for step in range(1000)])\n"
            "assert np.isfinite(rates).all(), np.flatnonzero(~np.isfinite(rates))",
        ),
        Remedy(
            "In a schedule of your own, keep divisors away from 0 and clip the result.",
            "def rate(epoch, current):\n"
            "    return float(np.clip(1e-2 / max(epoch, 1), 1e-6, 1e-2))\n\n\n"
            "callback = keras.callbacks.LearningRateScheduler(rate)",
        ),
    ),
)
