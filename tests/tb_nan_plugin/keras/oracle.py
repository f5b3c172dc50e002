"""What really happened: a plain eager loop over the same batches that looks at every number.

It shares no code with the recorder. Whoever wants to know whether the recorder is right asks here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Failure:
    """The first number that is not finite, in causal order.

    Attributes:
        step: Index of the batch.
        phase: input, target, weights, forward, loss, backward or update.
        place: Column, variable or layer; "" for the loss.
    """

    step: int
    phase: str
    place: str


@dataclass
class Steps:
    """The true figures of every step, by step."""

    loss: list[float] = field(default_factory=list)
    gradient_norm: dict[str, list[float]] = field(default_factory=dict)
    output_norm: dict[str, list[float]] = field(default_factory=dict)
    weight_norm: dict[str, list[float]] = field(default_factory=dict)
    learning_rate: list[float] = field(default_factory=list)


def batches_of(x: Any, y: Any, size: int) -> list[tuple[Any, Any]]:
    """Cut arrays, or dicts of arrays, as an unshuffled `fit` does."""

    def cut(arrays: Any, start: int) -> Any:
        if isinstance(arrays, dict):
            return {name: a[start : start + size] for name, a in arrays.items()}
        return arrays[start : start + size]

    rows = len(next(iter(y.values()))) if isinstance(y, dict) else len(y)
    return [(cut(x, start), cut(y, start)) for start in range(0, rows, size)]


class Oracle:
    """Trains a model of its own, eagerly, and remembers what it saw.

    Attributes:
        failure: The first thing that was not finite, if anything was.
        steps: What a sound training's numbers were.
    """

    def __init__(
        self,
        model: Any,
        loss: Callable[[Any, Any], Any],
        optimizer: Any,
        *,
        to_the_end: bool = False,
    ) -> None:
        """Take a model with the weights to begin from, and an optimizer of its own.

        Args:
            model: A functional or sequential model.
            loss: From targets and predictions to one number.
            optimizer: Of the same class and settings as the recorded training's.
            to_the_end: Train on after a failure.
        """
        self.failure: Failure | None = None
        self.steps = Steps()
        self._model, self._loss, self._optimizer = model, loss, optimizer
        self._layers = [
            layer
            for layer in model.layers
            if not isinstance(layer, (keras.layers.InputLayer, keras.Model))
        ]
        sequential = isinstance(model, keras.Sequential)
        self._inside = keras.Model(
            model.inputs[0] if sequential else model.input,
            {"all": [layer.output for layer in self._layers], "last": model.outputs},
        )
        self._to_the_end = to_the_end

    def train(self, batches: Iterable[tuple[Any, Any]]) -> Oracle:
        for step, (x, y) in enumerate(batches):
            self._step(step, x, y)
            if self.failure is not None and not self._to_the_end:
                break
        return self

    def _step(self, step: int, x: Any, y: Any) -> None:
        variables = self._model.trainable_variables
        self._check(step, "input", _columns(x, "feature"))
        self._check(step, "target", _columns(y, "target"))
        self._check(step, "weights", self._weights())
        for place, values in self._weights().items():
            self.steps.weight_norm.setdefault(place, []).append(_norm(values))
        with tf.GradientTape() as tape:
            outputs = self._inside(x, training=True)
            loss = self._loss(
                y, outputs["last"][0] if len(outputs["last"]) == 1 else outputs["last"]
            )
            loss = loss + sum(self._model.losses)
        named = zip((layer.name for layer in self._layers), outputs["all"], strict=True)
        for place, tensor in named:
            self._check(step, "forward", {place: tensor.numpy()})
            self.steps.output_norm.setdefault(place, []).append(_norm(tensor.numpy()))
        self._check(step, "loss", {"": loss.numpy()})
        self.steps.loss.append(float(loss))
        gradients = tape.gradient(loss, variables)
        for variable, gradient in reversed(list(zip(variables, gradients, strict=True))):
            place, values = self._place(variable), tf.convert_to_tensor(gradient).numpy()
            self._check(step, "backward", {place: values})
            self.steps.gradient_norm.setdefault(place, []).append(_norm(values))
        self.steps.learning_rate.append(float(self._optimizer.learning_rate))
        self._optimizer.apply(gradients, variables)
        self._check(step, "update", self._weights())

    def _weights(self) -> dict[str, Any]:
        model = self._model
        every = [*model.trainable_variables, *model.non_trainable_variables]
        return {self._place(v): v.numpy() for v in every if "float" in v.dtype}

    def _place(self, variable: Any) -> str:
        return str(variable.path).removeprefix(f"{self._model.name}/")

    def _check(self, step: int, phase: str, named: Mapping[str, Any]) -> None:
        for place, values in named.items():
            if self.failure is None and not np.isfinite(np.asarray(values, np.float64)).all():
                self.failure = Failure(step, phase, place)


def _norm(values: Any) -> float:
    return float(np.sqrt(np.sum(np.square(np.asarray(values, np.float64)))))


def _columns(arrays: Any, word: str) -> dict[str, Any]:
    if isinstance(arrays, dict):
        named = {f"{name} {word}": np.asarray(a) for name, a in arrays.items()}
    else:
        named = {word: np.asarray(arrays)}
    columns: dict[str, Any] = {}
    for name, array in named.items():
        width = 1 if array.ndim == 1 else array.shape[-1]
        if array.ndim == 1 or (name == "target" and width == 1):
            columns[name] = array
        else:
            columns.update({f"{name} {i}": array[..., i] for i in range(width)})
    return columns
