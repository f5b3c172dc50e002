"""The shape of a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analyzer.evidence import Case
from analyzer.findings import Answer


@dataclass(frozen=True)
class Remedy:
    """What to do about a cause.

    Attributes:
        text: One or two sentences.
        code: A Keras snippet, or None.
    """

    text: str
    code: str | None = None


@dataclass(frozen=True)
class Rule:
    """A cause and the function that looks for it.

    Attributes:
        cause: Its id, for ever: the defect as a noun phrase in kebab-case.
        family: Which part of a training it belongs to.
        title: The cause in words, for a headline.
        check: Pure: same case, same answer. No I/O, no clock, no globals.
        remedies: What to do, the best first.
    """

    cause: str
    family: str
    title: str
    check: Callable[[Case], Answer]
    remedies: tuple[Remedy, ...]
