"""Integers that no float64 can hold stay what they are, in a file, in pieces of it and in a run."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer
from analyzer.events.event_file import EventStream
from analyzer.events.numbers import joined
from tests.analyzer.events.wire import event, file_of, scalar, tensor, value

INT64, UINT64 = 9, 23
ODD = 2**53 + 1

signed = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)


def file_with(*numbers: int, dtype: int = INT64, begin: int = 0) -> bytes:
    field = {INT64: "int64_val", UINT64: "uint64_val"}[dtype]
    contents: list[dict[str, Any]] = [{field: [number]} for number in numbers]
    events = (
        event(begin + step, value("n", tensor=tensor(dtype, **content)))
        for step, content in enumerate(contents)
    )
    return file_of(*events)


def values_in(data: bytes, twin: ModuleType) -> Any:
    return EventStream(twin).read(io.BytesIO(data)).scalars["n"].values


@given(numbers=st.lists(signed, min_size=1, max_size=8))
@settings(deadline=None)
def test_every_signed_integer_is_exact(numbers: list[int], twin: ModuleType) -> None:
    assert [int(v) for v in values_in(file_with(*numbers), twin)] == numbers


@given(numbers=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8))
@settings(deadline=None)
def test_every_unsigned_integer_is_exact(numbers: list[int], twin: ModuleType) -> None:
    assert [int(v) for v in values_in(file_with(*numbers, dtype=UINT64), twin)] == numbers


def test_what_a_float64_holds_is_one(twin: ModuleType) -> None:
    for number in (0, 2**53, -(2**53), 2**62, -(2**63)):
        assert values_in(file_with(number), twin).dtype == np.float64


@pytest.mark.parametrize("other", [0.5, float("nan"), float("inf"), 1e300])
def test_beside_a_number_that_is_no_such_integer_it_is_rounded(
    other: float, twin: ModuleType
) -> None:
    found = values_in(file_with(ODD) + file_of(scalar("n", 1, other)), twin)

    assert found.dtype == np.float64
    assert found[0] == float(ODD)


def test_of_several_tags_each_has_its_own(twin: ModuleType) -> None:
    data = file_of(scalar("a", 0, 0.5)) + file_with(1, ODD, 3) + file_of(scalar("b", 0, 0.5))

    records = EventStream(twin).read(io.BytesIO(data))

    dtypes = {tag: columns.values.dtype.name for tag, columns in records.scalars.items()}
    assert dtypes == {"a": "float64", "n": "int64", "b": "float64"}
    assert records.scalars["n"].values.tolist() == [1, ODD, 3]


def test_a_run_of_several_files_that_grows_keeps_them(tmp_path: Path) -> None:
    first, second = (tmp_path / f"events.out.tfevents.{number}" for number in (1, 2))
    first.write_bytes(file_with(1, 2))
    second.write_bytes(file_with(ODD, 4, begin=2))

    assert analyzer.read(tmp_path)["."].scalars["n"].values.tolist() == [1, 2, ODD, 4]


def test_as_tensorflow_writes_them(tmp_path: Path) -> None:
    metadata = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.write("n", tf.constant(ODD, tf.int64), step=0, metadata=metadata)

    assert analyzer.read(tmp_path)["."].scalars["n"].values.tolist() == [ODD]


def test_columns_are_joined_without_loss_or_as_floats() -> None:
    whole: Any = np.array([1.0, 2.0])
    large: Any = np.array([2**64 - 1], np.uint64)

    assert joined([whole, np.array([ODD])]).tolist() == [1, 2, ODD]
    assert joined([large, np.array([ODD]), whole]).tolist() == [2**64 - 1, ODD, 1, 2]
    assert joined([np.array([0.5]), np.array([ODD])]).dtype == np.float64
    assert joined([np.array([-1]), large]).dtype == np.float64
    assert joined([np.array([2.0**63]), np.array([ODD])]).dtype == np.float64
