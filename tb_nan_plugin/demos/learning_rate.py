"""An ordinary regression on well-scaled features, with a learning rate of 5.

Each step overshoots the minimum and lands further away on the other side, so loss and weights grow
by about the same factor a step until float32 ends.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tb_nan_plugin import NaNMonitor


def train(log_dir: str, *, fixed: bool) -> dict[str, list[float]]:
    """Train the program, or its repaired twin; return what Keras logged an epoch."""
    keras.utils.set_random_seed(3)
    features, target = measurements()

    rate: Any = 5.0
    if fixed:
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, decay_steps=96, warmup_target=0.05, warmup_steps=32
        )
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    history = model.fit(
        features,
        target,
        batch_size=32,
        epochs=8,
        verbose=2,
        callbacks=[NaNMonitor(log_dir)],
    )
    return dict(history.history)


def measurements() -> tuple[np.ndarray, np.ndarray]:
    """Return 512 rows of eight standardised features, and a target that depends on them."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(512, 8))
    effects = np.array([1.0, -0.8, 0.6, 0.5, -0.4, 0.3, -0.2, 0.1])
    target = 0.5 + features @ effects + rng.normal(0, 0.1, 512)
    return features.astype("float32"), target.astype("float32")
