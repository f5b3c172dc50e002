"""`optimizer-update-nonfinite` fires where the optimizer's own arithmetic made a bad weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from analyzer.findings import CannotTell, Finding, RuledOut
from analyzer.rules.optimizer_update_nonfinite import RULE
from tests.analyzer.failures import failure
from tests.analyzer.rules.trainings import cause_of, features, judged, line, perceptron
from tests.analyzer.runs import case
from tests.analyzer.sudden import optimizer_update_nonfinite

X = features() * np.array([1, 1, 0, 1], np.float32)  # a column of zeros has a gradient of 0

WITHOUT_EPSILON: dict[str, Any] = {
    "Adam": lambda epsilon: keras.optimizers.Adam(0.01, epsilon=epsilon),
    "RMSprop": lambda epsilon: keras.optimizers.RMSprop(0.01, epsilon=epsilon),
    "Nadam": lambda epsilon: keras.optimizers.Nadam(0.01, epsilon=epsilon),
}


@pytest.mark.parametrize("name", WITHOUT_EPSILON)
def test_an_adaptive_optimizer_without_an_epsilon(name: str, tmp_path: Path) -> None:
    found = judged(tmp_path, perceptron(), X, line(X), optimizer=WITHOUT_EPSILON[name](0.0))

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.phase) == (0, "update")
    assert cause_of(found) == "optimizer-update-nonfinite"
    assert found.verdict is not None
    assert "its epsilon is 0" in found.verdict.summary


@pytest.mark.parametrize("name", WITHOUT_EPSILON)
def test_the_same_optimizer_with_its_epsilon_is_healthy(name: str, tmp_path: Path) -> None:
    found = judged(tmp_path, perceptron(), X, line(X), optimizer=WITHOUT_EPSILON[name](1e-7))

    assert found.status == "healthy"


def test_an_update_that_overflows_by_its_rate_is_not_the_optimizers_fault(tmp_path: Path) -> None:
    optimizer = keras.optimizers.SGD(3e38)

    found = judged(tmp_path, perceptron(), 100 * features(), line(X), optimizer=optimizer)

    assert found.first_nonfinite is not None
    assert found.first_nonfinite.phase == "update"
    assert cause_of(found) != "optimizer-update-nonfinite"


def test_plain_descent_is_suspected_with_less_confidence() -> None:
    finding = RULE.check(case(*optimizer_update_nonfinite("SGD")))

    assert isinstance(finding, Finding)
    assert finding.confidence < 0.8


def test_a_gradient_that_was_bad_already_is_ruled_out() -> None:
    assert isinstance(RULE.check(failure("backward-singularity")), RuledOut)


def test_a_rate_that_was_bad_is_ruled_out() -> None:
    assert isinstance(RULE.check(failure("nonfinite-learning-rate")), RuledOut)


def test_says_that_the_gradients_were_not_recorded() -> None:
    columns, facts = optimizer_update_nonfinite()
    part = {key: column for key, column in columns.items() if not key.startswith("gradient_norm")}

    assert RULE.check(case(part, facts)) == CannotTell(RULE.cause, ("gradient_norm",))
