"""Event files in, their records out: the reader that everything above this folder uses.

It keeps what is sound and says what is not. Which of the two scanners does the work is named by
ACTIVE, and decided by the environment variable TB_NAN_READER (`selection`).
"""

from __future__ import annotations

import os
from typing import BinaryIO, Final

from analyzer.events.event_file import EventFile, EventStream
from analyzer.events.records import FileRecords
from analyzer.events.selection import selected

__all__ = ["ACTIVE", "EventFile", "EventStream", "read_file", "read_stream"]

ACTIVE: Final[str] = selected().NAME


def read_file(path: str | os.PathLike[str]) -> FileRecords:
    """Read one event file as far as it goes.

    Raises:
        OSError: If the file cannot be opened or read, or is no regular file.
        MemoryError: If what it says does not fit.
    """
    return EventFile(path).read()


def read_stream(stream: BinaryIO) -> FileRecords:
    """Read the events of a seekable stream as far as they go.

    Raises:
        OSError: If the stream cannot be read.
        MemoryError: If what it says does not fit.
    """
    return EventStream().read(stream)
