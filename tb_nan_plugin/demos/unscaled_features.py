"""House prices from raw features: floor area in the thousands beside a handful of rooms.

The curvature of the loss grows with the square of a feature, so the step that suits the rooms is a
million times too long for the area: every step overshoots further than the one before.
"""

from __future__ import annotations

import keras
import numpy as np

from tb_nan_plugin import NaNMonitor


def train(log_dir: str, *, fixed: bool) -> dict[str, list[float]]:
    """Train the program, or its repaired twin; return what Keras logged an epoch."""
    keras.utils.set_random_seed(1)
    features, price = houses()
    if fixed:
        features = (features - features.mean(axis=0)) / features.std(axis=0)

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    history = model.fit(
        features,
        price,
        batch_size=32,
        epochs=8,
        verbose=2,
        callbacks=[NaNMonitor(log_dir)],
    )
    return dict(history.history)


def houses() -> tuple[np.ndarray, np.ndarray]:
    """Return what is known of 512 houses, and their prices in units of 100,000."""
    rng = np.random.default_rng(1)
    area = rng.normal(2000, 500, 512)  # square feet
    rooms = rng.integers(2, 9, 512)
    bathrooms = rng.integers(1, 4, 512)
    age = rng.uniform(0, 60, 512)  # years
    price = 0.001 * area + 0.1 * rooms + 0.2 * bathrooms - 0.01 * age + rng.normal(0, 0.1, 512)
    features = np.stack([area, rooms, bathrooms, age], axis=1)
    return features.astype("float32"), price.astype("float32")
