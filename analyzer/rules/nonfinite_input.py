"""The data fed to the model already held NaN or Inf.

## What happened
A batch reached the model with a value that is not a number: a missing value read as NaN, a division
or a logarithm during preprocessing, an overflow in a narrower dtype. The first layer multiplied it
into all of its outputs, and the gradient carried it into the weights. A ReLU can hide it: on a CPU
the fused kernel turns NaN into 0, so the logged loss may stay finite while the weights are lost.

## How it is recognised
In the first bad step, in causal order, the input comes first: a column's count of NaN, +Inf or -Inf
is above 0 while nothing earlier in training was bad. Weights, outputs, loss and gradients can only
be victims then.

## What it cannot tell apart
Which line of the preprocessing made the value. A column that is bad in *every* row of *every* batch
is `zero-variance-feature`, and one whose only infinite values are -Inf
`log-of-nonpositive-feature`.

## Fix
Find the rows (`numpy.isfinite`), and repair or drop them before training.

## References
- Wardat et al., *DeepLocalize* and *DeepDiagnosis* (ICSE 2021, 2022): bad data as a fault class.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._columns import (
    WORDS,
    bad_columns,
    bad_values,
    is_bad_in_every_row,
    listed,
    looks_like_a_logarithm,
    recorded_place,
)
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "nonfinite-input"


def check(case: Case) -> Answer:
    """Look for a data column that was the first thing to be bad."""
    trouble = case.trouble
    if trouble is None:
        return None
    if trouble.phase is not Phase.INPUT:
        if not case.health.places(Signal.INPUT_NAN):
            return None
        return RuledOut(CAUSE, f"every input up to step {trouble.step} was finite")
    stem = trouble.signal.value.rpartition("_")[0]  # of features, or of sample weights
    place = recorded_place(case, stem, trouble.where)
    if is_bad_in_every_row(case, place):
        return RuledOut(CAUSE, f"{trouble.where} is bad in every row, not in some", 0.2)
    if looks_like_a_logarithm(case, place):
        return RuledOut(CAUSE, f"{trouble.where} holds -Inf and no +Inf: a logarithm made it", 0.2)
    fact = bad_values(
        case,
        stem,
        trouble,
        because="; nothing before it in the step, and nothing in earlier steps, was bad",
    )
    if fact is None:
        return None
    others = [w for w in bad_columns(case, stem, trouble.step) if w != place]
    also = f" (also {listed(others)})" if others else ""
    summary = (
        f"The batch of step {trouble.step} holds {WORDS[trouble.kind]} in {trouble.where}{also}: "
        "the data is bad before the model sees it."
    )
    return Finding(CAUSE, trouble.step, 0.99, "error", summary, (fact,))


RULE: Final = Rule(
    CAUSE,
    "data",
    "The input data holds NaN or Inf",
    check,
    (
        Remedy(
            "Find the bad rows before training, and repair or drop them.",
            "import numpy as np\n\n"
            "bad = ~np.isfinite(x).all(axis=tuple(range(1, x.ndim)))\n"
            'print("bad rows:", np.flatnonzero(bad))\n'
            "x, y = x[~bad], y[~bad]",
        ),
        Remedy(
            "Or put in a value that the model can learn to read, such as the column's mean.",
            "mean = np.nanmean(np.where(np.isfinite(x), x, np.nan), axis=0)\n"
            "x = np.where(np.isfinite(x), x, mean)",
        ),
    ),
)
