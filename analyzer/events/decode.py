"""One Summary.Value -> numpy, from the bytes at the place that a scanner noted.

Laws:

1. Nothing of the file is read but that place, and a file may have changed since: bytes that are no
   such value are an `UnreadableValueError`, whatever else they are.
2. Memory is proportional to those bytes, but for what a tensor leaves out: PADDING bounds that.
3. Histograms of both dialects become rows (left, right, count), as TensorBoard makes them.

Sources: tensorboard/data_compat.py, tensorboard/plugins/histogram/metadata.py,
tensorflow/core/framework/tensor.cc.
"""

from __future__ import annotations

import math
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from analyzer.events.wire import BYTES, FIXED32, WireError, collected, fields, varints

Floats = npt.NDArray[np.float64]

# Numbers of summary.proto, tensor.proto and tensor_shape.proto.
HISTO, TENSOR, METADATA = 5, 8, 9
ONEOF: Final = {2: FIXED32, 3: BYTES, 4: BYTES, HISTO: BYTES, 6: BYTES, TENSOR: BYTES}
MIN, MAX, LIMITS, COUNTS = 1, 2, 6, 7
DTYPE, SHAPE, CONTENT, STRINGS, HALVES = 1, 2, 4, 8, 13
STRING, BFLOAT16 = 7, 14
OF_FIXED_SIZE: Final = frozenset({5, 6, 9, 12})

# dtype of types.proto -> numpy's, and the field that holds it unless `tensor_content` does.
DTYPES: Final[dict[int, tuple[str, int]]] = {
    1: ("<f4", 5),
    2: ("<f8", 6),
    3: ("<i4", 7),
    4: ("u1", 7),
    5: ("<i2", 7),
    6: ("i1", 7),
    8: ("<c8", 9),
    9: ("<i8", 10),
    10: ("?", 11),
    BFLOAT16: ("<u2", HALVES),
    17: ("<u2", 7),
    18: ("<c16", 12),
    19: ("<f2", HALVES),
    22: ("<u4", 16),
    23: ("<u8", 17),
}
# A tensor may give its last number once for all that follow; so many bytes of them are made.
PADDING: Final = 1 << 26


class UnreadableValueError(ValueError):
    """The bytes are not, or not any more, what was asked for; the message says why."""


def bytes_at(stream: BinaryIO, offset: int, size: int) -> memoryview:
    """Return `size` bytes of a file, read and nothing else.

    Raises:
        OSError: The file cannot be read.
        UnreadableValueError: It ends before.
    """
    stream.seek(offset)
    data = stream.read(size)
    while len(data) < size:
        if not (more := stream.read(size - len(data))):
            raise UnreadableValueError("the file ends before it")
        data += more
    return memoryview(data)


def plugin_of(value: memoryview) -> str:
    """Return the name of the plugin in a value's metadata; empty if it names none.

    Raises:
        UnreadableValueError: The bytes are no value.
    """
    try:
        name = collected(collected(collected(value, METADATA), 1), 1)
        return bytes(name).decode("utf-8", "replace")
    except WireError as error:
        raise UnreadableValueError(str(error)) from None


def histogram(value: memoryview) -> Floats:
    """Return the rows (left, right, count) of a histogram, float64, shape (k, 3).

    Raises:
        UnreadableValueError: The bytes are no histogram.
    """
    held, content = _held(value)
    if held == HISTO:
        return _of_histogram_proto(content)
    if held != TENSOR:
        raise UnreadableValueError("it holds no histogram")
    rows = _of_tensor_proto(content)
    if rows.dtype.kind != "f" or rows.ndim != 2 or rows.shape[1] != 3:
        raise UnreadableValueError("it holds a tensor that is no histogram")
    return rows.astype(np.float64)


def tensor(value: memoryview) -> npt.NDArray[Any]:
    """Return a tensor with its own shape and dtype, read-only.

    bfloat16, which numpy lacks, becomes float32; strings become an object array of bytes.

    Raises:
        UnreadableValueError: The bytes are no tensor, or one of a dtype that is not supported.
    """
    held, content = _held(value)
    if held != TENSOR:
        raise UnreadableValueError("it holds no tensor")
    array = _of_tensor_proto(content)
    array.flags.writeable = False
    return array


def _held(value: memoryview) -> tuple[int, memoryview]:
    """Return which member of the oneof stands, which is the last, and its bytes."""
    held, only, parts = 0, memoryview(b""), bytearray()
    try:
        for number, wire, content in fields(value):
            if ONEOF.get(number) == wire and isinstance(content, memoryview):
                if number != held:
                    held, only, parts = number, content, bytearray()
                else:
                    parts = parts or bytearray(only)
                    parts += content
    except WireError as error:
        raise UnreadableValueError(str(error)) from None
    return held, memoryview(parts) if parts else only


def _of_histogram_proto(data: memoryview) -> Floats:
    try:
        low, high, limits, counts = (
            _packed(collected(data, number), "<f8") for number in (MIN, MAX, LIMITS, COUNTS)
        )
    except WireError as error:
        raise UnreadableValueError(str(error)) from None
    if len(limits) != len(counts):
        raise UnreadableValueError("it has not as many limits as counts")
    (filled,) = np.nonzero(counts > 0)
    if not len(filled):
        return np.zeros((0, 3))
    start, end = int(filled[0]), int(filled[-1])
    edges = np.concatenate([_last(low), limits[start:end], _last(high)])
    return np.stack([edges[:-1], edges[1:], counts[start : end + 1]], axis=1)


def _last(numbers: Floats) -> Floats:
    return numbers[-1:] if len(numbers) else np.zeros(1)


def _of_tensor_proto(data: memoryview) -> npt.NDArray[Any]:
    try:
        types = [c for number, _, c in fields(data) if number == DTYPE and isinstance(c, int)]
        dtype = types[-1] if types else 0
        dimensions = _dimensions(collected(data, SHAPE))
        if dtype == STRING:
            return _shaped(_texts(data), dimensions)
        if dtype not in DTYPES:
            raise UnreadableValueError(f"its numbers are of type {dtype}, which is not supported")
        numbers = _numbers(data, *DTYPES[dtype], math.prod(dimensions))
    except WireError as error:
        raise UnreadableValueError(str(error)) from None
    if dtype == BFLOAT16:
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    return _shaped(numbers, dimensions)


def _dimensions(shape: memoryview) -> list[int]:
    sizes = []
    for number, _, content in fields(shape):
        if number == 2 and isinstance(content, memoryview):
            size = [c for n, _, c in fields(content) if n == 1 and isinstance(c, int)]
            sizes.append(size[-1] if size else 0)
        elif number == 3 and content:
            raise UnreadableValueError("its shape is not known")
    if any(size >= 1 << 62 for size in sizes):
        raise UnreadableValueError("its shape is negative")
    return sizes


def _texts(data: memoryview) -> npt.NDArray[np.object_]:
    texts = [
        bytes(content)
        for number, _, content in fields(data)
        if number == STRINGS and isinstance(content, memoryview)
    ]
    found = np.empty(len(texts), object)
    found[:] = texts
    return found


def _numbers(data: memoryview, code: str, field: int, count: int) -> npt.NDArray[Any]:
    """Return the numbers of a tensor, of `tensor_content` if there is any."""
    contents = [c for number, _, c in fields(data) if number == CONTENT]
    if contents and isinstance(contents[-1], memoryview) and len(contents[-1]):
        numbers = _packed(contents[-1], code)
        if len(numbers) != count:
            raise UnreadableValueError("its size is not that of its shape")
        return numbers
    if field in OF_FIXED_SIZE:
        return _packed(collected(data, field), code)
    found = varints(data, field)
    return found.astype(np.uint16).view(code) if field == HALVES else found.astype(code)


def _packed(data: memoryview, code: str) -> npt.NDArray[Any]:
    if len(data) % np.dtype(code).itemsize:
        raise UnreadableValueError("it ends inside a number")
    return np.frombuffer(data, code)


def _shaped(numbers: npt.NDArray[Any], dimensions: list[int]) -> npt.NDArray[Any]:
    """Give numbers their shape; the last one stands for all that are left out, none for zero."""
    count = math.prod(dimensions)
    missing = count - len(numbers)
    if missing < 0:
        raise UnreadableValueError("its size is not that of its shape")
    if missing * numbers.dtype.itemsize > PADDING:
        raise UnreadableValueError("it leaves out more than is made up for")
    if missing:
        nothing = b"" if numbers.dtype == object else 0
        rest = np.full(missing, numbers[-1] if len(numbers) else nothing, numbers.dtype)
        numbers = np.concatenate([numbers, rest])
    try:
        return numbers.reshape(dimensions)
    except ValueError as error:
        raise UnreadableValueError(str(error)) from None
