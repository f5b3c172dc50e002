"""One event file, read again and again as it grows: each event of it once.

Laws:

1. Only the operating system's refusal to let the file be read is raised, and too little memory;
   whatever the bytes hold becomes a status.
2. A file that was replaced or shortened is noticed by its identity, its size, its first bytes, or
   the last bytes before the place that was reached. It is then read anew, and the result says so.
3. Memory is what is kept (28 bytes a point until it is handed over, 24 after), the distinct tags,
   and the larger of `window.CHUNK` and the largest record.
"""

from __future__ import annotations

import os
import stat
import threading
from types import ModuleType
from typing import BinaryIO, Final

from analyzer.events.frames import FrameReader
from analyzer.events.framing import Ending, Losses
from analyzer.events.impostors import FILE_VERSION, HEAD, likeness
from analyzer.events.records import FileRecords, FileState, Status
from analyzer.events.selection import selected
from analyzer.events.tables import Tally

SESSION_START: Final = 1  # SessionLog.SessionStatus of event.proto
# How many bytes at either end of what was read are compared with what they were.
MARK: Final = 64

STATUS_OF: Final[dict[str, Status]] = {
    "complete": "ok",
    "truncated": "truncated",
    "corrupt": "corrupt",
}


class EventFile:
    """A file that may be growing; `read` returns what is new since the last call."""

    def __init__(self, path: str | os.PathLike[str], twin: ModuleType | None = None) -> None:
        """Keep where the file is; it is opened by `read` only, and closed again.

        Args:
            path: The file.
            twin: `_scanner` or `reference`; without it, the one that the environment asks for.
        """
        self._path = path
        self._stream = EventStream(twin)
        self._identity: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def read(self) -> FileRecords:
        """Read on, up to the present end of the file.

        Returns:
            What is new; all there is, with `anew` set, if the file is no longer the one that was
            read before.

        Raises:
            OSError: If the file cannot be opened or read, or is no regular file.
            MemoryError: If what it says does not fit; the next call begins anew.
        """
        # Opening a named pipe would wait for a writer for ever.
        if not stat.S_ISREG(os.stat(self._path).st_mode):
            raise OSError(f"{os.fspath(self._path)} is not a regular file.")
        with self._lock, open(self._path, "rb", buffering=0) as stream:
            status = os.fstat(stream.fileno())
            identity = status.st_dev, status.st_ino
            same = self._identity in (None, identity)
            self._identity = identity
            return self._stream.read(stream, same=same)


class EventStream:
    """The same for a stream that can seek, opened by somebody else, also anew for each call."""

    def __init__(self, twin: ModuleType | None = None) -> None:
        """Begin at the beginning; `twin` as for an `EventFile`."""
        self._twin = selected() if twin is None else twin
        self._marks: tuple[bytes, bytes] = b"", b""
        self._events = 0
        self._begin()

    def read(self, stream: BinaryIO, *, same: bool = True) -> FileRecords:
        """Read on, up to the present end of the stream.

        Args:
            stream: Holds the same file as before, as far as is known.
            same: Whether that is so as far as is known.

        Raises:
            OSError: If the stream cannot be read.
            MemoryError: If what it says does not fit; the next call begins anew.
        """
        anew = not (same and self._is_the_same(stream))
        if anew:
            self._begin()
        try:
            self._frames.read(stream)
            haul = self._scanner.take()
        except MemoryError:
            self._begin()
            raise
        self._marks = self._marks_of(stream)
        tally = self._scanner.tally()
        stream.seek(0)
        records = FileRecords(
            scalars=haul.scalars,
            health=haul.health,
            other_tags=haul.other_tags,
            events=tally.events - self._events,
            first_wall_time=tally.first_wall_time,
            session_starts=[
                (event, step) for event, step, status in haul.sessions if status == SESSION_START
            ],
            state=_state(self._frames.ending, tally, stream.read(HEAD)),
            extents=haul.extents,
            file_version=tally.file_version,
            anew=anew,
        )
        self._events = tally.events
        return records

    def _begin(self) -> None:
        self._scanner = self._twin.Scanner()
        self._frames = FrameReader(self._twin, self._scanner)
        self._marks = b"", b""
        self._events = 0

    def _marks_of(self, stream: BinaryIO) -> tuple[bytes, bytes]:
        """Return the first bytes of the stream, and the last before what is still to be read."""
        position = self._frames.position
        size = min(MARK, position)
        return _bytes_at(stream, 0, size), _bytes_at(stream, position - size, size)

    def _is_the_same(self, stream: BinaryIO) -> bool:
        return self._marks_of(stream) == self._marks


def _bytes_at(stream: BinaryIO, offset: int, size: int) -> bytes:
    stream.seek(offset)
    return stream.read(size)


def _state(ending: Ending, tally: Tally, head: bytes) -> FileState:
    size = ending.bytes
    refused = Losses(tally.refused, tally.refused_bytes, tally.first_refused)
    if (disguise := _disguise(ending, tally, head)) is not None:
        return FileState("not-events", f"The file is {disguise}.", 0, size, size)
    lost = ending.lost_bytes + refused.bytes
    if refused.count and (ending.status != "corrupt" or refused.first < ending.offset):
        return FileState("corrupt", refused.sentence("is not an event"), refused.first, size, lost)
    return FileState(STATUS_OF[ending.status], ending.reason, ending.offset, size, lost)


def _disguise(ending: Ending, tally: Tally, head: bytes) -> str | None:
    """Return what the file is instead of an event file, or None if it is one."""
    if tally.events > tally.blank or ending.bytes == 0:
        return None
    if ending.framed:
        foreign = tally.blank or tally.refused
        return "TFRecord data of another kind, not TensorBoard events" if foreign else None
    if (known := likeness(head)) is not None:
        return known
    damaged = ending.status == "truncated" or FILE_VERSION in head or not any(head)
    return None if damaged else "binary data of an unknown kind, not TensorBoard events"
