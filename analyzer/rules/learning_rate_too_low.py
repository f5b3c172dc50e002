"""The learning rate is so low that the weights hardly move.

## What happened
Each update changes the weights by a millionth or less. Training looks calm, the loss falls in the
sixth digit, and at this pace nothing is learned in any number of epochs that one would wait for.

## How it is recognised
The training stayed where a model that learned nothing stays, the rate lies a thousand times below
the lowest usual one of its optimizer, gradients were not small, and the norm of the weights moved
by less than a thousandth from the first step to the last.

## What it cannot tell apart
A rate that a schedule will still raise: training that ends during warm-up looks the same.

## Fix
Raise the rate tenfold until the loss falls, or run a range test.

## References
- UMLAUT (CHI 2021): below 1e-7; DeepDiagnosis (ICSE 2022): updates below 1e-5 of the weights.
- Smith, *Cyclical Learning Rates* (WACV 2017), the range test.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer import derived
from analyzer.derived import Progress
from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, CannotTell, Finding
from analyzer.rules._rule import Remedy, Rule
from analyzer.series import median
from tb_nan_plugin.signals import Signal

CAUSE: Final = "learning-rate-too-low"
# The highest usual rate over this: Adam 1e-2 -> 1e-6, SGD 0.1 -> 1e-5. Usual rates span 2 decades.
BELOW_HIGHEST: Final = 1e4
LEAST_CHANGE: Final = 1e-3  # of the norm of all weights, from the first step to the last
LEAST_GRADIENT: Final = 1e-6  # a smaller one is its own reason (NeuralDBG calls it vanished)


def check(case: Case) -> Answer:
    """Look for a rate far below usual ones in a training that stays where it began."""
    if case.trouble is not None or case.outcome.progress is not Progress.STUCK:
        return None
    if case.outcome.trivial is None:
        return None
    rate = case.health.series(Signal.LEARNING_RATE)
    usual = derived.HIGHEST_USUAL_RATE.get(case.health.setup.optimizer)
    weight, gradient = derived.weight_norm(case.health), derived.gradient_norm(case.health)
    if rate is None or usual is None:
        return CannotTell(CAUSE, ("the learning rate and the optimizer's name",))
    if weight is None or gradient is None:
        return CannotTell(CAUSE, (Signal.WEIGHT_NORM.value, Signal.GRADIENT_NORM.value))
    highest, bound = float(rate.values.max()), usual / BELOW_HIGHEST
    change = abs(weight.values[-1] - weight.values[0]) / max(weight.values[0], 1e-30)
    if highest > bound or change > LEAST_CHANGE or median(gradient.values) < LEAST_GRADIENT:
        return None
    step = int(rate.steps[int(np.argmax(rate.values))])
    facts = (
        Evidence(
            Signal.LEARNING_RATE.value,
            "",
            step,
            highest,
            f"is at most {bound:.3g}",
            "the highest that was applied, ten thousand times below the highest in ordinary use",
            bound,
        ),
        Evidence(
            Signal.GRADIENT_NORM.value,
            "all variables",
            int(gradient.steps[-1]),
            float(gradient.values[-1]),
            "is the gradient of the last step",
            f"there is something to learn from, but the weights moved by {change:.1e} of theirs",
        ),
    )
    summary = (
        f"A learning rate of {highest:.3g} is too low: the weights moved by {change:.1e} of their "
        f"norm in {len(weight)} steps, and the loss stays at {case.outcome.last:.4g}."
    )
    return Finding(CAUSE, case.first_step, 0.85, "warning", summary, facts)


RULE: Final = Rule(
    CAUSE,
    "optimization",
    "The learning rate is too low",
    check,
    (
        Remedy(
            "Begin with a usual rate, and lower it once the loss stops falling.",
            "model.compile(keras.optimizers.Adam(1e-3), loss=loss)\n"
            'callback = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.3)',
        ),
    ),
)
