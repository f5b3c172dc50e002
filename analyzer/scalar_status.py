"""What scalars make of a run: its status, the notes on what is harmless, what each tag was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from analyzer.roles import Role
from analyzer.scalar_rules import ScalarCase
from analyzer.scalars import BadTag, name_of
from tb_nan_plugin.signals import Phase

Status = Literal["healthy", "unhealthy", "nonfinite", "silent", "recovered", "empty", "unreadable"]


# Tags of one step are written one after the other, in any order.
SAME_STEP_S: Final = 0.5


@dataclass(frozen=True, eq=False)
class TagUse:
    """What a series of a run was taken for; see docs/report.md."""

    key: str
    tag: str
    part: str
    role: Role
    counts: str
    points: int
    nonfinite: int


def uses_of(case: ScalarCase) -> Iterator[TagUse]:
    """Yield what each series was taken for."""
    bad = {b.key: b for b in case.bad}
    for key, label in case.labels.of.items():
        found = bad.get(key)
        yield TagUse(
            key,
            label.origin.tag,
            label.origin.part,
            label.role if found is None else found.role,
            label.axis.words,
            len(case.run.scalars[key]),
            0 if found is None else found.count,
        )


def status_of(case: ScalarCase, first: BadTag) -> Status:
    """Silent while every training loss is finite; recovered if all that was bad came back."""
    lasting = [b for b in case.bad if b.decisive and not b.recovered]
    if not lasting:
        return "recovered"
    inner = first.phase in (Phase.WEIGHTS, Phase.BACKWARD, Phase.UPDATE)
    losses = [b for b in lasting if b.phase in (Phase.LOSS, Phase.VALIDATION)]
    return "silent" if inner and not losses else "nonfinite"


def benign_notes(case: ScalarCase) -> list[str]:
    """Return a sentence for each tag that is not finite and says nothing of a failure."""
    first = case.first
    return [_note(b) for b in case.bad if not b.decisive and not _follows(b, first)]


def _follows(bad: BadTag, first: BadTag | None) -> bool:
    """Return whether a metric broke with the loss or after it: it says nothing of its own then."""
    return first is not None and not first.recovered and bad.since >= first.since - SAME_STEP_S


def _note(bad: BadTag) -> str:
    """Say why something non-finite is no failure."""
    if bad.harmless:
        return bad.harmless
    times = "once" if bad.count == 1 else f"{bad.count} times"
    said = f"{bad.key} is {name_of(bad.kind)} {times}, first at its step {bad.step}."
    if bad.role is Role.SENTINEL:
        return f"{said} That stands for a value that there is not yet, or none; it is no result."
    return (
        f"{said} It is neither a loss nor a gradient; many metrics are undefined where they have "
        "nothing to measure."
    )
