"""What a divergence grew from, for the rules that compete to explain it.

The last steps before an overflow look alike whatever the cause. What separates the causes is which
quantity was out of proportion *before* anything grew; each is expressed in decades over what is
usual, so that they can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analyzer import derived
from analyzer.derived import Progress, decades
from analyzer.evidence import Case, Evidence
from analyzer.rules._outliers import worst_batch
from analyzer.rules._places import RECURRENT, is_own_layer
from analyzer.series import Series, median
from tb_nan_plugin.signals import Phase, Signal

GROWTH_DECADES: Final = 1.0  # loss or gradients ten times their first value: no ordinary noise
LARGE: Final = 1e6
# Layers that bring their input to unit scale, or look it up: raw scale does not matter before them.
SCALING_LAYERS: Final = frozenset(
    {"Normalization", "Rescaling", "BatchNormalization", "LayerNormalization", "Embedding"}
)
_RESHAPING: Final = frozenset({"InputLayer", "Flatten", "Reshape", "Permute", "Dropout"})


@dataclass(frozen=True)
class Excesses:
    """How far each quantity was out of proportion at the start, in decades; 0 is usual.

    Attributes:
        features: Twice log10 of the largest input column's scale: the curvature of the first layer
            grows with its square, and the largest stable rate shrinks with it.
        targets: log10 of the largest target's scale, for losses that measure a distance.
        rate: log10 of the applied learning rate over the highest usual one, momentum included.
        initialization: log10 of the largest output of a plain layer over the largest input, in the
            first step.
        batch: log10 of a batch just before the trouble over all earlier ones, twice for features.
    """

    features: float
    targets: float
    rate: float
    initialization: float
    batch: float


def excesses(case: Case) -> Excesses:
    """Measure them all."""
    features = _largest_measure(case)
    targets = derived.largest_column(case.health, "target")
    scaled = scales_inputs_itself(case)
    return Excesses(
        0.0 if features is None or scaled else max(0.0, 2 * decades(features[1])),
        0.0 if targets is None or not _is_distance(case) else max(0.0, decades(targets[1])),
        rate_excess(case),
        _initialization_excess(case, 1.0 if features is None else max(1.0, features[1])),
        _batch_excess(case),
    )


def growth(case: Case) -> tuple[Series, Signal, float] | None:
    """Return what grew most before the trouble: its series, its name, and by how many decades."""
    loss = case.before_trouble(case.health.series(Signal.LOSS))
    gradient = case.before_trouble(derived.gradient_norm(case.health))
    found = [
        (series, signal, _grown(series))
        for series, signal in ((loss, Signal.LOSS), (gradient, Signal.GRADIENT_NORM))
        if series is not None
    ]
    return max(found, key=lambda entry: entry[2]) if found else None


def _grown(series: Series) -> float:
    """Return the decades from the first values to the last ones; one wild batch does not count."""
    values = np.abs(series.values)
    values = values[values > 0]
    if len(values) < 2:
        return 0.0
    start = median(values[: max(1, len(values) // 10)])
    end = values[-3:] if len(values) > 5 else values[-1:]
    return decades(median(end) / start)


def growth_fact(case: Case, *, because: str) -> Evidence | None:
    """Return the growth before the trouble as a fact, or None if nothing grew tenfold."""
    grown = growth(case)
    if grown is None or grown[2] < GROWTH_DECADES:
        return None
    series, signal, size = grown
    return Evidence(
        signal.value,
        "all variables" if signal is Signal.GRADIENT_NORM else "",
        int(series.steps[-1]),
        float(series.values[-1]),
        f"grew {10**size:.2g}-fold over {len(series)} steps",
        because,
    )


def is_diverging(case: Case) -> bool:
    """Return whether training blew up by itself, rather than meeting one bad value.

    Before an overflow, what grew has become large (1e6: float32 ends 32 decades above), or the
    weights have; or the last updates were larger than the weights they changed.
    """
    if case.trouble is None:
        return case.outcome.progress is Progress.DIVERGED
    if case.trouble.phase in (Phase.INPUT, Phase.TARGET, Phase.WEIGHTS):
        return False
    if update_ratio(case, last=2) > 1:
        return True
    grown = growth(case)
    if grown is None or grown[2] < GROWTH_DECADES:
        return False
    weight = case.before_trouble(derived.weight_norm(case.health))
    heavier = weight is not None and weight.values[-1] >= 2 * weight.values[0]
    return heavier or abs(float(grown[0].values[-1])) >= LARGE


def update_ratio(case: Case, last: int = 0) -> float:
    """Return the largest estimate of update norm over weight norm in the last finite steps.

    For plain gradient descent the update is rate times gradient. Above 1 a step replaces the
    weights instead of correcting them (usual: about 1e-3; TheDeepChecker calls 0.1 too fast).
    Of other optimizers it is not known, and 0.

    Args:
        case: The case.
        last: How many of the last finite steps to look at, 0 for all.
    """
    if case.health.setup.optimizer != "SGD":
        return 0.0
    rate = case.before_trouble(case.health.series(Signal.LEARNING_RATE))
    gradient = case.before_trouble(derived.gradient_norm(case.health))
    weight = case.before_trouble(derived.weight_norm(case.health))
    if rate is None or gradient is None or weight is None:
        return 0.0
    n = min(len(rate), len(gradient), len(weight))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratios = rate.values[:n] * gradient.values[:n] / weight.values[:n]
    ratios = ratios[-last:]
    ratios = ratios[np.isfinite(ratios)]
    return float(ratios.max()) if len(ratios) else 0.0


def first_layer_is_dead(case: Case) -> bool:
    """Return whether the first layer's gradient was exactly 0 all through the second half."""
    places = case.health.places(Signal.GRADIENT_NORM)
    series = case.health.series(Signal.GRADIENT_NORM, places[-1]) if places else None
    return series is not None and bool(np.all(series.values[len(series) // 2 :] == 0))


def rate_excess(case: Case) -> float:
    """Return the decades by which the highest applied rate exceeds usual ones."""
    rate = case.before_trouble(case.health.series(Signal.LEARNING_RATE))
    usual = highest_usual_rate(case)
    if rate is None or usual is None:
        return 0.0
    ratio = float(rate.values.max()) / usual
    return decades(ratio) if ratio > 1.001 else 0.0  # 0.1 as float32 is a little above 0.1


def highest_usual_rate(case: Case) -> float | None:
    """Return the highest usual rate of this optimizer with its momentum, or None if unknown."""
    usual = derived.HIGHEST_USUAL_RATE.get(case.health.setup.optimizer)
    if usual is None:
        return None
    # He et al. use 0.1 with momentum 0.9, so the table's figure already allows that much.
    return usual * min(1.0, (1 - case.health.setup.momentum) / 0.1)


def scales_inputs_itself(case: Case) -> bool:
    """Return whether the model's only input first meets a layer that brings it to scale."""
    classes = [layer.kind for layer in case.health.setup.layers]
    working = [c for c in classes if c not in _RESHAPING and not c.startswith("Random")]
    single = len(case.health.setup.tensors("inputs")) <= 1
    return single and bool(working) and working[0] in SCALING_LAYERS


def _largest_measure(case: Case) -> tuple[str, float] | None:
    """Return the input column of the largest scale, ids that an embedding looks up left out."""
    embeds = any(layer.kind.endswith("Embedding") for layer in case.health.setup.layers)
    places = case.health.places(Signal.INPUT_MEAN)
    kept = [where for where in places if not (embeds and _holds_ids(case, where))]
    scales = [(where, derived.column_scale(case.health, "input", where)) for where in kept]
    known = [(where, scale) for where, scale in scales if scale is not None]
    return max(known, key=lambda pair: pair[1]) if known else None


def _holds_ids(case: Case, where: str) -> bool:
    low = case.health.series(Signal.INPUT_MIN, where)
    high = case.health.series(Signal.INPUT_MAX, where)
    if low is None or high is None:
        return False
    edges = np.concatenate([low.values, high.values])
    edges = edges[np.isfinite(edges)]
    return bool(len(edges) and np.all(edges >= 0) and np.all(edges == np.round(edges)))


def _is_distance(case: Case) -> bool:
    names = [loss.name for loss in case.health.setup.losses]
    return not any("entropy" in name or "hinge" in name for name in names)


def _initialization_excess(case: Case, scale: float) -> float:
    # Ten standard deviations are ordinary for a maximum over a batch.
    largest = first_output(case)
    return 0.0 if largest is None else max(0.0, decades(largest[0] / (10 * scale)))


def first_output(case: Case) -> tuple[float, str] | None:
    """Return the largest output of Keras' own layers in the first step, and which layer's it was.

    A layer of the user's own, a recurrent or a rescaling one makes large numbers for other reasons,
    and all layers after it get them.
    """
    moment, setup = case.at(case.first_step), case.health.setup
    known = []
    for where in case.health.places(Signal.OUTPUT_MAX_ABS):
        layer = setup.layer(where)
        value = moment.recorded(Signal.OUTPUT_MAX_ABS, where)
        if layer.kind in RECURRENT or layer.kind == "Rescaling" or is_own_layer(case, where):
            break
        if value is not None and np.isfinite(value):
            known.append((value, where))
    return max(known) if known else None


def _batch_excess(case: Case) -> float:
    outlier = worst_batch(case)
    return 0.0 if outlier is None else outlier.excess


def largest_feature(case: Case) -> tuple[str, float, Evidence | None] | None:
    """Return the input column of the largest scale, that scale, and a fact that shows it."""
    found = _largest_measure(case)
    if found is None:
        return None
    where, scale = found
    moment = case.at(case.first_step)
    high = moment.recorded(Signal.INPUT_MAX, where)
    low = moment.recorded(Signal.INPUT_MIN, where)
    signal = Signal.INPUT_MAX
    if low is not None and high is not None and abs(low) > abs(high):
        signal = Signal.INPUT_MIN
    observed = moment.recorded(signal, where)
    if observed is None:
        return where, scale, None
    fact = Evidence(
        signal.value,
        where,
        case.first_step,
        observed,
        f"belongs to a column whose scale is {scale:.4g}",
        "the largest stable learning rate shrinks with the square of a feature's scale",
    )
    return where, scale, fact
