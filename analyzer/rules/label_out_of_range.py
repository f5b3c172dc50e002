"""A class label lies outside of what the output can name.

## What happened
Labels count from 1 instead of 0, hold a class that the output has no unit for, or mark "unknown"
with -1. A sparse cross-entropy then looks up a probability that is not there: under XLA and on a
GPU the loss of that row is NaN, on a CPU without XLA TensorFlow raises an error. A binary
cross-entropy asked for labels of 0 and 1 does not complain about 2 or -1: its loss has no minimum
and runs below 0.

## How it is recognised
Sparse cross-entropy: in the first bad step inputs, weights and outputs were finite and the loss was
not, while a label lay below 0 or at least at the width of the output, which no earlier step with a
finite loss had. Cross-entropies of probabilities: labels outside 0 to 1, and a loss below 0, which
no cross-entropy of proper labels has, or a training that learned nothing.

## What it cannot tell apart
A label that was encoded wrongly from an output with too few units. With `ignore_class` such labels
are meant, and the loss stays finite: then this rule says nothing.

## Fix
Map labels to 0 ... classes - 1, and give the last layer one unit a class.

## References
- TensorFlow issues 8484, 10268, 126005: an error on CPU, NaN on GPU and under XLA.
- Keras, `sparse_categorical_crossentropy`: `ignore_class`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.derived import Progress, prediction_width
from analyzer.evidence import NOT_FINITE, Case, Evidence, above, below
from analyzer.findings import Answer, CannotTell, Finding, RuledOut, Severity
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "label-out-of-range"
SPARSE: Final = "sparse_categorical_crossentropy"
PROBABILITIES: Final = frozenset(
    {"binary_crossentropy", "categorical_crossentropy", "binary_focal_crossentropy"}
)
MARGIN: Final = 0.01  # label smoothing and rounding stay within


def check(case: Case) -> Answer:
    """Compare the labels' range with the output's width, or with 0 to 1."""
    names = {loss.name for loss in case.health.setup.losses if loss.builtin}
    if len(case.health.setup.losses) != 1 or not names:
        return None
    if SPARSE in names:
        return _class_index(case)
    return _probability(case) if names & PROBABILITIES else None


def _class_index(case: Case) -> Answer:
    trouble = case.trouble
    if trouble is None or trouble.phase is not Phase.LOSS:
        return None
    width = prediction_width(case.health)
    if width is None or case.at(trouble.step).lacks((Signal.TARGET_MIN, Signal.TARGET_MAX)):
        return CannotTell(CAUSE, ("the range of the labels and the width of the output",))
    fact = _outside(case, trouble.step, width)
    if fact is None:
        return RuledOut(CAUSE, f"every label of step {trouble.step} lies within 0 to {width - 1}")
    if _was_harmless(case, fact):
        return RuledOut(CAUSE, f"a label of {fact.observed:g} did no harm in earlier steps", 0.2)
    broke = case.at(trouble.step).shows(
        Signal.LOSS, NOT_FINITE, because="while every output of the model was finite"
    )
    if broke is None:
        return None
    summary = (
        f"A label of step {trouble.step} is {fact.observed:g}, but the output has {width} units, "
        f"for the classes 0 to {width - 1}: its loss is not defined."
    )
    return Finding(CAUSE, trouble.step, 0.97, "error", summary, (fact, broke))


def _outside(case: Case, step: int, width: int) -> Evidence | None:
    moment = case.at(step)
    for where in case.health.places(Signal.TARGET_MAX):
        because = f"the output has {width} units, for the classes 0 to {width - 1}"
        fact = moment.shows(Signal.TARGET_MAX, above(width - 1), where=where, because=because)
        fact = fact or moment.shows(Signal.TARGET_MIN, below(0), where=where, because=because)
        if fact is not None:
            return fact
    return None


def _was_harmless(case: Case, fact: Evidence) -> bool:
    """Return whether an earlier step had a label as far out, and a finite loss."""
    series = case.health.series(Signal(fact.signal), fact.where)
    if series is None:
        return False
    earlier = series.before(fact.step).values
    is_above = fact.signal == Signal.TARGET_MAX.value
    return bool(np.any(earlier >= fact.observed if is_above else earlier <= fact.observed))


def _probability(case: Case) -> Answer:
    loss = case.before_trouble(case.health.series(Signal.LOSS))
    fact = _not_a_probability(case)
    if fact is None or loss is None:
        return None
    negative = int(np.argmin(loss.values))
    facts = [fact]
    if loss.values[negative] < -MARGIN:
        because = "no cross-entropy of labels within 0 to 1 is negative"
        value, step = float(loss.values[negative]), int(loss.steps[negative])
        facts.append(Evidence("loss", "", step, value, "is below 0", because, 0.0))
    elif case.outcome.progress is not Progress.STUCK:
        return None
    summary = (
        f"The targets reach {fact.observed:g}, but the loss is a cross-entropy, whose targets are "
        "probabilities from 0 to 1: it has no minimum, and the loss reached "
        f"{loss.values.min():.4g}."
    )
    step = case.first_step if case.trouble is None else case.trouble.step
    confidence = 0.95 if len(facts) > 1 else 0.8
    severity: Severity = "error" if len(facts) > 1 else "warning"
    return Finding(CAUSE, step, confidence, severity, summary, tuple(facts))


def _not_a_probability(case: Case) -> Evidence | None:
    for signal, sign in ((Signal.TARGET_MAX, 1.0), (Signal.TARGET_MIN, -1.0)):
        for where in case.health.places(signal):
            series = case.before_trouble(case.health.series(signal, where))
            if series is None:
                continue
            index = int(np.argmax(sign * series.values))
            claim = above(1 + MARGIN) if sign > 0 else below(-MARGIN)
            because = "a cross-entropy takes its targets for probabilities, or 0 and 1"
            fact = case.at(int(series.steps[index])).shows(
                signal, claim, where=where, because=because
            )
            if fact is not None:
                return fact
    return None


RULE: Final = Rule(
    CAUSE,
    "data",
    "A label lies outside of the classes that the output has",
    check,
    (
        Remedy(
            "Map the labels to 0 ... classes - 1, and give the last layer one unit for each.",
            "import numpy as np\n\n"
            "names, y_train = np.unique(y_train, return_inverse=True)\n"
            "outputs = keras.layers.Dense(len(names))(hidden)\n"
            "loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
        ),
        Remedy(
            'If a value such as -1 or 255 means "no label", say so to the loss.',
            "loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)",
        ),
    ),
)
