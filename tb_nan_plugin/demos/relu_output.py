"""Winter temperatures in degrees Celsius, predicted by a network whose last layer is a ReLU.

ReLU never answers below 0 and the targets are below 0, so training pushes the output down until it
is 0 for every sample. There the slope of ReLU is 0 too: no gradient is left, and the loss stays
where it is, finite and useless.
"""

from __future__ import annotations

import keras
import numpy as np

from tb_nan_plugin import NaNMonitor


def train(log_dir: str, *, fixed: bool) -> dict[str, list[float]]:
    """Train the program, or its repaired twin; return what Keras logged an epoch."""
    keras.utils.set_random_seed(2)
    weather, temperature = winter_days()

    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(1, activation=None if fixed else "relu"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="mse")
    history = model.fit(
        weather,
        temperature,
        batch_size=32,
        epochs=10,
        verbose=2,
        callbacks=[NaNMonitor(log_dir)],
    )
    return dict(history.history)


def winter_days() -> tuple[np.ndarray, np.ndarray]:
    """Return six standardised weather readings of 512 days, and the next day's temperature."""
    rng = np.random.default_rng(2)
    weather = rng.normal(size=(512, 6))
    effects = np.array([0.9, -0.6, 0.5, 0.3, -0.2, 0.1])
    temperature = -4.0 + weather @ effects + rng.normal(0, 0.2, 512)
    return weather.astype("float32"), temperature.astype("float32")
