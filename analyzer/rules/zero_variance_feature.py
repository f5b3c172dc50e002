"""A constant column was standardised: it is NaN or Inf in every row.

## What happened
`(x - x.mean()) / x.std()` divides by zero where a column never changes: 0/0 is NaN, and anything
else over 0 is Inf. The whole column is lost, in every batch from the first one on.

## How it is recognised
In the first bad step the input comes first, and one column's count of non-finite values equals the
number of its values in every batch that was recorded.

## What it cannot tell apart
A column that is NaN throughout for another reason (a failed join, a column that was never filled
in) looks the same to the model, and needs the same look at that column.

## Fix
Drop columns that never change, or keep the divisor away from zero.

## References
- scikit-learn, `StandardScaler`: a scale of 0 is replaced by 1 for this reason.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case, Evidence, above
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._columns import (
    bad_columns,
    is_bad_in_every_row,
    listed,
    recorded_place,
)
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal
from tb_nan_plugin.trouble import Trouble

CAUSE: Final = "zero-variance-feature"


def check(case: Case) -> Answer:
    """Look for a column without a single finite value."""
    trouble = case.trouble
    if trouble is None or not case.health.places(Signal.INPUT_NAN):
        return None
    if trouble.phase is not Phase.INPUT:
        return RuledOut(CAUSE, f"every input up to step {trouble.step} was finite")
    place = recorded_place(case, "input", trouble.where)
    if not is_bad_in_every_row(case, place):
        return RuledOut(CAUSE, f"{trouble.where} has finite values in other rows or batches")
    evidence = _evidence(case, place, trouble)
    if evidence is None:
        return None
    every = [w for w in bad_columns(case, "input", trouble.step) if is_bad_in_every_row(case, w)]
    steps = len(case.health.steps)
    names = [trouble.where if w.startswith("all ") else w for w in every]
    verb = "holds" if len(names) == 1 else "hold"
    summary = (
        f"{listed(names).capitalize()} {verb} no finite value in any row of {steps} batches: a "
        "column that never changes was divided by its standard deviation, which is 0."
    )
    confidence = 0.95 if steps > 1 else 0.85
    return Finding(CAUSE, trouble.step, confidence, "error", summary, evidence)


def _evidence(case: Case, place: str, trouble: Trouble) -> tuple[Evidence, ...] | None:
    named = "this column" if place == trouble.where else trouble.where
    fact = case.at(trouble.step).shows(
        trouble.signal,
        above(0),
        where=place,
        because=f"not one value of {named} is finite, in this batch or any other",
    )
    return None if fact is None else (fact,)


RULE: Final = Rule(
    CAUSE,
    "data",
    "A column that never changes was standardised (0/0)",
    check,
    (
        Remedy(
            "Keep the divisor away from zero where a column is constant, or drop the column.",
            "std = x_train.std(axis=0)\n"
            "std[std == 0] = 1.0  # a constant column becomes 0, not NaN\n"
            "x_train = (x_train - x_train.mean(axis=0)) / std",
        ),
        Remedy(
            "Or let Keras do it: its layer never divides by zero.",
            "normalize = keras.layers.Normalization()\n"
            "normalize.adapt(x_train)\n"
            "model = keras.Sequential([normalize, *layers])",
        ),
    ),
)
