"""No rule finds anything in sound trainings of many kinds, strange as some of them look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from analyzer.derived import Progress
from analyzer.evidence import Case
from tb_nan_plugin.signals import Signal
from tests.analyzer.rules.trainings import features, judged, line, stack

X = features(30, 8)
Y = line(X)
CLASSES = (X[:, 0] > 0).astype(np.int32) + (X[:, 1] > 0)
IMAGES = X.reshape(-1, 2, 4, 1)
WORDS = (np.abs(X) * 3).astype(np.int32)
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def convolutional() -> Any:
    return keras.Sequential(
        [
            keras.Input((2, 4, 1)),
            keras.layers.Conv2D(8, 2, padding="same"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )


def recurrent() -> Any:
    return keras.Sequential(
        [
            keras.Input((8,), dtype="int32"),
            keras.layers.Embedding(20, 8, mask_zero=True),
            keras.layers.LSTM(8),
            keras.layers.Dense(3),
        ]
    )


def attentive() -> Any:
    inputs = keras.Input((8,), dtype="int32")
    x = keras.layers.Embedding(20, 8)(inputs)
    x = x + keras.layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    x = keras.layers.LayerNormalization()(x)
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalMaxPooling1D()(x)))


def decided() -> Any:
    """Attention that is sure of one word from the start, in a training on noise."""
    inputs = keras.Input((8,), dtype="int32")
    x = keras.layers.Embedding(20, 8, "normal")(inputs)
    scores = keras.layers.Dot(2)(
        [keras.layers.Rescaling(100.0)(x), keras.layers.Rescaling(50.0)(x)]
    )
    x = keras.layers.Dot((2, 1))([keras.layers.Softmax()(scores), x])
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalMaxPooling1D()(x)))


def wide(activation: str = "relu", **rest: Any) -> Any:
    return stack(keras.layers.Dense(128, activation, **rest), keras.layers.Dense(1), width=8)


def logits(**rest: Any) -> Any:
    return stack(keras.layers.Dense(16, "relu", **rest), keras.layers.Dense(3), width=8)


SGD, ADAM = keras.optimizers.SGD, keras.optimizers.Adam
HEALTHY: dict[str, tuple[Any, ...]] = {
    "a CNN with BatchNormalization": (convolutional, IMAGES, CLASSES, SPARSE, lambda: ADAM(0.01)),
    "an LSTM over words": (recurrent, WORDS, CLASSES, SPARSE, lambda: ADAM(0.01)),
    "attention with a causal mask": (attentive, WORDS, CLASSES, SPARSE, lambda: ADAM(0.01)),
    "SGD at 0.1 with momentum": (logits, X, CLASSES, SPARSE, lambda: SGD(0.1, momentum=0.9)),
    "heavy-tailed targets": (
        wide,
        X,
        Y * np.random.default_rng(3).lognormal(0, 1.5, Y.shape),
        "huber",
        lambda: ADAM(0.003),
    ),
    "a ReLU6 network": (lambda: wide("relu6"), X, Y, "mse", lambda: ADAM(0.01)),
    "hard gates": (lambda: wide("hard_sigmoid"), X, Y, "mse", lambda: ADAM(0.01)),
    "a sparse ReLU network": (
        lambda: wide(bias_initializer=keras.initializers.Constant(-1.0)),
        X,
        Y,
        "mse",
        lambda: ADAM(0.01),
    ),
    "labels that are noise": (logits, X, np.roll(CLASSES, 7), SPARSE, lambda: ADAM(0.001)),
    "targets of 1000 that Adam reaches": (wide, X, 300 * Y, "mae", lambda: ADAM(0.5)),
    "a loss of the user's own": (
        wide,
        X,
        Y,
        lambda t, p: keras.ops.log(1 + keras.ops.square(t - p)),
        lambda: SGD(0.05),
    ),
    "clipped gradients": (wide, X, Y, "mse", lambda: SGD(0.05, global_clipnorm=0.1)),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_in(name: str, tmp_path: Path) -> None:
    model, x, y, loss, optimizer = HEALTHY[name]

    found = judged(tmp_path, model(), x, y, loss=loss, optimizer=optimizer(), epochs=2)

    assert [(f.cause, f.summary) for f in found.findings] == []
    assert found.status == "healthy"


def test_attention_that_is_sure_is_not_blamed_for_noise(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).permutation(CLASSES)
    orders = np.argsort(X, axis=1)  # every word once, so that none is like another

    found = judged(
        tmp_path, decided(), orders, noise, loss=SPARSE, optimizer=ADAM(0.0001), epochs=2
    )

    (attempt,) = found.run.attempts
    assert attempt.health is not None
    (where,) = attempt.health.places(Signal.SATURATED_FRACTION)
    shares = attempt.health.series(Signal.SATURATED_FRACTION, where)
    assert shares is not None
    assert np.median(shares.values) > 0.5
    assert Case(attempt.health, None).outcome.progress is Progress.STUCK
    assert found.status == "healthy"


def test_nothing_is_found_in_mixed_precision(tmp_path: Path) -> None:
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        found = judged(tmp_path, logits(), X, CLASSES, loss=SPARSE, optimizer=ADAM(0.01), epochs=2)
    finally:
        keras.mixed_precision.set_dtype_policy(before)

    assert found.status == "healthy"
