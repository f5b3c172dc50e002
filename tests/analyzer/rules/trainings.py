"""Train for real under NaNMonitor, and see what the analyzer makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

import analyzer
from analyzer.report import Analysis
from tb_nan_plugin import NaNMonitor

ROWS = 8
Floats = npt.NDArray[np.float32]


def features(steps: int = 10, width: int = 4, seed: int = 1) -> Floats:
    """Rows of unit scale for so many steps."""
    random = np.random.default_rng(seed)
    return random.normal(size=(ROWS * steps, width)).astype(np.float32)


def line(x: Floats) -> Floats:
    """Targets that are a line of the features."""
    flat = x.reshape(len(x), -1)
    return (flat @ np.linspace(-1, 1, flat.shape[1], dtype=np.float32))[:, None]


def stack(*layers: Any, width: int = 4) -> Any:
    """A sequential model."""
    return keras.Sequential([keras.Input((width,)), *layers])


def perceptron(*between: Any, width: int = 4, last: str = "linear", **first: Any) -> Any:
    """Two dense layers, with something between them."""
    return stack(
        keras.layers.Dense(6, name="first", **{"activation": "tanh", **first}),
        *between,
        keras.layers.Dense(1, activation=last, name="last"),
        width=width,
    )


def judged(
    log_dir: Path,
    model: Any,
    x: Any,
    y: Any,
    *,
    loss: Any = "mean_squared_error",
    optimizer: Any = None,
    epochs: int = 1,
    validation: Any = None,
    callbacks: Sequence[Any] = (),
    **compiled: Any,
) -> Analysis:
    """Train once over the data in order, and return the analysis of what was recorded."""
    how = {"jit_compile": False, **compiled}
    model.compile(keras.optimizers.SGD(0.05) if optimizer is None else optimizer, loss, **how)
    model.fit(
        x,
        y,
        batch_size=ROWS,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        validation_data=validation,
        callbacks=[*callbacks, NaNMonitor(log_dir)],
    )
    (analysis,) = analyzer.analyze(log_dir).analyses
    return analysis


def cause_of(analysis: Analysis) -> str | None:
    """The verdict's cause, None where there is none."""
    return None if analysis.verdict is None else analysis.verdict.cause
