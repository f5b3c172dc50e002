"""CRC-32C (Castagnoli), as TFRecord files store it: rotated and offset by a constant.

One law carries both paths: on the raw register a CRC is linear over GF(2). Feeding n bytes is
`register -> advance_n(register ^ first bytes)`, where advance_n feeds n zero bytes, so

* two bytes at a time is advance_2 of (register ^ word): the short path, in plain Python;
* a long message is cut into lanes of equal length that step together in numpy, and neighbours
  join as advance_length(left) ^ right; leading zeros leave a zero register alone, so lanes are
  padded in front, never behind;
* many short messages are lanes already, of unequal length.

Sources: RFC 3720 section 12.1 and appendix B.4 (polynomial, vectors); the mask is from
tensorflow/core/lib/hash/crc32c.h.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

# 0x1EDC6F41 with its bits reversed, as the register shifts right.
POLYNOMIAL: Final = 0x82F63B78
MASK_DELTA: Final = 0xA282EAD8
ALL_ONES: Final = 0xFFFFFFFF

# Measured: below about 4 kB the lanes' fixed cost outweighs their speed.
LONG: Final = 4096
# Lanes hold at most this many bytes at once, so that memory stays bounded.
BLOCK: Final = 1 << 20

Registers = npt.NDArray[np.uint32]
Positions = npt.NDArray[np.int64]


def masked_crc32c(data: bytes | memoryview) -> int:
    """Return the masked CRC-32C of `data`, as an unsigned 32-bit number.

    The mask keeps a file that stores CRCs of data with embedded CRCs from degenerating.
    """
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + MASK_DELTA) & ALL_ONES


def masked_crc32c_each(block: bytes, starts: Positions, sizes: Positions) -> Registers:
    """Return the masked CRC-32C of many messages that lie in one block.

    Args:
        block: Holds every message.
        starts: Where each begins, in bytes, shape (n,).
        sizes: The length of each, in bytes, shape (n,). The longest sets the number of numpy
            steps, and so the cost.

    Returns:
        uint32, shape (n,), in the order of `starts`.
    """
    order = np.argsort(-sizes, kind="stable")
    state = _feed_each(block, starts[order], sizes[order]) ^ np.uint32(ALL_ONES)
    masked = ((state >> np.uint32(15)) | (state << np.uint32(17))) + np.uint32(MASK_DELTA)
    result = np.empty_like(masked)
    result[order] = masked
    return result


def words_of(block: bytes) -> Registers:
    """View the little-endian 32-bit word that begins at every byte, shape (len(block) - 3,)."""
    return np.ndarray((max(0, len(block) - 3),), "<u4", block, strides=(1,))


def crc32c(data: bytes | memoryview) -> int:
    """Return the plain CRC-32C of `data`, as an unsigned 32-bit number."""
    register = ALL_ONES
    if len(data) < LONG:
        return _feed_short(register, data) ^ ALL_ONES
    for start in range(0, len(data), BLOCK):
        register = _feed_long(register, data[start : start + BLOCK])
    return register ^ ALL_ONES


def _feed_short(register: int, data: bytes | memoryview) -> int:
    pairs = _PAIRS
    even = len(data) >> 1
    words = _WORDS[even] if even < len(_WORDS) else struct.Struct(f"<{even}H")
    for word in words.unpack_from(data):
        register = pairs[(register ^ word) & 0xFFFF] ^ (register >> 16)
    if len(data) & 1:
        register = _BYTES[(register ^ data[-1]) & 0xFF] ^ (register >> 8)
    return register


def _feed_long(register: int, data: bytes | memoryview) -> int:
    if len(data) < 4:
        return _feed_short(register, data)
    lanes = _lane_count(len(data))
    words = -(-len(data) // (4 * lanes))
    padded = np.zeros(4 * lanes * words, np.uint8)
    message = padded[padded.size - len(data) :]
    message[:] = np.frombuffer(data, np.uint8)
    message[:4] ^= np.frombuffer(struct.pack("<I", register), np.uint8)

    columns = np.ascontiguousarray(padded.view("<u4").reshape(lanes, words).T)
    step = _advance(4)
    state = np.zeros(lanes, np.uint32)
    for column in columns:
        state = _apply(step, state ^ column)
    return _join(state, 4 * words)


def _feed_each(block: bytes, starts: Positions, sizes: Positions) -> Registers:
    """Feed messages sorted longest first, so that those still running are always a prefix."""
    state = np.full(len(starts), ALL_ONES, np.uint32)
    words, octets = words_of(block), np.frombuffer(block, np.uint8)
    whole, four, one = sizes >> 2, _advance(4), _advance(1)
    shrinking = -whole
    for index in range(int(whole[0]) if len(whole) else 0):
        running = int(np.searchsorted(shrinking, -index))
        fed = state[:running] ^ words[starts[:running] + 4 * index]
        state[:running] = _apply(four, fed)
    for index in range(3):
        ragged = np.flatnonzero((sizes & 3) > index)
        tail = octets[starts[ragged] + 4 * whole[ragged] + index]
        state[ragged] = _apply(one, state[ragged] ^ tail)
    return state


def _lane_count(size: int) -> int:
    """Return a power of two near the square root of the number of words."""
    return 1 << min(12, ((size >> 2).bit_length() + 1) // 2 + 1)


def _join(state: Registers, lane_bytes: int) -> int:
    """Fold the lanes' registers, left to right, each standing for `lane_bytes` bytes."""
    while len(state) > 1:
        state = _apply(_advance(lane_bytes), state[0::2]) ^ state[1::2]
        lane_bytes *= 2
    return int(state[0])


@lru_cache(maxsize=256)
def _advance(count: int) -> Registers:
    """Return "feed `count` zero bytes" as tables, shape (4, 256): one per register byte."""
    if count == 1:
        return _advance_one()
    half = _advance(count // 2)
    images = _apply(half, _apply(half, _UNITS))
    return _tables(_apply(_advance(1), images) if count & 1 else images)


def _advance_one() -> Registers:
    images = _UNITS.copy()
    for _ in range(8):
        images = (images >> np.uint32(1)) ^ (images & np.uint32(1)) * np.uint32(POLYNOMIAL)
    return _tables(images)


def _tables(images: Registers) -> Registers:
    """Tabulate the linear map that sends bit i of a register to `images[i]`."""
    tables = np.zeros((4, 256), np.uint32)
    for bit in range(8):
        size = 1 << bit
        tables[:, size : 2 * size] = tables[:, :size] ^ images[bit::8, None]
    return tables


def _apply(tables: Registers, state: Registers) -> Registers:
    result: Registers = tables[3][state >> np.uint32(24)]
    for index, shift in enumerate((0, 8, 16)):
        result ^= tables[index][(state >> np.uint32(shift)) & np.uint32(0xFF)]
    return result


_UNITS: Final[Registers] = np.uint32(1) << np.arange(32, dtype=np.uint32)
_BYTES: Final[list[int]] = _advance(1)[0].tolist()
_PAIRS: Final[list[int]] = _apply(_advance(2), np.arange(1 << 16, dtype=np.uint32)).tolist()
_WORDS: Final = tuple(struct.Struct(f"<{count}H") for count in range(128))
