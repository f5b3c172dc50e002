"""What recording every step costs, beside what other ways of watching a training cost.

Two copies of a model train in turn, a block of steps each, so that a drifting machine slows both. A
ratio is the median over rounds of the watched copy's time over the plain one's in the same round.
On a machine with other work to do, the processor's time is steadier than the wall's: both are
printed.

Run: python benchmarks/monitor_cost.py [--models NAME ...] [--rounds N] [--jit] [--peers]
     python benchmarks/monitor_cost.py --bytes
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from monitor_models import MODELS, Bench, dense_stack, endless
from monitor_peers import PEERS

from tb_nan_plugin import NaNMonitor

WARM_UP = 10  # steps before anything is timed: tracing, caches
BLOCK_SECONDS = 0.1  # of plain training


class Contender:
    """One copy of a model, watched in some way or not, advanced a block of steps at a time.

    Attributes:
        first: Wall seconds of the first step, tracing included.
    """

    def __init__(self, bench: Bench, *, jit: bool, watch: Callable[[Any], Any] | None) -> None:
        keras.utils.set_random_seed(0)
        self._model = bench.model()
        self._model.compile(keras.optimizers.Adam(1e-3), "mse", jit_compile=jit)
        self._data = endless(bench, self._model.output_shape[-1])
        self._model.make_train_function()
        watching = [] if watch is None else [watch(self._model)]
        self._callbacks = keras.callbacks.CallbackList(watching, model=self._model)
        self._callbacks.on_train_begin()
        self._callbacks.on_epoch_begin(0)
        self._step = 0
        self.first = self.advance(1)[0]
        self.advance(WARM_UP)

    def advance(self, steps: int) -> tuple[float, float]:
        """Train that many steps and return the wall and the processor's seconds per step."""
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(steps):
            self._callbacks.on_train_batch_begin(self._step)
            logs = self._model.train_function(self._data)
            self._callbacks.on_train_batch_end(self._step, logs)
            self._step += 1
        int(self._model.optimizer.iterations)  # the last step has ended when this is known
        return (time.perf_counter() - wall) / steps, (time.process_time() - processor) / steps

    def end(self) -> None:
        """Let go of the model."""
        self._callbacks.on_train_end()


def monitor(_: Any) -> Any:
    """Return the monitor as a user adds it."""
    return NaNMonitor(tempfile.mkdtemp())


def measure(bench: Bench, *, jit: bool, rounds: int, watches: dict[str, Any]) -> None:
    """Print the rows of one model's table; each way of watching runs beside a plain copy."""
    plain = Contender(bench, jit=jit, watch=None)
    steps = max(2, int(BLOCK_SECONDS / plain.advance(WARM_UP)[0]))
    for name, watch in watches.items():
        try:
            watched = Contender(bench, jit=jit, watch=watch)
        except Exception as error:
            print(f"| {name} | does not run: {type(error).__name__} | | | |", flush=True)
            continue
        pairs = []
        for turn in range(rounds):
            order = (plain, watched) if turn % 2 else (watched, plain)
            times = [copy.advance(steps) for copy in order]
            pairs.append(times if turn % 2 else times[::-1])
        watched.end()
        wall, processor = (_ratios([(p[i], w[i]) for p, w in pairs]) for i in (0, 1))
        step = statistics.median(p[0] for p, _ in pairs) * 1e3
        first = watched.first / plain.first
        print(f"| {name} | {step:.2f} | {wall} | {processor} | {first:.2f} |", flush=True)


def _ratios(pairs: list[tuple[float, float]]) -> str:
    low, middle, high = statistics.quantiles([w / p for p, w in pairs], n=4)
    return f"{middle:.3f} ({low:.2f} to {high:.2f})"


def measure_bytes() -> None:
    """Print what a step takes on disk, for models of a few and of many variables."""
    print("| variables | columns | bytes a step |\n|---|---|---|")
    for variables in (10, 100, 1000):
        model = dense_stack(variables // 2)
        model.compile("sgd", "mse", jit_compile=False)
        steps = 2000 // variables * 10
        directory = Path(tempfile.mkdtemp())
        x = tf.random.normal([steps * 8, 4])
        watch = NaNMonitor(directory)
        model.fit(x, x[:, :1], batch_size=8, verbose=0, callbacks=[watch])
        size = sum(file.stat().st_size for file in directory.iterdir())
        print(f"| {variables} | {variables * 8} | {size / steps:.0f} |", flush=True)


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=21, help="blocks of each copy (default 21)")
    parser.add_argument("--jit", action="store_true", help="compile the step with XLA")
    parser.add_argument("--peers", action="store_true", help="other ways of watching, too")
    parser.add_argument("--bytes", action="store_true", help="what a step takes on disk instead")
    options = parser.parse_args()
    if options.bytes:
        measure_bytes()
        return
    watches = {"NaNMonitor": monitor, **(PEERS if options.peers else {})}
    for name in options.models:
        print(f"\n{MODELS[name].title}{', XLA' if options.jit else ''}\n")
        print(
            "| watched by | plain, ms a step | wall, ratio | processor, ratio | first step, ratio |"
        )
        print("|---|---|---|---|---|", flush=True)
        measure(MODELS[name], jit=options.jit, rounds=options.rounds, watches=watches)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
