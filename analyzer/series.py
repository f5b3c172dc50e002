"""Columns of numbers over steps: the only view of a run that evidence and rules have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.environment import Environment
from analyzer.optional import needed
from tb_nan_plugin.record import Column, Manifest, RowBlock
from tb_nan_plugin.signals import Signal

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def median(values: npt.NDArray[np.floating[Any]]) -> float:
    """Return the median of at least one number.

    `numpy.median` does the same, but imports the masked arrays first, which a short run feels.
    """
    ordered = np.sort(values)
    middle = len(ordered) // 2
    return float(ordered[middle] if len(ordered) % 2 else ordered[middle - 1 : middle + 1].mean())


@dataclass(frozen=True, eq=False)
class Series:
    """One quantity at the steps where it was recorded.

    Attributes:
        steps: int64, shape (n,), in the order written: they may repeat or start again.
        values: float64, shape (n,). NaN and Inf are data here, never errors. A tag of 64-bit
            integers that float64 would round is int64 or uint64 instead.
        wall_times: float64, shape (n,), seconds since the epoch.
    """

    steps: Ints
    values: Floats
    wall_times: Floats

    def __len__(self) -> int:
        return len(self.steps)

    def at(self, step: int) -> float | None:
        """Return the first value recorded at exactly `step`, or None if there is none."""
        (found,) = np.nonzero(self.steps == step)
        return float(self.values[found[0]]) if len(found) else None

    def before(self, step: int) -> Series:
        """Return the part with steps below `step`."""
        return self._where(self.steps < step)

    def finite(self) -> Series:
        """Return the part whose values are finite."""
        return self._where(np.isfinite(self.values))

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with the columns step, wall_time and value.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        pandas = needed("pandas", "Series.to_pandas()")
        columns = {"step": self.steps, "wall_time": self.wall_times, "value": self.values}
        return pandas.DataFrame(columns)

    def _where(self, mask: npt.NDArray[np.bool_]) -> Series:
        return Series(self.steps[mask], self.values[mask], self.wall_times[mask])


@dataclass(frozen=True, eq=False)
class Histogram:
    """How values were spread at one step.

    Attributes:
        step: The log's own step.
        wall_time: Seconds since the epoch.
        left: float64, shape (k,), where each bin begins.
        right: float64, shape (k,), where it ends.
        counts: float64, shape (k,), how many values lie in it.
    """

    step: int
    wall_time: float
    left: Floats
    right: Floats
    counts: Floats


class Health:
    """The health record of one attempt at a training, unpacked a column at a time."""

    def __init__(self, blocks: Sequence[tuple[Manifest, RowBlock]]) -> None:
        """Keep the blocks, in the order of their steps; each with the manifest that names it."""
        self.blocks = tuple(blocks)
        self._series: dict[Column, Series | None] = {}

    @cached_property
    def environment(self) -> Mapping[str, Any]:
        """Return what is true of the whole training, as last written."""
        return self.blocks[-1][0].environment if self.blocks else {}

    @cached_property
    def setup(self) -> Environment:
        """Return the same, each fact with its type whatever the file holds."""
        return Environment(self.environment)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Return every column that any block names, in causal order."""
        manifests = {manifest.id: manifest for manifest, _ in self.blocks}
        return tuple(dict.fromkeys(c for m in manifests.values() for c in m.columns))

    @cached_property
    def steps(self) -> Ints:
        """Return the recorded steps, int64, shape (n,)."""
        return np.concatenate([block.steps for _, block in self.blocks])

    @cached_property
    def wall_times(self) -> Floats:
        """Return when each step ended, float64, shape (n,), seconds since the epoch."""
        return np.concatenate([block.wall_times for _, block in self.blocks])

    def places(self, signal: Signal) -> tuple[str, ...]:
        """Return where the signal was recorded, in causal order."""
        return tuple(c.where for c in self.columns if c.signal == signal.value)

    def series(self, signal: Signal, where: str = "") -> Series | None:
        """Return one column, at the steps where it was measured, or None if it never was."""
        column = Column(signal.value, where)
        if column not in self._series:
            self._series[column] = self._gather(column)
        return self._series[column]

    def _gather(self, column: Column) -> Series | None:
        parts = list(self._parts(column))
        if not parts:
            return None
        steps, values, times = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Series(steps, values.astype(np.float64), times)

    def _parts(self, column: Column) -> Iterator[tuple[Ints, npt.NDArray[np.float32], Floats]]:
        for manifest, block in self.blocks:
            index = manifest.position(column)
            if index is None:
                continue
            present = block.present(index)
            if present.any():
                values = block.values(index)
                yield block.steps[present], values[present], block.wall_times[present]


@dataclass(frozen=True)
class Source:
    """One file that was read.

    Attributes:
        file: Its path below the log directory.
        status: `ok`, `truncated`, `corrupt`, `not-events` or `unreadable`.
        events: How many events it gave.
        bytes: Its size.
        reason: One sentence where the status is not `ok`.
    """

    file: str
    status: str
    events: int
    bytes: int
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Attempt:
    """One go at a training: a stretch of a run in which the steps do not start again.

    Attributes:
        number: Counted from 1 within the run.
        files: The sources that it was read from, in order.
        scalars: Its part of each tag that it has points of.
        health: Its health record; None where `NaNMonitor` did not record.
    """

    number: int
    files: tuple[str, ...] = ()
    scalars: Mapping[str, Series] = field(default_factory=dict)
    health: Health | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """Everything read from one TensorBoard run.

    Attributes:
        name: As TensorBoard names it.
        scalars: All points of each tag in the order written, each on the axis that its writer
            chose.
        attempts: The same points and the health record, one entry for each time the training
            (re)started from an earlier step; empty where there is neither.
        sources: The files.
        problems: Sentences about blocks that could not be used.
        histograms: The histograms of each tag that has any, decoded when they are asked for.
    """

    name: str
    scalars: Mapping[str, Series] = field(default_factory=dict)
    attempts: Sequence[Attempt] = ()
    sources: tuple[Source, ...] = ()
    problems: tuple[str, ...] = ()
    histograms: Mapping[str, Sequence[Histogram]] = field(default_factory=dict)

    @property
    def health(self) -> tuple[Health, ...]:
        """Return the health record of each attempt that has one, in their order."""
        return tuple(a.health for a in self.attempts if a.health is not None)
