"""The weights were already NaN or Inf before the first step.

## What happened
Training began, or went on, from weights that hold NaN or Inf: a checkpoint that was saved after an
earlier training had failed, a file that was damaged or converted badly, an initializer that divides
by zero. No data and no learning rate can repair such a weight: every gradient that touches it is
NaN.

## How it is recognised
In the first recorded step all inputs and targets were finite, and a variable's count of NaN, +Inf
or -Inf was above 0 *before* the forward pass. Weights that go bad later were made so by the update
before, and that is another cause.

## What it cannot tell apart
How the weights became bad: that happened before this record begins. Moving averages and other state
that is not trained are `nonfinite-statistics`.

## Fix
Look at the file before training, and go back to the last checkpoint that is finite.

## References
- Keras, `ModelCheckpoint`: it saves whatever the weights are, unless `save_best_only` is set.
- habitat-lab, issue 2226: one NaN that was saved poisons every training that starts from it.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._columns import WORDS, listed
from analyzer.rules._places import bad_count, is_statistic
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "nonfinite-weights"
COUNTS: Final = (Signal.WEIGHT_NAN, Signal.WEIGHT_POSINF, Signal.WEIGHT_NEGINF)


def check(case: Case) -> Answer:
    """Look for a trained variable that was bad when the record begins."""
    trouble = case.trouble
    if trouble is None or not case.health.places(Signal.WEIGHT_NAN):
        return None
    if trouble.phase is not Phase.WEIGHTS:
        if _bad_at_start(case):
            return None
        return RuledOut(CAUSE, f"every weight was finite when step {case.first_step} began")
    if is_statistic(case, trouble.where):
        return RuledOut(CAUSE, f"{trouble.where} is not trained, and the trained weights are sound")
    fact = bad_count(
        case,
        trouble,
        because="counted before the first forward pass, so no step of this training made it",
    )
    if fact is None:
        return None
    others = [w for w in _bad_at_start(case) if w != trouble.where]
    also = f" (also {listed(others)})" if others else ""
    summary = (
        f"Before step {trouble.step}, the first of this record, {trouble.where} held "
        f"{WORDS[trouble.kind]}{also}: the weights were bad before the training began."
    )
    return Finding(CAUSE, trouble.step, 0.97, "error", summary, (fact,))


def _bad_at_start(case: Case) -> list[str]:
    moment = case.at(case.first_step)
    places = case.health.places(Signal.WEIGHT_NAN)
    return [where for where in places if moment.total(COUNTS, where) > 0]


RULE: Final = Rule(
    CAUSE,
    "state",
    "The weights were not finite before the first step",
    check,
    (
        Remedy(
            "Look at every variable after loading, and go back to a checkpoint that is finite.",
            "import numpy as np\n\n"
            "bad = [v.path for v in model.variables if not np.isfinite(v).all()]\n"
            "if bad:\n"
            '    print("not finite:", bad)',
        ),
        Remedy(
            "Stop before a broken model is saved: let the monitor end the training at the first "
            "bad step, and keep the best weights only.",
            "from tb_nan_plugin import NaNMonitor\n\n"
            "callbacks = [\n"
            '    NaNMonitor("logs/run1", on_nonfinite="stop"),\n'
            '    keras.callbacks.ModelCheckpoint("best.keras", save_best_only=True),\n'
            "]",
        ),
    ),
)
