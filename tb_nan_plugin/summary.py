"""Health blocks and scalars as TensorBoard events, and the file that they are appended to."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

from tb_nan_plugin.record import PLUGIN_NAME, TAG

# Files are read in the order of their names, which begin with a time: of one process, the names
# climb whatever its clock does.
_numbers: Final = itertools.count()
_latest: Final = [0]
FRAME_BYTES: Final = 16  # around each record: its length, and a checksum of both


def health_event(block: bytes, step: int, wall_time: float) -> bytes:
    """Return the serialized event that carries one block.

    It names no class of data, so that TensorBoard keeps no block (docs/benchmarks.md).
    """
    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=PLUGIN_NAME)
    )
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(),
        string_val=[block],
    )
    value = summary_pb2.Summary.Value(tag=TAG, metadata=metadata, tensor=tensor)
    return _event(step, wall_time, [value])


def scalar_event(tag: str, value: float, step: int, wall_time: float) -> bytes:
    """Return the serialized event of an ordinary scalar, which every reader can draw."""
    return scalars_event({tag: value}, step, wall_time)


def scalars_event(values: Mapping[str, float], step: int, wall_time: float) -> bytes:
    """Return one serialized event of several scalars, by tag, of one step."""
    return _event(
        step,
        wall_time,
        [summary_pb2.Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()],
    )


def _event(step: int, wall_time: float, values: list[Any]) -> bytes:
    summary = summary_pb2.Summary(value=values)
    event = event_pb2.Event(wall_time=wall_time, step=step, summary=summary)
    return bytes(event.SerializeToString())


class EventFile:
    """One event file, complete up to the last `flush` whatever happens after.

    Once a call has raised, the end of the file may be torn: nothing more should be written to it.

    Attributes:
        path: The file; on any file system that TensorFlow can write to.
        size: How many bytes were written, including what waits to be flushed.
    """

    def __init__(self, log_dir: str) -> None:
        """Create the file and its directory.

        Raises:
            OSError: The directory cannot be made or written to; the message names it.
        """
        import tensorflow as tf

        now = time.time()
        _latest[0] = max(_latest[0], int(now))
        name = f"events.out.tfevents.{_latest[0]:010d}.{socket.gethostname()}.{os.getpid()}"
        self.path = f"{log_dir.rstrip('/')}/{name}.{next(_numbers):06d}.nan"
        with os_errors(f"cannot write event files into {log_dir}"):
            tf.io.gfile.makedirs(log_dir)
            self._writer = tf.io.TFRecordWriter(self.path)
            first = event_pb2.Event(wall_time=now, file_version="brain.Event:2").SerializeToString()
            self._writer.write(first)
            self._writer.flush()
        self.size = len(first) + FRAME_BYTES

    def write(self, event: bytes) -> None:
        """Append a serialized event.

        Raises:
            OSError: The file system refused it.
        """
        with os_errors(f"cannot write to {self.path}"):
            self._writer.write(event)
        self.size += len(event) + FRAME_BYTES

    def flush(self) -> None:
        """Hand everything written so far to the operating system.

        Raises:
            OSError: The file system refused it.
        """
        with os_errors(f"cannot write to {self.path}"):
            self._writer.flush()

    def close(self) -> None:
        """Flush and close; a second call does nothing.

        Raises:
            OSError: The file system refused the rest.
        """
        with os_errors(f"cannot write to {self.path}"):
            self._writer.close()


@contextmanager
def os_errors(what: str) -> Iterator[None]:
    """Raise what TensorFlow's file systems raise as OSError, as everybody else's do."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(f"{what}: {error.message}") from error
