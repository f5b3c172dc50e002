"""Promises that every rule keeps, present and future."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from math import isnan
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import rules
from analyzer.evidence import Case, Evidence
from analyzer.findings import Finding
from analyzer.rules import Rule
from tb_nan_plugin.signals import Signal
from tests.analyzer.descent import data, descend
from tests.analyzer.failures import BESIDE, FAILURES, LINEAR, failure, healthy
from tests.analyzer.runs import case

SECTIONS = [
    "What happened",
    "How it is recognised",
    "What it cannot tell apart",
    "Fix",
    "References",
]
# The ids that are promised for ever, by family.
PROMISED = {
    "data": "nonfinite-input zero-variance-feature log-of-nonpositive-feature nonfinite-target "
    "label-out-of-range unscaled-features unscaled-target outlier-batch nonfinite-validation-data",
    "model": "poor-initialization saturated-activation vanishing-gradient dead-relu "
    "output-activation-mismatch layer-overflow layer-division-by-zero layer-log-of-zero "
    "layer-invalid-operation",
    "loss": "loss-log-of-zero loss-division-by-zero loss-overflow loss-invalid-operation "
    "empty-loss",
    "optimization": "learning-rate-too-high learning-rate-too-low exploding-gradient "
    "nonfinite-learning-rate optimizer-update-nonfinite",
    "gradient": "backward-singularity",
    "precision": "fp16-overflow loss-scale-collapse",
    "state": "nonfinite-weights nonfinite-statistics",
    "reporting": "nonfinite-metric-only",
}

every_rule = pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: str(rule.cause))
every_failure = pytest.mark.parametrize("cause", [*FAILURES, *BESIDE])


def module_of(rule: Rule) -> ModuleType:
    return importlib.import_module("analyzer.rules." + rule.cause.replace("-", "_"))


def answers(about: Case) -> list[Finding]:
    found = [rule.check(about) for rule in rules.ALL]
    return [answer for answer in found if isinstance(answer, Finding)]


def test_every_module_of_the_package_is_listed_and_named_after_its_cause() -> None:
    files = {m.name for m in pkgutil.iter_modules(rules.__path__) if m.name[0] != "_"}

    assert {rule.cause.replace("-", "_") for rule in rules.ALL} == files


def test_causes_are_unique() -> None:
    assert len({rule.cause for rule in rules.ALL}) == len(rules.ALL)


def test_every_cause_has_a_run_that_shows_it() -> None:
    assert {*FAILURES, *BESIDE} == {rule.cause for rule in rules.ALL}


@every_rule
def test_is_listed_from_its_own_file(rule: Rule) -> None:
    assert module_of(rule).RULE is rule
    assert rule.check.__module__ == module_of(rule).__name__


@every_rule
def test_cause_is_one_of_those_promised_and_in_its_family(rule: Rule) -> None:
    assert rule.cause in PROMISED[rule.family].split()


@every_rule
def test_explains_itself_under_the_same_headings(rule: Rule) -> None:
    text = module_of(rule).__doc__ or ""

    sections = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    assert sections[1::2] == SECTIONS
    assert all(body.strip() for body in sections[::2])


@every_rule
def test_has_a_headline_and_a_remedy(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z].*[^.]", rule.title)
    assert rule.remedies
    assert all(remedy.text.endswith((".", ":")) for remedy in rule.remedies)


@every_rule
def test_every_snippet_of_a_remedy_is_valid_python(rule: Rule) -> None:
    for remedy in rule.remedies:
        if remedy.code is not None:
            inside = "def f():\n" + "".join(f"    {x}\n" for x in remedy.code.splitlines())
            ast.parse(inside)


@every_rule
def test_a_remedy_leads_with_code(rule: Rule) -> None:
    assert rule.remedies[0].code


@given(
    losses=st.lists(
        st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=60
    )
)
def test_no_rule_calls_a_finite_loss_an_error_by_itself(losses: list[float]) -> None:
    assert answers(case({"loss": losses})) == []


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), rate=st.floats(1e-3, 0.1), features=st.integers(1, 4))
def test_no_rule_finds_anything_in_a_training_that_learns(
    seed: int, rate: float, features: int
) -> None:
    columns = descend(*data(features, steps=120, seed=seed), rate=rate)
    if np.median(columns["loss"][-12:]) > 0.5 * np.median(columns["loss"][:6]):
        return  # too few steps for this rate: not a training that learns

    assert answers(case(columns, LINEAR)) == []


def test_no_rule_finds_anything_in_the_healthy_run() -> None:
    assert answers(case(*healthy())) == []


@every_failure
def test_a_rule_finds_its_own_failure(cause: str) -> None:
    assert cause in [finding.cause for finding in answers(failure(cause))]


@every_failure
def test_the_same_case_gets_the_same_answer(cause: str) -> None:
    once, again = answers(failure(cause)), answers(failure(cause))

    assert [str(f) for f in once] == [str(f) for f in again]


@every_failure
def test_a_finding_is_complete(cause: str) -> None:
    for finding in answers(failure(cause)):
        assert finding.evidence
        assert 0 < finding.confidence <= 1
        assert finding.severity in {"error", "warning", "note"}
        assert re.fullmatch(r"[A-Z0-9].*\.", finding.summary)


@every_failure
def test_evidence_can_be_checked_against_the_record(cause: str) -> None:
    about = failure(cause)
    for finding in answers(about):
        for fact in finding.evidence:
            observed = recorded(about, fact)
            assert observed is not None, fact
            assert fact.observed == pytest.approx(observed, rel=1e-6, nan_ok=True), fact
            assert fact.claim
            assert fact.because


def recorded(about: Case, fact: Evidence) -> float | None:
    """What the record holds at the step and place of a fact."""
    if fact.signal in about.scalars:
        return about.scalars[fact.signal].at(fact.step)
    signal = Signal(fact.signal)
    if fact.where != "all variables":
        return about.at(fact.step).recorded(signal, fact.where)
    parts = [about.at(fact.step).recorded(signal, w) for w in about.health.places(signal)]
    return float(np.sqrt(sum(part**2 for part in parts if part is not None)))


@every_failure
def test_a_fact_with_a_bound_claims_what_is_true_of_the_number(cause: str) -> None:
    for finding in answers(failure(cause)):
        for fact in finding.evidence:
            if fact.bound is not None and not isnan(fact.observed):
                above = fact.claim.startswith("is above")
                below = fact.claim.startswith(("is below", "is at most"))
                assert not above or fact.observed > fact.bound
                assert not below or fact.observed <= fact.bound
