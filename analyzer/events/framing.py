"""TFRecord frames out of a seekable stream, trusting no length.

    offset  0        8                12               12 + n             16 + n
            | u64 n  | u32 crc of n   | payload        | u32 crc of payload |

Numbers are little-endian, CRCs are masked CRC-32C. Example: a first record of 24 bytes begins
18 00 00 00 00 00 00 00 a3 7f 4b 22.

Three laws:

1. A torn tail is a state, not an error: a file that is being written ends so. Iterate the same
   reader again when the file has grown, and it goes on where it stopped.
2. A bad payload costs that one frame, as its length still says where the next begins. A bad
   length ends the reading: nothing after it has a known beginning.
3. No memory is taken for a length before the file is known to hold that many bytes.

Source: tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, Final, Literal, NamedTuple

import numpy as np

from analyzer.events.crc32c import masked_crc32c, masked_crc32c_each, words_of

HEADER: Final = struct.Struct("<QI")
OVERHEAD: Final = HEADER.size + 4

# Protocol Buffers refuse messages of 2 GiB, so no event file holds a longer record.
LONGEST: Final = (1 << 31) - 1
CHUNK: Final = 1 << 18
# Frames up to this many bytes are checked together; scalar events have 30 to 150.
SHORT: Final = 256

EndStatus = Literal["complete", "truncated", "corrupt"]


class Frame(NamedTuple):
    """One record whose two CRCs were right: where it begins in the file, and its payload."""

    offset: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ending:
    """How far reading came.

    Attributes:
        status: `complete`: every byte belonged to a frame. `truncated`: the last frame is not
            all there (yet). `corrupt`: some bytes cannot be what was written.
        offset: Where the first trouble begins, in bytes; the end of the file if there is none.
        reason: One sentence; empty if complete.
        bytes: The size of the file when reading began.
        lost_bytes: How many of them gave no frame.
        framed: Whether any length passed its checksum. If none did, this may be no TFRecord
            file at all.
    """

    status: EndStatus
    offset: int
    reason: str
    bytes: int
    lost_bytes: int
    framed: bool


@dataclass(slots=True)
class Losses:
    """Records that had to be left out: how many, their bytes, and where the first began."""

    count: int = 0
    bytes: int = 0
    first: int = 0

    def add(self, offset: int, size: int) -> None:
        """Count one more, which begins at byte `offset`."""
        if not self.count:
            self.first = offset
        self.count += 1
        self.bytes += size

    def sentence(self, fault: str) -> str:
        """Say where the first one is; `fault` is the predicate: "is not an event"."""
        more = f" (the first of {self.count})" if self.count > 1 else ""
        return f"The record at byte {self.first}{more} {fault}."


class FrameReader:
    """Yields every sound frame of a stream, in file order, each of them once."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read from the beginning of `stream`, which must be able to seek."""
        self._stream = stream
        self._size = 0
        self._next = 0
        self._stopped: str | None = None
        self._framed = False
        self._skipped = Losses()

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames after those already yielded, up to the present end of the file.

        Raises:
            OSError: If the stream cannot be read.
        """
        # A file that shrank was replaced; what had been read of it stands.
        self._size = max(self._next, self._stream.seek(0, os.SEEK_END))
        wanted = CHUNK
        while wanted:
            block = self._read(wanted)
            starts, sizes, used = _walk(block)
            self._framed |= used > 0
            for start, size, sound in zip(starts, sizes, _sound(block, starts, sizes), strict=True):
                offset = self._next
                self._next += OVERHEAD + size
                if sound:
                    yield Frame(offset, block[start : start + size])
                else:
                    self._skipped.add(offset, OVERHEAD + size)
            wanted = self._wanted(block[used : used + HEADER.size], wanted if not used else 0)

    @property
    def ending(self) -> Ending:
        """The state of what has been read so far."""
        status: EndStatus = "complete"
        offset, reason = self._next, ""
        if self._skipped.count:
            status, offset = "corrupt", self._skipped.first
            reason = self._skipped.sentence("fails its checksum")
        elif self._stopped is not None:
            status, reason = "corrupt", self._stopped
        elif self._next < self._size:
            status = "truncated"
            reason = f"The file ends inside the record that begins at byte {self._next}."
        lost = self._skipped.bytes + self._size - self._next
        return Ending(status, offset, reason, self._size, lost, self._framed)

    def _read(self, wanted: int) -> bytes:
        self._stream.seek(self._next)
        return self._stream.read(min(wanted, self._size - self._next))

    def _wanted(self, header: bytes, in_vain: int) -> int:
        """Return how many bytes to read next, or 0 if reading ends here.

        Args:
            header: What follows the last whole frame: 12 bytes, or fewer at the end of a block.
            in_vain: How many bytes were asked for without one frame coming of it.
        """
        self._stopped = _trouble(header, self._next)
        needed = HEADER.size
        if len(header) == HEADER.size and self._stopped is None:
            self._framed = True
            needed = OVERHEAD + HEADER.unpack(header)[0]
        torn = self._next + needed > self._size or in_vain >= needed
        return 0 if torn or self._stopped is not None else max(CHUNK, needed)


def _walk(block: bytes) -> tuple[list[int], list[int], int]:
    """Return payload starts and sizes of the whole frames of a block, and the bytes they take."""
    starts, sizes, at = [], [], 0
    unpack = HEADER.unpack_from
    while at + HEADER.size <= len(block):
        size, crc = unpack(block, at)
        after = at + OVERHEAD + size
        if after > len(block) or crc != _crc_of_length(size):
            break
        starts.append(at + HEADER.size)
        sizes.append(size)
        at = after
    return starts, sizes, at


def _sound(block: bytes, starts: list[int], sizes: list[int]) -> list[bool]:
    """Tell of each payload whether its CRC is the stored one."""
    if not starts:
        return []
    start, size = np.array(starts, np.int64), np.array(sizes, np.int64)
    found = np.zeros(len(start), np.uint32)
    short = size <= SHORT
    found[short] = masked_crc32c_each(block, start[short], size[short])
    view = memoryview(block)
    for index in np.flatnonzero(~short).tolist():
        found[index] = masked_crc32c(view[starts[index] : starts[index] + sizes[index]])
    equal: list[bool] = (found == words_of(block)[start + size]).tolist()
    return equal


def _trouble(header: bytes, offset: int) -> str | None:
    """Return why no frame can begin with these bytes, or None if one can.

    A header cut short already bounds its length from below, as the high bytes come last.
    """
    length = int.from_bytes(header[:8], "little")
    if length > LONGEST:
        return f"The record at byte {offset} claims a length that no event can have."
    if len(header) < HEADER.size:
        return None
    if not any(header):
        return f"From byte {offset} on there are zeros: what was written never reached the disk."
    if HEADER.unpack(header)[1] != _crc_of_length(length):
        return f"The length of the record at byte {offset} fails its checksum."
    return None


@lru_cache(maxsize=4096)
def _crc_of_length(length: int) -> int:
    return masked_crc32c(length.to_bytes(8, "little"))
