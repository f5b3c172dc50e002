"""`nonfinite-target` fires on a bad label, which in a loss curve looks like a bad input."""

from __future__ import annotations

from math import inf, nan

import pytest

from analyzer.evidence import Evidence
from analyzer.findings import Finding, RuledOut
from analyzer.rules.nonfinite_target import RULE
from tests.analyzer.descent import ROWS, data, descend
from tests.analyzer.failures import LINEAR, failure
from tests.analyzer.runs import case


def test_names_step_and_kind_of_one_bad_label() -> None:
    finding = RULE.check(failure("nonfinite-target"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence, finding.severity) == (21, 0.99, "error")
    assert finding.summary == (
        "The batch of step 21 holds +Inf in its targets (target): the loss cannot be finite, "
        "whatever the model predicts."
    )
    assert finding.evidence == (
        Evidence(
            signal="target_posinf",
            where="target",
            step=21,
            observed=1.0,
            claim="is above 0",
            because="1 value of 32 rows in this batch, while every input was finite",
            bound=0,
        ),
    )


@pytest.mark.parametrize(("value", "word"), [(nan, "NaN"), (-inf, "-Inf")], ids=["0/0", "log of 0"])
def test_counts_every_bad_label_of_the_batch(value: float, word: str) -> None:
    x, y = data()
    y[2 * ROWS : 2 * ROWS + 3] = value

    finding = RULE.check(case(descend(x, y), LINEAR))

    assert isinstance(finding, Finding)
    assert f"holds {word} in its targets" in finding.summary
    assert finding.evidence[0].because.startswith("3 values of 32 rows")


def test_is_ruled_out_where_the_inputs_of_the_same_batch_were_bad() -> None:
    x, y = data()
    x[0, 0] = nan
    y[0] = nan

    answer = RULE.check(case(descend(x, y), LINEAR))

    assert answer == RuledOut(RULE.cause, "the inputs were bad first, up to step 0")


def test_is_ruled_out_where_every_target_was_finite() -> None:
    answer = RULE.check(failure("learning-rate-too-high"))

    assert answer == RuledOut(RULE.cause, "every target was finite, up to step 19")


def test_is_silent_where_targets_were_not_recorded() -> None:
    assert RULE.check(case({"loss": [1.0, nan]})) is None


def test_is_silent_on_a_healthy_run() -> None:
    x, y = data()
    y *= 1e6

    assert RULE.check(case(descend(x, y), LINEAR)) is None
