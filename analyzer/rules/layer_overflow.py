"""A layer made an overflow out of moderate input, most often by `exp`.

## What happened
`exp(x)` exceeds the largest float32 above x = 88.7 (float16: above 11.09). A hand-written softmax,
attention or softplus without subtracting the maximum meets that as soon as a logit grows; Inf / Inf
then makes NaN.

## How it is recognised
In the first bad step everything before one layer was finite, that layer's output was +Inf or NaN,
and what went into it was of ordinary size: at most 1e6, from which sums and products cannot
overflow float32, yet beyond the reach of `exp`, and beyond what the layer had been finite for in
earlier steps. The layer is one of the user's own, or ends in `exponential`.

## What it cannot tell apart
Which operation inside the layer it was. Output of -Inf, input within the reach of `exp`, or a layer
of Keras itself point to another operation (a logarithm, 0/0, something between the layers), and
this rule then says nothing.

## Fix
Subtract the maximum before `exp`, or use the framework's own softmax, log-sum-exp or softplus.

## References
- Blanchard, Higham, Higham, *Accurately computing the log-sum-exp and softmax functions* (2021).
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case, Evidence, above, at_most
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._places import input_of, is_own_layer
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal
from tb_nan_plugin.trouble import Trouble

CAUSE: Final = "layer-overflow"
MODERATE: Final = 1e6  # its square is 1e12: 26 decades below the largest float32, 3.4e38
LARGEST_EXPONENT: Final = {"float16": 11.09, "mixed_float16": 11.09}  # ln 65504
LARGEST_EXPONENT_FLOAT32: Final = 88.72  # ln 3.4e38; bfloat16 has the same range


def check(case: Case) -> Answer:
    """Look for a layer that overflowed although its input was moderate."""
    trouble = case.trouble
    if trouble is None:
        return None
    if trouble.phase is not Phase.FORWARD:
        if trouble.phase in (Phase.LOSS, Phase.BACKWARD, Phase.UPDATE):
            return RuledOut(CAUSE, f"every layer's output up to step {trouble.step} was finite")
        return None
    if trouble.kind == "-inf":
        return RuledOut(CAUSE, "no overflow of exp gives -Inf")
    layer = case.health.setup.layer(trouble.where)
    if layer.activation != "exponential" and not is_own_layer(case, trouble.where):
        return CannotTell(CAUSE, (f"the operations before and inside {trouble.where}",))
    source = input_of(case, trouble.where)
    if source is None:
        return CannotTell(CAUSE, (Signal.OUTPUT_MAX_ABS.value,))
    into = case.at(trouble.step).shows(
        source[0],
        at_most(MODERATE),
        where=source[1],
        because=f"this goes into {trouble.where}; no product of such numbers overflows",
    )
    if into is None:
        return RuledOut(CAUSE, f"what went into {trouble.where} was already above {MODERATE:.0e}")
    limit = _limit(case)
    if _reach(case, trouble.where, into.observed) <= limit:
        return RuledOut(CAUSE, f"what went into {trouble.where} was within the reach of exp")
    if _passed_before(case, into):
        return RuledOut(CAUSE, f"{trouble.where} was finite for numbers as large before", 0.2)
    bad = case.at(trouble.step).shows(
        trouble.signal,
        above(0),
        where=trouble.where,
        because="it is the first output of this step that is not finite",
    )
    return None if bad is None else _finding(case, trouble, into, bad)


def _finding(case: Case, trouble: Trouble, into: Evidence, bad: Evidence) -> Finding:
    limit = _limit(case)
    beyond = into.observed > limit
    reach = f", beyond exp's reach of {limit:.4g}" if beyond else ""
    summary = (
        f"In step {trouble.step} the layer {trouble.where} overflowed, although the numbers that "
        f"went into it were at most {into.observed:.4g}{reach}."
    )
    confidence = 0.6 if not beyond else 0.93 if trouble.step > case.first_step else 0.75
    if beyond and trouble.kind == "nan" and trouble.step == case.first_step:
        confidence = 0.55  # a root or logarithm of a negative number gives NaN, too
    return Finding(CAUSE, trouble.step, confidence, "error", summary, (into, bad))


def _limit(case: Case) -> float:
    return LARGEST_EXPONENT.get(case.health.setup.dtype_policy, LARGEST_EXPONENT_FLOAT32)


def _reach(case: Case, where: str, largest: float) -> float:
    """Return the largest number that the layer may hand to exp.

    A layer with weights multiplies first, in attention twice: (input x weight norm) squared.
    """
    if not case.health.setup.layer(where).parameters:
        return largest
    path = where.split(" (")[0] + "/"
    moment = case.at(case.first_step)
    norms = [
        moment.recorded(Signal.WEIGHT_NORM, w) or 0.0
        for w in case.health.places(Signal.WEIGHT_NORM)
        if w.startswith(path)
    ]
    return float((largest * max([1.0, *norms])) ** 2)


def _passed_before(case: Case, into: Evidence) -> bool:
    """Return whether an earlier step sent numbers as large through the layer, and it was finite."""
    series = case.health.series(Signal(into.signal), into.where)
    if series is None:
        return False
    earlier = series.before(into.step).finite().values
    return bool(len(earlier) and earlier.max() >= 0.9 * into.observed)


RULE: Final = Rule(
    CAUSE,
    "model",
    "A layer overflowed on moderate input",
    check,
    (
        Remedy(
            "Subtract the maximum before exp: the result is the same and cannot overflow.",
            "shifted = logits - keras.ops.max(logits, axis=-1, keepdims=True)\n"
            "weights = keras.ops.exp(shifted)\n"
            "return weights / keras.ops.sum(weights, axis=-1, keepdims=True)",
        ),
        Remedy("Or use the framework's own function.", "return keras.ops.softmax(logits, axis=-1)"),
    ),
)
