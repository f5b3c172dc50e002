"""Builders of event files, byte by byte, with TensorBoard's own checksum instead of ours."""

from __future__ import annotations

import io
import struct
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from analyzer.events.records import FileRecords
from analyzer.events.scanner import read_stream

# Payload sizes are added to this for the size of a record on disk.
OVERHEAD = 16


def record(payload: bytes) -> bytes:
    """Frame one payload."""
    length = struct.pack("<Q", len(payload))
    return length + _crc(length) + payload + _crc(payload)


def _crc(data: bytes) -> bytes:
    return struct.pack("<I", masked_crc32c(data))


def file_of(*events: Any) -> bytes:
    """Return a file of these events."""
    return b"".join(record(event.SerializeToString()) for event in events)


def version(wall_time: float = 1.7e9) -> Any:
    """Return the event that every writer begins with."""
    return event_pb2.Event(wall_time=wall_time, file_version="brain.Event:2")


def event(step: int, *values: Any, wall_time: float = 1.7e9) -> Any:
    """Return an event that holds these values."""
    summary = summary_pb2.Summary(value=values)
    return event_pb2.Event(wall_time=wall_time, step=step, summary=summary)


def value(tag: str, plugin: str | None = None, **content: Any) -> Any:
    """Return one value, with metadata if `plugin` is given."""
    result = summary_pb2.Summary.Value(tag=tag, **content)
    if plugin is not None:
        result.metadata.plugin_data.plugin_name = plugin
    return result


def scalar(tag: str, step: int, number: float) -> Any:
    """Return an event that holds one number in the oldest dialect."""
    return event(step, value(tag, simple_value=number))


def tensor(dtype: int, shape: tuple[int, ...] = (), **content: Any) -> Any:
    """Return a TensorProto."""
    dims = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in shape]
    proto = tensor_shape_pb2.TensorShapeProto(dim=dims)
    return tensor_pb2.TensorProto(dtype=dtype, tensor_shape=proto, **content)


def text(*blocks: bytes) -> Any:
    """Return a TensorProto of strings."""
    return tensor(7, (len(blocks),), string_val=blocks)


def read(data: bytes) -> FileRecords:
    """Read bytes as an event file."""
    return read_stream(io.BytesIO(data))


def points(records: FileRecords) -> dict[str, list[tuple[int, float]]]:
    """Return (step, value) of every point by tag."""
    return {
        tag: list(zip(columns.steps.tolist(), columns.values.tolist(), strict=True))
        for tag, columns in records.scalars.items()
    }


def blocks(records: FileRecords, data: bytes) -> list[bytes]:
    """Return the health blocks, cut out of the file's bytes where they are said to lie."""
    return [data[block.offset : block.offset + block.size] for block in records.health]
