"""The validation data hold NaN or Inf, by the validation loss and an accuracy beside it.

## What happened
Some rows of the validation set are not finite, so the mean of their losses is not either. Training
never sees them and is fine.

## How it is recognised
The validation loss is NaN in every evaluation, from the first one on, the training loss is finite
to its end and falls, and the validation accuracy is as good as ever: most predictions are finite,
so weights and moving statistics are.

## What it cannot tell apart
Without an accuracy, non-finite rows look like moving statistics that are not finite, and nothing is
said. Which rows they are, and whether in features or targets, scalars do not tell.

## Fix
Check the validation data for NaN and Inf.

## References
- Keras, `Model.evaluate`: the loss is the mean over all rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Evidence
from analyzer.findings import Finding
from analyzer.roles import Role, is_of_validation
from analyzer.rules import Remedy
from analyzer.scalar_rules._case import ScalarCase, ScalarRule
from analyzer.scalars import BadTag, name_of
from analyzer.series import Series

CAUSE: Final = "nonfinite-validation-data"
# Of the training accuracy, that a validation accuracy reaches where few rows are bad. NaN
# predictions count as one class throughout, and reach it by chance with two classes only.
AS_GOOD: Final = 0.8
LEAST_ACCURACY: Final = 0.6
LEAST_EVALUATIONS: Final = 2


def check(case: ScalarCase) -> Finding | None:
    """Look for a validation loss that is always NaN under predictions that are as good as ever."""
    losses = case.bad_of(Role.VALIDATION_LOSS)
    if not losses or not case.trains_on or case.labels.dialect.id == "hugging-face":
        return None  # Hugging Face Trainer hides a NaN of the training loss
    loss = losses[0]
    if loss.count < max(LEAST_EVALUATIONS, len(loss.series)) or not _falls(case):
        return None
    pair = _accuracies(case, loss)
    if pair is None:
        return None
    key, own, training = pair
    last = float(own.values[-1])
    if last < max(LEAST_ACCURACY, AS_GOOD * training) or (own.values == last).all():
        return None
    facts = (
        Evidence(
            loss.key,
            "",
            loss.step,
            float(loss.series.values[0]),
            f"is not finite, as in all {loss.count} evaluations",
            "the training loss is finite to its end",
        ),
        Evidence(
            key,
            "",
            int(own.steps[-1]),
            last,
            f"is at least {AS_GOOD:.0%} of the training accuracy ({training:.4g})",
            "most predictions are finite, so weights and moving statistics are",
            AS_GOOD * training,
        ),
    )
    summary = (
        f"The validation loss ({loss.key}) is {name_of(loss.kind)} in every evaluation, while "
        f"training goes well and {key} reads {last:.4g}: some rows of the validation data are not "
        "finite."
    )
    return Finding(CAUSE, loss.step, 0.7, "error", summary, facts)


def _falls(case: ScalarCase) -> bool:
    return any(
        len(series) > 1 and series.values[-1] < series.values[0]
        for _, series in case.series(Role.LOSS)
    )


def _accuracies(case: ScalarCase, loss: BadTag) -> tuple[str, Series, float] | None:
    """Return the accuracy beside the validation loss, and the last one of training."""
    own, training = None, None
    for label, series in case.series(Role.ACCURACY):
        if not np.isfinite(series.values).all():
            continue
        validation = is_of_validation(label.origin.tag, label.origin.belongs)
        if validation and label.axis == loss.axis:
            own = own or (label.key, series)
        elif not validation:
            training = float(series.values[-1])
    return None if own is None or training is None else (*own, training)


RULE: Final = ScalarRule(
    CAUSE,
    "data",
    "The validation data holds NaN or Inf",
    check,
    (
        Remedy(
            "Find the rows of the validation data that are not finite, and repair or drop them.",
            "import numpy as np\n\n"
            "for name, data in {'x': x_val, 'y': y_val}.items():\n"
            "    good = np.isfinite(data).reshape(len(data), -1).all(axis=1)\n"
            '    print(name, "bad rows:", np.flatnonzero(~good))',
        ),
    ),
)
