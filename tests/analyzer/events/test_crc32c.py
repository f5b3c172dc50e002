"""CRC-32C against the RFC, against TensorBoard's own, and each path against the other."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub import pywrap_tensorflow as theirs

from analyzer.events import crc32c as ours
from analyzer.events.crc32c import crc32c, masked_crc32c, masked_crc32c_each

NOISE = random.Random(1).randbytes(3 * ours.BLOCK // 2)

# RFC 3720, appendix B.4; the last is the check value of the CRC catalogue.
VECTORS = {
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
    b"123456789": 0xE3069283,
    b"": 0,
}


@pytest.mark.parametrize(("data", "crc"), VECTORS.items())
def test_agrees_with_the_published_vectors(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc
    assert ours._feed_long(ours.ALL_ONES, data) ^ ours.ALL_ONES == crc


def test_mask_of_eight_zero_bytes_is_not_zero() -> None:
    assert masked_crc32c(bytes(8)) == theirs.masked_crc32c(bytes(8)) != 0


def test_short_and_long_path_agree_at_every_small_length() -> None:
    for size in range(600):
        data = NOISE[:size]
        assert ours._feed_long(ours.ALL_ONES, data) == ours._feed_short(ours.ALL_ONES, data)


@given(st.integers(0, 50_000), st.integers(0, 5_000), st.integers(0, ours.ALL_ONES))
@settings(deadline=None)
def test_short_and_long_path_agree_on_any_cut_and_register(
    size: int, start: int, register: int
) -> None:
    data = NOISE[start : start + size]

    assert ours._feed_long(register, data) == ours._feed_short(register, data)


@pytest.mark.parametrize("size", [ours.LONG - 1, ours.LONG, ours.BLOCK, ours.BLOCK + 3, len(NOISE)])
def test_agrees_with_tensorboard_at_the_seams_between_paths(size: int) -> None:
    expected = theirs.masked_crc32c(NOISE[:size])

    assert masked_crc32c(NOISE[:size]) == expected
    assert masked_crc32c(memoryview(NOISE)[:size]) == expected


@given(st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 300)), max_size=40))
@settings(deadline=None)
def test_many_at_once_agree_with_one_by_one(pieces: list[tuple[int, int]]) -> None:
    starts = np.array([start for start, _ in pieces], np.int64)
    sizes = np.array([size for _, size in pieces], np.int64)

    together = masked_crc32c_each(NOISE[:4_300], starts, sizes)

    assert together.tolist() == [masked_crc32c(NOISE[at : at + size]) for at, size in pieces]


def test_long_data_is_much_faster_than_a_byte_at_a_time() -> None:
    data = NOISE[:300_000]

    def seconds(function: object) -> float:
        assert callable(function)
        began = time.perf_counter()
        function(ours.ALL_ONES, data)
        return time.perf_counter() - began

    ours._feed_long(ours.ALL_ONES, data)
    long = min(seconds(ours._feed_long) for _ in range(5))
    assert long < seconds(ours._feed_short) / 3
