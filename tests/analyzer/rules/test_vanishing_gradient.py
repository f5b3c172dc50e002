"""`vanishing-gradient` fires on first layers that get no gradient in a training that is stuck."""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np
import pytest

from analyzer.findings import Finding
from analyzer.rules.vanishing_gradient import RATIO, RULE, SMALL
from tests.analyzer.failures import failure, vanishing_gradient
from tests.analyzer.runs import case


def check(**changes: Any) -> Any:
    columns, facts = vanishing_gradient()
    named = {
        key.replace("__", " of ").replace("_kernel", "/kernel"): c for key, c in changes.items()
    }
    return RULE.check(case({**columns, **named}, facts))


def test_names_both_ends_of_the_network() -> None:
    finding = RULE.check(failure("vanishing-gradient"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence, finding.severity) == (0, 0.8, "warning")
    assert finding.summary.startswith(
        "The gradient that reaches dense_0/kernel is under a thousandth of the one at "
        "dense_3/kernel:"
    )
    first, last, loss = finding.evidence
    assert (first.where, first.step, first.bound) == ("dense_0/kernel", 39, SMALL)
    assert first.observed == pytest.approx(1e-6)
    assert first.claim == "is below 1e-04 in 100% of the steps"
    assert (last.where, last.observed) == ("dense_3/kernel", 0.5)
    assert (loss.signal, loss.step, loss.claim) == ("loss", 39, "a blind guess reaches 0.6931")


@pytest.mark.parametrize(
    ("first", "last", "fires"),
    [
        pytest.param(0.99 * SMALL, 1.0, True, id="both thresholds passed"),
        pytest.param(1.01 * SMALL, 1.0, False, id="small against the last, but not small"),
        pytest.param(1e-7, 0.99e-7 / RATIO, False, id="small, but so is the last"),
        pytest.param(1e-7, 1.01e-7 / RATIO, True, id="just a thousandth"),
    ],
)
def test_needs_a_gradient_that_is_small_by_itself_and_against_the_last(
    first: float, last: float, fires: bool
) -> None:
    assert isinstance(RULE.check(case(*vanishing_gradient(first, last))), Finding) is fires


@pytest.mark.parametrize(("vanished", "fires"), [(32, True), (31, False)])
def test_needs_four_fifths_of_the_steps(vanished: int, fires: bool) -> None:
    part = [1e-6] * vanished + [0.1] * (40 - vanished)

    answer = check(gradient_norm__dense_0_kernel=part)

    assert isinstance(answer, Finding) is fires


def test_is_silent_where_the_model_learns() -> None:
    assert check(loss=list(np.linspace(0.7, 0.1, 40))) is None


def test_is_silent_where_training_went_nan() -> None:
    assert check(loss=[0.69] * 39 + [nan]) is None


def test_is_silent_on_a_network_of_two_layers() -> None:
    columns, facts = vanishing_gradient()
    shallow = {key: c for key, c in columns.items() if "dense_1" not in key}

    assert RULE.check(case(shallow, facts)) is None


def test_is_silent_where_the_two_layers_were_not_measured_at_the_same_steps() -> None:
    assert check(gradient_norm__dense_0_kernel=[None] + [1e-6] * 39) is None


def test_looks_at_kernels_not_at_biases() -> None:
    columns, facts = vanishing_gradient(first=0.1)

    assert RULE.check(case({**columns, "gradient_norm of dense_0/bias": 1e-9}, facts)) is None
