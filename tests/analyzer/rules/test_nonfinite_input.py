"""`nonfinite-input` fires on a bad value in the data, and on nothing that only follows from one."""

from __future__ import annotations

from math import inf, nan

import pytest

from analyzer.evidence import Evidence
from analyzer.findings import Finding, RuledOut
from analyzer.rules.nonfinite_input import RULE
from tests.analyzer.descent import ROWS, data, descend
from tests.analyzer.failures import LINEAR, failure
from tests.analyzer.runs import Columns, case

WIDE: Columns = {
    "batch_size": 32.0,
    "input_mean of all features": [0.1, 0.2, 0.1],
    "input_nan of all features": [0.0, 0.0, 4.0],
    "input_posinf of all features": 0.0,
    "input_neginf of all features": 0.0,
    "input_bad_column of all features": [-1.0, -1.0, 700.0],
    "loss": [1.0, 0.9, nan],
}


def test_names_step_and_column_of_one_nan_in_one_cell() -> None:
    finding = RULE.check(failure("nonfinite-input"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence, finding.severity) == (13, 0.99, "error")
    assert finding.summary == (
        "The batch of step 13 holds NaN in feature 1: the data is bad before the model sees it."
    )
    assert finding.evidence == (
        Evidence(
            signal="input_nan",
            where="feature 1",
            step=13,
            observed=1.0,
            claim="is above 0",
            because="1 value of 32 rows in this batch; nothing before it in the step, and nothing "
            "in earlier steps, was bad",
            bound=0,
        ),
    )


@pytest.mark.parametrize(
    ("value", "signal", "word"),
    [(nan, "input_nan", "NaN"), (inf, "input_posinf", "+Inf"), (-inf, "input_neginf", "-Inf")],
)
def test_tells_the_three_kinds_apart(value: float, signal: str, word: str) -> None:
    x, y = data()
    x[5 * ROWS, 0] = value
    x[9 * ROWS, 0] = inf  # -Inf alone would be a logarithm

    finding = RULE.check(case(descend(x, y), LINEAR))

    assert isinstance(finding, Finding)
    assert finding.evidence[0].signal == signal
    assert f"holds {word} in feature 0:" in finding.summary


def test_names_the_other_bad_columns_of_the_batch_and_counts_all_kinds() -> None:
    x, y = data(features=4)
    x[5 * ROWS, :3] = nan
    x[5 * ROWS + 1, 0] = inf

    finding = RULE.check(case(descend(x, y), LINEAR))

    assert isinstance(finding, Finding)
    assert "in feature 0 (also feature 1, feature 2):" in finding.summary
    assert finding.evidence[0].because.startswith("2 values of 32 rows")


def test_fires_although_the_loss_stays_finite() -> None:
    columns = {
        "input_nan of feature 0": [0.0, 1.0, 0.0],
        "input_posinf of feature 0": 0.0,
        "input_neginf of feature 0": 0.0,
        "loss": [1.0, 0.9, 0.8],
    }

    finding = RULE.check(case(columns))

    assert isinstance(finding, Finding)
    assert finding.step == 1
    assert finding.evidence[0].because.startswith("1 value in this batch;")


def test_names_the_exact_column_of_a_wide_batch() -> None:
    finding = RULE.check(case(WIDE))

    assert isinstance(finding, Finding)
    assert finding.summary.startswith("The batch of step 2 holds NaN in feature 700:")
    assert (finding.evidence[0].where, finding.evidence[0].observed) == ("all features", 4.0)


def test_fires_where_one_row_of_a_column_was_still_finite() -> None:
    x, y = data()
    x[:, 1] = nan
    x[40 * ROWS, 1] = 0.5

    finding = RULE.check(case(descend(x, y), LINEAR))

    assert isinstance(finding, Finding)
    assert finding.step == 0


def test_leaves_a_column_that_is_bad_throughout_to_another_rule() -> None:
    answer = RULE.check(failure("zero-variance-feature"))

    assert answer == RuledOut(RULE.cause, "feature 1 is bad in every row, not in some", 0.2)


@pytest.mark.parametrize(
    ("neighbour", "step"),
    [("nonfinite-target", 21), ("learning-rate-too-high", 19), ("unscaled-features", 4)],
)
def test_is_ruled_out_where_the_inputs_were_finite(neighbour: str, step: int) -> None:
    answer = RULE.check(failure(neighbour))

    assert answer == RuledOut(RULE.cause, f"every input up to step {step} was finite")


def test_is_ruled_out_where_the_input_broke_after_the_loss() -> None:
    columns = {"input_nan of feature 0": [0.0, 0.0, 5.0], "loss": [1.0, nan, nan]}

    assert isinstance(RULE.check(case(columns)), RuledOut)


def test_is_silent_where_inputs_were_not_recorded() -> None:
    assert RULE.check(case({"loss": [1.0, nan]})) is None
