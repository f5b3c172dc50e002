"""One run for each cause that breaks a training within one step: columns and environment."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np

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


def outlier_batch() -> Recorded:
    x, y = data()
    y[12 * ROWS] = 1e25
    return descend(x, y), LINEAR


def unscaled_target() -> Recorded:
    x, y = data()
    return descend(x, 1e22 * y), LINEAR


def poor_initialization() -> Recorded:
    """Outputs of a million times the input before any update, and an overflow in the second."""
    columns = step_that_breaks(**{"output_nan of dense": 8.0, "loss": nan})
    columns = {key: column[-2:] for key, column in columns.items()}
    large = {"output_max_abs of dense": [1e7, 1e30], "input_mean of feature 0": [0.0, 0.0]}
    return {**columns, **large, "input_std of feature 0": [1.0, 1.0]}, LINEAR


def exploding_gradient() -> Recorded:
    """A recurrent layer whose bounded output has a gradient of a million, once."""
    last = {"output_nan of memory": 8.0, "gradient_norm of memory/recurrent_kernel": 0.5}
    columns = step_that_breaks(**last, loss=nan)
    columns["gradient_norm of memory/recurrent_kernel"] = [*[0.5] * 8, 1e6, nan]
    columns["loss"] = [*[0.3] * 9, nan]
    layers = [layer("memory", "SimpleRNN", activation="tanh"), layer("dense")]
    return columns, environment(layers=layers, output_layers={"": "dense"})


def fp16_overflow() -> Recorded:
    last = {"output_max_abs of head": inf, "output_posinf of head": 3.0, "loss": nan}
    columns = step_that_breaks(**last)
    columns["output_max_abs of head"] = [*np.linspace(1e3, 6e4, 9).tolist(), inf]
    columns["output_max_abs of dense"] = [900.0] * 10
    facts = {"layers": [layer("dense"), layer("head")], "output_layers": {"": "head"}}
    return columns, environment(**facts, dtype_policy="mixed_float16")


def own_layer(**last: float) -> Recorded:
    """A layer of the user's own, after a ReLU, that breaks on numbers of ordinary size."""
    columns = step_that_breaks(**{"output_max_abs of own": inf, "loss": nan, **last})
    own = layer("own", "Own", builtin=False, parameters=0)
    return columns, environment(layers=[layer("dense", activation="relu"), own])


def layer_log_of_zero() -> Recorded:
    return own_layer(**{"output_neginf of own": 2.0})


def layer_division_by_zero() -> Recorded:
    return own_layer(**{"output_posinf of own": 2.0, "output_neginf of own": 1.0})


def layer_invalid_operation() -> Recorded:
    columns, facts = own_layer(**{"output_nan of own": 20.0})
    layers = [layer("dense"), *facts["layers"][1:]]
    return {key: column[-1:] for key, column in columns.items()}, {**facts, "layers": layers}


def own_loss(kind: float = nan, **last: float) -> Recorded:
    """A loss of the user's own that breaks on finite predictions."""
    usual = {"target_min of target": 0.2, "target_max of target": 0.9}
    columns = {**step_that_breaks(**usual, loss=kind)}
    for key in usual:
        columns[key] = [usual[key]] * 10
    columns["prediction_min"] = [0.1] * 10
    for key, number in last.items():
        columns[key] = [*columns[key][:9], number]
    facts = environment(losses=[{"name": "mine", "builtin": False}], layers=[layer("dense")])
    return columns, {**facts, "output_layers": {"": "dense"}}


def loss_overflow() -> Recorded:
    return own_loss(inf, prediction_max=95.0)


def loss_invalid_operation() -> Recorded:
    return own_loss(prediction_min=-0.1)


def loss_division_by_zero() -> Recorded:
    zero = dict.fromkeys(("target_min of target", "target_max of target"), 0.0)
    return own_loss(**zero, prediction_min=0.0, prediction_max=0.0)


def empty_loss() -> Recorded:
    columns, facts = own_loss()
    low = {"target_min of target": [-1.0] * 10, "target_max of target": [*[0.9] * 9, -1.0]}
    return {**columns, **low}, facts


SUDDEN = {
    "nonfinite-weights": nonfinite_weights,
    "nonfinite-statistics": nonfinite_statistics,
    "log-of-nonpositive-feature": log_of_nonpositive_feature,
    "label-out-of-range": label_out_of_range,
    "backward-singularity": backward_singularity,
    "nonfinite-learning-rate": nonfinite_learning_rate,
    "optimizer-update-nonfinite": optimizer_update_nonfinite,
    "outlier-batch": outlier_batch,
    "unscaled-target": unscaled_target,
    "poor-initialization": poor_initialization,
    "exploding-gradient": exploding_gradient,
    "fp16-overflow": fp16_overflow,
    "layer-log-of-zero": layer_log_of_zero,
    "layer-division-by-zero": layer_division_by_zero,
    "layer-invalid-operation": layer_invalid_operation,
    "loss-overflow": loss_overflow,
    "loss-invalid-operation": loss_invalid_operation,
    "loss-division-by-zero": loss_division_by_zero,
    "empty-loss": empty_loss,
}
