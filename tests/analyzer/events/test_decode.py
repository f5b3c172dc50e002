"""Values that are no single numbers, decoded from their place, against TensorFlow's own parsing."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard import data_compat
from tensorflow.core.framework import summary_pb2
from tensorflow.core.util import event_pb2

from analyzer.events.decode import UnreadableValueError, bytes_at, histogram, plugin_of, tensor
from analyzer.events.scanner import read_file

DTYPES = [
    *("float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8"),
    *("uint16", "uint32", "uint64", "bool", "complex64", "complex128"),
]


def value_of(proto: Any) -> memoryview:
    return memoryview(summary_pb2.Summary.Value(tag="t", tensor=proto).SerializeToString())


def histo(**fields: Any) -> memoryview:
    proto = summary_pb2.HistogramProto(**fields)
    return memoryview(summary_pb2.Summary.Value(tag="t", histo=proto).SerializeToString())


def as_tensorboard_sees_it(value: memoryview) -> Any:
    """Return the rows into which TensorBoard turns a value of any dialect."""
    parsed = summary_pb2.Summary.Value.FromString(bytes(value))
    return tf.make_ndarray(data_compat.migrate_value(parsed).tensor)


def written_by_tensorflow(folder: Path) -> Path:
    numbers = np.random.default_rng(0).normal(size=1000)
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for step in range(3):
            tf.summary.histogram("spread", numbers * step, step=step, buckets=10 + step)
            tf.summary.write("raw", tf.reshape(tf.range(6.0) + step, (2, 3)), step=step)
            tf.summary.text("words", ["one", "two"], step=step)
    writer.close()
    (path,) = folder.iterdir()
    return path


def test_what_tensorflow_wrote_is_what_tensorflow_parses(tmp_path: Path) -> None:
    path = written_by_tensorflow(tmp_path)
    expected: dict[str, list[Any]] = {}
    for raw in tf.data.TFRecordDataset(str(path)):
        for value in event_pb2.Event.FromString(raw.numpy()).summary.value:
            expected.setdefault(value.tag, []).append(tf.make_ndarray(value.tensor))

    extents = read_file(path).extents

    assert set(extents) == set(expected) == {"spread", "raw", "words"}
    with path.open("rb") as stream:
        for tag, places in extents.items():
            spans = zip(places.offsets.tolist(), places.sizes.tolist(), strict=True)
            values = [bytes_at(stream, offset, size) for offset, size in spans]
            for value, theirs in zip(values, expected[tag], strict=True):
                ours = tensor(value)
                assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
                np.testing.assert_array_equal(ours, theirs)
                if tag == "spread":
                    np.testing.assert_array_equal(histogram(value), theirs)
            assert plugin_of(values[0]) == {"spread": "histograms", "words": "text"}.get(tag, "")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 5)])
@pytest.mark.parametrize("alike", [False, True])
def test_every_dtype_is_read_from_content_and_from_typed_fields(
    dtype: str, shape: tuple[int, ...], alike: bool
) -> None:
    count = int(np.prod(shape))
    numbers = np.ones(count) * 3 if alike else np.arange(count) - 2
    if dtype[0] in "ub":
        numbers = np.abs(numbers)
    values = numbers.astype(tf.as_dtype(dtype).as_numpy_dtype).reshape(shape)
    # An array is written as bytes, a list in the typed field, and one number stands for all.
    protos = [tf.make_tensor_proto(values)]
    if dtype != "bfloat16":
        protos.append(tf.make_tensor_proto(values.tolist(), dtype, shape=shape))
    if shape == (3,):
        protos.append(tf.make_tensor_proto(values[:1].tolist(), dtype, shape=shape))
    for proto in protos:
        ours, theirs = tensor(value_of(proto)), tf.make_ndarray(proto)
        assert ours.shape == theirs.shape
        assert ours.dtype == (np.float32 if dtype == "bfloat16" else theirs.dtype)
        np.testing.assert_array_equal(ours, theirs.astype(ours.dtype))
        assert not ours.flags.writeable


@given(
    low=st.floats(-10, 0),
    high=st.floats(0, 10),
    buckets=st.lists(st.tuples(st.floats(-5, 5), st.sampled_from([0.0, 1.0, 7.0])), max_size=9),
)
def test_an_old_histogram_is_what_tensorboard_makes_of_it(
    low: float, high: float, buckets: list[tuple[float, float]]
) -> None:
    limits, counts = sorted(limit for limit, _ in buckets), [count for _, count in buckets]
    value = histo(min=low, max=high, bucket_limit=limits, bucket=counts)

    theirs = as_tensorboard_sees_it(value)

    np.testing.assert_allclose(histogram(value), theirs.reshape(-1, 3), rtol=1e-6, atol=1e-6)


def test_a_histogram_in_two_parts_is_merged_and_another_member_replaces_it() -> None:
    first, second = histo(min=1, bucket_limit=[1], bucket=[2]), histo(max=5)
    assert histogram(memoryview(bytes(first) + bytes(second))).tolist() == [[1, 5, 2]]

    later = value_of(tf.make_tensor_proto([1.0]))
    assert tensor(memoryview(bytes(first) + bytes(later))).tolist() == [1.0]
    with pytest.raises(UnreadableValueError, match="no tensor"):
        tensor(memoryview(bytes(later) + bytes(first)))


@pytest.mark.parametrize(
    ("sizes", "content", "why"),
    [
        ([1 << 40], {"float_val": [1]}, "leaves out more"),
        ([-1], {"float_val": [1]}, "negative"),
        ([2], {"float_val": [1, 2, 3]}, "not that of its shape"),
        ([2], {"tensor_content": bytes(12)}, "not that of its shape"),
        ([2], {"tensor_content": bytes(7)}, "inside a number"),
        ([1 << 60, 1 << 60, 0], {}, None),
        ([1] * 100, {"float_val": [1]}, "dimension"),
    ],
)
def test_a_tensor_that_lies_about_its_size_is_refused(
    sizes: list[int], content: dict[str, Any], why: str | None
) -> None:
    proto = tf.make_tensor_proto(1.0)
    proto.Clear()
    proto.dtype = 1
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    for field, value in content.items():
        if isinstance(value, bytes):
            setattr(proto, field, value)
        else:
            getattr(proto, field).extend(value)
    with pytest.raises(UnreadableValueError, match=why):
        tensor(value_of(proto))


def test_a_dtype_without_a_reader_is_named() -> None:
    proto = tf.make_tensor_proto(1.0)
    proto.dtype = 20
    with pytest.raises(UnreadableValueError, match="type 20"):
        tensor(value_of(proto))


def test_a_file_that_has_become_shorter_is_told() -> None:
    with pytest.raises(UnreadableValueError, match="ends before"):
        bytes_at(io.BytesIO(b"12345"), 3, 4)


VALID = bytes(histo(min=0, max=4, bucket_limit=[1, 2, 3], bucket=[1, 2, 3]))
TENSOR = bytes(value_of(tf.make_tensor_proto([[1.0, 2.0, 3.0]])))
EDIT = st.tuples(st.integers(0, 200), st.binary(max_size=4))


@settings(max_examples=400)
@given(st.binary(max_size=60) | st.sampled_from([VALID, TENSOR]), st.lists(EDIT, max_size=4))
def test_arbitrary_bytes_give_a_value_or_that_one_error(data: bytes, edits: Any) -> None:
    for at, new in edits:
        data = data[:at] + new + data[at + len(new) :]
    for decode in (histogram, tensor, plugin_of):
        with contextlib.suppress(UnreadableValueError):
            decode(memoryview(data))
