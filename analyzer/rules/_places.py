"""What the variables and layers of a record are, for the rules about state and operations."""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Case, Evidence, above
from tb_nan_plugin.signals import Signal
from tb_nan_plugin.trouble import Trouble

# The variables that Keras' normalization layers keep beside the trained ones.
_STATISTICS: Final = frozenset({"moving_mean", "moving_variance", "mean", "variance"})
# Layers that apply the same weights over and over within one step.
RECURRENT: Final = frozenset({"SimpleRNN", "RNN", "LSTM", "GRU", "Bidirectional", "ConvLSTM2D"})


def is_statistic(case: Case, variable: str) -> bool:
    """Return whether a variable is state that is computed, not trained: a moving average."""
    layer, _, name = variable.rpartition("/")
    if variable in case.health.places(Signal.GRADIENT_NORM):
        return False
    siblings = [w for w in case.health.places(Signal.GRADIENT_NORM) if w.startswith(f"{layer}/")]
    return name in _STATISTICS or (bool(layer) and bool(siblings))


def bad_count(case: Case, trouble: Trouble, *, because: str) -> Evidence | None:
    """Return the count that shows the trouble, as a fact.

    Weights that an update made bad are counted when the next step begins, or after the last one.
    """
    for step in (trouble.step, trouble.step + 1):
        fact = case.at(step).shows(trouble.signal, above(0), where=trouble.where, because=because)
        if fact is not None:
            return fact
    return None


def largest_finite(case: Case, signal: Signal, step: int) -> tuple[float, str] | None:
    """Return the largest finite value of a signal over its places at one step, and where it was."""
    moment = case.at(step)
    found = [(moment.recorded(signal, where), where) for where in case.health.places(signal)]
    known = [(value, where) for value, where in found if value is not None and np.isfinite(value)]
    return max(known) if known else None


def is_recurrent(case: Case) -> bool:
    """Return whether a layer of the model applies its weights over and over within a step."""
    return any(layer.kind in RECURRENT for layer in case.health.setup.layers)
