"""The fields of one message of an untrusted file, without a schema: what decoding asks for.

Laws:

1. No length is believed before the bytes are there, and no byte is copied to walk over it.
2. Whatever the bytes hold, the only error is `WireError`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)
LONGEST_VARINT: Final = 10
MOST_GROUPS: Final = 100  # nested, as the libraries of Protocol Buffers allow

Content = int | memoryview


class WireError(ValueError):
    """The bytes are no such message."""


def fields(data: memoryview) -> Iterator[tuple[int, int, Content]]:
    """Yield (number, wire type, content) of each field: an integer, or a view of its bytes.

    Raises:
        WireError: The bytes are no message.
    """
    at, groups = 0, 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        content: Content
        if wire == VARINT:
            content, at = _varint(data, at)
        elif wire in (GROUP, END_GROUP):
            groups += 1 if wire == GROUP else -1
            if not 0 <= groups <= MOST_GROUPS:
                raise WireError("its groups are not nested as they should be")
            continue
        else:
            size, at = _size(data, at, wire)
            if size > len(data) - at:
                raise WireError("it is cut short")
            content, at = data[at : at + size], at + size
        if not groups:
            yield number, wire, content
    if groups:
        raise WireError("a group does not end")


def collected(data: memoryview, number: int) -> memoryview:
    """Return what all fields of that number hold, one after the other: numbers, or a message.

    Protocol Buffers write numbers one by one or packed, and merge a message that is written in
    parts; both are to join the bytes. Varints are no part of it.

    Raises:
        WireError: The bytes are no message.
    """
    joined, only, count = bytearray(), memoryview(b""), 0
    for found, _, content in fields(data):
        if found == number and isinstance(content, memoryview):
            if count:
                joined += only if count == 1 else b""
                joined += content
            count, only = count + 1, content
    return memoryview(joined) if count > 1 else only


def integers(data: memoryview) -> npt.NDArray[np.uint64]:
    """Return packed varints.

    Raises:
        WireError: The last one does not end, or one is longer than a varint can be.
    """
    found = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(found < 0x80)
    if not len(found):
        return np.zeros(0, np.uint64)
    if not len(ends) or ends[-1] != len(found) - 1:
        raise WireError("a number does not end")
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts + 1
    if sizes.max() > LONGEST_VARINT:
        raise WireError("a number is too long")
    shifts = (7 * (np.arange(len(found)) - np.repeat(starts, sizes))).astype(np.uint64)
    total: npt.NDArray[np.uint64] = np.bitwise_or.reduceat(
        (found & 0x7F).astype(np.uint64) << shifts, starts
    )
    return total


def varints(data: memoryview, number: int) -> npt.NDArray[np.uint64]:
    """Return the varints of all fields of that number, packed or not.

    Raises:
        WireError: The bytes are no message.
    """
    numbers = array("Q")
    for found, wire, content in fields(data):
        if found == number and isinstance(content, int):
            numbers.append(content)
        elif found == number and wire == BYTES and isinstance(content, memoryview):
            numbers.frombytes(integers(content).tobytes())
    return np.array(numbers, np.uint64)


def _size(data: memoryview, at: int, wire: int) -> tuple[int, int]:
    if wire == BYTES:
        return _varint(data, at)
    if wire in (FIXED64, FIXED32):
        return (8 if wire == FIXED64 else 4), at
    raise WireError("a field has no known type")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    result = 0
    for place, byte in enumerate(data[at : at + LONGEST_VARINT]):
        result |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, at + place + 1
    raise WireError("a number does not end")
