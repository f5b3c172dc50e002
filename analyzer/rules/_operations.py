"""What went into an operation of the user's own, and what came out, for the rules that name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analyzer.evidence import Case, Evidence, above
from analyzer.findings import CannotTell, RuledOut
from analyzer.rules._places import bad_count, input_of, is_own_layer
from tb_nan_plugin.signals import Phase, Signal

MODERATE: Final = 1e6  # its square is 26 decades below the largest float32
REACH: Final = {"float16": 11.09, "mixed_float16": 11.09}  # of exp: ln 65504
REACH_FLOAT32: Final = 88.72  # ln 3.4e38
PROBABILITIES: Final = frozenset({"sigmoid", "softmax", "hard_sigmoid"})
NOT_NEGATIVE: Final = PROBABILITIES | {"relu", "relu6", "softplus", "exponential"}


@dataclass(frozen=True)
class Operation:
    """One call of a layer of the user's own that made the first bad numbers.

    Attributes:
        step: The step.
        where: The layer call.
        size: The largest absolute value that went into it.
        source: Where that was measured.
        nan, up, down: How many of its outputs are NaN, +Inf and -Inf.
        sign: Of what went in: "not negative", "negative" or "unknown".
        negative_before: Whether negative numbers went in before, without harm.
        makes_probabilities: Whether what went in came out of a sigmoid or softmax.
        into: `size` as a fact.
        bad: What came out as a fact.
    """

    step: int
    where: str
    size: float
    source: tuple[Signal, str]
    nan: float
    up: float
    down: float
    sign: str
    negative_before: bool
    makes_probabilities: bool
    into: Evidence
    bad: Evidence

    @property
    def facts(self) -> tuple[Evidence, ...]:
        """Return both facts."""
        return (self.into, self.bad)


def first_operation(case: Case, cause: str) -> Operation | RuledOut | CannotTell | None:
    """Return the operation of the user's own in which the trouble began, or why there is none."""
    trouble = case.trouble
    if trouble is None:
        return None
    if trouble.phase is not Phase.FORWARD:
        if trouble.phase in (Phase.LOSS, Phase.BACKWARD, Phase.UPDATE):
            return RuledOut(cause, f"every layer's output up to step {trouble.step} was finite")
        return None
    if not is_own_layer(case, trouble.where):
        return CannotTell(cause, (f"the operations before and inside {trouble.where}",))
    source = input_of(case, trouble.where)
    moment = case.at(trouble.step)
    size = None if source is None else _size(case, source, trouble.step)
    bad = bad_count(case, trouble, because="the first output of this step that is not finite")
    if source is None or size is None or bad is None:
        return CannotTell(cause, (Signal.OUTPUT_MAX_ABS.value,))
    if size > MODERATE:
        return RuledOut(cause, f"what went into {trouble.where} was already {size:.3g}")
    where, counts = trouble.where, (Signal.OUTPUT_NAN, Signal.OUTPUT_POSINF, Signal.OUTPUT_NEGINF)
    nan, up, down = (moment.recorded(signal, where) or 0.0 for signal in counts)
    into = Evidence(
        source[0].value,
        source[1],
        trouble.step,
        moment.recorded(*source) or 0.0,
        "is finite and of ordinary size",
        f"it went into {where}, and nothing of that size overflows",
    )
    activation = case.health.setup.layer(source[1]).activation
    sign, before = _sign(case, source, activation, trouble.step)
    made = activation in PROBABILITIES
    return Operation(
        trouble.step, where, size, source, nan, up, down, sign, before, made, into, bad
    )


def exceeds_exp(case: Case, operation: Operation) -> bool:
    """Return whether what went in is beyond the reach of `exp` in the model's precision."""
    return operation.size > REACH.get(case.health.setup.dtype_policy, REACH_FLOAT32)


def _size(case: Case, source: tuple[Signal, str], step: int) -> float | None:
    moment = case.at(step)
    if source[0] is Signal.OUTPUT_MAX_ABS:
        return moment.recorded(*source)
    edges = [
        abs(value)
        for signal in (Signal.INPUT_MIN, Signal.INPUT_MAX)
        for where in case.health.places(signal)
        if (value := moment.recorded(signal, where)) is not None
    ]
    return max(edges) if edges else None


def _sign(case: Case, source: tuple[Signal, str], activation: str, step: int) -> tuple[str, bool]:
    """Return the sign of what went in at a step, and whether it was negative before."""
    if source[0] is Signal.OUTPUT_MAX_ABS:
        return ("not negative" if activation in NOT_NEGATIVE else "unknown"), False
    lows = [case.health.series(Signal.INPUT_MIN, w) for w in case.health.places(Signal.INPUT_MIN)]
    now = [low.at(step) for low in lows if low is not None]
    before = [bool(np.any(low.before(step).values < 0)) for low in lows if low is not None]
    is_negative = any(low is not None and low < 0 for low in now)
    return ("negative" if is_negative else "not negative"), any(before)


def zero_edge(case: Case, signals: tuple[Signal, Signal], step: int) -> Evidence | None:
    """Return the smallest or largest value of a quantity where it is exactly 0 at a step.

    Zeros inside a range of both signs cannot be seen from its edges.
    """
    moment = case.at(step)
    for signal in signals:
        for where in case.health.places(signal):
            value = moment.recorded(signal, where)
            if value == 0:
                return Evidence(signal.value, where, step, value, "is 0", "exactly", 0.0)
    return None


def largest_prediction(case: Case, step: int) -> Evidence | None:
    """Return the prediction that is farthest from 0, as a fact."""
    moment = case.at(step)
    found = [
        (abs(value), value, signal, where)
        for signal in (Signal.PREDICTION_MIN, Signal.PREDICTION_MAX)
        for where in case.health.places(signal)
        if (value := moment.recorded(signal, where)) is not None and np.isfinite(value)
    ]
    if not found:
        return None
    _, value, signal, where = max(found, key=lambda entry: entry[0])
    because = "it went into the loss"
    return Evidence(signal.value, where, step, value, "is the farthest from 0", because)


def positive(signal: Signal, case: Case, step: int, because: str) -> Evidence | None:
    """Return the first place whose count is above 0 at a step."""
    moment = case.at(step)
    for where in case.health.places(signal):
        fact = moment.shows(signal, above(0), where=where, because=because)
        if fact is not None:
            return fact
    return None
