"""The models whose training is timed, and their data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

WORDS: Final = 1000


@dataclass(frozen=True)
class Bench:
    """A model to time.

    Attributes:
        title: What a table is called.
        model: Makes it.
        batch: Rows of a batch.
        shape: Of one row.
        words: Rows are numbers of words, not measurements.
    """

    title: str
    model: Callable[[], Any]
    batch: int
    shape: tuple[int, ...]
    words: bool = False


def mlp(inputs: int, *hidden: int, outputs: int) -> Any:
    """Return a plain network with rectifiers."""
    layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(outputs)])


def dense_stack(layers: int) -> Any:
    """Return a deep, narrow network with two variables a layer."""
    return mlp(4, *([4] * (layers - 1)), outputs=1)


def cnn() -> Any:
    """Return a small convolutional network on 32x32x3."""
    layers = [
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    ]
    return keras.Sequential([keras.Input((32, 32, 3)), *layers])


def transformer() -> Any:
    """Return an encoder of four layers, 128 wide, with four heads."""
    start = keras.Input((64,), dtype="int32")
    x = keras.layers.Embedding(WORDS, 128)(start)
    for _ in range(4):
        attended = keras.layers.MultiHeadAttention(4, 32)(x, x)
        x = keras.layers.LayerNormalization()(keras.layers.Add()([x, attended]))
        inner = keras.layers.Dense(512, activation="gelu")(x)
        inner = keras.layers.Dense(128)(inner)
        x = keras.layers.LayerNormalization()(keras.layers.Add()([x, inner]))
    pooled = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(start, keras.layers.Dense(10)(pooled))


MODELS: Final[dict[str, Bench]] = {
    "tiny": Bench("MLP 2-10-1, batch 32", lambda: mlp(2, 10, outputs=1), 32, (2,)),
    "mlp": Bench(
        "MLP 784-512-512-10, batch 128", lambda: mlp(784, 512, 512, outputs=10), 128, (784,)
    ),
    "cnn": Bench("CNN 32x32x3, batch 64", cnn, 64, (32, 32, 3)),
    "transformer": Bench("Transformer, 4 layers, batch 32", transformer, 32, (64,), words=True),
}


def endless(bench: Bench, width: int) -> Iterator[Any]:
    """Return an iterator over one batch, again and again."""
    generator = np.random.default_rng(0)
    shape = (bench.batch, *bench.shape)
    x: Any = generator.normal(size=shape).astype(np.float32)
    if bench.words:
        x = generator.integers(0, WORDS, shape).astype(np.int32)
    y = generator.normal(size=(bench.batch, width)).astype(np.float32)
    return iter(tf.data.Dataset.from_tensors((x, y)).repeat())
