"""Stand beside one model's train step and let every probe see what passes by.

Law: nothing that goes wrong here reaches the training. A probe that fails is reported once and left
out; what could not be observed is listed, so that nobody takes silence for health.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from tb_nan_plugin.keras.guard import Guard
from tb_nan_plugin.keras.loss_parts import LossParts
from tb_nan_plugin.keras.naming import (
    activation_of,
    by_name,
    layer_place,
    variable_place,
)
from tb_nan_plugin.keras.parts import (
    RESHAPING,
    as_tensor,
    is_scratch,
    makes,
    note_use,
    operations_of,
    optimizers_of,
    variables_of,
)
from tb_nan_plugin.keras.patches import Patches
from tb_nan_plugin.keras.ring import Ring
from tb_nan_plugin.probes import activations, gradients, inputs, loss, optimizer, targets, weights
from tb_nan_plugin.probes._probe import Row, dense_values


class Observer:
    """Patches a model so that every training step writes a row into the ring.

    Attributes:
        ring: Where the rows go.
        guard: What takes back a step that was harmed.
        output_places: For each of the model's outputs, the layer call that made it, if one did.
        optimizers: Those that apply gradients, by name; "" for the first.
        unobserved: What could not be measured, with the reason.
        batch: Dtype and shape of every input, target and prediction, by role and name.
    """

    def __init__(
        self, model: Any, ring: Ring, patches: Patches, optimizers: Sequence[Any] = ()
    ) -> None:
        self.ring = ring
        self.output_places: dict[str, str] = {}
        self.unobserved: dict[str, str] = {}
        self.batch: dict[str, dict[str, Any]] = {}
        self._model = model
        self._row: Row | None = None
        self._outputs: list[activations.LayerOutput] = []
        self._calls: Counter[str] = Counter()
        self._activations: dict[str, str] = {}
        self._ended = 0  # layer calls in this step
        self._used: dict[int, int] = {}  # variable -> the last of these that used it itself
        self._seen: dict[int, tuple[Any, str]] = {}
        self._loss_seen = False
        self._idle = activations.IdleUnits()
        self._targets: dict[str, Any] = {}
        self.optimizers = optimizers_of(model, optimizers)
        self.guard = Guard(model, self.optimizers)
        in_xla = bool(model.compiled and model.jit_compile)
        self._slow_squares = in_xla and not tf.config.list_logical_devices("GPU")
        self._parts = LossParts(model, patches)
        self._patch(patches)

    def _patch(self, patches: Patches) -> None:
        for layer in [*self._model._flatten_layers(), *operations_of(self._model)]:
            if type(layer).__name__ not in RESHAPING:
                patches.set(layer, "call", self._layer_call(layer))
            if isinstance(layer, (keras.layers.GRU, keras.layers.LSTM)):
                gates = f"gates of {layer_place(layer, self._model)}"
                self.unobserved[gates] = "they live inside the loop over the time steps"
        for name, found in self.optimizers.items():
            patches.set(found, "apply", self._apply(name, found))
        patches.set(self._model, "compute_loss", self._compute_loss())
        patches.set(self._model, "train_step", self._train_step())

    @property
    def variables(self) -> dict[str, Any]:
        """Return the model's floating-point variables by name, trainable ones first."""
        return variables_of(self._model)

    @contextmanager
    def reporting(self, what: str) -> Iterator[None]:
        """List `what` as unobserved, with the error, where the block fails."""
        try:
            yield
        except Exception as error:  # a probe must never stop a training
            self.unobserved.setdefault(what, f"{type(error).__name__}: {error}"[:200])

    def _train_step(self) -> Callable[..., Any]:
        original = self._model.train_step

        @functools.wraps(original)
        def train_step(*args: Any, **kwargs: Any) -> Any:
            with self.step(args[0] if args else next(iter(kwargs.values()))) as row:
                result = original(*args, **kwargs)
                if isinstance(result, dict) and "loss" in result:
                    self.notice_loss(row, result["loss"])
            with self._guarding():
                result = self.guard.logs(result)
            return result

        return train_step

    @contextmanager
    def step(self, data: Any) -> Iterator[Row]:
        """Measure one training step on `data`; what the block does becomes a row of the ring."""
        row = self._open()
        with self.reporting("inputs and targets"):
            self._measure_batch(row, data)
        with self.reporting("weights"):
            weights.measure(row, self.variables)
        self._settle(row)
        before = None
        with self._guarding():
            before = self.guard.remember()
        try:
            yield row
        except BaseException:
            self._row = None
            raise
        self._close(row, before)

    def _open(self) -> Row:
        self._row = Row(slow_squares=self._slow_squares)
        self._outputs, self._seen, self._loss_seen = [], {}, False
        self._calls.clear()
        self._parts.forget()
        self._ended, self._used = 0, {}
        return self._row

    def _close(self, row: Row, before: Any) -> None:
        self._measure_outputs(row)
        self._settle(row)
        self._row, self._seen = None, {}
        steps: Any = 1
        with self._guarding():
            if before is not None:
                steps = self.guard.judge(row, self.variables, before)
        with self.reporting("the row"):
            self.ring.write(row, steps)

    @contextmanager
    def _guarding(self) -> Iterator[None]:
        with self.reporting("on_nonfinite"):
            try:
                yield
            except Exception:
                self.guard.failed = True
                raise

    def notice_loss(self, row: Row, value: Any) -> None:
        """Take `value` for the loss of the step, unless that was seen already."""
        with self.reporting("loss"):
            if not self._loss_seen:
                loss.measure_loss(row, value)
            self._loss_seen = True

    def _settle(self, row: Row) -> None:
        with self.reporting("what is not finite"):
            row.settle()

    def _open_row(self) -> Row | None:
        return self._row if self._row is not None and self._row.is_open_here() else None

    def _measure_batch(self, row: Row, data: Any) -> None:
        data = keras.tree.map_structure(as_tensor, data)
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        features, wanted = by_name(x, "input"), by_name(y, "output")
        self.batch["inputs"], self.batch["targets"] = makes(features), makes(wanted)
        self._targets = wanted
        inputs.measure(row, features)
        inputs.measure_sample_weights(row, by_name(weight, "output"))
        targets.measure(row, wanted)

    def _layer_call(self, layer: Any) -> Callable[..., Any]:
        original = layer.call
        place, activation = layer_place(layer, self._model), activation_of(layer)

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            began = self._ended
            result = original(*args, **kwargs)
            if self._row is not None:
                if self._row.is_open_here():
                    note_use(self._used, layer, began, self._ended)
                    self._ended += 1
                    self._notice(place, activation, result)
                elif not is_scratch():
                    self.unobserved[place] = "it runs inside a loop or a function of its own"
            return result

        return call

    def _notice(self, place: str, activation: str, result: Any) -> None:
        self._calls[place] += 1
        if self._calls[place] > 1:
            place = f"{place} (call {self._calls[place]})"
        tensors = [t for t in keras.tree.flatten(result) if t is not None]
        for number, tensor in enumerate(tensors):
            values = dense_values(tensor)
            if values is None or id(tensor) in self._seen:
                continue
            name = f"{place} (output {number})" if len(tensors) > 1 else place
            self._seen[id(tensor)] = (tensor, name)  # held, so that the id stays its own
            self._activations[name] = activation
            self._outputs.append(activations.LayerOutput(name, activation, values))

    def _measure_outputs(self, row: Row) -> None:
        outputs, self._outputs = self._outputs, []
        with self.reporting("layer outputs"):
            activations.measure(row, outputs, self._idle)

    def _compute_loss(self) -> Callable[..., Any]:
        original = self._model.compute_loss

        @functools.wraps(original)
        def compute_loss(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            row = self._open_row()
            if row is not None:
                self._measure_outputs(row)
                with self.reporting("predictions"):
                    y_pred = kwargs.get("y_pred", args[2] if len(args) > 2 else None)
                    predictions = by_name(y_pred, "output")
                    self.batch["predictions"] = makes(predictions)
                    loss.measure_predictions(row, predictions)
                    self._remember_outputs(predictions)
                    self._measure_true_classes(row, predictions)
                self.notice_loss(row, result)
                with self.reporting("parts of the loss"):
                    loss.measure_parts(row, self._parts.outputs, self._parts.penalties)
                self._settle(row)
            return result

        return compute_loss

    def _measure_true_classes(self, row: Row, predictions: dict[str, Any]) -> None:
        for name, tensor in predictions.items():
            activation = self._activations.get(self.output_places.get(name, ""), "")
            if name in self._targets:
                loss.measure_true_class(row, name, activation, self._targets[name], tensor)

    def _remember_outputs(self, predictions: dict[str, Any]) -> None:
        for name, tensor in predictions.items():
            if id(tensor) in self._seen:
                self.output_places[name] = self._seen[id(tensor)][1]

    def _apply(self, name: str, found: Any) -> Callable[..., Any]:
        original = found.apply

        @functools.wraps(original)
        def apply(grads: Any, trainable_variables: Any = None) -> Any:
            row = self._open_row()
            if row is not None:
                self._measure_outputs(row)
                with self.reporting("gradients"):
                    grads = list(grads)
                    self._measure_update(row, name, found, grads, trainable_variables)
                self._settle(row)
            return original(grads, trainable_variables)

        return apply

    def _measure_update(
        self, row: Row, name: str, found: Any, grads: list[Any], variables: Any
    ) -> None:
        if variables is None:
            variables = found._trainable_variables
        pairs = self._named(grads, variables)
        gradients.measure(row, name, pairs, optimizer.loss_scale(found), found)
        optimizer.measure(row, name, found)

    def notice_gradients(self, row: Row, grads: Sequence[Any], variables: Sequence[Any]) -> None:
        """Measure gradients that no optimizer was given."""
        self._measure_outputs(row)
        with self.reporting("gradients"):
            gradients.measure(row, "", self._named(grads, variables), None, None)
        self._settle(row)

    def _named(self, grads: Sequence[Any], variables: Sequence[Any]) -> list[tuple[str, Any]]:
        names = {id(v): place for place, v in self.variables.items()}
        places = [names.get(id(v), variable_place(v, self._model)) for v in variables]
        pairs = list(zip(places, grads, strict=True))
        used = [self._used.get(id(v), -1) for v in variables]
        return [pairs[i] for i in sorted(range(len(pairs)), key=used.__getitem__)]
