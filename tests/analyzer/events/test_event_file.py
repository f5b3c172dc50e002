"""A file read again and again: what is new, each event once, whatever happens to the file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from analyzer.events.event_file import EventFile
from analyzer.events.records import FileRecords
from tests.analyzer.events.wire import blocks, event, file_of, points, scalar, text, value, version

FILE = file_of(version(), *(scalar("loss", step, step) for step in range(4)))
MORE = file_of(*(scalar("loss", step, step) for step in range(4, 6)), scalar("acc", 5, 1))


def steps_of(records: FileRecords) -> list[int]:
    return [step for step, _ in points(records).get("loss", [])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(FILE)
    return path


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


def test_only_what_is_new_is_returned(path: Path, twin: ModuleType) -> None:
    file = EventFile(path, twin)
    first, nothing = file.read(), file.read()
    append(path, MORE)
    second = file.read()

    assert [steps_of(first), steps_of(nothing), steps_of(second)] == [[0, 1, 2, 3], [], [4, 5]]
    assert [first.events, nothing.events, second.events] == [5, 0, 3]
    assert list(second.scalars) == ["loss", "acc"]
    assert second.state.bytes == len(FILE + MORE)
    assert not any(records.anew for records in (first, nothing, second))


def test_what_a_tag_is_read_as_is_remembered(path: Path, twin: ModuleType) -> None:
    file = EventFile(path, twin)
    append(path, file_of(event(0, value("h", "nan", tensor=text(b"one")))))
    file.read()
    append(path, file_of(event(1, value("h", tensor=text(b"two")))))

    assert blocks(file.read(), path.read_bytes()) == [b"two"]


def test_session_starts_count_events_from_the_beginning_of_the_file(
    path: Path, twin: ModuleType
) -> None:
    start: Any = version()
    start.session_log.status = 1
    file = EventFile(path, twin)
    file.read()
    append(path, file_of(start))

    assert file.read().session_starts == [(5, 0)]


def test_a_torn_tail_is_read_when_it_is_whole(path: Path, twin: ModuleType) -> None:
    file = EventFile(path, twin)
    append(path, MORE[:-1])
    torn = file.read()
    append(path, MORE[-1:])

    assert (torn.state.status, list(torn.scalars)) == ("truncated", ["loss"])
    assert points(file.read()) == {"acc": [(5, 1.0)]}


@pytest.mark.parametrize("size", [0, 1, 40, len(FILE) - 1])
def test_a_shortened_file_is_read_anew(path: Path, size: int, twin: ModuleType) -> None:
    file = EventFile(path, twin)
    file.read()
    os.truncate(path, size)
    records = file.read()

    assert records.anew
    assert records.state.bytes == size
    assert not file.read().anew


def test_a_replaced_file_is_read_anew(path: Path, tmp_path: Path, twin: ModuleType) -> None:
    file = EventFile(path, twin)
    file.read()
    other = tmp_path / "other"
    other.write_bytes(FILE + MORE)
    os.replace(other, path)
    records = file.read()

    assert records.anew
    assert steps_of(records) == [0, 1, 2, 3, 4, 5]
    assert records.events == 8


@pytest.mark.parametrize("at", [20, len(FILE) - 3])
def test_a_file_rewritten_in_place_is_read_anew(path: Path, at: int, twin: ModuleType) -> None:
    file = EventFile(path, twin)
    file.read()
    data = bytearray(FILE)
    data[at] ^= 1
    path.write_bytes(bytes(data) + MORE)

    assert file.read().anew


def test_a_file_that_was_deleted_raises_and_may_come_back(path: Path, twin: ModuleType) -> None:
    file = EventFile(path, twin)
    file.read()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        file.read()
    path.write_bytes(FILE + MORE)

    assert {4, 5} <= set(steps_of(file.read()))


WRITER = """
import sys
data = open(sys.argv[2], "rb").read()
with open(sys.argv[1], "ab", buffering=0) as stream:
    at = 0
    while True:
        size = 1 + (at * 7919) % 97
        at += stream.write(data[at : at + size])
        if at >= len(data):
            break
    print("written", flush=True)
    sys.stdin.read()
"""


def test_a_writer_killed_at_any_moment_costs_no_whole_record(
    tmp_path: Path, twin: ModuleType
) -> None:
    events = [version(), *(scalar("loss", step, step) for step in range(3000))]
    whole = tmp_path / "whole"
    whole.write_bytes(file_of(*events))
    for number in range(5):
        path = tmp_path / f"events.{number}"
        path.touch()
        file, found = EventFile(path, twin), []
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, path, whole], stdin=subprocess.PIPE
        )
        until = time.monotonic() + 0.05 + 0.01 * number
        while time.monotonic() < until:
            found += steps_of(file.read())
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        found += steps_of(file.read())

        assert found == steps_of(EventFile(path, twin).read())
        assert found == list(range(len(found)))


def test_a_file_that_shrinks_while_it_is_read_ends_nothing_but_the_reading(
    tmp_path: Path, twin: ModuleType
) -> None:
    path = tmp_path / "events"
    data = file_of(*(scalar("loss", step, step) for step in range(200))) * 200
    stop = threading.Event()

    def shrink() -> None:
        while not stop.is_set():
            path.write_bytes(data)
            os.truncate(path, 100)

    path.write_bytes(data)
    thread = threading.Thread(target=shrink)
    thread.start()
    try:
        states = {EventFile(path, twin).read().state.status for _ in range(20)}
    finally:
        stop.set()
        thread.join()

    assert states <= {"ok", "truncated", "corrupt"}
