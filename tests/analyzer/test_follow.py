"""Reading on: only what is new, and all of it, whatever happens to the writer and its files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer
from analyzer.events.event_file import EventFile
from analyzer.events.records import FileRecords
from analyzer.series import Run
from tests.analyzer.commands import environment
from tests.analyzer.events import wire
from tests.analyzer.points import events, listed, put, steps_of
from tests.analyzer.runs import blocks, event_file, write
from tests.analyzer.writers import BEYOND


def append(path: Path, *more: Any) -> None:
    with path.open("ab") as stream:
        stream.write(wire.file_of(*more))


def steps(runs: analyzer.Runs, run: str = ".") -> list[int]:
    found: list[int] = runs[run].scalars["loss"].steps.tolist()
    return found


def test_only_runs_that_changed_are_named_and_made_anew(tmp_path: Path) -> None:
    growing = put(tmp_path / "a", events([0]))
    put(tmp_path / "b", events([0]))
    runs = analyzer.read(tmp_path)
    before = dict(runs)

    append(growing, wire.scalar("loss", 1, 1.0))
    put(tmp_path / "c", events([0]))

    assert runs.refresh() == {"a", "c"}
    assert steps(runs, "a") == [0, 1]
    assert before["a"].scalars["loss"].steps.tolist() == [0]
    assert runs["b"] is before["b"]
    assert runs.refresh() == frozenset()


def test_what_was_read_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    growing = put(tmp_path, events(range(5)))
    read: list[int] = []
    original = EventFile.read

    def counted(file: EventFile) -> FileRecords:
        records = original(file)
        read.append(records.events)
        return records

    monkeypatch.setattr(EventFile, "read", counted)
    runs = analyzer.read(tmp_path)
    for step in range(5, 8):
        append(growing, wire.scalar("loss", step, 0.0))
        runs.refresh()

    assert read == [6, 1, 1, 1]
    assert steps(runs) == list(range(8))
    assert runs["."].sources[0].events == 9


@given(data=st.data())
def test_a_file_that_comes_in_pieces_reads_as_one_that_was_whole(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    health = blocks({"loss": [3.0, 2.0, 1.0]}, rows=1)
    whole = event_file(health, scalars={"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0]})
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=8).map(sorted))
    path = write(folder, b"")
    runs = analyzer.read(folder)

    for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        with path.open("ab") as stream:
            stream.write(whole[begin:end])
        runs.refresh()

    (once,) = analyzer.read(folder).values()
    assert told(runs["."]) == told(once)


def told(run: Run) -> Any:
    return (
        {tag: listed(series) for tag, series in run.scalars.items()},
        [health.steps.tolist() for health in run.health],
        [attempt.files for attempt in run.attempts],
        run.sources,
        run.problems,
    )


def test_a_file_that_was_replaced_or_shortened_is_read_anew(tmp_path: Path) -> None:
    path = put(tmp_path, events([0, 1, 2]))
    runs = analyzer.read(tmp_path)

    path.unlink()
    put(tmp_path, events([10, 11, 12, 13]))
    assert runs.refresh() == {"."}
    assert steps(runs) == [10, 11, 12, 13]

    os.truncate(path, path.stat().st_size - 4)
    runs.refresh()
    assert steps(runs) == [10, 11, 12]
    assert runs["."].sources[0].status == "truncated"
    assert runs["."].sources[0].events == 4


def test_a_file_that_has_gone_takes_its_points_with_it(tmp_path: Path) -> None:
    put(tmp_path, events([0]), 0)
    second = put(tmp_path, events([1]), 1)
    gone = put(tmp_path / "gone", events([0]))
    runs = analyzer.read(tmp_path)

    second.unlink()
    gone.unlink()

    assert runs.refresh() == {".", "gone"}
    assert steps(runs) == [0]
    assert list(runs) == ["."]


def test_what_was_read_stays_when_a_file_may_not_be_read_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, events([0, 1]))
    runs = analyzer.read(tmp_path)
    append(path, wire.scalar("loss", 2, 0.0))

    def refuse(_: EventFile) -> FileRecords:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(EventFile, "read", refuse)
        runs.refresh()
        assert steps(runs) == [0, 1]
        assert runs["."].sources[0].status == "unreadable"
    append(path, wire.scalar("loss", 3, 0.0))
    runs.refresh()
    assert steps(runs) == [0, 1, 2, 3]
    assert runs["."].sources[0].status == "ok"


def test_a_log_directory_that_has_gone_is_an_error_and_what_was_read_stays(tmp_path: Path) -> None:
    path = put(tmp_path, events([0]))
    runs = analyzer.read(tmp_path)
    path.unlink()

    with pytest.raises(analyzer.LogDirError):
        runs.refresh()

    assert steps(runs) == [0]


def test_a_restart_shows_as_soon_as_two_of_its_points_are_there(tmp_path: Path) -> None:
    path = put(tmp_path, events([0, 1, 2, 3]))
    runs = analyzer.read(tmp_path)

    append(path, wire.scalar("loss", 1, 0.0))
    runs.refresh()
    assert steps_of(runs["."]) == [[0, 1, 2, 3, 1]]

    append(path, wire.scalar("loss", 2, 0.0))
    runs.refresh()
    assert steps_of(runs["."]) == [[0, 1, 2, 3], [1, 2]]


# --- A writer that is killed

LIVES = 200


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_loses_no_whole_record_and_none_is_read_twice(
    tmp_path: Path,
) -> None:
    (tmp_path / "run").mkdir()
    chance = random.Random(3)
    runs: analyzer.Runs | None = None
    written: list[int] = []
    torn = 0
    with nursery(tmp_path / "run") as nurse:
        for life in range(LIVES):
            child = nurse.begin(life)
            end = time.monotonic() + chance.random() * 0.05
            while time.monotonic() < end:
                runs = followed(runs, tmp_path)
            os.kill(child, signal.SIGKILL)
            known = nurse.said_until_gone()
            runs = followed(runs, tmp_path)
            assert known == list(range(life * BEYOND, life * BEYOND + len(known)))
            if runs is None:
                continue  # killed before there was a file
            found = [step for step in steps(runs, "run") if step >= life * BEYOND]
            assert found[: len(known)] == known
            assert len(found) - len(known) in (0, 1)  # one may be whole and not announced
            torn += runs["run"].sources[-1].status == "truncated"
            written += found

    assert runs is not None
    assert steps(runs, "run") == written
    assert len(set(written)) == len(written) > LIVES
    assert listed(runs["run"].scalars["loss"]) == [(step, float(step)) for step in written]
    assert steps(analyzer.read(tmp_path), "run") == written
    assert {s.status for s in runs["run"].sources} == {"ok", "truncated"}
    assert torn > LIVES / 4


class Nurse:
    """The process that begins writers, and what is said on its output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._early: list[str] = []

    def begin(self, life: int) -> int:
        """Begin a writer and return its process number."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{life}\n")
        self._process.stdin.flush()
        self._early = []
        while not (line := self._line()).startswith("pid "):
            self._early.append(line)
        return int(line.split()[1])

    def said_until_gone(self) -> list[int]:
        """Return the steps that the writer said were written."""
        lines = self._early
        while (line := self._line()) != "gone":
            lines.append(line)
        return [int(line) for line in lines]

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")


@contextmanager
def nursery(folder: Path) -> Iterator[Nurse]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.analyzer.writers", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=Path(__file__).resolve().parents[2],
    )
    with process:
        yield Nurse(process)


def followed(runs: analyzer.Runs | None, folder: Path) -> analyzer.Runs | None:
    if runs is not None:
        runs.refresh()
        return runs if "loss" in runs["run"].scalars else None
    try:
        found = analyzer.read(folder)
    except analyzer.LogDirError:
        return None  # nothing is there yet
    return found if "loss" in found["run"].scalars else None
