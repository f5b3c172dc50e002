"""`learning-rate-too-high` fires on a rate out of proportion, not on every divergence."""

from __future__ import annotations

from math import nan

import pytest

from analyzer import derived
from analyzer.findings import CannotTell, Finding, RuledOut
from analyzer.rules.learning_rate_too_high import RULE
from tests.analyzer.descent import ROWS, data, descend
from tests.analyzer.failures import LINEAR, failure
from tests.analyzer.runs import case


def test_names_the_rate_and_shows_the_growth() -> None:
    finding = RULE.check(failure("learning-rate-too-high"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence, finding.severity) == (19, 0.92, "error")
    assert finding.summary == (
        "A learning rate of 5 made training diverge: every step overshot the last one, until step "
        "19 was no longer finite."
    )
    rate, growth, update = finding.evidence
    assert (rate.signal, rate.step, rate.observed) == ("learning_rate", 0, 5.0)
    assert (rate.claim, rate.bound) == ("is above 0.1", 0.1)
    assert (growth.signal, growth.step) == ("loss", 18)
    assert growth.observed == pytest.approx(3.067e36, rel=1e-3)
    assert growth.claim.startswith("grew ")
    assert (update.signal, update.where, update.step) == ("gradient_norm", "dense/kernel", 18)


def test_fires_on_a_divergence_that_has_not_overflowed_yet() -> None:
    x, y = data(steps=25)

    finding = RULE.check(case(descend(x, y, rate=2.0), LINEAR))

    assert isinstance(finding, Finding)
    assert finding.summary == (
        "A learning rate of 2 is too high: every step overshoots, and training blew up."
    )


def test_says_nothing_of_a_high_rate_that_a_model_coped_with() -> None:
    x, y = data()

    assert RULE.check(case(descend(x, y, rate=0.4), LINEAR)) is None


def test_is_ruled_out_where_the_features_were_out_of_proportion() -> None:
    answer = RULE.check(failure("unscaled-features"))

    assert answer == RuledOut(
        RULE.cause, "the rate of 0.01 is usual, while the features are far from unit scale", 0.15
    )


def test_is_ruled_out_where_the_targets_were_out_of_proportion() -> None:
    x, y = data(features=4)
    y *= 1e8

    answer = RULE.check(case(descend(x * 5, y, rate=0.1), LINEAR))

    assert not isinstance(answer, Finding) or answer.confidence < 0.5


def test_is_a_guess_below_what_makes_a_verdict_where_the_rate_is_usual() -> None:
    x, y = data(features=24)
    x[:] = x[:, :1]  # features that say the same add up their curvature
    usual = derived.HIGHEST_USUAL_RATE["SGD"]

    finding = RULE.check(case(descend(x, y, rate=0.9 * usual), LINEAR))

    assert isinstance(finding, Finding)
    assert finding.confidence < 0.5
    assert finding.evidence[0].claim == "is at most 0.1"


def test_momentum_lowers_the_usual_rate() -> None:
    columns = descend(*data(), rate=5.0)
    heavy = {**LINEAR, "optimizer": {"class": "SGD", "settings": {"momentum": 0.99}}}

    finding = RULE.check(case(columns, heavy))

    assert isinstance(finding, Finding)
    assert finding.evidence[0].bound == pytest.approx(0.01)


def test_looks_at_the_highest_rate_of_a_schedule() -> None:
    columns = descend(*data(), rate=5.0)
    columns["learning_rate"][:2] = [0.01, 0.1]
    columns["learning_rate"][4] = 6.0

    finding = RULE.check(case(columns, LINEAR))

    assert isinstance(finding, Finding)
    assert (finding.evidence[0].step, finding.evidence[0].observed) == (4, 6.0)


@pytest.mark.parametrize(
    "neighbour", ["nonfinite-input", "zero-variance-feature", "nonfinite-target"]
)
def test_is_silent_where_bad_data_broke_a_calm_training(neighbour: str) -> None:
    assert RULE.check(failure(neighbour)) is None


def test_is_no_verdict_on_a_single_bad_loss_after_calm_steps() -> None:
    columns = descend(*data())
    columns["loss"][30] = nan

    answer = RULE.check(case(columns, LINEAR))

    assert not isinstance(answer, Finding) or answer.confidence < 0.5


def test_is_silent_on_bad_data_in_a_training_that_was_diverging_too() -> None:
    x, y = data()
    x[3 * ROWS] = nan

    assert RULE.check(case(descend(x, y, rate=5.0), LINEAR)) is None


@pytest.mark.parametrize("optimizer", [{}, {"class": "MyOptimizer", "settings": {}}])
def test_cannot_tell_of_an_optimizer_it_does_not_know(optimizer: dict[str, object]) -> None:
    columns = descend(*data(), rate=5.0)

    answer = RULE.check(case(columns, {**LINEAR, "optimizer": optimizer}))

    assert answer == CannotTell(RULE.cause, ("the learning rate and the optimizer's name",))


def first_stride(rate: float) -> dict[str, list[float]]:
    """Adam's first step, after which nothing is left to see growing."""
    return {
        "loss": [0.7, nan],
        "learning_rate": [rate, rate],
        "output_nan of dense": [0.0, 8.0],
        "gradient_nan of dense/kernel": [0.0, 8.0],
    }


@pytest.mark.parametrize(("rate", "named"), [(1e20, True), (1e-2, False)])
def test_the_first_stride_of_an_adaptive_optimizer_may_be_the_last(
    rate: float, named: bool
) -> None:
    facts = {**LINEAR, "optimizer": {"class": "Adam", "settings": {}}}

    answer = RULE.check(case(first_stride(rate), facts))

    assert isinstance(answer, Finding) is named
