"""`fp16-overflow` fires where half precision ends and float32 would have gone on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.analyzer.rules.trainings import cause_of, features, judged, line, perceptron, stack

X = features(20)


@pytest.fixture(params=["mixed_float16", "float16"])
def half(request: pytest.FixtureRequest) -> Iterator[str]:
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(request.param)
    yield request.param
    keras.mixed_precision.set_dtype_policy(before)


def wide() -> Any:
    """Outputs grow by 100 a layer, which float32 does not mind."""
    large = keras.initializers.RandomUniform(50.0, 100.0, seed=1)
    hidden = [keras.layers.Dense(8, kernel_initializer=large, name=f"dense_{i}") for i in range(2)]
    return stack(*hidden, keras.layers.LayerNormalization(), keras.layers.Dense(1))


@pytest.mark.usefixtures("half")
def test_sums_beyond_the_largest_float16(tmp_path: Path) -> None:
    found = judged(tmp_path, wide(), X, line(X), optimizer=keras.optimizers.SGD(1e-3))

    assert found.first_nonfinite is not None
    assert found.first_nonfinite.phase == "forward"
    assert cause_of(found) == "fp16-overflow"


def test_the_same_sums_in_float32_are_no_finding(tmp_path: Path) -> None:
    found = judged(tmp_path, wide(), X, line(X), optimizer=keras.optimizers.SGD(1e-3))

    assert found.first_nonfinite is None


@pytest.mark.usefixtures("half")
def test_ordinary_numbers_in_half_precision_are_healthy(tmp_path: Path) -> None:
    found = judged(tmp_path, perceptron(), X, line(X), optimizer=keras.optimizers.SGD(0.05))

    assert found.status == "healthy"


@pytest.mark.usefixtures("half")
def test_bad_input_stays_bad_input(tmp_path: Path) -> None:
    x = X.copy()
    x[30, 0] = np.nan

    assert cause_of(judged(tmp_path, perceptron(), x, line(X))) == "nonfinite-input"
