"""The model's variables as they are when the step begins, non-trainable ones included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tb_nan_plugin.probes._probe import Row, counts_if_suspect, norms
from tb_nan_plugin.signals import Signal


def measure(row: Row, variables: Mapping[str, Any]) -> None:
    """Add norm and finiteness of every variable.

    Read before the forward pass and let go at once: a value still held when the optimizer writes
    would make TensorFlow copy the variable.
    """
    if not variables:
        return
    places = list(variables)
    values = [tf.convert_to_tensor(v) for v in variables.values()]
    sizes = norms(values)
    row.add(Signal.WEIGHT_NORM, places, sizes)
    row.add_counts("weight", places, counts_if_suspect(values, sizes))


def count_nonfinite(variables: Mapping[str, Any]) -> tf.Tensor:
    """Return counts of NaN, +Inf and -Inf of every variable, shape (len(variables), 3)."""
    values = [tf.convert_to_tensor(v) for v in variables.values()]
    return counts_if_suspect(values, norms(values))
