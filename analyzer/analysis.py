"""One run -> what is true of it: status, first non-finite step, verdict, findings, notes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from analyzer.evidence import Case
from analyzer.findings import Finding
from analyzer.labels import labels_of
from analyzer.merged import Training
from analyzer.resolution import remarks as resolution_remarks
from analyzer.scalar_rules import ScalarCase
from analyzer.scalar_status import Status, TagUse, benign_notes, status_of, uses_of
from analyzer.scalar_verdict import judge_scalars, unexplained
from analyzer.scalars import BadTag, accuracy_remarks, bad_tags, first_of
from analyzer.series import Attempt, Health, Run
from analyzer.spreads import bad_histograms
from analyzer.verdict import Verdict, judge
from tb_nan_plugin.record import Column, Manifest, RowBlock
from tb_nan_plugin.signals import Kind, Phase, Signal
from tb_nan_plugin.trouble import Trouble, first_trouble, trouble_at

MOST_NAMED: Final = 10  # steps in a note; the record names them all


@dataclass(frozen=True)
class FirstNonfinite:
    """The first thing that was not finite; see docs/report.md."""

    step: int
    last_finite_step: int | None
    phase: Phase
    where: str
    kind: Kind
    tag: str
    axis: Literal["step", "tag"]
    earliest_step: int | None = field(default=None, compare=False)
    counts: str = field(default="training batches, counted from 0", compare=False)
    part: str = field(default="", compare=False)


@dataclass(frozen=True)
class Analysis:
    """What is true of one run."""

    run: Run
    status: Status
    first_nonfinite: FirstNonfinite | None
    verdict: Verdict | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    tags: tuple[TagUse, ...] = ()
    dialect: str = ""

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """Return the TensorBoard runs of this training, each with the reason why it is one."""
        run = self.run
        return tuple((p.run.name, p.rule) for p in run.parts) if isinstance(run, Training) else ()

    @property
    def complete(self) -> bool:
        """Return whether every file was read to its end."""
        return not self.run.problems and all(s.status == "ok" for s in self.run.sources)


def analyze_run(run: Run) -> Analysis:
    """Judge the first attempt of a run that failed, or the last: by its health record, if any."""
    attempts = run.attempts or ((Attempt(1, scalars=run.scalars),) if run.scalars else ())
    if not attempts:
        broken = any(s.status in ("corrupt", "not-events", "unreadable") for s in run.sources)
        return Analysis(run, "unreadable" if broken else "empty", None, None, (), run.problems)
    harmless: set[Column] = set()
    looked_at = [_look_at(run, attempt, harmless) for attempt in attempts]
    remarks = dict.fromkeys(remark for one in looked_at for remark in accuracy_remarks(one.part))
    notes = (*run.problems, *remarks)
    chosen = next((one for one in looked_at if one.failed), looked_at[-1])
    if len(attempts) > 1:
        notes = (
            *notes,
            f"This directory holds {len(attempts)} attempts at a training; this is about attempt "
            f"{chosen.attempt.number}, the {'first that failed' if chosen.failed else 'last'}.",
        )
    notes = (*notes, *_harmless_notes(harmless))
    if chosen.attempt.health is not None:
        analysis = _by_health(run, chosen, chosen.attempt.health, notes)
    else:
        analysis = _by_scalars(run, chosen, notes)
    return replace(analysis, tags=tuple(uses_of(chosen.case)), dialect=_dialect(chosen))


def _dialect(look: _Look) -> str:
    return look.case.labels.dialect.name if look.case.labels.of else ""


@dataclass(frozen=True)
class _Look:
    """What the first look at an attempt shows, before any rule is asked.

    Attributes:
        part: The run as if it had this attempt only.
        trouble: The first trouble in its health record.
        case: Its scalars, and the tag to name if there is no trouble, or no record.
    """

    attempt: Attempt
    part: Run
    trouble: Trouble | None
    case: ScalarCase

    @property
    def tag(self) -> BadTag | None:
        return self.case.first

    @property
    def failed(self) -> bool:
        return self.trouble is not None or self.tag is not None


def _look_at(run: Run, attempt: Attempt, harmless: set[Column]) -> _Look:
    part = replace(run, scalars=attempt.scalars, attempts=(attempt,))
    labels = labels_of(part)
    bad = bad_tags(part, labels)
    if attempt.health is None:
        if len(run.attempts) <= 1:  # histograms are not divided into attempts
            bad += bad_histograms(part, labels)
        return _Look(attempt, part, None, ScalarCase(part, labels, tuple(bad), first_of(bad)))
    outside = first_of(b for b in bad if b.phase is Phase.VALIDATION)
    case = ScalarCase(part, labels, tuple(bad), outside)
    return _Look(attempt, part, _trouble(attempt.health, harmless), case)


def _by_health(run: Run, look: _Look, health: Health, notes: tuple[str, ...]) -> Analysis:
    trouble = look.trouble
    notes = (*notes, *resolution_remarks(health, trouble), *_skipped(health), *_unobserved(health))
    roles = {key: label.role for key, label in look.case.labels.of.items()}
    verdict, findings = judge(Case(health, trouble, look.part.scalars, roles))
    if trouble is None:
        if look.tag is not None:
            return _of_tag(run, look, look.tag, notes, findings, verdict)
        return Analysis(run, "unhealthy" if verdict else "healthy", None, verdict, findings, notes)
    first = FirstNonfinite(
        trouble.step,
        _step_before(health, trouble.step),
        trouble.phase,
        trouble.where,
        trouble.kind,
        trouble.signal.value,
        "step",
        trouble.step,
    )
    return Analysis(run, _status(health, trouble), first, verdict, findings, notes)


def _trouble(health: Health, harmless: set[Column]) -> Trouble | None:
    continues = False
    for manifest, block in health.blocks:
        if any(_may_be_bad(c, block, i) for i, c in enumerate(manifest.columns)):
            found = _trouble_in(manifest, block, harmless, continues=continues)
            if found is not None:
                return found
        continues = True
    return None


def _may_be_bad(column: Column, block: RowBlock, index: int) -> bool:
    signal = column.known
    if signal is Signal.LOSS:
        return True
    return signal is not None and signal.quantity.kind is not None and block.constant(index) != 0


def _trouble_in(
    manifest: Manifest, block: RowBlock, harmless: set[Column], *, continues: bool
) -> Trouble | None:
    needed = [i for i, c in enumerate(manifest.columns) if _decides(c)]
    values = np.stack([block.values(i) for i in needed], axis=1)
    present: npt.NDArray[np.bool_] = np.stack([block.present(i) for i in needed], axis=1)
    columns = [manifest.columns[i] for i in needed]
    return first_trouble(
        columns, block.steps, values, present, continues=continues, harmless=harmless
    )


_BESIDE: Final = (
    Signal.LOSS,
    Signal.LOSS_SCALE,
    Signal.UPDATE_SKIPPED,
    Signal.INPUT_BAD_COLUMN,
    Signal.TARGET_BAD_COLUMN,
)


def _decides(column: Column) -> bool:
    signal = column.known
    return signal is not None and (signal.quantity.kind is not None or signal in _BESIDE)


def _harmless_notes(harmless: set[Column]) -> tuple[str, ...]:
    found: dict[str, set[str]] = {}
    for column in harmless:
        signal = Signal(column.signal)
        named = trouble_at(signal, column.where).sentence()
        found.setdefault(signal.quantity.phase.value, set()).add(named)
    tail = "while loss, gradients and weights stayed finite: the model copes with it."
    return tuple(f"{'; '.join(sorted(named)[:5])}, {tail}" for named in found.values())


def _step_before(health: Health, step: int) -> int | None:
    earlier = health.steps[health.steps < step]
    return int(earlier.max()) if len(earlier) else None


def _status(health: Health, trouble: Trouble) -> Status:
    """Silent while the loss never shows it; recovered if the last steps are finite throughout."""
    loss = health.series(Signal.LOSS)
    last = int(health.steps[-1])
    if last > trouble.step and _trouble_at_end(health) is None:
        return "recovered"
    if loss is not None and np.isfinite(loss.values).all():
        return "silent"
    return "nonfinite"


def _trouble_at_end(health: Health) -> Trouble | None:
    manifest, block = health.blocks[-1]
    everything = list(range(len(manifest.columns)))
    values = np.stack([block.values(i)[-1:] for i in everything], axis=1)
    present = np.stack([block.present(i)[-1:] for i in everything], axis=1)
    return first_trouble(manifest.columns, block.steps[-1:], values, present)


def _skipped(health: Health) -> tuple[str, ...]:
    """Say how many updates the monitor took back, as `on_nonfinite` asked it to."""
    series = health.series(Signal.UPDATE_SKIPPED)
    steps = [] if series is None else series.steps[series.values > 0].tolist()
    if not steps:
        return ()
    named = ", ".join(str(step) for step in steps[:MOST_NAMED])
    more = f" and {len(steps) - MOST_NAMED} more" if len(steps) > MOST_NAMED else ""
    what, they = f"updates of {len(steps)} steps were", "they were"
    if len(steps) == 1:
        what, they = "update of 1 step was", "it was"
    return (f"The {what} taken back by on_nonfinite, for {they} not finite: {named}{more}.",)


def _unobserved(health: Health) -> tuple[str, ...]:
    return tuple(
        f"Not observed: {place} ({reason})." for place, reason in health.setup.unobserved.items()
    )


def _by_scalars(run: Run, look: _Look, notes: tuple[str, ...]) -> Analysis:
    notes = (*notes, *benign_notes(look.case))
    if look.tag is not None:
        return _of_tag(run, look, look.tag, notes, ())
    verdict, findings = judge_scalars(look.case)
    return Analysis(run, "unhealthy" if verdict else "healthy", None, verdict, findings, notes)


def _of_tag(
    run: Run,
    look: _Look,
    bad: BadTag,
    notes: tuple[str, ...],
    findings: tuple[Finding, ...],
    verdict: Verdict | None = None,
) -> Analysis:
    """Report the tag; a health record's verdict is kept where its evidence is of what is bad."""
    labels = look.case.labels.of
    first = FirstNonfinite(
        bad.step,
        bad.last_finite_step,
        bad.phase,
        bad.key,
        bad.kind,
        bad.tag,
        "tag",
        bad.earliest_step,
        bad.axis.words,
        labels[bad.key].origin.part if bad.key in labels else look.part.name,
    )
    if look.attempt.health is None:
        verdict, findings = judge_scalars(look.case)
    elif verdict is None or not _explains(verdict, look.case):
        verdict = unexplained(look.case, bad)
    return Analysis(run, status_of(look.case, bad), first, verdict, findings, notes)


def _explains(verdict: Verdict, case: ScalarCase) -> bool:
    outside = {b.key for b in case.bad if b.phase is Phase.VALIDATION}
    return any(fact.signal in outside for fact in verdict.evidence)
