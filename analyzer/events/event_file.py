"""One event file, read again and again as it grows: each event of it once.

Laws:

1. Only the operating system's refusal to let the file be read is raised, and too little memory;
   whatever the bytes hold becomes a status.
2. A file that was replaced or shortened is noticed by its identity, its size, its first bytes, or
   the last bytes before the place that was reached. It is then read anew, and the result says so.
3. Memory is what is kept (28 bytes a point until it is handed over, 24 after), the distinct tags,
   and the larger of `window.CHUNK` and the largest record. A stretch that is mapped is the page
   cache's own, and there are at most 16 MiB of it or the largest record.
"""

from __future__ import annotations

import os
import stat
import threading
from types import ModuleType
from typing import BinaryIO, Final

from analyzer.events.frames import FrameReader
from analyzer.events.framing import Ending, FileShrankError, Losses
from analyzer.events.impostors import FILE_VERSION, HEAD, likeness
from analyzer.events.inlet import FileInlet, Inlet, StreamInlet
from analyzer.events.records import FileRecords, FileState, Status
from analyzer.events.selection import selected
from analyzer.events.tables import Tally
from analyzer.events.window import Window

SESSION_START: Final = 1  # SessionLog.SessionStatus of event.proto
# How many bytes at either end of what was read are compared with what they were.
MARK: Final = 64

# Opening a named pipe would wait for a writer for ever, and Windows changes line ends.
OPENING: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)

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
        with self._lock:
            descriptor = os.open(self._path, OPENING)
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError(f"{os.fspath(self._path)} is not a regular file.")
                identity = status.st_dev, status.st_ino
                same = self._identity in (None, identity)
                self._identity = identity
                return self._stream.take(FileInlet(descriptor, status.st_size), same=same)
            finally:
                os.close(descriptor)


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
        return self.take(StreamInlet(stream), same=same)

    def take(self, inlet: Inlet, *, same: bool = True) -> FileRecords:
        """Read on, up to the present end of what an inlet gives; the rest as in `read`."""
        window = Window(inlet)
        anew = not (same and self._marks_of(window) == self._marks)
        if anew:
            self._begin()
        try:
            try:
                self._frames.read(window)
            except FileShrankError:
                anew, window = True, Window(inlet)
                self._begin()
                self._frames.read(window, mapped=False)
            haul = self._scanner.take()
        except MemoryError:
            self._begin()
            raise
        self._marks = self._marks_of(window)
        tally = self._scanner.tally()
        records = FileRecords(
            scalars=haul.scalars,
            health=haul.health,
            other_tags=haul.other_tags,
            events=tally.events - self._events,
            first_wall_time=tally.first_wall_time,
            session_starts=[
                (event, step) for event, step, status in haul.sessions if status == SESSION_START
            ],
            state=_state(self._frames.ending, tally, window),
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

    def _marks_of(self, window: Window) -> tuple[bytes, bytes]:
        """Return the first bytes of the file, and the last before what is still to be read."""
        position = self._frames.position
        size = min(MARK, position)
        if not size:
            return b"", b""
        return window.peek(0, size), window.peek(position - size, size)


def _state(ending: Ending, tally: Tally, window: Window) -> FileState:
    size = ending.bytes
    refused = Losses(tally.refused, tally.refused_bytes, tally.first_refused)
    if (disguise := _disguise(ending, tally, window)) is not None:
        return FileState("not-events", f"The file is {disguise}.", 0, size, size)
    lost = ending.lost_bytes + refused.bytes
    if refused.count and (ending.status != "corrupt" or refused.first < ending.offset):
        return FileState("corrupt", refused.sentence("is not an event"), refused.first, size, lost)
    return FileState(STATUS_OF[ending.status], ending.reason, ending.offset, size, lost)


def _disguise(ending: Ending, tally: Tally, window: Window) -> str | None:
    """Return what the file is instead of an event file, or None if it is one."""
    if tally.events > tally.blank or ending.bytes == 0:
        return None
    if ending.framed:
        foreign = tally.blank or tally.refused
        return "TFRecord data of another kind, not TensorBoard events" if foreign else None
    head = window.peek(0, HEAD)
    if (known := likeness(head)) is not None:
        return known
    damaged = ending.status == "truncated" or FILE_VERSION in head or not any(head)
    return None if damaged else "binary data of an unknown kind, not TensorBoard events"
