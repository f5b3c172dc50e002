"""What there is of a model to be watched, and of what make its tensors are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tb_nan_plugin.keras.naming import variable_places

# Layers whose output holds the very numbers of their input, in another shape.
RESHAPING = frozenset(
    {"InputLayer", "Flatten", "Reshape", "Permute", "RepeatVector", "Identity"}
    | {"GetItem", "Transpose", "Squeeze", "ExpandDims", "Shape"}  # operations
)


def as_tensor(leaf: Any) -> Any:
    """Return an array as a tensor, and anything else as it is."""
    return tf.convert_to_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf


def makes(tensors: dict[str, Any]) -> dict[str, Any]:
    """Return dtype and shape of each tensor."""
    return {
        name: {
            "dtype": t.dtype.name,
            "shape": t.shape.as_list() if t.shape.rank is not None else None,
        }
        for name, t in tensors.items()
        if hasattr(t, "shape") and isinstance(t.shape, tf.TensorShape)
    }


def is_scratch() -> bool:
    """Return whether Keras is only finding out shapes, in a graph that will never run."""
    graph = tf.compat.v1.get_default_graph()
    return str(getattr(graph, "name", "")).startswith("scratch_graph")


def operations_of(model: Any) -> list[Any]:
    """Return the operations of functional models that no layer stands around, such as `ops.log`."""
    parts = [part for part in model._flatten_layers() if hasattr(part, "operations")]
    found = [operation for part in parts for operation in part.operations]
    unique = {id(o): o for o in found if not isinstance(o, keras.layers.Layer)}
    return list(unique.values())


def optimizers_of(model: Any, given: Sequence[Any]) -> dict[str, Any]:
    """Return the given optimizers, the model's own and those that hang on it, by name."""
    every = [*given, getattr(model, "optimizer", None)]
    named = {"" if i == 0 else f"optimizer {i}": one for i, one in enumerate(every) if one}
    found: dict[str, Any] = {}
    for name, value in [*named.items(), *vars(model).items()]:
        known = any(value is other for other in found.values())
        if isinstance(value, keras.optimizers.Optimizer) and not known:
            found[name] = value
    return found


def variables_of(model: Any) -> dict[str, Any]:
    """Return the floating-point variables of a model by name, trainable ones first."""
    found = [*model.trainable_variables, *model.non_trainable_variables]
    return {
        place: v
        for place, v in zip(variable_places(found, model), found, strict=True)
        if keras.backend.is_float_dtype(keras.backend.standardize_dtype(v.dtype))
    }


def note_use(used: dict[int, int], layer: Any, began: int, ended: int) -> None:
    """Note that a layer's call used its variables, unless a layer inside it did.

    Args:
        used: For each variable, the number of the last call that used it itself.
        layer: The layer, or an operation, which has none.
        began: How many calls had ended when this one began.
        ended: How many have ended now.
    """
    for variable in getattr(layer, "trainable_variables", ()):
        if used.get(id(variable), -1) < began:
            used[id(variable)] = ended
