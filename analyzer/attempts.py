"""Which points of a run belong to which attempt at its training.

Laws (the reasons are in docs/decisions/0004):

1. Nothing is purged: every point and every block of health records is in exactly one attempt.
2. A later file is a new attempt if some tag begins in it before the step that the tag had reached,
   or if all tags they share begin at just that step; with a SessionLog START, at or before it.
3. Within a file a tag goes back if at least two of its steps are done again, by at least two steps
   that climb through them. A single step that comes late, or twice, is no restart.
4. Tags that go back at the same time are one restart. There is none where another tag was written
   meanwhile and goes on: that writer only counts something from 0 again.
5. A health record counts each step once, so any of its steps that is not later is a restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from analyzer.events.records import ScalarColumns
from analyzer.events.tables import Reach, ScalarTable
from tb_nan_plugin.record import Manifest, RowBlock

Blocks = Sequence[tuple[Manifest, RowBlock]]
Table = Mapping[str, ScalarColumns]

HEALTH: Final = ""  # as if the health record were a tag; no writer gives a tag this name
# Before any point a file holds at most its version, a graph and its description
# (tensorflow/python/training/supervisor.py, torch/utils/tensorboard/writer.py).
HEAD_EVENTS: Final = 4


@dataclass(frozen=True, eq=False)
class Written:
    """What one file holds of a run: its name, its points, its health and each SessionLog START."""

    file: str
    scalars: Table = field(default_factory=dict)
    health: Blocks = ()
    starts: Sequence[tuple[int, int]] = ()

    @cached_property
    def reach(self) -> Reach:
        """From where to where the steps of each tag go, and those of the health record."""
        table = self.scalars
        reach = table.reach() if isinstance(table, ScalarTable) else _reach(table)
        if self.health:
            reach.first[HEALTH] = int(self.health[0][1].steps[0])
            reach.highest[HEALTH] = int(self.health[-1][1].steps[-1])
        return reach


def _reach(table: Table) -> Reach:
    steps = {tag: columns.steps for tag, columns in table.items()}
    return Reach(
        {tag: int(column[0]) for tag, column in steps.items()},
        {tag: int(column.max()) for tag, column in steps.items()},
        [tag for tag, column in steps.items() if bool((column[1:] < column[:-1]).any())],
    )


@dataclass
class Fall:
    """Where a tag goes back within a file: at the row `at`, between two wall times.

    Attributes:
        since: When the tag was first at the step to which it goes back.
    """

    tag: str
    at: int
    number: int
    low: float
    high: float
    since: float


@dataclass
class Restart:
    """Falls of several tags at one time."""

    falls: dict[str, Fall]

    @property
    def leader(self) -> Fall:
        """Return the fall that was noticed first."""
        return next(iter(self.falls.values()))


def divide(files: Sequence[Written]) -> list[list[Written]]:
    """Put what the files hold into attempts, in the order written."""
    if len(files) > 1:
        return _divide_several(files)
    parts = (part for file in files for part in _parts(file))
    return [[part] for part in parts if part.scalars or part.health]


def _divide_several(files: Sequence[Written]) -> list[list[Written]]:
    attempts: list[list[Written]] = []
    reached: dict[str, int] = {}
    for file in files:
        for number, part in enumerate(_parts(file)):
            if not part.scalars and not part.health:
                continue
            if number or not attempts or _starts_again(part, reached):
                attempts.append([])
                reached = {}
            attempts[-1].append(part)
            highest = part.reach.highest
            if reached:
                highest = {tag: max(step, reached.get(tag, step)) for tag, step in highest.items()}
            reached.update(highest)
    return attempts


def _starts_again(part: Written, reached: Mapping[str, int]) -> bool:
    """Tell whether a file goes back behind what the files before it have reached."""
    firsts = part.reach.first
    shared = [(tag, step, reached[tag]) for tag, step in firsts.items() if tag in reached]
    if any(step < last or (tag == HEALTH and step == last) for tag, step, last in shared):
        return True
    again = [step == last for _, step, last in shared]
    return any(again) if part.starts else bool(again) and all(again)


def _parts(file: Written) -> list[Written]:
    """Cut a file where the training starts again within it."""
    goes_back = file.reach.falling or len(file.health) > 1
    restarts = list(_restarts(file)) if goes_back else []
    if not restarts:
        return [file]
    edges = {tag: _edges(tag, columns, restarts) for tag, columns in file.scalars.items()}
    health = [0, *_health_edges(file.health, restarts), len(file.health)]
    parts = []
    for number in range(len(restarts) + 1):
        scalars = {
            tag: _rows(columns, edges[tag][number], edges[tag][number + 1])
            for tag, columns in file.scalars.items()
            if edges[tag][number] < edges[tag][number + 1]
        }
        blocks = file.health[health[number] : health[number + 1]]
        parts.append(Written(file.file, scalars, blocks, file.starts if not number else ()))
    return parts


def _rows(columns: ScalarColumns, begin: int, end: int) -> ScalarColumns:
    part = slice(begin, end)
    return ScalarColumns(columns.steps[part], columns.wall_times[part], columns.values[part])


def _edges(tag: str, columns: ScalarColumns, restarts: Sequence[Restart]) -> list[int]:
    """Return where each part of a tag begins: at its own fall, or by the time of the others'."""
    edges, n = [0], len(columns.steps)
    for restart in restarts:
        fall = restart.falls.get(tag)
        later = columns.wall_times >= restart.leader.high
        at = fall.at if fall is not None else int(np.argmax(later)) if later.any() else n
        edges.append(max(at, edges[-1]))
    return [*edges, n]


def _health_edges(blocks: Blocks, restarts: Sequence[Restart]) -> Iterator[int]:
    least = 0
    for restart in restarts:
        fall = restart.falls.get(HEALTH)
        if fall is not None:
            least = max(least, fall.at)
        else:
            times = [float(block.wall_times[0]) for _, block in blocks[least:]]
            least += sum(time < restart.leader.high for time in times)
        yield least


def _restarts(file: Written) -> Iterator[Restart]:
    """Put the falls of all tags together, and leave out those that are contradicted."""
    falls = list(_health_falls(file.health))
    for tag in file.reach.falling:
        falls.extend(_falls(tag, file.scalars[tag], file.starts))
    if not falls:
        return
    groups: list[Restart] = []
    for fall in sorted(falls, key=lambda fall: (fall.high, fall.number)):
        last = groups[-1] if groups else None
        if last is not None and fall.tag not in last.falls and fall.low <= last.leader.high:
            last.falls[fall.tag] = fall
        else:
            groups.append(Restart({fall.tag: fall}))
    for group in groups:
        if HEALTH in group.falls or not _contradicted(group, file.scalars):
            yield group


def _contradicted(restart: Restart, scalars: Table) -> bool:
    """Tell whether a tag that was written in what is done again goes on regardless."""
    fall = restart.leader
    if not fall.since <= fall.low <= fall.high:
        return False  # these wall times say nothing
    for tag, columns in scalars.items():
        if tag in restart.falls:
            continue
        times = columns.wall_times
        after = int(np.searchsorted(times, fall.high))
        meanwhile = after - int(np.searchsorted(times, fall.since))
        if meanwhile > 0 and after < len(times) and columns.steps[after] > columns.steps[after - 1]:
            return True
    return False


def _falls(tag: str, columns: ScalarColumns, starts: Sequence[tuple[int, int]]) -> Iterator[Fall]:
    steps, times = columns.steps, columns.wall_times
    places = np.flatnonzero(steps[1:] < steps[:-1]) + 1
    if not len(places):
        return
    announced = [step for event, step in starts if event >= HEAD_EVENTS]
    begin = number = 0
    best = _highest_two(steps[: places[0]])
    for at, end in zip(places.tolist(), [*places[1:].tolist(), len(steps)], strict=True):
        climb = steps[at:end]
        first = int(climb[0])
        known = next((step for step in announced if step <= first < best[0]), None)
        if known is not None or (first <= best[1] and _climbs_within(climb, best[0])):
            if known is not None:
                announced.remove(known)
            since = begin + int(np.argmax(steps[begin:at] >= first))
            low, high = float(min(times[at - 1], times[at])), float(times[at])
            yield Fall(tag, at, number, low, high, float(times[since]))
            begin, number, best = at, number + 1, _highest_two(climb)
        else:
            best = _highest_two(np.unique([*best, *_highest_two(climb)]))


def _highest_two(climb: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[int, int]:
    """Return the two highest different steps of some that never fall; -1 for a missing one."""
    last = int(climb[-1])
    below = int(np.searchsorted(climb, last))
    return last, int(climb[below - 1]) if below else np.iinfo(np.int64).min


def _climbs_within(climb: np.ndarray[tuple[int], np.dtype[np.int64]], reached: int) -> bool:
    """Tell whether the first two different steps are both among those already done."""
    second = int(np.searchsorted(climb, climb[0], side="right"))
    return second < len(climb) and int(climb[second]) <= reached


def _health_falls(blocks: Blocks) -> Iterator[Fall]:
    number = 0
    for at in range(1, len(blocks)):
        before, block = blocks[at - 1][1], blocks[at][1]
        if int(block.steps[0]) <= int(before.steps[-1]):
            low, high = float(before.wall_times[-1]), float(block.wall_times[0])
            yield Fall(HEALTH, at, number, min(low, high), high, high)
            number += 1
