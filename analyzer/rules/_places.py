"""What the variables and layers of a record are, for the rules about state and operations."""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.evidence import Case, Evidence, above
from tb_nan_plugin.signals import Phase, Signal
from tb_nan_plugin.trouble import Trouble

# The variables that Keras' normalization layers keep beside the trained ones.
_STATISTICS: Final = frozenset({"moving_mean", "moving_variance", "mean", "variance"})
# Layers that apply the same weights over and over within one step.
RECURRENT: Final = frozenset({"SimpleRNN", "RNN", "LSTM", "GRU", "Bidirectional", "ConvLSTM2D"})

LEAST_OTHERS: Final = 3  # batches that say what marks an ignored row
# Keras' own activation functions, by the names that they are recorded under.
_ACTIVATIONS: Final = (
    "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear "
    "log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus "
    "softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold"
)
ACTIVATIONS: Final = frozenset(_ACTIVATIONS.split())


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


def is_own_operation(case: Case) -> bool:
    """Return whether the trouble is in a layer or loss that the user wrote, or in a `Lambda`."""
    trouble, setup = case.trouble, case.health.setup
    if trouble is None:
        return False
    if trouble.phase is Phase.LOSS:
        return not setup.losses or not all(loss.builtin for loss in setup.losses)
    return trouble.phase is Phase.FORWARD and is_own_layer(case, trouble.where)


def is_own_layer(case: Case, where: str) -> bool:
    """Return whether a layer call runs code of the user's own: a class, `Lambda` or activation."""
    layer = case.health.setup.layer(where)
    own = bool(layer.activation) and layer.activation not in ACTIVATIONS
    return not layer.builtin or layer.kind == "Lambda" or own


def input_of(case: Case, where: str) -> tuple[Signal, str] | None:
    """Return what tells the size of the numbers that went into a layer call.

    That is the output of the call before it (layers inside this one do not count), or the input
    column of the largest value. What a layer that is called again got is not the call before: the
    largest output of any other layer is taken, for a bound.
    """
    places = case.health.places(Signal.OUTPUT_MAX_ABS)
    index = places.index(where) if where in places else 0
    inside = where.split(" (")[0] + "/"
    earlier = [place for place in places[:index] if not place.startswith(inside)]
    if " (call " in where and case.trouble is not None:
        moment, path = case.at(case.trouble.step), where.split(" (")[0]
        others = [place for place in earlier if place.split(" (")[0] != path]
        earlier = sorted(others, key=lambda w: moment.recorded(Signal.OUTPUT_MAX_ABS, w) or 0.0)
    if earlier:
        return Signal.OUTPUT_MAX_ABS, earlier[-1]
    largest = largest_finite(case, Signal.INPUT_MAX, case.first_step)
    return None if largest is None else (Signal.INPUT_MAX, largest[1])


def all_alike(case: Case, stem: str, step: int) -> float | None:
    """Return the only value of all targets or predictions of a batch, None if there are several."""
    moment = case.at(step)
    low, high = Signal(f"{stem}_min"), Signal(f"{stem}_max")
    edges = {
        value
        for signal in (low, high)
        for where in case.health.places(signal)
        if (value := moment.recorded(signal, where)) is not None
    }
    return edges.pop() if len(edges) == 1 else None


def is_sentinel(case: Case, stem: str, step: int) -> bool:
    """Return whether a batch's only value is the smallest, or largest, of most other batches."""
    value = all_alike(case, stem, step)
    for signal in (Signal(f"{stem}_min"), Signal(f"{stem}_max")):
        series = case.health.series(signal, case.health.places(signal)[0])
        if series is None:
            continue
        others = series.values[series.steps != step]
        if len(others) >= LEAST_OTHERS and np.mean(others == value) > 0.5:
            return True
    return False
