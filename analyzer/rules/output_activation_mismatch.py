"""The last layer's activation cannot reach the targets.

## What happened
A ReLU never goes below 0, a sigmoid never leaves 0 to 1, a softmax over one unit is always 1.
Targets outside that range cannot be predicted by any weights: training is finite and goes nowhere,
or learns only the part within reach.

## How it is recognised
The output layer's activation and the range of the recorded targets are known, the loss measures a
distance, and in the median batch a quarter or more of the targets' range lies outside of what the
activation can give (a twentieth, where the training also learned nothing). Or: a softmax over a
single unit. Or: a cross-entropy that expects probabilities, an output that gives none, and nothing
learned.

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

import numpy as np

from analyzer.derived import Progress, prediction_width
from analyzer.environment import Tensor
from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, Finding
from analyzer.rules._rule import Remedy, Rule
from analyzer.series import Floats, median
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
PROBABILITIES: Final = frozenset({"sigmoid", "softmax", "hard_sigmoid"})
CROSS_ENTROPIES: Final = frozenset(
    {"binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"}
)
# Losses of Keras that are 0 where predictions equal targets, and only there.
DISTANCES: Final = frozenset(
    {
        "mean_squared_error",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "huber",
        "log_cosh",
    }
)
CLEARLY_OUT: Final = 0.25  # share of the targets' range; ours: a quarter is no noise
SLIGHTLY_OUT: Final = 0.05


def check(case: Case) -> Answer:
    """Compare what the output layer can give with what the targets and the loss ask for."""
    if case.trouble is not None:
        return None
    for name, where in case.health.setup.output_layers.items():
        activation = case.health.setup.layer(where).activation
        if activation == "softmax" and prediction_width(case.health) == 1:
            return _single_softmax(case, where)
        answer = None
        if activation in RANGES and _least_confidence(case) is not None:
            answer = _out_of_reach(case, name, where, activation)
        elif activation not in PROBABILITIES:
            answer = _no_probability(case, name, where, activation)
        if answer is not None:
            return answer
    return None


def _least_confidence(case: Case) -> float | None:
    """Return how sure one can be that the loss asks predictions to equal the targets, or None.

    Of a loss of the user's own it is likely where predictions and targets have one shape, and then
    only a training that learned nothing is blamed.
    """
    losses = case.health.setup.losses
    if losses and all(loss.builtin and loss.name in DISTANCES for loss in losses):
        return 0.85
    stuck = case.outcome.progress is Progress.STUCK
    own = bool(losses) and not any(loss.builtin for loss in losses)
    return 0.6 if own and stuck and _same_shape(case) else None


def _same_shape(case: Case) -> bool:
    wanted = case.health.setup.tensors("targets").get("", Tensor())
    given = case.health.setup.tensors("predictions").get("", Tensor())
    return "float" in wanted.dtype and wanted.shape is not None and wanted.shape == given.shape


def _out_of_reach(case: Case, name: str, where: str, activation: str) -> Finding | None:
    low, high = RANGES[activation]
    stuck = case.outcome.progress is Progress.STUCK
    for place in _target_places(case, name):
        least = case.health.series(Signal.TARGET_MIN, place)
        most = case.health.series(Signal.TARGET_MAX, place)
        if least is None or most is None:
            continue
        below_by, above_by = _shares(least.values, most.values, low, high)
        outside = max(below_by, above_by)
        if outside < (SLIGHTLY_OUT if stuck else CLEARLY_OUT):
            continue
        is_below = below_by >= above_by
        signal, series = (Signal.TARGET_MIN, least) if is_below else (Signal.TARGET_MAX, most)
        index = int(series.values.argmin() if is_below else series.values.argmax())
        fact = Evidence(
            signal.value,
            place,
            int(series.steps[index]),
            float(series.values[index]),
            f"is {'below' if is_below else 'above'} {low if is_below else high:g}",
            f"{where} ends in {activation}, which gives {low:g} to {high:g} only",
            low if is_below else high,
        )
        return _finding(case, where, activation, fact, outside, stuck=stuck)
    return None


def _target_places(case: Case, name: str) -> list[str]:
    stem = f"{name} target".lstrip()
    places = case.health.places(Signal.TARGET_MIN)
    return [p for p in places if p == stem or p.startswith(f"{stem} ")]


def _shares(least: Floats, most: Floats, low: float, high: float) -> tuple[float, float]:
    """Return which share of the targets' range lies below and above, in the median batch."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = most - least
        below_by = np.clip((low - least) / spread, 0.0, 1.0)
        above_by = np.clip((most - high) / spread, 0.0, 1.0)
    wide = np.isfinite(spread) & (spread > 0)
    if not wide.any():
        return 0.0, 0.0
    return median(below_by[wide]), median(above_by[wide])


def _no_probability(case: Case, name: str, where: str, activation: str) -> Finding | None:
    """Look for a cross-entropy of probabilities behind an output that gives none."""
    names = {loss.name for loss in case.health.setup.losses if not loss.from_logits}
    if not names & CROSS_ENTROPIES or case.outcome.progress is not Progress.STUCK:
        return None
    low = case.health.series(Signal.PREDICTION_MIN, name)
    high = case.health.series(Signal.PREDICTION_MAX, name)
    if low is None or high is None or (low.values.min() >= 0 and high.values.max() <= 1):
        return None
    signal, series = (Signal.PREDICTION_MIN, low)
    if low.values.min() >= 0:
        signal, series = Signal.PREDICTION_MAX, high
    step, value = int(series.steps[0]), float(series.values[0])
    shown = activation or "no activation"
    because = f"{where} ends in {shown}, and the loss takes its output for probabilities"
    fact = Evidence(signal.value, name, step, value, "is among the predictions", because)
    summary = (
        f"The loss expects probabilities, but {where} ends in {shown}: what lies outside 0 to 1 is "
        f"cut off, no gradient comes from there, and the loss stays at {case.outcome.last:.4g}."
    )
    return Finding(CAUSE, case.first_step, 0.85, "warning", summary, (fact,))


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
    least = _least_confidence(case) or 0.0
    confidence = min(0.95, least + 0.1) if stuck else least
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
