"""Causes from ordinary scalars: named where the log bears them out, and nowhere else."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest

from analyzer import scalar_rules
from analyzer.analysis import Analysis, analyze_run
from analyzer.verdict import LEAST_CONFIDENCE, RULES
from tests.analyzer.runs import run

GROWING = [1.0, 8.0, 90.0, 700.0, 9e3, 6e4, 8e5, 9e9]


def on(name: str = "run", **tags: Any) -> Analysis:
    known = {tag.replace("__", "/"): points for tag, points in tags.items()}
    return analyze_run(run(scalars=known, name=name))


def cause(analysis: Analysis) -> str:
    assert analysis.verdict is not None
    return analysis.verdict.cause


def from_1(*values: float) -> dict[int, float]:
    return dict(enumerate(values, start=1))


# --- The house


@pytest.mark.parametrize("rule", scalar_rules.ALL, ids=lambda rule: rule.cause)
def test_every_rule_says_what_it_is(rule: scalar_rules.ScalarRule) -> None:
    assert rule.cause == rule.cause.lower().replace("_", "-")
    assert rule.title
    assert rule.remedies
    for remedy in rule.remedies:
        assert remedy.text.endswith(".")
        compile(remedy.code or "", "remedy", "exec")
    known = RULES.get(rule.cause)
    assert known is None or (known.family, known.title) == (rule.family, rule.title)


def test_causes_are_there_once() -> None:
    causes = [rule.cause for rule in scalar_rules.ALL]

    assert len(set(causes)) == len(causes)


# --- learning-rate-too-high


def test_growth_from_an_ordinary_start_on_is_a_rate_too_high() -> None:
    analysis = on(batch_loss=from_1(*GROWING, inf))

    assert cause(analysis) == "learning-rate-too-high"
    assert analysis.verdict is not None
    assert LEAST_CONFIDENCE <= analysis.verdict.confidence <= 0.8
    assert [fact.observed for fact in analysis.verdict.evidence] == [1.0, 9e9]


def test_a_logged_rate_above_all_use_makes_it_surer() -> None:
    surer = on(batch_loss=from_1(*GROWING, inf), epoch_learning_rate=[1.0]).verdict
    plain = on(batch_loss=from_1(*GROWING, inf)).verdict

    assert surer is not None
    assert plain is not None
    assert surer.confidence > plain.confidence


def test_a_high_rate_needs_few_points() -> None:
    tags: dict[str, Any] = {"batch_loss": from_1(1.0, 3e5, inf)}

    assert cause(on(**tags, epoch_learning_rate=[1.0])) == "learning-rate-too-high"
    assert cause(on(**tags)) == "unknown"


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param({"batch_loss": from_1(*GROWING, inf), "lr": [0.01]}, id="a usual rate"),
        pytest.param(
            {"batch_loss": from_1(*(400 * v for v in GROWING), inf)}, id="a large start: scales"
        ),
        pytest.param(
            {"batch_loss": from_1(*[1.0, 0.9, 0.8] * 5, *GROWING, inf)}, id="after a calm phase"
        ),
        pytest.param({"batch_loss": from_1(1.0, 0.9, 0.8, 0.7, 1e9, inf)}, id="one jump"),
        pytest.param({"batch_loss": from_1(1.0, 2.0, 4.0, 8.0, 16.0, nan)}, id="too little growth"),
        pytest.param({"epoch_loss": [*GROWING, inf]}, id="epochs"),
        pytest.param({"batch_loss": dict(enumerate([*GROWING, inf], 900))}, id="a later part"),
        pytest.param({"batch_loss": from_1(*GROWING, inf, 1.0)}, id="a spike"),
        pytest.param({"val_loss": from_1(1.0, *GROWING, inf), "loss": [1.0]}, id="validation"),
        pytest.param({"batch_loss": from_1(nan)}, id="nothing before"),
    ],
)
def test_other_failures_are_not_blamed_on_the_rate(tags: Any) -> None:
    assert cause(on(**tags)) == "unknown"


def test_a_rate_that_rose_until_the_loss_broke_was_too_high() -> None:
    calm, rates = [1.0] * 12, list(np.geomspace(1e-4, 1.0, 16))

    analysis = on(loss=[*calm, 5.0, 80.0, 4e3, nan], lr=rates)

    assert cause(analysis) == "learning-rate-too-high"
    assert analysis.verdict is not None
    assert analysis.verdict.evidence[0].signal == "lr"


@pytest.mark.parametrize(
    ("losses", "rates"),
    [
        ([1.0] * 15 + [nan], np.geomspace(1e-4, 1.0, 16)),
        ([1.0] * 12 + [5.0, 80.0, 4e3, nan], [0.01] * 16),
        ([1.0] * 12 + [5.0, 80.0, 4e3, nan], np.geomspace(1.0, 1e-4, 16)),
        ([1.0] * 12 + [5.0, 80.0, 4e3, nan], [*np.geomspace(1e-4, 1.0, 8), *[0.1] * 8]),
    ],
    ids=["no growth", "constant", "falling", "past its peak"],
)
def test_a_rate_that_did_not_rise_to_the_break_is_not_blamed(losses: Any, rates: Any) -> None:
    assert cause(on(loss=losses, lr=list(rates))) == "unknown"


# --- nonfinite-learning-rate


@pytest.mark.parametrize("rate_step", [4, 5])
def test_a_nan_rate_no_later_than_the_loss_is_the_cause(rate_step: int) -> None:
    rates = [0.1] * rate_step + [nan] * (8 - rate_step)

    analysis = on(train__loss=[1.0] * 5 + [nan] * 3, train__lr=rates)

    assert cause(analysis) == "nonfinite-learning-rate"


def test_a_nan_rate_after_the_loss_broke_is_a_consequence() -> None:
    rates = [0.1] * 7 + [nan]

    assert cause(on(train__loss=[1.0] * 3 + [nan] * 5, train__lr=rates)) == "unknown"


def test_a_nan_rate_beside_a_loss_that_goes_on_was_not_the_one_applied() -> None:
    analysis = on(train__loss=[1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4], train__lr=[nan] * 7)

    assert cause(analysis) == "unknown"


# --- loss-scale-collapse

HALVING = [2.0**n for n in range(15, -6, -1)]


def test_a_loss_scale_that_fell_below_1_under_a_finite_loss_has_collapsed() -> None:
    analysis = on(loss=[2.3] * len(HALVING), train__loss_scale=HALVING)

    assert (analysis.status, cause(analysis)) == ("unhealthy", "loss-scale-collapse")
    assert analysis.findings[0].step == 16


def test_gradients_that_are_bad_at_any_scale_are_blamed_on_it_too() -> None:
    norms = [1.0, *[inf] * (len(HALVING) - 1)]

    analysis = on(loss=[2.3] * len(HALVING), train__loss_scale=HALVING, train__grad_norm=norms)

    assert (analysis.status, cause(analysis)) == ("silent", "loss-scale-collapse")


@pytest.mark.parametrize(
    "scale",
    [
        [65536.0, 32768.0, 16384.0, 16384.0, 32768.0],
        [65536.0, 32768.0, 1.0, 1.0],
        [0.5, 0.5, 0.5],
        [4.0, 2.0, 1.0, 0.5],
        [65536.0] + [0.25] * 3 + [8.0],
    ],
    ids=["skips at the start", "a floor of 1", "a fixed scale", "a small fall", "it came back"],
)
def test_a_loss_scale_that_does_its_work_is_healthy(scale: list[float]) -> None:
    assert on(loss=[1.0] * len(scale), loss_scale=scale).status == "healthy"


def test_a_scale_that_fell_since_the_loss_is_nan_is_not_the_cause() -> None:
    analysis = on(loss=[1.0, *[nan] * (len(HALVING) - 1)], loss_scale=HALVING)

    assert cause(analysis) == "unknown"


# --- nonfinite-validation-data

GOOD: dict[str, Any] = {
    "loss": [0.7, 0.4, 0.2],
    "accuracy": [0.6, 0.8, 0.95],
    "val_loss": [nan, nan, nan],
    "val_accuracy": [0.6, 0.8, 0.93],
}


def test_a_validation_loss_that_is_always_nan_under_good_predictions_is_due_to_its_data() -> None:
    analysis = on(**GOOD)

    assert cause(analysis) == "nonfinite-validation-data"
    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.phase.value == "validation"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"val_accuracy": [0.1, 0.1, 0.1]}, id="all predictions are one class"),
        pytest.param({"val_accuracy": [0.93, 0.93, 0.93]}, id="an accuracy that stands still"),
        pytest.param({"val_accuracy": [0.9, 0.7, 0.5]}, id="predictions got worse"),
        pytest.param({"val_loss": [0.6, nan, nan]}, id="it was finite at first"),
        pytest.param({"val_loss": [nan, nan, 0.6]}, id="it came back"),
        pytest.param({"loss": [0.7, 0.4, nan]}, id="training failed too"),
        pytest.param({"loss": [0.7, 0.8, 0.9]}, id="training does not go well"),
        pytest.param({"val_accuracy": None}, id="no accuracy"),
        pytest.param({"val_loss": [nan]}, id="a single evaluation"),
    ],
)
def test_other_validation_losses_are_not_blamed_on_the_data(changes: Any) -> None:
    tags = {tag: of for tag, of in {**GOOD, **changes}.items() if of is not None}

    assert cause(on(**tags)) == "unknown"
