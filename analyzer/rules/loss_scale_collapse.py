"""Dynamic loss scaling gave up: every step is skipped, and nothing is learned.

## What happened
Under mixed precision the loss is multiplied by a scale, and a step whose gradients are not finite
is skipped and the scale halved. That is normal a few times at the start and after each doubling.
Where the gradient is not finite for another reason, halving never helps: every step is skipped, the
loss stands still and stays finite, and no error is raised.

## How it is recognised
The loss scale has fallen below 1 (from 2^15, sixteen skipped steps), where it no longer lifts
gradients but shrinks them, and a gradient was not finite while loss and weights were.

## What it cannot tell apart
What makes the gradient non-finite. The first variable (nearest to the loss) whose gradient is bad
is named; train a few steps in float32 to see the cause itself.

## Fix
Find the operation whose gradient is not finite (a square root or a norm at 0, an overflow of
float16).

## References
- Micikevicius et al., *Mixed Precision Training* (ICLR 2018).
- Keras, `LossScaleOptimizer`: the scale has no lower bound.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, Finding
from analyzer.rules._rule import Remedy, Rule
from analyzer.series import Series
from tb_nan_plugin.signals import Signal

CAUSE: Final = "loss-scale-collapse"
LEAST_SCALE: Final = 1.0  # below it the scale shrinks gradients instead of lifting them
BAD: Final = (Signal.GRADIENT_NAN, Signal.GRADIENT_POSINF, Signal.GRADIENT_NEGINF)


def check(case: Case) -> Answer:
    """Look for a loss scale that fell below 1 although it is there to lift gradients."""
    places = case.health.places(Signal.LOSS_SCALE)
    scale = case.health.series(Signal.LOSS_SCALE, places[0]) if places else None
    if case.trouble is not None or scale is None or scale.values[-1] >= LEAST_SCALE:
        return None
    found = _bad_gradient(case)
    if found is None:
        return None
    where, signal, series = found
    bad = np.flatnonzero(series.values > 0)
    step = int(series.steps[bad[0]])
    facts = (
        Evidence(
            Signal.LOSS_SCALE.value,
            places[0],
            int(scale.steps[-1]),
            float(scale.values[-1]),
            f"is below {LEAST_SCALE:g}",
            "it is halved with every step that is skipped",
            LEAST_SCALE,
        ),
        Evidence(
            signal.value,
            where,
            step,
            float(series.values[bad[0]]),
            f"is above 0, as in {len(bad)} steps",
            "a smaller scale does not help, so this is no overflow of the scaled loss",
        ),
    )
    summary = (
        f"The loss scale has fallen to {scale.values[-1]:.3g}: the gradient of {where} is not "
        "finite at any scale, steps are skipped, and nothing is learned."
    )
    return Finding(CAUSE, step, 0.9, "error", summary, facts)


def _bad_gradient(case: Case) -> tuple[str, Signal, Series] | None:
    """Return the gradient nearest to the loss that was not finite, or None."""
    for where in case.health.places(Signal.GRADIENT_NAN):
        for signal in BAD:
            series = case.health.series(signal, where)
            if series is not None and (series.values > 0).any():
                return where, signal, series
    return None


RULE: Final = Rule(
    CAUSE,
    "precision",
    "Loss scaling collapsed: every step is skipped",
    check,
    (
        Remedy(
            "Train a few steps in float32: the first bad step then shows which operation makes the "
            "gradient non-finite.",
            'keras.mixed_precision.set_global_policy("float32")',
        ),
        Remedy(
            "Keep square roots and norms away from 0, where their gradient is infinite.",
            "distance = keras.ops.sqrt(keras.ops.maximum(squared, 1e-6))",
        ),
    ),
)
