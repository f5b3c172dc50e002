"""Targets of a scale far from 1 in a regression.

## What happened
The loss measures a distance, and its gradient grows with it: targets in the thousands make first
gradients that are as large, the weights jump, and with them the curvature that the next step meets.
Plain gradient descent then overflows. An adaptive optimizer, whose steps are about as large as its
rate, goes the other way wrong: it needs a million steps to reach a target of a thousand.

## How it is recognised
Over the first ten batches the largest target's root mean square is 100 or more, the loss is a
distance, and training diverged while this excess led those of learning rate, features,
initialization and single batches. Or a target so large that its square overflows. Or a scale of
1000 and more, and a training that never came near: its loss stays above that of a blind guess.

## What it cannot tell apart
Large targets that a model copes with are no finding: only a bad outcome makes them one.

## Fix
Standardise the targets, train on those, and undo it for predictions.

## References
- LeCun, Bottou, Orr, Müller, *Efficient BackProp* (1998), section 4.5.
"""

from __future__ import annotations

from typing import Final

from analyzer import derived
from analyzer.derived import Progress
from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._divergence import excesses, growth_fact, is_diverging
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "unscaled-target"
LARGE_DECADES: Final = 2.0  # a scale of 100: first gradients a hundred times the usual
FAR: Final = 1e3  # adaptive steps of 1e-3 need a million of them to get there
OVERFLOWING: Final = 1.8e19  # its square is beyond the largest float32, 3.4e38
NEVER_NEAR: Final = 1.15  # times the loss of a blind guess, as `derived` bounds "stuck"


def check(case: Case) -> Answer:
    """Look for a large target behind a regression that went wrong."""
    found = derived.largest_column(case.health, "target")
    if found is None:
        return None
    where, scale = found
    overflowed = _overflowed(case, scale)
    diverging = is_diverging(case)
    stuck = case.trouble is None and _never_near(case) and scale >= FAR
    if not (diverging or overflowed or stuck):
        return None
    excess = excesses(case)
    if excess.targets < LARGE_DECADES:
        return RuledOut(CAUSE, f"the largest target ({where}) has a scale of {scale:.3g}")
    fact = _fact(case, where, scale)
    if fact is None:
        return None
    lead = excess.targets - max(excess.rate, excess.features, excess.initialization, excess.batch)
    growing = growth_fact(case, because="the first updates were as large as the targets")
    facts = (fact,) if growing is None or stuck else (fact, growing)
    step = case.first_step if case.trouble is None else case.trouble.step
    confidence = 0.93 if overflowed else 0.9 if lead >= 1 else 0.75 if lead >= 0 else 0.3
    confidence = min(confidence, 0.85) if stuck else confidence
    if stuck and not diverging:
        return Finding(CAUSE, step, confidence, "warning", _slow(case, scale), facts)
    summary = (
        f"The targets have a scale of {scale:.3g}: the first gradients are as large, and training "
        f"diverged until step {step} was no longer finite."
        if case.trouble is not None
        else f"The targets have a scale of {scale:.3g}: the loss blew up and stays at "
        f"{case.outcome.last:.3g}."
    )
    return Finding(CAUSE, step, confidence, "error", summary, facts)


def _overflowed(case: Case, scale: float) -> bool:
    """Return whether the square of a usual target is beyond float32, and the loss broke on it."""
    return scale >= OVERFLOWING and case.trouble is not None and case.trouble.phase is Phase.LOSS


def _never_near(case: Case) -> bool:
    """Return whether the loss stayed above that of predicting the mean, and hardly fell."""
    outcome = case.outcome
    return (
        outcome.progress is Progress.STUCK
        and outcome.trivial is not None
        and outcome.last > NEVER_NEAR * outcome.trivial
    )


def _slow(case: Case, scale: float) -> str:
    return (
        f"The targets have a scale of {scale:.3g}, and the predictions never came near: the loss "
        f"stays at {case.outcome.last:.4g}, above the {case.outcome.trivial:.4g} of predicting the "
        "mean."
    )


def _fact(case: Case, where: str, scale: float) -> Evidence | None:
    moment = case.at(case.first_step)
    sizes = [
        (abs(value), value, signal)
        for signal in (Signal.TARGET_MAX, Signal.TARGET_MIN)
        if (value := moment.recorded(signal, where)) is not None
    ]
    if not sizes:
        return None
    _, observed, signal = max(sizes)
    claim = f"belongs to targets whose scale is {scale:.4g}"
    because = "the gradient of a distance grows with it"
    return Evidence(signal.value, where, case.first_step, observed, claim, because)


RULE: Final = Rule(
    CAUSE,
    "data",
    "Targets of a large scale",
    check,
    (
        Remedy(
            "Standardise the targets, and let the model undo it at its end.",
            "mean, std = float(y_train.mean()), float(y_train.std())\n"
            'model.compile("adam", loss="mean_squared_error")\n'
            "model.fit(x_train, (y_train - mean) / std, verbose=0)\n"
            "predictions = model.predict(x_train, verbose=0) * std + mean",
        ),
        Remedy(
            "For targets that span many orders of magnitude, train on their logarithm.",
            "import numpy as np\n\ny_train = np.log1p(np.maximum(y_train, 0.0))",
        ),
    ),
)
