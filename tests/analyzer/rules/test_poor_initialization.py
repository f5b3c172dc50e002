"""`poor-initialization` fires on first weights that are far too large, or all 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from tests.analyzer.rules.trainings import cause_of, features, judged, line, stack

X = features(40, 16)


def deep(initializer: Any, depth: int = 6, activation: str = "relu", **rest: Any) -> Any:
    hidden = [
        keras.layers.Dense(64, activation, kernel_initializer=initializer, **rest)
        for _ in range(depth)
    ]
    return stack(*hidden, keras.layers.Dense(1, kernel_initializer=initializer), width=16)


@pytest.mark.parametrize(("spread", "activation"), [(1.0, "relu"), (5.0, "linear")])
def test_weights_of_a_spread_far_above_usual(
    spread: float, activation: str, tmp_path: Path
) -> None:
    initializer = keras.initializers.RandomNormal(stddev=spread, seed=1)
    model = deep(initializer, activation=activation)

    found = judged(tmp_path, model, X, line(X), optimizer=keras.optimizers.SGD(0.01))

    assert found.first_nonfinite is not None
    assert cause_of(found) == "poor-initialization"


def test_weights_so_large_that_the_first_step_overflows(tmp_path: Path) -> None:
    initializer = keras.initializers.RandomNormal(stddev=1e6, seed=1)

    found = judged(tmp_path, deep(initializer, 7), X, line(X))

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.phase) == (0, "forward")
    assert cause_of(found) == "poor-initialization"


def test_the_usual_initializer_is_healthy(tmp_path: Path) -> None:
    model = deep("he_normal")

    found = judged(tmp_path, model, X, line(X), optimizer=keras.optimizers.Adam(1e-3), epochs=4)

    assert found.status == "healthy"


def test_kernels_that_are_all_zero(tmp_path: Path) -> None:
    found = judged(tmp_path, deep("zeros", 2), X, line(X))

    assert found.status == "unhealthy"
    assert cause_of(found) == "poor-initialization"


def test_a_last_layer_that_begins_at_zero_is_no_finding(tmp_path: Path) -> None:
    hidden = keras.layers.Dense(64, "tanh")
    model = stack(hidden, keras.layers.Dense(1, kernel_initializer="zeros"), width=16)

    found = judged(tmp_path, model, X, line(X), optimizer=keras.optimizers.Adam(0.01), epochs=4)

    assert cause_of(found) is None


def test_large_weights_that_normalization_cancels_are_no_finding(tmp_path: Path) -> None:
    initializer = keras.initializers.RandomNormal(stddev=30.0, seed=1)
    layers = [
        layer
        for _ in range(3)
        for layer in (
            keras.layers.Dense(64, kernel_initializer=initializer),
            keras.layers.LayerNormalization(),
            keras.layers.Activation("relu"),
        )
    ]
    model = stack(*layers, keras.layers.Dense(1), width=16)

    found = judged(tmp_path, model, X, line(X), optimizer=keras.optimizers.Adam(1e-2), epochs=4)

    assert cause_of(found) is None
