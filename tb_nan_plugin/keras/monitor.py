"""`NaNMonitor`, the callback that a user adds to `fit`."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable
from typing import Any, Final, Literal, get_args

import keras
import tensorflow as tf

from tb_nan_plugin.keras.session import Session
from tb_nan_plugin.trouble import Trouble

OnNonfinite = Literal["warn", "stop", "raise"]
_CHOICES: Final = get_args(OnNonfinite)


class NonFiniteError(FloatingPointError):
    """Training met a number that is not finite, and `on_nonfinite="raise"` was asked for.

    Attributes:
        trouble: Step, phase and place.
    """

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


class NaNMonitor(keras.callbacks.Callback):
    """Records the numerical health of every training step into TensorBoard event files.

    Statistics of inputs, targets, weights, layer outputs, loss and gradients are computed inside
    the compiled train step, for every step, and written a block at a time. Training is never
    changed and never stopped, unless `on_nonfinite` says so.

    ```python
    model.fit(x, y, callbacks=[NaNMonitor("logs/run1")])
    ```

    Then `tb-nan analyze logs` in a terminal, or `tensorboard --logdir logs` and the tab "NaN".
    """

    def __init__(self, log_dir: str | os.PathLike[str], on_nonfinite: OnNonfinite = "warn") -> None:
        """Choose where to write and what to do when something is not finite.

        Args:
            log_dir: Directory for the event files, as in `keras.callbacks.TensorBoard`. One a run.
            on_nonfinite: `"warn"` prints one line and trains on; `"stop"` ends the training after
                the step in which it happened; `"raise"` raises `NonFiniteError` there. The last two
                look after every step instead of once in many, which costs a little time.

        Raises:
            ValueError: `on_nonfinite` is none of the three.
            TypeError: `log_dir` is not a path.
        """
        super().__init__()
        if on_nonfinite not in _CHOICES:
            raise ValueError(
                f"on_nonfinite={on_nonfinite!r} is not known; choose one of "
                + ", ".join(repr(choice) for choice in _CHOICES)
            )
        self.log_dir = os.fspath(log_dir)
        self.on_nonfinite = on_nonfinite
        self._session: Session | None = None
        self._next_step = 0
        self._told = False
        self._handled = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Patch the model and open the event file."""
        self._end()
        if not self._can_observe():
            return
        self._handled = False
        every_step = self.on_nonfinite != "warn"

        def begin() -> None:
            session = Session(self.model, self.log_dir, self._next_step, every_step=every_step)
            self._session = session
            session.intercept(self._run)
            session.on_next_training(self._end)
            _flush_at_exit(self)

        self._guarded("start recording", begin)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write what is waiting, and the epoch's own figures."""
        session = self._session
        if session is not None:
            self._guarded("record", lambda: session.drain(ending=True))
            self._guarded("record", lambda: session.write_epoch(epoch, logs or {}))
            self._tell()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the rest and put the model back as it was."""
        self._end()

    def _run(self, train_function: Callable[[Any], Any], iterator: Any) -> Any:
        try:
            logs = train_function(iterator)
        except (StopIteration, tf.errors.OutOfRangeError):
            raise  # the end of an epoch whose length nobody knew
        except BaseException:
            self._end()
            raise
        session = self._session
        if session is not None:
            self._guarded("record", session.count_execution)
            self._tell()
            self._obey()
        return logs

    def _tell(self) -> None:
        if self._session is None or self._session.trouble is None or self._told:
            return
        self._told = True
        _say(self._message(self._session.trouble))

    def _obey(self) -> None:
        trouble = None if self._session is None else self._session.trouble
        if trouble is None or self._handled:
            return
        self._handled = True
        if self.on_nonfinite == "stop":
            self.model.stop_training = True
        elif self.on_nonfinite == "raise":
            self._end()
            raise NonFiniteError(trouble, self._message(trouble))

    def _message(self, trouble: Trouble) -> str:
        return (
            f"step {trouble.step}, {trouble.phase.value}: {trouble.sentence()}. "
            f"Why: tb-nan analyze {self.log_dir}"
        )

    def _end(self) -> None:
        """Write what is waiting and let go of the model; safe to call at any time."""
        session, self._session = self._session, None
        if session is None:
            return
        self._guarded("write the last steps", lambda: session.drain(ending=True))
        self._next_step = session.next_step
        self._guarded("close the event file", session.close)
        if session.trouble is not None and not self._told:
            self._told = True
            _say(self._message(session.trouble))

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        """Do something of ours; if it fails, say so once and let the training go on without us."""
        try:
            action()
        except Exception as error:
            session, self._session = self._session, None
            _say(
                f"could not {what} in {self.log_dir} ({type(error).__name__}: {error}). "
                "Training goes on; recording ended."
            )
            if session is not None:
                session.abandon()

    def _can_observe(self) -> bool:
        reason = None
        if keras.backend.backend() != "tensorflow":
            reason = f"Keras runs on {keras.backend.backend()!r}, and only TensorFlow is supported"
        elif self.model.distribute_strategy.num_replicas_in_sync > 1:
            reason = "the training is distributed over several replicas, which is not supported yet"
        elif "make_train_function" in vars(self.model):
            reason = "another NaNMonitor already records this training"
        if reason is not None:
            _say(f"nothing is recorded: {reason}. Training goes on.")
        return reason is None


def _say(message: str) -> None:
    """Print one line beside Keras's progress bar, which leaves its cursor within a line."""
    sys.stdout.flush()
    sys.stderr.write(f"\nNaNMonitor: {message}\n")
    sys.stderr.flush()


def _flush_at_exit(monitor: NaNMonitor) -> None:
    reference = weakref.ref(monitor)

    def end() -> None:
        alive = reference()
        if alive is not None:
            alive._end()

    atexit.register(end)
