"""The last layer's activation cannot reach the targets.

## What happened
A ReLU never goes below 0, a sigmoid never leaves 0 to 1, a softmax over one unit is always 1.
Targets outside that range cannot be predicted by any weights: training is finite and goes nowhere,
or learns only the part within reach.

## How it is recognised
The output layer's activation and the range of the recorded targets are known, the loss measures a
distance, and a quarter or more of the targets' range lies outside of what the activation can give
(a twentieth, where the training also learned nothing). Or: a softmax over a single unit.

## What it cannot tell apart
An output that is scaled after the activation by code outside any layer.

## Fix
Regression: no activation on the last layer. Two classes: sigmoid. Many: softmax, one unit a class.

## References
- Wardat et al., *DeepDiagnosis* (ICSE 2022); Zhang et al., *AutoTrainer* (ICSE 2021).
"""

from __future__ import annotations

from math import inf
from typing import Final

from analyzer.derived import Progress, prediction_width
from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, Finding
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Signal

CAUSE: Final = "output-activation-mismatch"
RANGES: Final = {
    "relu": (0.0, inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, inf),
    "exponential": (0.0, inf),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
CLEARLY_OUT: Final = 0.25  # share of the targets' range; ours: a quarter is no noise
SLIGHTLY_OUT: Final = 0.05


def check(case: Case) -> Answer:
    """Compare what the output layer can give with what the targets ask for."""
    if case.trouble is not None:
        return None
    for name, where in case.health.environment.get("output_layers", {}).items():
        activation = _activation(case, str(where))
        if activation == "softmax" and prediction_width(case.health) == 1:
            return _single_softmax(case, str(where))
        if activation in RANGES and _is_distance(case):
            answer = _out_of_reach(case, str(name), str(where), activation)
            if answer is not None:
                return answer
    return None


def _activation(case: Case, where: str) -> str:
    path = where.split(" (")[0]
    for layer in case.health.environment.get("layers", []):
        if isinstance(layer, dict) and layer.get("path") == path:
            return str(layer.get("activation", ""))
    return ""


def _is_distance(case: Case) -> bool:
    losses = case.health.environment.get("losses", [])
    names = [str(loss.get("name", "")).lower() for loss in losses if isinstance(loss, dict)]
    others = ("entropy", "hinge", "poisson", "divergence", "focal", "dice", "bce", "nll", "ctc")
    return bool(names) and not any(word in name for name in names for word in others)


def _out_of_reach(case: Case, name: str, where: str, activation: str) -> Finding | None:
    low, high = RANGES[activation]
    places = [p for p in case.health.places(Signal.TARGET_MIN) if not name or p.startswith(name)]
    for place in places:
        least = case.health.series(Signal.TARGET_MIN, place)
        most = case.health.series(Signal.TARGET_MAX, place)
        if least is None or most is None:
            continue
        bottom, top = float(least.values.min()), float(most.values.max())
        if not top > bottom:
            continue
        outside = min(1.0, max(low - bottom, top - high, 0.0) / (top - bottom))
        stuck = case.outcome.progress is Progress.STUCK
        if outside < (SLIGHTLY_OUT if stuck else CLEARLY_OUT):
            continue
        below = low - bottom >= top - high
        signal, series = (Signal.TARGET_MIN, least) if below else (Signal.TARGET_MAX, most)
        index = int(series.values.argmin() if below else series.values.argmax())
        fact = Evidence(
            signal.value,
            place,
            int(series.steps[index]),
            float(series.values[index]),
            f"is {'below' if below else 'above'} {low if below else high:g}",
            f"{where} ends in {activation}, which gives {low:g} to {high:g} only",
            low if below else high,
        )
        return _finding(case, where, activation, fact, outside, stuck=stuck)
    return None


def _finding(
    case: Case, where: str, activation: str, fact: Evidence, outside: float, *, stuck: bool
) -> Finding:
    series = case.health.series(Signal.LOSS)
    facts = [fact]
    if series is not None:
        claim = f"began at {case.outcome.first:.4g}" if stuck else "cannot fall to 0"
        because = "no weights can reach these targets"
        facts.append(
            Evidence("loss", "", int(series.steps[-1]), float(series.values[-1]), claim, because)
        )
    summary = (
        f"The targets reach {fact.observed:.4g}, but {where} ends in {activation} and can never "
        f"predict that: {outside:.0%} of the targets' range is out of reach."
    )
    confidence = 0.95 if stuck else 0.85
    return Finding(CAUSE, case.first_step, confidence, "warning", summary, tuple(facts))


def _single_softmax(case: Case, where: str) -> Finding | None:
    low = case.health.series(Signal.PREDICTION_MIN)
    if low is None or not (low.values[-10:] == 1).all():
        return None
    fact = Evidence(
        Signal.PREDICTION_MIN.value,
        "",
        int(low.steps[-1]),
        float(low.values[-1]),
        "is 1",
        "a softmax over one unit is 1 whatever goes into it",
    )
    summary = f"{where} is a softmax over a single unit: every prediction is 1, whatever it learns."
    return Finding(CAUSE, case.first_step, 0.97, "warning", summary, (fact,))


RULE: Final = Rule(
    CAUSE,
    "model",
    "The output's activation cannot reach the targets",
    check,
    (
        Remedy(
            "Regression: end in a linear layer.",
            "outputs = keras.layers.Dense(1)(hidden)  # no activation",
        ),
        Remedy(
            "Two classes: one sigmoid unit. Many: softmax with one unit a class. Or none of them, "
            "and a loss from logits.",
            'outputs = keras.layers.Dense(1, activation="sigmoid")(hidden)\n'
            'model.compile("adam", loss="binary_crossentropy")',
        ),
    ),
)
