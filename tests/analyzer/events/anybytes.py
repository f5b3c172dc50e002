"""Event messages as a hostile writer would make them: every field, every mistake.

Law: driven by the descriptors of `tensorboard.compat.proto` and one random number generator, so the
same seed gives the same bytes. Most of a message is right, else nothing behind it would be reached.
"""

from __future__ import annotations

import random
import struct
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Kind
from tensorboard.compat.proto import event_pb2

EVENT = event_pb2.Event.DESCRIPTOR
TEXTS = [b"", b"a", b"loss", b"train/loss", "üñ".encode(), b"nan", b"scalars", b"text", b"\0"]
BAD_TEXTS = [
    *(b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xe0\x9f\xbf"),
    *(b"abcdefghij\xe2\x82", b"\xf0\x8f\xbf\xbf", b"abcdefgh\x80"),
]
FIXED64 = {Kind.TYPE_DOUBLE, Kind.TYPE_FIXED64, Kind.TYPE_SFIXED64}
FIXED32 = {Kind.TYPE_FLOAT, Kind.TYPE_FIXED32, Kind.TYPE_SFIXED32}
INTERESTING = {
    "Event": ["summary"],
    "Value": ["tag", "tensor", "simple_value", "metadata"],
    "TensorProto": [
        *("dtype", "tensor_shape", "float_val", "tensor_content", "string_val", "int_val"),
        *("half_val", "double_val", "int64_val", "uint64_val"),
    ],
}


class AnyBytes:
    """Makes payloads; `payload()` gives another one each time."""

    def __init__(self, seed: int) -> None:
        """Begin with a seed."""
        self._random = random.Random(seed)

    def payload(self) -> bytes:
        """Return the bytes of what may be an Event."""
        return self._message(EVENT, 0)

    def _seldom(self, share: float) -> bool:
        return self._random.random() < share

    def _varint(self, number: int) -> bytes:
        number &= (1 << 64) - 1
        groups = []
        while number > 0x7F:
            groups.append(number & 0x7F | 0x80)
            number >>= 7
        groups.append(number)
        if self._seldom(0.02):
            groups[-1] |= 0x80
            groups += [0x80] * self._random.randint(0, 8) + [self._random.choice([0, 0, 1, 127])]
        return bytes(groups)

    def _field(self, number: int, wire: int, content: bytes) -> bytes:
        if wire == 2:
            size = len(content)
            if self._seldom(0.01):
                size += self._random.choice([-1, 1, 1000, 1 << 31, 1 << 32, 1 << 63])
            content = self._varint(max(0, size)) + content
        return self._varint(number << 3 | wire) + content

    def _text(self) -> bytes:
        return self._random.choice(BAD_TEXTS if self._seldom(0.02) else TEXTS)

    def _unknown(self, depth: int) -> bytes:
        rare = self._seldom(0.03)
        number = self._random.choice([0, (1 << 29) - 1] if rare else [1, 2, 3, 5, 8, 18, 19, 100])
        wire = self._random.choice([4, 6, 7] if self._seldom(0.02) else [0, 1, 2, 3, 5])
        if wire == 3:
            end = number if not self._seldom(0.02) else number + 1
            if self._seldom(0.05):
                deep = self._random.randint(90, 104)
                return self._field(number, 3, b"") * deep + self._field(number, 4, b"") * deep
            inner = [self._unknown(depth + 1) for _ in range(self._random.randint(0, 2))]
            inside = b"".join(inner) if depth < 4 else b""
            return self._field(number, 3, inside) + self._field(end, 4, b"")
        scalars = {0: self._varint(self._random.getrandbits(64)), 2: self._text()}
        scalars |= {1: self._random.randbytes(8), 5: self._random.randbytes(4)}
        return self._field(number, wire, scalars.get(wire, b""))

    def _scalar(self, kind: int) -> tuple[int, bytes]:
        numbers = [0.0, 1.5, float("nan"), float("inf"), -3e38]
        if kind in FIXED64:
            return 1, struct.pack("<d", self._random.choice(numbers))
        if kind in FIXED32:
            return 5, struct.pack("<f", self._random.choice(numbers))
        if kind == Kind.TYPE_ENUM:
            return 0, self._varint(self._random.choice([*range(24), -1, (1 << 32) + 1]))
        edges = [0, 1, 2, 127, 128, -1, 1 << 31, 1 << 32, self._random.getrandbits(64)]
        return 0, self._varint(self._random.choice(edges))

    def _known(self, field: Any, depth: int) -> bytes:
        if field.message_type:
            return self._field(field.number, 2, self._message(field.message_type, depth + 1))
        if field.type == Kind.TYPE_STRING:
            return self._field(field.number, 2, self._text())
        if field.type == Kind.TYPE_BYTES:
            size = self._random.choice([0, 1, 2, 3, 4, 8])
            return self._field(field.number, 2, self._random.randbytes(size))
        if field.is_packed and self._seldom(0.6):
            count = self._random.choice([0, 1, 1, 2, 3])
            content = b"".join(self._scalar(field.type)[1] for _ in range(count))
            return self._field(field.number, 2, content + b"\x81" * self._seldom(0.02))
        return self._field(field.number, *self._scalar(field.type))

    def _message(self, message: Any, depth: int) -> bytes:
        parts = []
        for _ in range(self._random.choice([0, 1, 1, 2, 3, 4, 6, 20]) if depth < 7 else 0):
            if self._seldom(0.05):
                parts.append(self._unknown(0))
                continue
            names = INTERESTING.get(message.name, [])
            if not names or self._seldom(0.35):
                names = [field.name for field in message.fields]
            parts.append(self._known(message.fields_by_name[self._random.choice(names)], depth))
        return b"".join(parts)
