"""Columns of several files under one tag, put together only when they are asked for.

Law: what lies in one piece is never copied; what lies in several is joined once and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from analyzer.events.numbers import joined
from analyzer.events.records import ScalarColumns
from analyzer.series import Series

Table = Mapping[str, ScalarColumns]


class JoinedScalars(Mapping[str, Series]):
    """The points of every tag, from tables that follow each other."""

    def __init__(self, tables: Sequence[Table]) -> None:
        """Keep the tables, in the order written."""
        self._tables = tuple(tables)
        self._joined: dict[str, Series] = {}

    def __getitem__(self, tag: str) -> Series:
        known = self._joined.get(tag)
        if known is not None:
            return known
        parts = [table[tag] for table in self._tables if tag in table]
        if not parts:
            raise KeyError(tag)
        if len(parts) == 1:
            return Series(parts[0].steps, parts[0].values, parts[0].wall_times)
        self._joined[tag] = series = Series(
            np.concatenate([part.steps for part in parts]),
            joined([part.values for part in parts]),
            np.concatenate([part.wall_times for part in parts]),
        )
        return series

    def __iter__(self) -> Iterator[str]:
        if len(self._tables) == 1:
            return iter(self._tables[0])
        return iter(dict.fromkeys(tag for table in self._tables for tag in table))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, tag: object) -> bool:
        return any(tag in table for table in self._tables)

    def __repr__(self) -> str:
        return f"<scalars of {len(self)} tags>"
