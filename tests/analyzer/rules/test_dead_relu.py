"""`dead-relu` fires on a layer without any output, in a training that learns nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from tests.analyzer.rules.trainings import cause_of, features, judged, line, perceptron, stack

X = features(40)
Y = line(X)
DEAD: Any = keras.initializers.Constant(-100.0)


@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_a_bias_that_no_input_can_lift(activation: str, tmp_path: Path) -> None:
    model = perceptron(activation=activation, bias_initializer=DEAD)

    found = judged(tmp_path, model, X, Y)

    assert found.status == "unhealthy"
    assert cause_of(found) == "dead-relu"
    assert found.verdict is not None
    assert "Every unit of first gives 0" in found.verdict.summary
    signals = [fact.signal for fact in found.verdict.evidence]
    assert signals == ["output_max_abs", "dead_fraction", "gradient_norm"]


def test_a_relu_layer_of_its_own(tmp_path: Path) -> None:
    hidden = keras.layers.Dense(6, bias_initializer=DEAD, name="first")
    model = stack(hidden, keras.layers.ReLU(name="relu"), keras.layers.Dense(1, name="last"))

    assert cause_of(judged(tmp_path, model, X, Y)) == "dead-relu"


def test_the_same_layer_with_a_bias_of_zero_is_healthy(tmp_path: Path) -> None:
    assert judged(tmp_path, perceptron(activation="relu"), X, Y).status == "healthy"


def test_a_leaky_activation_passes_a_gradient(tmp_path: Path) -> None:
    model = perceptron(activation="leaky_relu", bias_initializer=DEAD)

    assert cause_of(judged(tmp_path, model, X, Y)) != "dead-relu"


def test_a_sparse_network_that_learns_is_healthy(tmp_path: Path) -> None:
    sparse = keras.initializers.Constant(-0.5)
    hidden = keras.layers.Dense(64, "relu", bias_initializer=sparse)
    model = stack(hidden, keras.layers.Dense(1))

    found = judged(tmp_path, model, X, Y, epochs=3, optimizer=keras.optimizers.Adam(0.01))

    assert found.status == "healthy"


def test_kernels_of_zero_are_another_cause(tmp_path: Path) -> None:
    model = stack(
        keras.layers.Dense(6, "relu", kernel_initializer="zeros"),
        keras.layers.Dense(1, kernel_initializer="zeros"),
    )

    assert cause_of(judged(tmp_path, model, X, Y)) == "poor-initialization"


def test_an_output_that_cannot_reach_negative_targets_is_another_cause(tmp_path: Path) -> None:
    model = perceptron(last="relu")

    assert cause_of(judged(tmp_path, model, X, -abs(Y) - 5)) == "output-activation-mismatch"
