"""Findings -> one verdict, which may be that the cause cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analyzer import rules
from analyzer.derived import Progress
from analyzer.evidence import Case, Evidence
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from tb_nan_plugin.signals import Phase
from tb_nan_plugin.trouble import Trouble

UNKNOWN: Final = "unknown"
# Below this a cause is a guess, and a wrong cause is worse than none.
LEAST_CONFIDENCE: Final = 0.5
SURE: Final = 0.9  # from here on, what was not recorded would hardly change the verdict
RULES: Final = {rule.cause: rule for rule in rules.ALL}


@dataclass(frozen=True)
class Alternative:
    """Another cause that was considered, and what speaks against it."""

    cause: str
    confidence: float
    ruled_out_by: str


@dataclass(frozen=True)
class Verdict:
    """Why a training went wrong, as far as the record tells.

    Attributes:
        cause: Id of the cause, or `unknown`.
        family: Of the cause; "" for `unknown`.
        title: The cause in words.
        confidence: From 0 to 1.
        summary: One sentence for a person.
        evidence: The facts it stands on.
        remedies: What to do, the best first.
        alternatives: Other causes, the likeliest first.
        missing: What was not recorded and would have decided.
    """

    cause: str
    family: str
    title: str
    confidence: float
    summary: str
    evidence: tuple[Evidence, ...]
    remedies: tuple[rules.Remedy, ...]
    alternatives: tuple[Alternative, ...]
    missing: tuple[str, ...]


def judge(case: Case) -> tuple[Verdict | None, tuple[Finding, ...]]:
    """Ask every rule about a recorded training.

    Returns:
        The verdict, None where nothing is wrong; and every finding, the surest first.
    """
    answers = [rule.check(case) for rule in rules.ALL]
    findings = sorted(
        (a for a in answers if isinstance(a, Finding)), key=lambda f: f.confidence, reverse=True
    )
    primary = next((f for f in findings if f.severity != "note"), None)
    if primary is not None and primary.confidence >= LEAST_CONFIDENCE:
        return _of(primary, findings, answers), tuple(findings)
    if case.trouble is not None:
        return _unknown(case.trouble, findings, answers), ()
    if case.outcome.progress is Progress.DIVERGED:
        return _unknown_explosion(case, findings, answers), ()
    return None, tuple(f for f in findings if f.severity == "note")


def _of(primary: Finding, findings: list[Finding], answers: list[Answer]) -> Verdict:
    rule = RULES[primary.cause]
    weaker = tuple(
        Alternative(
            f.cause,
            round(f.confidence, 2),
            f"{rule.title[0].lower()}{rule.title[1:]}, with more behind it",
        )
        for f in findings
        if f is not primary and f.severity != "note"
    )
    return Verdict(
        primary.cause,
        rule.family,
        rule.title,
        round(primary.confidence, 2),
        primary.summary,
        primary.evidence,
        rule.remedies,
        _by_confidence((*weaker, *_ruled_out(answers))),
        () if primary.confidence >= SURE else _missing(answers),
    )


def _missing(answers: list[Answer]) -> tuple[str, ...]:
    """Return what rules that could not be judged would have needed, each once."""
    found = (m for a in answers if isinstance(a, CannotTell) for m in a.missing)
    return tuple(dict.fromkeys(found))


def _unknown(trouble: Trouble, findings: list[Finding], answers: list[Answer]) -> Verdict:
    summary = (
        f"Step {trouble.step} is the first that is not finite: {trouble.sentence()}. "
        "What was recorded does not tell why."
    )
    return unknown(
        summary,
        missing=(*_missing(answers), *WOULD_HELP[trouble.phase]),
        alternatives=_considered(findings, answers),
    )


def _unknown_explosion(case: Case, findings: list[Finding], answers: list[Answer]) -> Verdict:
    outcome = case.outcome
    summary = (
        f"The loss blew up from {outcome.first:.4g} and stays at {outcome.last:.4g}, finite as "
        "yet. What was recorded does not tell why."
    )
    missing = ("a training in which one quantity (rate, feature scale, target scale) is usual",)
    return unknown(summary, missing, _considered(findings, answers))


def _considered(findings: list[Finding], answers: list[Answer]) -> tuple[Alternative, ...]:
    weak = tuple(
        Alternative(f.cause, round(f.confidence, 2), "not enough in the record bears it out")
        for f in findings
    )
    return _by_confidence((*weak, *_ruled_out(answers)))


def unknown(
    summary: str, missing: tuple[str, ...], alternatives: tuple[Alternative, ...] = ()
) -> Verdict:
    """Return the verdict that the cause cannot be told."""
    return Verdict(
        UNKNOWN, "", "The cause cannot be told", 0.0, summary, (), (), alternatives, missing
    )


def _ruled_out(answers: list[Answer]) -> tuple[Alternative, ...]:
    return tuple(
        Alternative(a.cause, a.confidence, a.because) for a in answers if isinstance(a, RuledOut)
    )


def _by_confidence(alternatives: tuple[Alternative, ...]) -> tuple[Alternative, ...]:
    return tuple(sorted(alternatives, key=lambda a: a.confidence, reverse=True))


WOULD_HELP: Final[dict[Phase, tuple[str, ...]]] = {
    Phase.INPUT: ("which rows of the data file the batch was made from",),
    Phase.TARGET: ("which rows of the data file the batch was made from",),
    Phase.WEIGHTS: ("where the weights were loaded from, and the run that saved them",),
    Phase.FORWARD: ("the operation inside the layer that made the first bad value",),
    Phase.LOSS: ("the operation inside the loss that made the first bad value",),
    Phase.BACKWARD: ("the operation whose gradient made the first bad value",),
    Phase.UPDATE: ("the optimizer's own state before the step",),
    Phase.VALIDATION: ("the validation data's own statistics",),
    Phase.METRIC: ("how the metric is defined where it has nothing to measure",),
}
