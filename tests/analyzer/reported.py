"""Log directories that hold every kind of run, and the reports on them."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from pathlib import Path

from analyzer.report import Report, analyze
from tests.analyzer.failures import FAILURES, healthy, nonfinite_input, status_of
from tests.analyzer.runs import blocks, event_file, write

SCALARS: dict[str, dict[str, list[float]]] = {
    "scalars-healthy": {"epoch_loss": [1.0, 0.5], "epoch_accuracy": [0.5, 0.9]},
    "scalars-nonfinite": {"epoch_loss": [1.0, 30.0, nan], "epoch_accuracy": [0.5, 0.1, 0.0]},
    "scalars-recovered": {"epoch_loss": [1.0, inf, 0.5]},
    "scalars-silent": {"train/loss": [1.0, 0.9], "train/grad_norm": [1.0, -inf]},
    "scalars-metric": {"train/explained_variance": [nan, 0.5], "train/loss": [1.0, 0.5]},
    "scalars-validation": {"val_loss": [1.0, nan], "train_loss": [1.0, 0.9]},
}


def _broken(directory: Path) -> None:
    write(directory, b"not an event file at all, only text with a misleading name\n" * 20)


def _empty(directory: Path) -> None:
    write(directory, event_file())


def _torn(directory: Path) -> None:
    write(directory, event_file(blocks(*nonfinite_input(), rows=20))[:-7])


def _restarted(directory: Path) -> None:
    write(directory, event_file(blocks(*healthy())), 0)
    write(directory, event_file(blocks(*nonfinite_input())), 1)


OTHERS: dict[str, Callable[[Path], None]] = {
    "unreadable": _broken,
    "empty": _empty,
    "torn": _torn,
    "restarted": _restarted,
}
# What each run must be called.
STATUSES = {
    "healthy": "healthy",
    **{cause: status_of(cause) for cause in FAILURES},
    "scalars-healthy": "healthy",
    "scalars-nonfinite": "nonfinite",
    "scalars-recovered": "recovered",
    "scalars-silent": "silent",
    "scalars-metric": "healthy",
    "scalars-validation": "nonfinite",
    "unreadable": "unreadable",
    "empty": "empty",
    "torn": "nonfinite",
    "restarted": "nonfinite",
}


def write_run(name: str, directory: Path) -> None:
    """Write the event files of one of the runs."""
    if name in OTHERS:
        OTHERS[name](directory)
    elif name in SCALARS:
        write(directory, event_file(scalars=SCALARS[name]))
    else:
        columns, facts = healthy() if name == "healthy" else FAILURES[name]()
        write(directory, event_file(blocks(columns, facts)))


def report_on(directory: Path, *names: str) -> Report:
    """Write these runs, each into a folder of its name, and analyze them all."""
    for name in names:
        write_run(name, directory / name)
    return analyze(directory)
