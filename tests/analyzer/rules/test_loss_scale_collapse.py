"""`loss-scale-collapse` fires on a scale that never stops falling, not on skipped steps."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.findings import Finding
from analyzer.rules.loss_scale_collapse import RULE
from tests.analyzer.failures import failure, loss_scale_collapse
from tests.analyzer.runs import case


def check(**changes: Any) -> Any:
    columns, facts = loss_scale_collapse()
    return RULE.check(case({**columns, **changes}, facts))


def test_names_the_variable_and_the_scale() -> None:
    finding = RULE.check(failure("loss-scale-collapse"))

    assert isinstance(finding, Finding)
    assert (finding.step, finding.severity) == (0, "error")
    scale, gradient = finding.evidence
    assert (scale.signal, scale.step, scale.observed) == ("loss_scale", 39, 2.0**-15)
    assert (gradient.signal, gradient.where) == ("gradient_nan", "dense/kernel")
    assert gradient.observed == 8.0


@pytest.mark.parametrize(("decades", "fires"), [(15.0, False), (15.1, True)])
def test_threshold_is_a_scale_below_one(decades: float, fires: bool) -> None:
    answer = RULE.check(case(*loss_scale_collapse(decades)))

    assert isinstance(answer, Finding) is fires


def test_is_silent_on_a_scale_that_found_its_place() -> None:
    few = {"gradient_nan of dense/kernel": [8.0] * 4 + [0.0] * 36}

    assert check(loss_scale=[2.0**15, 2.0**14, 2.0**13, *[2.0**12] * 37], **few) is None


def test_is_silent_without_loss_scaling() -> None:
    assert RULE.check(failure("nonfinite-input")) is None
