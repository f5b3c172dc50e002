"""Steps of a training loop that somebody wrote by hand.

The block of a step is run once a step where TensorFlow runs eagerly, and once a trace inside a
`tf.function`. There, what the ring holds is fetched by the graph itself, once in many steps.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import tensorflow as tf

from tb_nan_plugin.keras.observation import Observation
from tb_nan_plugin.keras.patches import Patches
from tb_nan_plugin.probes._probe import Row
from tb_nan_plugin.signals import Signal


class Step:
    """One step of a loop, while its block runs; without an observation it does nothing."""

    def __init__(self, observation: Observation | None = None, row: Row | None = None) -> None:
        self._observation = observation
        self._row = row
        self._gradients: list[tuple[Sequence[Any], Sequence[Any]]] = []

    def loss(self, value: Any) -> None:
        """Say which number is the loss.

        Needed only where it is neither what the tape differentiates nor what was given to
        `optimizer.scale_loss`; call it before those.

        Args:
            value: A scalar; anything else is averaged.
        """
        if self._observation is not None and self._row is not None and self._row.is_open_here():
            self._observation.observer.notice_loss(self._row, tf.convert_to_tensor(value))

    def _notice(self, target: Any, sources: Any, gradients: Any) -> None:
        if tf.is_tensor(target):
            self.loss(target)
        lists = isinstance(sources, (list, tuple)) and isinstance(gradients, (list, tuple))
        if lists and self._row is not None and self._row.is_open_here():
            self._gradients.append((sources, gradients))

    def _measure_gradients(self) -> None:
        """Take the tape's gradients where no optimizer was seen to apply any."""
        row, observation = self._row, self._observation
        if row is None or observation is None:
            return
        if not any(column.signal == Signal.GRADIENT_NORM.value for column in row.columns):
            for sources, gradients in self._gradients:
                observation.observer.notice_gradients(row, gradients, sources)


@contextmanager
def step(observation: Observation, data: Any) -> Iterator[Step]:
    """Observe one step on `data`, as `fit` hands it to `train_step`."""
    patches = Patches()
    try:
        with observation.observer.step(data) as row:
            handle = Step(observation, row)
            for optimizer in observation.observer.optimizers.values():
                patches.set(optimizer, "scale_loss", _noticed(optimizer.scale_loss, handle.loss))
            with _tapes(handle._notice):
                yield handle
            handle._measure_gradients()
    finally:
        patches.undo()
    if tf.inside_function():
        with observation.observer.reporting("reading inside a function"):
            _count_in_graph(observation)
    else:
        observation.count_execution()


def no_step() -> AbstractContextManager[Step]:
    """Return what stands for a step where nothing is recorded."""

    @contextmanager
    def nothing() -> Iterator[Step]:
        yield Step()

    return nothing()


def _noticed(original: Callable[[Any], Any], notice: Callable[[Any], None]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def scale_loss(loss: Any) -> Any:
        notice(loss)
        return original(loss)

    return scale_loss


@contextmanager
def _tapes(notice: Callable[[Any, Any, Any], None]) -> Iterator[None]:
    """Tell `notice` what tapes differentiate, with respect to what, and the result."""
    original, here = tf.GradientTape.gradient, threading.get_ident()

    @functools.wraps(original)
    def gradient(tape: Any, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(tape, target, sources, *args, **kwargs)
        if threading.get_ident() == here:
            notice(target, sources, result)
        return result

    tf.GradientTape.gradient = gradient
    try:
        yield
    finally:
        tf.GradientTape.gradient = original


def _count_in_graph(observation: Observation) -> None:
    """Let the graph call Python when the ring is half full, a second has passed, or all is lost."""
    if _in_xla():
        return  # which cannot call Python: whoever asks for `stopped` collects
    count, due = observation.due_in_graph()

    def collect() -> tf.Tensor:
        with tf.control_dependencies([count]):
            called = tf.numpy_function(observation.collect, [], tf.int64, stateful=True)
        return observation.note_collected(called)

    tf.cond(due, collect, lambda: tf.constant(0, tf.int64))


def _in_xla() -> bool:
    try:
        from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext
    except ImportError:  # private: then hope that it is not
        return False
    return bool(GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))
