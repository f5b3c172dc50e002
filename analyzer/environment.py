"""What a record says of the training as a whole: model, loss, optimizer, batch.

Law: it comes out of a file, so whatever it holds, every attribute here has its stated type; what is
missing or of another make reads as empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Layer:
    """One layer of the model.

    Attributes:
        path: Its place in the model, as layer calls are named.
        kind: Its class.
        builtin: Whether the class is Keras' own.
        activation: Name of its activation function, "" if it has none.
        parameters: How many, 0 if it has none or was not built.
    """

    path: str = ""
    kind: str = ""
    builtin: bool = False
    activation: str = ""
    parameters: int = 0


@dataclass(frozen=True)
class Loss:
    """One loss, by the name that Keras gives it."""

    name: str
    builtin: bool
    from_logits: bool


@dataclass(frozen=True)
class Tensor:
    """Dtype and shape of a tensor of the batch; None where a size varies or is not known."""

    dtype: str = ""
    shape: tuple[int | None, ...] | None = None


class Environment:
    """The recorded facts, each with its type."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        """Keep what the manifest holds."""
        self._raw = raw

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Return the layers in the order of the model."""
        return tuple(
            Layer(
                _text(entry.get("path")),
                _text(entry.get("class")),
                entry.get("builtin") is True,
                _text(entry.get("activation")),
                _size(entry.get("parameters")) or 0,
            )
            for entry in _dicts(self._raw.get("layers"))
        )

    def layer(self, call: str) -> Layer:
        """Return the layer of a layer call, an empty one if it is not known."""
        path = call.split(" (")[0]
        return next((layer for layer in self.layers if layer.path == path), Layer())

    @cached_property
    def losses(self) -> tuple[Loss, ...]:
        """Return the losses that the model was compiled with."""
        return tuple(
            Loss(
                _text(entry.get("name")),
                entry.get("builtin") is True,
                entry.get("from_logits") is True,
            )
            for entry in _dicts(self._raw.get("losses"))
        )

    @cached_property
    def output_layers(self) -> dict[str, str]:
        """Return, for each output of the model, the layer call that made it."""
        calls = _mapping(self._raw.get("output_layers"))
        return {name: _text(call) for name, call in calls.items()}

    @property
    def optimizer(self) -> str:
        """Return the optimizer's class, or the class of Keras that it is derived from."""
        described = _mapping(self._raw.get("optimizer"))
        return _text(described.get("base")) or _text(described.get("class"))

    def setting(self, name: str) -> float | None:
        """Return a number among the optimizer's settings, or None if there is none."""
        settings = _mapping(_mapping(self._raw.get("optimizer")).get("settings"))
        number = settings.get(name)
        return float(number) if isinstance(number, (int, float)) else None

    @property
    def momentum(self) -> float:
        """Return the optimizer's momentum, 0 if it has none."""
        momentum = self.setting("momentum")
        return momentum if momentum is not None and 0 <= momentum < 1 else 0.0

    @property
    def dtype_policy(self) -> str:
        """Return Keras' name of the precision, such as `mixed_float16`."""
        return _text(self._raw.get("dtype_policy"))

    def tensors(self, role: str) -> dict[str, Tensor]:
        """Return the `inputs`, `targets` or `predictions` by name."""
        batch = _mapping(self._raw.get("batch"))
        return {name: _tensor(_mapping(make)) for name, make in _mapping(batch.get(role)).items()}

    @property
    def thinned_to(self) -> int:
        """Return n where at least one in n steps was kept; 1 where all were."""
        return max(1, _size(_mapping(self._raw.get("thinned")).get("every")) or 1)

    @cached_property
    def unobserved(self) -> dict[str, str]:
        """Return what could not be measured, with the reason."""
        return {place: _text(why) for place, why in _mapping(self._raw.get("unobserved")).items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _mapping(value: object) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else []
    return [_mapping(item) for item in items if isinstance(item, dict)]


def _tensor(make: dict[str, Any]) -> Tensor:
    shape = make.get("shape")
    sizes = tuple(_size(size) for size in shape) if isinstance(shape, list) else None
    return Tensor(_text(make.get("dtype")), sizes)
