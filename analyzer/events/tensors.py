"""The one number in a TensorProto, if it holds just one."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Layout:
    """How a dtype lies in a TensorProto: `size` bytes each in `tensor_content`, or in `field`."""

    size: int
    field: str
    decode: Callable[[bytes], float | int]


def _packed(code: str, field: str) -> Layout:
    packed = struct.Struct("<" + code)
    return Layout(packed.size, field, lambda content: _number(packed.unpack(content)[0]))


def _number(value: float) -> float | int:
    """Return a float, or the integer itself where a float cannot hold it."""
    return value if isinstance(value, int) and int(float(value)) != value else float(value)


def _bfloat16(content: bytes) -> float:
    number: float = struct.unpack("<f", b"\0\0" + content)[0]
    return number


# Keys are the numbers of tensorflow/core/framework/types.proto, fields those of tensor.proto.
LAYOUTS: Final[dict[int, Layout]] = {
    1: _packed("f", "float_val"),
    2: _packed("d", "double_val"),
    3: _packed("i", "int_val"),
    4: _packed("B", "int_val"),
    5: _packed("h", "int_val"),
    6: _packed("b", "int_val"),
    9: _packed("q", "int64_val"),
    10: _packed("?", "bool_val"),
    14: Layout(2, "half_val", _bfloat16),
    17: _packed("H", "int_val"),
    19: _packed("e", "half_val"),
    22: _packed("I", "uint32_val"),
    23: _packed("Q", "uint64_val"),
}


def one_number(tensor: Any) -> float | int | None:
    """Return the only element of a numeric `TensorProto`, or None if it is anything else.

    A tensor of one element that carries none means 0, as tensorflow/core/framework/tensor.cc
    reads it. An integer is returned where a float cannot hold it. Complex, quantised and sub-byte
    dtypes are no single numbers here.
    """
    layout = LAYOUTS.get(tensor.dtype)
    shape = tensor.tensor_shape
    if layout is None or shape.unknown_rank or any(dim.size != 1 for dim in shape.dim):
        return None
    if content := tensor.tensor_content:
        return layout.decode(content) if len(content) == layout.size else None
    typed = getattr(tensor, layout.field)
    if len(typed) > 1:
        return None
    if not typed:
        return 0.0
    if layout.field == "half_val":
        return layout.decode(struct.pack("<H", typed[0] & 0xFFFF))
    return _number(typed[0])
