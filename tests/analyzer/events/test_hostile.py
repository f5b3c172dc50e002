"""Files made to break a reader: bounded memory, bounded time, no crash, and a status."""

from __future__ import annotations

import struct
import sys
import tracemalloc
from types import ModuleType

import pytest

from analyzer.events.records import FileRecords
from analyzer.events.window import CHUNK
from tests.analyzer.events.wire import (
    event,
    file_of,
    points,
    read,
    record,
    scalar,
    tensor,
    value,
    version,
)

pytestmark = pytest.mark.usefixtures("twin")

SOUND = file_of(version(), scalar("loss", 1, 0.5))
AFTER = file_of(scalar("loss", 2, 0.25))


def varint(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def field(number: int, content: bytes, size: int | None = None) -> bytes:
    return varint(number << 3 | 2) + varint(len(content) if size is None else size) + content


def summary_of(content: bytes) -> bytes:
    return field(5, field(1, content))


def among_sound_ones(payload: bytes) -> FileRecords:
    records = read(SOUND + record(payload) + AFTER)
    assert points(records)["loss"][-1] == (2, 0.25)
    return records


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(field(5, b"", 1 << 63), id="a length of 2**63"),
        pytest.param(field(5, b"", (1 << 64) - 1), id="a length of -1"),
        pytest.param(field(5, field(1, b"ab", 3)), id="a value past its summary"),
        pytest.param(field(5, field(1, field(8, b"", 9)) + b"12345678"), id="a tensor past all"),
        pytest.param(b"\x10" + b"\xff" * 4000, id="an endless step"),
        pytest.param(b"\xff" * 4000, id="an endless field number"),
        pytest.param(summary_of(field(8, field(7, b"\x80" * 4000))), id="an endless element"),
        pytest.param(b"\x9b\x06" * 100_000, id="groups without an end"),
        pytest.param(b"\x9b\x06" * 101 + b"\x9c\x06" * 101, id="groups too deep"),
        pytest.param(b"\x2a" * 100_000, id="nothing but openings"),
        pytest.param(summary_of(field(1, b"\xff\xfe")), id="a tag that is not UTF-8"),
        pytest.param(summary_of(field(1, b"\xed\xa0\x80")), id="half a surrogate pair"),
        pytest.param(b"\x00", id="field number 0"),
    ],
)
def test_a_malformed_event_is_left_out_and_told(payload: bytes) -> None:
    records = among_sound_ones(payload)

    assert records.events == 3
    assert records.state.reason == f"The record at byte {len(SOUND)} is not an event."


def test_messages_nested_too_deep_are_refused() -> None:
    for depth, known in ((48, True), (49, False), (20_000, False)):
        inner = b""
        for _ in range(depth):
            inner = field(15, field(3, inner))
            if len(inner) > 100_000:
                break
        records = among_sound_ones(summary_of(field(8, inner)))
        assert (records.state.status == "ok") is known


def test_nuls_and_odd_characters_in_a_tag_are_kept() -> None:
    for tag in ("\0", "a\0b", "", "\U0010ffff", "\u202e", "x" * 100_000):
        assert points(read(file_of(version(), scalar(tag, 3, 1)))) == {tag: [(3, 1.0)]}


def test_a_huge_tag_is_stored_once() -> None:
    tag = "x" * 4_000_000
    data = file_of(version(), scalar(tag, 1, 1)) + file_of(scalar(tag, 2, 2)) * 3
    read(SOUND)
    tracemalloc.start()
    try:
        records = read(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert points(records) == {tag: [(1, 1.0), (2, 2.0), (2, 2.0), (2, 2.0)]}
    # The window, a copy of the record, its parsed form, and the tag itself.
    assert peak < 8 * len(tag)


def test_many_tags_come_out_in_order() -> None:
    names = [f"tag {number * 7919 % 30_011}" for number in range(30_011)]
    data = b"".join(file_of(scalar(name, 1, number)) for number, name in enumerate(names))

    records = read(data + data)

    assert list(records.scalars) == names
    assert records.scalars[names[-1]].values.tolist() == [30_010.0, 30_010.0]


def test_an_event_of_very_many_values_keeps_their_order_and_is_not_multiplied() -> None:
    names = [f"t{number}" for number in range(2_000)]
    many = event(1, *(value(name, simple_value=1) for name in names), *[value("bare")] * 2_000)

    records = read(file_of(version(), many))

    assert list(records.scalars) == names
    assert records.other_tags == {"bare": 2_000}


def test_a_summary_that_is_overruled_by_a_later_member_counts_for_nothing() -> None:
    early = summary_of(field(1, b"early") + b"\x15" + struct.pack("<f", 1))
    late = summary_of(field(1, b"late") + b"\x15" + struct.pack("<f", 2))
    many = early * 40

    assert points(among_sound_ones(early + field(3, b"v") + late)) == {
        "loss": [(1, 0.5), (2, 0.25)],
        "late": [(0, 2.0)],
    }
    assert len(points(among_sound_ones(many + field(3, b"v") + late))["late"]) == 1
    assert len(points(among_sound_ones(early + late))) == 3


@pytest.mark.parametrize("flip", range(40))
def test_an_event_that_almost_repeats_another_is_read_for_itself(flip: int) -> None:
    same = scalar("loss", 300, 0.5).SerializeToString()
    odd = bytearray(same)
    odd[flip % len(same)] ^= 0x01 if flip % 2 else 0x80
    payloads = [same, same, same, bytes(odd), same]
    alone = read(SOUND + record(bytes(odd)))

    together = read(SOUND + b"".join(map(record, payloads)))

    assert together.events == 2 + 4 + (alone.events - 2)
    for tag, columns in alone.scalars.items():
        assert str(columns.values[-1]) in map(str, together.scalars[tag].values.tolist())
        assert columns.steps[-1] in together.scalars[tag].steps


def test_a_tag_whose_metadata_comes_late_is_read_by_it_from_then_on() -> None:
    one = tensor(1, float_val=[1])
    plain = [event(step, value("x", tensor=one)) for step in range(4)]
    told = event(9, value("x", "pr_curves", tensor=one))

    records = read(file_of(version(), *plain, told, *plain))

    assert points(records) == {"x": [(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)]}
    assert records.other_tags == {"x": 5}


def test_blocks_of_garbage_larger_than_the_window_are_passed_over(twin: ModuleType) -> None:
    garbage = bytes(range(1, 256)) * (3 * CHUNK // 255)
    records = read(SOUND + garbage + AFTER)

    assert twin.NAME in ("compiled", "reference")
    assert records.state.lost_bytes == len(garbage)
    assert sys.getsizeof(records) < 10_000
