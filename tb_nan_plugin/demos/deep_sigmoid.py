"""Small pictures, pixels from 0 to 255 as they came, into a deep stack of sigmoid layers.

Sums of raw pixels push the first layer to the flat ends of the sigmoid, where its slope is 0, and
each further sigmoid multiplies the gradient by at most a quarter. Nothing is NaN, and nothing is
learned.
"""

from __future__ import annotations

import keras
import numpy as np

from tb_nan_plugin import NaNMonitor

DEPTH = 9


def train(log_dir: str, *, fixed: bool) -> dict[str, list[float]]:
    """Train the program, or its repaired twin; return what Keras logged an epoch."""
    keras.utils.set_random_seed(6)
    pictures, digit = digits()

    activation = "sigmoid"
    if fixed:
        pictures, activation = pictures / 255, "relu"
    model = keras.Sequential(
        [
            keras.Input((64,)),
            *(keras.layers.Dense(64, activation=activation) for _ in range(DEPTH)),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(
        pictures,
        digit,
        batch_size=32,
        epochs=10,
        verbose=2,
        callbacks=[NaNMonitor(log_dir)],
    )
    return dict(history.history)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return 1024 noisy pictures of ten patterns, 8 by 8 pixels each, and which pattern it is."""
    rng = np.random.default_rng(6)
    patterns = rng.choice([30.0, 220.0], (10, 64))
    digit = rng.permutation(np.arange(1024) % 10)
    pictures = np.clip(patterns[digit] + rng.normal(0, 40, (1024, 64)), 0, 255)
    return pictures.astype("float32"), digit
