"""Frames: what is sound comes out, what is not is named, and no length is believed."""

from __future__ import annotations

import io
import os
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.events.framing import CHUNK, LONGEST, SHORT, Ending, FrameReader
from tests.analyzer.events.wire import _crc, record

PAYLOADS = [b"first", b"", b"third" * 9, b"x" * (SHORT + 1), b"last"]
SOUND = b"".join(map(record, PAYLOADS))

payloads = st.lists(st.binary(max_size=2 * SHORT), max_size=8)


def read(data: bytes) -> tuple[list[bytes], Ending]:
    reader = FrameReader(io.BytesIO(data))
    return [frame.payload for frame in reader], reader.ending


def length_of(size: int) -> bytes:
    """Return a header that claims `size` bytes and has the right checksum."""
    length = size.to_bytes(8, "little")
    return length + _crc(length)


def test_yields_every_payload_and_where_its_record_begins() -> None:
    frames = list(FrameReader(io.BytesIO(SOUND)))

    assert [frame.payload for frame in frames] == PAYLOADS
    assert [frame.offset for frame in frames] == [0, 21, 37, 98, 371]
    assert read(SOUND)[1] == Ending("complete", len(SOUND), "", len(SOUND), 0, framed=True)


def test_an_empty_file_is_complete() -> None:
    assert read(b"") == ([], Ending("complete", 0, "", 0, 0, framed=False))


@given(payloads)
@settings(deadline=None)
def test_returns_whatever_was_framed(written: list[bytes]) -> None:
    assert read(b"".join(map(record, written)))[0] == written


def test_records_longer_than_a_chunk_and_across_its_edge_come_out_whole() -> None:
    written = [b"a" * (CHUNK - 20), b"across the edge", b"b" * (3 * CHUNK + 1), b"after"]

    found, ending = read(b"".join(map(record, written)))

    assert found == written
    assert ending.status == "complete"


def test_a_tail_torn_at_any_byte_keeps_all_before_it() -> None:
    ends = [0, 21, 37, 98, 371, len(SOUND)]
    for cut in range(len(SOUND)):
        whole = max(index for index, end in enumerate(ends) if end <= cut)
        found, ending = read(SOUND[:cut])
        assert found == PAYLOADS[:whole]
        assert ending.status == ("complete" if cut in ends else "truncated")
        assert (ending.offset, ending.lost_bytes) == (ends[whole], cut - ends[whole])


def test_a_right_length_tells_a_torn_file_from_a_foreign_one() -> None:
    assert not read(SOUND[:11])[1].framed
    assert read(SOUND[:12])[1].framed
    assert not read(b"\xff" + SOUND[1:])[1].framed


def test_a_growing_file_yields_each_frame_once_however_it_grows() -> None:
    stream = io.BytesIO()
    reader = FrameReader(stream)
    found = []
    for byte in SOUND:
        stream.seek(0, os.SEEK_END)
        stream.write(bytes([byte]))
        found += [frame.payload for frame in reader]

    assert found == PAYLOADS
    assert reader.ending.status == "complete"


def test_reading_goes_on_after_a_loop_that_was_left_early() -> None:
    reader = FrameReader(io.BytesIO(SOUND))

    assert next(iter(reader)).payload == PAYLOADS[0]
    assert [frame.payload for frame in reader] == PAYLOADS[1:]


def test_a_bad_payload_costs_that_frame_only() -> None:
    flawed = SOUND[:55] + b"\xff" + SOUND[56:]
    found, ending = read(flawed)

    assert found == [PAYLOADS[0], PAYLOADS[1], *PAYLOADS[3:]]
    assert ending == Ending(
        "corrupt", 37, "The record at byte 37 fails its checksum.", len(SOUND), 61, framed=True
    )

    _, ending = read(flawed[:-5] + b"\xff" + flawed[-4:])

    assert ending.reason == "The record at byte 37 (the first of 2) fails its checksum."
    assert (ending.offset, ending.lost_bytes) == (37, 61 + 20)


def test_a_bad_length_ends_the_reading() -> None:
    found, ending = read(SOUND[:37] + b"\xff" + SOUND[38:])

    assert found == PAYLOADS[:2]
    assert (ending.status, ending.offset) == ("corrupt", 37)
    assert ending.reason == "The length of the record at byte 37 fails its checksum."
    assert ending.lost_bytes == len(SOUND) - 37


def test_zeros_after_the_last_record_are_named_as_such() -> None:
    found, ending = read(SOUND + bytes(4096))

    assert found == PAYLOADS
    assert (ending.status, ending.offset) == ("corrupt", len(SOUND))
    assert ending.reason.startswith(f"From byte {len(SOUND)} on there are zeros")


def test_a_length_no_event_can_have_is_refused_although_its_checksum_is_right() -> None:
    _, ending = read(SOUND + length_of(1 << 31) + bytes(50))

    assert ending.status == "corrupt"
    assert ending.reason.endswith("claims a length that no event can have.")


def test_a_length_the_file_cannot_hold_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        found, ending = read(SOUND + length_of(LONGEST) + b"and no more")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found == PAYLOADS
    assert ending.status == "truncated"
    assert peak < 8 * CHUNK


def test_a_sparse_terabyte_is_refused_at_its_first_record(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.write(SOUND)
        try:
            stream.truncate(1 << 40)
        except OSError:
            pytest.skip("this file system holds no sparse file of a terabyte")

    began = time.perf_counter()
    with path.open("rb") as stream:
        reader = FrameReader(stream)
        found = [frame.payload for frame in reader]

    assert found == PAYLOADS
    assert (reader.ending.status, reader.ending.offset) == ("corrupt", len(SOUND))
    assert reader.ending.lost_bytes == (1 << 40) - len(SOUND)
    assert time.perf_counter() - began < 5


def test_a_file_that_shrinks_while_it_is_read_is_a_torn_one() -> None:
    stream = io.BytesIO(SOUND + record(b"y" * 2 * CHUNK))
    reader = FrameReader(stream)
    frames = iter(reader)
    next(frames)
    stream.truncate(len(SOUND))

    assert [frame.payload for frame in frames] == PAYLOADS[1:]
    assert reader.ending.status == "truncated"


def test_a_file_replaced_by_a_shorter_one_ends_quietly() -> None:
    stream = io.BytesIO(SOUND)
    reader = FrameReader(stream)
    list(reader)
    stream.truncate(10)

    assert list(reader) == []
    assert reader.ending.lost_bytes == 0


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_arbitrary_bytes_give_no_frames(data: bytes) -> None:
    found, ending = read(data)

    assert found == []
    assert ending.lost_bytes == ending.bytes == len(data)


@given(payloads, st.data())
@settings(deadline=None)
def test_edits_never_invent_a_frame_and_every_byte_is_accounted_for(
    written: list[bytes], data: st.DataObject
) -> None:
    file = bytearray(b"".join(map(record, written)))
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(file)))
        stop = data.draw(st.integers(start, min(len(file), start + 30)))
        file[start:stop] = data.draw(st.binary(max_size=30))

    found, ending = read(bytes(file))

    rest = iter(written)
    assert all(payload in rest for payload in found)
    assert sum(len(record(payload)) for payload in found) + ending.lost_bytes == len(file)
    assert (ending.status == "complete") == (ending.lost_bytes == 0)
