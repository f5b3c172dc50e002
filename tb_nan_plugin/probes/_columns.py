"""Statistics of a batch, column by column, over its finite values."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import tensorflow as tf

from tb_nan_plugin.probes._probe import Row, dense_values
from tb_nan_plugin.signals import Signal

# Above this many columns a row of statistics would outgrow what it describes: aggregates then, and
# the index of the first bad column. Chosen by us; a table wider than this is rarely read by column.
MOST_COLUMNS: Final = 256


class _Layout(NamedTuple):
    """How a tensor falls into columns."""

    places: list[str]
    axes: list[int]
    width: int | None


def measure_columns(row: Row, stem: str, name: str, tensor: Any) -> None:
    """Add mean, deviation, range and non-finite counts of every column of a batch.

    Args:
        row: The open row.
        stem: `input` or `target`, the beginning of the signals' names.
        name: What one column is called, such as "feature" or "age feature".
        tensor: A batch, its rows on the first axis.
    """
    values = _numeric(tensor)
    if values is None:
        return
    layout = _layout(values, name)
    statistics = tf.cond(
        tf.math.is_finite(tf.nn.l2_loss(values)),
        lambda: _all_finite(values, layout),
        lambda: _over_finite(values, layout),
    )
    table = tf.reshape(tf.cast(statistics[0], tf.float32), [7, len(layout.places)])
    for index, suffix in enumerate(("mean", "std", "min", "max", "nan", "posinf", "neginf")):
        row.add(Signal(f"{stem}_{suffix}"), layout.places, table[index])
    if layout.width is not None:
        row.add(Signal(f"{stem}_bad_column"), layout.places, statistics[1])


def _numeric(tensor: Any) -> tf.Tensor | None:
    values = dense_values(tensor)
    if (
        values is None
        and tf.is_tensor(tensor)
        and (tensor.dtype.is_integer or tensor.dtype.is_bool)
    ):
        values = tensor
    if values is None or values.shape.rank is None:
        return None
    return values if values.dtype in (tf.float32, tf.float64) else tf.cast(values, tf.float32)


def _layout(values: tf.Tensor, name: str) -> _Layout:
    rank = values.shape.rank
    if rank <= 1:
        return _Layout([name], list(range(rank)), None)
    width = values.shape[-1]
    word = name if rank < 4 else name.replace("feature", "channel")
    if width is not None and width <= MOST_COLUMNS:
        places = (
            [name] if name == "target" and width == 1 else [f"{word} {i}" for i in range(width)]
        )
        return _Layout(places, list(range(rank - 1)), None)
    return _Layout([f"all {name}s"], list(range(rank)), rank)


def _all_finite(x: tf.Tensor, layout: _Layout) -> tuple[tf.Tensor, tf.Tensor]:
    mean = tf.reduce_mean(x, layout.axes)
    zero = tf.zeros_like(mean)
    table = [
        mean,
        tf.math.reduce_std(x, layout.axes),
        tf.reduce_min(x, layout.axes),
        tf.reduce_max(x, layout.axes),
        zero,
        zero,
        zero,
    ]
    return tf.stack(table), tf.constant(-1.0)


def _over_finite(x: tf.Tensor, layout: _Layout) -> tuple[tf.Tensor, tf.Tensor]:
    finite = tf.math.is_finite(x)
    clean = tf.where(finite, x, tf.zeros_like(x))
    number = tf.reduce_sum(tf.cast(finite, x.dtype), layout.axes)
    mean = tf.reduce_sum(clean, layout.axes) / number
    deviation = tf.where(finite, x - mean, tf.zeros_like(x))
    infinite = tf.math.is_inf(x)
    biggest = tf.constant(x.dtype.max, x.dtype)
    table = [
        mean,
        tf.sqrt(tf.reduce_sum(deviation * deviation, layout.axes) / number),
        tf.where(number > 0, tf.reduce_min(tf.where(finite, x, biggest), layout.axes), mean),
        tf.where(number > 0, tf.reduce_max(tf.where(finite, x, -biggest), layout.axes), mean),
        _count(tf.math.is_nan(x), x, layout),
        _count(infinite & (x > 0), x, layout),
        _count(infinite & (x < 0), x, layout),
    ]
    return tf.stack(table), _first_bad_column(finite, layout)


def _count(mask: tf.Tensor, x: tf.Tensor, layout: _Layout) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(mask, x.dtype), layout.axes)


def _first_bad_column(finite: tf.Tensor, layout: _Layout) -> tf.Tensor:
    if layout.width is None:
        return tf.constant(-1.0)
    bad = tf.reduce_any(~finite, list(range(layout.width - 1)))
    index = tf.argmax(tf.cast(bad, tf.int32))
    return tf.where(tf.reduce_any(bad), tf.cast(index, tf.float32), -1.0)
