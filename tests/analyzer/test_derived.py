"""Derived quantities are what numpy makes of the recorded ones."""

from __future__ import annotations

from math import inf, log, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import derived
from analyzer.derived import Progress
from tests.analyzer.descent import ROWS, data, descend
from tests.analyzer.failures import LINEAR
from tests.analyzer.runs import environment, health

CROSS_ENTROPY: dict[str, Any] = {"losses": [{"name": "binary_crossentropy", "builtin": True}]}


def progress(losses: list[float], facts: dict[str, Any] | None = None) -> Progress:
    return derived.outcome(health({"loss": losses}, environment(**(facts or {})))).progress


def test_norms_over_all_variables_are_those_of_one_long_vector() -> None:
    record = health(descend(*data(features=3)), LINEAR)
    gradient, weight = derived.gradient_norm(record), derived.weight_norm(record)
    columns = descend(*data(features=3))

    assert gradient is not None
    assert weight is not None
    for found, name in ((gradient, "gradient_norm"), (weight, "weight_norm")):
        parts = [columns[f"{name} of dense/{part}"] for part in ("kernel", "bias")]
        np.testing.assert_allclose(found.values, np.linalg.norm(parts, axis=0), rtol=1e-6)


def test_a_norm_that_holds_nan_is_nan_and_one_that_overflows_is_not_hidden() -> None:
    record = health(
        {
            "gradient_norm of a": [3.0, nan, inf],
            "gradient_norm of b": [4.0, 1.0, 1.0],
        }
    )
    norm = derived.gradient_norm(record)

    assert norm is not None
    np.testing.assert_array_equal(norm.values, [5.0, nan, inf])


def test_there_is_no_norm_where_none_was_recorded() -> None:
    assert derived.gradient_norm(health({"loss": [1.0]})) is None


def test_scale_of_a_column_is_its_root_mean_square_in_the_first_batches() -> None:
    x, y = data()
    x[:, 1] = 100 + 3 * x[:, 1]
    x[derived.EARLY_STEPS * ROWS :, 1] *= 1e6  # later batches do not count

    record = health(descend(x, y), LINEAR)
    scale = derived.column_scale(record, "input", "feature 1")
    early = x[: derived.EARLY_STEPS * ROWS, 1].astype(np.float64)

    assert scale == pytest.approx(np.sqrt(np.mean(early**2)), rel=1e-3)
    assert derived.largest_column(record, "input") == ("feature 1", scale)


def test_one_bad_batch_does_not_hide_the_scale_of_a_column() -> None:
    record = health(
        {"input_mean of f": [0.0, nan, 0.0], "input_std of f": [2.0, nan, 2.0], "loss": 1.0}
    )

    assert derived.column_scale(record, "input", "f") == 2.0


def test_a_column_without_a_finite_batch_has_no_scale() -> None:
    record = health({"input_mean of f": [nan] * 3, "input_std of f": nan})

    assert derived.column_scale(record, "input", "f") is None
    assert derived.largest_column(record, "input") is None


def test_blind_guess_of_a_regression_costs_the_variance_of_its_targets() -> None:
    x, y = data(steps=200)
    record = health(descend(x, y), LINEAR)

    assert derived.trivial_loss(record) == pytest.approx(float(np.var(y)), rel=1e-4)


def test_blind_guess_of_a_classifier_costs_the_logarithm_of_its_classes() -> None:
    ten = {"predictions": {"": {"shape": [32, 10], "dtype": "float32"}}}
    facts = environment(
        losses=[{"name": "sparse_categorical_crossentropy", "builtin": True}], batch=ten
    )

    assert derived.trivial_loss(health({"loss": [1.0]}, facts)) == pytest.approx(log(10))
    assert derived.trivial_loss(health({"loss": [1.0]}, environment(**CROSS_ENTROPY))) == log(2)


@pytest.mark.parametrize(
    "losses",
    [
        pytest.param([], id="none known"),
        pytest.param([{"name": "mean_squared_error", "builtin": False}], id="a namesake"),
        pytest.param([{"name": "binary_crossentropy", "builtin": True}] * 2, id="two"),
        pytest.param([{"name": "huber", "builtin": True}], id="one we have no figure for"),
    ],
)
def test_the_cost_of_a_blind_guess_is_not_made_up(losses: list[dict[str, Any]]) -> None:
    assert derived.trivial_loss(health({"loss": [1.0]}, environment(losses=losses))) is None


@pytest.mark.parametrize(
    ("batch", "width"),
    [
        ({"predictions": {"": {"shape": [32, 10]}}}, 10),
        ({"predictions": {"": {"shape": [32]}}}, None),
        ({"predictions": {"": {"shape": None}}}, None),
        ({"predictions": {"a": {"shape": [32, 1]}, "b": {"shape": [32, 2]}}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_width_of_the_only_output(batch: Any, width: int | None) -> None:
    record = health({"loss": [1.0]}, environment(batch=batch))

    assert derived.prediction_width(record) == width


@pytest.mark.parametrize(
    ("losses", "judged"),
    [
        pytest.param([1.0] * 19, Progress.UNCLEAR, id="too short to tell"),
        pytest.param([1.0] * 20, Progress.STUCK, id="never moved"),
        pytest.param(list(np.geomspace(1, 1e4, 50)), Progress.DIVERGED, id="grew"),
        pytest.param([1.0] * 25 + [nan] * 25, Progress.STUCK, id="only finite losses count"),
    ],
)
def test_a_training_is_judged_by_its_own_first_losses(
    losses: list[float], judged: Progress
) -> None:
    assert progress(losses, {"losses": []}) is judged


def test_a_training_whose_loss_fell_far_is_neither_stuck_nor_diverged() -> None:
    fell = progress(list(np.geomspace(1, 0.01, 50)), {"losses": []})

    assert fell in {Progress.LEARNED, Progress.UNCLEAR}


@pytest.mark.parametrize(
    ("share", "judged"),
    [(0.95, Progress.STUCK), (0.82, Progress.UNCLEAR), (0.75, Progress.LEARNED)],
)
def test_a_training_is_judged_by_the_blind_guess_where_that_is_known(
    share: float, judged: Progress
) -> None:
    assert progress([share * log(2)] * 40, CROSS_ENTROPY) is judged


def test_a_record_without_a_loss_is_not_judged() -> None:
    assert derived.outcome(health({"learning_rate": [0.1] * 50})).progress is Progress.UNCLEAR


@given(st.lists(st.floats(width=32), min_size=1, max_size=60))
def test_any_losses_can_be_judged(losses: list[float]) -> None:
    assert isinstance(progress(losses), Progress)


@pytest.mark.parametrize(("ratio", "size"), [(1000.0, 3.0), (0.1, -1.0), (0.0, 0.0), (-5.0, 0.0)])
def test_decades(ratio: float, size: float) -> None:
    assert derived.decades(ratio) == pytest.approx(size)


def test_no_usual_rate_is_above_what_the_optimizers_papers_use() -> None:
    assert derived.HIGHEST_USUAL_RATE["SGD"] == 0.1
    assert derived.HIGHEST_USUAL_RATE["Adam"] == 1e-2
