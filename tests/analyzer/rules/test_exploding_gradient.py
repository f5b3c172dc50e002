"""`exploding-gradient` fires where gradients grow through time while outputs stay bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.analyzer.rules.trainings import ROWS, cause_of, judged

STEPS, LENGTH = 20, 40
SEQUENCES = np.random.default_rng(1).normal(size=(STEPS * ROWS, LENGTH, 2)).astype(np.float32)
SUMS = SEQUENCES[:, :5].sum(axis=(1, 2))[:, None]


def recurrent(gain: float, activation: str = "tanh", **rest: Any) -> Any:
    orthogonal = keras.initializers.Orthogonal(gain, seed=2)
    return keras.Sequential(
        [
            keras.Input((LENGTH, 2)),
            keras.layers.SimpleRNN(
                16, activation, recurrent_initializer=orthogonal, name="memory", **rest
            ),
            keras.layers.Dense(1, name="last"),
        ]
    )


@pytest.mark.parametrize(("gain", "activation"), [(1.6, "linear"), (2.0, "relu")])
def test_a_recurrent_network_whose_weights_are_above_one(
    gain: float, activation: str, tmp_path: Path
) -> None:
    found = judged(
        tmp_path,
        recurrent(gain, activation),
        SEQUENCES,
        SUMS,
        optimizer=keras.optimizers.SGD(0.01),
    )

    assert found.first_nonfinite is not None
    assert cause_of(found) == "exploding-gradient"


def test_the_same_network_with_clipping_and_weights_of_one_is_healthy(tmp_path: Path) -> None:
    optimizer = keras.optimizers.SGD(0.01, global_clipnorm=1.0)

    found = judged(tmp_path, recurrent(1.0), SEQUENCES, SUMS, optimizer=optimizer)

    assert cause_of(found) is None
    assert found.first_nonfinite is None
