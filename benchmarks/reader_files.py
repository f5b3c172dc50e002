"""The event files that the reader's benchmarks read: written by `protobuf`, the same every time."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2

from analyzer.events.selection import selected

TAGS = ("loss", "accuracy", "learning_rate", "grad_norm", "val_loss")
BLOCK = bytes(range(256)) * 256


def simple_values(count: int) -> Iterator[Any]:
    """Yield scalars as TensorFlow 1, PyTorch and tensorboardX write them."""
    for number in range(count):
        yield _event(number, {"tag": _tag(number), "simple_value": number / 7})


def tensors(count: int) -> Iterator[Any]:
    """Yield scalars as TensorFlow 2 and Keras write them."""
    for number in range(count):
        tensor = {"dtype": 1, "tensor_shape": {}, "float_val": [number / 7]}
        value = {"tag": _tag(number), "tensor": tensor}
        if number < len(TAGS):
            value["metadata"] = {"plugin_data": {"plugin_name": "scalars"}}
        yield _event(number, value)


def health_blocks(count: int) -> Iterator[Any]:
    """Yield blocks of the plugin `nan`, 64 KiB each."""
    metadata = {"plugin_data": {"plugin_name": "nan"}}
    for number in range(count):
        tensor = {"dtype": 7, "tensor_shape": {}, "string_val": [BLOCK]}
        yield _event(number, {"tag": "nan/health", "metadata": metadata, "tensor": tensor})


def histograms(count: int) -> Iterator[Any]:
    """Yield histograms as PyTorch writes them, of 500 buckets."""
    edges = [float(edge) for edge in range(500)]
    for number in range(count):
        histogram = {"min": 0, "max": 499, "num": 500, "bucket_limit": edges, "bucket": edges}
        yield _event(number, {"tag": f"weights/{number % 20}", "histo": histogram})


def write(path: Path, events: Iterable[Any]) -> Path:
    """Write an event file, file version first."""
    checksum = selected().masked_crc32c
    version = event_pb2.Event(wall_time=1.7e9, file_version="brain.Event:2")
    with path.open("wb") as stream:
        for event in (version, *events):
            payload = event.SerializeToString()
            length = struct.pack("<Q", len(payload))
            stream.write(length + struct.pack("<I", checksum(length)))
            stream.write(payload + struct.pack("<I", checksum(payload)))
    return path


def _tag(number: int) -> str:
    return f"train/{TAGS[number % len(TAGS)]}"


def _event(number: int, value: dict[str, Any]) -> Any:
    step = number // len(TAGS)
    return event_pb2.Event(wall_time=1.7e9 + number, step=step, summary={"value": [value]})
