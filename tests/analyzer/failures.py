"""One run for each cause, and a healthy one: columns and environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np

from analyzer.evidence import Case
from tests.analyzer.descent import ROWS, data, descend
from tests.analyzer.runs import Columns, case, environment, layer, series
from tests.analyzer.sudden import LINEAR as LINEAR
from tests.analyzer.sudden import SUDDEN

Recorded = tuple[Columns, dict[str, Any]]


def healthy() -> Recorded:
    return descend(*data()), LINEAR


def nonfinite_input() -> Recorded:
    x, y = data()
    x[13 * ROWS + 5, 1] = nan
    return descend(x, y), LINEAR


def zero_variance_feature() -> Recorded:
    x, y = data()
    x[:, 1] = nan
    return descend(x, y), LINEAR


def nonfinite_target() -> Recorded:
    x, y = data()
    y[21 * ROWS] = inf
    return descend(x, y), LINEAR


def unscaled_features() -> Recorded:
    x, y = data()
    x[:, 1] *= 1000
    return descend(x, y, rate=0.01), LINEAR


def learning_rate_too_high() -> Recorded:
    return descend(*data(), rate=5.0), LINEAR


def layer_overflow(biggest: float = 95.0, *, posinf: float = 3, nans: float = 0) -> Recorded:
    """A layer that computes exp of logits that grow until the last of ten steps."""
    quiet = [0.0] * 9
    columns: Columns = {
        "input_max of feature 0": 2.5,
        "output_max_abs of dense": [*np.linspace(0.1, 0.8, 9) * biggest, biggest],
        "output_nan of dense": 0,
        "output_posinf of dense": 0,
        "output_max_abs of exp": [*np.linspace(1e4, 1e30, 9), inf],
        "output_nan of exp": [*quiet, nans],
        "output_posinf of exp": [*quiet, posinf],
        "loss": [*np.linspace(2, 1, 9), nan],
    }
    facts = environment(layers=[layer("dense"), layer("exp", "Exp", builtin=False, parameters=0)])
    return columns, facts


def loss_log_of_zero(**last: float) -> Recorded:
    """A hand-written cross-entropy whose predictions reach exactly 0 in the last of ten steps."""
    numbers = {
        "output_nan of dense": 0.0,
        "prediction_min": 0.0,
        "prediction_max": 0.999,
        "prediction_zero": 2.0,
        "prediction_one": 0.0,
        "loss": nan,
        "gradient_nan of dense/kernel": 8.0,
        **last,
    }
    usual = {"prediction_min": 1e-3, "prediction_max": 0.99, "loss": 0.3}
    columns = {key: [*[usual.get(key, 0.0)] * 9, number] for key, number in numbers.items()}
    return columns, environment(
        losses=[{"name": "my_crossentropy", "builtin": False}],
        layers=[layer("dense", activation="sigmoid")],
        output_layers={"": "dense"},
    )


def stuck_classifier(steps: int = 40) -> dict[str, Any]:
    """Losses that stay at ln 2, as those of a model that learned nothing."""
    wobble = np.random.default_rng(3).normal(scale=0.01, size=steps)
    return {"loss": list(np.log(2) + wobble), "learning_rate": 0.1}


def deep_sigmoid(**changes: Any) -> dict[str, Any]:
    hidden = [layer(f"dense_{i}", activation="sigmoid") for i in range(3)]
    facts = {
        "layers": [*hidden, layer("dense_3", activation="sigmoid")],
        "output_layers": {"": "dense_3"},
        "losses": [{"name": "binary_crossentropy", "builtin": True}],
        **changes,
    }
    return environment(**facts)


def saturated_activation(share: float = 0.9, where: str = "dense_0") -> Recorded:
    columns = {
        "input_mean of feature 0": 0.0,
        "input_std of feature 0": 50.0,
        "input_max of feature 0": 140.0,
        f"saturated_fraction of {where}": share,
        **stuck_classifier(),
    }
    return columns, deep_sigmoid()


def vanishing_gradient(first: float = 1e-6, last: float = 0.5) -> Recorded:
    columns = {
        **stuck_classifier(),
        "gradient_norm of dense_3/kernel": last,
        "gradient_norm of dense_3/bias": last / 2,
        "gradient_norm of dense_1/kernel": 1e-3,
        "gradient_norm of dense_0/kernel": first,
    }
    return columns, deep_sigmoid()


def output_activation_mismatch(
    low: float = -3.0, high: float = 1.0, *, activation: str = "relu", loss: float = 4.0
) -> Recorded:
    """Targets of variance 4, half of which a ReLU cannot reach."""
    columns: Columns = {
        "target_mean of target": -1.0,
        "target_std of target": 2.0,
        "target_min of target": [low] * 40,
        "target_max of target": high,
        "prediction_min": 0.0,
        "prediction_max": 0.9,
        "loss": loss,
    }
    return columns, environment(layers=[layer("dense"), layer("dense_1", activation=activation)])


def loss_scale_collapse(scales: float = 30.0) -> Recorded:
    """A gradient that is not finite at any scale, so that the scale halves in every step."""
    columns: Columns = {
        "loss": [0.7] * 40,
        "gradient_nan of dense/kernel": 8.0,
        "gradient_nan of dense/bias": 0.0,
        "loss_scale": list(2.0 ** np.linspace(15, 15 - scales, 40)),
    }
    return columns, environment(dtype_policy="mixed_float16")


def dead_relu() -> Recorded:
    columns = {
        **stuck_classifier(),
        "output_max_abs of dense_0": [*[1.0] * 4, *[0.0] * 36],
        "gradient_norm of dense_0/kernel": 0.0,
        "weight_norm of dense_0/kernel": 3.0,
    }
    layers = [layer("dense_0", activation="relu"), layer("dense_3", activation="sigmoid")]
    return columns, deep_sigmoid(layers=layers)


def learning_rate_too_low() -> Recorded:
    columns = {
        **stuck_classifier(),
        "weight_norm of dense_0/kernel": 3.0,
        "gradient_norm of dense_0/kernel": 0.2,
        "learning_rate": 1e-8,
    }
    return columns, deep_sigmoid()


FAILURES: dict[str, Callable[[], Recorded]] = {
    "nonfinite-input": nonfinite_input,
    "zero-variance-feature": zero_variance_feature,
    "nonfinite-target": nonfinite_target,
    "unscaled-features": unscaled_features,
    "layer-overflow": layer_overflow,
    "loss-log-of-zero": loss_log_of_zero,
    "learning-rate-too-high": learning_rate_too_high,
    "saturated-activation": saturated_activation,
    "vanishing-gradient": vanishing_gradient,
    "output-activation-mismatch": output_activation_mismatch,
    "loss-scale-collapse": loss_scale_collapse,
    "dead-relu": dead_relu,
    "learning-rate-too-low": learning_rate_too_low,
    **SUDDEN,
}
# What a record alone does not show, but the scalars beside it: their points, and the loss.
BESIDE: dict[str, dict[str, list[float]]] = {
    "nonfinite-validation-data": {"epoch_loss": [1.0, 0.5], "epoch_val_loss": [nan, nan]},
    "nonfinite-metric-only": {"epoch_loss": [1.0, 0.5], "epoch_auc": [nan, 0.7]},
}


def failure(cause: str) -> Case:
    """The case of a cause."""
    if cause in BESIDE:
        scalars = {tag: series(points) for tag, points in BESIDE[cause].items()}
        return replace(case(*healthy()), scalars=scalars)
    return case(*FAILURES[cause]())


def status_of(cause: str) -> str:
    """What a run of this cause must be called: silent where its loss stays finite to the end."""
    columns, _ = FAILURES[cause]()
    if failure(cause).trouble is None:
        return "unhealthy"
    return "silent" if np.isfinite(columns["loss"]).all() else "nonfinite"
