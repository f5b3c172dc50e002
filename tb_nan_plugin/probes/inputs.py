"""The batch as it enters the step: features, how many rows there are, and what they weigh."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tb_nan_plugin.probes._columns import measure_columns
from tb_nan_plugin.probes._probe import Row
from tb_nan_plugin.signals import Signal


def measure(row: Row, features: dict[str, Any]) -> None:
    """Add the batch size and the columns of every input.

    Args:
        row: The open row.
        features: Inputs by name; the only input of a model has the name "".
    """
    for tensor in features.values():
        if tf.is_tensor(tensor) and tensor.shape.rank:
            row.add(Signal.BATCH_SIZE, [""], tf.shape(tensor)[0])
            break
    for name, tensor in features.items():
        measure_columns(row, "input", f"{name} feature".lstrip(), tensor)


def measure_sample_weights(row: Row, weights: dict[str, Any]) -> None:
    """Add the columns of every sample weight; the only one has the name ""."""
    for name, tensor in weights.items():
        measure_columns(row, "sample_weight", f"{name} sample weight".lstrip(), tensor)
