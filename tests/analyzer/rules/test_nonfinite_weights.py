"""`nonfinite-weights` fires on weights that were bad before the first step, and on no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.findings import Finding, RuledOut
from analyzer.rules.nonfinite_weights import RULE
from tests.analyzer.failures import failure
from tests.analyzer.rules.trainings import cause_of, features, judged, line, perceptron
from tests.analyzer.runs import case
from tests.analyzer.sudden import LINEAR, nonfinite_weights

X = features()


def loaded(value: float, index: int = 0) -> Any:
    """A model whose checkpoint holds this value in one cell."""
    model = perceptron()
    weights = model.get_weights()
    weights[index].flat[0] = value
    model.set_weights(weights)
    return model


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("index", "where"), [(0, "first/kernel"), (3, "last/bias")])
def test_names_the_variable_of_a_checkpoint_that_was_bad(
    value: float, index: int, where: str, tmp_path: Path
) -> None:
    found = judged(tmp_path, loaded(value, index), X, line(X))

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.where) == (0, where)
    assert cause_of(found) == "nonfinite-weights"


def test_the_same_training_from_a_sound_checkpoint_is_healthy(tmp_path: Path) -> None:
    assert judged(tmp_path, loaded(0.5), X, line(X)).status == "healthy"


def test_weights_that_an_update_made_bad_are_another_cause(tmp_path: Path) -> None:
    x = features()
    x[17, 2] = np.nan

    assert cause_of(judged(tmp_path, perceptron(), x, line(features()))) == "nonfinite-input"


def test_counts_all_variables_that_were_bad() -> None:
    columns, facts = nonfinite_weights()
    columns = {**columns, "weight_posinf of dense/bias": 1.0}

    finding = RULE.check(case(columns, facts))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence) == (0, 0.97)
    assert "(also dense/bias)" in finding.summary


def test_is_ruled_out_where_the_first_step_began_with_finite_weights() -> None:
    answer = RULE.check(failure("learning-rate-too-high"))

    assert isinstance(answer, RuledOut)
    assert answer.because == "every weight was finite when step 0 began"


def test_leaves_moving_averages_to_their_own_rule() -> None:
    columns, _ = nonfinite_weights("norm/moving_variance")

    assert isinstance(RULE.check(case(columns, LINEAR)), RuledOut)
