"""What holds of every case, so that others can rely on the list."""

from __future__ import annotations

import re
from collections import Counter

import keras
import numpy as np
import pytest

from tests.cases.case import FAMILIES, HEALTHY, MODES, Case
from tests.cases.catalogue import ALL

FAILING = [case for case in ALL if case.failure is not None]
CAUSES = {
    "data": {
        "nonfinite-input",
        "zero-variance-feature",
        "log-of-nonpositive-feature",
        "nonfinite-target",
        "label-out-of-range",
        "unscaled-features",
        "unscaled-target",
        "outlier-batch",
    },
    "model": {
        "poor-initialization",
        "layer-overflow",
        "layer-division-by-zero",
        "layer-log-of-zero",
        "layer-invalid-operation",
    },
    "loss": {
        "loss-log-of-zero",
        "loss-division-by-zero",
        "loss-overflow",
        "loss-invalid-operation",
        "empty-loss",
    },
    "optimization": {
        "learning-rate-too-high",
        "exploding-gradient",
        "nonfinite-learning-rate",
        "optimizer-update-nonfinite",
    },
    "gradient": {"backward-singularity"},
    "precision": {"fp16-overflow", "loss-scale-collapse"},
    "state": {"nonfinite-weights", "nonfinite-statistics"},
    "healthy": {"nonfinite-validation-data", "nonfinite-metric-only"},
}


def test_a_name_is_given_once_and_begins_with_its_family() -> None:
    names = [case.name for case in ALL]
    assert len(set(names)) == len(names)
    for case in ALL:
        assert re.fullmatch(rf"{case.family}/[a-z0-9]+(-[a-z0-9]+)*", case.name)


def test_there_are_forty_that_fail_in_every_mode_and_twenty_that_do_not_fail_in_any() -> None:
    runs = [case for case in ALL if all(case.runs(mode) for mode in MODES)]
    assert len([case for case in runs if all(case.expected(mode) for mode in MODES)]) >= 40
    assert len([case for case in runs if case.family == HEALTHY]) >= 20


def test_every_family_fails_in_several_ways_and_every_phase_is_met() -> None:
    assert min(Counter(case.family for case in FAILING)[family] for family in FAMILIES) >= 5
    met = {case.failure.phase for case in FAILING if case.failure}
    assert met == {"input", "target", "weights", "forward", "loss", "backward", "update"}


@pytest.mark.parametrize("family", [*FAMILIES, HEALTHY])
def test_the_causes_of_a_family_are_known_ones(family: str) -> None:
    known = set().union(*CAUSES.values()) if family == "precision" else CAUSES[family]
    assert {case.cause for case in ALL if case.family == family} - {""} <= known


def test_a_healthy_case_has_no_failure_and_no_twin() -> None:
    assert [c.name for c in ALL if c.family == HEALTHY and (c.failure or c.twin)] == []


def test_what_a_mode_does_otherwise_has_a_reason_and_is_another_thing() -> None:
    for case in ALL:
        for mode, otherwise in case.otherwise.items():
            assert mode in MODES
            assert len(otherwise.because.split()) > 4
            assert otherwise.failure != case.failure


def test_there_is_no_repaired_twin_of_what_needs_no_repair() -> None:
    with pytest.raises(ValueError, match="no repaired twin"):
        next(case for case in ALL if not case.twin).training(fixed=True)


@pytest.mark.parametrize("case", ALL[::5], ids=lambda case: case.name)
def test_making_a_case_twice_gives_the_same_training(case: Case) -> None:
    one, other = case.training(), case.training()
    weights = [[v.numpy() for v in made.model.variables] for made in (one, other)]
    assert [v.tobytes() for v in weights[0]] == [v.tobytes() for v in weights[1]]
    if one.y is not None:
        arrays = [keras.tree.flatten((made.x, made.y)) for made in (one, other)]
        assert [np.asarray(a).tobytes() for a in arrays[0]] == [
            np.asarray(a).tobytes() for a in arrays[1]
        ]
