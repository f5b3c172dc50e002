"""The batch as it enters the step: features, and how many rows there are."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tb_nan_plugin.probes._columns import measure_columns
from tb_nan_plugin.probes._probe import Row, counts_if_suspect, dense_values, norms
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


def measure_weights(row: Row, weights: dict[str, Any]) -> None:
    """Add the finiteness of the weights of the batch's rows; a model has them by output."""
    found = {name: dense_values(tensor) for name, tensor in weights.items()}
    values = [tensor for tensor in found.values() if tensor is not None]
    if values:
        places = [f"{name} sample weight".lstrip() for name, t in found.items() if t is not None]
        row.add_counts("input", places, counts_if_suspect(values, norms(values)))
