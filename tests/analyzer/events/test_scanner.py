"""One file in, its records out: dialects, torn and damaged files, and files that are none."""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto import event_pb2

from analyzer.events.records import FileState
from analyzer.events.scanner import read_file
from tests.analyzer.events.wire import (
    OVERHEAD,
    blocks,
    event,
    file_of,
    points,
    read,
    record,
    scalar,
    tensor,
    text,
    value,
    version,
)

pytestmark = pytest.mark.usefixtures("twin")

EVENTS = [version(), *(scalar("loss", step, step / 2) for step in range(5))]
FILE = file_of(*EVENTS)
ENDS = [len(file_of(*EVENTS[:count])) for count in range(len(EVENTS) + 1)]


def test_columns_keep_file_order_and_repeated_steps() -> None:
    records = read(file_of(scalar("a", 7, 1), scalar("b", 7, 2), scalar("a", 3, 3), EVENTS[0]))

    assert points(records) == {"a": [(7, 1.0), (3, 3.0)], "b": [(7, 2.0)]}
    assert records.events == 4


def test_columns_have_their_promised_types_and_are_read_only() -> None:
    columns = read(FILE).scalars["loss"]

    assert [columns.steps.dtype, columns.wall_times.dtype] == [np.int64, np.float64]
    assert columns.values.dtype == np.float64
    assert columns.wall_times.tolist() == [1.7e9] * 5
    with pytest.raises(ValueError, match="read-only"):
        columns.values[0] = 1


def test_non_finite_values_and_extreme_steps_are_data() -> None:
    steps = [-(1 << 63), (1 << 63) - 1]
    numbers = read(file_of(*(scalar("x", step, math.nan) for step in steps)))

    assert numbers.scalars["x"].steps.tolist() == steps
    assert np.isnan(numbers.scalars["x"].values).all()


def test_several_values_in_one_event_share_its_step() -> None:
    both = event(4, value("a", simple_value=1), value("b", tensor=tensor(1, float_val=[2])))

    assert points(read(file_of(both))) == {"a": [(4, 1.0)], "b": [(4, 2.0)]}


@pytest.mark.parametrize("plugin", [None, "", "scalars"])
def test_a_one_element_tensor_is_a_point(plugin: str | None) -> None:
    one = event(1, value("a", plugin, tensor=tensor(2, (1,), double_val=[0.1])))

    assert points(read(file_of(one))) == {"a": [(1, 0.1)]}


def test_a_plugins_own_scalar_class_is_a_point() -> None:
    one = value("a", "somebody_elses", tensor=tensor(1, float_val=[3]))
    one.metadata.data_class = 1

    assert points(read(file_of(event(1, one)))) == {"a": [(1, 3.0)]}


def test_what_is_no_single_number_is_counted_by_tag() -> None:
    one = tensor(1, float_val=[1])
    records = read(
        file_of(
            event(1, value("vector", tensor=tensor(1, (2,), float_val=[1, 2]))),
            event(1, value("text", "text", tensor=text(b"hello")), value("old", histo={})),
            event(2, value("old", image={}), value("bare", "hparams")),
            event(3, value("curve", "pr_curves", tensor=one)),
            event(4, value("curve", tensor=one)),
        )
    )

    assert records.scalars == {}
    assert records.other_tags == {"vector": 1, "text": 1, "old": 2, "bare": 1, "curve": 2}


def test_health_blocks_are_known_by_their_own_or_their_tags_first_metadata() -> None:
    data = file_of(
        event(0, value("nan/h", "nan", tensor=text(b"one")), wall_time=5.0),
        event(8, value("nan/h", tensor=text(b"two", b"ignored")), wall_time=6.0),
        event(9, value("late", "text", tensor=text(b"x"))),
        event(9, value("late", "nan", tensor=text(b"three"))),
    )
    records = read(data)

    assert [(block.wall_time, block.step) for block in records.health] == [
        (5.0, 0),
        (6.0, 8),
        (1.7e9, 9),
    ]
    assert blocks(records, data) == [b"one", b"two", b"three"]
    assert records.other_tags == {"late": 1}


def test_the_first_metadata_of_a_tag_decides_as_in_tensorboard() -> None:
    one = tensor(1, float_val=[1])
    first, later = value("x", "pr_curves", tensor=one), value("x", "scalars", tensor=one)

    assert read(file_of(event(1, first), event(2, later))).other_tags == {"x": 2}
    assert points(read(file_of(event(2, later), event(1, first)))) == {"x": [(2, 1.0), (1, 1.0)]}


def test_metadata_sent_ahead_without_a_value_counts_for_the_tag() -> None:
    ahead = event(0, value("nan/h", "nan"))

    data = file_of(ahead, event(1, value("nan/h", tensor=text(b"block"))))

    assert blocks(read(data), data) == [b"block"]


def test_a_number_or_an_empty_tensor_of_our_plugin_is_no_block() -> None:
    odd = [value("h", "nan", tensor=tensor(1, float_val=[1])), value("h", "nan", tensor=tensor(7))]

    records = read(file_of(event(0, *odd)))

    assert (records.health, records.scalars, records.other_tags) == ([], {}, {"h": 2})


def test_session_starts_are_found_with_their_place_and_step() -> None:
    start = event_pb2.Event(wall_time=1, step=40, session_log={"status": "START"})
    stop = event_pb2.Event(wall_time=1, step=41, session_log={"status": "STOP"})

    assert read(file_of(version(), start, stop, start)).session_starts == [(1, 40), (3, 40)]


def test_first_wall_time_is_that_of_the_first_event() -> None:
    assert read(file_of(version(12.5), *EVENTS)).first_wall_time == 12.5
    assert read(b"").first_wall_time is None


def test_a_whole_file_is_ok() -> None:
    assert read(FILE).state == FileState("ok", "", len(FILE), len(FILE), 0)


def test_an_empty_file_is_ok_without_events() -> None:
    records = read(b"")

    assert records.state == FileState("ok", "", 0, 0, 0)
    assert records.events == 0


def test_torn_at_any_byte_everything_before_is_kept() -> None:
    for cut in range(len(FILE)):
        records = read(FILE[:cut])
        whole = max(index for index, end in enumerate(ENDS) if end <= cut)
        assert records.events == whole
        assert points(records).get("loss", []) == [(i, i / 2) for i in range(whole - 1)]
        assert records.state.status == ("ok" if cut in ENDS else "truncated")
        assert records.state.lost_bytes == cut - ENDS[whole]


def test_a_flip_of_any_byte_is_noticed_and_changes_no_number() -> None:
    truth = points(read(FILE))["loss"]
    for at in range(len(FILE)):
        records = read(FILE[:at] + bytes([FILE[at] ^ 0x10]) + FILE[at + 1 :])
        assert records.state.status == "corrupt"
        assert set(points(records).get("loss", [])) <= set(truth)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\xff\xff", id="no message"),
        pytest.param(scalar("loss", 1, 1).SerializeToString()[:-2], id="a message cut short"),
        pytest.param(
            scalar("loss", 1, 1).SerializeToString().replace(b"loss", b"l\xffss"),
            id="a tag that is not UTF-8",
        ),
    ],
)
def test_a_sound_record_that_is_no_event_is_left_out_and_told(payload: bytes) -> None:
    file = FILE + record(payload) + file_of(scalar("loss", 9, 9))
    records = read(file)

    assert points(records)["loss"][-1] == (9, 9.0)
    assert records.events == len(EVENTS) + 1
    reason = f"The record at byte {len(FILE)} is not an event."
    lost = OVERHEAD + len(payload)
    assert records.state == FileState("corrupt", reason, len(FILE), len(file), lost)


def test_the_first_of_two_faults_is_the_one_told() -> None:
    foreign, broken = record(b"\xff"), bytearray(file_of(scalar("loss", 9, 9)))
    broken[-1] ^= 1

    early = read(FILE + foreign + broken).state
    late = read(FILE + broken + foreign).state

    assert early.reason == f"The record at byte {len(FILE)} is not an event."
    assert late.reason == f"The record at byte {len(FILE)} fails its checksum."
    assert early.lost_bytes == late.lost_bytes == len(foreign) + len(broken)


def test_a_torn_file_with_a_foreign_record_is_corrupt() -> None:
    assert read(FILE + record(b"\xff") + b"\x18").state.status == "corrupt"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "a Git LFS pointer, not the data itself",
            id="lfs",
        ),
        pytest.param(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac", "AppleDouble", id="appledouble"),
        pytest.param(b"\n<!DOCTYPE html>\n<html>", "an HTML page", id="html"),
        pytest.param(gzip.compress(FILE), "gzip-compressed", id="gzip"),
        pytest.param(b"PK\x03\x04" + bytes(60), "a zip archive", id="zip"),
        pytest.param(b"step,loss\n1,0.5\n", "plain text", id="text"),
        pytest.param(b"x" + "ü".encode() * 600, "plain text", id="long text"),
        pytest.param(b"caf\xe9 au lait" * 9, "binary data of an unknown kind", id="latin-1"),
        pytest.param(b"ok\n", "plain text", id="a few letters"),
        pytest.param(b"\x93\x01\xff" * 30, "binary data of an unknown kind", id="binary"),
        pytest.param(record(b"\xff\xff") * 3, "TFRecord data of another kind", id="records"),
        pytest.param(record(b"\x0a\x02\x0a\x00"), "TFRecord data", id="tf.train.Example"),
    ],
)
def test_a_file_of_another_kind_says_what_it_looks_like(data: bytes, words: str) -> None:
    records = read(data)

    assert words in records.state.reason
    assert records.state == FileState("not-events", records.state.reason, 0, len(data), len(data))
    assert records.scalars == {}


@pytest.mark.parametrize(
    "data", [pytest.param(bytes(9000), id="zeros"), pytest.param(b"\x99" + FILE[1:], id="header")]
)
def test_an_event_file_damaged_at_its_very_first_byte_is_still_one(data: bytes) -> None:
    assert read(data).state.status == "corrupt"


def test_a_single_byte_may_be_the_beginning_of_an_event_file() -> None:
    assert read(b"B").state.status == "truncated"


def test_read_file_reads_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(FILE)

    assert points(read_file(path)) == points(read_file(str(path))) == points(read(FILE))


def test_a_file_that_may_not_be_read_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(FILE)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError):
        read_file(path)


def test_what_is_no_regular_file_raises_instead_of_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "missing")


@given(st.lists(st.binary(max_size=60), max_size=6))
@settings(deadline=None)
def test_arbitrary_payloads_in_sound_frames_never_crash(payloads: list[bytes]) -> None:
    records = read(b"".join(map(record, payloads)))

    assert records.events <= len(payloads)
    assert records.state.bytes == sum(map(len, payloads)) + OVERHEAD * len(payloads)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_arbitrary_bytes_never_crash_and_give_no_event(data: bytes) -> None:
    records = read(data)

    assert records.events == 0
    assert records.state.lost_bytes == len(data)


@given(st.data())
@settings(deadline=None)
def test_edits_never_crash_and_never_invent_a_point(data: st.DataObject) -> None:
    file = bytearray(FILE)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(file)))
        stop = data.draw(st.integers(start, min(len(file), start + 20)))
        file[start:stop] = data.draw(st.binary(max_size=20))

    records = read(bytes(file))

    rest = iter(points(read(FILE))["loss"])
    assert all(point in rest for point in points(records).get("loss", []))
    assert records.events <= len(EVENTS)
