"""The learning rate itself is NaN or Inf, by the log's own learning rate tag.

## What happened
A schedule divided by zero, took a root or a power of a negative number, or was fed a NaN. The first
update with that rate makes every weight NaN.

## How it is recognised
A learning rate tag is not finite, no later than the loss. A rate that is NaN while the loss goes on
changing for many points was not the rate that was applied.

## What it cannot tell apart
Which term of the schedule was undefined.

## Fix
Evaluate the schedule over all steps before training.

## References
- Keras, `LearningRateSchedule`: the value is used as it is returned.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Evidence
from analyzer.findings import Finding
from analyzer.roles import Role
from analyzer.rules import Remedy
from analyzer.scalar_rules._case import ScalarCase, ScalarRule
from analyzer.scalars import BadTag, name_of

CAUSE: Final = "nonfinite-learning-rate"
# Distinct losses after which it is plain that training goes on; one update with NaN stops it.
GOES_ON: Final = 5


def check(case: ScalarCase) -> Finding | None:
    """Look for a learning rate that is not finite before the loss is, or together with it."""
    rates = case.bad_of(Role.LEARNING_RATE)
    if not rates or _goes_on(case, rates[0]):
        return None
    rate = rates[0]
    losses = case.bad_of(Role.LOSS)
    earlier = [loss for loss in losses if loss.since < rate.since and loss.axis == rate.axis]
    if any(loss.step < rate.step for loss in earlier):
        return None
    first = int(np.flatnonzero(~np.isfinite(rate.series.values))[0])
    fact = Evidence(
        rate.key,
        "",
        rate.step,
        float(rate.series.values[first]),
        "is not finite",
        "one update with such a rate makes every weight it touches non-finite",
    )
    summary = (
        f"The learning rate ({rate.key}) is {name_of(rate.kind)} at its step {rate.step}: the "
        "update with it cannot be finite, whatever the gradients were."
    )
    return Finding(CAUSE, rate.step, 0.9 if losses else 0.7, "error", summary, (fact,))


def _goes_on(case: ScalarCase, rate: BadTag) -> bool:
    for _, series in case.series(Role.LOSS):
        later = series.values[series.wall_times > rate.since]
        if len(set(later[np.isfinite(later)].tolist())) >= GOES_ON:
            return True
    return False


RULE: Final = ScalarRule(
    CAUSE,
    "optimization",
    "The learning rate is NaN or infinite",
    check,
    (
        Remedy(
            "Evaluate the schedule over every step of the training before using it.",
            "import numpy as np\n\n"
            "rates = np.array([float(schedule(step)) for step in range(total_steps)])\n"
            'print("bad steps:", np.flatnonzero(~np.isfinite(rates)))',
        ),
    ),
)
