"""The optimizer's settings as they are applied in this step."""

from __future__ import annotations

from typing import Any

from tb_nan_plugin.probes._probe import Row
from tb_nan_plugin.signals import Signal


def loss_scale(optimizer: Any) -> Any | None:
    """Return the factor that the loss was multiplied with, or None if there is none."""
    dynamic = getattr(optimizer, "dynamic_scale", None)  # keras.optimizers.LossScaleOptimizer
    return dynamic if dynamic is not None else getattr(optimizer, "loss_scale_factor", None)


def measure(row: Row, name: str, optimizer: Any) -> None:
    """Add learning rate and loss scale; `name` is "" for the model's only optimizer."""
    row.add(Signal.LEARNING_RATE, [name], optimizer.learning_rate)
    scale = loss_scale(optimizer)
    if scale is not None:
        row.add(Signal.LOSS_SCALE, [name], scale)
