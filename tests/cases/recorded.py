"""What the recorder says of a case: from its files, and in the line that it prints."""

from __future__ import annotations

from pathlib import Path

from tb_nan_plugin import NaNMonitor
from tests.cases.case import Failure, Mode, Training
from tests.tb_nan_plugin.recordings import Recording, read


def record(training: Training, mode: Mode, log_dir: Path) -> Recording:
    """Train under a `NaNMonitor` and read back what it wrote."""
    training.run(mode, NaNMonitor(log_dir))
    return read(log_dir)


def first_trouble(recording: Recording) -> Failure | None:
    """The recording's first trouble, as the oracle would put it."""
    found = recording.trouble
    return None if found is None else Failure(found.step, found.phase.value, found.where)
