"""`nonfinite-learning-rate` fires where the rate itself broke the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from analyzer.findings import CannotTell, RuledOut
from analyzer.rules.nonfinite_learning_rate import RULE
from tests.analyzer.failures import failure
from tests.analyzer.rules.trainings import cause_of, features, judged, line, perceptron
from tests.analyzer.runs import case
from tests.analyzer.sudden import nonfinite_learning_rate

X = features()


@keras.saving.register_keras_serializable("tests")
class Inverse(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The rate 0.05 / |step - pole|: infinite at the pole."""

    def __init__(self, pole: float) -> None:
        self.pole = pole

    def __call__(self, step: Any) -> Any:
        gap = keras.ops.cast(step, "float32") - self.pole
        return 0.05 / keras.ops.absolute(gap)

    def get_config(self) -> dict[str, Any]:
        return {"pole": self.pole}


class Assign(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the rate to NaN, as a callback does that reads a metric that is NaN."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch == 5:
            self.model.optimizer.learning_rate = np.nan


def test_a_schedule_that_divides_by_zero(tmp_path: Path) -> None:
    optimizer = keras.optimizers.SGD(Inverse(4.0))

    found = judged(tmp_path, perceptron(), X, line(X), optimizer=optimizer)

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.phase) == (4, "update")
    assert cause_of(found) == "nonfinite-learning-rate"


def test_a_callback_that_assigns_nan(tmp_path: Path) -> None:
    optimizer = keras.optimizers.Adam(0.01)

    found = judged(tmp_path, perceptron(), X, line(X), optimizer=optimizer, callbacks=[Assign()])

    assert found.first_nonfinite is not None
    assert found.first_nonfinite.step == 6
    assert cause_of(found) == "nonfinite-learning-rate"


def test_a_schedule_whose_pole_is_never_reached_is_healthy(tmp_path: Path) -> None:
    optimizer = keras.optimizers.SGD(Inverse(-1.0))

    assert judged(tmp_path, perceptron(), X, line(X), optimizer=optimizer).status == "healthy"


@pytest.mark.parametrize("rate", [np.nan, np.inf, -np.inf])
def test_every_kind_of_bad_rate_is_named(rate: float) -> None:
    found = RULE.check(case(*nonfinite_learning_rate(rate)))

    assert found is not None
    assert found.cause == "nonfinite-learning-rate"


def test_a_finite_rate_is_ruled_out() -> None:
    assert isinstance(RULE.check(failure("optimizer-update-nonfinite")), RuledOut)


def test_says_that_the_rate_was_not_recorded() -> None:
    columns, facts = nonfinite_learning_rate()
    part = {key: column for key, column in columns.items() if key != "learning_rate"}

    assert RULE.check(case(part, facts)) == CannotTell(RULE.cause, ("learning_rate",))
