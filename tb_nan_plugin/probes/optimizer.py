"""The optimizer's settings as they are applied in this step."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tb_nan_plugin.probes._probe import Row
from tb_nan_plugin.signals import Signal


def loss_scale(optimizer: Any) -> Any | None:
    """Return the factor that the loss was multiplied with, or None if there is none."""
    dynamic = getattr(optimizer, "dynamic_scale", None)  # keras.optimizers.LossScaleOptimizer
    return dynamic if dynamic is not None else getattr(optimizer, "loss_scale_factor", None)


def measure(row: Row, name: str, optimizer: Any) -> None:
    """Add learning rate, iterations and loss scale; `name` is "" for the model's only optimizer."""
    row.add(Signal.LEARNING_RATE, [name], optimizer.learning_rate)
    row.add(Signal.ITERATIONS, [name], tf.convert_to_tensor(optimizer.iterations))
    every = getattr(optimizer, "gradient_accumulation_steps", None)
    if every:
        batches = tf.convert_to_tensor(optimizer._iterations)  # `iterations` counts the updates
        row.add(Signal.STEP_APPLIED, [name], (batches + 1) % every == 0)
    scale = loss_scale(optimizer)
    if scale is not None:
        row.add(Signal.LOSS_SCALE, [name], scale)


def count_nonfinite(variables: list[Any]) -> int:
    """Return how many values of an optimizer's state are not finite; called between steps."""
    values = [tf.convert_to_tensor(v) for v in variables]
    floats = [v for v in values if v.dtype.is_floating]
    suspects = [v for v in floats if not np.isfinite(tf.nn.l2_loss(v))]
    return sum(int(tf.reduce_sum(tf.cast(~tf.math.is_finite(v), tf.int64))) for v in suspects)
