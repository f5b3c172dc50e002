"""A number grew beyond 65504, the largest float16.

## What happened
In half precision a product or sum above 65504 is Inf, long before float32 would have noticed: sums
over thousands of inputs, squares above 256, logits that grow late in training. Loss scaling does
not help here, for it protects small gradients, not large outputs.

## How it is recognised
The model computes in float16, and in the first bad step the first thing that was not finite is a
layer's output, although what went into the layer was finite, as every float16 is below 65504, and
so small that float32 would have held the result. Training was not diverging before.

## What it cannot tell apart
In a layer of the user's own, `exp` above 11.09 is `layer-overflow` if its input was beyond that.

## Fix
Compute the layer in float32, scale down what goes in, or use bfloat16, whose range is float32's.

## References
- Micikevicius et al., *Mixed Precision Training* (ICLR 2018).
- IEEE 754-2019, binary16: largest finite number 65504.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case, Evidence, above, at_most
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._divergence import excesses, is_diverging
from analyzer.rules._places import bad_count, input_of, is_own_layer
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "fp16-overflow"
HALF: Final = frozenset({"float16", "mixed_float16"})
LARGEST: Final = 65504.0
NEAR: Final = 1e3  # from here on a sum of some hundred products may pass 65504


def check(case: Case) -> Answer:
    """Look for a layer whose output passed the largest float16."""
    trouble, policy = case.trouble, case.health.setup.dtype_policy
    if trouble is None or policy not in HALF:
        return None
    if trouble.phase is not Phase.FORWARD:
        if trouble.phase in (Phase.LOSS, Phase.BACKWARD, Phase.UPDATE):
            return RuledOut(CAUSE, f"every layer's output up to step {trouble.step} was in range")
        return None
    if is_diverging(case) or excesses(case).rate >= 1:
        return RuledOut(CAUSE, "training was diverging, and float32 would have overflowed later")
    into = _into(case)
    bad = bad_count(case, trouble, because=f"computed in {policy}, whose largest number is 65504")
    if bad is None or into is None:
        return None
    near = _grew_near(case)
    facts = tuple(fact for fact in (bad, into, near) if fact is not None)
    summary = (
        f"In step {trouble.step} the output of {trouble.where} passed 65504, the largest float16, "
        f"from numbers up to {into.observed:.4g}: float32 would have held it."
    )
    return Finding(CAUSE, trouble.step, _confidence(case, into, near), "error", summary, facts)


def _confidence(case: Case, into: Evidence, near: Evidence | None) -> float:
    if case.trouble is not None and is_own_layer(case, case.trouble.where):
        return 0.6
    return 0.9 if near is not None or into.observed >= NEAR else 0.55


def _into(case: Case) -> Evidence | None:
    trouble = case.trouble
    source = None if trouble is None else input_of(case, trouble.where)
    if trouble is None or source is None:
        return None
    because = "float32 holds products and sums of such numbers"
    claim = at_most(1e12)
    return case.at(trouble.step).shows(source[0], claim, where=source[1], because=because)


def _grew_near(case: Case) -> Evidence | None:
    """Return the largest output of the same layer before, if it was near the end of the range."""
    trouble = case.trouble
    if trouble is None:
        return None
    series = case.health.series(Signal.OUTPUT_MAX_ABS, trouble.where)
    part = None if series is None else series.before(trouble.step).finite()
    if part is None or not len(part):
        return None
    step = int(part.steps[int(part.values.argmax())])
    because = "one step from the end of the range"
    claim = above(LARGEST / 16)
    return case.at(step).shows(Signal.OUTPUT_MAX_ABS, claim, where=trouble.where, because=because)


RULE: Final = Rule(
    CAUSE,
    "precision",
    "An output passed the largest float16",
    check,
    (
        Remedy(
            "Compute the layers that hold large numbers, and the last one always, in float32.",
            'outputs = keras.layers.Dense(classes, dtype="float32")(hidden)',
        ),
        Remedy(
            "Or use bfloat16: the range of float32, with fewer digits and no loss scale.",
            'keras.mixed_precision.set_global_policy("mixed_bfloat16")',
        ),
    ),
)
