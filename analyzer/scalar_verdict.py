"""Ordinary scalars -> one verdict: a cause where a rule finds one, else where it began, and no why.

Law: what the log cannot show is said: the steps between two points, the batches behind a mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from analyzer import scalar_rules
from analyzer.averages import batches_a_call
from analyzer.findings import Finding
from analyzer.roles import Role
from analyzer.scalar_rules import ScalarCase
from analyzer.scalars import BadTag, growth_sentence, name_of
from analyzer.series import Series, median
from analyzer.verdict import LEAST_CONFIDENCE, RULES, Alternative, Verdict, unknown
from tb_nan_plugin.signals import Phase

SCALAR_RULES: Final = {rule.cause: rule for rule in scalar_rules.ALL}
# Losses of reinforcement learning and of critics grow a thousandfold, and train on; a millionfold
# growth to more than a million is beyond any that we saw.
BLOWN_UP: Final = 1e6
MONITOR: Final = (
    "statistics of inputs and targets, weights, layer outputs and gradients of every step: add "
    "NaNMonitor to the callbacks and train again"
)


def described(cause: str) -> tuple[str, str, tuple[scalar_rules.Remedy, ...]]:
    """Return family, title and remedies of a cause.

    Raises:
        KeyError: No rule knows it.
    """
    rule = RULES.get(cause) or SCALAR_RULES[cause]
    return rule.family, rule.title, rule.remedies


def judge_scalars(case: ScalarCase) -> tuple[Verdict | None, tuple[Finding, ...]]:
    """Ask every rule for scalars.

    Returns:
        The verdict, None where nothing is wrong; and every finding, the surest first.
    """
    answers = (rule.check(case) for rule in scalar_rules.ALL)
    findings = sorted(
        (f for f in answers if f is not None), key=lambda f: f.confidence, reverse=True
    )
    if findings and findings[0].confidence >= LEAST_CONFIDENCE:
        return _found(case, findings), tuple(findings)
    if case.first is None:
        return _blown_up(case), ()
    return unexplained(case, case.first), ()


def _found(case: ScalarCase, findings: list[Finding]) -> Verdict:
    primary = findings[0]
    family, title, remedies = described(primary.cause)
    weaker = tuple(
        Alternative(
            f.cause, round(f.confidence, 2), f"{title[0].lower()}{title[1:]}, with more behind it"
        )
        for f in findings[1:]
    )
    return Verdict(
        primary.cause,
        family,
        title,
        round(primary.confidence, 2),
        " ".join([primary.summary, *([when(case, case.first)] if case.first else [])]).strip(),
        primary.evidence,
        remedies,
        weaker,
        (MONITOR,),
    )


def unexplained(case: ScalarCase, bad: BadTag) -> Verdict:
    """Say when a tag went bad and what else shows it, and that the cause is not known."""
    sentences = [
        f"{bad.key} is {name_of(bad.kind)} at its step {bad.step}.",
        when(case, bad),
        _before(bad),
        _after(case, bad),
        "Scalars alone do not tell the cause.",
    ]
    return unknown(" ".join(filter(None, sentences)), tuple(_missing(case, bad)))


def _blown_up(case: ScalarCase) -> Verdict | None:
    """Return what is to say of a training whose loss is finite and beyond all use."""
    for label, series in case.series(Role.LOSS):
        start, last = abs(float(series.values[0])), _end(series)
        if last >= BLOWN_UP * max(start, 1.0):
            summary = (
                f"{label.key} went from {start:.4g} to {last:.4g} and is finite as yet: training "
                "diverged. Scalars alone do not tell the cause."
            )
            return unknown(summary, (MONITOR,))
    return None


def _end(series: Series) -> float:
    """Return the median size of the last tenth of a series."""
    return median(np.abs(series.values[-max(1, len(series) // 10) :]))


def when(case: ScalarCase, bad: BadTag) -> str:
    """Say which steps of training the first bad point stands for, as exactly as the log can."""
    unit = bad.axis.unit
    if bad.histogram and unit == "epoch":
        return f"Keras writes histograms when an epoch ends: it began in epoch {_epochs(bad)}."
    if bad.phase is Phase.VALIDATION:
        return "It is so in the first evaluation already." if bad.last_finite_step is None else ""
    if unit == "epoch":
        return f"That is a mean over the whole epoch {bad.step}: one of its batches was the first."
    if unit == "batch":
        calls = batches_a_call(case.run, case.labels, case.labels.of[bad.key])
        return " ".join(filter(None, [_batch(bad, calls), _between(bad), _mean(bad)]))
    return _between(bad)


def _epochs(bad: BadTag) -> str:
    if bad.earliest_step in (None, bad.step):
        return str(bad.step)
    return f"{bad.earliest_step} to {bad.step}"


def _batch(bad: BadTag, calls: int) -> str:
    if calls > 1:
        return (
            f"Keras was called back every {calls} batches only (steps_per_execution), so it is one "
            f"of the batches {(bad.step - 1) * calls} to {bad.step * calls - 1}, counted from 0."
        )
    return f"Keras counts batches from 1: counted from 0 it is batch {bad.step - 1}."


def _between(bad: BadTag) -> str:
    if bad.earliest_step is None:
        return "Nothing was written before, so that it may have begun earlier."
    if bad.earliest_step >= bad.step:
        return ""
    since = (
        "No earlier point was written"
        if bad.last_finite_step is None
        else f"The last finite point is that of step {bad.last_finite_step}"
    )
    return f"{since}: it began in one of the steps {bad.earliest_step} to {bad.step}."


def _mean(bad: BadTag) -> str:
    if bad.epochs is None or not bad.epochs.running or bad.count < 2:
        return ""
    return (
        "The tag is a running mean that starts anew with each epoch, so one bad batch makes all "
        "later points of its epoch bad."
    )


def _before(bad: BadTag) -> str:
    if not bad.histogram:
        return growth_sentence(bad)
    return (
        "The histogram has no finite edges and counts nothing, as TensorFlow writes it where "
        "values are not finite."
    )


def _after(case: ScalarCase, bad: BadTag) -> str:
    if bad.recovered and bad.epochs is not None and bad.epochs.running:
        return (
            "It came back when a new epoch began, so that the weights were finite: single batches "
            "were bad, not the model."
        )
    if bad.recovered:
        return "It came back, and training went on: a passing spike."
    if bad.role is Role.GRADIENT_NORM and case.labels.dialect.id == "hugging-face":
        return (
            "Hugging Face Trainer hides a NaN of the loss by default and logs a mean in its place, "
            "so the finite loss says nothing."
        )
    others = {
        b.key
        for b in case.bad
        if not b.harmless and not b.recovered and b.histogram <= bad.histogram
    } - {bad.key}
    return (
        f"{_listed(sorted(others))} {'are' if len(others) > 1 else 'is'} bad too." if others else ""
    )


def _listed(names: list[str], most: int = 3) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _missing(case: ScalarCase, bad: BadTag) -> Iterable[str]:
    if bad.earliest_step != bad.step or bad.axis.unit == "epoch":
        yield {
            "keras": "the loss of every batch: TensorBoard(update_freq=1)",
            "hugging-face": "the loss of every step as it is: logging_steps=1 and "
            "logging_nan_inf_filter=False",
            "lightning": "the loss of every step: log_every_n_steps=1",
        }.get(case.labels.dialect.id, "the loss of every step")
    yield MONITOR
