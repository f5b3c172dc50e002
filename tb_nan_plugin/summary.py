"""Health blocks as TensorBoard events, and the file that they are appended to."""

from __future__ import annotations

import itertools
import os
import socket
import time
from typing import Any, Final

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

from tb_nan_plugin.record import PLUGIN_NAME, TAG

_numbers: Final = itertools.count()


def health_event(block: bytes, step: int, wall_time: float) -> bytes:
    """Return the serialized event that carries one block."""
    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=PLUGIN_NAME)
    )
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(),
        string_val=[block],
    )
    value = summary_pb2.Summary.Value(tag=TAG, metadata=metadata, tensor=tensor)
    return _event(step, wall_time, value)


def scalar_event(tag: str, value: float, step: int, wall_time: float) -> bytes:
    """Return the serialized event of an ordinary scalar, which every reader can draw."""
    return _event(step, wall_time, summary_pb2.Summary.Value(tag=tag, simple_value=value))


def _event(step: int, wall_time: float, value: Any) -> bytes:
    summary = summary_pb2.Summary(value=[value])
    event = event_pb2.Event(wall_time=wall_time, step=step, summary=summary)
    return bytes(event.SerializeToString())


class EventFile:
    """One event file of one training, complete up to the last `flush` whatever happens after.

    Attributes:
        path: The file; on any file system that TensorFlow can write to.
    """

    def __init__(self, log_dir: str) -> None:
        """Create the file and its directory.

        Raises:
            OSError: The directory cannot be made or written to; the message names it.
        """
        import tensorflow as tf

        now = time.time()
        name = f"events.out.tfevents.{int(now):010d}.{socket.gethostname()}.{os.getpid()}"
        self.path = f"{log_dir.rstrip('/')}/{name}.{next(_numbers)}.nan"
        try:
            tf.io.gfile.makedirs(log_dir)
            self._writer = tf.io.TFRecordWriter(self.path)
            first = event_pb2.Event(wall_time=now, file_version="brain.Event:2")
            self._writer.write(first.SerializeToString())
            self._writer.flush()
        except tf.errors.OpError as error:
            raise OSError(f"cannot write event files into {log_dir}: {error.message}") from error

    def write(self, event: bytes) -> None:
        """Append a serialized event."""
        self._writer.write(event)

    def flush(self) -> None:
        """Hand everything written so far to the operating system."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and close; a second call does nothing."""
        self._writer.close()
