"""Histograms as TensorFlow writes them of NaN weights, and as others are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from analyzer.analysis import Analysis, analyze_run
from analyzer.histograms import UnreadableHistogramError
from analyzer.series import Histogram
from tb_nan_plugin.signals import Phase
from tests.analyzer.runs import START, run

KERNEL = "dense/kernel/histogram"


def histogram(step: int, edge: float = 1.0, count: float = 3.0) -> Histogram:
    edges = np.array([-edge, edge])
    return Histogram(step, START + step + 0.5, edges[:1], edges[1:], np.array([count]))


def bad(step: int) -> Histogram:
    return histogram(step, nan, 0.0)


def on(loss: Sequence[float] = (1.0, 1.0, 1.0, 1.0), **histograms: list[Histogram]) -> Analysis:
    named = {tag.replace("__", "/"): found for tag, found in histograms.items()}
    return analyze_run(replace(run(scalars={"epoch_loss": loss}), histograms=named))


def test_nan_weights_under_a_finite_loss_are_silent() -> None:
    analysis = on(dense__kernel__histogram=[histogram(0), histogram(1), bad(2), bad(3)])

    assert analysis.status == "silent"
    first = analysis.first_nonfinite
    assert first is not None
    assert (first.step, first.last_finite_step, first.phase) == (2, 1, Phase.WEIGHTS)
    assert (first.tag, first.kind) == (KERNEL, "nan")
    assert analysis.verdict is not None
    assert "it began in epoch 2." in analysis.verdict.summary


def test_epochs_that_were_not_written_are_said_to_be_possible() -> None:
    analysis = on(dense__kernel__histogram=[histogram(0), bad(3)])

    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.earliest_step == 1
    assert analysis.verdict is not None
    assert "it began in epoch 1 to 3." in analysis.verdict.summary


@pytest.mark.parametrize("first", range(1, 9))
def test_the_first_of_many_is_found(first: int) -> None:
    written = [bad(n) if n >= first else histogram(n) for n in range(9)]

    analysis = on(dense__bias__histogram=written)

    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.step == first


def test_a_loss_that_broke_earlier_comes_first() -> None:
    analysis = on([1.0, nan, nan, nan], dense__kernel__histogram=[histogram(0), bad(1)])

    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.tag == "epoch_loss"
    assert analysis.status == "nonfinite"


@pytest.mark.parametrize(
    "found",
    [histogram(3, count=0.0), histogram(3, 0.0, 5.0), histogram(3), histogram(3, inf, 5.0)],
    ids=["empty", "all zero", "usual", "open at its ends, as PyTorch may write it"],
)
def test_a_finite_histogram_is_no_failure(found: Histogram) -> None:
    assert on(dense__kernel__histogram=[histogram(0), found]).status == "healthy"


def test_a_histogram_of_something_else_is_none_of_ours() -> None:
    assert on(rewards=[bad(0)]).status == "healthy"


def test_a_histogram_that_cannot_be_read_any_more_is_passed_over() -> None:
    class Gone(list[Histogram]):
        def __getitem__(self, index: object) -> Histogram:  # type: ignore[override]
            raise UnreadableHistogramError("gone")

    assert on(dense__kernel__histogram=Gone([bad(0)])).status == "healthy"
