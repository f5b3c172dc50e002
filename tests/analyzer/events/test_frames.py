"""Damage, torn tails and growth: what is kept, what is lost, and how it is said."""

from __future__ import annotations

import io
import os
import struct
import time
import tracemalloc
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.events import frames as frames_module
from analyzer.events.event_file import EventFile, EventStream
from analyzer.events.framing import LONGEST, OVERHEAD
from analyzer.events.records import FileRecords, FileState
from analyzer.events.window import CHUNK
from tests.analyzer.events.wire import (
    _crc,
    blocks,
    file_of,
    points,
    read,
    scalar,
    text,
    value,
    version,
)
from tests.analyzer.events.wire import event as event_of

pytestmark = pytest.mark.usefixtures("twin")

EVENTS = [version(), *(scalar("loss", step, step / 2) for step in range(6))]
RECORDS = [file_of(event) for event in EVENTS]
SOUND = b"".join(RECORDS)
ENDS = [len(b"".join(RECORDS[:count])) for count in range(len(RECORDS) + 1)]


def steps_of(records: FileRecords) -> list[int]:
    return [step for step, _ in points(records).get("loss", [])]


def header_of(size: int) -> bytes:
    """Return a header that claims `size` bytes and has the right checksum."""
    length = struct.pack("<Q", size)
    return length + _crc(length)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def test_a_bad_payload_costs_that_record_only() -> None:
    records = read(flipped(SOUND, ENDS[3] + 14))

    assert steps_of(records) == [0, 1, 3, 4, 5]
    reason = f"The record at byte {ENDS[3]} fails its checksum."
    lost = len(RECORDS[3])
    assert records.state == FileState("corrupt", reason, ENDS[3], len(SOUND), lost)


def test_a_bad_payload_at_the_very_end_is_counted_with_the_others() -> None:
    records = read(flipped(flipped(SOUND, ENDS[3] + 14), len(SOUND) - 1))

    assert steps_of(records) == [0, 1, 3, 4]
    reason = f"The record at byte {ENDS[3]} (the first of 2) fails its checksum."
    lost = len(RECORDS[3]) + len(RECORDS[-1])
    assert records.state == FileState("corrupt", reason, ENDS[3], len(SOUND), lost)


def test_after_a_bad_length_reading_goes_on_at_the_next_sound_record() -> None:
    records = read(flipped(SOUND, ENDS[3]))

    assert steps_of(records) == [0, 1, 3, 4, 5]
    reason = (
        f"The length of the record at byte {ENDS[3]} fails its checksum; "
        f"reading goes on at byte {ENDS[4]}."
    )
    lost = len(RECORDS[3])
    assert records.state == FileState("corrupt", reason, ENDS[3], len(SOUND), lost)


@pytest.mark.parametrize("size", [1, 7, 12, 100, 3 * CHUNK + 5])
def test_garbage_in_the_middle_costs_its_own_bytes(size: int) -> None:
    garbage = bytes((at * 7 + 1) % 251 for at in range(size))
    records = read(SOUND[: ENDS[3]] + garbage + SOUND[ENDS[3] :])

    assert steps_of(records) == [0, 1, 2, 3, 4, 5]
    assert (records.state.offset, records.state.lost_bytes) == (ENDS[3], size)
    assert records.state.reason.endswith(f"; reading goes on at byte {ENDS[3] + size}.")


def test_bytes_that_went_missing_cost_the_records_they_were_in() -> None:
    for cut in range(1, 60):
        records = read(SOUND[: ENDS[3] + 5] + SOUND[ENDS[3] + 5 + cut :])
        found = steps_of(records)
        assert found[:2] == [0, 1]
        assert found[-2:] == [4, 5]


def test_a_payload_that_swallowed_its_successors_gives_them_back() -> None:
    claims_too_much = header_of(len(RECORDS[4]) * 2 + 7) + b"xyz"
    records = read(SOUND[: ENDS[3]] + claims_too_much + SOUND[ENDS[3] :])

    assert steps_of(records) == [0, 1, 2, 3, 4, 5]
    assert records.state.lost_bytes == len(claims_too_much)
    assert records.state.reason == (
        f"The record at byte {ENDS[3]} fails its checksum, as does what follows; "
        f"reading goes on at byte {ENDS[3] + len(claims_too_much)}."
    )


def test_several_gaps_are_counted() -> None:
    records = read(RECORDS[0] + b"??" + RECORDS[1] + b"?" + RECORDS[2])

    assert steps_of(records) == [0, 1]
    assert records.state.lost_bytes == 3
    assert records.state.reason.endswith(f"at byte {ENDS[1] + 2} (the first of 2 gaps).")


@pytest.mark.parametrize("size", [12, 4096, 2 * CHUNK])
def test_zeros_after_the_last_record_are_named_as_such(size: int) -> None:
    records = read(SOUND + bytes(size))

    assert len(steps_of(records)) == 6
    reason = f"From byte {len(SOUND)} on there are zeros: what was written never reached the disk."
    size_of_all = len(SOUND) + size
    assert records.state == FileState("corrupt", reason, len(SOUND), size_of_all, size)


def test_zeros_in_the_middle_are_searched_through() -> None:
    assert len(steps_of(read(SOUND + bytes(CHUNK) + SOUND))) == 12


def test_a_length_no_event_can_have_is_refused_although_its_checksum_is_right() -> None:
    for size in (1 << 31, 1 << 63, (1 << 64) - 1):
        records = read(SOUND + header_of(size) + bytes(50))
        assert records.state.status == "corrupt"
        assert records.state.reason.endswith("claims a length that no event can have.")


def test_a_length_the_file_cannot_hold_is_a_torn_tail_and_takes_no_memory() -> None:
    read(SOUND)
    tracemalloc.start()
    try:
        records = read(SOUND + header_of(LONGEST) + b"and no more")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert records.state.status == "truncated"
    assert peak < 8 * CHUNK


def test_records_longer_than_a_chunk_and_across_its_edge_come_out_whole() -> None:
    written = [b"a" * (CHUNK - 90), b"edge", b"b" * (3 * CHUNK + 1), b"after"]
    data = file_of(*(event_of(0, value("h", "nan", tensor=text(block))) for block in written))

    assert blocks(read(data), data) == written


def test_extents_say_where_the_values_lie() -> None:
    values = [value("h", histo={"min": number}) for number in range(4)]
    data = file_of(version(), *(event_of(step, one, one) for step, one in enumerate(values)))

    extents = read(data).extents["h"]

    ends = extents.offsets + extents.sizes
    found = [data[at:end] for at, end in zip(extents.offsets, ends, strict=True)]
    assert found == [one.SerializeToString() for one in values for _ in range(2)]
    assert extents.steps.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert set(extents.kinds.tolist()) == {5}


def test_what_the_writer_calls_the_format_is_kept() -> None:
    assert read(SOUND).file_version == "brain.Event:2"
    assert read(b"").file_version is None


def test_zeros_that_are_filled_in_later_are_read_then() -> None:
    stream, reader = io.BytesIO(SOUND[: ENDS[3]] + bytes(900)), EventStream()
    reader.read(stream)
    stream.getbuffer()[ENDS[3] : len(SOUND)] = SOUND[ENDS[3] :]

    records = reader.read(stream)

    assert steps_of(records) == [2, 3, 4, 5]
    assert not records.anew


@pytest.mark.parametrize("bad", [None, 14, 0])
def test_a_growing_file_gives_the_same_however_it_grows(bad: int | None) -> None:
    data = SOUND if bad is None else flipped(SOUND, ENDS[3] + bad)
    stream, reader, found = io.BytesIO(), EventStream(), []
    for byte in data:
        stream.seek(0, os.SEEK_END)
        stream.write(bytes([byte]))
        records = reader.read(stream)
        assert not records.anew
        found += steps_of(records)

    assert found == steps_of(read(data))
    assert records.state == read(data).state


def test_a_search_that_would_take_for_ever_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_module, "MOST_SEARCHED", 1000)
    records = read(SOUND + b"?" * (CHUNK + 2000) + SOUND)

    assert len(steps_of(records)) == 6
    assert records.state.lost_bytes == CHUNK + 2000 + len(SOUND)


def test_headers_that_each_claim_the_rest_cost_linear_time(
    monkeypatch: pytest.MonkeyPatch, twin: ModuleType
) -> None:
    monkeypatch.setattr(frames_module, "LONGEST", 1 << 16)
    checked = 0
    plain = twin.masked_crc32c

    class Counting(ModuleType):
        Scanner, find_header = twin.Scanner, staticmethod(twin.find_header)

        @staticmethod
        def masked_crc32c(data: bytes) -> int:
            nonlocal checked
            checked += len(data)
            return int(plain(data))

    size = 60_000
    data = b"?" + b"".join(header_of(size - at - OVERHEAD) for at in range(12, size - 40, 12))
    EventStream(Counting("counting")).read(io.BytesIO(data + bytes(size)))

    assert checked < (1 << 16) + 9 * len(data)


def test_a_sparse_terabyte_takes_no_time(tmp_path: Path, twin: ModuleType) -> None:
    path = tmp_path / "sparse"
    path.write_bytes(SOUND)
    try:
        os.truncate(path, 1 << 40)
    except OSError:
        pytest.skip("this file system holds no sparse file of a terabyte")

    began = time.perf_counter()
    records = EventFile(path, twin).read()

    assert len(steps_of(records)) == 6
    assert (records.state.status, records.state.offset) == ("corrupt", len(SOUND))
    assert records.state.lost_bytes == (1 << 40) - len(SOUND)
    assert time.perf_counter() - began < 5


def test_what_lies_behind_a_hole_is_found(tmp_path: Path, twin: ModuleType) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.write(SOUND)
        stream.seek(1 << 28)
        stream.write(SOUND)

    assert len(steps_of(EventFile(path, twin).read())) == 12


@given(st.data())
@settings(deadline=None)
def test_every_byte_is_accounted_for_and_nothing_is_invented(data: st.DataObject) -> None:
    file = bytearray(SOUND)
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(file)))
        stop = data.draw(st.integers(start, min(len(file), start + 60)))
        file[start:stop] = data.draw(st.binary(max_size=30))

    records = read(bytes(file))

    rest = iter(range(6))
    assert all(step in rest for step in steps_of(records))
    kept = sum(len(RECORDS[1 + step]) for step in steps_of(records))
    kept += len(RECORDS[0]) * (records.events - len(steps_of(records)))
    assert kept + records.state.lost_bytes == len(file)
    assert (records.state.status == "ok") == (records.state.lost_bytes == 0)
