"""Binning loses no extreme and nothing non-finite, whatever the points."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.timeline import MOST_SERIES, binned, tracks
from tests.analyzer.descent import data, descend
from tests.analyzer.failures import LINEAR
from tests.analyzer.runs import health, run, series

points = st.lists(
    st.one_of(st.floats(), st.sampled_from([nan, inf, -inf])), min_size=1, max_size=300
)


@given(values=points, most=st.integers(1, 80))
def test_every_bin_is_what_numpy_says_of_its_points(values: list[float], most: int) -> None:
    bins = binned(series(values), most)

    assert 1 <= len(bins.step) <= most
    covered: list[int] = []
    for i, (first, last) in enumerate(zip(bins.step, bins.step_end, strict=True)):
        part = np.array(values[first : last + 1])
        finite = part[np.isfinite(part)]
        covered += range(first, last + 1)
        assert bins.nan[i] == np.isnan(part).sum()
        assert bins.posinf[i] == (part == inf).sum()
        assert bins.neginf[i] == (part == -inf).sum()
        np.testing.assert_array_equal(bins.low[i], finite.min() if len(finite) else nan)
        np.testing.assert_array_equal(bins.high[i], finite.max() if len(finite) else nan)
        np.testing.assert_array_equal(bins.last[i], part[-1])
    assert covered == list(range(len(values)))


@given(values=points)
def test_what_fits_is_drawn_point_by_point(values: list[float]) -> None:
    bins = binned(series(values), len(values))

    assert bins.step.tolist() == bins.step_end.tolist() == list(range(len(values)))
    np.testing.assert_array_equal(bins.last, values)


@pytest.mark.parametrize("at", [0, 1, 4_999, 99_998, 99_999])
def test_one_bad_point_among_many_is_kept(at: int) -> None:
    values = np.ones(100_000)
    values[at] = nan

    bins = binned(series(dict(enumerate(values.tolist()))), 100)

    assert bins.nan.sum() == 1
    (bad,) = np.flatnonzero(bins.nan)
    assert bins.step[bad] <= at <= bins.step_end[bad]


def test_steps_that_start_again_keep_first_and_last_of_their_bin() -> None:
    restarted = series({0: 1.0, 10: 2.0, 5: 3.0, 6: 4.0})

    bins = binned(restarted, 2)

    assert bins.step.tolist() == [0, 5]
    assert bins.step_end.tolist() == [10, 6]


def test_loss_and_gradient_norm_come_first() -> None:
    record = health(descend(*data()), LINEAR)

    found = tracks(run(record, scalars={"a_metric": [1.0], "epoch_loss": [1.0]}), 10)

    assert [(t.name, t.role, t.axis) for t in found] == [
        ("loss", "loss", "step"),
        ("epoch_loss", "loss", "tag"),
        ("gradient_norm", "gradient_norm", "step"),
        ("learning_rate", "learning_rate", "step"),
        ("weight_norm", "other", "step"),
        ("a_metric", "other", "tag"),
    ]
    assert found[0].points == 60


def test_attempts_are_drawn_apart() -> None:
    twice = run(health({"loss": [1.0]}), health({"loss": [2.0]}))

    assert [t.label for t in tracks(twice, 10)] == [
        "Loss of each batch (attempt 1)",
        "Loss of each batch (attempt 2)",
    ]


def test_a_page_draws_a_bounded_number_of_series_and_losses_survive_the_bound() -> None:
    many = {f"m{i:03}": [1.0] for i in range(200)}

    found = tracks(run(scalars={**many, "zz_loss": [1.0]}), 10)

    assert len(found) == MOST_SERIES
    assert found[0].name == "zz_loss"


def test_a_run_without_points_draws_nothing() -> None:
    assert tracks(run(), 10) == []
