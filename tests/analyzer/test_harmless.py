"""Non-finite numbers that are no failure, and their neighbours that are one."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest

from analyzer.analysis import Analysis, analyze_run
from analyzer.roles import Role
from analyzer.series import Attempt, Run, Series
from tests.analyzer.runs import run

LOSS = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]


def on(**tags: Any) -> Analysis:
    return analyze_run(run(scalars={tag.replace("__", "/"): of for tag, of in tags.items()}))


def roles(analysis: Analysis) -> dict[str, Role]:
    return {use.key: use.role for use in analysis.tags}


@pytest.mark.parametrize("tag", ["train__grad_norm", "gnorm", "amp__grad_scale"])
@pytest.mark.parametrize("bad", [inf, nan])
def test_steps_that_loss_scaling_skipped_are_a_note(tag: str, bad: float) -> None:
    analysis = on(train__loss=LOSS, **{tag: [bad, bad, 1.0, 1.0, bad, 1.0]})

    assert (analysis.status, analysis.verdict) == ("healthy", None)
    (note,) = analysis.notes
    assert "3 times, first at its step 0, and came back: dynamic loss scaling skips" in note


def test_a_gradient_that_stays_bad_is_no_skipped_step() -> None:
    analysis = on(train__loss=LOSS, train__grad_norm=[inf, 1.0, 1.0, 1.0, nan, nan])

    assert analysis.status == "silent"
    assert analysis.first_nonfinite is not None
    assert (analysis.first_nonfinite.step, analysis.first_nonfinite.last_finite_step) == (4, 3)


def test_a_skipped_step_long_before_is_not_where_a_loss_broke() -> None:
    analysis = on(train__loss=[*LOSS, nan], train__grad_norm=[inf, 1.0, 1.0, 1.0, 1.0, 1.0, nan])

    assert analysis.status == "nonfinite"
    assert analysis.first_nonfinite is not None
    assert (analysis.first_nonfinite.tag, analysis.first_nonfinite.step) == ("train/loss", 6)


def test_a_gradient_that_broke_a_step_before_the_loss_is_the_first() -> None:
    analysis = on(train__loss=[*LOSS, nan], train__grad_norm=[1.0, 1.0, 1.0, 1.0, 1.0, nan, nan])

    assert analysis.status == "nonfinite"
    assert analysis.first_nonfinite is not None
    assert (analysis.first_nonfinite.tag, analysis.first_nonfinite.step) == ("train/grad_norm", 5)


@pytest.mark.parametrize("tag", ["best_val_loss", "ray__tune__mean_reward", "best_loss"])
def test_an_infinity_that_stands_for_no_value_yet_is_a_sentinel(tag: str) -> None:
    analysis = on(loss=LOSS, **{tag: [-inf, -inf, 1.0, 1.0, 1.0, 1.0]})

    assert analysis.status == "healthy"
    assert roles(analysis)[tag.replace("__", "/")] is Role.SENTINEL
    assert "stands for a value that there is not yet" in analysis.notes[0]


@pytest.mark.parametrize(
    "best", [[1.0, inf, 1.0, 1.0, 1.0, 1.0], [inf, 1.0, 1.0, 1.0, 1.0, nan]], ids=["later", "again"]
)
def test_a_best_loss_that_breaks_later_is_no_sentinel(best: list[float]) -> None:
    assert on(loss=LOSS, best_val_loss=best).status in ("nonfinite", "recovered")


def twice(values: list[float], losses: list[float] | None = None) -> Analysis:
    """A tag written twice in each step, and another loss."""
    steps = np.repeat(np.arange(len(values) // 2), 2)
    gan = Series(steps, np.array(values), 1.7e9 + steps.astype(np.float64))
    other = losses or [1.0] * (len(values) // 2)
    single = np.arange(len(other))
    known = Series(single, np.array(other), 1.7e9 + single.astype(np.float64))
    tags = {"gan_loss": gan, "other_loss": known}
    return analyze_run(Run("run", tags, (Attempt(1, scalars=tags),)))


def test_an_infinity_of_one_of_two_quantities_in_a_tag_is_a_note() -> None:
    analysis = twice([0.1, -9.0, 1.0, -inf, 2.0, -8.0, 1.0, -7.0])

    assert (analysis.status, analysis.first_nonfinite) == ("healthy", None)
    assert "gan_loss is -Inf once, first at its step 1, and came back." in analysis.notes[0]


@pytest.mark.parametrize(
    ("values", "losses", "step"),
    [
        ([0.1, -9.0, 1.0, -inf, 2.0, nan, nan, nan], None, 2),
        ([0.1, -9.0, 1.0, -inf, 2.0, 1.0, nan, nan], [1.0, 1.0, nan, nan], 2),
        ([0.1, -9.0, 1.0, -9.0, -inf, -inf, -inf, -inf], None, 2),
        ([0.1, -9.0, 1.0, 1.0, 2.0, -inf, 1.0, 1.0], [1.0, 1.0, nan, nan], 2),
    ],
    ids=["NaN later", "another loss breaks", "it stays so", "infinite as another breaks"],
)
def test_such_a_tag_can_fail_all_the_same(
    values: list[float], losses: list[float] | None, step: int
) -> None:
    analysis = twice(values, losses)

    assert analysis.status == "nonfinite"
    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.step == step


def test_a_metric_that_broke_with_the_loss_gets_no_note_of_its_own() -> None:
    analysis = on(loss=[1.0, nan], mae=[1.0, nan])

    assert analysis.notes == ()
    assert analysis.verdict is not None
    assert "mae is bad too." in analysis.verdict.summary
    assert roles(analysis) == {"loss": Role.LOSS, "mae": Role.METRIC}


def test_a_metric_that_broke_long_before_the_loss_does() -> None:
    assert on(loss=[1.0, 1.0, nan], auc=[nan, 1.0, 1.0]).notes[0].startswith("auc is NaN once")


def test_a_loss_that_came_back_is_a_passing_spike() -> None:
    analysis = on(loss=[1.0, inf, 0.9])

    assert analysis.status == "recovered"
    assert analysis.verdict is not None
    assert analysis.verdict.cause == "unknown"
    assert "It came back, and training went on: a passing spike." in analysis.verdict.summary


def test_a_spike_before_a_failure_is_a_failure() -> None:
    assert on(loss_a=[1.0, inf, 0.9, 0.8], loss_b=[1.0, 1.0, 1.0, nan]).status == "nonfinite"


def test_hugging_face_hides_a_nan_of_the_loss() -> None:
    tags = {"train__loss": [1.0, 0.0, 0.0], "train__grad_norm": [1.0, nan, nan]}
    analysis = on(**tags, train__epoch=[0.0, 0.1, 0.2])

    assert analysis.status == "silent"
    assert analysis.verdict is not None
    assert "hides a NaN of the loss by default" in analysis.verdict.summary


def test_a_finite_loss_beyond_all_use_is_unhealthy() -> None:
    analysis = on(loss=[1.0, 1e4, 1e8, 1e9])

    assert (analysis.status, analysis.first_nonfinite) == ("unhealthy", None)
    assert analysis.verdict is not None
    assert analysis.verdict.cause == "unknown"
    assert analysis.verdict.summary.startswith("loss went from 1 to 1e+09 and is finite as yet")


@pytest.mark.parametrize(
    "losses",
    [[8e12, 1e9, 1e6, 1e3], [0.001, 5.0, 900.0, 2e5], [1.0, 1e9, 2.0, 1.0]],
    ids=["falling from a height", "a critic that grows", "a spike"],
)
def test_large_losses_of_healthy_trainings_are_healthy(losses: list[float]) -> None:
    assert on(train__value_loss=losses).status == "healthy"
