"""Columns over steps: what was recorded comes back, gaps and non-finite numbers included."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.series import Health
from tb_nan_plugin.signals import Signal
from tests.analyzer.runs import START, blocks, health, series

numbers = st.one_of(st.none(), st.floats(width=32))


@given(column=st.lists(numbers, min_size=1, max_size=50), rows=st.integers(1, 60))
def test_a_column_comes_back_however_it_was_cut_into_blocks(
    column: list[float | None], rows: int
) -> None:
    record = health({"loss": column, "learning_rate": 0.1}, first_step=5, rows=rows)
    known = {step: v for step, v in enumerate(column, start=5) if v is not None}

    loss = record.series(Signal.LOSS)

    assert record.steps.tolist() == list(range(5, 5 + len(column)))
    assert record.wall_times.tolist() == [START + step for step in record.steps.tolist()]
    if not known:
        assert loss is None
        return
    assert loss is not None
    assert loss.steps.tolist() == list(known)
    np.testing.assert_array_equal(loss.values, list(known.values()))
    assert loss.values.dtype == np.float64


def test_a_column_that_no_block_names_is_no_series() -> None:
    record = health({"loss": [1.0, 2.0]})

    assert record.series(Signal.LEARNING_RATE) is None
    assert record.series(Signal.LOSS, "elsewhere") is None
    assert record.places(Signal.LEARNING_RATE) == ()


def test_a_column_is_unpacked_once() -> None:
    record = health({"loss": [1.0, 2.0]})

    assert record.series(Signal.LOSS) is record.series(Signal.LOSS)


def test_places_keep_the_order_in_which_they_were_recorded() -> None:
    record = health({f"input_nan of {name}": [0.0] for name in ("b", "a", "c")})

    assert record.places(Signal.INPUT_NAN) == ("b", "a", "c")


def test_columns_of_several_manifests_are_put_together() -> None:
    early = health({"loss": [1.0, 2.0], "weight_norm of a": [3.0, 4.0]}, {"python": "3.10"})
    late = health({"weight_norm of b": [5.0], "loss": [6.0]}, {"python": "3.13"}, first_step=2)

    record = Health([*early.blocks, *late.blocks])
    loss, b = record.series(Signal.LOSS), record.series(Signal.WEIGHT_NORM, "b")

    assert record.places(Signal.WEIGHT_NORM) == ("a", "b")
    assert record.environment["python"] == "3.13"
    assert loss is not None
    assert b is not None
    assert loss.values.tolist() == [1.0, 2.0, 6.0]
    assert b.steps.tolist() == [2]


def test_names_of_a_newer_version_are_kept_and_do_no_harm() -> None:
    record = health({"flux_of_the_future": [1.0], "loss": [2.0]})

    assert record.columns[0].known is None
    assert record.columns[1].known is Signal.LOSS


def test_an_empty_record_has_no_environment() -> None:
    assert Health([]).environment == {}
    assert Health([]).columns == ()


@pytest.mark.parametrize(("step", "found"), [(0, 1.0), (3, nan), (7, inf), (1, None), (8, None)])
def test_at_gives_the_number_of_exactly_that_step(step: int, found: float | None) -> None:
    observed = series({0: 1.0, 3: nan, 7: inf}).at(step)

    assert observed == pytest.approx(found, nan_ok=True) if found is not None else observed is None


def test_at_gives_the_first_of_a_repeated_step() -> None:
    twice = health({"loss": [1.0]})
    record = Health([*twice.blocks, *health({"loss": [2.0]}).blocks])
    loss = record.series(Signal.LOSS)

    assert loss is not None
    assert loss.at(0) == 1.0


@given(st.dictionaries(st.integers(-5, 50), st.floats(), max_size=30), st.integers(-6, 51))
def test_parts_hold_just_what_they_say(points: dict[int, float], step: int) -> None:
    whole = series(points)

    assert whole.before(step).steps.tolist() == [s for s in points if s < step]
    finite = whole.finite()
    assert finite.values.tolist() == [v for v in points.values() if np.isfinite(v)]
    assert len(finite) == len(finite.steps) == len(finite.wall_times)


def test_the_builder_writes_a_manifest_before_the_rows() -> None:
    packed = blocks({"loss": [1.0, 2.0, 3.0]}, rows=2)

    assert [step for step, _ in packed] == [0, 1, 2]
