"""What one event file held, as columns in file order: nothing sampled, sorted or judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Status = Literal["ok", "truncated", "corrupt", "not-events"]


@dataclass(frozen=True, slots=True, eq=False)
class ScalarColumns:
    """Every point of one tag, in the order written; all three have shape (n,), n >= 1.

    Attributes:
        steps: int64, the log's own axis: may repeat, jump or start again.
        wall_times: float64, seconds since the epoch by the writer's clock.
        values: float64. NaN and Inf are data here. Exact for every dtype but 64-bit integers
            beyond 2**53.
    """

    steps: npt.NDArray[np.int64]
    wall_times: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HealthBytes:
    """One packed block of health records, not yet unpacked, and the event that carried it.

    Attributes:
        wall_time: Seconds since the epoch by the writer's clock.
        step: The event's own step.
        data: The block, as written.
    """

    wall_time: float
    step: int
    data: bytes


@dataclass(frozen=True, slots=True)
class FileState:
    """How much of a file could be read.

    Attributes:
        status: `ok`; `truncated`: the last record is torn, as while it is being written;
            `corrupt`: some bytes are not what was written, and the rest was kept;
            `not-events`: the file is something else.
        reason: One sentence; empty if ok.
        offset: Where the first trouble begins, in bytes; the end of the file if ok.
        bytes: The size of the file.
        lost_bytes: How many of them gave no event.
    """

    status: Status
    reason: str
    offset: int
    bytes: int
    lost_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class FileRecords:
    """Everything read from one file.

    Attributes:
        scalars: The points of every tag that holds single numbers, by tag.
        health: The blocks of the plugin `nan`, in file order.
        other_tags: How many values each tag has that are no single number: histograms, images,
            text, tensors, and values that hold metadata only.
        events: How many events were read, file header and graph included.
        first_wall_time: Of the first event, in seconds since the epoch; None without events.
        session_starts: (index of the event in this file, its step) of each SessionLog START,
            by which TensorFlow 1 marks a restart.
        state: How much of the file could be read.
    """

    scalars: dict[str, ScalarColumns]
    health: list[HealthBytes]
    other_tags: dict[str, int]
    events: int
    first_wall_time: float | None
    session_starts: list[tuple[int, int]]
    state: FileState
