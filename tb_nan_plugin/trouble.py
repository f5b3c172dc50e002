"""The first thing in a record that is not finite, by causal order within its step.

The training side warns with it, and the analyzer begins with it, so both say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tb_nan_plugin.record import Column
from tb_nan_plugin.signals import Kind, Phase, Signal


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


def first_trouble(
    columns: Sequence[Column],
    steps: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    present: npt.NDArray[np.bool_],
    *,
    continues: bool = False,
) -> Trouble | None:
    """Find the first step that holds something non-finite, and what came first in it.

    Args:
        columns: Names of the k columns, in causal order within each phase.
        steps: Shape (n,), increasing.
        values: Shape (n, k).
        present: Shape (n, k), which values were measured.
        continues: The first row follows a step that was recorded and had no trouble.

    Weights that are bad when a step begins were made bad by the update of the step before it,
    unless the record begins there. Of the places that are bad in one phase, the first among the
    columns is named, whatever kind of number it holds. Gradients that overflow under a loss
    scale are that scheme at work, and count only if something else does.
    """
    watched = [i for i, c in enumerate(columns) if _watches(c)]
    if not watched or len(steps) == 0:
        return None
    table = values[:, watched]
    loss = np.array([columns[i].signal == Signal.LOSS.value for i in watched])
    bad = present[:, watched] & np.where(loss, ~np.isfinite(table), table > 0)
    if any(c.signal == Signal.LOSS_SCALE.value for c in columns):
        bad[:, [columns[i].known.quantity.phase is Phase.BACKWARD for i in watched]] = False  # type: ignore[union-attr]
    rows = np.flatnonzero(bad.any(axis=1))
    if len(rows) == 0:
        return None
    row = int(rows[0])
    indices = np.array(watched)[bad[row]]
    found = [
        _at(columns[i], int(steps[row]), float(values[row, i]), has_before=continues or row > 0)
        for i in indices
    ]
    places = {c.where: i for i, c in reversed(list(enumerate(columns))) if _watches(c)}
    first = min(found, key=lambda t: (t.step, t.phase.order, places[t.where]))
    return replace(first, where=_exact_column(first, columns, values[row], present[row]))


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
