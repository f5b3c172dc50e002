"""What has been joined so far, and whether two of them are of one kind and of one time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from analyzer.dialects import KERAS
from analyzer.merged import Part
from analyzer.series import Attempt

# An evaluation that follows the training begins within an hour, or within the training's own
# duration; later ones may be of another day's training in the same place.
MOST_PAUSE_S: Final = 3600.0
LEAST_SHARED: Final = 0.5  # of the tags and of the time of two workers: they do the same work


@dataclass
class Node:
    """What has been joined so far under one name."""

    parts: list[Part]

    @cached_property
    def tags(self) -> frozenset[str]:
        """Return every tag of any part."""
        return frozenset(tag for part in self.parts for tag in part.run.scalars)

    @cached_property
    def window(self) -> tuple[float, float] | None:
        """Return first and last wall time, in seconds; None if nothing was measured."""
        edges = [edge for part in self.parts for a in part.run.attempts for edge in window_of(a)]
        return (min(edges), max(edges)) if edges else None

    @property
    def monitored(self) -> bool:
        """Return whether a health record is among the parts."""
        return any(part.run.health for part in self.parts)


def works_beside(node: Node, lead: Node) -> bool:
    """Tell whether a run does the same as another at the same time."""
    either = node.tags | lead.tags
    if not either or len(node.tags & lead.tags) < LEAST_SHARED * len(either):
        return False
    if node.window is None or lead.window is None:
        return False
    shared = min(node.window[1], lead.window[1]) - max(node.window[0], lead.window[0])
    shorter = min(end - begin for begin, end in (node.window, lead.window))
    return shared >= LEAST_SHARED * shorter and shared >= 0


def evaluates(node: Node, lead: Node) -> bool:
    """Tell whether a run evaluates another: by its tags, and by when it was written."""
    alike = bool(node.tags & lead.tags) or (
        any(map(KERAS.marks, node.tags)) and (lead.monitored or any(map(KERAS.marks, lead.tags)))
    )
    return alike and _follows(node, lead)


def _follows(node: Node, lead: Node) -> bool:
    if node.window is None or lead.window is None:
        return False
    begin, end = lead.window
    pause = max(MOST_PAUSE_S, end - begin)
    return node.window[1] >= begin and node.window[0] <= end + pause


def may_be_one(head: Node, lead: Node) -> bool:
    """Tell whether two runs were written at one time; one without points speaks against nothing."""
    if head.window is None or lead.window is None:
        return True
    return head.window[0] <= lead.window[1] and lead.window[0] <= head.window[1]


def window_of(attempt: Attempt) -> Iterator[float]:
    """Yield wall times between which an attempt was written; nothing of one without points."""
    if attempt.health is not None:
        yield float(attempt.health.wall_times[0])
        yield float(attempt.health.wall_times[-1])
    for series in attempt.scalars.values():
        yield float(series.wall_times[0])
        yield float(series.wall_times[-1])
