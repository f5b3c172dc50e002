"""The words that every reporter for people uses."""

from __future__ import annotations

from math import isfinite, isnan
from typing import Final

from analyzer.report import Analysis, Evidence, Finding, FirstNonfinite

MEANINGS: Final = {
    "healthy": "nothing non-finite, and nothing that harms training",
    "unhealthy": "finite, but something harms training",
    "nonfinite": "training went non-finite",
    "silent": "weights, gradients or data are non-finite while the logged loss stays finite",
    "recovered": "something was non-finite, and came back",
    "empty": "the event files hold nothing to judge",
    "unreadable": "no event file of this run could be read",
}
MOST_NAMES: Final = 5  # of the tags of one role; the JSON report has them all
KINDS: Final = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}
NO_FINDING: Final = "No NaN, no Inf, and no finding."


def is_quiet(analysis: Analysis) -> bool:
    """Tell whether there is nothing to say of a run but its status."""
    return analysis.status in ("healthy", "empty") and analysis.complete and not analysis.notes


def where(first: FirstNonfinite) -> list[tuple[str, str]]:
    """Return what is known of the first bad step, as names and values."""
    counted = "" if first.axis == "step" else "  (the tag's own count)"
    before = (
        "none: it is the first" if first.last_finite_step is None else str(first.last_finite_step)
    )
    rows = [
        ("first bad step", f"{first.step}{counted}"),
        ("last finite step", before),
        ("phase", first.phase.value),
        ("kind", KINDS[first.kind]),
    ]
    if first.earliest_step is not None and first.earliest_step < first.step:
        rows.insert(2, ("began in", f"one of the steps {first.earliest_step} to {first.step}"))
    if first.where:
        rows.insert(-1, ("where", first.where))
    return rows


def others(analysis: Analysis) -> list[Finding]:
    """Return what was found beside what the verdict names."""
    cause = None if analysis.verdict is None else analysis.verdict.cause
    return [finding for finding in analysis.findings if finding.cause != cause]


def damaged(analysis: Analysis) -> list[str]:
    """Return a line for each file that is not whole."""
    return [f"{s.file}: {s.status}. {s.reason}" for s in analysis.run.sources if s.status != "ok"]


def taken_for(analysis: Analysis) -> list[tuple[str, list[str]]]:
    """Return what the tags were taken for, and the runs that were taken for one training.

    Returns:
        A title and its lines, for each of the two that there is anything to say of.
    """
    found: dict[str, list[str]] = {}
    for use in analysis.tags:
        found.setdefault(f"{use.role.words} [{use.counts}]", []).append(use.key)
    tags = [f"{role}: {_some(names)}" for role, names in found.items()]
    if tags:
        tags.insert(0, f"written by: {analysis.dialect}")
    parts = [f"{name}  {why}" if why else name for name, why in analysis.parts]
    titled = (
        ("What the tags were taken for", tags),
        ("Runs that are one training (--no-group takes them apart)", parts),
    )
    return [(title, lines) for title, lines in titled if lines]


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def fact(evidence: Evidence) -> tuple[str, str, str, str]:
    """Return what was recorded, in four parts: of what, that it fits the claim, how much, why."""
    place = f" of {evidence.where}" if evidence.where else ""
    return (
        f"{evidence.signal}{place}",
        f" at step {evidence.step} {evidence.claim} (recorded: ",
        number(evidence.observed),
        f"): {evidence.because}",
    )


def number(value: float) -> str:
    """Return a number as people write it; non-finite ones by name."""
    if isfinite(value):
        return f"{value:.6g}"
    return "NaN" if isnan(value) else ("+Inf" if value > 0 else "-Inf")


def printable(text: str) -> str:
    """Return text whose control characters are shown, not obeyed: names are any log's to choose."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
