"""Replace attributes of Keras objects, and put every one of them back."""

from __future__ import annotations

from typing import Any

_ABSENT = object()


class Patches:
    """Instance attributes that stand in front of a class's own, until `undo`.

    Set through `object.__setattr__`: Keras tracks what is assigned to a layer or a model, and would
    otherwise save it with the model.
    """

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Put `value` in front of the attribute."""
        self._done.append((owner, name, vars(owner).get(name, _ABSENT)))
        object.__setattr__(owner, name, value)

    def undo(self) -> None:
        """Put back what was there, the newest first; a second call does nothing."""
        while self._done:
            owner, name, before = self._done.pop()
            if before is _ABSENT:
                vars(owner).pop(name, None)
            else:
                object.__setattr__(owner, name, before)
