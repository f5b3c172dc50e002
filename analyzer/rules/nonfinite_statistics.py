"""State that is not trained became NaN or Inf: the moving averages of a normalization layer.

## What happened
BatchNormalization trains with the batch's own mean and variance and keeps moving averages for
later. One batch whose variance overflows, or a layer that was adapted to data with NaN, puts a
number into them that never leaves again: an average with Inf stays Inf. Training goes on with a
finite loss, and validation, prediction and the saved model are broken.

## How it is recognised
The first thing that is not finite is a variable without a gradient of its own, a moving mean or
variance for one: before the first step, or in an update while every gradient of the step was
finite.

## What it cannot tell apart
Whether the batch's variance overflowed or an empty batch made 0/0. What went into the layer is
given beside it, where it was recorded.

## Fix
Keep what goes into the layer in range (1e19 squared is beyond float32), and start again with fresh
statistics: they cannot recover by themselves.

## References
- Keras, issue 11858: a batch of no rows on one replica made the moving variance NaN, with a loss
  that stayed finite.
- TensorFlow, `check_numerics_callback.py`: FusedBatchNorm is left out for its NaN on empty batches.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case, Evidence, above
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._columns import WORDS
from analyzer.rules._places import bad_count, is_statistic, largest_finite
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "nonfinite-statistics"
ROOT_OF_LARGEST: Final = 1.8e19  # its square is 3.4e38, the largest float32


def check(case: Case) -> Answer:
    """Look for a moving average that is the first thing to be bad."""
    trouble = case.trouble
    if trouble is None or not case.health.places(Signal.WEIGHT_NAN):
        return None
    if trouble.phase not in (Phase.WEIGHTS, Phase.UPDATE):
        return None
    if not is_statistic(case, trouble.where):
        return RuledOut(CAUSE, f"{trouble.where} is a trained variable, and was bad first")
    fact = bad_count(
        case, trouble, because="it has no gradient: it is computed, and never recovers by itself"
    )
    if fact is None:
        return None
    before = trouble.phase is Phase.WEIGHTS
    huge = None if before else _overflowing_output(case, trouble.step)
    when = "Before the first step" if before else f"In step {trouble.step}"
    why = "" if huge is None else f", from outputs as large as {huge.observed:.3g}"
    summary = (
        f"{when} {trouble.where} became {WORDS[trouble.kind]}{why}: loss and gradients do not show "
        "it, but validation and prediction use it."
    )
    facts = (fact,) if huge is None else (fact, huge)
    return Finding(CAUSE, trouble.step, 0.93, "error", summary, facts)


def _overflowing_output(case: Case, step: int) -> Evidence | None:
    found = largest_finite(case, Signal.OUTPUT_MAX_ABS, step)
    if found is None:
        return None
    return case.at(step).shows(
        Signal.OUTPUT_MAX_ABS,
        above(ROOT_OF_LARGEST / 1e3),
        where=found[1],
        because="the variance of such numbers is near or beyond the largest float32",
    )


RULE: Final = Rule(
    CAUSE,
    "state",
    "State that is not trained, such as a moving average, is not finite",
    check,
    (
        Remedy(
            "Find the layer, and start again from statistics that are finite.",
            "import numpy as np\n\n"
            "for variable in model.non_trainable_variables:\n"
            "    if not np.isfinite(variable).all():\n"
            '        print("not finite:", variable.path)',
        ),
        Remedy(
            "Bring the data into range before it reaches the layer, and drop batches without rows.",
            "x_train = np.clip(x_train, -1e6, 1e6)",
        ),
    ),
)
