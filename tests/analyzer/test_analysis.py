"""What is said of a whole run: its status, its first bad step, and what else is worth knowing."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from analyzer.analysis import Analysis, FirstNonfinite, analyze_run
from analyzer.series import Health, Run, Source
from tb_nan_plugin.signals import Phase
from tests.analyzer.descent import data, descend
from tests.analyzer.failures import (
    FAILURES,
    LINEAR,
    failure,
    healthy,
    nonfinite_input,
    output_activation_mismatch,
    status_of,
)
from tests.analyzer.runs import environment, health, run

QUIET = {"weight_nan of dense/kernel": 0.0, "gradient_nan of dense/kernel": 0.0}


def of(columns: Any, facts: Any = None, **more: Any) -> Analysis:
    return analyze_run(run(health(columns, facts), **more))


def first(analysis: Analysis) -> FirstNonfinite:
    assert analysis.first_nonfinite is not None
    return analysis.first_nonfinite


def cause(analysis: Analysis) -> str | None:
    return None if analysis.verdict is None else analysis.verdict.cause


# --- Status, from a health record


def test_a_finite_run_that_learns_is_healthy() -> None:
    analysis = of(*healthy())

    assert analysis.status == "healthy"
    assert analysis.first_nonfinite is None
    assert analysis.verdict is None
    assert analysis.findings == ()
    assert analysis.notes == ()
    assert analysis.complete


def test_a_finite_run_that_something_harms_is_unhealthy() -> None:
    analysis = of(*output_activation_mismatch())

    assert analysis.status == "unhealthy"
    assert analysis.first_nonfinite is None
    assert cause(analysis) == "output-activation-mismatch"


def test_a_run_whose_loss_breaks_is_nonfinite() -> None:
    analysis = of(*nonfinite_input())

    assert analysis.status == "nonfinite"
    assert first(analysis) == FirstNonfinite(
        step=13,
        last_finite_step=12,
        phase=Phase.INPUT,
        where="feature 1",
        kind="nan",
        tag="input_nan",
        axis="step",
    )
    assert cause(analysis) == "nonfinite-input"


def test_a_run_whose_weights_break_under_a_finite_loss_is_silent() -> None:
    analysis = of({**QUIET, "loss": 8.5, "gradient_nan of dense/kernel": [0.0, 0.0, 4.0]})

    assert analysis.status == "silent"
    assert (first(analysis).step, first(analysis).phase) == (2, Phase.BACKWARD)
    assert first(analysis).where == "dense/kernel"


def test_a_bad_batch_that_leaves_no_trace_in_later_steps_has_recovered() -> None:
    analysis = of({**QUIET, "loss": [1.0, inf, 0.9, 0.8]})

    assert analysis.status == "recovered"
    assert (first(analysis).step, first(analysis).kind) == (1, "inf")


def test_a_run_that_ends_in_its_first_bad_step_has_not_recovered() -> None:
    assert of({**QUIET, "loss": [1.0, nan]}).status == "nonfinite"


def test_weights_that_stay_bad_have_not_recovered() -> None:
    columns = {"loss": [1.0, nan, 0.9], "weight_nan of dense/kernel": [0.0, 0.0, 8.0]}

    assert of(columns).status == "nonfinite"


def test_weights_bad_when_a_step_begins_were_made_bad_by_the_update_before() -> None:
    analysis = of({"loss": 1.0, "weight_nan of dense/kernel": [0.0, 0.0, 0.0, 8.0]})

    assert (first(analysis).step, first(analysis).phase) == (2, Phase.UPDATE)
    assert first(analysis).last_finite_step == 1


def test_weights_bad_in_the_first_step_came_from_outside() -> None:
    analysis = of({"loss": [nan, nan], "weight_nan of dense/kernel": 8.0})

    assert (first(analysis).step, first(analysis).phase) == (0, Phase.WEIGHTS)
    assert first(analysis).last_finite_step is None


@pytest.mark.parametrize("rows", [1, 3, 10, 100])
def test_the_same_is_said_however_the_rows_were_cut_into_blocks(rows: int) -> None:
    columns = {"loss": 1.0, "weight_nan of dense/kernel": [0.0] * 6 + [8.0] * 5}

    analysis = analyze_run(run(health(columns, rows=rows)))

    assert (first(analysis).step, first(analysis).phase) == (5, Phase.UPDATE)
    assert analysis.status == "silent"


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_is_found_however_it_was_cut(name: str, rows: int) -> None:
    analysis = analyze_run(run(health(*FAILURES[name](), rows=rows)))
    trouble = failure(name).trouble

    assert cause(analysis) == name
    assert (None if trouble is None else trouble.step) == (
        None if analysis.first_nonfinite is None else analysis.first_nonfinite.step
    )
    assert analysis.status == status_of(name)


def test_gradients_that_overflow_under_loss_scaling_are_that_scheme_at_work() -> None:
    columns = {
        "loss": 1.0,
        "gradient_posinf of dense/kernel": [4.0, 4.0, 0.0, 0.0, 4.0, 0.0],
        "loss_scale": [32768.0, 16384.0, 8192.0, 8192.0, 16384.0, 8192.0],
    }

    assert of(columns).status == "healthy"
    without = {key: c for key, c in columns.items() if key != "loss_scale"}
    assert of(without).status == "recovered"


def test_a_negative_infinity_where_nothing_is_counted_is_no_trouble() -> None:
    assert of({"loss": [1.0, 0.9], "prediction_min": [-inf, -inf]}).status == "healthy"


# --- Attempts


def test_the_first_failed_attempt_is_the_one_that_is_explained() -> None:
    good, bad = health(*healthy()), health(*nonfinite_input())

    worse = health({"loss": [nan, nan]})

    analysis = analyze_run(run(good, bad, worse, good))

    assert analysis.status == "nonfinite"
    assert cause(analysis) == "nonfinite-input"
    assert analysis.notes == (
        "This directory holds 4 attempts at a training; this is about attempt 2, the first that "
        "failed.",
    )


def test_of_finite_attempts_the_last_is_judged() -> None:
    analysis = analyze_run(run(health(*healthy()), health(*output_activation_mismatch())))

    assert analysis.status == "unhealthy"
    assert "attempt 2, the last" in analysis.notes[0]


def test_steps_before_the_trouble_are_those_of_the_same_attempt() -> None:
    late = health({"loss": [1.0, nan]}, first_step=100)

    analysis = analyze_run(run(health({"loss": [1.0, 0.9]}), late))

    assert (first(analysis).step, first(analysis).last_finite_step) == (101, 100)


# --- What was not observed


def test_says_what_the_recorder_could_not_observe() -> None:
    facts = environment(unobserved={"layer lambda": "its output is no tensor"})

    assert of({"loss": [1.0]}, facts).notes == (
        "Not observed: layer lambda (its output is no tensor).",
    )


# --- Nothing to judge


def source(status: str) -> Source:
    return Source("f", status, 0, 10, "" if status == "ok" else "It is broken.")


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["ok"], "empty"),
        (["truncated"], "empty"),
        (["corrupt"], "unreadable"),
        (["not-events"], "unreadable"),
        (["unreadable"], "unreadable"),
    ],
)
def test_a_run_without_points_is_empty_or_unreadable(statuses: list[str], status: str) -> None:
    sources = tuple(source(s) for s in statuses)

    analysis = analyze_run(Run("run", sources=sources))

    assert analysis.status == status
    assert analysis.verdict is None
    assert analysis.complete is (statuses == ["ok"])


def test_damage_makes_a_run_incomplete_and_is_named() -> None:
    plain = run(health(*healthy()))
    damaged = Run(plain.name, {}, plain.attempts, (source("ok"),), ("A block was left out.",))

    analysis = analyze_run(damaged)

    assert not analysis.complete
    assert analysis.notes == ("A block was left out.",)
    assert analysis.status == "healthy"


def test_the_findings_are_all_there_the_verdicts_own_first() -> None:
    x, y = data()
    columns = descend(x * 300, y, rate=10.0)

    analysis = of(columns, LINEAR)

    assert cause(analysis) is not None
    assert cause(analysis) == analysis.findings[0].cause
    assert len({finding.cause for finding in analysis.findings}) == len(analysis.findings)


def test_an_attempt_without_a_known_column_is_healthy_rather_than_a_crash() -> None:
    assert analyze_run(run(health({"flux_of_the_future": [nan]}))).status == "healthy"
    assert isinstance(health({"loss": [1.0]}), Health)


# --- Updates that the monitor took back


@pytest.mark.parametrize(
    ("skipped", "note"),
    [
        (
            [0.0, 1.0, 0.0],
            "The update of 1 step was taken back by on_nonfinite, for it was not finite: 1.",
        ),
        (
            [1.0, 0.0, 1.0],
            "The updates of 2 steps were taken back by on_nonfinite, for they were not finite: "
            "0, 2.",
        ),
        (
            [1.0] * 12,
            "The updates of 12 steps were taken back by on_nonfinite, for they were not finite: "
            "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more.",
        ),
    ],
)
def test_skipped_updates_are_counted(skipped: list[float], note: str) -> None:
    loss = [nan if gone else 0.5 for gone in skipped]
    analysis = of({**QUIET, "loss": loss, "update_skipped": skipped})

    assert note in analysis.notes


def test_nothing_is_said_where_no_update_was_skipped() -> None:
    assert of({**QUIET, "loss": 0.5, "update_skipped": [0.0, 0.0]}).notes == ()
