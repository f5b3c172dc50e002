"""Linear regression by gradient descent in real float32, recorded as NaNMonitor records it.

What goes wrong in these runs goes wrong by itself: a test states data and rate, never the outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
ROWS = 32


def data(features: int = 2, steps: int = 60, seed: int = 7) -> tuple[Floats, Floats]:
    """Features of unit scale, and targets that are a line of them plus noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(steps * ROWS, features)).astype(np.float32)
    truth = np.linspace(1, 2, features, dtype=np.float32)
    noise = 0.1 * random.normal(size=len(x)).astype(np.float32)
    return x, (x @ truth + noise)[:, None]


def descend(x: Floats, y: Floats, rate: float = 0.05) -> dict[str, list[float]]:
    """Train Dense(1) on mean squared error, one pass; return the columns of its health record."""
    kernel: Floats = np.full((x.shape[1], 1), 0.1, np.float32)
    bias: Floats = np.zeros(1, np.float32)
    record: dict[str, list[float]] = {}
    with np.errstate(all="ignore"):
        for start in range(0, len(x), ROWS):
            rows, wanted = x[start : start + ROWS], y[start : start + ROWS]
            before = {"kernel": kernel, "bias": bias}
            output = rows @ kernel + bias
            slope = np.float32(2 / len(rows)) * (output - wanted)
            gradients = {"kernel": rows.T @ slope, "bias": slope.sum(axis=0)}
            loss = float(np.mean((output - wanted) ** 2, dtype=np.float32))
            for key, number in _row(rows, wanted, before, output, loss, gradients, rate).items():
                record.setdefault(key, []).append(float(number))
            kernel = (kernel - rate * gradients["kernel"]).astype(np.float32)
            bias = (bias - rate * gradients["bias"]).astype(np.float32)
    return record


def _row(
    rows: Floats,
    wanted: Floats,
    weights: dict[str, Floats],
    output: Floats,
    loss: float,
    gradients: dict[str, Floats],
    rate: float,
) -> dict[str, Any]:
    row: dict[str, Any] = {"batch_size": len(rows)}
    for index in range(rows.shape[1]):
        row |= _column("input", f"feature {index}", rows[:, index])
    row |= _column("target", "target", wanted[:, 0])
    for name, value in weights.items():
        row |= {f"weight_norm of dense/{name}": np.linalg.norm(value)}
        row |= _counts("weight", f"dense/{name}", value)
    row |= {
        "output_norm of dense": np.linalg.norm(output),
        "output_max_abs of dense": np.abs(output).max(),
        **_counts("output", "dense", output),
        "prediction_min": output.min(),
        "prediction_max": output.max(),
        "prediction_zero": (output == 0).sum(),
        "prediction_one": (output == 1).sum(),
        "loss": loss,
    }
    for name, value in gradients.items():
        row |= {f"gradient_norm of dense/{name}": np.linalg.norm(value)}
        row |= _counts("gradient", f"dense/{name}", value)
    return row | {"learning_rate": rate}


def _column(stem: str, where: str, values: Floats) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    known: dict[str, Callable[[Floats], Any]] = {
        "mean": np.mean,
        "std": np.std,
        "min": np.min,
        "max": np.max,
    }
    statistics = {
        f"{stem}_{name} of {where}": measure(finite) if len(finite) else np.nan
        for name, measure in known.items()
    }
    return statistics | _counts(stem, where, values)


def _counts(stem: str, where: str, values: Floats) -> dict[str, Any]:
    kinds: dict[str, Callable[[Floats], Any]] = {
        "nan": np.isnan,
        "posinf": np.isposinf,
        "neginf": np.isneginf,
    }
    return {f"{stem}_{name} of {where}": is_it(values).sum() for name, is_it in kinds.items()}
