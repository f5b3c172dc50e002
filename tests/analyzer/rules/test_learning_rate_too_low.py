"""`learning-rate-too-low` fires where weights hardly move and nothing is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from tests.analyzer.rules.trainings import cause_of, features, judged, line, perceptron

X = features(40)
Y = line(X) + 3  # a blind guess of 0 is worse than the mean

OPTIMIZERS: dict[str, Any] = {
    "SGD": (keras.optimizers.SGD, 1e-7, 0.05),
    "Adam": (keras.optimizers.Adam, 1e-8, 1e-2),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rate_far_below_the_usual_ones(name: str, tmp_path: Path) -> None:
    make, low, _ = OPTIMIZERS[name]

    found = judged(tmp_path, perceptron(), X, Y, optimizer=make(low), epochs=3)

    assert found.status == "unhealthy"
    assert cause_of(found) == "learning-rate-too-low"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_usual_rate_is_healthy(name: str, tmp_path: Path) -> None:
    make, _, usual = OPTIMIZERS[name]

    found = judged(tmp_path, perceptron(), X, Y, optimizer=make(usual), epochs=3)

    assert found.status == "healthy"


def test_a_model_that_is_good_already_may_be_tuned_as_slowly_as_one_likes(tmp_path: Path) -> None:
    model = perceptron(activation="linear")
    judged(tmp_path / "first", model, X, Y, optimizer=keras.optimizers.Adam(0.03), epochs=4)

    found = judged(tmp_path / "then", model, X, Y, optimizer=keras.optimizers.Adam(1e-8))

    assert found.status == "healthy"


def test_labels_that_nobody_can_predict_are_not_the_rates_fault(tmp_path: Path) -> None:
    noise = features(40, 1, seed=9)

    found = judged(tmp_path, perceptron(), X, noise, optimizer=keras.optimizers.Adam(1e-3))

    assert cause_of(found) is None
