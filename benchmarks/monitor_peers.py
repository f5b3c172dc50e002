"""Other ways of watching a training, each as its documentation says to use it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any, Final

import keras
import tensorflow as tf


class CheckNumerics(keras.callbacks.Callback):  # type: ignore[misc]
    """`enable_check_numerics` while the step is traced; switched off for everybody else's."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Instrument whatever is traced from now on."""
        tf.debugging.enable_check_numerics()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """The step was traced."""
        if batch == 0:
            tf.debugging.disable_check_numerics()


class DebuggerV2(keras.callbacks.Callback):  # type: ignore[misc]
    """TensorBoard's Debugger V2 in one of its modes, until the training ends."""

    def __init__(self, mode: str) -> None:
        """Take the mode, such as `CURT_HEALTH`."""
        super().__init__()
        self._mode = mode

    def on_train_begin(self, logs: Any = None) -> None:
        """Instrument whatever is traced from now on."""
        tf.debugging.experimental.enable_dump_debug_info(
            tempfile.mkdtemp(), tensor_debug_mode=self._mode, circular_buffer_size=1000
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Stop writing."""
        tf.debugging.experimental.disable_dump_debug_info()


class Recompute(keras.callbacks.Callback):  # type: ignore[misc]
    """What people write by hand: the gradients of a batch once more, and their norms."""

    def __init__(self, model: Any) -> None:
        """Make a batch as the model takes it."""
        super().__init__()
        shape = [n or 32 for n in model.input_shape]
        words = "int" in str(model.inputs[0].dtype)
        self._x = tf.zeros(shape, tf.int32) if words else tf.random.normal(shape)
        self._y = tf.zeros([shape[0], model.output_shape[-1]])

        def norms() -> Any:
            with tf.GradientTape() as tape:
                loss = model.compute_loss(self._x, self._y, model(self._x, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            return [tf.norm(tf.convert_to_tensor(g)) for g in gradients]

        self._norms = tf.function(norms)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Compute, and bring the numbers to Python."""
        [float(norm) for norm in self._norms()]


PEERS: Final[dict[str, Callable[[Any], Any]]] = {
    "`TerminateOnNaN`": lambda _: keras.callbacks.TerminateOnNaN(),
    "`TensorBoard(update_freq=1)`": lambda _: keras.callbacks.TensorBoard(
        tempfile.mkdtemp(), update_freq=1
    ),
    "gradients computed again": Recompute,
    "`enable_check_numerics`": lambda _: CheckNumerics(),
    "Debugger V2, `CURT_HEALTH`": lambda _: DebuggerV2("CURT_HEALTH"),
    "Debugger V2, `FULL_HEALTH`": lambda _: DebuggerV2("FULL_HEALTH"),
}
