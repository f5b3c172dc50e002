"""`layer-overflow` fires on a layer that made an overflow itself, not on one that passed it on."""

from __future__ import annotations

from math import inf, nan, nextafter

import numpy as np
import pytest

from analyzer.findings import CannotTell, Finding, RuledOut
from analyzer.rules.layer_overflow import LARGEST_EXPONENT_FLOAT32, MODERATE, RULE
from analyzer.verdict import judge
from tests.analyzer.descent import data, descend
from tests.analyzer.failures import LINEAR, failure, layer_overflow
from tests.analyzer.runs import case, environment, layer


def test_names_the_layer_and_what_went_into_it() -> None:
    finding = RULE.check(failure("layer-overflow"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence, finding.severity) == (9, 0.93, "error")
    assert finding.summary == (
        "In step 9 the layer exp overflowed, although the numbers that went into it were at most "
        "95, beyond exp's reach of 88.72."
    )
    facts = [(e.signal, e.where, e.step, e.observed) for e in finding.evidence]
    assert facts == [
        ("output_max_abs", "dense", 9, 95.0),
        ("output_posinf", "exp", 9, 3.0),
    ]


def test_limit_is_the_exponent_at_which_float32_really_overflows() -> None:
    with np.errstate(over="ignore"):
        assert np.isfinite(np.exp(np.float32(LARGEST_EXPONENT_FLOAT32)))
        assert np.isinf(np.exp(np.float32(LARGEST_EXPONENT_FLOAT32 + 0.01)))


@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
def test_knows_that_exp_reaches_less_far_in_half_precision(policy: str) -> None:
    columns, facts = layer_overflow(biggest=12.0)

    assert "beyond exp's reach of 11.09" in str(
        RULE.check(case(columns, {**facts, "dtype_policy": policy}))
    )
    assert "beyond" not in str(RULE.check(case(columns, facts)))


def test_does_not_blame_a_layer_of_the_framework_itself() -> None:
    columns, facts = layer_overflow()
    builtin = {**facts, "layers": [layer("dense"), layer("exp", "Exp", parameters=0)]}

    assert isinstance(RULE.check(case(columns, builtin)), CannotTell)


def test_is_ruled_out_where_the_layer_was_finite_for_numbers_as_large_before() -> None:
    columns, facts = layer_overflow()
    before = {**columns, "output_max_abs of dense": [*[95.0] * 9, 95.0]}

    assert isinstance(RULE.check(case(before, facts)), RuledOut)


def test_is_ruled_out_where_nan_came_of_input_within_the_reach_of_exp() -> None:
    answer = RULE.check(case(*layer_overflow(biggest=50.0, posinf=0, nans=3)))

    assert isinstance(answer, RuledOut)


def test_threshold_is_an_input_from_which_products_cannot_overflow() -> None:
    at = RULE.check(case(*layer_overflow(biggest=MODERATE)))
    over = RULE.check(case(*layer_overflow(biggest=MODERATE * 1.0000002)))

    assert isinstance(at, Finding)
    assert isinstance(over, RuledOut)
    assert over.because == "what went into exp was already above 1e+06"
    assert nextafter(MODERATE, inf) > MODERATE


def test_a_layer_behind_a_bad_one_is_not_named() -> None:
    columns, facts = layer_overflow()
    after = {"output_nan of dense_1": [*[0.0] * 9, 8.0], "output_max_abs of dense_1": nan}
    layers = [*facts["layers"], layer("dense_1")]

    finding = RULE.check(case({**columns, **after}, environment(layers=layers)))

    assert isinstance(finding, Finding)
    assert finding.evidence[1].where == "exp"


@pytest.mark.parametrize(
    ("neighbour", "step"), [("learning-rate-too-high", 19), ("loss-log-of-zero", 9)]
)
def test_is_ruled_out_where_every_output_was_finite(neighbour: str, step: int) -> None:
    answer = RULE.check(failure(neighbour))

    assert answer == RuledOut(RULE.cause, f"every layer's output up to step {step} was finite")


@pytest.mark.parametrize("neighbour", ["nonfinite-input", "nonfinite-target"])
def test_is_silent_where_bad_data_came_first(neighbour: str) -> None:
    assert RULE.check(failure(neighbour)) is None


def test_a_divergence_that_reaches_a_layer_first_is_not_blamed_on_the_layer() -> None:
    columns = descend(*data(steps=200), rate=5.0)
    without_loss = {key: c for key, c in columns.items() if key != "loss"}

    verdict, _ = judge(case(without_loss, LINEAR))

    assert verdict is not None
    assert verdict.cause == "learning-rate-too-high"
