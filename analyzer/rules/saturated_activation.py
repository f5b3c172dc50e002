"""Hidden sigmoid or tanh units sit where their slope is nearly 0.

## What happened
Large inputs or weights push the units far out to either side. There the output hardly depends on
the input, the slope that the gradient is multiplied with is nearly 0, and nothing before the layer
learns.

## How it is recognised
More than half of a hidden layer's outputs lay where the activation's slope is below 2.7 % of its
maximum (sigmoid beyond |z| = 5, tanh beyond 2.5), in the second half of the training, which stayed
where a model that learned nothing stays.

## What it cannot tell apart
Whether inputs or weights pushed them there: the recorded scale of the inputs is given beside it.
The output layer is left out, for sure predictions are its purpose.

## Fix
Scale the inputs; use ReLU-family activations in hidden layers; initialize for the activation.

## References
- Wardat et al., *DeepDiagnosis* (ICSE 2022): beyond 5 for more than half of the values.
- Glorot, Bengio (AISTATS 2010).
"""

from __future__ import annotations

from typing import Final

from analyzer.derived import Progress, largest_column
from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, Finding
from analyzer.rules._rule import Remedy, Rule
from analyzer.series import median
from tb_nan_plugin.signals import Signal

CAUSE: Final = "saturated-activation"
MOST: Final = 0.5  # share of a layer's outputs
# Attention is sure of one word, hard gates are shut and ReLU6 is at its ceiling in sound models.
BY_DESIGN: Final = frozenset({"softmax", "relu6", "hard_sigmoid", "hard_tanh"})


def check(case: Case) -> Answer:
    """Look for a hidden layer that is mostly saturated in a training that is stuck."""
    if case.trouble is not None or case.outcome.progress is not Progress.STUCK:
        return None
    outputs = set(case.health.setup.output_layers.values())
    found = []
    for where in case.health.places(Signal.SATURATED_FRACTION):
        series = case.health.series(Signal.SATURATED_FRACTION, where)
        activation = case.health.setup.layer(where).activation
        if series is None or where in outputs or activation in BY_DESIGN:
            continue
        share = median(series.values[len(series) // 2 :])
        if share > MOST:
            found.append((share, where, series))
    if not found:
        return None
    share, where, series = max(found, key=lambda entry: entry[0])
    evidence = [
        Evidence(
            Signal.SATURATED_FRACTION.value,
            where,
            int(series.steps[-1]),
            float(series.values[-1]),
            f"is {share:.0%} over the second half of the training",
            "the slope there is below 2.7 % of its maximum, so no gradient gets through",
            MOST,
        )
    ]
    scale = largest_column(case.health, "input")
    pushed = None if scale is None else _input_fact(case, *scale)
    if pushed is not None:
        evidence.append(pushed)
    summary = (
        f"{share:.0%} of the outputs of {where} are saturated: no gradient gets through, and the "
        f"loss stays at {case.outcome.last:.4g}."
    )
    confidence = 0.9 if share > 0.7 else 0.75
    return Finding(CAUSE, case.first_step, confidence, "warning", summary, tuple(evidence))


def _input_fact(case: Case, where: str, size: float) -> Evidence | None:
    observed = case.at(case.first_step).recorded(Signal.INPUT_MAX, where)
    if observed is None:
        return None
    pushed = (
        "inputs this large push the units there" if size >= 5 else "the inputs are of usual size"
    )
    return Evidence(
        Signal.INPUT_MAX.value,
        where,
        case.first_step,
        observed,
        f"belongs to the largest column, whose scale is {size:.4g}",
        pushed,
    )


RULE: Final = Rule(
    CAUSE,
    "model",
    "Hidden units are saturated",
    check,
    (
        Remedy(
            "Bring the inputs to unit scale, inside the model.",
            "normalize = keras.layers.Normalization()\n"
            "normalize.adapt(x_train)\n"
            "model = keras.Sequential([normalize, *layers])",
        ),
        Remedy(
            "Use ReLU-family activations in hidden layers; keep sigmoid for outputs and gates.",
            'keras.layers.Dense(64, activation="relu", kernel_initializer="he_normal")',
        ),
    ),
)
