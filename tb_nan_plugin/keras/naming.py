"""What layers, variables and tensors of a Keras model are called in a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def layer_place(layer: Any, model: Any) -> str:
    """Return the layer's path inside the model, such as `encoder/dense_1`."""
    path = str(getattr(layer, "path", None) or layer.name)
    return path.removeprefix(f"{model.name}/")


def variable_place(variable: Any, model: Any) -> str:
    """Return the variable's path inside the model, such as `dense_1/kernel`."""
    return str(getattr(variable, "path", variable.name)).removeprefix(f"{model.name}/")


def variable_places(variables: Sequence[Any], model: Any) -> list[str]:
    """Return the variables' paths, numbered where parts of the model share a name."""
    seen: Counter[str] = Counter()
    places = []
    for place in (variable_place(variable, model) for variable in variables):
        seen[place] += 1
        places.append(place if seen[place] == 1 else f"{place} ({seen[place]})")
    return places


def activation_of(layer: Any) -> str:
    """Return the name of the layer's activation function, "" if it has none."""
    activation = getattr(layer, "activation", None)
    if activation is None:
        return _of_its_own(layer)
    return str(getattr(activation, "__name__", type(activation).__name__)).lower()


def _of_its_own(layer: Any) -> str:
    if isinstance(layer, keras.layers.ReLU):
        if layer.negative_slope or layer.threshold:
            return "leaky_relu"
        return "relu6" if layer.max_value == 6 else "relu"
    known = {"ELU": "elu", "LeakyReLU": "leaky_relu", "PReLU": "prelu", "Softmax": "softmax"}
    return known.get(type(layer).__name__, "")


def by_name(structure: Any, word: str) -> dict[str, Any]:
    """Name the tensors of a nest: "" for a single one, else its keys, or `word` and a number."""
    if structure is None:
        return {}
    if tf.is_tensor(structure):
        return {"": structure}
    if isinstance(structure, dict):
        named = {str(key): value for key, value in structure.items()}
    else:
        flat = keras.tree.flatten(structure)
        named = {f"{word} {index}": value for index, value in enumerate(flat)}
    named = {name: value for name, value in named.items() if value is not None}
    return {"": next(iter(named.values()))} if len(named) == 1 else named
