"""Sensor readings standardised by hand, one of which never changes.

The mean of a constant column is the constant and its standard deviation is 0: standardised, it is
0/0 in every row. The first layer spreads that NaN to all its units, and the first update to all
weights.
"""

from __future__ import annotations

import keras
import numpy as np

from tb_nan_plugin import NaNMonitor


def train(log_dir: str, *, fixed: bool) -> dict[str, list[float]]:
    """Train the program, or its repaired twin; return what Keras logged an epoch."""
    keras.utils.set_random_seed(4)
    readings, wear = machine()

    mean, std = readings.mean(axis=0), readings.std(axis=0)
    if fixed:
        std = np.where(std == 0, 1, std)
    with np.errstate(invalid="ignore"):  # many programs never show NumPy's warning
        readings = (readings - mean) / std

    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(16, activation="tanh"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    history = model.fit(
        readings,
        wear,
        batch_size=32,
        epochs=8,
        verbose=2,
        callbacks=[NaNMonitor(log_dir)],
    )
    return dict(history.history)


def machine() -> tuple[np.ndarray, np.ndarray]:
    """Return five readings of 512 moments, the fourth of them constant, and the wear of a tool."""
    rng = np.random.default_rng(4)
    readings = rng.normal([60, 5, 0.2, 0, 12], [8, 1, 0.05, 0, 3], (512, 5))
    readings[:, 3] = 230.0  # mains voltage, from a sensor that was never connected
    wear = 0.05 * readings[:, 0] + 0.5 * readings[:, 1] - 0.2 * readings[:, 4]
    return readings.astype("float32"), (wear - wear.mean()).astype("float32")
