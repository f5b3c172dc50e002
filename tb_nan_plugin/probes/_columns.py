"""Statistics of a batch, column by column, over its finite values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import tensorflow as tf

from tb_nan_plugin.probes._probe import Row, dense_values
from tb_nan_plugin.signals import Signal

# Above this many columns a row of statistics would outgrow what it describes: aggregates then, and
# the index of the first bad column. Chosen by us; a table wider than this is rarely read by column.
MOST_COLUMNS: Final = 256

# Mean and deviation of a batch whose rows hold more than NARROW values are those of its first rows,
# as many as hold SAMPLE values: 21 pictures of 32x32x3. Range and finiteness are always of all.
NARROW: Final = 64
SAMPLE: Final = 65536

_SUFFIXES: Final = ("mean", "std", "min", "max", "nan", "posinf", "neginf")


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
    signals = [Signal(f"{stem}_{suffix}") for suffix in _SUFFIXES]
    usual, doubt = _all_finite(row, values, layout)
    places = layout.places
    row.watch(signals[:4], places, tf.stack(usual), lambda: _over_finite(values, layout), doubt)
    row.watch(signals[4:], places, None, lambda: _counts(values, layout), doubt)
    if layout.width is not None:
        first_bad = lambda: _first_bad_column(values, layout)  # noqa: E731
        none = tf.constant(-1.0)
        row.watch([Signal(f"{stem}_bad_column")], places, none, first_bad, doubt)


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
            [name]
            if width == 1 and name in ("target", "sample weight")
            else [f"{word} {i}" for i in range(width)]
        )
        return _Layout(places, list(range(rank - 1)), None)
    return _Layout([f"all {name}s"], list(range(rank)), rank)


def _all_finite(row: Row, x: tf.Tensor, layout: _Layout) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Return mean, deviation and range, and a scalar that is finite only if every value is."""
    inner = x.shape[1:].num_elements() if x.shape.rank else None
    part = x if inner is None or inner <= NARROW else x[: max(1, SAMPLE // inner)]
    mean = _along(tf.reduce_mean, part, layout)
    variance = _along(tf.reduce_mean, tf.math.squared_difference(part, mean), layout)
    low, high = _along(tf.reduce_min, x, layout), _along(tf.reduce_max, x, layout)
    if part is x:  # its mean may overflow although all is finite, but is not finite otherwise
        doubt = tf.reduce_sum(mean)
    else:
        doubt = tf.reduce_sum(x) if row.slow_squares else tf.nn.l2_loss(x)
    return [mean, tf.sqrt(variance), low, high], doubt


def _along(reduce: Callable[..., tf.Tensor], x: tf.Tensor, layout: _Layout) -> tf.Tensor:
    """Reduce over the rows first, which takes whole rows at a time, and then over what is left."""
    if len(layout.axes) < 2 or layout.width is not None:
        return reduce(x, layout.axes)
    return reduce(reduce(x, 0), [axis - 1 for axis in layout.axes[1:]])


def _over_finite(x: tf.Tensor, layout: _Layout) -> tf.Tensor:
    finite = tf.math.is_finite(x)
    clean = tf.where(finite, x, tf.zeros_like(x))
    number = tf.reduce_sum(tf.cast(finite, x.dtype), layout.axes)
    mean = tf.reduce_sum(clean, layout.axes) / number
    deviation = tf.where(finite, x - mean, tf.zeros_like(x))
    biggest = tf.constant(x.dtype.max, x.dtype)
    table = [
        mean,
        tf.sqrt(tf.reduce_sum(deviation * deviation, layout.axes) / number),
        tf.where(number > 0, tf.reduce_min(tf.where(finite, x, biggest), layout.axes), mean),
        tf.where(number > 0, tf.reduce_max(tf.where(finite, x, -biggest), layout.axes), mean),
    ]
    return tf.stack(table)


def _counts(x: tf.Tensor, layout: _Layout) -> tf.Tensor:
    infinite = tf.math.is_inf(x)
    masks = (tf.math.is_nan(x), infinite & (x > 0), infinite & (x < 0))
    return tf.stack([tf.reduce_sum(tf.cast(mask, tf.float32), layout.axes) for mask in masks])


def _first_bad_column(x: tf.Tensor, layout: _Layout) -> tf.Tensor:
    bad = tf.reduce_any(~tf.math.is_finite(x), layout.axes[:-1])
    index = tf.argmax(tf.cast(bad, tf.int32))
    return tf.where(tf.reduce_any(bad), tf.cast(index, tf.float32), -1.0)
