"""A layer made an overflow out of moderate input, most often by `exp`.

## What happened
`exp(x)` exceeds the largest float32 above x = 88.7 (float16: above 11.09). A hand-written softmax,
attention or softplus without subtracting the maximum meets that as soon as a logit grows; Inf / Inf
then makes NaN.

## How it is recognised
In the first bad step everything before one layer was finite, that layer's output was not, and what
went into it was of ordinary size: at most 1e6, from which sums and products cannot overflow
float32, yet above the limit of `exp` where the output is NaN rather than Inf.

## What it cannot tell apart
Which operation inside the layer it was. A layer that returns NaN from input below the limit of
`exp` did something else (a logarithm, 0/0), and this rule stays silent.

## Fix
Subtract the maximum before `exp`, or use the framework's own softmax, log-sum-exp or softplus.

## References
- Blanchard, Higham, Higham, *Accurately computing the log-sum-exp and softmax functions* (2021).
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case, Evidence, above, at_most
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

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
    before = _place_before(case, trouble.where)
    signal = Signal.INPUT_MAX if before is None else Signal.OUTPUT_MAX_ABS
    source = _largest_input(case) if before is None else before
    if source is None:
        return CannotTell(CAUSE, (Signal.OUTPUT_MAX_ABS.value,))
    moment = case.at(trouble.step)
    moderate = moment.shows(
        signal,
        at_most(MODERATE),
        where=source,
        because=f"this goes into {trouble.where}; sums and products of it do not overflow",
    )
    if moderate is None:
        return RuledOut(
            CAUSE, f"what went into {trouble.where} was already above {MODERATE:.0e}", 0.1
        )
    limit = LARGEST_EXPONENT.get(
        str(case.health.environment.get("dtype_policy")), LARGEST_EXPONENT_FLOAT32
    )
    if (
        trouble.kind == "nan"
        and moderate.observed <= limit
        and not _has_weights(case, trouble.where)
    ):
        return RuledOut(CAUSE, f"what went into {trouble.where} was within the reach of exp", 0.1)
    bad = moment.shows(
        trouble.signal,
        above(0),
        where=trouble.where,
        because="it is the first output of this step that is not finite",
    )
    return None if bad is None else _finding(case, moderate, bad, limit)


def _finding(case: Case, moderate: Evidence, bad: Evidence, limit: float) -> Finding | None:
    trouble = case.trouble
    if trouble is None:
        return None
    beyond = moderate.observed > limit
    confidence = (0.85 if _is_builtin(case, trouble.where) else 0.93) if beyond else 0.6
    reach = f", beyond exp's reach of {limit:.4g}" if beyond else ""
    summary = (
        f"In step {trouble.step} the layer {trouble.where} overflowed, although the numbers that "
        f"went into it were at most {moderate.observed:.4g}{reach}."
    )
    return Finding(CAUSE, trouble.step, confidence, "error", summary, (moderate, bad))


def _place_before(case: Case, where: str) -> str | None:
    places = case.health.places(Signal.OUTPUT_MAX_ABS)
    index = places.index(where) if where in places else 0
    return places[index - 1] if index > 0 else None


def _largest_input(case: Case) -> str | None:
    moment = case.at(case.first_step)
    known = [
        (moment.recorded(Signal.INPUT_MAX, where) or 0.0, where)
        for where in case.health.places(Signal.INPUT_MAX)
    ]
    return max(known)[1] if known else None


def _layer(case: Case, where: str) -> dict[str, object]:
    layers = case.health.environment.get("layers", [])
    path = where.split(" (")[0]
    found = [layer for layer in layers if isinstance(layer, dict) and layer.get("path") == path]
    return found[0] if found else {}


def _has_weights(case: Case, where: str) -> bool:
    return bool(_layer(case, where).get("parameters"))


def _is_builtin(case: Case, where: str) -> bool:
    return bool(_layer(case, where).get("builtin"))


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
