"""Layer outputs in execution order: size, finiteness, saturation, units that are off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import tensorflow as tf

from tb_nan_plugin.probes._probe import Row, count_signals, counts, halved_squares, largest, widened
from tb_nan_plugin.signals import Signal

# Where the slope has fallen to 2.7 % of its maximum: sigmoid beyond |z| = 5 (DeepDiagnosis, ICSE
# 2022, counts a unit as saturated there), tanh beyond |z| = 2.5, which is the same point, for
# tanh(z) = 2 sigmoid(2z) - 1.
SIGMOID_EDGE: Final = 0.0066928509
TANH_EDGE: Final = 0.9866142982

# An output of at most EXACT values is looked at as a whole; of a larger one, rows that hold about
# SAMPLE values, the first ones of the batch: reading every value several times costs a few percent
# of the step. Of 4096 values, a share is known to within 0.016 (two standard errors).
EXACT: Final = 16384
SAMPLE: Final = 4096
NARROW: Final = 1024  # rows as short as this need no arithmetic at run time: EXACT values at most

# A unit is dead when it gave nothing in so many steps in a row. With a batch of 32 that is a
# thousand examples; a unit that answers to one in two hundred is then missed once in 150 times.
DEAD_AFTER: Final = 32

SATURATED: Final[dict[str, Callable[[tf.Tensor], tf.Tensor]]] = {
    "sigmoid": lambda s: tf.abs(s - 0.5) > 0.5 - SIGMOID_EDGE,
    "hard_sigmoid": lambda s: tf.abs(s - 0.5) >= 0.5,
    "tanh": lambda s: tf.abs(s) > TANH_EDGE,
    "hard_tanh": lambda s: tf.abs(s) >= 1.0,
    "softmax": lambda s: tf.reduce_max(s, axis=-1) > 1.0 - SIGMOID_EDGE,
    "relu6": lambda s: s >= 6.0,
}
RECTIFIERS: Final = frozenset({"relu", "relu6"})


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


class IdleUnits:
    """For how many steps each unit of each rectifier has given nothing, on the device."""

    def __init__(self) -> None:
        self._idle: dict[tuple[tuple[str, int], ...], Any] = {}

    def dead(self, highest: dict[str, tf.Tensor]) -> list[tf.Tensor]:
        """Count this step and return the share of dead units of every layer call.

        Args:
            highest: By layer call, the largest output of each unit in this step, shape (units,).
        """
        units = [int(values.shape[0]) for values in highest.values()]
        key = tuple(zip(highest, units, strict=True))
        if key not in self._idle:
            with tf.init_scope():
                self._idle[key] = tf.Variable(
                    tf.zeros([sum(units)]),
                    trainable=False,
                    name="nan_monitor_idle",
                    synchronization=tf.VariableSynchronization.ON_READ,
                    aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                )
        idle = self._idle[key]
        together = (
            tf.concat(list(highest.values()), axis=0) if len(units) > 1 else highest[key[0][0]]
        )
        now = tf.where(together > 0, 0.0, idle + 1.0)
        idle.assign(now)
        dead = tf.cast(now >= DEAD_AFTER, tf.float32)
        return [
            tf.reduce_mean(part) for part in (tf.split(dead, units) if len(units) > 1 else [dead])
        ]


def measure(row: Row, outputs: list[LayerOutput], idle: IdleUnits) -> None:
    """Add norm, spread and finiteness of every output, and what its activation can suffer from."""
    if not outputs:
        return
    places = [output.place for output in outputs]
    values = [output.values for output in outputs]
    samples = [_sample(row, widened(v)) for v in values]
    _measure_size(row, places, values, samples)
    _measure_spread(row, places, samples)
    for output, sample in zip(outputs, samples, strict=True):
        saturated = SATURATED.get(output.activation)
        if saturated is not None and sample.shape.rank:
            row.add(Signal.SATURATED_FRACTION, [output.place], _share(saturated(sample)))
    _measure_rectifiers(row, outputs, samples, idle)


def _measure_size(
    row: Row, places: list[str], values: list[tf.Tensor], samples: list[tf.Tensor]
) -> None:
    if row.slow_squares:
        halves = [_estimated_half_square(v, s) for v, s in zip(values, samples, strict=True)]
        doubt = tf.add_n([tf.cast(tf.reduce_sum(widened(v)), tf.float32) for v in values])
    else:
        halves = halved_squares(row, values)
        doubt = tf.add_n(halves)
    row.add_norms(Signal.OUTPUT_NORM, places, halves)
    highest = tf.stack([tf.cast(tf.reduce_max(tf.abs(s)), tf.float32) for s in samples])
    row.watch([Signal.OUTPUT_MAX_ABS], places, highest, lambda: largest(values), doubt)
    row.watch(count_signals("output"), places, None, lambda: counts(values), doubt)


def _measure_spread(row: Row, places: list[str], samples: list[tf.Tensor]) -> None:
    means = [tf.reduce_mean(s) for s in samples]
    squares = [
        tf.reduce_mean(tf.math.squared_difference(s, m))
        for s, m in zip(samples, means, strict=True)
    ]
    row.add(Signal.OUTPUT_MEAN, places, means)
    row.add_norms(Signal.OUTPUT_STD, places, [0.5 * tf.cast(s, tf.float32) for s in squares])


def _measure_rectifiers(
    row: Row, outputs: list[LayerOutput], samples: list[tf.Tensor], idle: IdleUnits
) -> None:
    highest = {}
    for output, sample in zip(outputs, samples, strict=True):
        if output.activation in RECTIFIERS and sample.shape.rank and sample.shape[-1]:
            row.add(Signal.ZERO_FRACTION, [output.place], _share(sample <= 0))
            rows = list(range(sample.shape.rank - 1))
            highest[output.place] = tf.cast(tf.reduce_max(sample, axis=rows), tf.float32)
    if highest:
        row.add(Signal.DEAD_FRACTION, list(highest), idle.dead(highest))


def _estimated_half_square(values: tf.Tensor, sample: tf.Tensor) -> tf.Tensor:
    """Return half the sum of squares as it would be if the whole were like its sample."""
    mean = tf.cast(tf.reduce_mean(tf.square(sample)), tf.float32)
    return 0.5 * mean * tf.cast(tf.size(values), tf.float32)


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


def _share(mask: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.cast(mask, tf.float32))
