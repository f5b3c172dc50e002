"""Steps that go back are another attempt; steps that merely repeat or come late are not."""

from __future__ import annotations

import itertools
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer
from analyzer.attempts import Written, divide
from analyzer.events.records import ScalarColumns
from analyzer.series import Run
from tests.analyzer.events import wire
from tests.analyzer.points import CLOCK, events, listed, put, start, steps_of
from tests.analyzer.runs import blocks, event_file
from tests.analyzer.runs import write as write_bytes


def only(log_dir: Path) -> Run:
    (run,) = analyzer.read(log_dir).values()
    return run


def in_one_file(tmp_path: Path, *steps: int) -> list[list[int]]:
    put(tmp_path, events(steps))
    return steps_of(only(tmp_path))


# --- Within a file


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([], "nothing"),
        ([5], "one point"),
        ([1, 0], "a sentinel, as Ray Tune writes for a trial that failed"),
        ([1, 1, 2, 2, 3, 3], "two values a step"),
        ([1, 2, 3, 3, 4], "a step that repeats"),
        ([5, 3, 4, 6], "a point that comes late"),
        ([0, 2, 1, 3, 5, 4, 6], "workers that take turns"),
        ([10, 1, 20, 2, 30, 3], "two counters under one tag"),
        ([0, 1, 2, 3, 4, 1], "a training that has just begun again, or a straggler"),
        ([5, 4, 3, 2, 1, 0], "steps written in reverse"),
    ],
)
def test_steps_that_repeat_or_come_late_are_no_restart(
    steps: list[int], why: str, tmp_path: Path
) -> None:
    assert len(in_one_file(tmp_path, *steps)) <= 1, why


@pytest.mark.parametrize(
    "attempts",
    [
        [[0, 1, 2, 3], [0, 1, 2, 3, 4]],
        [[0, 1, 2, 3], [2, 3, 4]],
        [[0, 10, 20, 30], [15, 25, 35]],
        [[0, 1, 2], [0, 1, 2], [0, 1, 2]],
        [[0, 100, 200, 300], [100, 200, 300, 400], [200, 300]],
        [[0, 0, 1, 1, 2, 2], [1, 1, 2, 2, 3, 3]],
    ],
)
def test_steps_that_are_done_again_are_another_attempt(
    attempts: list[list[int]], tmp_path: Path
) -> None:
    assert in_one_file(tmp_path, *itertools.chain(*attempts)) == attempts


def test_tags_go_back_together_and_one_without_a_fall_is_cut_by_time(tmp_path: Path) -> None:
    first = {"loss": [0, 1, 2, 3], "accuracy": [0, 1, 2, 3], "evaluation": [0]}
    again = {"loss": [1, 2, 3, 4], "accuracy": [1, 2, 3, 4], "evaluation": [4]}
    put(tmp_path, [*events(first), *events(again, begin=CLOCK + 100)])

    run = only(tmp_path)

    # `evaluation` was written at step 0 and not again before step 4: that contradicts nothing.
    assert steps_of(run, "loss") == [first["loss"], again["loss"]]
    assert steps_of(run, "accuracy") == [first["accuracy"], again["accuracy"]]
    assert steps_of(run, "evaluation") == [[0], [4]]


def test_a_counter_that_begins_again_each_epoch_is_no_restart_beside_one_that_goes_on(
    tmp_path: Path,
) -> None:
    made: list[Any] = []
    for epoch in range(3):
        batches = {"batch_loss": [0, 1, 2, 3]}
        made += events(batches, begin=CLOCK + 10 * epoch)
        made += events({"epoch_loss": [epoch]}, begin=CLOCK + 10 * epoch + 5)
    put(tmp_path, made)

    run = only(tmp_path)

    assert steps_of(run, "batch_loss") == [[0, 1, 2, 3] * 3]
    assert steps_of(run, "epoch_loss") == [[0, 1, 2]]


def test_wall_times_that_say_nothing_leave_the_steps_to_decide(tmp_path: Path) -> None:
    made = events([0, 1, 2, 3, 0, 1, 2, 3])
    for event in made:
        event.wall_time = CLOCK
    put(tmp_path, made)

    assert steps_of(only(tmp_path)) == [[0, 1, 2, 3], [0, 1, 2, 3]]


def test_a_session_start_in_the_middle_makes_a_single_step_back_a_restart(tmp_path: Path) -> None:
    put(tmp_path / "with", [*events([0, 1, 2, 3]), start(2), *events([2, 5])])
    put(tmp_path / "without", [*events([0, 1, 2, 3]), *events([2, 5])])

    runs = analyzer.read(tmp_path)

    assert steps_of(runs["with"]) == [[0, 1, 2, 3], [2, 5]]
    assert steps_of(runs["without"]) == [[0, 1, 2, 3, 2, 5]]


# --- Several files


@pytest.mark.parametrize(
    ("first", "second", "attempts"),
    [
        ([0, 1, 2], [3, 4], 1),  # it goes on
        ([0, 1, 2], [0, 1, 2], 2),  # from the beginning
        ([0, 1, 2], [2, 3], 2),  # from a checkpoint: the last step again
        ([0, 10, 20], [15, 25], 2),  # from a checkpoint between two points
        ([0], [0, 1], 2),  # nothing but the first step was reached
        ([0, 1, 2], [1], 2),  # it has only just begun
        ([1, 0], [2, 3], 1),  # the first is out of order in itself
        ([], [0], 1),
    ],
)
def test_a_later_file_goes_on_or_starts_again(
    first: list[int], second: list[int], attempts: int, tmp_path: Path
) -> None:
    put(tmp_path, events(first), 0)
    put(tmp_path, events(second), 1)

    run = only(tmp_path)

    assert len(run.attempts) == attempts
    assert run.scalars["loss"].steps.tolist() == [*first, *second]


def test_a_file_of_other_tags_is_no_restart(tmp_path: Path) -> None:
    put(tmp_path, events({"loss": [0, 1, 2]}), 0)
    put(tmp_path, events({"evaluation": [0, 1, 2]}), 1)

    (attempt,) = only(tmp_path).attempts

    assert set(attempt.scalars) == {"loss", "evaluation"}
    assert len(attempt.files) == 2


def test_one_tag_that_repeats_its_last_step_does_not_make_a_file_start_again(
    tmp_path: Path,
) -> None:
    put(tmp_path, events({"loss": [0, 1, 2], "epoch": [0, 0, 2]}), 0)
    put(tmp_path, events({"loss": [3, 4], "epoch": [2, 4]}), 1)

    assert len(only(tmp_path).attempts) == 1


def test_a_file_with_a_session_start_begins_again_also_at_the_step_that_was_reached(
    tmp_path: Path,
) -> None:
    put(tmp_path, events({"loss": [0, 1, 2], "epoch": [0, 0, 2]}), 0)
    put(tmp_path, [start(2), *events({"loss": [3, 4], "epoch": [2, 4]})], 1)

    assert len(only(tmp_path).attempts) == 2


def test_health_and_scalars_start_again_together(tmp_path: Path) -> None:
    health = blocks({"loss": [3.0, 2.0, 1.0]})
    for number in range(2):
        content = event_file(health, scalars={"train/loss": [3.0, 2.0, 1.0]})
        write_bytes(tmp_path, content, number)

    first, second = only(tmp_path).attempts

    for attempt in (first, second):
        assert attempt.health is not None
        assert attempt.health.steps.tolist() == [0, 1, 2]
        assert attempt.scalars["train/loss"].steps.tolist() == [0, 1, 2]
    assert [a.number for a in (first, second)] == [1, 2]


# --- Nothing is purged


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"),
            st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99)), min_size=1, max_size=30),
        ),
        max_size=4,
    )
)
def test_every_point_is_in_exactly_one_attempt_in_its_order(
    files: list[dict[str, list[tuple[int, int]]]],
) -> None:
    written = [
        Written(str(number), {tag: columns_of(points) for tag, points in file.items()})
        for number, file in enumerate(files)
    ]

    parts = [part for attempt in divide(written) for part in attempt]

    for tag in "abc":
        before = [point for file in files for point in file.get(tag, [])]
        after = [
            (step, int(time))
            for part in parts
            if tag in part.scalars
            for step, time in zip(
                part.scalars[tag].steps, part.scalars[tag].wall_times, strict=True
            )
        ]
        assert after == before


def columns_of(points: list[tuple[int, int]]) -> ScalarColumns:
    steps, times = zip(*points, strict=True)
    return ScalarColumns(np.array(steps), np.array(times, float), np.zeros(len(points)))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_an_attempt_never_climbs_twice_through_two_of_its_steps(steps: list[int]) -> None:
    """An independent reading of the law, with plain loops over every pair of neighbours."""
    points = [(step, number) for number, step in enumerate(steps)]
    found = [
        part.scalars["a"].steps.tolist()
        for attempt in divide([Written("f", {"a": columns_of(points)})])
        for part in attempt
    ]

    assert found == divided_by_loops(steps)


def divided_by_loops(steps: list[int]) -> list[list[int]]:
    attempts = [[steps[0]]]
    for at in range(1, len(steps)):
        done = sorted(set(attempts[-1]))
        end = at + 1
        while end < len(steps) and steps[end] >= steps[end - 1]:
            end += 1
        different = sorted(set(steps[at:end]))
        redone = [step for step in done if step >= steps[at]]
        again = len(different) > 1 and different[1] <= done[-1]
        if steps[at] < steps[at - 1] and len(redone) > 1 and again:
            attempts.append([])
        attempts[-1].append(steps[at])
    return attempts


# --- The verdict


def failing(bad: range, steps: range, begin: float = CLOCK) -> list[Any]:
    return [
        wire.event(
            step,
            wire.value("loss", simple_value=nan if step in bad else 1.0),
            wall_time=begin + step,
        )
        for step in steps
    ]


@pytest.mark.parametrize("files", [1, 2])
def test_the_nan_that_somebody_restarted_from_is_found(files: int, tmp_path: Path) -> None:
    first = failing(range(900, 1000), range(1000))
    again = failing(range(0), range(800, 2000), CLOCK + 10_000)
    if files == 1:
        put(tmp_path, [*first, *again])
    else:
        put(tmp_path, first, 0)
        put(tmp_path, again, 1)

    (analysis,) = analyzer.analyze(tmp_path).analyses

    assert analysis.status == "nonfinite"
    assert analysis.first_nonfinite is not None
    assert (analysis.first_nonfinite.step, analysis.first_nonfinite.last_finite_step) == (900, 899)
    assert (
        "This directory holds 2 attempts at a training; this is about attempt 1, the first that "
        "failed." in analysis.notes
    )


@pytest.mark.parametrize(
    ("bad", "step", "status"),
    [
        (range(12345, 12346), 12345, "recovered"),
        (range(333, 334), 333, "recovered"),
        (range(40_000, 50_000), 40_000, "nonfinite"),
    ],
)
def test_one_bad_point_among_fifty_thousand_is_found(
    bad: range, step: int, status: str, tmp_path: Path
) -> None:
    put(tmp_path, failing(bad, range(50_000)))

    (analysis,) = analyzer.analyze(tmp_path).analyses

    assert analysis.first_nonfinite is not None
    assert (analysis.first_nonfinite.step, analysis.status) == (step, status)


def test_scalars_of_an_attempt_before_the_monitor_was_added_are_judged_too(
    tmp_path: Path,
) -> None:
    write_bytes(tmp_path, event_file(scalars={"loss": [1.0, nan, nan]}), 0)
    monitored = event_file(blocks({"loss": [3.0, 2.0]}), scalars={"loss": [3.0, 2.0]})
    write_bytes(tmp_path, monitored, 1)

    (analysis,) = analyzer.analyze(tmp_path).analyses

    assert analysis.first_nonfinite is not None
    assert (analysis.first_nonfinite.tag, analysis.first_nonfinite.step) == ("loss", 1)
    assert any("attempt 1, the first that failed" in note for note in analysis.notes)


def test_points_of_all_attempts_together_are_what_the_file_holds(tmp_path: Path) -> None:
    put(tmp_path, events([0, 1, 2, 0, 1, 2]))

    run = only(tmp_path)

    apart = [point for a in run.attempts for point in listed(a.scalars["loss"])]
    assert apart == listed(run.scalars["loss"])
    assert [step for step, _ in apart] == [0, 1, 2, 0, 1, 2]
