"""`backward-singularity` fires where a finite loss has a gradient that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from analyzer.findings import CannotTell, Finding, RuledOut
from analyzer.rules.backward_singularity import RULE
from tests.analyzer.failures import failure
from tests.analyzer.rules.trainings import ROWS, cause_of, features, judged, line, perceptron
from tests.analyzer.runs import case
from tests.analyzer.sudden import backward_singularity

X = features()
WITH_ZERO = X.copy()
WITH_ZERO[3 * ROWS + 2] = 0


class Length(keras.layers.Layer):  # type: ignore[misc]
    """The Euclidean length of each row."""

    def __init__(self, floor: float = 0.0, **more: Any) -> None:
        super().__init__(**more)
        self.floor = floor

    def call(self, x: Any) -> Any:
        return tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True) + self.floor)


class Guarded(keras.layers.Layer):  # type: ignore[misc]
    """The root of what is positive and 0 elsewhere; its slope holds the `where` trap."""

    def __init__(self, *, twice: bool) -> None:
        super().__init__(name="guarded")
        self.twice = twice

    def call(self, x: Any) -> Any:
        inside = tf.where(x > 0, x, tf.ones_like(x)) if self.twice else x
        return tf.where(x > 0, tf.pow(inside, 0.5), tf.zeros_like(x))


def linear(between: Any) -> Any:
    return perceptron(between, activation="linear", use_bias=False)


def test_the_length_of_a_row_of_zeros(tmp_path: Path) -> None:
    found = judged(tmp_path, linear(Length()), WITH_ZERO, line(X))

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.phase) == (3, "backward")
    assert cause_of(found) == "backward-singularity"


def test_a_length_that_is_kept_from_zero_is_healthy(tmp_path: Path) -> None:
    assert judged(tmp_path, linear(Length(1e-6)), WITH_ZERO, line(X)).status == "healthy"


@pytest.mark.parametrize(("twice", "cause"), [(False, "backward-singularity"), (True, None)])
def test_the_trap_of_where_and_its_cure(twice: bool, cause: str | None, tmp_path: Path) -> None:
    found = judged(tmp_path, linear(Guarded(twice=twice)), X, line(X))

    assert cause_of(found) == cause


def test_a_loss_with_a_root_at_zero(tmp_path: Path) -> None:
    def distance(target: Any, predicted: Any) -> Any:
        return tf.sqrt(tf.reduce_sum(tf.square(target - predicted)))

    found = judged(tmp_path, perceptron(use_bias=False), 0 * X, 0 * line(X), loss=distance)

    assert cause_of(found) == "backward-singularity"


@pytest.mark.parametrize(
    "last",
    [
        pytest.param({"output_max_abs of dense": 1e20}, id="outputs near overflow"),
        pytest.param({"gradient_norm of head/kernel": 1e20}, id="gradients near overflow"),
    ],
)
def test_is_ruled_out_where_numbers_may_have_overflowed(last: dict[str, float]) -> None:
    assert isinstance(RULE.check(case(*backward_singularity(**last))), RuledOut)


def test_is_not_sure_of_a_recurrent_model() -> None:
    columns, facts = backward_singularity()
    layers = [{"path": "rnn", "class": "SimpleRNN", "builtin": True}]

    finding = RULE.check(case(columns, {**facts, "layers": layers}))

    assert isinstance(finding, Finding)
    assert finding.confidence < 0.6


def test_is_ruled_out_where_the_gradients_were_sound() -> None:
    assert isinstance(RULE.check(failure("optimizer-update-nonfinite")), RuledOut)


def test_says_that_layer_outputs_were_not_recorded() -> None:
    columns, facts = backward_singularity()
    part = {key: column for key, column in columns.items() if not key.startswith("output_max")}

    assert RULE.check(case(part, facts)) == CannotTell(RULE.cause, ("output_max_abs",))


def test_a_mask_of_rows_does_not_matter_to_a_model_that_is_sound(tmp_path: Path) -> None:
    found = judged(tmp_path, perceptron(), np.where(WITH_ZERO > 9, 0, WITH_ZERO), line(X))

    assert found.status == "healthy"
