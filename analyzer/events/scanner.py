"""The reference reader: one event file in, its records out, by struct and protobuf.

It keeps what is sound and says what is not. Only the operating system's refusal to let the file
be read is raised; whatever the bytes hold becomes a status.
"""

from __future__ import annotations

import os
import stat
from array import array
from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO, Final, Literal

import numpy as np

from analyzer.events.framing import OVERHEAD, Ending, Frame, FrameReader, Losses
from analyzer.events.impostors import FILE_VERSION, HEAD, likeness
from analyzer.events.records import FileRecords, FileState, HealthBytes, ScalarColumns, Status
from analyzer.events.tensors import one_number

OUR_PLUGIN: Final = "nan"
SCALAR_PLUGIN: Final = "scalars"
# Numbers of tensorboard/compat/proto: DataClass, DataType, SessionLog.SessionStatus.
DATA_CLASS_SCALAR: Final = 1
DT_STRING: Final = 7
SESSION_START: Final = 1

STATUS_OF: Final[dict[str, Status]] = {
    "complete": "ok",
    "truncated": "truncated",
    "corrupt": "corrupt",
}

Role = Literal["scalar", "health", "other"]
Parse = Callable[[bytes], Any]
Failures = tuple[type[Exception], ...]


def read_file(path: str | os.PathLike[str]) -> FileRecords:
    """Read one event file as far as it goes.

    Raises:
        OSError: If the file cannot be opened or read, or is no regular file.
    """
    # Opening a named pipe would wait for a writer for ever.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"{os.fspath(path)} is not a regular file.")
    with open(path, "rb") as stream:
        return read_stream(stream)


def read_stream(stream: BinaryIO) -> FileRecords:
    """Read the events of a seekable stream as far as they go.

    Raises:
        OSError: If the stream cannot be read.
    """
    reader = FrameReader(stream)
    scan = _Scan(*_event_parser())
    for frame in reader:
        scan.take(frame)
    stream.seek(0)
    return scan.records(reader.ending, stream.read(HEAD))


def _event_parser() -> tuple[Parse, Failures]:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto import event_pb2

    # Text that is not UTF-8 is refused by the C implementations with the first of the two
    # errors, by the pure Python one with the second.
    return event_pb2.Event.FromString, (DecodeError, UnicodeDecodeError)


class _Scan:
    """What has been gathered from the events so far."""

    def __init__(self, parse: Parse, failures: Failures) -> None:
        self._parse, self._failures = parse, failures
        self._columns: dict[str, tuple[array[int], array[float], array[float]]] = {}
        self._health: list[HealthBytes] = []
        self._others: Counter[str] = Counter()
        self._roles: dict[str, Role] = {}
        self._events = 0
        self._blank = 0
        self._first_wall_time: float | None = None
        self._session_starts: list[tuple[int, int]] = []
        self._refused = Losses()

    def take(self, frame: Frame) -> None:
        """Take in one frame, or count it as lost if its payload is no Event."""
        try:
            event = self._parse(frame.payload)
        except self._failures:
            self._refused.add(frame.offset, OVERHEAD + len(frame.payload))
        else:
            self._add(event)

    def _add(self, event: Any) -> None:
        if self._first_wall_time is None:
            self._first_wall_time = event.wall_time
        what = event.WhichOneof("what")
        if what == "summary":
            self._add_summary(event)
        elif what == "session_log" and event.session_log.status == SESSION_START:
            self._session_starts.append((self._events, event.step))
        elif what is None and not event.wall_time:
            self._blank += 1
        self._events += 1

    def _add_summary(self, event: Any) -> None:
        step, wall_time = event.step, event.wall_time
        for value in event.summary.value:
            kind = value.WhichOneof("value")
            if kind == "simple_value":
                self._add_point(value.tag, step, wall_time, value.simple_value)
            elif kind != "tensor" or not self._add_tensor(value, step, wall_time):
                self._role(value)
                self._others[value.tag] += 1

    def _add_tensor(self, value: Any, step: int, wall_time: float) -> bool:
        """Take in a tensor if it is one of ours or a single number; tell whether it was."""
        role, tensor = self._role(value), value.tensor
        if role == "health" and tensor.dtype == DT_STRING and tensor.string_val:
            self._health.append(HealthBytes(wall_time, step, tensor.string_val[0]))
            return True
        if role == "scalar" and (number := one_number(tensor)) is not None:
            self._add_point(value.tag, step, wall_time, number)
            return True
        return False

    def _add_point(self, tag: str, step: int, wall_time: float, number: float) -> None:
        columns = self._columns.get(tag)
        if columns is None:
            columns = self._columns[tag] = (array("q"), array("d"), array("d"))
        columns[0].append(step)
        columns[1].append(wall_time)
        columns[2].append(number)

    def _role(self, value: Any) -> Role:
        """Tell what a value is read as: writers may send metadata with a tag's first value only."""
        own = _role_by(value.metadata) if value.HasField("metadata") else None
        if own is None:
            return self._roles.get(value.tag, "scalar")
        first = self._roles.setdefault(value.tag, own)
        return own if own == "health" else first

    def records(self, ending: Ending, head: bytes) -> FileRecords:
        """Return the whole, given how reading ended and how the file begins."""
        return FileRecords(
            scalars={tag: _frozen(*columns) for tag, columns in self._columns.items()},
            health=self._health,
            other_tags=dict(self._others),
            events=self._events,
            first_wall_time=self._first_wall_time,
            session_starts=self._session_starts,
            state=self._state(ending, head),
        )

    def _state(self, ending: Ending, head: bytes) -> FileState:
        size, refused = ending.bytes, self._refused
        if (disguise := self._disguise(ending, head)) is not None:
            return FileState("not-events", f"The file is {disguise}.", 0, size, size)
        lost = ending.lost_bytes + refused.bytes
        if refused.count and (ending.status != "corrupt" or refused.first < ending.offset):
            reason = refused.sentence("is not an event")
            return FileState("corrupt", reason, refused.first, size, lost)
        return FileState(STATUS_OF[ending.status], ending.reason, ending.offset, size, lost)

    def _disguise(self, ending: Ending, head: bytes) -> str | None:
        """Return what the file is instead of an event file, or None if it is one."""
        if self._events > self._blank or ending.bytes == 0:
            return None
        if ending.framed:
            foreign = self._blank or self._refused.count
            return "TFRecord data of another kind, not TensorBoard events" if foreign else None
        if (known := likeness(head)) is not None:
            return known
        damaged = ending.status == "truncated" or FILE_VERSION in head or not any(head)
        return None if damaged else "binary data of an unknown kind, not TensorBoard events"


def _role_by(metadata: Any) -> Role | None:
    """Return what a SummaryMetadata says its tag holds, or None if it names no plugin."""
    plugin = metadata.plugin_data.plugin_name
    if plugin == OUR_PLUGIN:
        return "health"
    if plugin == SCALAR_PLUGIN or metadata.data_class == DATA_CLASS_SCALAR:
        return "scalar"
    return "other" if plugin else None


def _frozen(steps: array[int], wall_times: array[float], values: array[float]) -> ScalarColumns:
    columns = ScalarColumns(
        np.frombuffer(steps, np.int64),
        np.frombuffer(wall_times, np.float64),
        np.frombuffer(values, np.float64),
    )
    for column in (columns.steps, columns.wall_times, columns.values):
        column.flags.writeable = False
    return columns
