"""Builders of log directories of plain scalars, and what was read of them as plain lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from analyzer.series import Attempt, Run, Series
from tests.analyzer.events import wire

CLOCK = 1.7e9  # when the first event was written; each event a second later


def events(
    steps: Mapping[str, Sequence[int]] | Sequence[int], *, begin: float = CLOCK
) -> list[Any]:
    """Events of a tag `loss`, or of several in turn, whose values count the points of each."""
    tags = steps if isinstance(steps, Mapping) else {"loss": steps}
    made = []
    for turn in range(max(map(len, tags.values()), default=0)):
        for tag, own in tags.items():
            if turn < len(own):
                value = wire.value(tag, simple_value=float(turn))
                made.append(wire.event(own[turn], value, wall_time=begin + turn))
    return made


def start(step: int, *, at: float = CLOCK) -> Any:
    """The event by which a writer says that it starts at a step."""
    event = wire.event(step, wall_time=at)
    event.session_log.status = 1
    return event


def put(folder: Path, made: Iterable[Any], number: int = 0) -> Path:
    """Write a file of these events, the `number`th of its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{1_700_000_000 + number}.host"
    path.write_bytes(wire.file_of(wire.version(), *made))
    return path


def listed(series: Series) -> list[tuple[int, float]]:
    """Return (step, value) of each point."""
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def steps_of(run: Run, tag: str = "loss") -> list[list[int]]:
    """Return the steps of a tag in each attempt."""
    return [_steps(attempt, tag) for attempt in run.attempts]


def _steps(attempt: Attempt, tag: str) -> list[int]:
    series = attempt.scalars.get(tag)
    steps: list[int] = [] if series is None else series.steps.tolist()
    return steps
