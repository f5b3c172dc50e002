"""The first thing in a record that is not finite, by causal order within its step.

The training side warns with it, and the analyzer begins with it, so both say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tb_nan_plugin.record import Column
from tb_nan_plugin.signals import Kind, Phase, Signal

# What training lives by: a step in which all of it is finite was not harmed.
VITAL: Final = (Phase.WEIGHTS, Phase.LOSS, Phase.BACKWARD, Phase.UPDATE)


@dataclass(frozen=True)
class Trouble:
    """Where a training first held a number that is not finite.

    Attributes:
        step: Index of the training batch.
        phase: The stage of the step.
        where: Column, layer call or variable; "" where the phase says it all.
        kind: Which kind of number.
        count: How many such values that place held.
        signal: The quantity that shows it.
    """

    step: int
    phase: Phase
    where: str
    kind: Kind
    count: int
    signal: Signal

    def sentence(self) -> str:
        """Say it in words, without the step."""
        word = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[self.kind]
        subject = {
            Phase.INPUT: f"{self.where} of the input holds {word}",
            Phase.TARGET: f"{self.where} of the targets holds {word}".replace(
                "target of the targets", "the target"
            ),
            Phase.WEIGHTS: f"{self.where} held {word} before the step",
            Phase.FORWARD: f"the output of {self.where} holds {word}",
            Phase.LOSS: f"the loss is {word}",
            Phase.BACKWARD: f"the gradient of {self.where} holds {word}",
            Phase.UPDATE: f"{self.where} became {word} in the update",
        }
        return subject.get(self.phase, f"{self.where} is {word}")


def trouble_at(signal: Signal, where: str) -> Trouble:
    """Return the trouble that a count above 0 stands for, of no particular step."""
    return Trouble(-1, signal.quantity.phase, where, signal.quantity.kind or "nan", 1, signal)


def first_trouble(
    columns: Sequence[Column],
    steps: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    present: npt.NDArray[np.bool_],
    *,
    continues: bool = False,
    harmless: set[Column] | None = None,
) -> Trouble | None:
    """Find the first step that was harmed by something non-finite, and what came first in it.

    Args:
        columns: Names of the k columns, in causal order within each phase.
        steps: Shape (n,), increasing.
        values: Shape (n, k).
        present: Shape (n, k), which values were measured.
        continues: The first row follows a step that was recorded and had no trouble.
        harmless: Columns that were bad in earlier rows without harm; this call adds to it.

    A step is harmed if its loss, a gradient or a weight is not finite. Where all of them were
    measured and are finite, missing values in the data were handled, or a mask of -Inf did what it
    is for; what was bad without harm before is not what does harm later. Weights that are bad when
    a step begins were made bad by the update of the step before it, unless the record begins there.
    Of the places that are bad in one phase, the first among the columns is named. Gradients that
    overflow under a loss scale are that scheme at work, and count only if something else does, or
    if the step was not skipped for them and made weights that are not finite.
    """
    watched = [i for i, c in enumerate(columns) if _watches(c)]
    if not watched or len(steps) == 0:
        return None
    names = [columns[i] for i in watched]
    there = present[:, watched]
    bad = there & _bad(names, values[:, watched])
    scaled = _scaled(columns)
    harmed = _harmed(names, bad, scaled=scaled) | (bad.any(axis=1) & ~_cleared(columns, present))
    known = set() if harmless is None else harmless
    for row in np.flatnonzero(bad.any(axis=1)):
        blamed = [
            i
            for i in np.flatnonzero(bad[row])
            if names[i] not in known and not (scaled and _phase(names[i]) is Phase.BACKWARD)
        ]
        if not harmed[row]:
            known.update(names[i] for i in blamed)
        elif blamed:
            before = continues or bool(row > 0)
            cells = [(names[i], float(values[row, watched[i]])) for i in blamed]
            first = _first(cells, names, int(steps[row]), has_before=before)
            if scaled and first.phase is Phase.UPDATE:
                at = row - (first.step < int(steps[row]))
                cells = _overflowed(names, values[at, watched], bad[at]) if at >= 0 else []
                first = _first(cells, names, first.step, has_before=before) if cells else first
            return replace(first, where=_exact_column(first, columns, values[row], present[row]))
    return None


def decisive(columns: Sequence[Column]) -> tuple[list[int], list[int]]:
    """Return which columns of a row show by themselves that its step was harmed.

    Args:
        columns: Everything that was measured in the step.

    Returns:
        Indices of counts, each of which must be 0, and of numbers that must be finite.
    """
    vital = [i for i, c in enumerate(columns) if _watches(c) and _phase(c) in VITAL]
    if _scaled(columns):
        vital = [i for i in vital if _phase(columns[i]) is not Phase.BACKWARD]
    numbers = [i for i in vital if columns[i].signal == Signal.LOSS.value]
    return [i for i in vital if i not in numbers], numbers


def _scaled(columns: Sequence[Column]) -> bool:
    return any(c.signal == Signal.LOSS_SCALE.value for c in columns)


def _overflowed(
    names: Sequence[Column], row: npt.NDArray[np.float32], bad: npt.NDArray[np.bool_]
) -> list[tuple[Column, float]]:
    """Return the gradients of a step that were not finite, and for which it was not skipped."""
    return [
        (name, float(value))
        for name, value, is_bad in zip(names, row, bad, strict=True)
        if is_bad and _phase(name) is Phase.BACKWARD
    ]


def _bad(names: Sequence[Column], table: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    loss = np.array([name.signal == Signal.LOSS.value for name in names])
    return np.where(loss, ~np.isfinite(table), table > 0)


def _harmed(
    names: Sequence[Column],
    bad: npt.NDArray[np.bool_],
    *,
    scaled: bool,
) -> npt.NDArray[np.bool_]:
    """Return, shape (n,), in which steps something is bad that training lives by."""
    phases = np.array([_phase(name).value for name in names])
    vital: npt.NDArray[np.bool_] = np.isin(phases, [p.value for p in VITAL])
    if scaled:  # an overflow that the scheme brought about has no bad data beside it
        data = np.isin(phases, [Phase.INPUT.value, Phase.TARGET.value])
        backward: npt.NDArray[np.bool_] = phases == Phase.BACKWARD.value
        bad = bad & (~backward | np.any(bad[:, data], axis=1)[:, None])
    harmed: npt.NDArray[np.bool_] = np.any(bad[:, vital], axis=1)
    return harmed


def _cleared(columns: Sequence[Column], present: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return, shape (n,), which steps were observed far enough to be cleared.

    That is, their loss and their gradients; or their weights after the update, by a monitor that
    was to take a bad update back.
    """
    signals = np.array([column.signal for column in columns])
    judged = present[:, signals == Signal.UPDATE_SKIPPED.value].any(axis=1)
    losses = present[:, signals == Signal.LOSS.value].any(axis=1)
    gradients = present[:, np.char.startswith(signals, "gradient_")].any(axis=1)
    cleared: npt.NDArray[np.bool_] = np.logical_or(judged, losses & gradients)
    return cleared


def _first(
    cells: Sequence[tuple[Column, float]], names: Sequence[Column], step: int, *, has_before: bool
) -> Trouble:
    places = {(_phase(name), name.where): i for i, name in reversed(list(enumerate(names)))}
    found = [_at(name, step, value, has_before=has_before) for name, value in cells]
    return min(found, key=lambda t: (t.step, t.phase.order, places[_origin(t)]))


def _origin(trouble: Trouble) -> tuple[Phase, str]:
    return trouble.signal.quantity.phase, trouble.where


def _phase(column: Column) -> Phase:
    return Signal(column.signal).quantity.phase


def _exact_column(
    trouble: Trouble,
    columns: Sequence[Column],
    values: npt.NDArray[np.float32],
    present: npt.NDArray[np.bool_],
) -> str:
    """Name the column where a wide batch was recorded as a whole, by the index beside it."""
    aside = Column(f"{trouble.phase.value}_bad_column", trouble.where)
    if aside not in columns:
        return trouble.where
    index = columns.index(aside)
    if not present[index] or not values[index] >= 0:
        return trouble.where
    return f"{trouble.where.removeprefix('all ').removesuffix('s')} {int(values[index])}"


def _watches(column: Column) -> bool:
    signal = column.known
    return signal is Signal.LOSS or (signal is not None and signal.quantity.kind is not None)


def _at(column: Column, step: int, value: float, *, has_before: bool) -> Trouble:
    signal = Signal(column.signal)
    phase, kind = signal.quantity.phase, signal.quantity.kind
    if signal is Signal.LOSS:
        return Trouble(step, phase, "", _kind_of(value), 1, signal)
    if phase is Phase.WEIGHTS and has_before:
        step, phase = step - 1, Phase.UPDATE
    return Trouble(step, phase, column.where, kind or "nan", int(value), signal)


def _kind_of(value: float) -> Kind:
    if np.isnan(value):
        return "nan"
    return "inf" if value > 0 else "-inf"
