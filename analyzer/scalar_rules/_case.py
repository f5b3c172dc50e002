"""What a rule for ordinary scalars is asked about, and the shape of such a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analyzer.averages import epochs_of, of_each_batch
from analyzer.findings import Finding
from analyzer.labels import Label, Labels
from analyzer.roles import Role
from analyzer.rules import Remedy
from analyzer.scalars import BadTag
from analyzer.series import Run, Series


@dataclass(frozen=True, eq=False)
class ScalarCase:
    """One training that left ordinary scalars only.

    Attributes:
        run: The attempt that is judged, as a run.
        labels: What its series were taken for.
        bad: The series that hold something non-finite.
        first: The one that was decisively bad first, None if none was.
    """

    run: Run
    labels: Labels
    bad: tuple[BadTag, ...]
    first: BadTag | None

    def series(self, role: Role) -> list[tuple[Label, Series]]:
        """Return the series of one role that have points."""
        return [
            (label, self.run.scalars[label.key])
            for label in self.labels.with_role(role)
            if len(self.run.scalars[label.key])
        ]

    def bad_of(self, role: Role) -> list[BadTag]:
        """Return the decisively bad series of one role."""
        return [b for b in self.bad if b.role is role and b.decisive]

    def each_batch(self, label: Label) -> Series:
        """Return a loss with its running mean taken apart, where it is one."""
        series = self.run.scalars[label.key]
        epochs = epochs_of(self.run, self.labels, label)
        return of_each_batch(series, epochs) if epochs is not None and epochs.running else series

    @cached_property
    def trains_on(self) -> bool:
        """Return whether every training loss is finite to its end, and there is one."""
        losses = [series for _, series in self.series(Role.LOSS)]
        return bool(losses) and all(np.isfinite(series.values).all() for series in losses)


@dataclass(frozen=True, eq=False)
class ScalarRule:
    """A cause and the function that looks for it among scalars.

    Attributes:
        cause: Its id; the same as that of the rule for health records where there is one.
        family: Which part of a training it belongs to.
        title: The cause in words.
        check: Pure: a finding, or None.
        remedies: What to do, the best first.
    """

    cause: str
    family: str
    title: str
    check: Callable[[ScalarCase], Finding | None]
    remedies: tuple[Remedy, ...]
