"""What a scanner hands over: columns of many tags in one array each, cut when asked for.

Laws:

1. A tag costs its text and one place in an index, not objects: a file may have millions of them.
2. Tags are in the order of their first row; all arrays are read-only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from analyzer.events.numbers import with_integers
from analyzer.events.records import Extents, HealthExtent, ScalarColumns

Columns = TypeVar("Columns")
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Table(Mapping[str, Columns]):
    """Rows of several tags, tag after tag: tag i has the rows from starts[i] to starts[i + 1]."""

    __slots__ = ("_columns", "_index", "_starts")

    def __init__(
        self, tags: Sequence[str], starts: Integers, *columns: npt.NDArray[np.generic]
    ) -> None:
        self._index = {tag: number for number, tag in enumerate(tags)}
        self._starts = starts
        self._columns = columns
        for column in columns:
            column.setflags(write=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, tag: object) -> bool:
        return tag in self._index

    def _rows(self, tag: str) -> tuple[Any, ...]:
        number = self._index[tag]
        rows = slice(int(self._starts[number]), int(self._starts[number + 1]))
        return tuple(column[rows] for column in self._columns)


class Reach(NamedTuple):
    """From where to where the steps of some tags go.

    Attributes:
        first: The first step of each tag.
        highest: The highest step of each tag.
        falling: The tags of which a step is lower than the one before it.
    """

    first: dict[str, int]
    highest: dict[str, int]
    falling: list[str]


class ScalarTable(_Table[ScalarColumns]):
    """The points of every tag that has any: steps, wall times and values."""

    __slots__ = ("_exceeding",)

    def __init__(
        self,
        tags: Sequence[str],
        starts: Integers,
        *columns: npt.NDArray[np.generic],
        exceeding: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Keep the columns, and (row, value) of each value that no float64 can hold."""
        super().__init__(tags, starts, *columns)
        self._exceeding: dict[int, dict[int, int]] = {}
        if not exceeding:
            return
        numbers = np.searchsorted(starts, [row for row, _ in exceeding], "right") - 1
        for number, (row, value) in zip(numbers.tolist(), exceeding, strict=True):
            self._exceeding.setdefault(number, {})[row - int(starts[number])] = value

    def __getitem__(self, tag: str) -> ScalarColumns:
        steps, wall_times, values = self._rows(tag)
        exceeding = self._exceeding.get(self._index[tag]) if self._exceeding else None
        exact = with_integers(values, exceeding) if exceeding else values
        return ScalarColumns(steps, wall_times, exact)

    def reach(self) -> Reach:
        """Return from where to where the steps of each tag go, in one pass over all of them."""
        if not self._index:
            return Reach({}, {}, [])
        steps: Integers = self._columns[0].view(np.int64)
        starts = self._starts[:-1]
        lasts = self._starts[1:] - 1
        first = dict(zip(self._index, steps[starts].tolist(), strict=True))
        falls = steps[1:] < steps[:-1]
        falls[lasts[:-1]] = False
        if not np.count_nonzero(falls):
            return Reach(first, dict(zip(self._index, steps[lasts].tolist(), strict=True)), [])
        numbers = set((np.searchsorted(starts, np.flatnonzero(falls), "right") - 1).tolist())
        highest = np.maximum.reduceat(steps, starts).tolist()
        falling = [tag for number, tag in enumerate(self._index) if number in numbers]
        return Reach(first, dict(zip(self._index, highest, strict=True)), falling)


class ExtentTable(_Table[Extents]):
    """Where the values lie that are no single numbers: steps, wall times, offsets, sizes, kinds."""

    __slots__ = ()

    def __getitem__(self, tag: str) -> Extents:
        return Extents(*self._rows(tag))


NO_EXTENTS: Final = ExtentTable(
    (), np.zeros(1, np.int64), *(np.zeros(0, code) for code in ("i8", "f8", "i8", "i8", "u1"))
)


class Haul(NamedTuple):
    """What a scanner gathered since it was last asked.

    Attributes:
        scalars: Points by tag.
        health: Where the blocks of the plugin `nan` lie.
        other_tags: How many other values each tag has, by tag.
        extents: Where those lie that hold anything.
        sessions: (index of the event, its step, its status) of each SessionLog.
    """

    scalars: ScalarTable
    health: list[HealthExtent]
    other_tags: dict[str, int]
    extents: ExtentTable
    sessions: list[tuple[int, int, int]]


class Tally(NamedTuple):
    """What a scanner counted since the beginning of its file.

    Attributes:
        events: Payloads that are an Event.
        blank: Those of them that say nothing at all, as other messages look when read as Events.
        refused: Payloads that are none though their checksum is right.
        refused_bytes: Bytes of their frames.
        first_refused: Where the first of those begins, in bytes; 0 if there is none.
        first_wall_time: Of the first event, in seconds since the epoch; None without events.
        file_version: What the first event with a file_version says; None without one.
    """

    events: int
    blank: int
    refused: int
    refused_bytes: int
    first_refused: int
    first_wall_time: float | None
    file_version: str | None
