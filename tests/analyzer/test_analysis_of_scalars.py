"""What is said of a run that has ordinary scalars, alone or beside a health record."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from analyzer.analysis import Analysis, FirstNonfinite, analyze_run
from tb_nan_plugin.signals import Phase
from tests.analyzer.failures import healthy, nonfinite_input
from tests.analyzer.runs import health, run


def of(columns: Any, facts: Any, **tags: Any) -> Analysis:
    return analyze_run(run(health(columns, facts), scalars=tags))


def first(analysis: Analysis) -> FirstNonfinite:
    assert analysis.first_nonfinite is not None
    return analysis.first_nonfinite


def cause(analysis: Analysis) -> str | None:
    return None if analysis.verdict is None else analysis.verdict.cause


def scalars(**tags: Any) -> Analysis:
    return analyze_run(run(scalars=tags))


def test_finite_scalars_are_healthy() -> None:
    assert scalars(loss=[1.0, 0.5]).status == "healthy"


def test_a_bad_loss_among_scalars_is_nonfinite_and_its_cause_unknown() -> None:
    analysis = scalars(batch_loss={1: 1.0, 2: 0.9, 3: nan})

    assert analysis.status == "nonfinite"
    assert first(analysis) == FirstNonfinite(
        3, 2, Phase.LOSS, "batch_loss", "nan", "batch_loss", "tag"
    )
    assert analysis.verdict is not None
    assert analysis.verdict.cause == "unknown"
    assert analysis.verdict.summary.startswith("batch_loss is NaN at its step 3. ")
    assert analysis.verdict.summary.endswith("Scalars alone do not tell the cause.")
    assert "NaNMonitor" in analysis.verdict.missing[0]


def test_a_bad_gradient_under_a_finite_loss_is_silent_among_scalars_too() -> None:
    analysis = scalars(**{"train/loss": [1.0, 1.0], "train/grad_norm": [1.0, inf]})

    assert analysis.status == "silent"
    assert (first(analysis).phase, first(analysis).kind) == (Phase.BACKWARD, "inf")


def test_scalars_that_came_back_have_recovered() -> None:
    assert scalars(loss=[1.0, nan, 0.9]).status == "recovered"


@pytest.mark.parametrize(
    "tag", ["train/explained_variance", "Policy/Discrete Entropy Coeff", "bbox/APs", "mIoU"]
)
def test_a_metric_that_is_undefined_is_a_note_and_no_failure(tag: str) -> None:
    analysis = scalars(**{tag: [nan, 1.0, nan], "loss": [1.0, 0.5, 0.4]})

    assert analysis.status == "healthy"
    assert analysis.verdict is None
    assert analysis.notes == (
        f"{tag} is NaN 2 times, first at its step 0. It is neither a loss nor a gradient; many "
        "metrics are undefined where they have nothing to measure.",
    )


def test_accuracy_beside_a_nan_loss_is_explained_in_the_notes() -> None:
    analysis = scalars(epoch_loss=[0.5, nan], epoch_accuracy=[0.9, 0.0])

    assert analysis.notes[0].startswith("epoch_accuracy is 0.0 beside a NaN loss.")


@pytest.mark.parametrize("tag", ["val_loss", "eval/loss"])
def test_a_bad_validation_loss_alone_is_told_apart_from_training(tag: str) -> None:
    analysis = scalars(**{tag: [1.0, nan], "train/loss": [1.0, 0.5]})

    assert first(analysis).phase is Phase.VALIDATION
    assert cause(analysis) == "unknown"


def test_a_bad_validation_loss_beside_a_finite_record_is_found() -> None:
    columns, facts = healthy()

    analysis = of(columns, facts, epoch_val_loss=[1.0, nan])

    assert analysis.status == "nonfinite"
    assert (first(analysis).phase, first(analysis).axis) == (Phase.VALIDATION, "tag")


def test_a_record_says_more_than_the_scalars_beside_it() -> None:
    columns, facts = nonfinite_input()

    analysis = of(columns, facts, epoch_loss=[nan])

    assert first(analysis).axis == "step"
    assert cause(analysis) == "nonfinite-input"
