"""One training under observation: from the first patch to the last byte of the event file."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tb_nan_plugin.keras.environment import describe
from tb_nan_plugin.keras.observer import Observer
from tb_nan_plugin.keras.patches import Patches
from tb_nan_plugin.keras.ring import Ring
from tb_nan_plugin.probes import optimizer, weights
from tb_nan_plugin.record import Column, Manifest, pack_manifest, pack_rows
from tb_nan_plugin.signals import Signal
from tb_nan_plugin.summary import EventFile, health_event, scalar_event
from tb_nan_plugin.trouble import Trouble, first_trouble

# A process that is killed loses what the ring has not handed over: at most this long, or the steps
# of one execution if those take longer.
FLUSH_SECONDS: Final = 1.0
# The optimizer's state may be several times the weights: it is read through this often.
STATE_SECONDS: Final = 10.0


@dataclass(frozen=True)
class _Rows:
    """Rows as they came off the device, with the steps they belong to."""

    steps: npt.NDArray[np.int64]
    wall_times: npt.NDArray[np.float64]
    values: npt.NDArray[np.float32]
    present: npt.NDArray[np.bool_]


class Session:
    """Observes one `fit` of one model.

    Attributes:
        next_step: Index of the next training batch.
        trouble: The first thing that was not finite, once there is one.
    """

    def __init__(self, model: Any, log_dir: str, first_step: int, *, every_step: bool) -> None:
        """Patch the model and open the event file.

        Args:
            model: A compiled Keras model.
            log_dir: Directory of the event file.
            first_step: Index of the first batch.
            every_step: Read the ring after every execution instead of once in many steps.
        """
        self.next_step = self._first_step = first_step
        self.trouble: Trouble | None = None
        self._harmless: set[Column] = set()
        self._model = model
        self._every_step = every_step
        self._steps_per_execution = int(model.steps_per_execution)
        self._executions: list[float] = []
        self._last_drain = self._last_state = time.monotonic()
        self._manifest: Manifest | None = None
        self._patches = Patches()
        self._ring = Ring(self._steps_per_execution)
        self._before = model.train_function
        self._file = EventFile(log_dir)
        _build_optimizer(model)
        try:
            self._observer = Observer(model, self._ring, self._patches)
            model.make_train_function(force=True)
        except BaseException:
            self.abandon()
            raise

    def intercept(self, run: Callable[[Callable[..., Any], Any], Any]) -> None:
        """Let `run(train_function, iterator)` call every execution of the training step."""
        function = self._model.train_function
        self._patches.set(self._model, "train_function", lambda iterator: run(function, iterator))

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
        late = time.monotonic() - self._last_drain >= FLUSH_SECONDS
        if self._every_step or late or waiting > self._ring.capacity:
            self.drain()

    def drain(self, *, ending: bool = False) -> None:
        """Move the rows of the ring into the event file and look at them.

        The weights as the last of these steps left them are looked at, too: the step that would
        find them bad may never come. So is, `ending` or now and then, the optimizer's state.
        """
        rows = self._take()
        self._last_drain = time.monotonic()
        if len(rows.steps) == 0:
            return
        rows = self._with_final_weights(rows, ending=ending)
        manifest, order = self._current_manifest()
        rows = replace(rows, values=rows.values[:, order], present=rows.present[:, order])
        block = pack_rows(manifest, rows.steps, rows.wall_times, rows.values, rows.present)
        last, now = int(rows.steps[-1]), float(rows.wall_times[-1])
        if self._manifest is None or self._manifest.id != manifest.id:
            self._file.write(health_event(pack_manifest(manifest), int(rows.steps[0]), now))
            self._manifest = manifest
        self._file.write(health_event(block, last, now))
        self._file.flush()
        if self.trouble is None:
            self.trouble = first_trouble(
                manifest.columns,
                rows.steps,
                rows.values,
                rows.present,
                continues=int(rows.steps[0]) > self._first_step,
                harmless=self._harmless,
            )

    def _take(self) -> _Rows:
        values, present = self._ring.unread()
        executions, self._executions = self._executions, []
        n = len(values)
        steps = np.arange(self.next_step, self.next_step + n, dtype=np.int64)
        self.next_step += n
        times = np.repeat(np.array(executions or [time.time()]), self._steps_per_execution)
        if len(times) < n:
            times = np.concatenate([times, np.full(n - len(times), times[-1])])
        return _Rows(steps, times[:n].astype(np.float64), values, present)

    def _current_manifest(self) -> tuple[Manifest, list[int]]:
        """Return what the rows hold, and how to bring their numbers into causal order."""
        columns = [*self._ring.columns, *_final_columns(self._observer)]
        order = sorted(range(len(columns)), key=lambda i: _phase(columns[i]))
        unobserved = {
            **self._observer.unobserved,
            **{
                f"{c.signal} {c.where}".rstrip(): "no room was left for it"
                for c in self._ring.dropped
            },
        }
        facts = describe(
            self._model, self._observer.batch, self._observer.output_places, unobserved
        )
        return Manifest(tuple(columns[i] for i in order), facts), order

    def _with_final_weights(self, rows: _Rows, *, ending: bool) -> _Rows:
        variables = self._observer.variables
        columns = _final_columns(self._observer)
        values = np.zeros((len(rows.steps), len(columns)), np.float32)
        present = np.zeros(values.shape, np.bool_)
        if variables:
            values[-1, : 3 * len(variables)] = np.asarray(
                weights.count_nonfinite(variables)
            ).reshape(-1)
            present[-1, : 3 * len(variables)] = True
        if ending or time.monotonic() - self._last_state >= STATE_SECONDS:
            self._last_state = time.monotonic()
            for i, one in enumerate(self._observer.optimizers.values(), 3 * len(variables)):
                values[-1, i] = float(optimizer.count_nonfinite(one.variables))
                present[-1, i] = True
        return replace(
            rows,
            values=np.concatenate([rows.values, values], axis=1),
            present=np.concatenate([rows.present, present], axis=1),
        )

    def write_epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        """Write what Keras reports of an epoch as scalars, named as its own callback names them."""
        now = time.time()
        for name, value in logs.items():
            if np.ndim(value) == 0:
                self._file.write(scalar_event(f"epoch_{name}", float(value), epoch, now))
        self._file.flush()

    def close(self) -> None:
        """Put the model back as it was and close the file."""
        self._release()
        self._file.close()

    def abandon(self) -> None:
        """Put the model back as it was, whatever state the file is in."""
        self._release()
        with suppress(Exception):
            self._file.close()

    def _release(self) -> None:
        compiled_anew = self._model.train_function is None
        self._patches.undo()
        self._model.train_function = None if compiled_anew else self._before


def _build_optimizer(model: Any) -> None:
    """Make the optimizer's variables now: the first trace looks for the loss scale among them."""
    optimizer = model.optimizer
    if optimizer is not None and model.built and not optimizer.built:
        optimizer.build(model.trainable_variables)


def _final_columns(observer: Observer) -> list[Column]:
    signals = (Signal.UPDATED_NAN, Signal.UPDATED_POSINF, Signal.UPDATED_NEGINF)
    of_variables = [Column(signal.value, name) for signal in signals for name in observer.variables]
    state = Signal.OPTIMIZER_STATE_NONFINITE.value
    return [*of_variables, *(Column(state, name) for name in observer.optimizers)]


def _phase(column: Column) -> int:
    return Signal(column.signal).quantity.phase.order
