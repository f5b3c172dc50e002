"""The learning rate is too high, by a loss that grew geometrically from its very first steps.

## What happened
Each step overshoots further than the last, so that the loss grows by about the same factor in each,
until it overflows.

## How it is recognised
The loss begins at an ordinary size, grows from the beginning without a calm phase, by a
thousandfold or more, and is then not finite; and either the log says that the rate was above what
is usual, or it says nothing of it and growth is about even on a logarithmic scale over several
points. Or the loss breaks after the logged learning rate had risen to its highest.

## What it cannot tell apart
A loss that is large at its first point speaks for the scale of data or initialization, and growth
after a calm phase for a batch: then nothing is said. Loss functions, optimizers and feature scales
that no scalar shows keep the confidence low.

## Fix
Lower the rate tenfold until training is stable, or begin low and warm up.

## References
- LeCun, Bottou, Orr, Müller, *Efficient BackProp* (1998), section 4.6.
- Smith, *Cyclical Learning Rates* (WACV 2017), the range test.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Evidence
from analyzer.findings import Finding
from analyzer.roles import Role
from analyzer.rules import Remedy
from analyzer.scalar_rules._case import ScalarCase, ScalarRule
from analyzer.scalars import BadTag
from analyzer.series import Floats, Series, median

CAUSE: Final = "learning-rate-too-high"
# Losses of standardised data under a usual initialization begin below this: the variance of the
# targets (1) a few times over, or ln(k) of up to 1000 classes (6.9).
ORDINARY_START: Final = 10.0
LEAST_POINTS: Final = 4  # fewer show no trend
LEAST_GROWTH: Final = 1e3  # recovered spikes of healthy trainings stay below
LEAST_RISING: Final = 0.75  # of the steps; the rest is the noise of batches
LEAST_FIT: Final = 0.8  # R² of log10(loss) over steps; 1 is growth by one factor
# No optimizer in ordinary use but Adadelta takes more (analyzer/derived.py has the sources).
HIGHEST_USUAL_RATE: Final = 0.1
RATE_ROSE: Final = 3.0  # runmedic's "learning rate still rising at NaN": over the first one


def check(case: ScalarCase) -> Finding | None:
    """Look for geometric growth from the start, or for a rate that rose until the loss broke."""
    bad = case.first
    if bad is None or bad.role is not Role.LOSS or bad.histogram or bad.recovered:
        return None
    losses = case.each_batch(case.labels.of[bad.key]).before(bad.step).finite()
    return _from_the_start(case, bad, losses) or _as_the_rate_rose(case, bad, losses)


def _from_the_start(case: ScalarCase, bad: BadTag, losses: Series) -> Finding | None:
    if bad.axis.unit == "epoch" or len(losses) < 2 or int(losses.steps[0]) > 1:
        return None
    sizes = np.abs(losses.values)
    top = int(np.argmax(sizes))
    if not 0 < sizes[0] <= ORDINARY_START or sizes[top] < LEAST_GROWTH * sizes[0]:
        return None
    rising = float(np.mean(np.diff(sizes[: top + 1]) > 0))
    rate = _highest_rate(case)
    if rising < LEAST_RISING or (rate is not None and rate.observed <= HIGHEST_USUAL_RATE):
        return None
    if rate is None and not _is_even(losses.steps.astype(np.float64), sizes):
        return None
    start = Evidence(
        bad.key,
        "",
        int(losses.steps[0]),
        float(losses.values[0]),
        f"is at most {ORDINARY_START:g}",
        "data and initialization give an ordinary loss, so they are not out of scale",
        ORDINARY_START,
    )
    growth = _growth(bad, losses, f"in {rising:.0%} of the steps from the first to its highest")
    facts = (start, growth) if rate is None else (rate, start, growth)
    confidence = 0.6 if rate is None else 0.75
    summary = _summary(bad, losses, "from the first step on")
    return Finding(CAUSE, bad.step, confidence, "error", summary, facts)


def _highest_rate(case: ScalarCase) -> Evidence | None:
    """Return the highest rate that was logged, None where none was."""
    rates = [(label, series.finite()) for label, series in case.series(Role.LEARNING_RATE)]
    known = [(label, series) for label, series in rates if len(series)]
    if not known:
        return None
    label, series = max(known, key=lambda pair: float(pair[1].values.max()))
    top = int(np.argmax(series.values))
    return Evidence(
        label.key,
        "",
        int(series.steps[top]),
        float(series.values[top]),
        f"is above {HIGHEST_USUAL_RATE:g}",
        "the highest rate in ordinary use",
        HIGHEST_USUAL_RATE,
    )


def _is_even(steps: Floats, sizes: Floats) -> bool:
    return len(sizes) >= LEAST_POINTS and _fit(steps, sizes) >= LEAST_FIT


def _as_the_rate_rose(case: ScalarCase, bad: BadTag, losses: Series) -> Finding | None:
    if len(losses) < LEAST_POINTS:
        return None
    start = median(np.abs(losses.values[: max(1, len(losses) // 4)]))
    if start == 0 or abs(float(losses.values[-1])) < 10 * start:
        return None
    for label, series in case.series(Role.LEARNING_RATE):
        rates = series.before(bad.step).finite() if label.axis == bad.axis else series.finite()
        if len(rates) < LEAST_POINTS or rates.values[0] <= 0:
            continue
        top, last = float(rates.values.max()), float(rates.values[-1])
        if top < RATE_ROSE * rates.values[0] or last < 0.99 * top:
            continue
        fact = Evidence(
            label.key,
            "",
            int(rates.steps[-1]),
            last,
            f"is above {RATE_ROSE:g} times its first value ({rates.values[0]:.3g})",
            "it was at its highest when the loss broke",
            RATE_ROSE * float(rates.values[0]),
        )
        facts = (fact, _growth(bad, losses, "before it broke"))
        return Finding(
            CAUSE, bad.step, 0.7, "error", _summary(bad, losses, "as the rate rose"), facts
        )
    return None


def _growth(bad: BadTag, losses: Series, how: str) -> Evidence:
    top = int(np.argmax(np.abs(losses.values)))
    return Evidence(
        bad.key,
        "",
        int(losses.steps[top]),
        float(losses.values[top]),
        f"has grown from {losses.values[0]:.4g}",
        f"it rose {how}: each step overshot the last one",
    )


def _summary(bad: BadTag, losses: Series, when: str) -> str:
    top = float(losses.values[np.argmax(np.abs(losses.values))])
    return (
        f"{bad.key} grew from {losses.values[0]:.4g} to {top:.4g} {when}, until its "
        f"step {bad.step} was not finite: the likeliest cause is a learning rate that is too high."
    )


def _fit(steps: Floats, sizes: Floats) -> float:
    """Return R² of a straight line through log10 of the sizes; sizes of 0 are left out."""
    steps, logs = steps[sizes > 0], np.log10(sizes[sizes > 0])
    if len(logs) < LEAST_POINTS or np.ptp(logs) == 0:
        return 0.0
    return float(np.corrcoef(steps, logs)[0, 1] ** 2)


RULE: Final = ScalarRule(
    CAUSE,
    "optimization",
    "The learning rate is too high",
    check,
    (
        Remedy(
            "Lower the rate tenfold; a schedule that warms up lets you keep a higher one later.",
            "model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), loss=loss)",
        ),
        Remedy(
            "Clip the gradient's norm, so that one bad step cannot throw the weights away.",
            "model.compile(keras.optimizers.SGD(1e-2, global_clipnorm=1.0), loss=loss)",
        ),
    ),
)
