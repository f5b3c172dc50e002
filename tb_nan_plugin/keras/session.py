"""One training under observation: from the first patch to the last byte of the event file."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import numpy as np

from tb_nan_plugin.charts import Charts
from tb_nan_plugin.keras.environment import describe
from tb_nan_plugin.keras.observer import Observer
from tb_nan_plugin.keras.patches import Patches
from tb_nan_plugin.keras.pulse import Pulse
from tb_nan_plugin.keras.ring import Ring
from tb_nan_plugin.keras.rows import Rows
from tb_nan_plugin.probes import weights
from tb_nan_plugin.record import Column, Manifest, pack_manifest, pack_rows
from tb_nan_plugin.rotation import FIRST_STEPS, STEPS_AFTER, STEPS_BEFORE
from tb_nan_plugin.signals import Signal
from tb_nan_plugin.trouble import Trouble, first_trouble
from tb_nan_plugin.writer import Writer

# A process that is killed loses what the ring has not handed over: docs/on-disk.md says how much.
# Whether that is so is looked at this often, also while a step runs.
FLUSH_SECONDS: Final = 1.0
BEAT_SECONDS: Final = 0.25


class Session:
    """Observes one `fit` of one model.

    Attributes:
        next_step: Index of the next training batch.
        trouble: The first thing that was not finite, once there is one.
    """

    def __init__(
        self,
        model: Any,
        log_dir: str,
        first_step: int,
        *,
        every_step: bool,
        max_bytes: int | None = None,
    ) -> None:
        """Patch the model and open the event file.

        Args:
            model: A compiled Keras model.
            log_dir: Directory of the event file.
            first_step: Index of the first batch.
            every_step: Read the ring after every execution instead of once in many steps.
            max_bytes: How much the event files may hold together; None for any.
        """
        self.next_step = self._first_step = first_step
        self.trouble: Trouble | None = None
        self._harmless: set[Column] = set()
        self._model = model
        self._every_step = every_step
        self._steps_per_execution = int(model.steps_per_execution)
        self._executions: list[float] = []
        self._last_drain = time.monotonic()
        self._manifest: Manifest | None = None
        self._patches = Patches()
        self._ring = Ring(self._steps_per_execution)
        self._before = model.train_function
        self._charts = Charts()
        self._pulse: Pulse | None = None
        self._executing = False
        self._failure: Exception | None = None
        self._file = Writer(log_dir, max_bytes)
        _build_optimizer(model)
        try:
            self._observer = Observer(model, self._ring, self._patches)
            model.make_train_function(force=True)
        except BaseException:
            self.abandon()
            raise
        self._pulse = None if every_step else Pulse(self._beat, BEAT_SECONDS)

    @property
    def begun(self) -> bool:
        """Return whether a step was counted."""
        return self._manifest is not None or bool(self._executions)

    def begin_at(self, step: int) -> None:
        """Count from `step`; nothing was counted yet."""
        self.next_step = self._first_step = step

    @property
    def continues(self) -> bool:
        """Return whether something was recorded into the directory before."""
        return self._file.continues

    def notices(self) -> list[str]:
        """Return what the user has to know of the files and was not told yet."""
        return self._file.notices()

    def intercept(self, run: Callable[[Callable[..., Any], Any], Any]) -> None:
        """Let `run(train_function, iterator)` call every execution of the training step."""
        function = self._model.train_function

        def execute(iterator: Any) -> Any:
            with self._ring.lock:
                self._executing = True
            try:
                return function(iterator)
            finally:
                self._executing = False

        self._patches.set(self._model, "train_function", lambda iterator: run(execute, iterator))

    def on_next_training(self, call: Callable[[], None]) -> None:
        """Call `call` when Keras prepares a training that does not belong to this session.

        A training that ended by an error in somebody's callback never says so.
        """
        original = self._model.make_train_function

        def make_train_function(force: bool = False) -> Any:  # noqa: FBT001, FBT002 (Keras' own)
            call()
            return original(force=force)

        self._patches.set(self._model, "make_train_function", make_train_function)

    def count_execution(self) -> None:
        """Note that the train function returned, and read the ring when it is time."""
        self._executions.append(time.time())
        waiting = (len(self._executions) + 1) * self._steps_per_execution
        late = self._is_late()
        first = self._manifest is None
        if first or self._every_step or late or waiting > self._ring.capacity:
            self.drain()

    def drain(self) -> None:
        """Move the rows of the ring into the event file and look at them.

        The weights as the last of these steps left them are looked at, too: the step that would
        find them bad may never come.
        """
        with self._ring.lock:
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure
            rows = self._take()
            self._last_drain = time.monotonic()
            if len(rows.steps):
                self._record(self._with_final_weights(rows), self._current_manifest())

    def _is_late(self) -> bool:
        return time.monotonic() - self._last_drain >= FLUSH_SECONDS - BEAT_SECONDS

    def _beat(self) -> bool:
        """Write what the training is too busy to write; called by another thread.

        Returns:
            Whether this can be done again; if not, the next `drain` says why.
        """
        try:
            with self._ring.lock:
                if self._is_late() and self._executing:
                    self._drain_beside_an_execution()
                elif self._is_late():
                    self.drain()
        except Exception as error:
            self._failure = error
            return False
        return True

    def _drain_beside_an_execution(self) -> None:
        """Write rows without the model, which belongs to the execution.

        So the weights after the last step are not looked at (the next step's row will tell), and
        nothing is written that takes a new manifest.
        """
        manifest, known = self._manifest, len(self._ring.columns)
        if manifest is None or manifest.columns[:known] != self._ring.columns:
            return
        rows = self._take()
        self._last_drain = time.monotonic()
        if len(rows.steps):
            self._record(rows.widened(len(manifest.columns) - known), manifest)

    def _record(self, rows: Rows, manifest: Manifest) -> None:
        if self._manifest is None:
            self._file.protect(self._first_step, self._first_step + FIRST_STEPS - 1)
        self._manifest = manifest
        block = pack_rows(manifest, rows.steps, rows.wall_times, rows.values, rows.present)
        last, now = int(rows.steps[-1]), float(rows.wall_times[-1])
        self._file.write_rows(pack_manifest(manifest), block, (int(rows.steps[0]), last), now)
        self._judge(rows, manifest)
        bad_step = None if self.trouble is None else self.trouble.step
        self._charts.add(
            manifest.columns, rows.steps, rows.wall_times, rows.values, rows.present, bad_step
        )
        for point in self._charts.take():
            self._file.write_scalars(*point)
        self._file.flush()

    def _judge(self, rows: Rows, manifest: Manifest) -> None:
        if self.trouble is not None:
            return
        known = frozenset(self._harmless)
        self.trouble = first_trouble(
            manifest.columns,
            rows.steps,
            rows.values,
            rows.present,
            continues=int(rows.steps[0]) > self._first_step,
            harmless=self._harmless,
        )
        for column in self._harmless - known:
            bad = rows.values[:, manifest.columns.index(column)]
            step = int(rows.steps[np.argmax(bad > 0)])
            self._file.protect(step, step)
        if self.trouble is not None:
            step = self.trouble.step
            self._file.protect(step - STEPS_BEFORE, step + STEPS_AFTER)

    def _take(self) -> Rows:
        values, present = self._ring.unread()
        executions, self._executions = self._executions, []
        n = len(values)
        steps = np.arange(self.next_step, self.next_step + n, dtype=np.int64)
        self.next_step += n
        times = np.repeat(np.array(executions or [time.time()]), self._steps_per_execution)
        if len(times) < n:
            times = np.concatenate([times, np.full(n - len(times), times[-1])])
        return Rows(steps, times[:n].astype(np.float64), values, present)

    def _current_manifest(self) -> Manifest:
        columns = (*self._ring.columns, *_final_columns(self._observer.variables))
        unobserved = {
            **self._observer.unobserved,
            **{
                f"{c.signal} {c.where}".rstrip(): "no room was left for it"
                for c in self._ring.dropped
            },
        }
        return Manifest(
            columns,
            describe(self._model, self._observer.batch, self._observer.output_places, unobserved),
        )

    def _with_final_weights(self, rows: Rows) -> Rows:
        variables = self._observer.variables
        wider = rows.widened(3 * len(variables))
        if variables:
            n = 3 * len(variables)
            wider.values[-1, -n:] = np.asarray(weights.count_nonfinite(variables)).T.reshape(-1)
            wider.present[-1, -n:] = True
        return wider

    def write_epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        """Write what Keras reports of an epoch as scalars, named as its own callback names them."""
        now = time.time()
        for name, value in logs.items():
            if np.ndim(value) == 0:
                self._file.write_scalars({f"epoch_{name}": float(value)}, epoch, now)
        self._file.flush()

    def close(self) -> None:
        """Put the model back as it was and close the file."""
        self._release()
        for point in self._charts.take(at_once=True):
            self._file.write_scalars(*point)
        self._file.close()

    def abandon(self) -> None:
        """Put the model back as it was, whatever state the file is in."""
        self._release()
        with suppress(Exception):
            self._file.close()

    def _release(self) -> None:
        if self._pulse is not None:
            self._pulse.stop()
        compiled_anew = self._model.train_function is None
        self._patches.undo()
        self._model.train_function = None if compiled_anew else self._before


def _build_optimizer(model: Any) -> None:
    """Make the optimizer's variables now: the first trace looks for the loss scale among them."""
    optimizer = model.optimizer
    if optimizer is not None and model.built and not optimizer.built:
        optimizer.build(model.trainable_variables)


def _final_columns(variables: dict[str, Any]) -> list[Column]:
    signals = (Signal.UPDATED_NAN, Signal.UPDATED_POSINF, Signal.UPDATED_NEGINF)
    return [Column(signal.value, name) for signal in signals for name in variables]
