"""A binary cross-entropy written by hand, on two classes that are easy to tell apart.

The better the network gets, the surer it is. From a logit of about 17 on, the sigmoid is exactly 1
in float32, so log(1 - prediction) is -Inf, and its factor (1 - label) is 0: 0 * Inf is NaN. From
then on every prediction is NaN, which counts as class 0: the accuracy is the share of that class.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from tb_nan_plugin import NaNMonitor


def cross_entropy(label: Any, prediction: Any) -> Any:
    """Return the loss as the textbook has it, with nothing to keep log away from 0."""
    return -ops.mean(label * ops.log(prediction) + (1 - label) * ops.log(1 - prediction), axis=-1)


def train(log_dir: str, *, fixed: bool) -> dict[str, list[float]]:
    """Train the program, or its repaired twin; return what Keras logged an epoch."""
    keras.utils.set_random_seed(5)
    points, label = two_groups()

    loss: Any = "binary_crossentropy" if fixed else cross_entropy
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"])
    history = model.fit(
        points,
        label,
        batch_size=32,
        epochs=8,
        verbose=2,
        callbacks=[NaNMonitor(log_dir)],
    )
    return dict(history.history)


def two_groups() -> tuple[np.ndarray, np.ndarray]:
    """Return 512 points in two groups that do not touch, and to which group each belongs."""
    rng = np.random.default_rng(5)
    label = rng.integers(0, 2, (512, 1))
    points = rng.normal(0, 0.4, (512, 2)) + np.where(label == 1, 1.0, -1.0)
    return points.astype("float32"), label.astype("float32")
