"""`loss-log-of-zero` fires where finite predictions of exactly 0 or 1 made a loss that is not."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest

from analyzer.findings import CannotTell, Finding, RuledOut
from analyzer.rules.loss_log_of_zero import RULE
from tests.analyzer.failures import failure, loss_log_of_zero
from tests.analyzer.runs import Columns, case


def sharpening_sigmoid(steps: int = 120) -> Columns:
    """Logits that grow by one a step, and a cross-entropy written by hand, in real float32."""
    columns: dict[str, list[float]] = {}
    with np.errstate(all="ignore"):
        for gap in range(steps):
            p = np.float32(1) / (np.float32(1) + np.exp(np.array([-gap, gap], np.float32)))
            y = np.array([1, 0], np.float32)
            loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
            row = {
                "output_posinf of dense": 0.0,
                "prediction_min": p.min(),
                "prediction_max": p.max(),
                "prediction_zero": (p == 0).sum(),
                "prediction_one": (p == 1).sum(),
                "loss": loss,
            }
            for key, number in row.items():
                columns.setdefault(key, []).append(float(number))
    return columns


def test_names_the_step_and_the_predictions() -> None:
    finding = RULE.check(failure("loss-log-of-zero"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.confidence, finding.severity) == (9, 0.95, "error")
    assert finding.summary == (
        "In step 9 the predictions reached exactly 0, and the loss took a logarithm of 0: finite "
        "predictions went in, a loss that is not finite came out."
    )
    facts = [(e.signal, e.step, e.claim) for e in finding.evidence]
    assert facts == [("prediction_zero", 9, "is above 0"), ("loss", 9, "is not finite")]
    assert finding.evidence[0].observed == 2.0
    assert np.isnan(finding.evidence[1].observed)


def test_fires_at_the_step_where_real_float32_arithmetic_rounds_to_one() -> None:
    columns = sharpening_sigmoid()

    finding = RULE.check(case(columns, loss_log_of_zero()[1]))

    assert isinstance(finding, Finding)
    assert finding.step == 17  # exp(-17) is below 2**-24, half a unit in the last place of 1
    assert "reached exactly 1" in finding.summary


@pytest.mark.parametrize("loss", [nan, inf, -inf])
def test_fires_on_whatever_the_loss_made_of_the_logarithm(loss: float) -> None:
    assert isinstance(RULE.check(case(*loss_log_of_zero(loss=loss))), Finding)


def test_doubts_itself_where_the_loss_is_the_frameworks_own() -> None:
    columns, facts = loss_log_of_zero()
    facts["losses"] = [{"name": "binary_crossentropy", "builtin": True}]

    finding = RULE.check(case(columns, facts))

    assert isinstance(finding, Finding)
    assert finding.confidence < 0.5  # below what makes a verdict


@pytest.mark.parametrize(
    "last",
    [
        pytest.param({"prediction_min": 1e-30, "prediction_zero": 0.0}, id="no exact zero"),
        pytest.param({"prediction_max": 1.5}, id="a regression whose predictions leave 0 and 1"),
        pytest.param({"prediction_min": -0.1}, id="negative predictions"),
    ],
)
def test_is_ruled_out_by(last: dict[str, float]) -> None:
    answer = RULE.check(case(*loss_log_of_zero(**last)))

    assert answer == RuledOut(
        RULE.cause, "no prediction was exactly 0 or 1 in a batch within 0 and 1"
    )


@pytest.mark.parametrize(
    "last",
    [
        pytest.param({"loss": 0.2, "gradient_nan of dense/kernel": 0.0}, id="a loss that clips"),
        pytest.param({"output_nan of dense": 4.0}, id="outputs that were bad before the loss"),
    ],
)
def test_is_silent_on(last: dict[str, float]) -> None:
    assert RULE.check(case(*loss_log_of_zero(**last))) is None


def test_is_ruled_out_where_the_loss_was_finite_and_the_gradient_was_not() -> None:
    answer = RULE.check(case(*loss_log_of_zero(loss=0.2)))

    assert answer == RuledOut(RULE.cause, "the loss of step 9 was still finite")


@pytest.mark.parametrize("unrecorded", ["prediction_zero", "prediction_one"])
def test_says_what_was_not_recorded(unrecorded: str) -> None:
    columns, facts = loss_log_of_zero()
    part: Any = {key: column for key, column in columns.items() if key != unrecorded}

    assert RULE.check(case(part, facts)) == CannotTell(RULE.cause, (unrecorded,))
