"""One file of a run, read on as it grows, with everything that was read of it so far.

Laws:

1. What is read is kept once; a file that is read again costs what is new in it.
2. Whatever is wrong with a file stays with that file: it becomes a status and a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from analyzer.events.decode import UnreadableValueError, bytes_at
from analyzer.events.numbers import joined
from analyzer.events.records import Extents, FileRecords, HealthExtent, ScalarColumns
from analyzer.series import Source
from tb_nan_plugin.record import Manifest, RecordError, RowBlock, unpack


class Growing(Protocol):
    """A file that gives what is new in it, as `events.event_file.EventFile` does."""

    def read(self) -> FileRecords:
        """Return what is new."""

    def open(self) -> BinaryIO:
        """Open the file, to decode something of it."""


Unpacked = tuple[int, "Manifest | RowBlock | str"]


class SourceFile:
    """A file, and what is known of it."""

    def __init__(self, name: str, growing: Growing) -> None:
        """Keep what reads it; nothing is read yet."""
        self.name = name
        self.open = growing.open
        self.scalars: Mapping[str, ScalarColumns] = {}
        self.extents: Mapping[str, Extents] = {}
        self.health: list[Unpacked] = []
        self.starts: list[tuple[int, int]] = []
        self.source = Source(name, "ok", 0, 0)
        self._growing = growing
        self._columns: dict[str, _Columns] = {}

    def read(self) -> None:
        """Read what is new; what is wrong is in `source` afterwards."""
        try:
            self._take(self._growing.read())
        except OSError as error:
            self._refuse(f"The file cannot be read: {error.strerror or error}.")
        except MemoryError:
            self._refuse("The file cannot be read: what it says does not fit into memory.")

    def _refuse(self, reason: str) -> None:
        self.source = Source(self.name, "unreadable", self.source.events, self.source.bytes, reason)

    def _forget(self) -> None:
        self.scalars, self.extents, self._columns = {}, {}, {}
        self.health, self.starts = [], []
        self.source = Source(self.name, "ok", 0, 0)

    def _take(self, records: FileRecords) -> None:
        # New objects throughout: runs made of the old ones are still somebody's.
        if records.anew:
            self._forget()
        if records.scalars:
            self.scalars = self._grown(records.scalars) if self.scalars else records.scalars
        if records.extents:
            self.extents = _joined(self.extents, records.extents)
        if records.health:
            self.health = [*self.health, *self._unpacked(records.health)]
        if records.session_starts:
            self.starts = [*self.starts, *records.session_starts]
        events, state = self.source.events + records.events, records.state
        self.source = Source(self.name, state.status, events, state.bytes, state.reason)

    def _unpacked(self, extents: Sequence[HealthExtent]) -> list[Unpacked]:
        with self.open() as stream:
            return [(extent.step, _unpacked(stream, extent)) for extent in extents]

    def _grown(self, new: Mapping[str, ScalarColumns]) -> dict[str, ScalarColumns]:
        together = dict(self.scalars)
        for tag, columns in new.items():
            if tag in together:
                grown = self._columns.setdefault(tag, _Columns(together[tag]))
                together[tag] = grown.extended(columns)
            else:
                together[tag] = columns
        return together


class _Columns:
    """Columns with room to grow, so that reading on costs what is new and not what there is."""

    def __init__(self, columns: ScalarColumns) -> None:
        self._steps = columns.steps
        self._wall_times = columns.wall_times
        self._values = columns.values
        self._size = len(columns.steps)

    def extended(self, more: ScalarColumns) -> ScalarColumns:
        before, self._size = self._size, self._size + len(more.steps)
        self._steps = _with(self._steps, before, more.steps)
        self._wall_times = _with(self._wall_times, before, more.wall_times)
        if more.values.dtype == self._values.dtype:
            self._values = _with(self._values, before, more.values)
        else:
            self._values = joined([self._values[:before], more.values])
        columns = ScalarColumns(
            self._steps[: self._size], self._wall_times[: self._size], self._values[: self._size]
        )
        for view in (columns.steps, columns.wall_times, columns.values):
            view.flags.writeable = False
        return columns


def _with(array: npt.NDArray[Any], used: int, more: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array that holds `more` after its first `used` elements, with room for others.

    What lies before is not written to, so views of it stay what they are.
    """
    size = used + len(more)
    if size > len(array):
        larger = np.empty(max(size, used + used // 2), array.dtype)
        larger[:used] = array[:used]
        array = larger
    array[used:size] = more
    return array


def _joined(old: Mapping[str, Extents], new: Mapping[str, Extents]) -> Mapping[str, Extents]:
    if not old:
        return new
    together = dict(old)
    for tag, e in new.items():
        o = together.get(tag)
        together[tag] = (
            e
            if o is None
            else Extents(
                np.concatenate([o.steps, e.steps]),
                np.concatenate([o.wall_times, e.wall_times]),
                np.concatenate([o.offsets, e.offsets]),
                np.concatenate([o.sizes, e.sizes]),
                np.concatenate([o.kinds, e.kinds]),
            )
        )
    return together


def _unpacked(stream: BinaryIO, extent: HealthExtent) -> Manifest | RowBlock | str:
    try:
        return unpack(bytes_at(stream, extent.offset, extent.size))
    except (RecordError, UnreadableValueError) as error:
        return f"A health record near step {extent.step} was left out: {error}."
