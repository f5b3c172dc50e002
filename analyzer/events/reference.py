"""The reference scanner: blocks of a file in, columns out, by numpy and the `protobuf` library.

Laws:

1. It is the twin of `_scanner`: same names, same results, same errors. What an Event means is
   decided here and by `protobuf`; the compiled scanner must agree.
2. It runs where there is no compiler, so it is a real reader and not only an oracle.
3. A payload that is no Event leaves no trace but a count.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from analyzer.events.blocks import find_header, sound, walk
from analyzer.events.crc32c import crc32c, masked_crc32c
from analyzer.events.framing import (
    BLOCK_ENDS,
    HEADER,
    LENGTH_FAILS,
    OVERHEAD,
    PAYLOAD_FAILS,
    Losses,
)
from analyzer.events.records import HealthExtent
from analyzer.events.spans import text_span, value_spans
from analyzer.events.tables import ExtentTable, Haul, ScalarTable, Tally
from analyzer.events.tensors import one_number

__all__ = [
    "BLOCK_ENDS",
    "LENGTH_FAILS",
    "NAME",
    "PAYLOAD_FAILS",
    "Scanner",
    "crc32c",
    "find_header",
    "masked_crc32c",
]

NAME: Final = "reference"
OUR_PLUGIN: Final = "nan"
SCALAR_PLUGIN: Final = "scalars"
# Numbers of tensorboard/compat/proto: DataClass, DataType, the members of Value's oneof.
DATA_CLASS_SCALAR: Final = 1
DT_STRING: Final = 7
KINDS: Final = {"obsolete_old_style_histogram": 3, "image": 4, "histo": 5, "audio": 6, "tensor": 8}

Role = Literal["scalar", "health", "other"]
Parse = Callable[[bytes], Any]
Failures = tuple[type[Exception], ...]
# Of one tag: steps, wall times, and what else a row has.
PointRows: TypeAlias = "tuple[array[int], array[float], array[float], dict[int, int]]"
ExtentRows: TypeAlias = "tuple[array[int], array[float], array[int], array[int], array[int]]"


class Scanner:
    """Takes in a file block by block, and keeps what its events say until it is taken."""

    def __init__(self) -> None:
        self._parse, self._failures = _event_parser()
        self._busy = threading.Lock()
        self._roles: dict[str, Role] = {}
        self._events = self._blank = 0
        self._first_wall_time: float | None = None
        self._version: str | None = None
        self._refused = Losses()
        self._forget()

    def scan(self, block: bytes | memoryview, offset: int) -> tuple[int, int]:
        """Take in the whole frames at the beginning of a block.

        Args:
            block: Bytes of the file, from the beginning of a frame on.
            offset: Where in the file they lie.

        Returns:
            How many bytes were used up, and why not more: `BLOCK_ENDS`, `LENGTH_FAILS` or
            `PAYLOAD_FAILS`.

        Raises:
            RuntimeError: Another thread is using this scanner.
        """
        self._enter()
        try:
            data = bytes(block)
            starts, sizes, used, trouble = walk(data)
            for start, size, good in zip(starts, sizes, sound(data, starts, sizes), strict=True):
                if not good:
                    return start - HEADER.size, PAYLOAD_FAILS
                self._take_payload(data[start : start + size], offset + start)
            return used, trouble
        finally:
            self._busy.release()

    def scan_mapped(self, descriptor: int, offset: int, end: int) -> int:
        """Take in whole frames of a file without copying it, as far as that is possible.

        Returns:
            How many bytes were used up: none, for that is not possible here. The frames are left
            for `scan` to take in.
        """
        return 0

    def take(self) -> Haul:
        """Return what was gathered since the last time, and forget it.

        Raises:
            RuntimeError: Another thread is using this scanner.
        """
        self._enter()
        try:
            points, extents = self._points, self._extents
            starts, *columns = _joined(list(points.values()), "qdd")
            exceeding = [
                (int(start) + row, integer)
                for start, rows in zip(starts, points.values(), strict=False)
                for row, integer in rows[3].items()
            ]
            scalars = ScalarTable(list(points), starts, *columns, exceeding=exceeding)
            places = ExtentTable(list(extents), *_joined(list(extents.values()), "qdqqB"))
            haul = Haul(scalars, self._health, self._others, places, self._sessions)
            self._forget()
            return haul
        finally:
            self._busy.release()

    def tally(self) -> Tally:
        """Return the counts over the whole file."""
        refused = self._refused
        return Tally(
            self._events,
            self._blank,
            refused.count,
            refused.bytes,
            refused.first,
            self._first_wall_time,
            self._version,
        )

    def _enter(self) -> None:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("Another thread is using this scanner.")

    def _forget(self) -> None:
        self._points: dict[str, PointRows] = {}
        self._extents: dict[str, ExtentRows] = {}
        self._others: dict[str, int] = {}
        self._health: list[HealthExtent] = []
        self._sessions: list[tuple[int, int, int]] = []

    def _take_payload(self, payload: bytes, offset: int) -> None:
        try:
            event = self._parse(payload)
        except self._failures:
            self._refused.add(offset - HEADER.size, OVERHEAD + len(payload))
            return
        if not self._events:
            self._first_wall_time = event.wall_time
        what = event.WhichOneof("what")
        if what == "summary":
            self._take_summary(event, payload, offset)
        elif what == "session_log":
            self._sessions.append((self._events, event.step, event.session_log.status))
        elif what == "file_version" and self._version is None:
            self._version = event.file_version
        elif what is None and not event.wall_time:
            self._blank += 1
        self._events += 1

    def _take_summary(self, event: Any, payload: bytes, offset: int) -> None:
        spans = None
        for number, value in enumerate(event.summary.value):
            kind = value.WhichOneof("value")
            if kind == "simple_value":
                self._add_point(event, value.tag, value.simple_value)
                continue
            role = self._role(value)
            if kind == "tensor" and role == "health" and _is_text(value.tensor):
                spans = value_spans(payload) if spans is None else spans
                begin, size = text_span(payload, *spans[number])
                self._health.append(HealthExtent(event.wall_time, event.step, offset + begin, size))
            elif kind != "tensor" or not self._take_tensor(event, value, role):
                self._others[value.tag] = self._others.get(value.tag, 0) + 1
                rows = self._extents.setdefault(
                    value.tag, (array("q"), array("d"), array("q"), array("q"), array("B"))
                )
                if kind is not None:
                    spans = value_spans(payload) if spans is None else spans
                    begin, size = spans[number]
                    rows[0].append(event.step)
                    rows[1].append(event.wall_time)
                    rows[2].append(offset + begin)
                    rows[3].append(size)
                    rows[4].append(KINDS[kind])

    def _take_tensor(self, event: Any, value: Any, role: Role) -> bool:
        """Take in a tensor if it is a single number; tell whether it was."""
        number = one_number(value.tensor) if role == "scalar" else None
        if number is not None:
            self._add_point(event, value.tag, number)
        return number is not None

    def _add_point(self, event: Any, tag: str, number: float) -> None:
        rows = self._points.get(tag)
        if rows is None:
            rows = self._points[tag] = (array("q"), array("d"), array("d"), {})
        if isinstance(number, int):
            rows[3][len(rows[0])] = number
        rows[0].append(event.step)
        rows[1].append(event.wall_time)
        rows[2].append(float(number))

    def _role(self, value: Any) -> Role:
        """Tell what a value is read as: writers may send metadata with a tag's first value only."""
        own = _role_by(value.metadata) if value.HasField("metadata") else None
        if own is None:
            return self._roles.get(value.tag, "scalar")
        first = self._roles.setdefault(value.tag, own)
        return own if own == "health" else first


def _event_parser() -> tuple[Parse, Failures]:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto import event_pb2

    # Text that is not UTF-8 is refused by the C implementations with the first of the two
    # errors, by the pure Python one with the second.
    return event_pb2.Event.FromString, (DecodeError, UnicodeDecodeError)


def _is_text(tensor: Any) -> bool:
    return bool(tensor.dtype == DT_STRING and tensor.string_val)


def _role_by(metadata: Any) -> Role | None:
    """Return what a SummaryMetadata says its tag holds, or None if it names no plugin."""
    plugin = metadata.plugin_data.plugin_name
    if plugin == OUR_PLUGIN:
        return "health"
    if plugin == SCALAR_PLUGIN or metadata.data_class == DATA_CLASS_SCALAR:
        return "scalar"
    return "other" if plugin else None


def _joined(rows: list[Any], codes: str) -> list[Any]:
    """Return where each tag's rows begin, and all the columns, tag after tag."""
    starts = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(columns[0]) for columns in rows], out=starts[1:])
    joined = [
        np.concatenate([np.frombuffer(columns[place], code) for columns in rows])
        if rows
        else np.empty(0, code)
        for place, code in enumerate(codes)
    ]
    return [starts, *joined]
