"""`zero-variance-feature` fires on a column without one finite value, and on no less than that."""

from __future__ import annotations

from math import inf, nan

import pytest

from analyzer.evidence import Evidence
from analyzer.findings import Finding, RuledOut
from analyzer.rules.zero_variance_feature import RULE
from tests.analyzer.descent import ROWS, data, descend
from tests.analyzer.failures import LINEAR, failure
from tests.analyzer.runs import case


def wide(first_bad: list[float], bad: list[float]) -> dict[str, list[float] | float]:
    """A batch too wide to be recorded by column: one count for all, and the first bad index."""
    return {
        "batch_size": 32.0,
        "input_mean of all features": 0.5,
        "input_nan of all features": bad,
        "input_posinf of all features": 0.0,
        "input_neginf of all features": 0.0,
        "input_bad_column of all features": first_bad,
    }


def test_names_the_column_from_the_first_step_on() -> None:
    finding = RULE.check(failure("zero-variance-feature"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence, finding.severity) == (0, 0.95, "error")
    assert finding.summary == (
        "Feature 1 holds no finite value in any row of 60 batches: a column that never changes was "
        "divided by its standard deviation, which is 0."
    )
    assert finding.evidence == (
        Evidence(
            signal="input_nan",
            where="feature 1",
            step=0,
            observed=float(ROWS),
            claim="is above 0",
            because="not one value of this column is finite, in this batch or any other",
            bound=0,
        ),
    )


def test_is_less_sure_after_a_single_batch() -> None:
    x, y = data(steps=1)
    x[:, 0] = inf

    finding = RULE.check(case(descend(x, y), LINEAR))

    assert isinstance(finding, Finding)
    assert finding.confidence == 0.85
    assert finding.evidence[0].signal == "input_posinf"


def test_counts_a_column_of_mixed_kinds_as_lost() -> None:
    x, y = data()
    x[:, 0] = inf
    x[::2, 0] = nan  # 0/0 beside c/0: the same constant column in two parts of the data

    assert isinstance(RULE.check(case(descend(x, y), LINEAR)), Finding)


def test_names_every_lost_column_and_no_column_that_is_bad_in_some_rows_only() -> None:
    x, y = data(features=4)
    x[:, 1:3] = nan
    x[0, 3] = nan

    finding = RULE.check(case(descend(x, y), LINEAR))

    assert isinstance(finding, Finding)
    assert finding.summary.startswith("Feature 1, feature 2 hold no finite value")


def test_knows_the_lost_column_of_a_wide_batch() -> None:
    finding = RULE.check(case(wide([700.0, 700.0, 700.0], [32.0, 33.0, 32.0])))

    assert isinstance(finding, Finding)
    assert finding.step == 0


@pytest.mark.parametrize(
    ("first_bad", "bad"),
    [
        pytest.param([700.0, 700.0, -1.0], [32.0, 32.0, 0.0], id="a batch without a bad value"),
        pytest.param([700.0, 3.0, 700.0], [32.0, 33.0, 32.0], id="another column comes first"),
        pytest.param([700.0, 700.0, 700.0], [32.0, 31.0, 32.0], id="one row is finite"),
    ],
)
def test_is_ruled_out_in_a_wide_batch_by(first_bad: list[float], bad: list[float]) -> None:
    assert isinstance(RULE.check(case(wide(first_bad, bad))), RuledOut)


@pytest.mark.parametrize("row", [0, 31, 59 * ROWS + 31])
def test_is_ruled_out_by_one_finite_value_in_any_batch(row: int) -> None:
    x, y = data()
    x[:, 1] = nan
    x[row, 1] = 0.0

    answer = RULE.check(case(descend(x, y), LINEAR))

    assert answer == RuledOut(RULE.cause, "feature 1 has finite values in other rows or batches")


def test_is_silent_on_a_constant_column_that_was_left_as_it_is() -> None:
    x, y = data()
    x[:, 1] = 1.0

    assert RULE.check(case(descend(x, y), LINEAR)) is None


def test_is_ruled_out_where_the_input_was_finite() -> None:
    answer = RULE.check(failure("nonfinite-target"))

    assert answer == RuledOut(RULE.cause, "every input up to step 21 was finite")
