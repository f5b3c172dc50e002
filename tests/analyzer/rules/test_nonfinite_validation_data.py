"""`nonfinite-validation-data` and `nonfinite-metric-only`: what is bad beside a sound training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from analyzer.analysis import analyze_run
from analyzer.findings import CannotTell, RuledOut
from analyzer.rules.nonfinite_metric_only import RULE as METRIC
from analyzer.rules.nonfinite_validation_data import RULE
from tests.analyzer.failures import BESIDE, failure
from tests.analyzer.rules.trainings import cause_of, features, judged, line, perceptron
from tests.analyzer.runs import environment, health, run, series

X = features(5)
Y = line(X)


def spoilt(array: Any) -> Any:
    bad = array[:20].copy()
    bad[7, 0] = np.nan
    return bad


@pytest.mark.parametrize(
    "validation",
    [
        pytest.param((spoilt(X), Y[:20]), id="inputs"),
        pytest.param((X[:20], spoilt(Y)), id="targets"),
    ],
)
def test_validation_data_that_was_not_cleaned(validation: Any, tmp_path: Path) -> None:
    found = judged(tmp_path, perceptron(), X, Y, validation=validation, epochs=2)

    assert found.first_nonfinite is not None
    assert found.first_nonfinite.phase == "validation"
    assert cause_of(found) == "nonfinite-validation-data"


def test_the_folders_of_keras_tell_training_from_validation(tmp_path: Path) -> None:
    beside = keras.callbacks.TensorBoard(tmp_path, write_graph=False)
    bad = (spoilt(X), Y[:20])

    found = judged(tmp_path, perceptron(), X, Y, validation=bad, epochs=2, callbacks=[beside])

    assert [name for name, _ in found.parts] == [".", "train", "validation"]
    assert found.first_nonfinite is not None
    assert found.first_nonfinite.phase == "validation"
    assert cause_of(found) == "nonfinite-validation-data"


def test_a_validation_loss_that_no_rule_explains_has_no_cause() -> None:
    facts = environment(losses=[{"name": "mine", "builtin": False}])
    record = health({"loss": [1.0, 0.5]}, facts)

    found = analyze_run(run(record, scalars=BESIDE["nonfinite-validation-data"]))

    assert found.status == "nonfinite"
    assert cause_of(found) == "unknown"


def test_clean_validation_data_is_healthy(tmp_path: Path) -> None:
    found = judged(tmp_path, perceptron(), X, Y, validation=(X[:20], Y[:20]), epochs=2)

    assert found.status == "healthy"


def test_a_validation_loss_that_was_finite_once_is_not_the_datas_fault() -> None:
    about = failure("nonfinite-validation-data")
    points = {"epoch_val_loss": series([0.9, np.nan])}

    assert isinstance(RULE.check(replace(about, scalars=points)), RuledOut)


def test_a_loss_of_the_users_own_may_be_undefined_on_sound_data() -> None:
    about = failure("nonfinite-validation-data")
    facts = environment(losses=[{"name": "mine", "builtin": False}])

    answer = RULE.check(replace(about, health=health({"loss": [1.0, 0.5]}, facts)))

    assert isinstance(answer, CannotTell)


class Undefined(keras.metrics.Metric):  # type: ignore[misc]
    """A metric with nothing to measure."""

    def update_state(self, *rows: Any, **more: Any) -> None:
        pass

    def result(self) -> Any:
        return keras.ops.convert_to_tensor(np.nan)


def test_a_metric_that_is_undefined_is_a_note_about_a_healthy_run(tmp_path: Path) -> None:
    metric = Undefined(name="auc")

    found = judged(tmp_path, perceptron(), X, Y, metrics=[metric])

    assert found.status == "healthy"
    assert found.verdict is None
    assert [(f.cause, f.severity) for f in found.findings] == [("nonfinite-metric-only", "note")]


def test_a_metric_beside_a_validation_loss_that_is_bad_is_no_note_of_its_own() -> None:
    about = failure("nonfinite-metric-only")
    points = {**about.scalars, "epoch_val_loss": series([np.nan, np.nan])}

    assert METRIC.check(replace(about, scalars=points)) is None
