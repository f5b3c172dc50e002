"""Overhear what a total loss is made of: each output's own loss, and what is added to them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tb_nan_plugin.keras.patches import Patches


class LossParts:
    """The parts of the loss of the step that is being traced.

    Attributes:
        outputs: Each output's loss before its loss weight, by the output's name, "" for the only
            one.
        penalties: What regularizers and `add_loss` add.
    """

    def __init__(self, model: Any, patches: Patches) -> None:
        """Listen to the model and to the loss that it was compiled with, as far as they tell."""
        self.outputs: dict[str, Any] = {}
        self.penalties: list[Any] = []
        self._patches = patches
        if hasattr(model, "_aggregate_additional_loss"):
            patches.set(model, "_aggregate_additional_loss", self._penalty(model))
        compiled = getattr(model, "_compile_loss", None)
        if compiled is None or not hasattr(compiled, "_flat_losses"):
            return
        if compiled._flat_losses is None:
            patches.set(compiled, "build", self._build(compiled))
        else:
            self._listen(compiled)

    def forget(self) -> None:
        """Begin another step."""
        self.outputs, self.penalties = {}, []

    def _penalty(self, model: Any) -> Callable[[Any], Any]:
        original = model._aggregate_additional_loss

        @functools.wraps(original)
        def aggregate(loss: Any) -> Any:
            self.penalties.append(loss)
            return original(loss)

        return aggregate

    def _build(self, compiled: Any) -> Callable[..., Any]:
        original = compiled.build

        @functools.wraps(original)
        def build(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            self._listen(compiled)
            return result

        return build

    def _listen(self, compiled: Any) -> None:
        heard = [one._replace(loss=self._output(one)) for one in compiled._flat_losses]
        self._patches.set(compiled, "_flat_losses", heard)

    def _output(self, one: Any) -> Callable[..., Any]:
        name = " ".join(f"output {key}" if isinstance(key, int) else str(key) for key in one.path)

        def loss(*args: Any, **kwargs: Any) -> Any:
            value = one.loss(*args, **kwargs)
            self.outputs[name] = value
            return value

        return loss
