"""The first weights were far too large, or all 0.

## What happened
Each layer multiplies what goes in by about the spread of its weights times the root of their
number. With weights of spread 1 instead of the usual 1/sqrt(n), a layer of 256 units makes its
input 16 times larger; ten of them overflow, or give a first loss from which no learning rate comes
back. With weights that are all 0, every unit of a hidden layer computes the same, its gradient is
0, and nothing is learned.

## How it is recognised
Too large: in the very first step, before any update, an output of one of Keras' own layers was more
than a thousand times the largest input, and training diverged or broke within three steps; this
excess led those of learning rate, features, targets and single batches. Or a layer of Keras' own
overflowed in that step on finite numbers, whose product with its weights may do so. All 0: the norm
of every kernel was 0 when training began, and the training learned nothing.

## What it cannot tell apart
Weights that were initialized so from weights that were loaded so. Outputs of layers of the user's
own, or of recurrent ones, are large for other reasons and do not count.

## Fix
Use the initializer that belongs to the activation: Glorot for tanh, He for ReLU, LeCun for SELU.

## References
- Glorot, Bengio (AISTATS 2010); He et al., *Delving Deep into Rectifiers* (ICCV 2015).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.derived import Progress
from analyzer.evidence import ZERO, Case, Evidence, at_most
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._divergence import excesses, first_output, growth_fact, is_diverging
from analyzer.rules._places import RECURRENT, input_of, is_own_layer
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "poor-initialization"
LARGE_DECADES: Final = 2.0  # over ten times the largest input: a factor of a thousand
AT_ONCE: Final = 2  # steps after the first; later, the updates have had their say
LARGE_INPUT: Final = 1e6  # what is larger is itself out of proportion
LARGEST: Final = 3.4e38  # float32
PRODUCTS: Final = 1e3  # a sum of a million products is at most this times the product of norms
HALF: Final = frozenset({"float16", "mixed_float16"})
AFTER_DATA: Final = (Phase.FORWARD, Phase.LOSS, Phase.BACKWARD, Phase.UPDATE)


def check(case: Case) -> Answer:
    """Look for first outputs out of proportion, or for kernels that are all 0."""
    if case.trouble is None and case.outcome.progress is Progress.STUCK:
        return _all_zero(case)
    trouble = case.trouble
    at_once = (
        trouble is not None
        and trouble.phase in AFTER_DATA
        and trouble.step - case.first_step <= AT_ONCE
    )
    if not at_once and not is_diverging(case):
        return None
    overflow = _overflow_before_any_update(case)
    if overflow is not None:
        return overflow
    excess, largest = excesses(case), first_output(case)
    if largest is None:
        return None
    if excess.initialization < LARGE_DECADES:
        return RuledOut(CAUSE, f"the first outputs were at most {largest[0]:.3g}")
    lead = excess.initialization - max(excess.rate, excess.features, excess.targets, excess.batch)
    facts = [
        Evidence(
            Signal.OUTPUT_MAX_ABS.value,
            largest[1],
            case.first_step,
            largest[0],
            "is the largest output before any update",
            "weights of usual spread keep outputs about as large as inputs",
        )
    ]
    growing = growth_fact(case, because="the first loss was out of proportion already")
    if growing is not None:
        facts.append(growing)
    step = case.first_step if trouble is None else trouble.step
    summary = (
        f"Before any update {largest[1]} already gave outputs of {largest[0]:.3g}: the first "
        "weights are far too large, and training "
        + ("blew up." if trouble is None else f"broke in step {step}.")
    )
    confidence = 0.9 if lead >= 1 else 0.75 if lead >= 0 else 0.3
    if trouble is not None and trouble.phase is Phase.BACKWARD:
        confidence = min(confidence, 0.7)  # only the way back overflowed: its slopes count, too
    return Finding(CAUSE, step, confidence, "error", summary, tuple(facts))


def _overflow_before_any_update(case: Case) -> Finding | None:
    """Look for a layer of Keras' own that overflowed in the first step on ordinary input."""
    trouble = case.trouble
    if trouble is None or trouble.phase is not Phase.FORWARD or trouble.step != case.first_step:
        return None
    where, source = trouble.where, input_of(case, trouble.where)
    if is_own_layer(case, where) or source is None or case.health.setup.dtype_policy in HALF:
        return None
    because = f"it went into {where}, before any update"
    into = case.at(trouble.step).shows(
        source[0], at_most(LARGE_INPUT), where=source[1], because=because
    )
    kernel = _largest_weight(case, where)
    if into is None or kernel is None or not _can_overflow(case, where, into, kernel):
        return None
    summary = (
        f"In the very first step {where} overflowed on numbers up to {into.observed:.4g}: its "
        f"first weights ({kernel.where} has a norm of {kernel.observed:.3g}) are too large."
    )
    confidence = 0.75 if case.health.setup.layer(where).kind in RECURRENT else 0.85
    return Finding(CAUSE, trouble.step, confidence, "error", summary, (into, kernel))


def _largest_weight(case: Case, where: str) -> Evidence | None:
    moment, path = case.at(case.first_step), where.split(" (")[0] + "/"
    norms = [
        (value, place)
        for place in case.health.places(Signal.WEIGHT_NORM)
        if place.startswith(path)
        and (value := moment.recorded(Signal.WEIGHT_NORM, place)) is not None
        and not np.isnan(value)
    ]
    if not norms:
        return None
    value, place = max(norms)
    claim = "is the largest norm of the layer's variables"
    because = "what goes in is multiplied by it, in a recurrent layer once a time step"
    return Evidence(Signal.WEIGHT_NORM.value, place, case.first_step, value, claim, because)


def _can_overflow(case: Case, where: str, into: Evidence, kernel: Evidence) -> bool:
    """Return whether input times weights may pass the largest float32 at all."""
    if case.health.setup.layer(where).kind in RECURRENT:
        return kernel.observed > 1.0
    return abs(into.observed) * kernel.observed * PRODUCTS > LARGEST


def _all_zero(case: Case) -> Answer:
    moment = case.at(case.first_step)
    trained = case.health.places(Signal.GRADIENT_NORM)
    kernels = [w for w in trained if w.rpartition("/")[2] == "kernel"]
    if len(kernels) < 2 or any(moment.recorded(Signal.WEIGHT_NORM, w) != 0 for w in kernels):
        return None
    facts = [
        fact
        for where in (kernels[-1], kernels[0])
        if (
            fact := moment.shows(
                Signal.WEIGHT_NORM,
                ZERO,
                where=where,
                because="all its units compute the same, and no gradient passes a kernel of 0",
            )
        )
    ]
    summary = (
        f"All {len(kernels)} kernels were 0 when training began: no gradient reaches the layers "
        f"before the last one, and the loss stays at {case.outcome.last:.4g}."
    )
    return Finding(CAUSE, case.first_step, 0.93, "warning", summary, tuple(facts))


RULE: Final = Rule(
    CAUSE,
    "model",
    "The first weights are far too large, or all 0",
    check,
    (
        Remedy(
            "Use the initializer that belongs to the activation.",
            'keras.layers.Dense(256, activation="relu", kernel_initializer="he_normal")\n'
            'keras.layers.Dense(256, activation="tanh", kernel_initializer="glorot_uniform")',
        ),
        Remedy(
            "In deep stacks, normalize between the layers: the scale of the weights then cancels.",
            "x = keras.layers.LayerNormalization()(keras.layers.Dense(64)(hidden))",
        ),
    ),
)
