"""Small models that several cases share."""

from __future__ import annotations

from typing import Any

import keras

Dense = keras.layers.Dense


def chain(shape: tuple[int | None, ...], *layers: Any) -> Any:
    """A sequential model."""
    return keras.Sequential([keras.Input(shape), *layers])


def dense(width: int = 4, activation: str = "relu", out: int = 1, last: str = "linear") -> Any:
    """Two dense layers."""
    return chain(
        (width,), Dense(6, activation, name="first"), Dense(out, activation=last, name="last")
    )


def image(*after: Any) -> Any:
    """A convolution over 6 x 6 images with two channels, and what comes after it."""
    return chain(
        (6, 6, 2), keras.layers.Conv2D(3, 3, name="conv"), *after, keras.layers.Flatten(),
        Dense(1, name="last"),
    )  # fmt: skip


def words(memory: Any, *after: Any) -> Any:
    """A recurrent layer over masked sequences of five word numbers below 11."""
    return keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            keras.layers.Embedding(11, 4, mask_zero=True, name="words"),
            memory,
            *after,
            Dense(1, name="last"),
        ]
    )
