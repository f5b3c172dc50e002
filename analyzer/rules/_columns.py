"""Counting the bad values of one data column, for the rules about data."""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Case, Evidence, above
from tb_nan_plugin.signals import Kind, Signal
from tb_nan_plugin.trouble import Trouble

LEAST_ROWS: Final = 4  # fewer rows may all be bad by chance

WORDS: Final[dict[Kind, str]] = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def counts(stem: str) -> tuple[Signal, ...]:
    """Return the three counting signals of `input` or `target`."""
    return tuple(Signal(f"{stem}_{kind}") for kind in ("nan", "posinf", "neginf"))


def bad_columns(case: Case, stem: str, step: int) -> list[str]:
    """Return the columns that hold something non-finite at a step."""
    moment = case.at(step)
    signals = counts(stem)
    return [w for w in case.health.places(signals[0]) if moment.total(signals, w) > 0]


def recorded_place(case: Case, stem: str, where: str) -> str:
    """Return the place under which a column was recorded: itself, or the whole of a wide batch."""
    places = case.health.places(counts(stem)[0])
    if where in places:
        return where
    whole = f"all {where.rsplit(' ', 1)[0]}s"
    return whole if whole in places else places[0]


def bad_values(case: Case, stem: str, trouble: Trouble, *, because: str) -> Evidence | None:
    """Return the count of bad values in the column of the trouble, as a fact."""
    place = recorded_place(case, stem, trouble.where)
    moment = case.at(trouble.step)
    total = int(moment.total(counts(stem), place))
    rows = moment.recorded(Signal.BATCH_SIZE)
    of_rows = f" of {int(rows)} rows" if rows else ""
    plural = "s" if total > 1 else ""
    reason = f"{total} value{plural}{of_rows} in this batch{because}"
    return moment.shows(trouble.signal, above(0), where=place, because=reason)


def is_bad_in_every_row(case: Case, place: str) -> bool:
    """Return whether no value of an input column was finite in any batch of the record.

    Of a wide batch only the first bad column is known: there, the same column is first in every
    batch, with at least as many bad values as one column has. A single row proves nothing.
    """
    columns = [case.health.series(signal, place) for signal in counts("input")]
    mean = case.health.series(Signal.INPUT_MEAN, place)
    rows = case.health.series(Signal.BATCH_SIZE)
    if mean is None or rows is None or any(column is None for column in columns):
        return False
    if rows.values.sum() < LEAST_ROWS:
        return False
    bad = np.sum([column.values for column in columns if column is not None], axis=0)
    first = case.health.series(Signal.INPUT_BAD_COLUMN, place)
    if first is None:
        return bool(np.all(np.isnan(mean.values)) and np.all(bad > 0))
    inner = _values_per_row(case)
    if inner is None:
        return False
    same = first.values[0] >= 0 and np.all(first.values == first.values[0])
    return bool(same and np.all(bad >= rows.values * inner))


def looks_like_a_logarithm(case: Case, place: str) -> bool:
    """Return whether an input column's only infinite values are -Inf, beside finite ones that vary.

    The logarithm of 0 is -Inf. A column whose finite values are all 0 is a mask that is added to
    attention scores.
    """
    up = case.health.series(Signal.INPUT_POSINF, place)
    down = case.health.series(Signal.INPUT_NEGINF, place)
    low = case.health.series(Signal.INPUT_MIN, place)
    high = case.health.series(Signal.INPUT_MAX, place)
    if up is None or down is None or low is None or high is None:
        return False
    edges = np.concatenate([low.values, high.values])
    edges = edges[np.isfinite(edges)]
    is_mask = len(edges) == 0 or bool(np.all(edges == 0))
    return bool(np.any(down.values > 0) and not np.any(up.values > 0)) and not is_mask


def _values_per_row(case: Case) -> int | None:
    """Return how many values one column of the only input has in a row: 1 for a table."""
    tensors = list(case.health.setup.tensors("inputs").values())
    shape = tensors[0].shape if len(tensors) == 1 else None
    if shape is None or any(size is None for size in shape[1:]):
        return None
    return int(np.prod([size or 1 for size in shape[1:-1]], dtype=np.int64))


def listed(names: list[str]) -> str:
    """Return up to four names in words."""
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
