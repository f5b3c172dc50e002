"""The gradient grew on its way back through layers or time steps, and broke the model.

## What happened
Each layer multiplies the gradient by its weights. Where that factor is above 1, it grows
geometrically with depth, in a recurrent network with the length of the sequence. The forward pass
may stay bounded (tanh), so that the loss looks harmless until one such gradient is applied.

## How it is recognised
A recurrent layer's first output, before any update, was over a thousand times its largest input.
Or: before the first bad step a gradient was large (a norm above 1000) while every output was of
ordinary size, and the first layer's or a recurrent layer's was over 70 times that of the last
layer. Learning rate, features, targets and batches were in proportion.

## What it cannot tell apart
Weights that were initialized too large from weights that grew during training. Where the outputs of
plain layers were large as well, it is `poor-initialization`.

## Fix
Clip the gradient's norm; for recurrent layers use LSTM or GRU with orthogonal recurrent weights.

## References
- Pascanu, Mikolov, Bengio, *On the difficulty of training recurrent neural networks* (ICML 2013).
- Zhang et al., *AutoTrainer* (ICSE 2021): a ratio of 70 (beta 3); NeuralDBG: a norm above 1000.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer import derived
from analyzer.evidence import Case, Evidence, above, at_most
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._divergence import excesses
from analyzer.rules._places import RECURRENT, is_recurrent, largest_finite
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "exploding-gradient"
LARGE: Final = 1e3
RATIO: Final = 70.0
GROWN: Final = 1e3  # times the largest input; a bounded or stable state stays below ten
ORDINARY: Final = 1e6  # outputs up to here do not by themselves make a gradient overflow
OTHER: Final = 1.0  # decades by which anything else may be out of proportion
FAILING: Final = (Phase.FORWARD, Phase.LOSS, Phase.BACKWARD, Phase.UPDATE)


def check(case: Case) -> Answer:
    """Look for a gradient that was large where outputs were not, growing towards the input."""
    trouble = case.trouble
    if trouble is None or trouble.phase not in FAILING:
        return None
    total = case.before_trouble(derived.gradient_norm(case.health))
    if total is None or len(case.health.places(Signal.GRADIENT_NORM)) < 2:
        return None
    excess = excesses(case)
    strongest = max(excess.rate, excess.features, excess.targets, excess.batch)
    growing = _growing_state(case)
    if growing is not None and strongest < OTHER:
        summary = (
            f"Before any update the state of {growing.where} had grown to {growing.observed:.3g} "
            "over the time steps, and its gradient with it: the first updates threw the weights "
            f"away, and step {trouble.step} was no longer finite."
        )
        return Finding(CAUSE, trouble.step, 0.85, "error", summary, (growing,))
    step = _first_large(case)
    if step is None:
        return RuledOut(
            CAUSE, f"no gradient above {LARGE:g} came before outputs above {ORDINARY:g}"
        )
    pair = _largest_and_last(case, step)
    if pair is None:
        return RuledOut(CAUSE, "the gradient did not grow from the last layer to the first")
    if strongest >= OTHER or (excess.initialization >= OTHER and not is_recurrent(case)):
        return RuledOut(CAUSE, "another quantity was out of proportion from the start", 0.2)
    output = largest_finite(case, Signal.OUTPUT_MAX_ABS, step)
    calm = (
        None
        if output is None
        else case.at(step).shows(
            Signal.OUTPUT_MAX_ABS,
            at_most(ORDINARY),
            where=output[1],
            because="the forward pass of that step was of ordinary size",
        )
    )
    facts = tuple(fact for fact in (*pair, calm) if fact is not None)
    summary = (
        f"In step {step} the gradient grew on its way back, from {pair[1].observed:.3g} at "
        f"{pair[1].where} to {pair[0].observed:.3g} at {pair[0].where}: the update threw the "
        f"weights away, and step {trouble.step} was no longer finite."
    )
    confidence = 0.85 if is_recurrent(case) else 0.6
    return Finding(CAUSE, trouble.step, confidence, "error", summary, facts)


def _growing_state(case: Case) -> Evidence | None:
    """Return the first output of a recurrent layer that is out of all proportion to its input."""
    inputs = largest_finite(case, Signal.INPUT_MAX, case.first_step)
    bound = GROWN * max(1.0, inputs[0] if inputs else 1.0)
    for where in case.health.places(Signal.OUTPUT_MAX_ABS):
        if case.health.setup.layer(where).kind in RECURRENT:
            because = "each time step multiplies the state by weights above 1"
            fact = case.at(case.first_step).shows(
                Signal.OUTPUT_MAX_ABS, above(bound), where=where, because=because
            )
            if fact is not None:
                return fact
    return None


def _first_large(case: Case) -> int | None:
    """Return the first step whose gradient was large while all outputs were of ordinary size."""
    trouble = case.trouble
    last = case.first_step if trouble is None else trouble.step
    for place in case.health.places(Signal.GRADIENT_NORM):
        series = case.before_trouble(case.health.series(Signal.GRADIENT_NORM, place))
        large = [] if series is None else series.steps[series.values > LARGE].tolist()
        last = min([last, *large])
    found = [
        value
        for place in case.health.places(Signal.GRADIENT_NORM)
        if (value := case.at(last).recorded(Signal.GRADIENT_NORM, place)) is not None
    ]
    output = largest_finite(case, Signal.OUTPUT_MAX_ABS, last)
    is_large = any(np.isfinite(value) and value > LARGE for value in found)
    return last if is_large and output is not None and output[0] <= ORDINARY else None


def _largest_and_last(case: Case, step: int) -> tuple[Evidence, Evidence] | None:
    """Return the largest gradient and that of the last layer, if their ratio is out of hand."""
    moment = case.at(step)
    nearest = case.health.places(Signal.GRADIENT_NORM)[0].rpartition("/")[0]
    places = case.health.places(Signal.GRADIENT_NORM)
    layer = [w for w in places if w.rpartition("/")[0] == nearest]
    last = max((moment.recorded(Signal.GRADIENT_NORM, w) or 0.0, w) for w in layer)
    largest = largest_finite(case, Signal.GRADIENT_NORM, step)
    if largest is None or not np.isfinite(last[0]) or largest[0] <= RATIO * last[0]:
        return None
    grown = moment.shows(
        Signal.GRADIENT_NORM,
        above(LARGE),
        where=largest[1],
        because=f"{largest[0] / max(last[0], 1e-30):.3g} times the last layer's",
    )
    start = moment.shows(
        Signal.GRADIENT_NORM,
        at_most(largest[0] / RATIO),
        where=last[1],
        because="so large it was where the way back began",
    )
    return None if grown is None or start is None else (grown, start)


RULE: Final = Rule(
    CAUSE,
    "optimization",
    "The gradient explodes on its way back",
    check,
    (
        Remedy(
            "Clip the norm of the whole gradient; its direction stays.",
            "model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), loss=loss)",
        ),
        Remedy(
            "In a recurrent network, use gates and orthogonal recurrent weights.",
            'keras.layers.LSTM(64, recurrent_initializer="orthogonal")',
        ),
    ),
)
