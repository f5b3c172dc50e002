"""The targets already held NaN or Inf.

## What happened
A label that is missing, divided by zero or taken from the logarithm of zero reached the loss. The
loss of that batch is then not finite, and its gradient destroys every weight in one step. In the
loss curve this looks exactly like bad input; only the recorded targets tell them apart.

## How it is recognised
In the first bad step all inputs were finite, and a target's count of NaN, +Inf or -Inf is above 0.

## What it cannot tell apart
Where the label came from. Labels that mean "missing" on purpose need a mask or sample weights, and
a weight of 0 does not help: 0 times NaN is NaN.

## Fix
Drop or repair the rows whose label is not finite before training.

## References
- Keras, `model.fit`: sample weights multiply the loss after it was computed.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._columns import WORDS, bad_values
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "nonfinite-target"


def check(case: Case) -> Answer:
    """Look for a target that was the first thing to be bad."""
    trouble = case.trouble
    if trouble is None or not case.health.places(Signal.TARGET_NAN):
        return None
    if trouble.phase is not Phase.TARGET:
        before = (
            "the inputs were bad first"
            if trouble.phase is Phase.INPUT
            else "every target was finite"
        )
        return RuledOut(CAUSE, f"{before}, up to step {trouble.step}")
    fact = bad_values(case, "target", trouble, because=", while every input was finite")
    if fact is None:
        return None
    summary = (
        f"The batch of step {trouble.step} holds {WORDS[trouble.kind]} in its targets "
        f"({trouble.where}): the loss cannot be finite, whatever the model predicts."
    )
    return Finding(CAUSE, trouble.step, 0.99, "error", summary, (fact,))


RULE: Final = Rule(
    CAUSE,
    "data",
    "The targets hold NaN or Inf",
    check,
    (
        Remedy(
            "Find the rows whose label is not finite, and repair or drop them before training.",
            "import numpy as np\n\n"
            "good = np.isfinite(y).reshape(len(y), -1).all(axis=1)\n"
            'print("bad labels:", np.flatnonzero(~good))\n'
            "x, y = x[good], y[good]",
        ),
    ),
)
