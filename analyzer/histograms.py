"""Histograms of a run, decoded from the file at the moment they are asked for.

Two dialects: a HistogramProto (TensorFlow 1, PyTorch, tensorboardX) and a tensor of rows (left,
right, count) (TensorFlow 2). Both become what TensorBoard draws:
tensorboard/data_compat.py, tensorboard/plugins/histogram/metadata.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final, overload

import numpy as np
import numpy.typing as npt

from analyzer.events.records import Extents
from analyzer.series import Floats, Histogram

Open = Callable[[], BinaryIO]

# Numbers of summary.proto, tensor.proto and types.proto.
HISTO_KIND, TENSOR_KIND = 5, 8
HISTO, TENSOR, METADATA = 5, 8, 9
MIN, MAX, LIMITS, BUCKETS = 1, 2, 6, 7
DTYPE, SHAPE, CONTENT = 1, 2, 4
FLOATING: Final = {1: ("<f4", 5), 2: ("<f8", 6)}  # dtype -> numpy's, and the typed field
PLUGIN: Final = b"histograms"


class UnreadableHistogramError(ValueError):
    """The bytes are no histogram any more: the file has changed since it was read."""


class HistogramSeries(Sequence[Histogram]):
    """The histograms of one tag, in the order written."""

    def __init__(self, parts: Sequence[tuple[Open, Extents]]) -> None:
        """Keep where they lie: for each file, how to open it, and the places in it."""
        self._parts = tuple(parts)
        self._places = [(n, i) for n, (_, e) in enumerate(parts) for i in range(len(e.steps))]
        self.steps = np.concatenate([extents.steps for _, extents in parts])
        self.wall_times = np.concatenate([extents.wall_times for _, extents in parts])

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Histogram: ...
    @overload
    def __getitem__(self, index: slice) -> list[Histogram]: ...
    def __getitem__(self, index: int | slice) -> Histogram | list[Histogram]:
        """Read and decode.

        Raises:
            OSError: The file cannot be read any more.
            UnreadableHistogramError: The file has changed.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        part, row = self._places[index]
        opened, extents = self._parts[part]
        data = _bytes_of(opened, int(extents.offsets[row]), int(extents.sizes[row]))
        try:
            bins = _decoded(data)
        except (IndexError, ValueError, struct.error) as error:
            raise UnreadableHistogramError(f"There is no histogram any more: {error}.") from None
        step, wall_time = int(extents.steps[row]), float(extents.wall_times[row])
        return Histogram(step, wall_time, bins[:, 0], bins[:, 1], bins[:, 2])


def histograms_of(
    files: Sequence[tuple[Open, Mapping[str, Extents]]],
) -> dict[str, HistogramSeries]:
    """Return the histograms of each tag that holds any, over the files of a run."""
    found: dict[str, list[tuple[Open, Extents]]] = {}
    known: dict[str, bool] = {}
    for opened, tags in files:
        for tag, extents in tags.items():
            if len(extents.steps) and (tag in known or _holds(opened, extents)):
                known[tag] = True
                found.setdefault(tag, []).append((opened, extents))
    return {tag: HistogramSeries(parts) for tag, parts in found.items()}


def _holds(opened: Open, extents: Extents) -> bool:
    """Tell what a tag holds by its first value, which alone is sure to say so."""
    kind = int(extents.kinds[0])
    if kind != TENSOR_KIND:
        return kind == HISTO_KIND
    try:
        value = _fields(_bytes_of(opened, int(extents.offsets[0]), int(extents.sizes[0])))
        return bool(_last(_fields(_last(_fields(_last(value, METADATA)), 1)), 1) == PLUGIN)
    except (OSError, IndexError, ValueError, struct.error):
        return False


def _bytes_of(opened: Open, offset: int, size: int) -> bytes:
    with opened() as stream:
        stream.seek(offset)
        return stream.read(size)


def _decoded(value: bytes) -> Floats:
    """Return the rows (left, right, count) of a Summary.Value."""
    fields = _fields(value)
    if HISTO in fields:
        return _of_proto(_fields(_last(fields, HISTO)))
    tensor = _fields(_last(fields, TENSOR))
    code, typed = FLOATING[int(_last(tensor, DTYPE))]
    content = _last(tensor, CONTENT, b"")
    raw = content if content else b"".join(tensor.get(typed, []))
    return np.frombuffer(raw, code).astype(np.float64).reshape(-1, 3)


def _of_proto(fields: dict[int, list[Any]]) -> Floats:
    counts, limits = _doubles(fields, BUCKETS), _doubles(fields, LIMITS)
    (filled,) = np.nonzero(counts > 0)
    if not len(filled):
        return np.zeros((0, 3))
    start, end = int(filled[0]), int(filled[-1])
    inner = limits[start:end]
    low, high = (struct.unpack("<d", _last(fields, n, bytes(8)))[0] for n in (MIN, MAX))
    return np.stack([np.r_[low, inner], np.r_[inner, high], counts[start : end + 1]], axis=1)


def _doubles(fields: dict[int, list[Any]], number: int) -> npt.NDArray[np.float64]:
    return np.frombuffer(b"".join(fields.get(number, [])), "<f8")


def _last(fields: dict[int, list[Any]], number: int, default: Any = None) -> Any:
    if number not in fields and default is None:
        raise ValueError(f"field {number} is missing")
    return fields[number][-1] if number in fields else default


def _fields(data: bytes) -> dict[int, list[Any]]:
    """Return the fields of a message by number: integers, or the bytes of what is not one."""
    found: dict[int, list[Any]] = {}
    for number, content in _walk(data):
        found.setdefault(number, []).append(content)
    return found


def _walk(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire, number = key & 7, key >> 3
        if wire == 0:
            content: Any
            content, at = _varint(data, at)
        else:
            if wire == 2:
                size, at = _varint(data, at)
            elif wire in (1, 5):
                size = 8 if wire == 1 else 4
            else:
                raise ValueError("a group is not expected")
            content, at = data[at : at + size], at + size
            if at > len(data):
                raise ValueError("the message is cut short")
        yield number, content


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
