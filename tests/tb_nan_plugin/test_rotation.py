"""Files of a recording: read by TensorFlow, they hold every step up to the cap, and then fewer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

import analyzer
from tb_nan_plugin.record import (
    TAG,
    Column,
    Manifest,
    RowBlock,
    pack_manifest,
    pack_rows,
    unpack,
)
from tb_nan_plugin.rotation import LEAST_BYTES, EventLog, is_remote, merged
from tests.tb_nan_plugin.recordings import read

WIDE = Manifest(tuple(Column("weight_norm", f"v{i}") for i in range(50)), {"keras": "3"})
ROWS = 100  # of a block: 20 kB


def fill(log: EventLog, steps: range, manifest: Manifest = WIDE, *, clock: float = 1e9) -> None:
    """Write a row for each step, a second long, whose numbers can be told from the step."""
    for first in range(steps.start, steps.stop, ROWS):
        block = np.arange(first, min(first + ROWS, steps.stop))
        packed = pack_rows(
            manifest, block, (clock + block).astype(np.float64), values_at(block, manifest)
        )
        span = int(block[0]), int(block[-1])
        log.write_rows(pack_manifest(manifest), packed, span, clock + span[1])
        log.write_scalars({"nan/loss": float(span[1])}, span[1], clock + span[1])


def values_at(steps: npt.NDArray[np.int64], manifest: Manifest = WIDE) -> npt.NDArray[np.float32]:
    k = len(manifest.columns)
    return np.sin(steps[:, None] + np.arange(k) / 7).astype(np.float32)


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_files_follow_each_other_at_a_size_and_lose_no_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tb_nan_plugin.rotation.FILE_BYTES", 100_000)
    log = EventLog(str(tmp_path))
    fill(log, range(5000))
    log.close()

    sizes = [file.stat().st_size for file in sorted(tmp_path.iterdir())]
    assert len(sizes) >= 10
    assert max(sizes) <= 110_000
    recorded = read(tmp_path)
    assert recorded.steps.tolist() == list(range(5000))
    np.testing.assert_array_equal(recorded.values, values_at(recorded.steps))


def test_every_file_explains_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tb_nan_plugin.rotation.FILE_BYTES", 100_000)
    log = EventLog(str(tmp_path))
    fill(log, range(3000))
    log.close()

    for file in tmp_path.iterdir():
        assert manifest_of(file) == WIDE


def manifest_of(file: Path) -> Manifest:
    """The manifest that a file begins with, right after its version."""
    version, first, *_ = summaries(file)
    assert version.file_version == "brain.Event:2"
    manifest = unpack(first.summary.value[0].tensor.string_val[0])
    assert isinstance(manifest, Manifest)
    return manifest


def summaries(file: Path) -> Iterator[tf.compat.v1.Event]:
    for record in tf.data.TFRecordDataset(str(file)):
        yield tf.compat.v1.Event.FromString(record.numpy())


def test_steps_climb_from_event_to_event_and_from_file_to_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorBoard's data server drops what lies at or after a step that goes back."""
    monkeypatch.setattr("tb_nan_plugin.rotation.FILE_BYTES", 100_000)
    log = EventLog(str(tmp_path), LEAST_BYTES)
    fill(log, range(20_000))
    log.close()

    seen: dict[str, list[int]] = {}
    for file in sorted(tmp_path.iterdir()):
        for event in summaries(file):
            for value in event.summary.value:
                seen.setdefault(value.tag, []).append(event.step)
    assert set(seen) == {"nan/health", "nan/loss"}
    for steps in seen.values():
        assert all(a < b for a, b in pairwise(steps))


@pytest.mark.parametrize("steps", [20_000, 60_000])
def test_a_cap_is_kept_at_every_moment(steps: int, tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), LEAST_BYTES)
    most = 0
    for first in range(0, steps, 1000):
        fill(log, range(first, first + 1000))
        log.flush()
        most = max(most, size_of(tmp_path))
    log.close()

    assert LEAST_BYTES / 2 < most <= LEAST_BYTES
    assert len(list(tmp_path.iterdir())) <= 8


@pytest.mark.parametrize("length", [400, 2000])  # less and more than a file
def test_trainings_that_follow_each_other_share_the_cap(length: int, tmp_path: Path) -> None:
    most = 0
    for first in range(0, 16_000, length):
        log = EventLog(str(tmp_path), LEAST_BYTES)
        log.protect(first, first + 9)
        fill(log, range(first, first + length))
        log.close()
        most = max(most, size_of(tmp_path))

    assert LEAST_BYTES / 2 < most <= LEAST_BYTES
    steps = read(tmp_path).steps
    assert set(steps) >= {first + i for first in range(0, 16_000, length) for i in range(10)}
    assert np.median(np.diff(steps)[-500:]) == 1
    assert (np.diff(steps)[:200] > 1).any()


def test_a_training_that_starts_again_stays_a_second_attempt(tmp_path: Path) -> None:
    for clock in (1e9, 2e9):
        log = EventLog(str(tmp_path), LEAST_BYTES)
        fill(log, range(8_000), clock=clock)
        log.close()

    assert size_of(tmp_path) <= LEAST_BYTES
    (run,) = analyzer.read(str(tmp_path)).values()
    assert run.problems == ()
    first, second = run.health
    for health in (first, second):
        assert (np.diff(health.steps) > 0).all()
    assert set(range(7_500, 8_000)) <= set(second.steps.tolist())


def test_old_rows_are_thinned_and_what_remains_is_bit_for_bit_what_it_was(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), LEAST_BYTES)
    fill(log, range(30_000))
    log.close()

    recorded = read(tmp_path)
    steps = recorded.steps
    assert (np.diff(steps) > 0).all()
    np.testing.assert_array_equal(recorded.values, values_at(steps))
    gaps = np.diff(steps)
    assert (np.diff(gaps) <= 0).all()  # the older, the coarser
    assert set(gaps) <= {2**i for i in range(12)}
    assert (steps[-500:] == np.arange(29_500, 30_000)).all()


def test_protected_steps_are_never_thinned(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), LEAST_BYTES)
    fill(log, range(10_000))
    log.protect(0, 255)
    log.protect(9_800, 10_300)
    log.protect(7_777, 7_777)
    fill(log, range(10_000, 30_000))
    log.close()

    steps = set(read(tmp_path).steps.tolist())
    assert set(range(9_800, 10_301)) <= steps
    assert len(steps & set(range(10_301, 20_000))) < 2500


def test_a_thinned_file_says_so(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), LEAST_BYTES)
    fill(log, range(30_000))
    log.close()

    first, *_, last = sorted(tmp_path.iterdir())
    assert manifest_of(first).environment["thinned"]["every"] >= 4
    assert manifest_of(last) == WIDE


def test_protected_steps_may_pass_the_cap(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), LEAST_BYTES)
    log.protect(0, 20_000)
    fill(log, range(20_000))
    log.close()

    assert read(tmp_path).steps.tolist() == list(range(20_000))
    assert size_of(tmp_path) > LEAST_BYTES


def test_a_damaged_file_is_left_as_it_is(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), LEAST_BYTES)
    fill(log, range(1500))
    first = min(tmp_path.iterdir())
    damaged = bytearray(first.read_bytes())
    damaged[60_000] ^= 1
    first.write_bytes(damaged)
    fill(log, range(1500, 30_000))
    log.close()

    assert first.read_bytes() == damaged


def test_a_removed_file_stands_in_nobodys_way(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), LEAST_BYTES)
    fill(log, range(3000))
    min(tmp_path.iterdir()).unlink()
    fill(log, range(3000, 30_000))
    log.close()

    assert size_of(tmp_path) <= LEAST_BYTES
    assert read(tmp_path).steps[-1] == 29_999


def test_nothing_is_left_beside_the_event_files(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), LEAST_BYTES)
    fill(log, range(30_000))
    log.close()

    assert all("tfevents" in file.name for file in tmp_path.iterdir())


def test_the_analyzer_reads_a_thinned_run_as_one_attempt(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), LEAST_BYTES)
    fill(log, range(30_000))
    log.close()

    (run,) = analyzer.read(str(tmp_path)).values()
    assert run.problems == ()
    assert {source.status for source in run.sources} == {"ok"}
    (attempt,) = run.attempts
    assert attempt.health is not None
    assert attempt.health.steps.tolist() == read(tmp_path).steps.tolist()


def test_files_in_memory_of_tensorflow_are_written_merged_and_read() -> None:
    folder = "ram://nan_monitor_rotation/run"
    log = EventLog(folder, LEAST_BYTES)
    fill(log, range(20_000))
    log.flush()
    log.close()

    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    steps: list[int] = []
    for record in tf.data.TFRecordDataset(files):
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
            block = unpack(value.tensor.string_val[0]) if value.tag == TAG else None
            if isinstance(block, RowBlock):
                steps += block.steps.tolist()
    assert sum(tf.io.gfile.stat(file).length for file in files) <= LEAST_BYTES
    assert steps == sorted(set(steps))
    assert steps[-500:] == list(range(19_500, 20_000))


def test_manifests_that_change_stay_with_their_rows(tmp_path: Path) -> None:
    narrow = Manifest(WIDE.columns[:40], {"keras": "3"})
    log = EventLog(str(tmp_path), LEAST_BYTES)
    for first in range(0, 30_000, 1000):
        fill(log, range(first, first + 500), narrow)
        fill(log, range(first + 500, first + 1000))
    log.close()

    recorded = read(tmp_path)
    assert len(recorded.steps) < 15_000
    late = recorded.present[:, 45]
    assert (late == (recorded.steps % 1000 >= 500)).all()
    there = np.where(recorded.present, recorded.values, 0)
    np.testing.assert_array_equal(there, np.where(recorded.present, values_at(recorded.steps), 0))


def test_stretches_are_put_together() -> None:
    assert merged([(5, 9), (0, 3), (4, 4), (20, 30), (25, 26)]) == [(0, 9), (20, 30)]


@pytest.mark.parametrize(
    ("path", "remote"),
    [("gs://b/run", True), ("s3://b", True), ("ram://x", False), ("logs/a", False)],
)
def test_what_lies_across_a_network_is_told_by_its_scheme(path: str, *, remote: bool) -> None:
    assert is_remote(path) == remote
