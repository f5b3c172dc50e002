"""Layer outputs in execution order: size, finiteness, saturation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import tensorflow as tf

from tb_nan_plugin.probes._probe import Row, counts_if_suspect, norms
from tb_nan_plugin.signals import Signal

# Where the slope has fallen to 2.7 % of its maximum: sigmoid beyond |z| = 5 (DeepDiagnosis, ICSE
# 2022, counts a unit as saturated there), tanh beyond |z| = 2.5, which is the same point, for
# tanh(z) = 2 sigmoid(2z) - 1.
SIGMOID_EDGE: Final = 0.0066928509
TANH_EDGE: Final = 0.9866142982
SAMPLE: Final = 4096  # elements; a share of 0.5 is then known to within 0.02 (two standard errors)

SATURATING: Final = frozenset({"sigmoid", "tanh"})


@dataclass(frozen=True)
class LayerOutput:
    """One tensor that one call of a layer returned.

    Attributes:
        place: The layer's path, with the call's and the output's number where there are several.
        activation: Name of the layer's activation function, "" if it has none.
        values: The tensor, of a floating dtype.
    """

    place: str
    activation: str
    values: tf.Tensor


def measure(row: Row, outputs: list[LayerOutput]) -> None:
    """Add norm and finiteness of every output, and the saturated share where there can be one."""
    if not outputs:
        return
    places = [output.place for output in outputs]
    values = [output.values for output in outputs]
    sizes = norms(values)
    row.add(Signal.OUTPUT_NORM, places, sizes)
    row.add(Signal.OUTPUT_MAX_ABS, places, tf.stack([_max_abs(v) for v in values]))
    row.add_counts("output", places, counts_if_suspect(values, sizes))
    for output in outputs:
        if output.activation in SATURATING:
            share = _saturated_share(output)
            row.add(Signal.SATURATED_FRACTION, [output.place], share)


def _max_abs(values: tf.Tensor) -> tf.Tensor:
    highest = tf.maximum(tf.reduce_max(values), -tf.reduce_min(values))
    return tf.maximum(tf.cast(highest, tf.float32), 0.0)  # XLA passes over NaN: -Inf without this


def _saturated_share(output: LayerOutput) -> tf.Tensor:
    flat = tf.reshape(output.values, [-1])
    stride = tf.maximum(1, tf.size(flat) // SAMPLE)
    sample = tf.cast(flat[::stride], tf.float32)
    if output.activation == "sigmoid":
        flat_part = (sample < SIGMOID_EDGE) | (sample > 1.0 - SIGMOID_EDGE)
    else:
        flat_part = tf.abs(sample) > TANH_EDGE
    return tf.reduce_mean(tf.cast(flat_part, tf.float32))
