"""The validation data holds NaN or Inf; training is sound.

## What happened
Training data was cleaned and validation data was not, or was standardised by other numbers: a row
with a missing value makes the mean over the whole validation set NaN. The weights are not touched
by it, but early stopping, checkpoints and searches that go by the validation loss are.

## How it is recognised
Every loss, gradient and weight of training was finite, moving averages included, and the validation
loss was NaN in every epoch, the first one too: the same data gave the same result with other
weights. Loss and layers are Keras' own, which give no NaN from finite numbers.

## What it cannot tell apart
Inputs from targets and sample weights, and a class label that the output has no unit for:
validation batches are not recorded. With a loss or a layer of the user's own it could be any of its
operations, and this rule says what to record.

## Fix
Look through the validation data the way the training data was looked through.

## References
- The same pipeline for both: scikit-learn, *Common pitfalls*, "inconsistent preprocessing".
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.roles import Role
from analyzer.rules._places import is_own_layer
from analyzer.rules._rule import Remedy, Rule

CAUSE: Final = "nonfinite-validation-data"
MISSING: Final = "the validation data's own statistics"


def check(case: Case) -> Answer:
    """Look for a validation loss that is NaN in every epoch of a sound training."""
    if case.trouble is not None:
        return None
    found = [
        (tag, series)
        for tag, series in case.scalars.items()
        if case.role(tag) is Role.VALIDATION_LOSS and not np.isfinite(series.values).all()
    ]
    if not found:
        return None
    tag, series = found[0]
    if np.isfinite(series.values).any():
        return RuledOut(CAUSE, f"{tag} was finite in other epochs, and the data is the same")
    setup = case.health.setup
    own = [layer.path for layer in setup.layers if is_own_layer(case, layer.path)]
    if not setup.losses or not all(loss.builtin for loss in setup.losses) or own:
        return CannotTell(CAUSE, (MISSING,))
    fact = Evidence(
        tag,
        "",
        int(series.steps[0]),
        float(series.values[0]),
        f"is not finite in any of {len(series)} epochs",
        "while every loss, gradient and weight of training was finite",
    )
    summary = (
        f"{tag} is not finite from the first epoch on, although training is sound: the validation "
        "data holds NaN or Inf."
    )
    summary = summary[0].upper() + summary[1:]
    confidence = 0.85 if np.isnan(series.values[0]) else 0.6
    step = int(series.steps[0])
    return Finding(CAUSE, step, confidence, "error", summary, (fact,))


RULE: Final = Rule(
    CAUSE,
    "data",
    "The validation data holds NaN or Inf",
    check,
    (
        Remedy(
            "Find the rows that are not finite, in inputs and targets.",
            "import numpy as np\n\n"
            "bad = ~np.isfinite(x_val).reshape(len(x_val), -1).all(axis=1)\n"
            "bad |= ~np.isfinite(y_val).reshape(len(y_val), -1).all(axis=1)\n"
            'print("bad rows:", np.flatnonzero(bad))\n'
            "x_val, y_val = x_val[~bad], y_val[~bad]",
        ),
    ),
)
