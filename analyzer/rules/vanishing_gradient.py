"""The gradient dies out on its way to the first layers.

## What happened
Each layer multiplies the gradient by its activation's slope (at most 0.25 for a sigmoid) and by its
weights. Over many layers the product shrinks geometrically, and the first layers do not learn.

## How it is recognised
In at least four fifths of the steps the gradient norm of the first layer was below a thousandth of
the last layer's *and* below 1e-4, yet not exactly 0, and the training stayed where a model that
learned nothing stays.

## What it cannot tell apart
Why the product is small: saturated units are `saturated-activation`, and then this is its effect. A
model that learned well has small gradients too, and is no finding.

## Fix
ReLU-family activations with He initialization, residual connections, normalization layers.

## References
- Zhang et al., *AutoTrainer* (ICSE 2021): thresholds 1e-3 for the ratio and 1e-4 for the norm.
- Glorot, Bengio (AISTATS 2010).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.derived import Progress
from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, Finding
from analyzer.rules._rule import Remedy, Rule
from analyzer.series import Floats, median
from tb_nan_plugin.signals import Signal

CAUSE: Final = "vanishing-gradient"
RATIO: Final = 1e-3  # first layer over last layer; AutoTrainer's beta 1
SMALL: Final = 1e-4  # first layer's norm; AutoTrainer's beta 2
SHARE: Final = 0.8  # of the steps
LEAST_LAYERS: Final = 3


def check(case: Case) -> Answer:
    """Compare the first layer's gradient with the last layer's, in a training that is stuck."""
    if case.trouble is not None or case.outcome.progress is not Progress.STUCK:
        return None
    layers = _layers(case)
    if len(layers) < LEAST_LAYERS:
        return None
    (first, near_input), (last, near_loss) = layers[0], layers[-1]
    small = (near_input < RATIO * near_loss) & (near_input < SMALL) & (near_input > 0)
    if np.mean(small) < SHARE:
        return None
    step = int(case.health.steps[-1])
    evidence = (
        Evidence(
            Signal.GRADIENT_NORM.value,
            first,
            step,
            float(near_input[-1]),
            f"is below {SMALL:.0e} in {np.mean(small):.0%} of the steps",
            "the first layer hardly changes",
            SMALL,
        ),
        Evidence(
            Signal.GRADIENT_NORM.value,
            last,
            step,
            float(near_loss[-1]),
            f"is over {1 / RATIO:.0f} times the first layer's",
            "the gradient dies out between the two",
        ),
        _stuck(case),
    )
    summary = (
        f"The gradient that reaches {first} is under a thousandth of the one at {last}: the first "
        f"layers do not learn, and the loss stays at {case.outcome.last:.4g}."
    )
    return Finding(CAUSE, case.first_step, 0.8, "warning", summary, evidence)


def _stuck(case: Case) -> Evidence:
    series = case.health.series(Signal.LOSS)
    step, value = (
        (int(series.steps[-1]), float(series.values[-1])) if series is not None else (0, 0.0)
    )
    bar = case.outcome.trivial
    claim = (
        f"began at {case.outcome.first:.4g}" if bar is None else f"a blind guess reaches {bar:.4g}"
    )
    return Evidence(Signal.LOSS.value, "", step, value, claim, "nothing was learned")


def _layers(case: Case) -> list[tuple[str, Floats]]:
    """Return, from the input to the loss, each layer's variable with the largest gradient.

    Returns:
        Its name, and its gradient norm in every step, shape (n,).
    """
    layers: dict[str, tuple[str, Floats]] = {}
    for place in reversed(case.health.places(Signal.GRADIENT_NORM)):
        series = case.health.series(Signal.GRADIENT_NORM, place)
        if series is None or len(series) != len(case.health.steps):
            continue
        layer = place.rpartition("/")[0]
        before = layers.get(layer)
        if before is None or median(series.values) > median(before[1]):
            layers[layer] = (place, series.values)
    return list(layers.values())


RULE: Final = Rule(
    CAUSE,
    "model",
    "The gradient vanishes before it reaches the first layers",
    check,
    (
        Remedy(
            "Use an activation whose slope does not shrink the gradient, with the initialization "
            "that belongs to it.",
            'keras.layers.Dense(64, activation="relu", kernel_initializer="he_normal")',
        ),
        Remedy(
            "In deep stacks, add a path around each block, and normalize.",
            "x = keras.layers.LayerNormalization()(x + block(x))",
        ),
    ),
)
