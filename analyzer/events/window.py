"""A stretch of a file in memory: read once, moved forwards, never mapped.

Laws:

1. Nothing is asked for beyond the size that the file had when reading began.
2. A file that shrinks meanwhile gives fewer bytes, and `size` says so. A mapped file would end
   the process instead, and for a file in the page cache the copy costs a tenth of the scanning.
3. Memory is CHUNK bytes, or the largest stretch asked for at once: one record.
"""

from __future__ import annotations

import errno
import io
import os
from typing import BinaryIO, Final

CHUNK: Final = 1 << 19


class Window:
    """The bytes of a stream around the place that is being read."""

    def __init__(self, stream: BinaryIO) -> None:
        """Look at `stream`, which must be able to seek.

        Raises:
            OSError: If the stream cannot be read.
        """
        self.size = stream.seek(0, os.SEEK_END)
        self._stream = stream
        self._buffer = memoryview(bytearray(max(1, min(CHUNK, self.size))))
        self._at = 0
        self._filled = 0

    def view(self, offset: int, wanted: int) -> memoryview:
        """Return the bytes from `offset` on: at least `wanted`, fewer only where the file ends.

        The view holds until the next call.

        Raises:
            OSError: If the stream cannot be read.
        """
        begin = offset - self._at
        kept = self._filled - begin if 0 <= begin <= self._filled else 0
        if kept < min(wanted, self.size - offset):
            self._move(offset, begin if kept else 0, kept, wanted)
            begin = 0
        elif not kept:
            return self._buffer[:0]
        return self._buffer[begin : self._filled]

    def data_after(self, offset: int) -> int:
        """Return where the next bytes after `offset` lie that are more than a hole in the file."""
        # The position of a buffered stream must not be moved behind its back.
        if not isinstance(self._stream, io.FileIO) or not hasattr(os, "SEEK_DATA"):
            return offset
        try:
            return os.lseek(self._stream.fileno(), offset, os.SEEK_DATA)
        except OSError as error:
            # ENXIO: a hole up to the end. Anything else: the file system does not say.
            return self.size if error.errno == errno.ENXIO else offset

    def _move(self, offset: int, begin: int, kept: int, wanted: int) -> None:
        old = self._buffer
        if wanted > len(old):
            self._buffer = memoryview(bytearray(min(wanted, self.size - offset)))
        self._buffer[:kept] = old[begin : begin + kept]
        self._at, self._filled = offset, kept
        self._stream.seek(offset + kept)
        room = min(len(self._buffer), self.size - offset)
        while self._filled < room:
            count = self._fill(self._buffer[self._filled : room])
            if not count:
                self.size = offset + self._filled
                break
            self._filled += count

    def _fill(self, room: memoryview) -> int:
        readinto = getattr(self._stream, "readinto", None)
        if readinto is not None:
            return readinto(room) or 0
        data = self._stream.read(len(room))
        room[: len(data)] = data
        return len(data)
