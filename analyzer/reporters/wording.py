"""The words that every reporter for people uses."""

from __future__ import annotations

from math import isfinite, isnan
from typing import Final

from analyzer.report import Analysis, Evidence, FirstNonfinite

MEANINGS: Final = {
    "healthy": "nothing non-finite, and nothing that harms training",
    "unhealthy": "finite, but something harms training",
    "nonfinite": "training went non-finite",
    "silent": "weights, gradients or data are non-finite while the logged loss stays finite",
    "recovered": "something was non-finite, and came back",
    "empty": "the event files hold nothing to judge",
    "unreadable": "no event file of this run could be read",
}
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
    if first.where:
        rows.insert(3, ("where", first.where))
    return rows


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
