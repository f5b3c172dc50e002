"""Facts. A fact is made by reading the run, so what it claims is what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Final

from analyzer import derived
from analyzer.derived import Outcome
from analyzer.roles import Role, role_of
from analyzer.series import Health, Series
from tb_nan_plugin.signals import Signal
from tb_nan_plugin.trouble import Trouble


@dataclass(frozen=True)
class Claim:
    """Something that can be true of one number.

    Attributes:
        words: The predicate, to follow a subject: "is below 1.18e-38".
        holds: The test itself.
        bound: The threshold if there is one, so that a chart can draw it.
    """

    words: str
    holds: Callable[[float], bool]
    bound: float | None = None


NOT_FINITE: Final = Claim("is not finite", lambda x: not isfinite(x))
ZERO: Final = Claim("is 0", lambda x: x == 0, 0.0)


def above(bound: float) -> Claim:
    """Claim that a number lies strictly over `bound`; NaN never does."""
    return Claim(f"is above {bound:.4g}", lambda x: x > bound, bound)


def below(bound: float) -> Claim:
    """Claim that a number lies strictly under `bound`; NaN never does."""
    return Claim(f"is below {bound:.4g}", lambda x: x < bound, bound)


def at_most(bound: float) -> Claim:
    """Claim that a number is not over `bound`; NaN never is."""
    return Claim(f"is at most {bound:.4g}", lambda x: x <= bound, bound)


def equal(number: float) -> Claim:
    """Claim that a number is exactly `number`."""
    return Claim(f"is {number:.6g}", lambda x: x == number, number)


@dataclass(frozen=True)
class Evidence:
    """One fact that anyone can check against the event file.

    Attributes:
        signal: The quantity that was read: a signal's name or a tag.
        where: Column, layer call or variable; "" for what belongs to the step.
        step: The step it was read at.
        observed: The value, unrounded.
        claim: What is claimed of it.
        because: Why the fact bears on the cause, as a clause.
        bound: The threshold of the claim, in the unit of `signal`.
    """

    signal: str
    where: str
    step: int
    observed: float
    claim: str
    because: str
    bound: float | None = None


@dataclass(frozen=True)
class Moment:
    """Everything recorded at one step."""

    health: Health
    step: int

    def recorded(self, signal: Signal, where: str = "") -> float | None:
        """Return the value at this step, or None if it was not measured then."""
        series = self.health.series(signal, where)
        return None if series is None else series.at(self.step)

    def lacks(self, needed: Sequence[Signal]) -> tuple[str, ...]:
        """Return the signals of `needed` that were recorded nowhere at this step."""
        return tuple(s.value for s in needed if not self._has(s))

    def _has(self, signal: Signal) -> bool:
        places = self.health.places(signal)
        return any(self.recorded(signal, where) is not None for where in places)

    def total(self, signals: Sequence[Signal], where: str) -> float:
        """Return the sum of several counts of one place; what was not measured counts 0."""
        return sum(self.recorded(signal, where) or 0.0 for signal in signals)

    def shows(
        self, signal: Signal, claim: Claim, *, where: str = "", because: str
    ) -> Evidence | None:
        """Return the claim as evidence if the recorded value bears it out."""
        observed = self.recorded(signal, where)
        if observed is None or not claim.holds(observed):
            return None
        return Evidence(signal.value, where, self.step, observed, claim.words, because, claim.bound)


@dataclass(frozen=True)
class Case:
    """What a rule is asked about: one recorded training, and its first non-finite number.

    Attributes:
        health: The record.
        trouble: The first thing that was not finite, or None.
        scalars: The ordinary scalars beside the record, by name, each on its own axis.
        roles: What each of them was taken for in its context; its name decides where it is missing.
    """

    health: Health
    trouble: Trouble | None
    scalars: Mapping[str, Series] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)

    def at(self, step: int) -> Moment:
        """Return everything recorded at `step`."""
        return Moment(self.health, step)

    def role(self, name: str) -> Role:
        """Return what an ordinary scalar stands for."""
        return self.roles.get(name) or role_of(name)

    @cached_property
    def outcome(self) -> Outcome:
        """Return how the training went, by its loss."""
        return derived.outcome(self.health)

    @cached_property
    def first_step(self) -> int:
        """Return the first recorded step."""
        return int(self.health.steps[0])

    def before_trouble(self, series: Series | None) -> Series | None:
        """Return the finite part of a series up to the first trouble, or None if it is empty."""
        if series is None:
            return None
        part = series if self.trouble is None else series.before(self.trouble.step + 1)
        part = part.finite()
        return part if len(part) else None
