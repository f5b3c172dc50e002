"""What is true of the whole training, so that a log explains itself years later."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

import tb_nan_plugin
from tb_nan_plugin.keras.naming import activation_of, layer_place


def describe(
    model: Any,
    batch: Mapping[str, Any],
    output_places: Mapping[str, str],
    unobserved: Mapping[str, str],
) -> dict[str, Any]:
    """Return JSON-safe facts about model, optimizer, loss and machine."""
    return {
        "recorder": f"tb-nan-plugin {tb_nan_plugin.__version__}",
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "devices": sorted({d.device_type for d in tf.config.list_logical_devices()}),
        "device_names": _device_names(),
        "strategy": type(model.distribute_strategy).__name__,
        "replicas": int(model.distribute_strategy.num_replicas_in_sync),
        "model": model.name,
        "parameters": int(model.count_params()) if model.built else None,
        "jit_compile": bool(model.jit_compile),
        "run_eagerly": bool(model.run_eagerly),
        "steps_per_execution": int(model.steps_per_execution),
        "dtype_policy": str(model.dtype_policy.name),
        "optimizer": _optimizer(model.optimizer),
        "losses": _losses(getattr(model, "loss", None)),
        "batch": dict(batch),
        "layers": [_layer(layer, model) for layer in model._flatten_layers(include_self=False)],
        "output_layers": dict(output_places),
        "unobserved": dict(unobserved),
    }


def _device_names() -> list[str]:
    """Return what the accelerators are called by their makers."""
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [str(d.get("device_name", "GPU")) for d in details]


def _optimizer(optimizer: Any) -> dict[str, Any]:
    if optimizer is None:
        return {}
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    config = inner.get_config()
    settings = {k: _plain(v) for k, v in config.items() if isinstance(v, (str, int, float, bool))}
    return {
        "class": type(inner).__name__,
        "base": _keras_class(inner),
        "settings": settings,
        "loss_scaling": inner is not optimizer,
        "schedule": _schedule(inner),
    }


def _schedule(optimizer: Any) -> str:
    rate = getattr(optimizer, "_learning_rate", None)
    scheduled = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
    return type(rate).__name__ if scheduled else ""


def _keras_class(optimizer: Any) -> str:
    """Return the optimizer of Keras' own that this one is, or is derived from."""
    own = [c.__name__ for c in type(optimizer).__mro__ if c.__module__.startswith("keras.")]
    return own[0] if own else ""


def _plain(value: str | float) -> str | float:
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _losses(loss: Any) -> list[dict[str, Any]]:
    return [_loss(one) for one in keras.tree.flatten(loss) if one is not None]


def _loss(loss: Any) -> dict[str, Any]:
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    name = getattr(loss, "__name__", None) or _snake_case(type(loss).__name__)
    origin = type(loss).__module__ if isinstance(loss, keras.losses.Loss) else loss.__module__
    return {
        "name": str(name),
        "builtin": str(origin).split(".")[0] == "keras",
        "from_logits": bool(config.get("from_logits", False)),
    }


def _snake_case(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def _layer(layer: Any, model: Any) -> dict[str, Any]:
    return {
        "path": layer_place(layer, model),
        "class": type(layer).__name__,
        "builtin": type(layer).__module__.split(".")[0] == "keras",
        "activation": activation_of(layer),
        "dtype": str(layer.dtype_policy.name),
        "trainable": bool(layer.trainable),
        "parameters": int(layer.count_params()) if layer.built else None,
    }
