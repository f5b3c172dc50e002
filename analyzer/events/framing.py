"""The frame of a TFRecord file, what can be wrong with one, and the words for it.

    offset  0        8                12               12 + n             16 + n
            | u64 n  | u32 crc of n   | payload        | u32 crc of payload |

Numbers are little-endian, CRCs are masked CRC-32C. Example: a first record of 24 bytes begins
18 00 00 00 00 00 00 00 a3 7f 4b 22. Source: tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Literal

HEADER: Final = struct.Struct("<QI")
OVERHEAD: Final = HEADER.size + 4

# Protocol Buffers refuse messages of 2 GiB, so no event file holds a longer record.
LONGEST: Final = (1 << 31) - 1

# Why a scanner stopped: the block holds no further whole frame, or a checksum is wrong.
BLOCK_ENDS: Final = 0
LENGTH_FAILS: Final = 1
PAYLOAD_FAILS: Final = 2


class FileShrankError(OSError):
    """A file was cut while it was being read, so that what was read of it may be incomplete."""


EndStatus = Literal["complete", "truncated", "corrupt"]


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


@dataclass(slots=True)
class Gaps:
    """Stretches without a known frame, behind which reading went on."""

    count: int = 0
    bytes: int = 0
    first: int = 0
    reason: str = ""
    resumed: int = 0

    def add(self, offset: int, resumed: int, reason: str) -> None:
        """Count one more, from byte `offset` to byte `resumed`; `reason` is a sentence."""
        if not self.count:
            self.first, self.resumed, self.reason = offset, resumed, reason
        self.count += 1
        self.bytes += resumed - offset

    def sentence(self) -> str:
        """Say what happened at the first one."""
        more = f" (the first of {self.count} gaps)" if self.count > 1 else ""
        return f"{self.reason[:-1]}; reading goes on at byte {self.resumed}{more}."


def header_trouble(header: bytes, offset: int, checksum: int) -> str | None:
    """Return why no frame can begin with these bytes, or None if one can.

    A header cut short already bounds its length from below, as the high bytes come last.

    Args:
        header: Up to 12 bytes; fewer only at the end of the file.
        offset: Where they lie.
        checksum: The masked CRC-32C of the first 8 of them.
    """
    length = int.from_bytes(header[:8], "little")
    if length > LONGEST:
        return f"The record at byte {offset} claims a length that no event can have."
    if len(header) < HEADER.size:
        return None
    if not any(header):
        return f"From byte {offset} on there are zeros: what was written never reached the disk."
    if HEADER.unpack(header)[1] != checksum:
        return f"The length of the record at byte {offset} fails its checksum."
    return None


def length_of(header: bytes | memoryview) -> int:
    """Return how many bytes of payload a header of 12 bytes announces."""
    return int.from_bytes(header[:8], "little")
