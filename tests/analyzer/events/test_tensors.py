"""One number out of a tensor: every numeric dtype, in each of the places it can lie."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.compat.proto import tensor_pb2

from analyzer.events.tensors import LAYOUTS, one_number
from tests.analyzer.events.wire import tensor

NUMERIC = [
    *(tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.bool),
    *(tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64),
]
FLOATING = [dtype for dtype in NUMERIC if dtype.is_floating]

every_dtype = pytest.mark.parametrize("dtype", NUMERIC, ids=lambda dtype: dtype.name)
every_float = pytest.mark.parametrize("dtype", FLOATING, ids=lambda dtype: dtype.name)


def written_by_tensorflow(number: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    array = np.full(shape, number, dtype.as_numpy_dtype)
    proto = tf.make_tensor_proto(array, dtype=dtype, shape=shape)
    return tensor_pb2.TensorProto.FromString(proto.SerializeToString())


def content_of(number: Any, dtype: Any) -> Any:
    content = np.asarray(number, dtype.as_numpy_dtype).tobytes()
    return tensor(dtype.as_datatype_enum, tensor_content=content)


def test_every_numeric_dtype_of_tensorflow_is_known() -> None:
    assert set(LAYOUTS) == {dtype.as_datatype_enum for dtype in NUMERIC}


@every_dtype
@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_reads_what_tensorflow_writes(dtype: Any, shape: tuple[int, ...]) -> None:
    for number in (0, 1) if dtype == tf.bool else (0, 1, 113):
        assert one_number(written_by_tensorflow(number, dtype, shape)) == number


@every_dtype
def test_reads_packed_content(dtype: Any) -> None:
    for number in (0, 1) if dtype == tf.bool else (0, 1, 113):
        assert one_number(content_of(number, dtype)) == number


@pytest.mark.parametrize("write", [content_of, lambda n, d: written_by_tensorflow(n, d, ())])
def test_keeps_sign_and_range_of_integers(write: Any) -> None:
    for dtype in NUMERIC:
        if dtype.is_integer:
            assert one_number(write(dtype.min, dtype)) == dtype.min
            assert one_number(write(dtype.max, dtype)) == dtype.max


@every_float
def test_non_finite_numbers_are_data(dtype: Any) -> None:
    for number in (math.inf, -math.inf, math.nan):
        expected = pytest.approx(number, nan_ok=True)
        assert one_number(written_by_tensorflow(number, dtype, ())) == expected
        assert one_number(content_of(number, dtype)) == expected


@pytest.mark.parametrize(
    ("dtype", "content"),
    [
        pytest.param(1, struct.pack("<I", 0x7F800001), id="float32"),
        pytest.param(2, struct.pack("<Q", 0x7FF0000000000001), id="float64"),
        pytest.param(14, struct.pack("<H", 0x7F81), id="bfloat16"),
        pytest.param(19, struct.pack("<H", 0x7C01), id="float16"),
    ],
)
def test_a_signalling_nan_is_read_without_a_warning(dtype: int, content: bytes) -> None:
    number = one_number(tensor(dtype, tensor_content=content))

    assert number is not None
    assert math.isnan(number)


def test_half_precision_fields_hold_bits() -> None:
    assert one_number(tensor(19, half_val=[0x3C00])) == 1.0
    assert one_number(tensor(14, half_val=[0x3F80])) == 1.0
    assert one_number(tensor(14, half_val=[-0x80])) == -math.inf  # sign-extended 0xFF80


def test_an_element_left_out_is_zero() -> None:
    assert one_number(tensor(1)) == 0.0
    assert one_number(tensor(19, (1, 1))) == 0.0


@pytest.mark.parametrize(
    "proto",
    [
        pytest.param(tensor(1, (2,), float_val=[1, 2]), id="two elements"),
        pytest.param(tensor(1, (2,), float_val=[1]), id="one element for two places"),
        pytest.param(tensor(1, (0,)), id="no elements"),
        pytest.param(tensor(1, (-1,), float_val=[1]), id="unknown size"),
        pytest.param(tensor(1, (), float_val=[1, 2]), id="more elements than places"),
        pytest.param(tensor(1, (), tensor_content=b"abc"), id="content cut short"),
        pytest.param(tensor(1, (), tensor_content=bytes(8)), id="content too long"),
        pytest.param(tensor(7, (), string_val=[b"1.0"]), id="a string"),
        pytest.param(tensor(8, (), scomplex_val=[1, 0]), id="complex"),
        pytest.param(tensor(0), id="no dtype"),
        pytest.param(tensor(9999), id="a dtype of the future"),
    ],
)
def test_anything_else_is_no_single_number(proto: Any) -> None:
    assert one_number(proto) is None


def test_a_tensor_of_unknown_rank_is_no_single_number() -> None:
    proto = tensor(1, float_val=[1])
    proto.tensor_shape.unknown_rank = True

    assert one_number(proto) is None
