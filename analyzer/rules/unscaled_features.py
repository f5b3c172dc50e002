"""Features of a scale far from 1 made an ordinary learning rate unstable.

## What happened
The curvature of the loss in the first layer's weights grows with the mean square of the features,
so the largest stable learning rate shrinks with it: a column in the thousands asks for a rate a
million times smaller. With the usual rate each step overshoots by more than it corrects, and the
numbers grow until they overflow.

## How it is recognised
Over the first ten batches the root mean square of the largest input column is 10 or more (an excess
of 2 decades), nothing scales it inside the model, and training diverged; or it learned nothing
while the first layer's gradient is exactly 0 or the scale is above 1000. It is the primary cause
where this excess leads that of the learning rate, the targets, the initialization and single
batches. Ids that an embedding looks up are no measure and are left out.

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
from analyzer.findings import Answer, Finding, RuledOut, Severity
from analyzer.rules._divergence import (
    excesses,
    first_layer_is_dead,
    growth_fact,
    is_diverging,
    largest_feature,
    scales_inputs_itself,
)
from analyzer.rules._rule import Remedy, Rule

CAUSE: Final = "unscaled-features"
HUGE: Final = 1e3  # by itself explains that nothing is learned: units saturate or die
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
    if not diverging and not (stuck and (scale >= HUGE or first_layer_is_dead(case))):
        return None
    if scales_inputs_itself(case):
        return RuledOut(CAUSE, "the model's first layer brings its input to scale")
    excess = excesses(case)
    if excess.features < LARGE_DECADES or fact is None:
        return RuledOut(CAUSE, f"the largest column ({where}) has a scale of {scale:.3g}")
    lead = excess.features - max(excess.rate, excess.targets, excess.initialization, excess.batch)
    confidence = 0.6 if stuck else 0.92 if lead >= 1 else 0.75 if lead >= 0 else 0.3
    growing = growth_fact(case, because="the steps overshoot, and each makes the next one larger")
    evidence = (fact,) if growing is None else (fact, growing)
    step = case.first_step if case.trouble is None else case.trouble.step
    subject = where.capitalize()
    summary = (
        f"{subject} {'have' if where.startswith('all ') else 'has'} a scale of {scale:.3g}: "
        f"{_what_happened(case, diverging=diverging)} with features this large an ordinary "
        "learning rate overshoots."
    )
    severity: Severity = "error" if diverging else "warning"
    return Finding(CAUSE, step, confidence, severity, summary, evidence)


def _what_happened(case: Case, *, diverging: bool) -> str:
    if not diverging:
        return "training learned nothing;"
    if case.trouble is None:
        return f"the loss blew up and stays at {case.outcome.last:.3g};"
    return f"training diverged until step {case.trouble.step} was no longer finite;"


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
            "x_train = np.log1p(np.maximum(x_train, 0.0))  # for features that are never negative",
        ),
    ),
)
