"""Frames of a block, all checksums of it at once, in numpy: the reference's half of `scan.h`."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from analyzer.events.crc32c import masked_crc32c, masked_crc32c_each, words_of
from analyzer.events.framing import BLOCK_ENDS, HEADER, LENGTH_FAILS, LONGEST, OVERHEAD

# Frames up to this many bytes are checked together; scalar events have 30 to 150.
SHORT: Final = 256
# So many places are looked at together, which bounds what a search holds in memory.
STRETCH: Final = 1 << 16


def walk(block: bytes) -> tuple[list[int], list[int], int, int]:
    """Follow the lengths from frame to frame.

    Returns:
        Starts and sizes of the payloads of the whole frames, the bytes these take, and why there
        are no more.
    """
    starts: list[int] = []
    sizes: list[int] = []
    at = 0
    unpack = HEADER.unpack_from
    while at + HEADER.size <= len(block):
        size, crc = unpack(block, at)
        if size > LONGEST or crc != crc_of_length(size):
            return starts, sizes, at, LENGTH_FAILS
        after = at + OVERHEAD + size
        if after > len(block):
            break
        starts.append(at + HEADER.size)
        sizes.append(size)
        at = after
    return starts, sizes, at, BLOCK_ENDS


def sound(block: bytes, starts: list[int], sizes: list[int]) -> list[bool]:
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


def find_header(block: bytes | memoryview) -> int:
    """Return where the first record header with a right checksum begins, or the block's length."""
    block = memoryview(block)
    for start in range(0, len(block) - HEADER.size + 1, STRETCH):
        data = bytes(block[start : start + STRETCH + HEADER.size - 1])
        words = words_of(data)
        low, high, crc = words[:-8], words[4:-4], words[8:]
        known = (low != 0) | (crc == crc_of_length(0))
        places = np.flatnonzero((high == 0) & (low <= LONGEST) & known)
        found = masked_crc32c_each(data, places, np.full(len(places), 8, np.int64))
        right = places[found == crc[places]]
        if len(right):
            return start + int(right[0])
    return len(block)


@lru_cache(maxsize=1 << 14)
def crc_of_length(length: int) -> int:
    """Return the masked CRC-32C of a length as it is stored, in 8 bytes."""
    return masked_crc32c(length.to_bytes(8, "little"))
