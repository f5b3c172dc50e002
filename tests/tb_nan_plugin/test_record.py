"""A health record gives back every bit, and trusts no byte that it is given."""

from __future__ import annotations

import json
import struct
import tracemalloc
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_nan_plugin.record import (
    Column,
    Manifest,
    RecordError,
    RowBlock,
    pack_manifest,
    pack_rows,
    unpack,
)
from tb_nan_plugin.signals import Signal

QUIET_NAN, SIGNALLING_NAN, NEGATIVE_NAN = 0x7FC00001, 0x7F800001, 0xFFC0BEEF
AWKWARD = [
    0x00000000,  # 0.0
    0x80000000,  # -0.0
    0x00000001,  # the smallest subnormal
    0x7F800000,  # Inf
    0xFF800000,  # -Inf
    QUIET_NAN,
    SIGNALLING_NAN,
    NEGATIVE_NAN,
]
INT64 = st.integers(-(2**63), 2**63 - 1)


class Rows(NamedTuple):
    """What goes into a block."""

    manifest: Manifest
    steps: list[int]
    wall_times: list[float]
    bits: npt.NDArray[np.uint32]
    present: npt.NDArray[np.bool_]

    def packed(self) -> bytes:
        return pack_rows(
            self.manifest, self.steps, self.wall_times, self.bits.view(np.float32), self.present
        )


def names(k: int) -> tuple[Column, ...]:
    return tuple(Column("loss", str(i)) for i in range(k))


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    n, k = draw(st.integers(1, 20)), draw(st.integers(0, 6))
    number = st.sampled_from(AWKWARD) | st.integers(0, 2**32 - 1)
    bits, present = np.zeros((n, k), np.uint32), np.ones((n, k), np.bool_)
    for i in range(k):
        many = draw(st.booleans())
        numbers = st.lists(number, min_size=n, max_size=n) if many else number
        bits[:, i] = np.array(draw(numbers), np.uint32)
        masks = st.lists(st.booleans(), min_size=n, max_size=n)
        present[:, i] = draw(st.booleans() | masks)
    steps = draw(st.lists(INT64, min_size=n, max_size=n))
    times = draw(st.lists(st.floats(allow_nan=False), min_size=n, max_size=n))
    return Rows(Manifest(names(k)), steps, times, bits, present)


@given(rows())
def test_every_measured_number_comes_back_bit_for_bit(written: Rows) -> None:
    block = unpack(written.packed())

    assert isinstance(block, RowBlock)
    assert block.manifest_id == written.manifest.id
    assert block.steps.tolist() == written.steps
    assert block.wall_times.tolist() == written.wall_times
    for i in range(len(written.manifest.columns)):
        present = block.present(i)
        values = block.values(i)
        assert present.tolist() == written.present[:, i].tolist()
        assert values.dtype == np.float32
        assert values.view(np.uint32)[present].tolist() == written.bits[present, i].tolist()
        assert np.isnan(values[~present]).all()


@given(rows())
def test_a_constant_is_answered_only_where_every_row_holds_the_same_bits(written: Rows) -> None:
    block = unpack(written.packed())

    assert isinstance(block, RowBlock)
    for i in range(len(written.manifest.columns)):
        same = written.present[:, i].all() and len(set(written.bits[:, i].tolist())) == 1
        assert (block.constant(i) is not None) == same


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.lists(st.builds(Column, st.text(), st.text())),
    st.dictionaries(st.text(), JSON),
)
def test_a_manifest_comes_back_whole(columns: list[Column], environment: dict[str, Any]) -> None:
    manifest = Manifest(tuple(columns), environment)

    assert unpack(pack_manifest(manifest)) == manifest


def manifest_bytes(text: bytes, identity: bytes | None = None) -> bytes:
    identity = identity or blake2b(text, digest_size=8).digest()
    return struct.pack("<4sHH8sI", b"TBNH", 1, 1, identity, len(text)) + text


THREE_COLUMNS = (Column("batch_size"), Column("loss"), Column("weight_norm", "dense/kernel"))
THREE_AS_JSON = (
    b'{"columns":[["batch_size",""],["loss",""],["weight_norm","dense/kernel"]],'
    b'"environment":{"keras":"3.15.1"}}'
)


def documented_example() -> bytes:
    """Two steps, three columns, as docs/format.md spells them out."""
    return b"".join(
        [
            b"TBNH",
            struct.pack("<HH", 1, 2),
            blake2b(THREE_AS_JSON, digest_size=8).digest(),
            struct.pack("<II", 2, 3),
            struct.pack("<qq", 0, 1),
            struct.pack("<dd", 1700000000.5, 1700000001.25),
            bytes([1, 2, 3]),
            bytes.fromhex("00 00 00 42"),
            bytes.fromhex("00 00 00 3f  00 00 c0 7f"),
            bytes.fromhex("00 00 00 00  00 00 00 40"),
            bytes([0b10]),
        ]
    )


def test_the_documented_example_is_what_is_written() -> None:
    manifest = Manifest(THREE_COLUMNS, {"keras": "3.15.1"})
    values = np.array([[32, 0.5, 0], [32, np.nan, 2]], np.float32)
    present = np.array([[True, True, False], [True, True, True]])

    packed = pack_rows(manifest, [0, 1], [1700000000.5, 1700000001.25], values, present)

    assert pack_manifest(manifest) == manifest_bytes(THREE_AS_JSON)
    assert packed == documented_example()


def test_the_documented_example_is_what_is_read() -> None:
    block = unpack(documented_example())

    assert isinstance(block, RowBlock)
    assert block.constant(0) == 32.0
    assert (block.constant(1), block.constant(2)) == (None, None)
    np.testing.assert_array_equal(block.values(1), np.array([0.5, np.nan], np.float32))
    assert block.present(2).tolist() == [False, True]
    assert block.values(2)[1] == 2.0


def attempt(block: bytes) -> Manifest | RowBlock | None:
    """Read and use all of a block, and let nothing but a RecordError pass."""
    try:
        found = unpack(block)
    except RecordError:
        return None
    if isinstance(found, RowBlock):
        for i in range(len(found.encodings)):
            assert len(found.values(i)) == len(found.present(i)) == len(found.steps)
            found.constant(i)
    else:
        assert len([column.known for column in found.columns]) == len(found.columns)
    return found


BLOCKS = [documented_example(), manifest_bytes(THREE_AS_JSON)]


@pytest.mark.parametrize("block", BLOCKS, ids=["rows", "manifest"])
def test_a_block_cut_anywhere_or_grown_is_refused(block: bytes) -> None:
    assert [attempt(block[:end]) for end in range(len(block))] == [None] * len(block)
    assert attempt(block + b"\0") is None
    assert attempt(block) is not None


def edits(block: bytes) -> list[bytes]:
    """Blocks that differ from this one in a single byte."""
    return [
        block[:offset] + bytes([value]) + block[offset + 1 :]
        for offset, byte in enumerate(block)
        for value in {0, 1, 2, 3, 4, 127, 255, byte ^ 1, byte ^ 128} - {byte}
    ]


def test_a_manifest_with_a_changed_byte_is_refused() -> None:
    assert {attempt(edited) for edited in edits(manifest_bytes(THREE_AS_JSON))} == {None}


def test_rows_with_a_changed_byte_are_refused_or_whole() -> None:
    found = [attempt(edited) for edited in edits(documented_example())]

    assert None in found
    assert any(isinstance(block, RowBlock) for block in found)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_block_or_a_refusal(noise: bytes) -> None:
    attempt(noise)
    attempt(b"TBNH\x01\x00\x01\x00" + noise)
    attempt(b"TBNH\x01\x00\x02\x00" + noise)


@given(st.integers(1, 2), st.integers(0, 5), st.integers(0, 5), st.binary(max_size=100))
def test_arbitrary_rows_give_a_block_or_a_refusal(kind: int, n: int, k: int, body: bytes) -> None:
    attempt(struct.pack("<4sHH8sII", b"TBNH", 1, kind, b"identity", n, k) + body)


@given(JSON)
def test_arbitrary_json_gives_a_manifest_or_a_refusal(content: Any) -> None:
    attempt(manifest_bytes(json.dumps(content).encode()))
    attempt(manifest_bytes(json.dumps({"columns": [], "environment": content}).encode()))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"columns":[],"environment":[[1,2],["a",3]]}', id="keys that do not sort"),
        pytest.param(b'{"columns":[],"environment":[[[1],2]]}', id="a key that is a list"),
        pytest.param(b'{"columns":["ab"],"environment":{}}', id="text in place of a column"),
        pytest.param(b'{"columns":[["a","b","c"]],"environment":{}}', id="three parts"),
        pytest.param(b'{"columns":7,"environment":{}}', id="a number in place of columns"),
        pytest.param(b"\xff\xfe\xfd", id="no UTF-8"),
        pytest.param(b"[" * 100_000, id="nesting without end"),
        pytest.param(
            b'{"columns":[],"environment":{"a":' + b"[" * 900 + b"]" * 900 + b"}}",
            id="nesting that reads but may not write",
        ),
        pytest.param(b"9" * 5000, id="a number without end"),
    ],
)
def test_json_that_is_no_manifest_is_refused(text: bytes) -> None:
    assert attempt(manifest_bytes(text, b"identity")) is None


@pytest.mark.parametrize(
    ("n", "k"), [(2**32 - 1, 1), (1, 2**32 - 1), (2**32 - 1, 2**32 - 1), (2**28, 0)]
)
def test_a_head_that_promises_too_much_costs_no_memory(n: int, k: int) -> None:
    block = struct.pack("<4sHH8sII", b"TBNH", 1, 2, b"identity", n, k) + bytes(64)

    tracemalloc.start()
    assert attempt(block) is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 64 * 1024


def test_a_newer_version_is_refused_with_the_remedy() -> None:
    newer = b"TBNH" + struct.pack("<H", 2) + documented_example()[6:]

    with pytest.raises(RecordError) as refusal:
        unpack(newer)

    assert str(refusal.value) == (
        "a health record of version 2; this reader knows version 1. "
        "Upgrade tb-nan-plugin to read it"
    )


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        (b"", "not a health record: the magic bytes are missing"),
        (b"TBNX" + bytes(40), "not a health record: the magic bytes are missing"),
        (b"TBNH" + struct.pack("<HH", 1, 9) + bytes(8), "a block of unknown kind 9"),
        (
            manifest_bytes(THREE_AS_JSON, b"identity"),
            "a manifest whose content does not match its id",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(block: bytes, sentence: str) -> None:
    with pytest.raises(RecordError) as refusal:
        unpack(block)

    assert str(refusal.value) == sentence


def test_rows_whose_shapes_disagree_are_not_written() -> None:
    manifest = Manifest(THREE_COLUMNS)
    for steps, shape in [([0], (2, 3)), ([0, 1], (2, 4)), ([], (0, 3))]:
        with pytest.raises(ValueError, match="they do not agree"):
            pack_rows(manifest, steps, [0.0] * len(steps), np.zeros(shape, np.float32))


def test_a_name_of_a_newer_version_is_kept_and_marked_unknown() -> None:
    manifest = Manifest((Column("charm"), Column("loss")))

    assert unpack(pack_manifest(manifest)) == manifest
    assert [column.known for column in manifest.columns] == [None, Signal.LOSS]
