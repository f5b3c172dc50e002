"""`label-out-of-range` fires on labels that the output has no unit for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from analyzer.findings import Finding, RuledOut
from analyzer.rules.label_out_of_range import RULE
from tests.analyzer.rules.trainings import ROWS, cause_of, features, judged, stack
from tests.analyzer.runs import case, environment
from tests.analyzer.sudden import label_out_of_range

X = features(12)
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def classes(*, first: int = 0, odd: int | None = None) -> Any:
    """Three classes that can be learned, and one odd label in step 5."""
    labels = (X[:, 0] > 0).astype(np.int32) + (X[:, 1] > 0) + first
    if odd is not None:
        labels[5 * ROWS + 3] = odd
    return labels


def classifier(units: int, last: str = "linear") -> Any:
    return stack(
        keras.layers.Dense(8, "tanh", name="first"), keras.layers.Dense(units, last, name="last")
    )


def test_labels_that_count_from_one_under_xla(tmp_path: Path) -> None:
    found = judged(tmp_path, classifier(3), X, classes(first=1), loss=SPARSE, jit_compile=True)

    assert found.first_nonfinite is not None
    assert (found.first_nonfinite.step, found.first_nonfinite.phase) == (0, "loss")
    assert cause_of(found) == "label-out-of-range"


@pytest.mark.parametrize("odd", [-1, 3, 255])
def test_one_label_outside(odd: int, tmp_path: Path) -> None:
    found = judged(tmp_path, classifier(3), X, classes(odd=odd), loss=SPARSE, jit_compile=True)

    assert found.first_nonfinite is not None
    assert found.first_nonfinite.step == 5
    assert cause_of(found) == "label-out-of-range"
    assert found.verdict is not None
    assert f"is {odd}" in found.verdict.summary


def test_labels_within_the_classes_are_healthy(tmp_path: Path) -> None:
    found = judged(tmp_path, classifier(3), X, classes(), loss=SPARSE, jit_compile=True)

    assert found.status == "healthy"


def test_a_class_that_is_to_be_ignored_is_healthy(tmp_path: Path) -> None:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)

    found = judged(tmp_path, classifier(3), X, classes(odd=-1), loss=loss)

    assert found.status == "healthy"


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(lambda y: y + 1, id="1 and 2"),
        pytest.param(lambda y: 2 * y - 1, id="-1 and 1"),
        pytest.param(lambda y: 255 * y, id="0 and 255"),
    ],
)
def test_two_classes_that_are_not_0_and_1(labels: Any, tmp_path: Path) -> None:
    x = features(40)
    y = labels((x[:, :1] > 0).astype(np.float32))

    found = judged(tmp_path, classifier(1, "sigmoid"), x, y, loss="binary_crossentropy", epochs=2)

    assert cause_of(found) == "label-out-of-range"


def test_two_classes_of_0_and_1_are_healthy(tmp_path: Path) -> None:
    x = features(40)
    y = (x[:, :1] > 0).astype(np.float32)

    found = judged(tmp_path, classifier(1, "sigmoid"), x, y, loss="binary_crossentropy", epochs=2)

    assert found.status == "healthy"


def test_a_label_that_did_no_harm_before_is_not_blamed() -> None:
    columns, facts = label_out_of_range()
    columns = {**columns, "target_max of target": [4.0] * 10}

    assert isinstance(RULE.check(case(columns, facts)), RuledOut)


def test_labels_in_range_are_ruled_out() -> None:
    answer = RULE.check(case(*label_out_of_range(**{"target_max of target": 3.0})))

    assert answer == RuledOut(RULE.cause, "every label of step 9 lies within 0 to 3")


def test_a_loss_of_the_users_own_may_mean_anything_by_its_targets() -> None:
    columns, _ = label_out_of_range()
    facts = environment(losses=[{"name": "mine", "builtin": False}])

    assert RULE.check(case(columns, facts)) is None


def test_names_the_label_and_the_width() -> None:
    finding = RULE.check(case(*label_out_of_range()))

    assert isinstance(finding, Finding)
    assert "is 4, but the output has 4 units, for the classes 0 to 3" in finding.summary
