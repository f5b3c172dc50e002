"""Where bytes come from, a stretch at a time: an open file of this machine, or any stream.

Law: one call of the operating system a stretch. Each of them lets another thread in, and many small
files are read by several threads.
"""

from __future__ import annotations

import errno
import os
from typing import BinaryIO, Final, Protocol

NO_DESCRIPTOR: Final = -1


class Inlet(Protocol):
    """Bytes that can be asked for at any place.

    Attributes:
        size: How many there were when reading began.
        descriptor: The operating system's number of the file, or NO_DESCRIPTOR.
    """

    size: int
    descriptor: int

    def fill(self, offset: int, room: memoryview) -> int:
        """Put the bytes from `offset` on into `room`; return how many, 0 only at the end.

        Raises:
            OSError: They cannot be read.
        """

    def data_after(self, offset: int) -> int:
        """Return where the next bytes after `offset` lie that are more than a hole in the file."""


class FileInlet:
    """A regular file, by its descriptor."""

    def __init__(self, descriptor: int, size: int) -> None:
        """Take an open descriptor, which stays the caller's to close."""
        self.descriptor = descriptor
        self.size = size

    def fill(self, offset: int, room: memoryview) -> int:
        """Put the bytes from `offset` on into `room`; return how many."""
        if hasattr(os, "preadv"):
            return os.preadv(self.descriptor, [room], offset)
        os.lseek(self.descriptor, offset, os.SEEK_SET)
        data = os.read(self.descriptor, len(room))
        room[: len(data)] = data
        return len(data)

    def data_after(self, offset: int) -> int:
        """Return where the next bytes after `offset` lie that are more than a hole in the file."""
        if not hasattr(os, "SEEK_DATA"):
            return offset
        try:
            return os.lseek(self.descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            # ENXIO: a hole up to the end. Anything else: the file system does not say.
            return self.size if error.errno == errno.ENXIO else offset


class StreamInlet:
    """A stream that can seek."""

    def __init__(self, stream: BinaryIO) -> None:
        """Look how long it is.

        Raises:
            OSError: It cannot be read.
        """
        self.descriptor = NO_DESCRIPTOR
        self.size = stream.seek(0, os.SEEK_END)
        self._stream = stream

    def fill(self, offset: int, room: memoryview) -> int:
        """Put the bytes from `offset` on into `room`; return how many."""
        self._stream.seek(offset)
        readinto = getattr(self._stream, "readinto", None)
        if readinto is not None:
            return readinto(room) or 0
        data = self._stream.read(len(room))
        room[: len(data)] = data
        return len(data)

    def data_after(self, offset: int) -> int:
        """Return `offset`: a stream says nothing of holes."""
        return offset
