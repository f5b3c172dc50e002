"""Files of one folder that workers wrote side by side -> one training, not so many attempts."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

from analyzer.merged import Part
from analyzer.nodes import Node, works_beside
from analyzer.series import Attempt, Run

FILES: Final = (
    "these files of one folder were begun together and written side by side, as workers do"
)
# Workers of one training begin together, but for the time that the slowest needs to start; who
# starts a training again first sees the old one fail.
MOST_DELAY_S: Final = 5.0
MOST_DELAY: Final = 0.05  # of the training


def workers_of(run: Run) -> tuple[Part, ...]:
    """Return each file of a run as a part, where they were written side by side.

    Files that follow each other are attempts; those of workers begin together and do the same.
    """
    attempts = run.attempts
    if len(attempts) < 2 or any(len(a.files) != 1 for a in attempts):
        return ()
    if len({_process(attempt.files[0]) for attempt in attempts}) < len(attempts):
        return ()
    nodes = [Node([Part(_alone(run, attempt))]) for attempt in attempts]
    lead = nodes[0].window
    if lead is None or not all(works_beside(node, nodes[0]) for node in nodes[1:]):
        return ()
    begins = [node.window[0] for node in nodes if node.window is not None]
    if max(begins) - min(begins) > max(MOST_DELAY_S, MOST_DELAY * (lead[1] - lead[0])):
        return ()
    return tuple(
        Part(node.parts[0].run, FILES if number else "") for number, node in enumerate(nodes)
    )


def _process(file: str) -> str:
    """Return what a file's name says of who wrote it: host, and mostly process, after the time."""
    return os.path.basename(file).partition("tfevents.")[2].partition(".")[2]


def _alone(run: Run, attempt: Attempt) -> Run:
    """Return one file's share of a run, as if it were a run below it."""
    (file,) = attempt.files
    return Run(
        os.path.join(run.name, os.path.basename(file)),
        attempt.scalars,
        (replace(attempt, number=1),),
        tuple(source for source in run.sources if source.file == file),
    )
