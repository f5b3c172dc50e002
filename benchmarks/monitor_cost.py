"""What recording every step costs: step time with NaNMonitor over step time without, interleaved.

Two copies of a model train in turn, a block of steps each, so that a drifting machine slows both.
Run: python benchmarks/monitor_cost.py [--blocks N] [--jit]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tb_nan_plugin import NaNMonitor

WARM_UP = 20  # steps before anything is timed: tracing, caches


def tiny_mlp() -> tuple[Any, int, tuple[int, ...]]:
    """Return an MLP 2-10-1, its batch size and the shape of a row."""
    layers = [keras.layers.Dense(10, activation="relu"), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((2,)), *layers]), 32, (2,)


def mlp() -> tuple[Any, int, tuple[int, ...]]:
    """Return an MLP 784-512-512-10, its batch size and the shape of a row."""
    hidden = [keras.layers.Dense(512, activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input((784,)), *hidden, keras.layers.Dense(10)]), 128, (784,)


def cnn() -> tuple[Any, int, tuple[int, ...]]:
    """Return a small CNN on 32x32x3, its batch size and the shape of a row."""
    layers = [
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    ]
    return keras.Sequential([keras.Input((32, 32, 3)), *layers]), 64, (32, 32, 3)


MODELS: dict[str, Callable[[], tuple[Any, int, tuple[int, ...]]]] = {
    "MLP 2-10-1, batch 32": tiny_mlp,
    "MLP 784-512-512-10, batch 128": mlp,
    "CNN 32x32x3, batch 64": cnn,
}


def endless(batch: int, shape: tuple[int, ...], width: int) -> Iterator[Any]:
    """Return an iterator over one batch, again and again."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(batch, *shape)).astype("float32")
    y = generator.normal(size=(batch, width)).astype("float32")
    return iter(tf.data.Dataset.from_tensors((x, y)).repeat())


class Contender:
    """One copy of a model, with or without the monitor, advanced a block of steps at a time."""

    def __init__(self, make: Callable[[], Any], *, jit: bool, monitored: bool) -> None:
        keras.utils.set_random_seed(0)
        self.model, batch, shape = make()
        self.model.compile(keras.optimizers.Adam(1e-3), "mse", jit_compile=jit)
        self.data = endless(batch, shape, self.model.output_shape[-1])
        self.model.make_train_function()
        if monitored:
            monitor = NaNMonitor(tempfile.mkdtemp())
            monitor.set_model(self.model)
            monitor.on_train_begin()
        self.advance(WARM_UP)

    def advance(self, steps: int) -> float:
        """Train that many steps and return the seconds per step."""
        began = time.perf_counter()
        for _ in range(steps):
            self.model.train_function(self.data)
        return (time.perf_counter() - began) / steps


def measure(make: Callable[[], Any], *, blocks: int, jit: bool) -> tuple[float, float, float]:
    """Return the median plain step time in ms, the median ratio, and its interquartile range."""
    plain = Contender(make, jit=jit, monitored=False)
    watched = Contender(make, jit=jit, monitored=True)
    steps = max(5, int(0.25 / plain.advance(WARM_UP)))
    pairs = [(plain.advance(steps), watched.advance(steps)) for _ in range(blocks)]
    ratios = [with_monitor / without for without, with_monitor in pairs]
    low, _, high = statistics.quantiles(ratios, n=4)
    return statistics.median(p for p, _ in pairs) * 1e3, statistics.median(ratios), high - low


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=21, help="pairs of blocks (default 21)")
    parser.add_argument("--jit", action="store_true", help="compile the step with XLA")
    options = parser.parse_args()
    lines = [
        "| model | plain, ms a step | with / without | spread (quartiles) |",
        "|---|---|---|---|",
    ]
    for name, make in MODELS.items():
        plain, ratio, spread = measure(make, blocks=options.blocks, jit=options.jit)
        lines.append(f"| {name} | {plain:.2f} | {ratio:.2f} | {spread:.2f} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
