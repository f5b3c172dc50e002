"""The learning rate is so high that every step overshoots, until numbers overflow.

## What happened
Gradient descent is stable while the rate times the curvature along the gradient stays below 2.
Above it each step lands farther from the valley than the last, loss and gradients grow
geometrically, and some tens of steps later, or two, the first number overflows.

## How it is recognised
Training diverged (loss or gradients grew tenfold or more, or one update was larger than the weights
it changed), the rate that was applied lies above what is usual for the optimizer and its momentum,
and no other quantity was further out of proportion when it began: features, targets,
initialization, single batches.

## What it cannot tell apart
A rate within the usual range can still be too high for one model. Then this rule gives a low
confidence and says what else would do the same.

## Fix
Lower the rate tenfold until training is stable, or begin low and warm up.

## References
- LeCun, Bottou, Orr, Müller, *Efficient BackProp* (1998), section 4.6.
- Smith, *Cyclical Learning Rates* (WACV 2017), the range test.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.derived import Progress
from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._divergence import (
    Excesses,
    excesses,
    growth_fact,
    highest_usual_rate,
    is_diverging,
    rate_excess,
    update_ratio,
)
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "learning-rate-too-high"
ENORMOUS: Final = 3.0  # decades over the highest usual rate: such a step is larger than any weight
FIRST_UPDATES: Final = 3


def check(case: Case) -> Answer:
    """Look for a rate out of proportion behind a divergence."""
    jumping = _learns_nothing_and_jumps(case)
    if not is_diverging(case) and not jumping and not _threw_weights_away(case):
        return None
    rate = case.before_trouble(case.health.series(Signal.LEARNING_RATE))
    usual = highest_usual_rate(case)
    if rate is None or usual is None:
        return CannotTell(CAUSE, ("the learning rate and the optimizer's name",))
    excess = excesses(case)
    others = _strongest_other(excess)
    top = int(np.argmax(rate.values))
    applied, step = float(rate.values[top]), int(rate.steps[top])
    if case.trouble is None and excess.rate <= 0:
        return None
    if excess.rate <= 0 and others[1] >= 1:
        return RuledOut(CAUSE, f"the rate of {applied:.3g} is usual, {others[0]}", 0.15)
    facts = (_rate_fact(applied, step, usual, excess.rate), *_symptoms(case))
    when = case.first_step if case.trouble is None else case.trouble.step
    happened = "learns nothing" if jumping else "blew up"
    summary = (
        f"A learning rate of {applied:.3g} is too high: every step overshoots, and training "
        f"{happened}."
        if case.trouble is None
        else f"A learning rate of {applied:.3g} made training diverge: every step overshot the "
        f"last one, until step {when} was no longer finite."
    )
    confidence = min(_confidence(excess, others[1]), 0.65 if jumping else 1.0)
    return Finding(CAUSE, when, confidence, "error", summary, facts)


def _learns_nothing_and_jumps(case: Case) -> bool:
    """Return whether a finite training is stuck while its updates replace the weights."""
    stuck = case.trouble is None and case.outcome.progress is Progress.STUCK
    return stuck and update_ratio(case) > 1 and excesses(case).rate >= 1


def _threw_weights_away(case: Case) -> bool:
    """Return whether the first updates, at a rate out of all proportion, were followed by overflow.

    An adaptive optimizer's first step is as large as its rate, and leaves no growth to look at.
    """
    trouble = case.trouble
    if trouble is None or trouble.phase in (Phase.INPUT, Phase.TARGET, Phase.WEIGHTS):
        return False
    updates = trouble.step - case.first_step + (trouble.phase is Phase.UPDATE)
    return 1 <= updates <= FIRST_UPDATES and rate_excess(case) >= ENORMOUS


def _strongest_other(excess: Excesses) -> tuple[str, float]:
    found = {
        "while the features are far from unit scale": excess.features,
        "while the targets are far from unit scale": excess.targets,
        "while the first outputs were already out of proportion": excess.initialization,
        "while a batch far outside the earlier ones came just before": excess.batch,
    }
    return max(found.items(), key=lambda entry: entry[1])


def _confidence(excess: Excesses, other: float) -> float:
    if excess.rate <= 0:
        return 0.45  # usual rate, nothing else out of proportion: too high for this model, perhaps
    lead = excess.rate - other
    if lead >= 0.5:
        return 0.92
    return 0.8 if lead >= 0 else 0.3


def _rate_fact(applied: float, step: int, usual: float, excess: float) -> Evidence:
    claim = f"is above {usual:.3g}" if excess > 0 else f"is at most {usual:.3g}"
    because = (
        "the highest rate in ordinary use for this optimizer and momentum"
        if excess > 0
        else "a usual rate, yet nothing else is out of proportion either"
    )
    return Evidence(Signal.LEARNING_RATE.value, "", step, applied, claim, because, usual)


def _symptoms(case: Case) -> tuple[Evidence, ...]:
    growing = growth_fact(case, because="steps beyond the stable rate grow geometrically")
    facts = [] if growing is None else [growing]
    weights = case.health.places(Signal.WEIGHT_NORM)
    ratio = update_ratio(case)
    gradient = (
        case.before_trouble(case.health.series(Signal.GRADIENT_NORM, weights[0]))
        if weights
        else None
    )
    if ratio > 1 and gradient is not None:
        facts.append(
            Evidence(
                Signal.GRADIENT_NORM.value,
                weights[0],
                int(gradient.steps[-1]),
                float(gradient.values[-1]),
                f"times the rate makes updates up to {ratio:.3g} times as large as the weights",
                "a step that replaces the weights corrects nothing",
            )
        )
    return tuple(facts)


RULE: Final = Rule(
    CAUSE,
    "optimization",
    "The learning rate is too high",
    check,
    (
        Remedy(
            "Lower the rate tenfold; a schedule that warms up lets you keep a higher one later.",
            "schedule = keras.optimizers.schedules.CosineDecay(\n"
            "    0.0, decay_steps=10_000, warmup_target=1e-2, warmup_steps=500\n"
            ")\n"
            "model.compile(keras.optimizers.SGD(schedule, momentum=0.9), loss=loss)",
        ),
        Remedy(
            "Clip the gradient's norm, so that one bad step cannot throw the weights away.",
            "model.compile(keras.optimizers.SGD(1e-2, global_clipnorm=1.0), loss=loss)",
        ),
    ),
)
