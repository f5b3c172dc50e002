"""Which TensorBoard runs are one training, and which only look so."""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import nan
from pathlib import Path

import pytest

from analyzer.analysis import Analysis
from analyzer.groups import grouped
from analyzer.merged import Training
from analyzer.report import Report, Watch, analyze
from analyzer.series import Run
from tb_nan_plugin.signals import Phase
from tests.analyzer.events import wire
from tests.analyzer.failures import healthy, nonfinite_input
from tests.analyzer.runs import Points, blocks, event_file, run, write

LATER = 1_000_000  # steps are seconds of the clock here: eleven days

TRAIN: Points = {"batch_loss": {1: 1.0, 2: 0.75, 3: 0.5}, "epoch_loss": {0: 0.75}}
VALIDATION: Points = {"epoch_loss": {0: 1.25}, "evaluation_loss_vs_iterations": {3: 1.25}}
# Folder -> its tags; each line is a log directory that holds one training.
ONE: dict[str, dict[str, Points]] = {
    "Keras": {"run/train": TRAIN, "run/validation": VALIDATION},
    "Keras at the root": {"train": TRAIN, "validation": VALIDATION},
    "TensorFlow 2 loop": {"a/train": {"loss": [1.0, 0.9]}, "a/test": {"loss": [1.1, 1.0]}},
    "estimator": {".": {"loss": {1: 1.0, 100: 0.5}}, "eval": {"loss": {100: 0.6}}},
    "estimator, named": {"m": {"loss_1": {1: 1.0, 9: 0.5}}, "m/eval_holdout": {"loss_1": {9: 1}}},
    "add_scalars": {
        "run": {"lr": [0.1]},
        "run/Loss_all_train": {"Loss/all": [1.0]},
        "run/Loss_all_val": {"Loss/all": [1.0]},
    },
    "add_scalars, main file gone": {"Loss_a": {"Loss": [1.0]}, "Loss_b": {"Loss": [1.0]}},
    "workers": {"worker_0": {"loss": [1.0, 0.5]}, "worker_1": {"loss": [1.0, 0.5]}},
    "workers of Keras": {
        "worker_0/train": TRAIN,
        "worker_0/validation": VALIDATION,
        "worker_1/train": TRAIN,
        "worker_1/validation": VALIDATION,
    },
}
APART: dict[str, dict[str, Points]] = {
    "trials": {"trial_1": {"loss": [1.0]}, "trial_2": {"loss": [1.0]}},
    "versions": {"version_0": {"loss": [1.0]}, "version_1": {"loss": [1.0]}},
    "another day's evaluation": {
        "run": {"loss": {1: 1.0, 9: 0.5}},
        "run/eval": {"loss": {LATER: 0.5}},
    },
    "an older test": {
        "run/train": {"loss": {LATER: 1.0}},
        "run/test": {"loss": {1: 1.0}},
    },
    "other tags": {"run": {"loss": [1.0]}, "run/test": {"reward": [1.0]}},
    "old experiment above": {".": {"loss": {1: 1.0}}, "train": {"loss": {LATER: 1.0}}},
    "below, but no evaluation": {"run": {"loss": [1.0]}, "run/finetune": {"loss": [1.0]}},
    "tasks, one after the other": {
        "worker_0": {"loss": {1: 1.0, 9: 1.0}},
        "worker_1": {"loss": {LATER: 1.0, LATER + 9: 1.0}},
    },
    "workers with other work": {"worker_0": {"loss": [1.0]}, "worker_1": {"queue": [1.0]}},
    "a folder named after nothing": {"run": {"lr": [0.1]}, "run/Loss_a": {"Cost": [1.0]}},
    "two GPUs, two experiments": {"gpu_0": {"loss": [1.0]}, "gpu_1": {"loss": [1.0]}},
}


def lay(directory: Path, folders: Mapping[str, Points]) -> Path:
    for folder, tags in folders.items():
        write(directory / folder, event_file(scalars=tags))
    return directory


def names(report: Report) -> list[str]:
    return [analysis.run.name for analysis in report.analyses]


def only(report: Report) -> Analysis:
    (analysis,) = report.analyses
    return analysis


@pytest.mark.parametrize("name", ONE)
def test_runs_of_one_training_are_judged_as_one_with_their_parts_named(
    name: str, tmp_path: Path
) -> None:
    analysis = only(analyze(lay(tmp_path, ONE[name])))

    assert sorted(part for part, _ in analysis.parts) == sorted(ONE[name])
    assert [bool(why) for _, why in analysis.parts] == [False, *[True] * (len(ONE[name]) - 1)]


@pytest.mark.parametrize("name", [*ONE, *APART])
def test_no_group_takes_them_apart(name: str, tmp_path: Path) -> None:
    folders = ONE.get(name) or APART[name]

    report = analyze(lay(tmp_path, folders), group=False)

    assert sorted(names(report)) == sorted(folders)
    assert all(not analysis.parts for analysis in report.analyses)


@pytest.mark.parametrize("name", APART)
def test_trainings_that_only_look_alike_stay_apart(name: str, tmp_path: Path) -> None:
    assert sorted(names(analyze(lay(tmp_path, APART[name])))) == sorted(APART[name])


def test_a_training_is_called_after_the_folder_that_holds_its_parts(tmp_path: Path) -> None:
    report = analyze(
        lay(
            tmp_path,
            {
                "a/train": TRAIN,
                "a/validation": VALIDATION,
                "b/train": TRAIN,
                "c/worker_0": {"loss": [1.0, 2.0]},
                "c/worker_1": {"loss": [1.0, 2.0]},
            },
        )
    )

    assert names(report) == ["a", "b/train", "c"]


def test_every_point_is_there_and_a_tag_of_two_parts_is_named_with_its_part(
    tmp_path: Path,
) -> None:
    joined = only(analyze(lay(tmp_path, ONE["Keras"]))).run

    assert isinstance(joined, Training)
    assert {key: joined.scalars[key].values.tolist() for key in joined.scalars} == {
        "batch_loss": [1.0, 0.75, 0.5],
        "train/epoch_loss": [0.75],
        "validation/epoch_loss": [1.25],
        "evaluation_loss_vs_iterations": [1.25],
    }
    assert len(joined.scalars) == 4
    assert len(joined.sources) == 2


def test_lines_of_add_scalars_are_told_by_their_names(tmp_path: Path) -> None:
    folders = {
        "run": {"lr": [0.1, 0.1]},
        "run/Loss_train": {"Loss": [1.0, 0.5]},
        "run/Loss_val": {"Loss": [1.0, nan]},
    }

    analysis = only(analyze(lay(tmp_path, folders)))

    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.phase is Phase.VALIDATION
    assert (analysis.first_nonfinite.where, analysis.first_nonfinite.tag) == ("Loss/val", "Loss")
    assert analysis.first_nonfinite.part == "run/Loss_val"


def test_a_monitor_and_keras_below_it_are_one_and_the_record_decides(tmp_path: Path) -> None:
    write(tmp_path, event_file(blocks(*nonfinite_input())))
    lay(tmp_path, {"train": {"epoch_loss": {5: nan}}, "validation": {"epoch_loss": {6: nan}}})

    analysis = only(analyze(tmp_path))

    assert [name for name, _ in analysis.parts] == [".", "train", "validation"]
    assert analysis.verdict is not None
    assert analysis.verdict.cause == "nonfinite-input"
    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.axis == "step"


def test_a_validation_loss_of_another_run_is_seen_beside_a_finite_record(tmp_path: Path) -> None:
    write(tmp_path, event_file(blocks(*healthy())))
    lay(tmp_path, {"train": {"epoch_loss": {5: 0.5}}, "validation": {"epoch_loss": {6: nan}}})

    analysis = only(analyze(tmp_path))

    assert analysis.status == "nonfinite"
    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.part == "validation"


def test_a_part_without_points_is_part_of_a_training_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, event_file(blocks(*healthy())))
    write(tmp_path / "train", event_file())

    assert [name for name, _ in only(analyze(tmp_path)).parts] == [".", "train"]


def test_restarts_of_the_parts_are_put_together(tmp_path: Path) -> None:
    again = 1000  # seconds later
    for number, begin in enumerate([0, again]):
        events = [
            wire.event(step, wire.value("loss", simple_value=1.0), wall_time=1.7e9 + begin + step)
            for step in range(3)
        ]
        write(tmp_path / "train", wire.file_of(wire.version(), *events), number)
    late = wire.event(2, wire.value("loss", simple_value=nan), wall_time=1.7e9 + again + 3)
    write(tmp_path / "test", wire.file_of(wire.version(), late), 1)

    analysis = only(analyze(tmp_path))

    assert len(analysis.run.attempts) == 2
    assert list(analysis.run.attempts[0].scalars) == ["train/loss"]
    assert list(analysis.run.attempts[1].scalars) == ["train/loss", "test/loss"]
    assert any("this is about attempt 2, the first that failed" in n for n in analysis.notes)


def test_a_part_with_fewer_attempts_is_put_to_the_attempt_of_its_time(tmp_path: Path) -> None:
    for number, begin in enumerate([0, 1000]):
        events = [
            wire.event(step, wire.value("loss", simple_value=1.0), wall_time=1.7e9 + begin + step)
            for step in range(3)
        ]
        write(tmp_path / "train", wire.file_of(wire.version(), *events), number)
    early = wire.event(2, wire.value("loss", simple_value=nan), wall_time=1.7e9 + 3)
    write(tmp_path / "test", wire.file_of(wire.version(), early), 1)

    attempts = only(analyze(tmp_path)).run.attempts

    assert [list(a.scalars) for a in attempts] == [["train/loss", "test/loss"], ["train/loss"]]


def test_a_watch_joins_a_part_that_comes_later_and_keeps_what_has_not_changed(
    tmp_path: Path,
) -> None:
    lay(tmp_path, {"a/train": TRAIN, "b/train": TRAIN, "b/validation": VALIDATION})
    watch = Watch(tmp_path)
    before = watch.refresh()
    assert names(before) == ["a/train", "b"]

    lay(tmp_path, {"a/validation": VALIDATION})
    after = watch.refresh()

    assert names(after) == ["a", "b"]
    assert after.analysis("b") is before.analysis("b")
    assert watch.refresh() is after


def test_a_timeline_draws_every_part(tmp_path: Path) -> None:
    drawn = analyze(lay(tmp_path, ONE["Keras"])).timeline_to_dict("run", 10)

    assert {series["name"] for series in drawn["series"]} == {
        "batch_loss",
        "train/epoch_loss",
        "validation/epoch_loss",
        "evaluation_loss_vs_iterations",
    }


@pytest.mark.parametrize("name", ["/", "/a/train", "..", "../train", "a/./train", "a//b"])
def test_names_of_any_form_are_kept(name: str) -> None:
    runs = [Run(name, scalars={}), Run("train", scalars={})]

    assert [part.run for parts in grouped(runs) for part in parts] == runs


def test_ten_thousand_runs_are_sorted_out_at_once() -> None:
    runs = [run(scalars={"loss": [1.0]}, name=f"trial_{n}/train") for n in range(10_000)]
    start = time.perf_counter()

    assert len(grouped(runs)) == len(runs)
    assert time.perf_counter() - start < 5


def put_files(directory: Path, *begins: float, hosts: str = "ab") -> Path:
    """One file for each begin, all with the same steps; the second's loss is NaN at step 7."""
    for number, begin in enumerate(begins):
        events = [
            wire.event(
                step,
                wire.value("loss", simple_value=nan if number and step >= 7 else 1.0),
                wall_time=1.7e9 + begin + step,
            )
            for step in range(100)
        ]
        path = write(directory, wire.file_of(wire.version(), *events), number)
        path.rename(path.with_suffix(f".{hosts[number]}.77.0.v2"))
    return directory


def test_files_that_workers_write_side_by_side_are_one_training(tmp_path: Path) -> None:
    analysis = only(analyze(put_files(tmp_path, 0.0, 1.5)))

    assert len(analysis.parts) == 2
    assert len(analysis.run.attempts) == 1
    assert analysis.status == "nonfinite"
    assert analysis.first_nonfinite is not None
    assert (analysis.first_nonfinite.tag, analysis.first_nonfinite.step) == ("loss", 7)
    assert analysis.first_nonfinite.part.endswith("1700000001.b.77.0.v2")
    assert not any("attempt" in note for note in analysis.notes)


@pytest.mark.parametrize("begin", [30.0, 101.0], ids=["while the other one runs", "afterwards"])
def test_a_training_started_again_is_another_attempt_and_no_worker(
    begin: float, tmp_path: Path
) -> None:
    analysis = only(analyze(put_files(tmp_path, 0.0, begin)))

    assert analysis.parts == ()
    assert len(analysis.run.attempts) == 2


def test_files_of_one_process_are_no_workers(tmp_path: Path) -> None:
    assert only(analyze(put_files(tmp_path, 0.0, 1.5, hosts="aa"))).parts == ()


def test_no_group_takes_the_files_of_workers_for_attempts(tmp_path: Path) -> None:
    analysis = only(analyze(put_files(tmp_path, 0.0, 1.5), group=False))

    assert (analysis.parts, len(analysis.run.attempts)) == ((), 2)
