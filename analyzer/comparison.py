"""What differs between two runs: their settings, their scales, and where they first part.

Law: only what both runs recorded is compared, step by step on the same axis; what only one of them
has is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import numpy as np

from analyzer.series import Health, Run, Series, median
from tb_nan_plugin.record import Column
from tb_nan_plugin.signals import Signal

# Two recordings of the same training on one machine agree to the last bit; on another machine sums
# are rounded in another order, which moves a float32 by some 1e-6 at a time.
TOLERANCE: Final = 1e-3
# A scale is taken over the first steps, before training has changed it.
FIRST_STEPS: Final = 5
# What is told of scales: a factor that a stable learning rate would notice.
FACTOR: Final = 2.0
SCALES: Final = (
    *(Signal.INPUT_STD, Signal.INPUT_MEAN, Signal.TARGET_STD, Signal.TARGET_MEAN),
    *(Signal.BATCH_SIZE, Signal.WEIGHT_NORM, Signal.OUTPUT_NORM, Signal.LOSS),
    *(Signal.GRADIENT_NORM, Signal.LEARNING_RATE),
)

Key = tuple[str, str]


@dataclass(frozen=True)
class Setting:
    """One recorded fact that differs; None where a run does not have it."""

    name: str
    left: Any
    right: Any


@dataclass(frozen=True)
class Scale:
    """One quantity whose median over the first steps differs by FACTOR or more."""

    name: str
    where: str
    left: float
    right: float

    @property
    def factor(self) -> float:
        """Return how many times larger the larger one is."""
        small, large = sorted((abs(self.left), abs(self.right)))
        return large / small if small else inf


@dataclass(frozen=True)
class Parting:
    """The first step at which both runs recorded a quantity and it differs."""

    step: int
    name: str
    where: str
    left: float
    right: float


@dataclass(frozen=True)
class Comparison:
    """What differs.

    Attributes:
        settings: By name.
        scales: In causal order, and of one quantity the largest factor first.
        partings: The earliest first, and at the same step in causal order.
        compared: How many series both runs have.
        only_left: Names of those that only the first has; `only_right` likewise.
    """

    settings: tuple[Setting, ...]
    scales: tuple[Scale, ...]
    partings: tuple[Parting, ...]
    compared: int
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]


def compare(left: Run, right: Run) -> Comparison:
    """Compare what two runs recorded; of several attempts the last of each."""
    same = _same_layers(left, right)
    a, b = _series(left), {(n, same(w)): series for (n, w), series in _series(right).items()}
    both = [key for key in a if key in b]
    partings = [p for key in both if (p := _parting(key, a[key], b[key])) is not None]
    order = {key: place for place, key in enumerate(both)}
    partings.sort(key=lambda p: (p.step, order[p.name, p.where]))
    return Comparison(
        tuple(_settings(_facts(left, str), _facts(right, same))),
        tuple(_scales(a, b)),
        tuple(partings),
        len(both),
        tuple(_named(key) for key in a if key not in b),
        tuple(_named(key) for key in b if key not in a),
    )


def _health(run: Run) -> Health | None:
    return run.health[-1] if run.health else None


def _same_layers(left: Run, right: Run) -> Callable[[str], str]:
    """Return what gives a place of the second run the name that the first has for it.

    Keras numbers layers without a name through a whole process, so the second model of a script has
    a `dense_3` where the first has a `dense`. Layers of the same classes in the same order are
    taken for the same.
    """
    layers = [health.setup.layers if health else () for health in (_health(left), _health(right))]
    if [layer.kind for layer in layers[0]] != [layer.kind for layer in layers[1]]:
        return str
    names = {b.path: a.path for a, b in zip(*layers, strict=True) if a.path and b.path}
    known = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"^({'|'.join(map(re.escape, known))})(?=$|[/ ])")
    return lambda where: pattern.sub(lambda m: names[m[1]], where) if names else where


def _series(run: Run) -> dict[Key, Series]:
    """Return everything recorded of the last attempt: the health record in causal order first."""
    health, found = _health(run), dict[Key, Series]()
    columns = () if health is None else sorted(health.columns, key=_phase)
    for column in columns:
        series = None if health is None or not column.known else _of(health, column)
        if series is not None:
            found[column.signal, column.where] = series
    scalars = run.attempts[-1].scalars if run.attempts else run.scalars
    found.update({(tag, ""): series for tag, series in scalars.items()})
    return found


def _phase(column: Column) -> int:
    return column.known.quantity.phase.order if column.known else 0


def _of(health: Health, column: Column) -> Series | None:
    return health.series(Signal(column.signal), column.where)


def _named(key: Key) -> str:
    return f"{key[0]} of {key[1]}" if key[1] else key[0]


def _parting(key: Key, left: Series, right: Series) -> Parting | None:
    steps, at, to = np.intersect1d(left.steps, right.steps, return_indices=True)
    a, b = left.values[at].astype(np.float64), right.values[to].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(a / 2 - b / 2) * 2 > TOLERANCE * np.maximum(np.abs(a), np.abs(b))
    bad = ~(np.isfinite(a) & np.isfinite(b))
    apart[bad] = ~((a == b) | (np.isnan(a) & np.isnan(b)))[bad]
    if not apart.any():
        return None
    first = int(np.argmax(apart))
    return Parting(int(steps[first]), *key, float(a[first]), float(b[first]))


def _scales(left: Mapping[Key, Series], right: Mapping[Key, Series]) -> list[Scale]:
    names = [signal.value for signal in SCALES]
    found = [
        Scale(*key, a, b)
        for key in left
        if key[0] in names and key in right
        if (a := _scale(left[key])) is not None and (b := _scale(right[key])) is not None
    ]
    apart = (scale for scale in found if scale.factor >= FACTOR)
    return sorted(apart, key=lambda scale: (names.index(scale.name), -scale.factor))


def _scale(series: Series) -> float | None:
    finite = series.finite().values[:FIRST_STEPS]
    return median(np.abs(finite)) if len(finite) else None


def _facts(run: Run, same: Callable[[str], str]) -> dict[str, Any]:
    health = _health(run)
    return {} if health is None else dict(_flat("", health.environment, same))


def _flat(name: str, value: Any, same: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    """Yield every fact under its path; members of a list by the name that they give themselves."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner, same)
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for place, inner in enumerate(value):
            own = inner.get("path", inner.get("name")) if isinstance(inner, Mapping) else None
            label = str(place) if own is None else same(str(own))
            yield from _flat(f"{name}.{label}", inner, same)
    else:
        yield name, same(value) if isinstance(value, str) else value


def _settings(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[Setting]:
    for name in sorted({*left, *right}):
        if left.get(name) != right.get(name):
            yield Setting(name, left.get(name), right.get(name))
