"""A stretch of a file in memory: read once, moved forwards, never mapped.

Laws:

1. Nothing is asked for beyond the size that the file had when reading began.
2. A file that shrinks meanwhile gives fewer bytes, and `size` says so.
3. Memory is CHUNK bytes, or the largest stretch asked for at once: one record.
"""

from __future__ import annotations

from typing import Final

from analyzer.events.inlet import Inlet

CHUNK: Final = 1 << 19


class Window:
    """The bytes of a file around the place that is being read."""

    def __init__(self, inlet: Inlet) -> None:
        """Look at a file; nothing of it is read yet."""
        self.size = inlet.size
        self._inlet = inlet
        self._buffer = memoryview(b"")
        self._at = 0
        self._filled = 0

    @property
    def descriptor(self) -> int:
        """Return the operating system's number of the file; negative if it has none."""
        return self._inlet.descriptor

    def view(self, offset: int, wanted: int) -> memoryview:
        """Return the bytes from `offset` on: at least `wanted`, fewer only where the file ends.

        The view holds until the next call.

        Raises:
            OSError: If the file cannot be read.
        """
        begin = offset - self._at
        kept = self._filled - begin if 0 <= begin <= self._filled else 0
        if kept < min(wanted, self.size - offset):
            self._move(offset, begin if kept else 0, kept, wanted)
            begin = 0
        elif not kept:
            return self._buffer[:0]
        return self._buffer[begin : self._filled]

    def peek(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from anywhere, and leave the window where it is.

        Raises:
            OSError: If the file cannot be read.
        """
        begin = offset - self._at
        if begin >= 0 and begin + size <= self._filled:
            return bytes(self._buffer[begin : begin + size])
        data = bytearray(max(0, min(size, self.size - offset)))
        filled = self._fill(offset, memoryview(data))
        return bytes(data[:filled])

    def data_after(self, offset: int) -> int:
        """Return where the next bytes after `offset` lie that are more than a hole in the file."""
        return self._inlet.data_after(offset)

    def _move(self, offset: int, begin: int, kept: int, wanted: int) -> None:
        old, rest = self._buffer, self.size - offset
        if len(old) < min(max(wanted, CHUNK), rest):
            self._buffer = memoryview(bytearray(min(max(wanted, CHUNK), rest)))
        self._buffer[:kept] = old[begin : begin + kept]
        self._at = offset
        room = min(len(self._buffer), rest)
        self._filled = kept + self._fill(offset + kept, self._buffer[kept:room])
        if self._filled < room:
            self.size = offset + self._filled

    def _fill(self, offset: int, room: memoryview) -> int:
        filled = 0
        while filled < len(room):
            count = self._inlet.fill(offset + filled, room[filled:])
            if not count:
                break
            filled += count
        return filled
