"""Features of a scale far from 1 made an ordinary learning rate unstable.

## What happened
The curvature of the loss in the first layer's weights grows with the mean square of the features,
so the largest stable learning rate shrinks with it: a column in the thousands asks for a rate a
million times smaller. With the usual rate each step overshoots by more than it corrects, and the
numbers grow until they overflow.

## How it is recognised
Over the first ten batches the root mean square of the largest input column is 10 or more (an excess
of 2 decades), nothing scales it inside the model, and training diverged, or stayed where a model
that learned nothing stays. It is the primary cause where this excess leads that of the learning
rate, the targets, the initialization and single batches.

## What it cannot tell apart
Large features that a model coped with are no finding: only a bad outcome makes them one.

## Fix
Standardise every feature, with the training set's own mean and deviation.

## References
- LeCun, Bottou, Orr, Müller, *Efficient BackProp* (1998), sections 4.3 and 5.
"""

from __future__ import annotations

from typing import Final

from analyzer.derived import Progress
from analyzer.evidence import Case
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._divergence import (
    excesses,
    growth_fact,
    is_diverging,
    largest_feature,
    scales_inputs_itself,
)
from analyzer.rules._rule import Remedy, Rule

CAUSE: Final = "unscaled-features"
LARGE_DECADES: Final = (
    2.0  # a column's scale of 10: the stable rate is then a hundredth of the usual
)


def check(case: Case) -> Answer:
    """Look for a large feature behind a training that went wrong."""
    feature = largest_feature(case)
    if feature is None:
        return None
    where, scale, fact = feature
    diverging = is_diverging(case)
    stuck = case.trouble is None and case.outcome.progress is Progress.STUCK
    if not diverging and not stuck:
        return None
    if scales_inputs_itself(case):
        return RuledOut(CAUSE, "the model's first layer brings its input to scale")
    excess = excesses(case)
    if excess.features < LARGE_DECADES or fact is None:
        return RuledOut(CAUSE, f"the largest column ({where}) has a scale of {scale:.3g}")
    lead = excess.features - max(excess.rate, excess.targets, excess.initialization, excess.batch)
    confidence = 0.55 if stuck else 0.92 if lead >= 1 else 0.75 if lead >= 0 else 0.3
    growing = growth_fact(case, because="the steps overshoot, and each makes the next one larger")
    evidence = (fact,) if growing is None else (fact, growing)
    step = case.first_step if case.trouble is None else case.trouble.step
    happened = _what_happened(case, diverging=diverging)
    summary = (
        f"{where.capitalize()} has a scale of {scale:.3g}: {happened} with features this large an "
        "ordinary learning rate overshoots."
    )
    return Finding(CAUSE, step, confidence, "error" if diverging else "warning", summary, evidence)


def _what_happened(case: Case, *, diverging: bool) -> str:
    if not diverging:
        return "the loss stays where a model that learned nothing stays;"
    when = "" if case.trouble is None else f" until step {case.trouble.step} was no longer finite"
    return f"training diverged{when};"


RULE: Final = Rule(
    CAUSE,
    "data",
    "Features of very different, large scale",
    check,
    (
        Remedy(
            "Standardise the features inside the model, so that inference never forgets it.",
            "normalize = keras.layers.Normalization()\n"
            "normalize.adapt(x_train)\n"
            "model = keras.Sequential([normalize, *layers])",
        ),
        Remedy(
            "For features that span many orders of magnitude, take the logarithm first.",
            "x_train = np.log1p(x_train)  # for features that are never negative",
        ),
    ),
)
