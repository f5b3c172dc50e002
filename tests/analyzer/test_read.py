"""`analyzer.read`: every point of every run, as columns, whoever asks and however often."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.histogram import metadata
from tensorboard.util.tensor_util import make_ndarray, make_tensor_proto

import analyzer
from analyzer import LogDirSpec, places
from analyzer.events.event_file import EventFile
from analyzer.histograms import UnreadableHistogramError
from analyzer.optional import MissingPackageError
from analyzer.parallel import in_order
from tests.analyzer.commands import environment
from tests.analyzer.events import wire
from tests.analyzer.points import CLOCK, events, listed, put

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
FOLDERS = sorted(p.name for p in CORPUS.iterdir() if p.is_dir()) if CORPUS.is_dir() else []


def test_columns_have_their_types_and_their_values(tmp_path: Path) -> None:
    put(tmp_path / "a", events([3, 5, 5]))

    runs = analyzer.read(tmp_path)
    series = runs["a"].scalars["loss"]

    assert list(runs) == ["a"]
    assert series.steps.dtype == np.int64
    assert series.wall_times.dtype == series.values.dtype == np.float64
    assert listed(series) == [(3, 0.0), (5, 1.0), (5, 2.0)]
    assert series.wall_times.tolist() == [CLOCK, CLOCK + 1, CLOCK + 2]
    assert [s.status for s in runs["a"].sources] == ["ok"]
    assert runs["a"].health == ()


@pytest.mark.corpus
@pytest.mark.skipif(not FOLDERS, reason="the corpus is not beside this checkout")
@pytest.mark.parametrize("folder", FOLDERS or ["none"])
def test_real_runs_hold_what_tensorboards_own_loader_reads(folder: str) -> None:
    for run in analyzer.read(CORPUS / folder).values():
        expected: dict[str, list[tuple[int, float, float]]] = {}
        for source in run.sources:
            if source.status in ("ok", "truncated"):
                for tag, point in loaded(CORPUS / folder / source.file):
                    expected.setdefault(tag, []).append(point)
        assert set(run.scalars) == set(expected)
        for tag, points in expected.items():
            series = run.scalars[tag]
            steps, times, values = zip(*points, strict=True)
            np.testing.assert_array_equal(series.steps, steps)
            np.testing.assert_array_equal(series.wall_times, times)
            np.testing.assert_array_equal(series.values, values)


def loaded(path: Path) -> Iterator[tuple[str, tuple[int, float, float]]]:
    """Every scalar by the loader and the data compatibility layer of TensorBoard."""
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.HasField("tensor") and value.tensor.dtype in (1, 2):
                array = make_ndarray(value.tensor)
                if array.size == 1 and array.ndim == 0:
                    yield value.tag, (event.step, event.wall_time, float(array))


def test_a_series_becomes_a_data_frame(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    put(tmp_path, events([0, 1]))

    frame = analyzer.read(tmp_path)["."].scalars["loss"].to_pandas()

    assert isinstance(frame, pandas.DataFrame)
    assert frame.to_dict("list") == {
        "step": [0, 1],
        "wall_time": [CLOCK, CLOCK + 1],
        "value": [0.0, 1.0],
    }


def test_without_pandas_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    put(tmp_path, events([0, 1]))

    with pytest.raises(MissingPackageError, match=r"needs the package pandas: pip install pandas"):
        analyzer.read(tmp_path)["."].scalars["loss"].to_pandas()


# --- Several log directories under names


def test_a_spec_names_runs_as_tensorboard_does(tmp_path: Path) -> None:
    put(tmp_path / "x" / "train", events([0]))
    put(tmp_path / "y", events([0]))
    put(tmp_path / "y" / "below", events([0]))
    spec = f"left:{tmp_path}/x,{tmp_path}/y"

    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(f"{tmp_path}/x", "left")
    multiplexer.AddRunsFromDirectory(f"{tmp_path}/y", None)

    runs = analyzer.read(LogDirSpec.parse(spec))
    assert list(runs) == sorted(multiplexer.Runs()) == [".", "below", "left/train"]
    assert runs.log_dir == spec


@pytest.mark.parametrize(
    ("text", "roots"),
    [
        ("a:/x", [("a", "/x")]),
        ("/x:y/z", [("", "/x:y/z")]),
        ("a:/x,b:/y:z", [("a", "/x"), ("b", "/y:z")]),
        ("gs://bucket/x", [("", "gs://bucket/x")]),
        ("a:gs://bucket/x", [("a", "gs://bucket/x")]),
        ("a:/x,b:/x", [("b", "/x")]),
    ],
)
def test_a_spec_is_read_by_tensorboards_rules(text: str, roots: list[tuple[str, str]]) -> None:
    ingester = pytest.importorskip("tensorboard.backend.event_processing.data_ingester")

    assert list(LogDirSpec.parse(text).roots) == roots
    theirs = ingester._parse_event_files_spec(text)
    assert [(name or "", path) for path, name in theirs.items()] == roots


def test_of_several_directories_those_that_are_there_are_read(tmp_path: Path) -> None:
    put(tmp_path / "x", events([0]))

    runs = analyzer.read(LogDirSpec.parse(f"a:{tmp_path}/x,b:{tmp_path}/gone"))

    assert list(runs) == ["a/."]
    assert runs.problems == (f"There is no folder {tmp_path}/gone; check the path.",)
    with pytest.raises(analyzer.LogDirError, match=r"gone.*nowhere"):
        analyzer.read(LogDirSpec.parse(f"b:{tmp_path}/gone,c:{tmp_path}/nowhere"))


# --- Histograms


def test_histograms_of_both_dialects_are_what_tensorboard_makes_of_them(tmp_path: Path) -> None:
    proto = summary_pb2.HistogramProto(
        min=-1.5, max=4.0, num=6, bucket_limit=[-2, -1, 0, 3, 1e308], bucket=[0, 1, 2, 3, 0]
    )
    rows = np.array([[0.0, 1.0, 5.0], [1.0, 2.0, 7.0]], np.float32)
    tensor = summary_pb2.Summary.Value(
        tag="new",
        tensor=make_tensor_proto(rows),
        metadata=metadata.create_summary_metadata("", ""),
    )
    plain = wire.value("plain", tensor=make_tensor_proto(rows))
    path = put(
        tmp_path,
        [wire.event(1, wire.value("old", histo=proto), tensor, plain), wire.event(2, tensor)],
    )

    found = analyzer.read(tmp_path)["."].histograms

    expected: dict[str, list[Any]] = {}
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            expected.setdefault(value.tag, []).append((event.step, make_ndarray(value.tensor)))
    assert set(found) == {"old", "new"}
    for tag, series in found.items():
        assert [histogram.step for histogram in series] == [step for step, _ in expected[tag]]
        for histogram, (_, theirs) in zip(series, expected[tag], strict=True):
            ours = np.stack([histogram.left, histogram.right, histogram.counts], axis=1)
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert found["new"][-1].step == 2
    assert [h.step for h in found["new"][:1]] == [1]


def test_a_histogram_of_a_file_that_has_changed_is_an_error_that_says_so(tmp_path: Path) -> None:
    proto = summary_pb2.HistogramProto(min=0, max=1, bucket_limit=[1], bucket=[1])
    path = put(tmp_path, [wire.event(1, wire.value("old", histo=proto))])
    (histogram,) = analyzer.read(tmp_path)["."].histograms.values()

    path.write_bytes(b"\xff" * path.stat().st_size)

    with pytest.raises(UnreadableHistogramError, match="There is no histogram any more"):
        _ = histogram[0]


# --- Threads


def test_results_come_in_order_whichever_is_done_first() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number % 4 == 0 else 0)
        return number * number

    assert list(in_order(slow_first, range(50))) == [n * n for n in range(50)]


def test_an_error_is_raised_when_its_turn_comes_and_nothing_is_begun_afterwards() -> None:
    begun: list[int] = []

    def fails_at_three(number: int) -> int:
        begun.append(number)
        time.sleep(0.001)
        if number == 3:
            raise ValueError("three")
        return number

    results = in_order(fails_at_three, range(1000))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(begun) < 1000


def test_files_are_read_by_several_threads_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(places, "LIGHT", 0)
    for number in range(2):
        put(tmp_path / str(number), events([number]))
    together = threading.Barrier(2, timeout=10)
    original = EventFile.read

    def meets(file: EventFile) -> Any:
        together.wait()
        return original(file)

    monkeypatch.setattr(EventFile, "read", meets)

    assert [r.scalars["loss"].steps.tolist() for r in analyzer.read(tmp_path).values()] == [
        [0],
        [1],
    ]


def test_a_file_that_does_not_fit_into_memory_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = EventFile.read

    def refuse(file: EventFile) -> Any:
        if "big" in str(file._path):
            raise MemoryError
        return original(file)

    monkeypatch.setattr(EventFile, "read", refuse)
    for name in ("big", "small"):
        put(tmp_path / name, events([0]))

    runs = analyzer.read(tmp_path)

    assert [s.status for s in runs["big"].sources] == ["unreadable"]
    assert "memory" in runs["big"].sources[0].reason
    assert listed(runs["small"].scalars["loss"]) == [(0, 0.0)]


INTERRUPTED = """
import os, signal, sys, threading, time
from analyzer.events.event_file import EventFile
def read(self):
    if first.acquire(blocking=False):
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
first = threading.Lock()
EventFile.read = read
signal.signal(signal.SIGINT, signal.default_int_handler)
os.cpu_count = lambda: 4
import analyzer, analyzer.places
analyzer.places.LIGHT = 0
analyzer.read(sys.argv[1])
"""


def test_control_c_does_not_wait_for_the_files_that_are_being_read(tmp_path: Path) -> None:
    for number in range(4):
        put(tmp_path / str(number), events([0]))
    begin = time.monotonic()

    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert result.stderr.rstrip().endswith("KeyboardInterrupt")
    assert time.monotonic() - begin < 30
