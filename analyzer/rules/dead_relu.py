"""A layer of ReLU units gives 0 for every input, and no gradient passes it.

## What happened
A large update, a large negative bias or inputs far from 0 pushed all units of a layer to where ReLU
is 0. Its slope is 0 there, too: nothing brings the units back, and nothing before the layer learns
any more.

## How it is recognised
The largest output of a layer that ends in ReLU was exactly 0 in every step of the second half of
the training, although its weights were not 0 when training began, and the training stayed where a
model that learned nothing stays.

## What it cannot tell apart
What pushed the units there: where features or learning rate were out of proportion, those are named
first. A layer of which some units live passes gradients and is no finding: sparse ReLU networks
learn well.

## Fix
Lower the rate, begin with the usual initializer and a bias of 0, or use a leaky activation.

## References
- Maas, Hannun, Ng, *Rectifier nonlinearities improve neural network acoustic models* (2013).
- The rule of 70 % zeros in one batch flags 58 of 188 healthy models (DeepDiagnosis' own results):
  only a layer without any output counts here.
"""

from __future__ import annotations

from typing import Final

from analyzer.derived import Progress
from analyzer.evidence import ZERO, Case, Evidence, equal
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._divergence import excesses
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Signal

CAUSE: Final = "dead-relu"
RELU: Final = frozenset({"relu", "relu6"})
ANOTHER: Final = 1.0  # decades by which rate or features must be out of proportion to come first


def check(case: Case) -> Answer:
    """Look for a ReLU layer without any output in a training that is stuck."""
    if case.trouble is not None or case.outcome.progress is not Progress.STUCK:
        return None
    dead = [where for where in case.health.places(Signal.OUTPUT_MAX_ABS) if _is_dead(case, where)]
    if not dead:
        return None
    where = dead[0]
    if _began_at_zero(case, where):
        return RuledOut(CAUSE, f"the weights of {where} were 0 when training began")
    step = int(case.health.steps[-1])
    because = "no unit of the layer gives anything, and the slope of ReLU is 0 there"
    fact = case.at(step).shows(Signal.OUTPUT_MAX_ABS, ZERO, where=where, because=because)
    if fact is None:
        return None
    facts = [fact, *_all_off(case, step, where), *_no_gradient(case, step)]
    excess = excesses(case)
    confidence = 0.55 if max(excess.rate, excess.features) >= ANOTHER else 0.9
    summary = (
        f"Every unit of {where} gives 0 for every input: no gradient passes it, and the loss stays "
        f"at {case.outcome.last:.4g}."
    )
    return Finding(CAUSE, case.first_step, confidence, "warning", summary, tuple(facts))


def _is_dead(case: Case, where: str) -> bool:
    layer = case.health.setup.layer(where)
    if layer.activation not in RELU or (_is_output(case, where) and not _may_be_positive(case)):
        return False
    series = case.health.series(Signal.OUTPUT_MAX_ABS, where)
    return series is not None and bool((series.values[len(series) // 2 :] == 0).all())


def _is_output(case: Case, where: str) -> bool:
    return where in case.health.setup.output_layers.values()


def _may_be_positive(case: Case) -> bool:
    """Return whether targets are such that ReLU can reach them; else it is the wrong activation."""
    lows = [case.health.series(Signal.TARGET_MIN, w) for w in case.health.places(Signal.TARGET_MIN)]
    return all(low is not None and bool((low.values >= 0).all()) for low in lows)


def _began_at_zero(case: Case, where: str) -> bool:
    kernel = f"{where.split(' (')[0]}/kernel"
    return case.at(case.first_step).recorded(Signal.WEIGHT_NORM, kernel) == 0


def _all_off(case: Case, step: int, where: str) -> list[Evidence]:
    because = "no row of many steps in a row, not of this one alone, gave anything"
    fact = case.at(step).shows(Signal.DEAD_FRACTION, equal(1.0), where=where, because=because)
    return [] if fact is None else [fact]


def _no_gradient(case: Case, step: int) -> list[Evidence]:
    places = case.health.places(Signal.GRADIENT_NORM)
    because = "the first layer gets no gradient at all"
    fact = (
        case.at(step).shows(Signal.GRADIENT_NORM, ZERO, where=places[-1], because=because)
        if places
        else None
    )
    return [] if fact is None else [fact]


RULE: Final = Rule(
    CAUSE,
    "model",
    "All units of a ReLU layer are dead",
    check,
    (
        Remedy(
            "Use an activation that lets a gradient through everywhere.",
            "x = keras.layers.Dense(64)(hidden)\nx = keras.layers.LeakyReLU(0.1)(x)",
        ),
        Remedy(
            "Lower the learning rate, and begin with the initializer of ReLU and a bias of 0.",
            'start = {"kernel_initializer": "he_normal", "bias_initializer": "zeros"}\n'
            'x = keras.layers.Dense(64, activation="relu", **start)(hidden)',
        ),
    ),
)
