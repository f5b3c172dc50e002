"""One batch lay far outside of all before it, and threw the weights away.

## What happened
A row in a wrong unit, a sensor that failed, a missing value that was coded as 1e9: one batch is
orders of magnitude larger than any other. Its gradient is as much larger, one update carries the
weights far off, and the next forward pass overflows or the loss never comes back.

## How it is recognised
In one of the ten batches up to the first bad step (or the largest loss, where all stayed finite) a
column of features or targets reached at least ten times its largest value in all earlier batches,
and no other quantity was further out of proportion: learning rate, features, targets,
initialization.

## What it cannot tell apart
An outlier from data that changed for good at that step: the batches after it are not looked at. A
batch as far out that training survived is no finding.

## Fix
Look at the rows of that batch. Clip or drop values that cannot be, use a loss that does not square
large errors, and clip the gradient's norm.

## References
- Chowdhery et al., *PaLM* (2022), section 5.1: loss spikes came from single batches together with
  the weights of that moment.
- Huber, *Robust estimation of a location parameter* (1964).
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import Case, Evidence, above
from analyzer.findings import Answer, Finding, RuledOut
from analyzer.rules._divergence import excesses, growth_fact, is_diverging
from analyzer.rules._outliers import Outlier, worst_batch
from analyzer.rules._places import is_own_operation
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase

CAUSE: Final = "outlier-batch"
TIMES: Final = 10.0  # over all earlier batches; Lightning's SpikeDetection asks 2, for a note only
FAR: Final = 1e3  # no ordinary distribution reaches a thousand times its earlier maximum
AT_ONCE: Final = 2  # steps in which an outlier shows, if nothing else helps it
AFTER_DATA: Final = (Phase.FORWARD, Phase.LOSS, Phase.BACKWARD, Phase.UPDATE)


def check(case: Case) -> Answer:
    """Look for a batch far out just before a divergence."""
    outlier = worst_batch(case)
    if outlier is None:
        return None
    failed = case.trouble is not None and case.trouble.phase in AFTER_DATA
    at_once = failed and case.trouble is not None and case.trouble.step - outlier.step <= AT_ONCE
    ratio = abs(outlier.value) / outlier.usual
    if not is_diverging(case) and not (at_once and ratio >= FAR):
        return None
    if ratio < TIMES:
        return RuledOut(CAUSE, f"no batch lay {TIMES:g} times outside of all before it")
    fact = _fact(case, outlier)
    excess = excesses(case)
    others = max(excess.rate, excess.features, excess.targets, excess.initialization)
    if fact is None:
        return None
    growing = growth_fact(case, because="it began with that batch")
    step = outlier.step if case.trouble is None else case.trouble.step
    summary = (
        f"The batch of step {outlier.step} reached {outlier.value:.4g} in {outlier.where}, "
        f"{ratio:.3g} times as far out as any batch before: training broke in step {step}."
    )
    facts = (fact,) if growing is None else (fact, growing)
    confidence = _confidence(case, excess.batch - others, at_once=at_once and ratio >= FAR)
    return Finding(CAUSE, step, confidence, "error", summary, facts)


def _confidence(case: Case, lead: float, *, at_once: bool) -> float:
    if lead < 0:
        return 0.3
    if is_own_operation(case):
        return 0.6  # an operation of the user's own broke on it, and another rule may name that
    return 0.92 if at_once else 0.85 if lead >= 1 else 0.7


def _fact(case: Case, outlier: Outlier) -> Evidence | None:
    bound = TIMES * outlier.usual
    because = f"the earlier batches stayed within {outlier.usual:.4g}"
    moment = case.at(outlier.step)
    if outlier.value > 0:
        return moment.shows(outlier.signal, above(bound), where=outlier.where, because=because)
    return Evidence(
        outlier.signal.value,
        outlier.where,
        outlier.step,
        outlier.value,
        f"is below {-bound:.4g}",
        because,
        -bound,
    )


RULE: Final = Rule(
    CAUSE,
    "data",
    "One batch lay far outside of all others",
    check,
    (
        Remedy(
            "Look at the rows that are farthest out, and clip or drop what cannot be.",
            "import numpy as np\n\n"
            "usual = np.quantile(np.abs(x_train), 0.999, axis=0)\n"
            "rows = np.flatnonzero((np.abs(x_train) > 10 * usual).any(axis=1))\n"
            'print("far outside:", rows)\n'
            "x_train = np.clip(x_train, -10 * usual, 10 * usual)",
        ),
        Remedy(
            "Clip the gradient's norm, and use a loss that does not square large errors.",
            'model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), loss="huber")',
        ),
    ),
)
