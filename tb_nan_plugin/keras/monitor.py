"""`NaNMonitor`, the callback that a user adds to `fit`."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, Literal

import keras
import tensorflow as tf

from tb_nan_plugin.keras import loop, wording
from tb_nan_plugin.keras.counting import StepCount
from tb_nan_plugin.keras.errors import NonFiniteError
from tb_nan_plugin.keras.exits import called_by_fit, end_at_exit
from tb_nan_plugin.keras.guard import Mode
from tb_nan_plugin.keras.observation import Member, Observation
from tb_nan_plugin.keras.session import Rows, Session
from tb_nan_plugin.record import Manifest
from tb_nan_plugin.rotation import LEAST_BYTES
from tb_nan_plugin.trouble import Trouble

MAX_BYTES: Final = 4 << 30  # of a small model 10 million steps, of a large one some hours
OnNonfinite = Literal["warn", "stop", "raise", "skip"]
_MODES: Final[dict[str, Mode]] = {"warn": "off", "stop": "halt", "raise": "halt", "skip": "skip"}


class NaNMonitor(keras.callbacks.Callback):
    """Records the numerical health of every training step into TensorBoard event files.

    Statistics of inputs, targets, weights, layer outputs, loss and gradients are computed inside
    the compiled train step, for every step, and written a block at a time. Training is never
    changed and never stopped, unless `on_nonfinite` says so.

    ```python
    model.fit(x, y, callbacks=[NaNMonitor("logs/run1")])
    ```

    Then `tb-nan analyze logs` in a terminal, or `tensorboard --logdir logs` and the tab "NaN".

    Outside of `fit`, `watch` a model and put each step of a loop into a block; see `step`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        on_nonfinite: OnNonfinite = "warn",
        *,
        max_bytes: int | None = MAX_BYTES,
    ) -> None:
        """Choose where to write and what to do when something is not finite.

        Args:
            log_dir: Directory for the event files, as in `keras.callbacks.TensorBoard`. One a run.
            on_nonfinite: `"warn"` prints one line and trains on; `"stop"` ends the training;
                `"raise"` raises `NonFiniteError`; `"skip"` leaves the update out, counts it, and
                trains on. With the last three, weights, optimizer and all other state of the model
                are as they were before the step in which it happened, also in the middle of an
                execution of many steps. This costs a copy of what the optimizer writes, in every
                step.
            max_bytes: How much the event files of one training may hold together, 4 GiB unless
                said otherwise. Where they would hold more, every second step of the oldest is
                dropped, again and again; never the first steps, the newest, or those around the
                first that went wrong. None for no cap.

        Raises:
            ValueError: `on_nonfinite` is none of the four, or `max_bytes` is less than 1 MiB.
            TypeError: `log_dir` is not a path.
        """
        super().__init__()
        if on_nonfinite not in _MODES:
            raise ValueError(
                f"on_nonfinite={on_nonfinite!r} is not known; choose one of "
                + ", ".join(repr(choice) for choice in _MODES)
            )
        if max_bytes is not None and max_bytes < LEAST_BYTES:
            raise ValueError(f"max_bytes={max_bytes} is less than {LEAST_BYTES}, or None")
        self.log_dir = os.fspath(log_dir)
        self.max_bytes = max_bytes
        self.on_nonfinite = on_nonfinite
        self._session: Session | None = None
        self._observation: Observation | None = None
        self._member = Member(_MODES[on_nonfinite], self._take, self._obey, self._fail, self._end)
        self._count = StepCount()
        self._in_fit = False
        self._told = False
        self._handled = False
        self._error: NonFiniteError | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Patch the model and open the event file."""
        self._begin(in_fit=called_by_fit(self.model))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Find out which step comes next, once every callback has restored what it restores."""
        session = self._session
        if session is None or session.has_rows:
            return
        batches = (self.params or {}).get("steps")

        def begin() -> None:
            goes_on = session.continues
            session.begin_at(self._count.next(self.model, epoch, batches, continues=goes_on))

        self._guarded("count steps", begin)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write what is waiting, and the epoch's own figures."""
        if self._observation is not None:
            self._observation.drain(ending=True)
        session = self._session
        if session is not None:
            self._guarded("record", lambda: session.write_epoch(epoch, logs or {}))
            self._tell(session)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the rest and put the model back as it was."""
        self._end()

    def watch(self, model: Any, *optimizers: Any) -> NaNMonitor:
        """Observe `train_on_batch`, or a loop written by hand, until `close`.

        ```python
        with NaNMonitor("logs/run1").watch(model, optimizer) as monitor:
            for x, y in batches:
                with monitor.step(x, y):
                    ...
        ```

        Args:
            model: A Keras model.
            *optimizers: What the loop applies, if that is not the optimizer that the model was
                compiled with.

        Returns:
            This monitor, which closes itself at the end of a `with`.
        """
        self.set_model(model)
        self._begin(*optimizers, in_fit=False)
        return self

    def step(self, x: Any, y: Any = None) -> AbstractContextManager[loop.Step]:
        """Observe what its block does as one training step on a batch.

        The block holds the forward pass, the tape's gradients and the optimizer's `apply` or
        `apply_gradients`. It may stand in a loop that runs eagerly or inside a `tf.function`, but
        then all of it inside.

        ```python
        @tf.function
        def train_step(x, y):
            with monitor.step(x, y):
                with tf.GradientTape() as tape:
                    loss = loss_of(y, model(x, training=True))
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply(gradients, model.trainable_variables)
            return loss
        ```

        The loss is what the tape differentiates, or what `optimizer.scale_loss` was given; where it
        is neither, `with monitor.step(x, y) as step:` and `step.loss(value)`.

        Args:
            x: The inputs, in the form in which `fit` takes them.
            y: The targets, if there are any.
        """
        if self._observation is None:
            return loop.no_step()
        return loop.step(self._observation, (x, y))

    @property
    def stopped(self) -> bool:
        """Return whether a loop written by hand should end, as `on_nonfinite` asks.

        Inside a `tf.function` with `jit_compile=True`, which cannot call Python, nothing is written
        or said before this is asked; ask at least once in 100 steps.

        Raises:
            NonFiniteError: In such a function, where `"raise"` could not act at once.
        """
        if self._observation is not None:
            self._observation.count_execution()
        return self._handled and self.on_nonfinite == "stop"

    def close(self) -> None:
        """Write the rest and let go of the model that is watched; a second call does nothing."""
        self._end()

    def __enter__(self) -> NaNMonitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()
        if self._error is not None and isinstance(error, tf.errors.OpError):
            raise self._error from error  # a graph that Python stopped has an error of its own

    def _begin(self, *optimizers: Any, in_fit: bool) -> None:
        self._end()
        self._handled, self._in_fit, self._error = False, in_fit, None

        def begin() -> None:
            if not wording.can_observe(self.model):
                return
            first = self._count.next(self.model)
            self._session = Session(self.log_dir, first, max_bytes=self.max_bytes)
            found = Observation.of(self.model)
            self._observation = found or Observation(self.model, optimizers, in_fit=in_fit)
            self._observation.join(self._member)
            end_at_exit(self)

        self._guarded("start recording", begin)

    def _take(self, manifest: Manifest, rows: Rows) -> None:
        session = self._session
        if session is not None:
            self._guarded("record", lambda: session.write(manifest, rows))

    def _tell(self, session: Session) -> None:
        for notice in session.notices():
            wording.say(notice)
        again = self.on_nonfinite == "stop" and not self._handled
        if session.trouble is not None and (again or not self._told):
            self._told = True
            wording.say(self._message(session.trouble, session))

    def _obey(self) -> None:
        session = self._session
        if session is None or session.trouble is None:
            return
        self._tell(session)
        if self._handled:
            return
        self._handled = True
        if self.on_nonfinite == "stop" and self._in_fit:
            self.model.stop_training = True
            if self._observation is not None:
                self._guarded("keep the weights", self._observation.observer.guard.settle)
        elif self.on_nonfinite == "raise":
            self._error = NonFiniteError(session.trouble, self._message(session.trouble, session))
            self._end()
            raise self._error

    def _message(self, trouble: Trouble, session: Session) -> str:
        failed = self._observation is not None and self._observation.observer.guard.failed
        return wording.warning(
            trouble, self.log_dir, self.on_nonfinite, session.skipped, failed=failed
        )

    def _end(self) -> None:
        """Write what is waiting and let go of the model; safe to call at any time."""
        if self._observation is not None:
            self._observation.drain(ending=True)
        session, self._session = self._session, None
        if session is not None:
            self._tell(session)
        self._leave()
        if session is None:
            return
        self._guarded("count steps", lambda: self._count.leave(self.model, session.next_step))
        self._guarded("close the event file", session.close)
        for notice in session.notices():
            wording.say(notice)
        if not (self._in_fit or session.has_rows):
            wording.say(wording.NO_STEP)
        if self.on_nonfinite == "skip" and session.skipped:
            wording.say(wording.skipped(session.skipped))

    def _leave(self) -> None:
        observation, self._observation = self._observation, None
        if observation is not None:
            observation.leave(self._member)

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        """Do something of ours; if it fails, say so once and let the training go on without us."""
        try:
            action()
        except Exception as error:
            self._fail(error, what)

    def _fail(self, error: Exception, what: str = "record") -> None:
        session, self._session = self._session, None
        wording.say(
            f"could not {what} in {self.log_dir} ({type(error).__name__}: {error}). "
            "Training goes on; recording ended."
        )
        if session is not None:
            session.abandon()
        self._leave()
