"""What TensorBoard's own charts get of a training: few points, and the telling ones among them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tb_nan_plugin.charts import ALL_OF_THE_FIRST, Charts, Point
from tb_nan_plugin.record import Column

COLUMNS = (
    Column("loss"),
    Column("learning_rate"),
    Column("gradient_norm", "a"),
    Column("gradient_norm", "b"),
)


def points(
    rows: npt.NDArray[np.float64], bad_step: int | None = None, whole: int = 0
) -> list[Point]:
    charts = Charts()
    charts._whole = whole
    give(charts, rows, 0, bad_step)
    return list(charts.take(at_once=True))


def give(charts: Charts, rows: npt.NDArray[np.float64], first: int, bad_step: int | None) -> None:
    steps = np.arange(first, first + len(rows))
    values = rows.astype(np.float32)
    times = 1e9 + steps
    present = np.ones(values.shape, np.bool_)
    charts.add(COLUMNS, steps, times.astype(np.float64), values, present, bad_step)


def rows(n: int) -> npt.NDArray[np.float64]:
    generator = np.random.default_rng(0)
    return np.abs(generator.normal(size=(n, 4))) + 0.1


def test_the_first_steps_are_all_drawn() -> None:
    table = rows(300)

    found = points(table, whole=ALL_OF_THE_FIRST)

    assert [step for _, step, _ in found] == list(range(300))
    for i, (values, _, wall_time) in enumerate(found):
        assert wall_time == 1e9 + i
        assert values["nan/loss"] == np.float32(table[i, 0])
        assert values["nan/gradient_norm"] == pytest.approx(np.linalg.norm(table[i, 2:]), rel=1e-6)
        assert values["nan/learning_rate"] == np.float32(table[i, 1])
        assert values["nan/nonfinite"] == 0


def test_later_few_are_drawn_and_the_extremes_are_among_them() -> None:
    table = rows(1000)

    found = points(table)

    steps = [step for _, step, _ in found]
    norms = np.linalg.norm(table[:, 2:], axis=1)
    assert steps == sorted(set(steps))
    assert len(steps) <= 12
    assert {int(table[:, 0].argmin()), int(table[:, 0].argmax()), int(norms.argmax()), 999} <= set(
        steps
    )


def test_a_single_step_that_is_not_finite_is_drawn() -> None:
    table = rows(1000)
    table[437, 0] = np.nan
    table[612, 3] = np.inf

    found = {step: values for values, step, _ in points(table, bad_step=437)}

    assert np.isnan(found[437]["nan/loss"])
    assert found[612]["nan/gradient_norm"] == np.inf
    assert found[436]["nan/nonfinite"] == 0
    assert found[437]["nan/nonfinite"] == 1


def test_when_all_is_lost_the_points_stay_few() -> None:
    assert len(points(np.full((1000, 4), np.nan), bad_step=0)) <= 12


def test_points_wait_until_it_is_time() -> None:
    charts = Charts()
    charts._whole = 0
    drawn = []
    for step in range(2000):
        give(charts, rows(1), step, None)
        drawn += list(charts.take())
    drawn += list(charts.take(at_once=True))

    steps = [step for _, step, _ in drawn]
    assert len(steps) <= 60  # a second or three, at most a dozen each
    assert steps[-1] == 1999
    assert steps == sorted(set(steps))


def test_what_waits_for_its_time_takes_little_room() -> None:
    charts = Charts()
    charts._whole = 0
    list(charts.take(at_once=True))
    charts._last = float("inf")
    table = rows(20_000)
    for first in range(0, 20_000, 100):
        give(charts, table[first : first + 100], first, None)

    assert sum(len(part[0]) for part in charts._waiting) < 5000
    drawn = {step: values for values, step, _ in charts.take(at_once=True)}
    assert len(drawn) <= 12
    for extreme in (table[:, 0].argmin(), table[:, 0].argmax()):
        assert drawn[int(extreme)]["nan/loss"] == np.float32(table[extreme, 0])


def test_a_step_that_is_known_bad_only_afterwards_is_marked_all_the_same() -> None:
    charts = Charts()
    give(charts, rows(5), 0, None)
    first = list(charts.take(at_once=True))
    give(charts, rows(5), 5, 4)
    second = list(charts.take(at_once=True))

    assert [values["nan/nonfinite"] for values, _, _ in first] == [0] * 5
    assert second[0] == ({"nan/nonfinite": 1.0}, 4, 1e9 + 5)
    assert all(values["nan/nonfinite"] == 1 for values, _, _ in second)


def test_what_was_not_measured_is_not_drawn() -> None:
    charts = Charts()
    steps = np.arange(3)
    present = np.array([[True], [False], [True]])
    values = np.array([[1], [0], [3]], np.float32)
    charts.add(COLUMNS[:1], steps, 1e9 + steps.astype(np.float64), values, present, None)

    assert [values for values, _, _ in charts.take()] == [
        {"nan/loss": 1.0, "nan/nonfinite": 0.0},
        {"nan/nonfinite": 0.0},
        {"nan/loss": 3.0, "nan/nonfinite": 0.0},
    ]
