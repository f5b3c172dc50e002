"""One model under observation, for as long as a monitor watches it.

Several monitors may watch one model: it is patched and measured once, and each gets all rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from tb_nan_plugin.keras import session
from tb_nan_plugin.keras.environment import describe
from tb_nan_plugin.keras.final import FinalState, order_of
from tb_nan_plugin.keras.guard import Mode
from tb_nan_plugin.keras.observer import Observer
from tb_nan_plugin.keras.patches import Patches
from tb_nan_plugin.keras.pulse import Pulse
from tb_nan_plugin.keras.ring import Ring
from tb_nan_plugin.keras.session import Rows
from tb_nan_plugin.record import Manifest
from tb_nan_plugin.signals import Signal


@dataclass(frozen=True)
class Member:
    """A monitor, as the observation sees it.

    Attributes:
        mode: What it asks of the guard.
        take: Called with all rows since the last call; raises nothing.
        obey: Called after every execution; may raise what is meant for the user.
        fail: Called when recording cannot go on.
        end: Called when this observation is over; raises nothing.
    """

    mode: Mode
    take: Callable[[Manifest, Rows], None]
    obey: Callable[[], None]
    fail: Callable[[Exception], None]
    end: Callable[[], None]


class Observation:
    """The patches on a model, the ring behind them, and the monitors that read it."""

    def __init__(self, model: Any, optimizers: Sequence[Any] = (), *, in_fit: bool = True) -> None:
        """Patch the model.

        Args:
            model: A Keras model; compiled, if its own training step is to be observed.
            optimizers: Those that a loop written by hand applies.
            in_fit: It ends when Keras prepares the next training.
        """
        self._model = model
        self._in_fit = in_fit
        self._steps_per_execution = int(model.steps_per_execution)
        self._executions: list[float] = []
        self._last_drain = time.monotonic()
        self._members: list[Member] = []
        self._executing = False
        self._failure: Exception | None = None
        # The last manifest, where its columns come from, and how many were the ring's then.
        self._known: tuple[Manifest, list[int], int] | None = None
        self._pulse: Pulse | None = None
        self._patches = Patches()
        self._ring = Ring(self._steps_per_execution)
        self._collected: Any = None
        self._collected_at: Any = None
        self._before = model.train_function
        self._optimizer = next(iter(optimizers), model.optimizer if model.compiled else None)
        _build(self._optimizer, model)
        try:
            self.observer = Observer(model, self._ring, self._patches, optimizers)
            self._final = FinalState(self.observer, self._ring)
            if model.compiled:
                model.make_train_function(force=True)
            self._intercept()
        except BaseException:
            self._release()
            raise
        if in_fit:
            self._pulse = Pulse(self._beat, session.BEAT_SECONDS)

    @staticmethod
    def of(model: Any) -> Observation | None:
        """Return the observation that the model is under, if any."""
        patched = vars(model).get("make_train_function")
        found = getattr(patched, "observation", None)
        return found if isinstance(found, Observation) else None

    def join(self, member: Member) -> None:
        """Hand all further rows to `member`, too; before the first step of a training."""
        self._members.append(member)
        self.observer.guard.strengthen(member.mode)

    def leave(self, member: Member) -> None:
        """Put the model back as it was, if this was the last monitor that watches it."""
        if member in self._members:
            self._members.remove(member)
            if not self._members:
                self._release()

    def _intercept(self) -> None:
        function, prepare = self._model.train_function, self._model.make_train_function

        def make_train_function(force: bool = False) -> Any:  # noqa: FBT001, FBT002 (Keras' own)
            if self._in_fit or force or self._model.train_function is None:
                self._end()  # a training that ended by an error in a callback never says so
            return prepare(force=force)

        make_train_function.observation = self  # type: ignore[attr-defined]
        self._patches.set(self._model, "make_train_function", make_train_function)
        if function is not None:
            self._patches.set(
                self._model, "train_function", lambda iterator: self._run(function, iterator)
            )

    def _run(self, train_function: Callable[[Any], Any], iterator: Any) -> Any:
        with self._ring.lock:
            self._executing = True
        try:
            try:
                logs = train_function(iterator)
            finally:
                self._executing = False
            self.count_execution()
        except (StopIteration, tf.errors.OutOfRangeError):
            raise  # the end of an epoch whose length nobody knew
        except BaseException:
            self._end()
            raise
        return logs

    def count_execution(self) -> None:
        """Note that the model was trained on, read the ring if it is time, and let members act."""
        self._executions.append(time.time())
        if self._is_time():
            self.drain()
        for member in tuple(self._members):
            member.obey()

    def _is_time(self) -> bool:
        waiting = (len(self._executions) + 1) * self._steps_per_execution
        first = self._known is None
        full = waiting > self._ring.capacity
        return first or full or self._is_late() or self._must_look()

    def _is_late(self) -> bool:
        waited = time.monotonic() - self._last_drain
        return waited >= session.FLUSH_SECONDS - session.BEAT_SECONDS

    def _must_look(self) -> bool:
        """Return whether a monitor must act at once on what the ring may hold."""
        guard = self.observer.guard
        if guard.mode != "halt":
            return False
        scaled = any(c.signal == Signal.LOSS_SCALE.value for c in self._ring.columns)
        return guard.failed or scaled or guard.halted

    def due_in_graph(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return, inside a step's graph, the steps so far and whether Python is to be called."""
        with tf.init_scope():
            if self._collected is None:
                self._collected = tf.Variable(self._ring.steps(), name="nan_collected")
                self._collected_at = tf.Variable(tf.timestamp(), name="nan_collected_at")
        count = self._ring.steps()
        waiting = count - self._collected
        late = tf.timestamp() - self._collected_at >= session.FLUSH_SECONDS
        due = late | (2 * waiting >= self._ring.capacity)
        return count, due | self.observer.guard.harmed_now

    def note_collected(self, count: tf.Tensor) -> tf.Tensor:
        """Remember, inside a step's graph, up to which step the ring was handed over."""
        self._collected_at.assign(tf.timestamp())
        return self._collected.assign(count).read_value()

    def collect(self) -> np.int64:
        """Hand the ring over and let members act; called out of a step's graph."""
        self._executions.append(time.time())
        self.drain()
        for member in tuple(self._members):
            member.obey()
        return np.int64(self._ring.read)

    def drain(self, *, ending: bool = False) -> None:
        """Hand the rows of the ring to all members; from whatever thread.

        The weights as the last of these steps left them are looked at, too: the step that would
        find them bad may never come. So is, `ending` or now and then, the optimizer's state.
        """
        with self._ring.lock:
            try:
                failure, self._failure = self._failure, None
                if failure is not None:
                    raise failure
                self._hand_over(ending=ending)
            except Exception as error:
                for member in tuple(self._members):
                    member.fail(error)

    def _hand_over(self, *, ending: bool = False) -> None:
        rows = self._take()
        if len(rows.values) == 0:
            return
        rows = self._final.beside(rows, ending=ending)
        manifest, order = self._manifest()
        self._known = manifest, order, len(self._ring.columns)
        self._give(rows, manifest, order)

    def _give(self, rows: Rows, manifest: Manifest, order: list[int]) -> None:
        rows = replace(rows, values=rows.values[:, order], present=rows.present[:, order])
        for member in tuple(self._members):
            member.take(manifest, rows)

    def _beat(self) -> bool:
        """Hand over what the training is too busy to hand over; called by another thread.

        Returns:
            Whether this can be done again; if not, the next `drain` says why.
        """
        if not self._ring.lock.acquire(blocking=False):
            return True  # somebody is at it, who may be waiting for this thread to end
        try:
            if self._is_late() and self._executing:
                self._hand_over_beside_an_execution()
            elif self._is_late():
                self._hand_over()
        except Exception as error:
            self._failure = error
            return False
        finally:
            self._ring.lock.release()
        return True

    def _hand_over_beside_an_execution(self) -> None:
        """Hand rows over without the model, which belongs to the execution.

        So the weights after the last step are not looked at (the next step's row will tell), and
        nothing is handed over that takes a new manifest.
        """
        if self._known is None or self._known[2] != len(self._ring.columns):
            return
        manifest, order, known = self._known
        rows = self._take()
        if len(rows.values):
            self._give(rows.widened(len(order) - known), manifest, order)

    def _take(self) -> Rows:
        values, present = self._ring.unread()
        executions, self._executions = self._executions, []
        self._last_drain = time.monotonic()
        n = len(values)
        times = np.repeat(np.array(executions or [time.time()]), self._steps_per_execution)
        if len(times) < n:
            times = np.concatenate([times, np.full(n - len(times), times[-1])])
        return Rows(times[:n].astype(np.float64), values, present, self._ring.lost)

    def _manifest(self) -> tuple[Manifest, list[int]]:
        """Return what the rows hold, and how to bring their numbers into causal order."""
        columns = [*self._ring.columns, *self._final.columns]
        order = sorted(range(len(columns)), key=lambda i: order_of(columns[i]))
        unobserved = {
            **self.observer.unobserved,
            **{
                f"{c.signal} {c.where}".rstrip(): "no room was left for it"
                for c in self._ring.dropped
            },
        }
        seen = self.observer
        facts = describe(self._model, seen.batch, seen.output_places, unobserved, self._optimizer)
        return Manifest(tuple(columns[i] for i in order), facts), order

    def _end(self) -> None:
        for member in tuple(self._members):
            member.end()
        self._release()

    def _release(self) -> None:
        if self._pulse is not None:
            self._pulse.stop()
        if hasattr(self, "observer"):
            self.observer.guard.release()
        compiled_anew = self._model.train_function is None
        self._patches.undo()
        self._model.train_function = None if compiled_anew else self._before


def _build(optimizer: Any, model: Any) -> None:
    """Make the optimizer's variables now: the first trace looks for the loss scale among them."""
    if optimizer is not None and model.built and not optimizer.built:
        optimizer.build(model.trainable_variables)
