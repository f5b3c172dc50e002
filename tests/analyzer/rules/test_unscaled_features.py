"""`unscaled-features` fires on large features that made training fail, not on large features."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.findings import Finding, RuledOut
from analyzer.rules.unscaled_features import RULE
from tests.analyzer.descent import ROWS, data, descend
from tests.analyzer.failures import LINEAR, failure
from tests.analyzer.runs import case, layer


def scaled_by(factor: float, rate: float, **changes: Any) -> Any:
    x, y = data()
    x[:, 1] *= factor
    return RULE.check(case(descend(x, y, rate=rate), {**LINEAR, **changes}))


def test_names_the_column_its_scale_and_the_first_bad_step() -> None:
    finding = RULE.check(failure("unscaled-features"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence, finding.severity) == (4, 0.92, "error")
    assert finding.summary == (
        "Feature 1 has a scale of 966: training diverged until step 4 was no longer finite; with "
        "features this large an ordinary learning rate overshoots."
    )
    facts = [(e.signal, e.where, e.step) for e in finding.evidence]
    assert facts == [("input_max", "feature 1", 0), ("loss", "", 3)]
    assert finding.evidence[0].observed == pytest.approx(2000.4165)
    assert finding.evidence[0].claim == "belongs to a column whose scale is 966.2"


def test_shows_the_minimum_where_a_column_reaches_farther_below_zero() -> None:
    x, y = data()
    x[:, 1] = -5000 - abs(x[:, 1])

    finding = RULE.check(case(descend(x, y, rate=0.01), LINEAR))

    assert isinstance(finding, Finding)
    assert finding.evidence[0].signal == "input_min"
    assert finding.evidence[0].observed < -5000


def test_is_ruled_out_just_below_a_scale_of_ten() -> None:
    answer = scaled_by(8, rate=0.5)

    assert isinstance(answer, RuledOut)
    assert "scale of 7.73" in answer.because


def test_fires_just_above_a_scale_of_ten() -> None:
    assert isinstance(scaled_by(12, rate=0.1), Finding)


def test_leads_only_while_the_rate_is_the_more_usual_of_the_two() -> None:
    usual, high = scaled_by(100, rate=0.05), scaled_by(100, rate=500.0)

    assert isinstance(usual, Finding)
    assert usual.confidence > 0.5
    assert not isinstance(high, Finding) or high.confidence < usual.confidence


@pytest.mark.parametrize("kind", ["Normalization", "BatchNormalization"])
def test_is_ruled_out_where_the_first_layer_scales_its_input(kind: str) -> None:
    layers = [layer("input", "InputLayer"), layer("scale", kind), layer("dense")]

    answer = scaled_by(1000, rate=0.01, layers=layers)

    assert answer == RuledOut(RULE.cause, "the model's first layer brings its input to scale")


def test_is_silent_where_a_model_copes_with_large_features() -> None:
    assert scaled_by(30, rate=5e-4) is None


def test_is_ruled_out_where_features_are_of_unit_scale() -> None:
    assert RULE.check(failure("learning-rate-too-high")) == RuledOut(
        RULE.cause, "the largest column (feature 1) has a scale of 0.966"
    )


@pytest.mark.parametrize("neighbour", ["nonfinite-input", "nonfinite-target"])
def test_is_silent_where_one_bad_value_broke_the_training(neighbour: str) -> None:
    assert RULE.check(failure(neighbour)) is None


def test_one_batch_far_outside_the_earlier_ones_is_not_blamed_on_the_features() -> None:
    x, y = data()
    x[30 * ROWS : 31 * ROWS, 1] *= 1e6

    answer = RULE.check(case(descend(x, y, rate=0.05), LINEAR))

    assert not isinstance(answer, Finding)
