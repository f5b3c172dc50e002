"""One run for each cause that breaks a training within one step: columns and environment."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from tests.analyzer.descent import ROWS, data, descend
from tests.analyzer.runs import Columns, environment, layer

Recorded = tuple[Columns, dict[str, Any]]
LINEAR = environment(layers=[layer("dense")], output_layers={"": "dense"})


def step_that_breaks(**last: float) -> dict[str, list[float]]:
    """A sound training of ten steps, but for these numbers in the last."""
    usual = {
        "batch_size": 32.0,
        "weight_nan of dense/kernel": 0.0,
        "output_max_abs of dense": 2.0,
        "output_nan of dense": 0.0,
        "prediction_min": -1.0,
        "prediction_max": 1.0,
        "prediction_zero": 0.0,
        "prediction_one": 0.0,
        "loss": 0.3,
        "gradient_norm of dense/kernel": 0.5,
        "gradient_nan of dense/kernel": 0.0,
        "gradient_posinf of dense/kernel": 0.0,
        "learning_rate": 0.01,
        "updated_nan of dense/kernel": 0.0,
    }
    keys = {**usual, **last}
    return {key: [*[usual.get(key, 0.0)] * 9, keys[key]] for key in keys}


def nonfinite_weights(where: str = "dense/kernel") -> Recorded:
    columns = descend(*data())
    columns[f"weight_nan of {where}"] = [1.0, *[8.0] * (len(columns["loss"]) - 1)]
    return columns, LINEAR


def nonfinite_statistics() -> Recorded:
    columns = step_that_breaks(**{"updated_posinf of norm/moving_variance": 4.0})
    return columns, LINEAR


def log_of_nonpositive_feature() -> Recorded:
    x, y = data()
    x[9 * ROWS + 2, 0] = -inf
    return descend(x, y), LINEAR


def label_out_of_range(**last: float) -> Recorded:
    sparse = {"name": "sparse_categorical_crossentropy", "builtin": True}
    shape = {"predictions": {"": {"shape": [32, 4], "dtype": "float32"}}}
    columns = step_that_breaks(**{"target_min of target": 0.0, "loss": nan, **last})
    columns["target_max of target"] = [*[3.0] * 9, last.get("target_max of target", 4.0)]
    return columns, environment(losses=[sparse], batch=shape)


def backward_singularity(**last: float) -> Recorded:
    return step_that_breaks(**{"gradient_nan of dense/kernel": 4.0, **last}), LINEAR


def nonfinite_learning_rate(rate: float = inf) -> Recorded:
    last = {"learning_rate": rate, "updated_nan of dense/kernel": 4.0}
    return step_that_breaks(**last), LINEAR


def optimizer_update_nonfinite(optimizer: str = "Adam", **last: float) -> Recorded:
    settings = {"learning_rate": 0.01, "epsilon": 0.0}
    facts = {**LINEAR, "optimizer": {"class": optimizer, "settings": settings}}
    return step_that_breaks(**{"updated_nan of dense/kernel": 4.0, **last}), facts


SUDDEN = {
    "nonfinite-weights": nonfinite_weights,
    "nonfinite-statistics": nonfinite_statistics,
    "log-of-nonpositive-feature": log_of_nonpositive_feature,
    "label-out-of-range": label_out_of_range,
    "backward-singularity": backward_singularity,
    "nonfinite-learning-rate": nonfinite_learning_rate,
    "optimizer-update-nonfinite": optimizer_update_nonfinite,
}
