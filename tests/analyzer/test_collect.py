"""Files become runs: several files are put together, restarts told apart, damage named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.collect import Collector, LogDirError, collect
from analyzer.events.event_file import EventFile
from analyzer.events.records import FileRecords
from analyzer.series import Run
from tb_nan_plugin.record import TAG
from tb_nan_plugin.signals import Signal
from tests.analyzer.events import wire
from tests.analyzer.runs import blocks, event_file, write


def only(log_dir: Path) -> Run:
    (run,) = collect(log_dir).runs
    return run


def losses(run: Run) -> list[dict[int, float]]:
    """Loss by step of every attempt."""
    found = []
    for health in run.health:
        loss = health.series(Signal.LOSS)
        assert loss is not None
        found.append(dict(zip(loss.steps.tolist(), loss.values.tolist(), strict=True)))
    return found


def test_folders_become_runs_named_as_tensorboard_names_them(tmp_path: Path) -> None:
    for name in ("b/train", "a", "."):
        write(tmp_path / name, event_file(scalars={"loss": [1.0]}))

    found = collect(tmp_path)

    assert [run.name for run in found.runs] == [".", "a", os.path.join("b", "train")]
    assert found.log_dir == str(tmp_path)
    assert found.problems == ()


def test_a_training_that_goes_on_in_a_second_file_is_one_attempt(tmp_path: Path) -> None:
    write(tmp_path, event_file(blocks({"loss": [3.0, 2.0]})), 0)
    write(tmp_path, event_file(blocks({"loss": [1.0]}, first_step=2)), 1)

    assert losses(only(tmp_path)) == [{0: 3.0, 1: 2.0, 2: 1.0}]


@pytest.mark.parametrize("again", [0, 1, 2], ids=["from 0", "from a checkpoint", "same step"])
def test_a_restart_from_an_earlier_step_is_an_attempt_of_its_own(
    tmp_path: Path, again: int
) -> None:
    write(tmp_path, event_file(blocks({"loss": [3.0, 2.0, 1.0]})), 0)
    write(tmp_path, event_file(blocks({"loss": [9.0, 8.0]}, first_step=again)), 1)

    assert losses(only(tmp_path)) == [
        {0: 3.0, 1: 2.0, 2: 1.0},
        {again: 9.0, again + 1: 8.0},
    ]


def test_a_restart_inside_one_file_is_told_apart_too(tmp_path: Path) -> None:
    write(tmp_path, event_file(blocks({"loss": [3.0, 2.0]}), blocks({"loss": [5.0]})))

    assert losses(only(tmp_path)) == [{0: 3.0, 1: 2.0}, {0: 5.0}]


def test_scalars_of_several_files_follow_each_other_on_their_own_axis(tmp_path: Path) -> None:
    write(tmp_path, event_file(scalars={"loss": {0: 3.0, 10: 2.0}}), 0)
    write(tmp_path, event_file(scalars={"loss": {5: 1.0}, "lr": {5: 0.1}}), 1)

    run = only(tmp_path)

    assert run.scalars["loss"].steps.tolist() == [0, 10, 5]
    assert run.scalars["loss"].values.tolist() == [3.0, 2.0, 1.0]
    assert run.scalars["lr"].steps.tolist() == [5]
    assert [source.events for source in run.sources] == [3, 3]


def test_a_damaged_block_costs_itself_alone_and_is_named(tmp_path: Path) -> None:
    manifest, first, second, third = blocks({"loss": [3.0, 2.0, 1.0]}, rows=1)
    damaged = (second[0], second[1][:-1])
    write(tmp_path, event_file([manifest, first, damaged, third]))

    run = only(tmp_path)

    assert losses(run) == [{0: 3.0, 2: 1.0}]
    (problem,) = run.problems
    assert problem.startswith("A health record near step 1 was left out: ")
    assert problem.endswith("do not add up.")
    assert run.sources[0].status == "ok"


def test_rows_without_their_manifest_are_named(tmp_path: Path) -> None:
    _, rows = blocks({"loss": [3.0]})
    write(tmp_path, event_file([rows]))

    run = only(tmp_path)

    assert run.health == ()
    assert run.problems == ("The health record near step 0 lacks its manifest.",)


def test_rows_with_more_columns_than_their_manifest_names_are_left_out(tmp_path: Path) -> None:
    named, _ = blocks({"loss": [3.0]})
    _, (wider, rows) = blocks({"a": [1.0], "b": [2.0]})
    forged = rows[:8] + named[1][8:16] + rows[16:]  # where a block says which manifest names it
    write(tmp_path, event_file([named, (wider, forged)]))

    run = only(tmp_path)

    assert run.health == ()
    assert run.problems == ("The health record near step 0 lacks its manifest.",)


def test_a_manifest_of_an_earlier_file_serves_the_next(tmp_path: Path) -> None:
    manifest, first, second = blocks({"loss": [3.0, 2.0]}, rows=1)
    write(tmp_path, event_file([manifest, first]), 0)
    write(tmp_path, event_file([second]), 1)

    assert losses(only(tmp_path)) == [{0: 3.0, 1: 2.0}]


def test_a_record_of_a_newer_version_says_to_upgrade(tmp_path: Path) -> None:
    _, (step, block) = blocks({"loss": [3.0]})
    newer = block[:4] + (99).to_bytes(2, "little") + block[6:]
    write(tmp_path, event_file([(step, newer)]))

    (problem,) = only(tmp_path).problems
    assert "version 99" in problem
    assert "Upgrade" in problem


def test_a_file_cut_short_keeps_what_came_before(tmp_path: Path) -> None:
    whole = event_file(blocks({"loss": [3.0, 2.0]}, rows=1))
    write(tmp_path, whole[:-3])

    run = only(tmp_path)

    assert losses(run) == [{0: 3.0}]
    assert [(s.status, s.bytes) for s in run.sources] == [("truncated", len(whole) - 3)]
    assert run.sources[0].reason


def test_a_flipped_bit_costs_one_record(tmp_path: Path) -> None:
    head = event_file(blocks({"loss": [3.0, 2.0]}, rows=1)[:2])
    whole = event_file(blocks({"loss": [3.0, 2.0, 1.0]}, rows=1))
    at = len(head) + 40
    write(tmp_path, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])

    run = only(tmp_path)

    assert losses(run) == [{0: 3.0, 2: 1.0}]
    assert run.sources[0].status == "corrupt"


def test_a_file_that_vanishes_or_may_not_be_read_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: EventFile) -> FileRecords:
        path = str(file._path)
        if path.endswith("1700000000.host"):
            raise PermissionError(13, "Permission denied", path)
        return original(file)

    original = EventFile.read
    monkeypatch.setattr(EventFile, "read", refuse)
    write(tmp_path, event_file(scalars={"loss": [1.0]}), 0)
    write(tmp_path, event_file(scalars={"loss": [2.0]}), 1)

    run = only(tmp_path)

    assert [s.status for s in run.sources] == ["unreadable", "ok"]
    assert run.sources[0].reason == "The file cannot be read: Permission denied."
    assert run.scalars["loss"].values.tolist() == [2.0]


def test_sources_are_named_below_the_log_directory(tmp_path: Path) -> None:
    write(tmp_path / "a", event_file(scalars={"loss": [1.0]}))

    assert only(tmp_path).sources[0].file == os.path.join(
        "a", "events.out.tfevents.1700000000.host"
    )


def test_says_before_each_file_which_it_is(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / name, event_file(scalars={"loss": [1.0]}), number)
        for name, number in (("a", 0), ("a", 1), ("b", 0))
    ]
    told: list[tuple[str, int, int]] = []

    collect(tmp_path, lambda path, number, total: told.append((path, number, total)))

    assert told == [(str(path), number, 3) for number, path in enumerate(paths)]


def test_a_collector_reads_anew_only_what_has_changed(tmp_path: Path) -> None:
    write(tmp_path / "a", event_file(scalars={"loss": [1.0]}))
    growing = write(tmp_path / "b", event_file(scalars={"loss": [1.0]}))
    collector = Collector(tmp_path)
    told: list[str] = []

    before = collector.collect()
    with growing.open("ab") as stream:
        stream.write(wire.file_of(wire.scalar("loss", 1, 2.0)))
    write(tmp_path / "c", event_file(scalars={"loss": [1.0]}))
    after = collector.collect(lambda path, number, total: told.append(Path(path).parent.name))

    assert told == ["b", "c"]
    assert after.runs[0] is before.runs[0]
    assert after.runs[1] is not before.runs[1]
    assert after.runs[1].scalars["loss"].values.tolist() == [1.0, 2.0]


def test_a_run_that_was_deleted_is_forgotten(tmp_path: Path) -> None:
    write(tmp_path / "a", event_file(scalars={"loss": [1.0]}))
    gone = write(tmp_path / "b", event_file(scalars={"loss": [1.0]}))
    collector = Collector(tmp_path)
    collector.collect()

    gone.unlink()

    assert [run.name for run in collector.collect().runs] == ["a"]


def test_a_named_log_directory_puts_its_name_before_the_runs(tmp_path: Path) -> None:
    write(tmp_path / "a", event_file(scalars={"loss": [1.0]}))

    (run,) = Collector(tmp_path, "left").collect().runs

    assert run.name == os.path.join("left", "a")


def test_there_must_be_something_to_read(tmp_path: Path) -> None:
    with pytest.raises(LogDirError, match="holds no event files"):
        collect(tmp_path)


def test_our_tag_without_our_plugin_is_not_taken_for_a_health_record(tmp_path: Path) -> None:
    (step, block), *_ = blocks({"loss": [1.0]})
    foreign = wire.event(step, wire.value(TAG, "text", tensor=wire.text(block)))
    write(tmp_path, wire.file_of(wire.version(), foreign))

    assert only(tmp_path).health == ()
    assert only(tmp_path).problems == ()
