"""Layer outputs in execution order: size, finiteness, saturation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import tensorflow as tf

from tb_nan_plugin.probes._probe import Row, count_signals, counts, norms, widened
from tb_nan_plugin.signals import Signal

# Where the slope has fallen to 2.7 % of its maximum: sigmoid beyond |z| = 5 (DeepDiagnosis, ICSE
# 2022, counts a unit as saturated there), tanh beyond |z| = 2.5, which is the same point, for
# tanh(z) = 2 sigmoid(2z) - 1.
SIGMOID_EDGE: Final = 0.0066928509
TANH_EDGE: Final = 0.9866142982

# An output of at most EXACT values is looked at as a whole; of a larger one, rows that hold about
# SAMPLE values, the first ones of the batch: reading every value several times costs a few percent
# of the step. Of 8192 values, a share is known to within 0.011 (two standard errors).
EXACT: Final = 65536
SAMPLE: Final = 8192
NARROW: Final = 1024  # rows as short as this need no arithmetic at run time: EXACT values at most

SATURATING: Final = frozenset({"sigmoid", "tanh"})
NEVER_NEGATIVE: Final = frozenset({"relu", "relu6", "sigmoid", "hard_sigmoid", "softmax"})


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
    samples = [_sample(row, widened(v)) for v in values]
    sums = None
    if row.slow_squares:
        sums = tf.stack([tf.reduce_sum(widened(v)) for v in values])
        sizes = _estimated_norms(values, samples)
    else:
        sizes = norms(row, values)
    row.add(Signal.OUTPUT_NORM, places, sizes)
    row.watch(
        [Signal.OUTPUT_MAX_ABS, *count_signals("output")],
        places,
        tf.concat(
            [
                tf.stack([_max_abs(o, s) for o, s in zip(outputs, samples, strict=True)]),
                tf.zeros([3 * len(places)]),
            ],
            axis=0,
        ),
        lambda: tf.concat([_true_max_abs(values)[tf.newaxis], counts(values)], axis=0),
        sizes if sums is None else sums,
    )
    for output, sample in zip(outputs, samples, strict=True):
        if output.activation in SATURATING:
            row.add(
                Signal.SATURATED_FRACTION,
                [output.place],
                _saturated_share(output.activation, sample),
            )


def _estimated_norms(values: list[tf.Tensor], samples: list[tf.Tensor]) -> tf.Tensor:
    """Return norms as they would be if the whole output were like its sample."""
    return tf.stack(
        [
            tf.sqrt(tf.reduce_mean(tf.square(s)) * tf.cast(tf.size(v), s.dtype))
            for v, s in zip(values, samples, strict=True)
        ]
    )


def _sample(row: Row, values: tf.Tensor) -> tf.Tensor:
    if not values.shape.rank:
        return values
    inner = values.shape[1:].num_elements()
    if inner is not None and 0 < inner <= NARROW:
        return values[: EXACT // inner]
    key = tuple(-1 if n is None else n for n in values.shape[1:])
    if inner is None or key not in row.ends:
        row.ends[key] = _last_row(values)
    return tf.strided_slice(values, [0], row.ends[key])


def _last_row(values: tf.Tensor) -> tf.Tensor:
    elements, rows = tf.size(values), tf.shape(values)[0]
    some = tf.maximum(1, SAMPLE * rows // tf.maximum(1, elements))
    return tf.where(elements <= EXACT, rows, some)[tf.newaxis]


def _max_abs(output: LayerOutput, sample: tf.Tensor) -> tf.Tensor:
    highest = tf.reduce_max(sample)
    if output.activation not in NEVER_NEGATIVE:
        highest = tf.maximum(highest, -tf.reduce_min(sample))
    return tf.maximum(tf.cast(highest, tf.float32), 0.0)


def _true_max_abs(values: list[tf.Tensor]) -> tf.Tensor:
    """Return the largest absolute value of each output, its NaN left out."""
    clean = [tf.where(tf.math.is_nan(v), tf.zeros_like(v), tf.abs(v)) for v in values]
    return tf.stack([tf.cast(tf.reduce_max(c), tf.float32) for c in clean])


def _saturated_share(activation: str, sample: tf.Tensor) -> tf.Tensor:
    if activation == "sigmoid":
        flat_part = tf.abs(sample - 0.5) > 0.5 - SIGMOID_EDGE
    else:
        flat_part = tf.abs(sample) > TANH_EDGE
    return tf.reduce_mean(tf.cast(flat_part, tf.float32))
