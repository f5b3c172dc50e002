"""What one event file held, as columns in file order: nothing sampled, sorted or judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        values: float64; int64 or uint64 if the tag holds integers beyond 2**53 that a float64
            would round, and nothing but integers. NaN and Inf are data here.
    """

    steps: npt.NDArray[np.int64]
    wall_times: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HealthExtent:
    """Where one packed block of health records lies, and the event that carried it.

    Attributes:
        wall_time: Seconds since the epoch by the writer's clock.
        step: The event's own step.
        offset: Bytes from the beginning of the file.
        size: Bytes.
    """

    wall_time: float
    step: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Extents:
    """Where the values of one tag lie that are no single numbers; all have shape (n,), n >= 0.

    Bytes `offsets[i]` to `offsets[i] + sizes[i]` of the file are a whole Summary.Value message.

    Attributes:
        steps: int64, of the event that carries the value.
        wall_times: float64, seconds since the epoch by the writer's clock.
        offsets: int64, bytes from the beginning of the file.
        sizes: int64, bytes.
        kinds: uint8, which member of the oneof it holds, by its number in summary.proto:
            3 an old histogram, 4 an image, 5 a histogram, 6 audio, 8 a tensor.
    """

    steps: npt.NDArray[np.int64]
    wall_times: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.uint8]


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
    """What was read from one file: everything, or what is new since it was last read.

    Attributes:
        scalars: The points of every tag that holds single numbers, by tag.
        health: Where the blocks of the plugin `nan` lie, in file order.
        other_tags: How many values each tag has that are no single number: histograms, images,
            text, tensors, and values that hold metadata only.
        events: How many events were read, file header and graph included.
        first_wall_time: Of the file's first event, in seconds since the epoch; None without
            events.
        session_starts: (index of the event in this file, its step) of each SessionLog START,
            by which TensorFlow 1 marks a restart.
        state: How much of the file could be read, from its beginning on.
        extents: Where the values of `other_tags` lie, for those that hold more than metadata.
        file_version: What the writer calls the format; None if it did not say.
        anew: The file was replaced or shortened, so this is all of it, and what was read of it
            before is void.
    """

    scalars: Mapping[str, ScalarColumns]
    health: list[HealthExtent]
    other_tags: dict[str, int]
    events: int
    first_wall_time: float | None
    session_starts: list[tuple[int, int]]
    state: FileState
    extents: Mapping[str, Extents] = field(default_factory=dict)
    file_version: str | None = None
    anew: bool = False
