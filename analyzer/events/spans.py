"""Where the values of an event lie in its bytes, which the `protobuf` library does not tell.

Law: only for payloads that the library has accepted. Whatever it lets pass must be walked the same
way, so that the values found are those it found, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)
# Numbers of event.proto: the members of the oneof `what`, and which of them is the summary.
WHAT: Final = frozenset(range(3, 10))
SUMMARY: Final = 5
VALUE: Final = 1
# Numbers of summary.proto and tensor.proto: a Value's oneof by wire type, and a tensor's texts.
ONEOF: Final = {2: FIXED32, 3: BYTES, 4: BYTES, 5: BYTES, 6: BYTES, 8: BYTES}
TENSOR: Final = 8
TEXTS: Final = 8

Field = tuple[int, int, int]


def value_spans(payload: bytes) -> list[tuple[int, int]]:
    """Return (offset in the payload, size) of every Summary.Value of an accepted Event."""
    summaries: list[Field] = []
    for field in _messages(payload, 0, len(payload)):
        if field[0] == SUMMARY:
            summaries.append(field)
        elif field[0] in WHAT:
            summaries = []
    return [
        (begin, end - begin)
        for _, start, stop in summaries
        for number, begin, end in _messages(payload, start, stop)
        if number == VALUE
    ]


def text_span(payload: bytes, begin: int, size: int) -> tuple[int, int]:
    """Return (offset in the payload, size) of the first text of a Value.

    Raises:
        ValueError: It holds none.
    """
    found: tuple[int, int] | None = None
    held = 0
    for number, wire, start, stop in _fields(payload, begin, begin + size):
        if ONEOF.get(number) != wire:
            continue
        if number != held:
            held, found = number, None
        if number == TENSOR and found is None:
            texts = (f for f in _messages(payload, start, stop) if f[0] == TEXTS)
            found = next(((at, end - at) for _, at, end in texts), None)
    if found is None:
        raise ValueError("The value holds no text.")
    return found


def _messages(data: bytes, at: int, end: int) -> Iterator[Field]:
    """Yield (number, begin, end) of every length-delimited field."""
    for number, wire, begin, stop in _fields(data, at, end):
        if wire == BYTES:
            yield number, begin, stop


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (number, wire type, begin, end) of every field."""
    while at < end:
        tag, begin = _varint(data, at)
        at = _after(data, begin, tag)
        if tag & 7 == BYTES:
            begin = _varint(data, begin)[1]
        yield tag >> 3, tag & 7, begin, at


def _after(data: bytes, at: int, tag: int) -> int:
    """Return where a field ends that begins after its tag."""
    wire = tag & 7
    if wire == VARINT:
        return _varint(data, at)[1]
    if wire == BYTES:
        size, at = _varint(data, at)
        return at + size
    if wire == GROUP:
        inner, at = _varint(data, at)
        while inner & 7 != END_GROUP:
            at = _after(data, at, inner)
            inner, at = _varint(data, at)
        return at
    return at + (8 if wire == FIXED64 else 4)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
