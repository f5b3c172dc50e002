"""`saturated-activation` fires on hidden units that pass no gradient in a stuck training."""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np
import pytest

from analyzer.findings import Finding
from analyzer.rules.saturated_activation import MOST, RULE
from tests.analyzer.failures import deep_sigmoid, failure, saturated_activation
from tests.analyzer.runs import case, layer


def check(changes: dict[str, Any]) -> Any:
    columns, facts = saturated_activation()
    return RULE.check(case({**columns, **changes}, facts))


def test_names_the_layer_and_the_scale_of_the_inputs() -> None:
    finding = RULE.check(failure("saturated-activation"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence, finding.severity) == (0, 0.9, "warning")
    assert finding.summary.startswith("90% of the outputs of dense_0 are saturated:")
    share, scale = finding.evidence
    assert (share.signal, share.where, share.step) == ("saturated_fraction", "dense_0", 39)
    assert share.observed == pytest.approx(0.9)
    assert (scale.signal, scale.where, scale.observed) == ("input_max", "feature 0", 140.0)
    assert scale.claim == "belongs to the largest column, whose scale is 50"
    assert scale.because == "inputs this large push the units there"


def test_does_not_blame_inputs_of_usual_size() -> None:
    finding = check({"input_std of feature 0": 1.0})

    assert isinstance(finding, Finding)
    assert finding.evidence[1].because == "the inputs are of usual size"


def test_threshold_is_more_than_half_of_the_outputs() -> None:
    assert RULE.check(case(*saturated_activation(MOST))) is None
    assert isinstance(RULE.check(case(*saturated_activation(MOST + 0.01))), Finding)


def test_is_surer_the_more_is_saturated() -> None:
    some, most = (RULE.check(case(*saturated_activation(share))) for share in (0.6, 0.95))

    assert isinstance(some, Finding)
    assert isinstance(most, Finding)
    assert some.confidence < most.confidence


def test_names_the_worst_of_several_layers() -> None:
    finding = check({"saturated_fraction of dense_1": 0.99})

    assert isinstance(finding, Finding)
    assert finding.evidence[0].where == "dense_1"


@pytest.mark.parametrize("activation", ["softmax", "relu6", "hard_sigmoid", "hard_tanh"])
def test_edges_that_are_there_by_design_are_no_finding(activation: str) -> None:
    columns, facts = saturated_activation(1.0)
    layers = [layer("dense_0", activation=activation), layer("dense_3", activation="sigmoid")]

    assert RULE.check(case(columns, {**facts, "layers": layers})) is None


def test_judges_the_second_half_of_the_training() -> None:
    recovering = check({"saturated_fraction of dense_0": [0.9] * 19 + [0.1] * 21})
    worsening = check({"saturated_fraction of dense_0": [0.1] * 19 + [0.9] * 21})

    assert recovering is None
    assert isinstance(worsening, Finding)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"loss": list(np.linspace(0.7, 0.1, 40))}, id="a training that learns"),
        pytest.param({"loss": [0.7] * 39 + [nan]}, id="a training that went NaN"),
    ],
)
def test_is_silent_on(changes: dict[str, Any]) -> None:
    assert check(changes) is None


def test_is_silent_on_an_output_layer_that_is_sure_of_itself() -> None:
    assert RULE.check(case(*saturated_activation(where="dense_3"))) is None


def test_is_silent_on_too_short_a_training() -> None:
    columns, _ = saturated_activation()
    short = {key: c if isinstance(c, float) else list(c)[:19] for key, c in columns.items()}

    assert RULE.check(case(short, deep_sigmoid())) is None
