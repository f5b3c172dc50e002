"""`log-of-nonpositive-feature` fires on -Inf that a logarithm left in the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.findings import RuledOut
from analyzer.rules.log_of_nonpositive_feature import RULE
from tests.analyzer.failures import failure
from tests.analyzer.rules.trainings import (
    ROWS,
    Floats,
    cause_of,
    features,
    judged,
    line,
    perceptron,
)

RAW: Floats = np.abs(features()) + np.float32(0.01)
RAW[6 * ROWS + 1, 2] = 0.0


def logarithm(raw: Floats) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(raw)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_logarithm_of_a_count_of_zero(activation: str, tmp_path: Path) -> None:
    found = judged(tmp_path, perceptron(activation=activation), logarithm(RAW), line(RAW))

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.where) == (6, "feature 2")
    assert cause_of(found) == "log-of-nonpositive-feature"


def test_negative_values_beside_zeros(tmp_path: Path) -> None:
    raw = RAW.copy()
    raw[4 * ROWS, 2] = -1.0

    found = judged(tmp_path, perceptron(), logarithm(raw), line(RAW))

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.kind) == (4, "nan")
    assert cause_of(found) == "log-of-nonpositive-feature"


def test_log1p_of_the_same_column_is_healthy(tmp_path: Path) -> None:
    assert judged(tmp_path, perceptron(), np.log1p(RAW), line(RAW)).status == "healthy"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_other_bad_values_are_ordinary_bad_input(value: float, tmp_path: Path) -> None:
    x = features()
    x[20, 1] = value

    assert cause_of(judged(tmp_path, perceptron(), x, line(RAW))) == "nonfinite-input"


def test_infinities_of_both_signs_are_a_division_rather_than_a_logarithm(tmp_path: Path) -> None:
    x = features()
    x[20, 1], x[60, 1] = -np.inf, np.inf

    assert cause_of(judged(tmp_path, perceptron(), x, line(RAW))) == "nonfinite-input"


def test_a_mask_of_zeros_and_negative_infinity_is_not_taken_for_a_logarithm(
    tmp_path: Path,
) -> None:
    x = features()
    x[:, 3] = 0
    x[20, 3] = -np.inf

    assert cause_of(judged(tmp_path, perceptron(), x, line(RAW))) == "nonfinite-input"


def test_a_column_without_a_finite_value_is_ruled_out() -> None:
    assert isinstance(RULE.check(failure("zero-variance-feature")), RuledOut)
