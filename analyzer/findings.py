"""What a rule may answer. Plain values: nothing here reads, decides or prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from analyzer.evidence import Evidence

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """A cause, the step where it struck, and the facts that show it.

    Attributes:
        cause: Id of the cause.
        step: The step where it shows first.
        confidence: How sure it is that this is what went wrong, from 0 to 1.
        severity: `error` if training failed by it, `warning` if it is harmed.
        summary: One sentence for a person.
        evidence: At least one fact.
    """

    cause: str
    step: int
    confidence: float
    severity: Severity
    summary: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class RuledOut:
    """The cause was considered and what was recorded speaks against it."""

    cause: str
    because: str
    confidence: float = 0.05


@dataclass(frozen=True)
class CannotTell:
    """The rule could not be judged: these quantities were not recorded."""

    cause: str
    missing: tuple[str, ...]


Answer: TypeAlias = Finding | RuledOut | CannotTell | None
