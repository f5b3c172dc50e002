"""`output-activation-mismatch` fires on targets that the last layer can never give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analyzer.findings import Finding
from analyzer.rules.output_activation_mismatch import RANGES, RULE
from tests.analyzer.failures import failure, output_activation_mismatch
from tests.analyzer.runs import case, environment, layer


def fires(low: float, high: float, **how: Any) -> bool:
    answer = RULE.check(case(*output_activation_mismatch(low, high, **how)))
    return isinstance(answer, Finding)


def test_names_the_layer_the_target_and_the_share_out_of_reach() -> None:
    finding = RULE.check(failure("output-activation-mismatch"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence, finding.severity) == (0, 0.95, "warning")
    assert finding.summary == (
        "The targets reach -3, but dense_1 ends in relu and can never predict that: 75% of the "
        "targets' range is out of reach."
    )
    target, loss = finding.evidence
    assert (target.signal, target.where, target.step) == ("target_min", "target", 0)
    assert (target.observed, target.claim, target.bound) == (-3.0, "is below 0", 0.0)
    assert target.because.startswith("dense_1 ends in relu")
    assert (loss.signal, loss.step, loss.observed) == ("loss", 39, 4.0)


def test_shows_the_step_of_the_farthest_target() -> None:
    columns, facts = output_activation_mismatch()
    lows = [-3.0] * 17 + [-9.0] + [-3.0] * 22

    finding = RULE.check(case({**columns, "target_min of target": lows}, facts))

    assert isinstance(finding, Finding)
    assert (finding.evidence[0].step, finding.evidence[0].observed) == (17, -9.0)


def test_shows_the_largest_target_where_those_are_out_of_reach() -> None:
    finding = RULE.check(case(*output_activation_mismatch(0, 4, activation="sigmoid")))

    assert isinstance(finding, Finding)
    assert (finding.evidence[0].signal, finding.evidence[0].claim) == ("target_max", "is above 1")


def test_threshold_is_a_quarter_of_the_range_or_a_twentieth_of_a_stuck_training() -> None:
    assert fires(-0.26, 0.74, loss=1.0)
    assert not fires(-0.24, 0.76, loss=1.0)
    assert fires(-0.06, 0.94, loss=4.0)
    assert not fires(-0.04, 0.96, loss=4.0)


@pytest.mark.parametrize("activation", RANGES)
def test_reach_of_an_activation_is_what_it_really_gives(activation: str) -> None:
    z = np.linspace(-30, 30, 10_001)
    real = {
        "relu": np.maximum(z, 0),
        "relu6": np.clip(z, 0, 6),
        "softplus": np.log1p(np.exp(z)),
        "exponential": np.exp(z),
        "sigmoid": 1 / (1 + np.exp(-z)),
        "hard_sigmoid": np.clip(z / 6 + 0.5, 0, 1),
        "softmax": np.exp(z) / np.exp(z).sum(),
        "tanh": np.tanh(z),
        "softsign": z / (1 + np.abs(z)),
    }[activation]
    low, high = RANGES[activation]

    assert real.min() == pytest.approx(low, abs=0.05)
    assert high >= real.max()
    assert not fires(max(low, -1.0), min(high, 5.0), activation=activation)


@pytest.mark.parametrize("activation", ["linear", "leaky_relu", "my_own"])
def test_is_silent_on_an_activation_that_reaches_everywhere_or_is_not_known(
    activation: str,
) -> None:
    assert not fires(-3.0, 1.0, activation=activation)


@pytest.mark.parametrize("loss", ["binary_crossentropy", "hinge", "poisson", "my_dice_loss"])
def test_is_silent_where_the_loss_measures_no_distance(loss: str) -> None:
    columns, facts = output_activation_mismatch(activation="sigmoid")
    facts["losses"] = [{"name": loss, "builtin": True}]

    assert RULE.check(case(columns, facts)) is None


def test_is_silent_where_targets_never_change() -> None:
    assert not fires(-3.0, -3.0)


def test_is_silent_where_something_was_not_finite() -> None:
    columns, facts = output_activation_mismatch()
    bad = {**columns, "target_nan of target": [0.0] * 39 + [1.0]}

    assert RULE.check(case(bad, facts)) is None


def test_names_a_softmax_over_a_single_unit() -> None:
    facts = environment(
        layers=[layer("dense", activation="softmax")],
        output_layers={"": "dense"},
        losses=[{"name": "binary_crossentropy", "builtin": True}],
    )
    ones = {"prediction_min": [1.0] * 40, "loss": 8.0}
    wide = {**facts, "batch": {"predictions": {"": {"shape": [32, 10]}}}}

    finding = RULE.check(case(ones, facts))

    assert isinstance(finding, Finding)
    assert finding.confidence == 0.97
    assert finding.evidence[0].signal == "prediction_min"
    assert RULE.check(case(ones, wide)) is None
    assert RULE.check(case({**ones, "prediction_min": [0.5] * 40}, facts)) is None
