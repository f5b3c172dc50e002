"""Star ratings from a network that ends in a softmax written by hand, in two layers.

exp(x) passes the largest float32 at x = 88.7. Early on no logit is that large; as the network grows
surer one of them is, its exp is Inf, and Inf divided by the sum of its row is NaN. From then on
every prediction is NaN, which counts as class 0; nobody gave 0 stars, so the accuracy reads 0.0.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from tb_nan_plugin import NaNMonitor


class Exponential(keras.layers.Layer):
    """The numerator of softmax: exp of the logits, guarded only if `stable`."""

    def __init__(self, *, stable: bool) -> None:
        super().__init__()
        self.stable = stable

    def call(self, logits: Any) -> Any:
        """Return exp of the logits; a common factor in a row is the divisor's business."""
        if self.stable:
            logits = logits - ops.max(logits, axis=-1, keepdims=True)
        return ops.exp(logits)


class ShareOfSum(keras.layers.Layer):
    """The denominator of softmax: each value as a share of its row."""

    def call(self, values: Any) -> Any:
        """Return rows that add up to 1."""
        return values / ops.sum(values, axis=-1, keepdims=True)


def train(log_dir: str, *, fixed: bool) -> dict[str, list[float]]:
    """Train the program, or its repaired twin; return what Keras logged an epoch."""
    keras.utils.set_random_seed(7)
    reviews, stars = ratings()

    model = keras.Sequential(
        [
            keras.Input((16,)),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dense(6),
            Exponential(stable=fixed),
            ShareOfSum(),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.005),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(
        reviews,
        stars,
        batch_size=32,
        epochs=8,
        verbose=2,
        callbacks=[NaNMonitor(log_dir)],
    )
    return dict(history.history)


def ratings() -> tuple[np.ndarray, np.ndarray]:
    """Return standardised features of 1024 reviews, and their stars: 1 to 5, none with 0."""
    rng = np.random.default_rng(7)
    reviews = rng.normal(size=(1024, 16))
    opinion = reviews @ rng.normal(size=16) / 4
    stars = 1 + np.digitize(opinion, [-1.0, -0.3, 0.3, 1.0])
    return reviews.astype("float32"), stars
