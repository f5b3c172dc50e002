"""Files that TensorFlow wrote, against what TensorFlow itself reads in them."""

from __future__ import annotations

import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

from analyzer.events.records import FileRecords
from analyzer.events.scanner import read_file
from tests.analyzer.events.wire import blocks, points, scalar

pytestmark = pytest.mark.usefixtures("twin")

NUMBERS = [0.0, 1.5, float("nan"), float("inf"), -float("inf"), 1e-40]


def the_only_file(directory: Path) -> Path:
    (path,) = directory.iterdir()
    return path


def oracle(path: Path) -> list[Any]:
    dataset = tf.data.TFRecordDataset(str(path))
    return [event_pb2.Event.FromString(raw.numpy()) for raw in dataset]


def oracle_points(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Return every point that make_ndarray sees as one number."""
    found: dict[str, list[tuple[int, float]]] = {}
    for event in oracle(path):
        for value in event.summary.value:
            number = value.simple_value
            if value.HasField("tensor"):
                array = tf.make_ndarray(value.tensor)
                if array.size != 1 or array.dtype == object:
                    continue
                number = float(array.item())
            found.setdefault(value.tag, []).append((event.step, number))
    return found


def assert_same(records: FileRecords, expected: dict[str, list[tuple[int, float]]]) -> None:
    assert records.state.status == "ok"
    assert list(records.scalars) == list(expected)
    for tag, pairs in expected.items():
        np.testing.assert_array_equal(points(records)[tag], pairs)


def test_scalars_of_the_summary_api_of_tensorflow_2(tmp_path: Path) -> None:
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        for step, number in enumerate(NUMBERS):
            tf.summary.scalar("loss", number, step=step)
            tf.summary.scalar("acc", -number, step=2 * step)
        tf.summary.histogram("h", [1.0, 2.0], step=1)
        tf.summary.image("i", np.zeros((1, 2, 2, 3), np.float32), step=1)
        tf.summary.text("t", "words", step=1)
    writer.close()

    path = the_only_file(tmp_path)
    records = read_file(path)

    assert_same(records, oracle_points(path))
    assert records.other_tags == {"h": 1, "i": 1, "t": 1}
    assert records.events == len(oracle(path))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int64", "uint8"])
def test_tensors_of_every_dtype_written_without_metadata(tmp_path: Path, dtype: str) -> None:
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        for step, number in enumerate([0, 1, 77]):
            tf.summary.write("x", tf.constant(number, dtype), step=step)
            tf.summary.write("one", tf.constant([number], dtype), step=step)
            tf.summary.write("two", tf.constant([number, number], dtype), step=step)
    writer.close()

    path = the_only_file(tmp_path)

    assert_same(read_file(path), oracle_points(path))
    assert read_file(path).other_tags == {"two": 3}


def test_scalars_of_the_writer_of_tensorflow_1(tmp_path: Path) -> None:
    with tf.Graph().as_default():
        writer = tf.compat.v1.summary.FileWriter(str(tmp_path))
    for step, number in enumerate(NUMBERS):
        summary = tf.compat.v1.Summary(value=[{"tag": "cost", "simple_value": number}])
        writer.add_summary(summary, global_step=step)
    writer.add_session_log(tf.compat.v1.SessionLog(status="START"), global_step=3)
    writer.close()

    path = the_only_file(tmp_path)
    records = read_file(path)

    assert_same(records, oracle_points(path))
    places = [i for i, event in enumerate(oracle(path)) if event.HasField("session_log")]
    assert records.session_starts == [(places[0], 3)]


def test_blocks_of_our_plugin_written_through_tensorflow(tmp_path: Path) -> None:
    metadata = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "nan"})
    written = [b"\x00\xff block", b"x" * 70_000]
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        for step, block in enumerate(written):
            tf.summary.write("health", tf.constant(block), step=step, metadata=metadata)
    writer.close()

    path = the_only_file(tmp_path)
    records = read_file(path)

    assert [block.step for block in records.health] == [0, 1]
    assert blocks(records, path.read_bytes()) == written
    assert records.other_tags == {}


def test_frames_and_checksums_of_tensorflows_record_writer(
    tmp_path: Path, twin: ModuleType
) -> None:
    path = tmp_path / "records"
    written = [bytes([size & 0xFF]) * size for size in (0, 1, 3, 4, 255, 256, 257, 9_001, 300_000)]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for payload in written:
            writer.write(payload)

    data = path.read_bytes()

    assert twin.Scanner().scan(data, 0) == (len(data), twin.BLOCK_ENDS)
    at = 0
    for payload in written:
        footer = at + 12 + len(payload)
        assert data[at + 12 : footer] == payload
        assert struct.unpack_from("<I", data, footer) == (twin.masked_crc32c(payload),)
        at = footer + 4


def test_tensorflow_and_this_reader_stop_at_the_same_torn_record(tmp_path: Path) -> None:
    path = tmp_path / "records"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for step in range(3):
            writer.write(scalar("loss", step, step / 2).SerializeToString())
    path.write_bytes(path.read_bytes()[:-3])

    theirs: list[bytes] = []
    with pytest.raises(tf.errors.DataLossError):
        theirs.extend(raw.numpy() for raw in tf.data.TFRecordDataset(str(path)))
    records = read_file(path)

    assert points(records) == {"loss": [(0, 0.0), (1, 0.5)]}
    assert records.state.status == "truncated"
    assert len(theirs) <= 2
