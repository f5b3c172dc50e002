"""Small Keras trainings with the stock TensorBoard callback and nothing else, as old logs are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tb_nan_plugin import NaNMonitor

ROWS, BATCH = 160, 16  # ten batches an epoch
Data = tuple[Any, Any]


def data() -> Data:
    """A linear regression of unit scale."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=(ROWS, 4)).astype(np.float32)
    y = x @ chance.normal(size=(4, 1)).astype(np.float32) / 2
    return x, y


def model(activation: str = "tanh", *, outputs: str | None = None) -> Any:
    """A network with one hidden layer."""
    return keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(8, activation=activation),
            keras.layers.Dense(1, activation=outputs),
        ]
    )


def train(
    directory: Path,
    made: Any,
    known: Data,
    *,
    rate: Any = 0.01,
    loss: Any = "mse",
    epochs: int = 3,
    validation: Data | None = None,
    callback: dict[str, Any] | None = None,
    more: tuple[Any, ...] = (),
    **compiled: Any,
) -> None:
    """Train and log every batch, in the order of the rows."""
    made.compile(keras.optimizers.SGD(rate), loss=loss, **compiled)
    settings = {"update_freq": 1, "write_graph": False, **(callback or {})}
    made.fit(
        *known,
        epochs=epochs,
        batch_size=BATCH,
        shuffle=False,
        verbose=0,
        validation_data=validation,
        callbacks=[*more, keras.callbacks.TensorBoard(str(directory), **settings)],
    )


def with_value(values: Any, row: int, value: float) -> Any:
    """A copy with one row's first column changed."""
    changed = values.copy()
    changed[row, 0] = value
    return changed


def nan_in_row(row: int, activation: str = "tanh", **settings: Any) -> Callable[[Path], None]:
    """A training whose features hold one NaN."""

    def program(directory: Path) -> None:
        x, y = data()
        train(directory, model(activation), (with_value(x, row, np.nan), y), **settings)

    return program


def high_rate(directory: Path) -> None:
    """A training that diverges from its first step on."""
    train(directory, model("linear"), data(), rate=3.0, epochs=5)


def unscaled_features(directory: Path) -> None:
    """The same with an ordinary rate, on features a hundred times too large."""
    x, y = data()
    train(directory, model("linear"), (x * 100, y))


def unscaled_target(directory: Path) -> None:
    """The same, on targets ten thousand times too large."""
    x, y = data()
    train(directory, model("linear"), (x, y * 1e4), rate=0.1)


def outlier(directory: Path) -> None:
    """The same, with one row of the second epoch's fourth batch far outside."""
    x, y = data()
    train(directory, model("linear"), (with_value(x, 50, 1e5), y), rate=0.05)


def bad_schedule(directory: Path) -> None:
    """A rate that is the root of a negative number from the 16th step on."""

    class Root(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            return 0.01 * tf.sqrt(15.5 - tf.cast(step, tf.float32))

    train(directory, model(), data(), rate=Root())


def bad_validation_rows(directory: Path) -> None:
    """A classifier that learns well, evaluated on rows of which one is NaN."""
    x, y = data()
    known = (x, (y > 0).astype(np.float32))
    checked = (with_value(x, 3, np.nan), known[1])
    train(
        directory,
        model(outputs="sigmoid"),
        known,
        rate=0.5,
        loss="binary_crossentropy",
        epochs=6,
        validation=checked,
        metrics=["accuracy"],
    )


def bad_statistics(directory: Path) -> None:
    """A BatchNormalization whose moving variance is NaN: training never uses it."""
    made = model()
    norm = keras.layers.BatchNormalization()
    made = keras.Sequential([keras.layers.Input((4,)), norm, keras.layers.Dense(1)])
    norm.moving_variance.assign(np.full(4, np.nan))
    x, y = data()
    train(directory, made, (x, y), validation=(x, y), callback={"histogram_freq": 1})


def infinite_batch(directory: Path) -> None:
    """A loss that is Inf for the fourth batch of each epoch, with a gradient of 0."""

    def loss(target: Any, predicted: Any) -> Any:
        odd = keras.ops.any(keras.ops.abs(target) > 1e30)
        usual = keras.ops.where(keras.ops.abs(target) > 1e30, 0.0, target)
        error = keras.ops.mean((usual - predicted) ** 2)
        return keras.ops.where(odd, np.inf, error)

    x, y = data()
    train(directory, model(), (x, with_value(y, 50, 3e38)), loss=loss)


def monitored(directory: Path) -> None:
    """A training that was watched, too, in the same directory, and stops where it fails."""
    x, y = data()
    watched = (NaNMonitor(str(directory)), keras.callbacks.TerminateOnNaN())
    train(directory, model(), (with_value(x, 85, np.nan), y), validation=(x, y), more=watched)


def healthy(directory: Path) -> None:
    """A training that is well."""
    x, y = data()
    train(directory, model("relu"), (x, y), rate=0.1, validation=(x, y))
