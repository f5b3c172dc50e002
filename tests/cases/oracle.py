"""What really happens: a plain eager loop that looks at every number after every stage.

Inputs, targets, weights, each layer call as it ends, the loss, each gradient from the loss
backwards, and the weights again. It shares no code with any recorder; whoever wants to know whether
one is right asks here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

from tests.cases.case import Failure, Objective, Training

# A step whose loss, gradients and weights all stay finite was not harmed: a mask of -Inf did what
# it is for, a missing value was filled in.
# A gradient that overflows under a dynamic loss scale is that scheme at work: the step is skipped,
# and only what overflowed before it can be to blame.
_SKIPPED: Final = "skipped"
_ORDER: Final = ("input", "target", "weights", "forward", "loss", "backward", _SKIPPED, "update")
_HARM: Final = frozenset({"weights", "loss", "backward", _SKIPPED, "update"})


def first_failure(training: Training) -> Failure | None:
    """Train eagerly until a step is harmed by something that is not finite.

    Returns:
        What came first in that step; None if none was harmed. What had been there before without
        harm is not to blame.
    """
    model = training.model
    model.compile(training.optimizer, training.loss, **training.compile, run_eagerly=True)
    harmless: set[tuple[str, str]] = set()
    for step, (x, y, weight) in enumerate(_batches(training)):
        found = _step(training, x, y, weight)
        new = [one for one in found if one not in harmless]
        blamed = [one for one in new if one[0] != _SKIPPED]
        if blamed and any(phase in _HARM for phase, _ in new):
            return Failure(step, *blamed[0])
        harmless.update(found)
    return None


def _step(training: Training, x: Any, y: Any, weight: Any) -> list[tuple[str, str]]:
    """Do one step; return phase and place of everything that is not finite, in causal order."""
    model, found = training.model, _Sightings()
    found.look("input", {**_columns(x, "feature", "input"), **_named_weights(weight)})
    found.look("target", _columns(y, "target", "output"))
    found.look("weights", _weights(model))
    objectives = training.objectives or (_compiled(weight),)
    for objective in objectives:
        with tf.GradientTape() as tape, _listening(model) as heard:
            loss = objective.loss(model, x, y)
            optimizer = objective.optimizer(model)
            scaled = optimizer.scale_loss(loss)
        found.look("forward", heard.outputs)
        found.look("loss", {"": loss})
        variables = list(objective.variables(model))
        gradients = tape.gradient(scaled, variables)
        phase = _SKIPPED if _skips_bad_steps(optimizer) else "backward"
        found.look(phase, heard.backwards(variables, gradients))
        optimizer.apply(gradients, variables)
    found.look("update", _weights(model))
    return found.in_causal_order()


def _skips_bad_steps(optimizer: Any) -> bool:
    """Return whether a step with a gradient that is not finite is not applied."""
    return isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


def _compiled(weight: Any) -> Objective:
    def loss(model: Any, x: Any, y: Any) -> Any:
        predicted = model(x, training=True)
        return model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight, training=True)

    return Objective(loss)


@dataclass
class _Sightings:
    """What is not finite, by phase and place."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def look(self, phase: str, named: Mapping[str, Any]) -> None:
        for place, values in named.items():
            if not np.isfinite(np.asarray(values).astype(np.float64)).all():
                self.found.append((phase, place))

    def in_causal_order(self) -> list[tuple[str, str]]:
        return sorted(self.found, key=lambda one: _ORDER.index(one[0]))


@dataclass
class _Heard:
    """The layer calls of one forward pass, in the order in which they ended.

    Attributes:
        outputs: By the layer's path, its call's and its output's number.
        last_use: For each variable, by identity, the last call that used it itself.
    """

    prefix: str
    outputs: dict[str, Any] = field(default_factory=dict)
    last_use: dict[int, int] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    looping: int = 0

    def note(self, layer: Any, began: int, result: Any) -> None:
        for variable in getattr(layer, "trainable_variables", ()):
            if self.last_use.get(id(variable), -1) < began:  # else a layer inside it did
                self.last_use[id(variable)] = self.ended
        self.ended += 1
        tensors = [t for t in keras.tree.flatten(result) if t is not None]
        if self.looping or not all(_is_readable(t) for t in tensors):
            return
        place = (getattr(layer, "path", None) or layer.name).removeprefix(self.prefix)
        self.calls[place] += 1
        if self.calls[place] > 1:
            place = f"{place} (call {self.calls[place]})"
        for number, tensor in enumerate(tensors):
            name = f"{place} (output {number})" if len(tensors) > 1 else place
            self.outputs[name] = _flat(tensor)

    def backwards(self, variables: list[Any], gradients: list[Any]) -> dict[str, Any]:
        """Gradients by variable, in the order in which they are computed: from the loss."""
        position = range(len(variables))
        order = sorted(
            position, key=lambda i: (self.last_use.get(id(variables[i]), -1), i), reverse=True
        )
        return {
            variables[i].path.removeprefix(self.prefix): tf.convert_to_tensor(gradients[i])
            for i in order
            if gradients[i] is not None
        }


@contextmanager
def _listening(model: Any) -> Iterator[_Heard]:
    """Hear every layer and operation of the model end a call; not those in a recurrent loop."""
    heard = _Heard(f"{model.name}/")
    of_layer, of_operation = keras.layers.Layer.__call__, keras.Operation.__call__

    def call_layer(layer: Any, *args: Any, **kwargs: Any) -> Any:
        began, loops = heard.ended, isinstance(layer, keras.layers.RNN)
        heard.looping += loops
        result = of_layer(layer, *args, **kwargs)
        heard.looping -= loops
        heard.note(layer, began, result)
        return result

    def call_operation(operation: Any, *args: Any, **kwargs: Any) -> Any:
        result = of_operation(operation, *args, **kwargs)
        if not isinstance(operation, keras.layers.Layer):
            heard.note(operation, heard.ended, result)
        return result

    keras.layers.Layer.__call__, keras.Operation.__call__ = call_layer, call_operation
    try:
        yield heard
    finally:
        keras.layers.Layer.__call__, keras.Operation.__call__ = of_layer, of_operation


def _is_readable(tensor: Any) -> bool:
    """Return whether the values are there: a loop's body is traced, not run."""
    return isinstance(tensor, tf.RaggedTensor) or hasattr(tensor, "numpy")


def _flat(values: Any) -> Any:
    if isinstance(values, tf.RaggedTensor):
        return values.flat_values
    return values.values if isinstance(values, tf.SparseTensor) else values


def _weights(model: Any) -> dict[str, Any]:
    every = [*model.trainable_variables, *model.non_trainable_variables]
    prefix = f"{model.name}/"
    return {v.path.removeprefix(prefix): v.numpy() for v in every if "float" in v.dtype}


def _columns(structure: Any, word: str, kind: str) -> dict[str, Any]:
    """The columns of each tensor, by the names that the documentation gives them."""
    columns: dict[str, Any] = {}
    for name, tensor in _by_name(structure, kind).items():
        values = np.asarray(_flat(tensor))
        if values.dtype.kind not in "fiub":
            continue
        where = f"{name} {word}".lstrip()
        if values.ndim <= 1 or (where == "target" and values.shape[-1] == 1):
            columns[where] = values
        else:
            where = where.replace("feature", "channel") if values.ndim > 3 else where
            columns.update({f"{where} {i}": values[..., i] for i in range(values.shape[-1])})
    return columns


def _by_name(structure: Any, kind: str) -> dict[str, Any]:
    if structure is None:
        return {}
    if isinstance(structure, dict):
        named = dict(structure)
    elif isinstance(structure, (list, tuple)):
        named = {f"{kind} {i}": tensor for i, tensor in enumerate(structure)}
    else:
        named = {"": structure}
    return {"": next(iter(named.values()))} if len(named) == 1 else named


def _named_weights(weight: Any) -> dict[str, Any]:
    return {} if weight is None else {"sample weight": weight}


def _batches(training: Training) -> Iterator[tuple[Any, Any, Any]]:
    """The batches as an unshuffled `fit` makes them, epoch after epoch."""
    for _ in range(training.fit.get("epochs", 1)):
        if training.y is None:
            for batch in training.x:
                yield keras.utils.unpack_x_y_sample_weight(batch)
        else:
            yield from _cut(training)


def _cut(training: Training) -> Iterator[tuple[Any, Any, Any]]:
    arrays = (training.x, training.y, _sample_weights(training))
    rows = len(keras.tree.flatten(training.y)[0])
    for start in range(0, rows, training.batch):
        here = slice(start, start + training.batch)
        x, y, weight = (_part(array, here) for array in arrays)
        yield x, y, weight


def _part(arrays: Any, rows: slice) -> Any:
    if arrays is None:
        return None
    return keras.tree.map_structure(lambda array: tf.convert_to_tensor(array[rows]), arrays)


def _sample_weights(training: Training) -> Any:
    weight = training.fit.get("sample_weight")
    by_class = training.fit.get("class_weight")
    if by_class is None:
        return weight
    labels = np.asarray(training.y).reshape(len(training.y), -1)[:, 0]
    return np.array([by_class[int(label)] for label in labels], np.float32)
