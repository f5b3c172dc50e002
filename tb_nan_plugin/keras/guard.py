"""Withhold what a step did when something in it was not finite: "stop", "raise" and "skip".

Laws:

1. What is put back is everything the step may have written: the model's variables, random seeds and
   moving statistics among them, its metrics, and all that its optimizers hold.
2. Whether a step was harmed is decided by the numbers of its own row, as a reader decides it later.
3. Where nobody asked, nothing is added to the step.

The old values are tensors read when the step begins. A reading shares its memory with the variable
until the variable is written to, so a sound step costs one copy of what its optimizer writes, and a
branch not taken; only a harmed step writes anything back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import keras
import tensorflow as tf

from tb_nan_plugin.probes import weights
from tb_nan_plugin.probes._probe import Row, count_signals
from tb_nan_plugin.signals import Signal
from tb_nan_plugin.trouble import decisive

# "skip" withholds harmed steps one by one; "halt" withholds the first and every step after it.
Mode = Literal["off", "skip", "halt"]
MODES: Final[tuple[Mode, ...]] = ("off", "skip", "halt")  # the weakest first


class Guard:
    """Keeps the state of one model as it was before a harmed step.

    Attributes:
        mode: What is withheld; read whenever a step is traced.
        failed: Whether it could not be built into the step, although it was asked for.
        harmed_now: In the graph of a step that was judged, whether it was harmed itself.
    """

    def __init__(self, model: Any, optimizers: Mapping[str, Any]) -> None:
        self.mode: Mode = "off"
        self.failed = False
        self.harmed_now: Any = False
        self._model = model
        self._optimizers = optimizers
        self._armed: Any = None
        self._halted: Any = None

    @property
    def holds(self) -> bool:
        """Return whether harmed steps are withheld."""
        return self.mode != "off" and not self.failed

    @property
    def halted(self) -> bool:
        """Return whether a harmed step has ended the training; waits for the device."""
        return self._halted is not None and bool(self._halted.numpy())

    def strengthen(self, mode: Mode) -> None:
        """Withhold at least what `mode` says."""
        self.mode = max(self.mode, mode, key=MODES.index)

    def settle(self) -> None:
        """Begin the averages of weights that no update has begun: `fit` ends by applying them."""
        for optimizer in self._optimizers.values():
            inner = getattr(optimizer, "inner_optimizer", optimizer)
            averages = getattr(inner, "_model_variables_moving_average", None)
            if averages and int(inner.iterations) == 0:
                for variable, average in zip(inner._trainable_variables, averages, strict=True):
                    average.assign(variable)

    def release(self) -> None:
        """Withhold nothing more, also in functions of a user that were traced with the guard."""
        if self._halted is not None:
            self._armed.assign(value=False)
            self._halted.assign(value=False)

    def remember(self) -> list[tuple[Any, tf.Tensor]] | None:
        """Read everything that the step may write, if asked to; called when the step begins.

        Raises:
            NotImplementedError: Several replicas train, whose variables are not theirs to write.
        """
        if not self.holds:
            return None
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            raise NotImplementedError("not for a training that is distributed over replicas")
        if self._halted is None:
            with tf.init_scope():
                self._armed = tf.Variable(initial_value=True, trainable=False, name="nan_armed")
                self._halted = tf.Variable(initial_value=False, trainable=False, name="nan_halted")
        return [(v, tf.convert_to_tensor(v)) for v in self._state()]

    def judge(
        self, row: Row, variables: Mapping[str, Any], before: Sequence[tuple[Any, tf.Tensor]]
    ) -> Any:
        """Put everything back if the step was harmed; called when the step ends.

        Args:
            row: What was measured in the step; gets the variables as the update left them, and
                whether the update was withheld.
            variables: The floating-point variables of the model, by name.
            before: What `remember` returned.

        Returns:
            How many steps this was: 0 after the training was halted.
        """
        places = list(variables)
        for signal, counts in zip(
            count_signals("updated"), tf.unstack(weights.count_nonfinite(variables)), strict=True
        ):
            row.add(signal, places, counts)
        halted = tf.convert_to_tensor(self._halted)
        withheld = (_harmed(row) | halted) & self._armed
        done = tf.cond(withheld, lambda: _put_back(before), lambda: tf.constant(0))
        row.add(Signal.UPDATE_SKIPPED, [""], withheld)
        self.harmed_now = withheld & ~halted
        if self.mode == "halt":
            self._halted.assign(withheld)
        with tf.control_dependencies([done]):  # whoever sees the step sees what was put back
            return tf.cast(~halted, tf.int64)

    def logs(self, result: Any) -> Any:
        """Return what Keras' own step reports, without a step that was taken back.

        Called after `judge`, when the metrics are as they were: otherwise one loss that is NaN
        would be drawn over the whole epoch.
        """
        own = getattr(type(self._model), "train_step", None) is keras.Model.train_step
        return self._model.get_metrics_result() if self.holds and own else result

    def _state(self) -> list[Any]:
        model = self._model
        held = [*model.variables, *model.metrics_variables]
        for optimizer in self._optimizers.values():
            held += optimizer.variables
        return list({id(v): v for v in held}.values())


def _harmed(row: Row) -> tf.Tensor:
    values = tf.concat(row.packed(), axis=0)
    counts, numbers = (
        tf.gather(values, tf.constant(indices, tf.int32)) for indices in decisive(row.columns)
    )
    return tf.reduce_any(counts > 0) | tf.reduce_any(~tf.math.is_finite(numbers))


def _put_back(before: Sequence[tuple[Any, tf.Tensor]]) -> tf.Tensor:
    for variable, value in before:
        variable.assign(value)
    return tf.constant(0)
