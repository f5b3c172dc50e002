"""Nothing was left for the loss to average over: 0/0.

## What happened
A mask, an "ignore" label or sample weights took every row of a batch out of the loss, which then
divided a sum of nothing by a count of nothing. Or the batch itself had no rows. It takes one such
batch, often the last, short one, and its NaN is in every weight.

## How it is recognised
In the first bad step all outputs were finite and the loss was NaN, and the batch held no rows; or
the loss is the user's own and all targets of the batch were the same number, which is the smallest
or the largest of most other batches as well: a value that marks what is to be ignored.

## What it cannot tell apart
Sample weights that are all 0 and masks that Keras carries beside the tensors are not recorded. A
batch of one class in a loss that compares classes looks like an ignored one.

## Fix
Divide by at least 1, and drop batches without rows.

## References
- PyTorch issue 70348, torchtune issue 2341: a cross-entropy over ignored labels only is NaN.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import NOT_FINITE, ZERO, Case, Evidence
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._places import all_alike, is_own_operation, is_sentinel
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "empty-loss"


def check(case: Case) -> Answer:
    """Look for a batch without rows, or of ignored targets only."""
    trouble = case.trouble
    if trouble is None or trouble.phase is not Phase.LOSS:
        return None
    if trouble.kind != "nan":
        return RuledOut(CAUSE, "the loss was infinite, and 0/0 is NaN")
    broke = case.at(trouble.step).shows(
        Signal.LOSS, NOT_FINITE, because="while every output of the model was finite"
    )
    if broke is None:
        return None
    because = "an average over no rows is 0/0"
    none = case.at(trouble.step).shows(Signal.BATCH_SIZE, ZERO, because=because)
    if none is not None:
        summary = f"The batch of step {trouble.step} held no rows: its loss is 0/0."
        return Finding(CAUSE, trouble.step, 0.97, "error", summary, (none, broke))
    if not is_own_operation(case):
        return None
    if not case.health.places(Signal.TARGET_MIN):
        return CannotTell(CAUSE, (Signal.TARGET_MIN.value, Signal.TARGET_MAX.value))
    value = all_alike(case, "target", trouble.step)
    if value is None or not is_sentinel(case, "target", trouble.step):
        return RuledOut(CAUSE, f"the targets of step {trouble.step} were not all marked alike")
    if value == 0 and all_alike(case, "prediction", trouble.step) == 0:
        return RuledOut(CAUSE, "predictions and targets were all 0, so their sum was", 0.3)
    where = case.health.places(Signal.TARGET_MAX)[0]
    claim = "is the only target of the batch"
    marks = "other batches hold it too, at the edge of their range: it marks what is ignored"
    fact = Evidence(Signal.TARGET_MAX.value, where, trouble.step, value, claim, marks)
    summary = (
        f"Every target of step {trouble.step} is {value:g}, the value that other batches mark "
        "ignored rows with: nothing was left for the loss, and its average is 0/0."
    )
    return Finding(CAUSE, trouble.step, 0.8, "error", summary, (fact, broke))


RULE: Final = Rule(
    CAUSE,
    "loss",
    "Nothing was left for the loss to average over",
    check,
    (
        Remedy(
            "Divide by the number of rows that count, but by at least 1.",
            "def loss(y_true, y_pred):\n"
            '    counts = keras.ops.cast(y_true != -1, "float32")\n'
            "    errors = counts * keras.ops.square(y_true - y_pred)\n"
            "    return keras.ops.sum(errors) / keras.ops.maximum(keras.ops.sum(counts), 1.0)",
        ),
        Remedy(
            "Or let the loss of Keras ignore the label: it bounds the divisor itself.",
            "loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)",
        ),
    ),
)
