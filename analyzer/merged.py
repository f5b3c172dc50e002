"""Several runs shown as one: every series under a name of its own, attempts aligned by time.

Law: nothing is copied that lies in one piece, and a series that two parts hold under one tag is
named with its part before it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analyzer.series import Attempt, Health, Histogram, Run, Series

# A training that is started again is not writing again sooner than this: its process has to start.
LEAST_PAUSE_S: Final = 1.0


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a series of a run comes from.

    Attributes:
        tag: As its writer named it.
        part: The TensorBoard run that holds it.
        belongs: What may tell training from validation: that run's name, or what `add_scalars`
            called the line.
    """

    tag: str
    part: str
    belongs: str


@dataclass(frozen=True, eq=False)
class Part:
    """One TensorBoard run of a training.

    Attributes:
        run: The run.
        rule: Why it belongs to the others, as a clause; "" for the leading one.
        line: What `add_scalars` called it; "" for all others.
    """

    run: Run
    rule: str = ""
    line: str = ""


@dataclass(frozen=True, eq=False)
class Training(Run):
    """Several TensorBoard runs that are one training.

    Attributes:
        parts: The runs, the leading one first.
        origins: Where each series comes from, by its name in `scalars` or `histograms`.
    """

    parts: tuple[Part, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)


def origin_of(run: Run, key: str) -> Origin:
    """Return where a series of a run, joined or not, comes from."""
    if isinstance(run, Training):
        return run.origins[key]
    return Origin(key, run.name, run.name)


def merged(name: str, parts: Sequence[Part]) -> Training:
    """Return the run that several are together.

    Args:
        name: What it is called.
        parts: At least two, the leading one first.
    """
    keys = _keys(name, parts)
    origins = {
        key: Origin(tag, part.run.name, part.line or part.run.name)
        for part, own in zip(parts, keys, strict=True)
        for tag, key in own.items()
    }
    runs = [part.run for part in parts]
    return Training(
        name,
        _View([(run.scalars, own) for run, own in zip(runs, keys, strict=True)]),
        tuple(_attempts(runs, keys)),
        tuple(source for run in runs for source in run.sources),
        tuple(problem for run in runs for problem in run.problems),
        _histograms(runs, keys),
        tuple(parts),
        origins,
    )


class _View(Mapping[str, Series]):
    """Series of several mappings, each under its new name."""

    def __init__(self, tables: Sequence[tuple[Mapping[str, Series], Mapping[str, str]]]) -> None:
        self._places: dict[str, list[tuple[Mapping[str, Series], str]]] = {}
        for table, keys in tables:
            for tag in table:
                self._places.setdefault(keys[tag], []).append((table, tag))
        self._joined: dict[str, Series] = {}

    def __getitem__(self, key: str) -> Series:
        places = self._places[key]
        if len(places) == 1:
            table, tag = places[0]
            return table[tag]
        if key not in self._joined:
            self._joined[key] = _concatenated([table[tag] for table, tag in places])
        return self._joined[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _concatenated(parts: Sequence[Series]) -> Series:
    return Series(
        np.concatenate([part.steps for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.wall_times for part in parts]),
    )


def _keys(name: str, parts: Sequence[Part]) -> list[dict[str, str]]:
    """Return for each part how each of its tags is called: alone if it can, else with its part."""
    tags = [dict.fromkeys([*part.run.scalars, *part.run.histograms]) for part in parts]
    holders = Counter(
        tag for own, part in zip(tags, parts, strict=True) if not part.line for tag in own
    )
    taken: set[str] = set()
    keys: list[dict[str, str]] = []
    for own, part in zip(tags, parts, strict=True):
        short = os.path.relpath(os.path.join("/", part.run.name), os.path.join("/", name))
        named = {}
        for tag in own:
            plain = tag if short == "." or holders[tag] == 1 else f"{short}/{tag}"
            key = f"{tag}/{part.line}" if part.line else plain
            while key in taken:
                key = f"{part.run.name}/{key}"
            taken.add(key)
            named[tag] = key
        keys.append(named)
    return keys


def _histograms(
    runs: Sequence[Run], keys: Sequence[Mapping[str, str]]
) -> dict[str, Sequence[Histogram]]:
    return {
        own[tag]: histograms
        for run, own in zip(runs, keys, strict=True)
        for tag, histograms in run.histograms.items()
    }


def _attempts(runs: Sequence[Run], keys: Sequence[Mapping[str, str]]) -> Iterator[Attempt]:
    """Put the attempts of the parts together, by the times at which the most restarted began."""
    begins = max(([_begin(a) for a in run.attempts] for run in runs), key=len)
    shares: list[list[tuple[Attempt, Mapping[str, str]]]] = [[] for _ in begins]
    for run, own in zip(runs, keys, strict=True):
        alike = len(run.attempts) == len(begins)
        for number, attempt in enumerate(run.attempts):
            at = number if alike else _place(begins, _begin(attempt))
            shares[at].append((attempt, own))
    for number, share in enumerate(shares, start=1):
        blocks = [
            block for attempt, _ in share if attempt.health for block in attempt.health.blocks
        ]
        yield Attempt(
            number,
            tuple(file for attempt, _ in share for file in attempt.files),
            _View([(attempt.scalars, own) for attempt, own in share]),
            Health(blocks) if blocks else None,
        )


def _begin(attempt: Attempt) -> float:
    health = attempt.health
    times = [] if health is None else [float(health.wall_times[0])]
    times += [float(series.wall_times[0]) for series in attempt.scalars.values()]
    return min(times, default=0.0)


def _place(begins: Sequence[float], begin: float) -> int:
    """Return which attempt was going on; a part may begin a little before the leading one."""
    later = [n for n, other in enumerate(begins) if other <= begin + LEAST_PAUSE_S]
    return later[-1] if later else 0
