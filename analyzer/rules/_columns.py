"""Counting the bad values of one data column, for the rules about data."""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Case
from tb_nan_plugin.signals import Kind, Signal

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


def is_bad_in_every_row(case: Case, place: str) -> bool:
    """Return whether no value of an input column was finite in any batch of the record.

    Of a wide batch only the first bad column is known: there, the same column is first in every
    batch, with at least as many bad values as the batch has rows.
    """
    columns = [case.health.series(signal, place) for signal in counts("input")]
    mean = case.health.series(Signal.INPUT_MEAN, place)
    if mean is None or any(column is None for column in columns):
        return False
    bad = np.sum([column.values for column in columns if column is not None], axis=0)
    first = case.health.series(Signal.INPUT_BAD_COLUMN, place)
    if first is None:
        return bool(np.all(np.isnan(mean.values)) and np.all(bad > 0))
    rows = case.health.series(Signal.BATCH_SIZE)
    same = first.values[0] >= 0 and np.all(first.values == first.values[0])
    return rows is not None and bool(same and np.all(bad >= rows.values))


def listed(names: list[str]) -> str:
    """Return up to four names in words."""
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
