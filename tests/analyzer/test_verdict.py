"""One verdict out of many answers, and none where the record bears none out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan

import pytest

from analyzer import verdict as module
from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules import Remedy, Rule
from analyzer.verdict import LEAST_CONFIDENCE, UNKNOWN, WOULD_HELP, Alternative, Verdict, judge
from tb_nan_plugin.signals import Phase
from tests.analyzer.failures import FAILURES, failure, healthy
from tests.analyzer.runs import case

BROKEN = case({"loss": [1.0, nan]})
CALM = case({"loss": [1.0, 0.9]})
Answering = Callable[..., None]
FACT = Evidence("loss", "", 1, nan, "is not finite", "it was recorded so")


def finding(cause: str, confidence: float) -> Finding:
    return Finding(cause, 1, confidence, "error", f"It was {cause}.", (FACT,))


class Asked:
    """Stands for the package of the rules: one rule for each answer."""

    def __init__(self, *answers: Answer) -> None:
        self.ALL = tuple(rule_that_says(number, answer) for number, answer in enumerate(answers))


def rule_that_says(number: int, answer: Answer) -> Rule:
    cause = f"silent-{number}" if answer is None else answer.cause
    remedies = (Remedy(f"Cure {cause}."),)
    return Rule(cause, "data", f"Cause {cause}", lambda case: answer, remedies)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    def answer(*answers: Answer) -> None:
        asked = Asked(*answers)
        monkeypatch.setattr(module, "rules", asked)
        monkeypatch.setattr(module, "RULES", {rule.cause: rule for rule in asked.ALL})

    return answer


def verdict_on(about: Case) -> Verdict:
    verdict, _ = judge(about)
    assert verdict is not None
    return verdict


def test_nothing_wrong_is_no_verdict(answering: Answering) -> None:
    answering(None, RuledOut("a", "it is not"), CannotTell("b", ("c",)))

    assert judge(CALM) == (None, ())


def test_the_surest_finding_is_the_verdict_and_brings_its_remedies(answering: Answering) -> None:
    answering(finding("a", 0.6), finding("b", 0.987), None)

    verdict, findings = judge(BROKEN)

    assert verdict is not None
    assert (verdict.cause, verdict.family, verdict.title) == ("b", "data", "Cause b")
    assert verdict.confidence == 0.99
    assert verdict.summary == "It was b."
    assert verdict.evidence == (FACT,)
    assert verdict.remedies == (Remedy("Cure b."),)
    assert verdict.missing == ()
    assert [f.cause for f in findings] == ["b", "a"]


def test_of_equally_sure_findings_the_first_rule_in_the_list_wins(answering: Answering) -> None:
    answering(finding("b", 0.8), finding("a", 0.8))

    assert verdict_on(BROKEN).cause == "b"


def test_alternatives_are_ordered_and_say_what_speaks_against_them(answering: Answering) -> None:
    answering(
        RuledOut("ruled-out", "the inputs were finite"),
        finding("weaker", 0.7),
        finding("primary", 0.9),
        RuledOut("likelier", "it came later", 0.2),
    )

    assert verdict_on(BROKEN).alternatives == (
        Alternative("weaker", 0.7, "cause primary, with more behind it"),
        Alternative("likelier", 0.2, "it came later"),
        Alternative("ruled-out", 0.05, "the inputs were finite"),
    )


def test_a_cause_below_the_least_confidence_is_not_named(answering: Answering) -> None:
    answering(finding("a", LEAST_CONFIDENCE - 0.01), RuledOut("b", "no", 0.3))

    verdict, findings = judge(BROKEN)

    assert verdict is not None
    assert (verdict.cause, verdict.family, verdict.confidence) == (UNKNOWN, "", 0.0)
    assert verdict.summary == (
        "Step 1 is the first that is not finite: the loss is NaN. "
        "What was recorded does not tell why."
    )
    assert (verdict.evidence, verdict.remedies) == ((), ())
    assert [a.cause for a in verdict.alternatives] == ["a", "b"]
    assert findings == ()


def test_a_cause_at_the_least_confidence_is_named(answering: Answering) -> None:
    answering(finding("a", LEAST_CONFIDENCE))

    assert verdict_on(BROKEN).cause == "a"


def test_unknown_says_what_was_missing_once_each(answering: Answering) -> None:
    answering(CannotTell("a", ("x", "y")), CannotTell("b", ("y", "z")))

    assert verdict_on(BROKEN).missing == ("x", "y", "z", *WOULD_HELP[Phase.LOSS])


@pytest.mark.parametrize(("confidence", "missing"), [(0.8, ("x", "y")), (0.95, ())])
def test_a_verdict_that_is_not_sure_says_what_would_have_decided(
    answering: Answering, confidence: float, missing: tuple[str, ...]
) -> None:
    answering(finding("a", confidence), CannotTell("b", ("x",)), CannotTell("c", ("x", "y")))

    assert verdict_on(BROKEN).missing == missing


def test_a_note_is_no_verdict_and_is_kept(answering: Answering) -> None:
    note = replace(finding("a", 0.9), severity="note")
    answering(note)

    assert judge(CALM) == (None, (note,))


def test_a_weak_suspicion_about_a_finite_run_is_no_verdict(answering: Answering) -> None:
    answering(finding("a", LEAST_CONFIDENCE - 0.01))

    assert judge(CALM) == (None, ())


def test_a_finding_about_a_finite_run_is_a_verdict(answering: Answering) -> None:
    answering(finding("a", 0.8))

    assert verdict_on(CALM).cause == "a"


def test_every_phase_says_what_would_have_helped() -> None:
    assert set(WOULD_HELP) == set(Phase)
    assert all(WOULD_HELP.values())


@pytest.mark.parametrize("cause", FAILURES)
def test_every_failure_gets_its_own_cause(cause: str) -> None:
    verdict = verdict_on(failure(cause))

    assert verdict.cause == cause
    assert verdict.confidence >= 0.75
    confidences = [a.confidence for a in verdict.alternatives]
    assert confidences == sorted(confidences, reverse=True)
    assert cause not in [a.cause for a in verdict.alternatives]


def test_the_healthy_run_gets_no_verdict() -> None:
    assert judge(case(*healthy())) == (None, ())


def test_a_bare_loss_gets_no_cause() -> None:
    assert verdict_on(BROKEN).cause == UNKNOWN
