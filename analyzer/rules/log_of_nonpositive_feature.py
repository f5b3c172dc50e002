"""A feature is the logarithm of 0, or of a negative number.

## What happened
Preprocessing took the logarithm of a column that holds zeros or negative values: `log(0)` is -Inf,
`log(-1)` is NaN. Counts, prices and durations are positive until one of them is 0.

## How it is recognised
In the first bad step, in causal order, the input comes first, and over the record the bad column
holds -Inf and never +Inf, beside finite values that differ. Few other operations give -Inf alone.

## What it cannot tell apart
A negative number divided by 0 is -Inf, too. A column that holds NaN only, from negative values,
looks like any other missing value and is `nonfinite-input`. A column of 0 and -Inf is taken for a
mask, and one without a finite value for `zero-variance-feature`.

## Fix
`log1p` for counts; for others a floor, or a transform that is defined at 0 and below.

## References
- numpy, `log`: "-inf" at 0, "nan" below, with a warning that batches read by a pipeline lose.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case, Evidence, above
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._columns import (
    WORDS,
    is_bad_in_every_row,
    looks_like_a_logarithm,
    recorded_place,
)
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "log-of-nonpositive-feature"


def check(case: Case) -> Answer:
    """Look for a column whose bad values are those of a logarithm."""
    trouble = case.trouble
    if trouble is None or trouble.phase is not Phase.INPUT:
        return None
    place = recorded_place(case, "input", trouble.where)
    if is_bad_in_every_row(case, place):
        return RuledOut(CAUSE, f"{trouble.where} has no finite value in any row")
    if not looks_like_a_logarithm(case, place):
        return RuledOut(CAUSE, f"{trouble.where} does not hold -Inf alone beside finite values")
    fact = _first_negative_infinity(case, place)
    if fact is None:
        return None
    numbers = "negative number" if trouble.kind == "nan" else "0"
    summary = (
        f"The batch of step {trouble.step} holds {WORDS[trouble.kind]} in {trouble.where}, whose "
        f"only infinite values are -Inf: it is the logarithm of a {numbers}."
    ).replace("a 0", "0")
    confidence = 0.9 if fact.step == trouble.step else 0.7
    return Finding(CAUSE, trouble.step, confidence, "error", summary, (fact,))


def _first_negative_infinity(case: Case, place: str) -> Evidence | None:
    series = case.health.series(Signal.INPUT_NEGINF, place)
    if series is None:
        return None
    step = int(series.steps[(series.values > 0).argmax()])
    because = "log(0) is -Inf; no +Inf is in this column in any batch"
    return case.at(step).shows(Signal.INPUT_NEGINF, above(0), where=place, because=because)


RULE: Final = Rule(
    CAUSE,
    "data",
    "A feature is the logarithm of 0 or of a negative number",
    check,
    (
        Remedy(
            "For counts and amounts that may be 0, use log1p, which is 0 there.",
            "import numpy as np\n\nfeature = np.log1p(np.maximum(raw, 0.0))",
        ),
        Remedy(
            "Where negative values have a meaning, use a transform that is defined for them.",
            "feature = np.arcsinh(raw)  # like a logarithm on both sides, and 0 at 0",
        ),
    ),
)
