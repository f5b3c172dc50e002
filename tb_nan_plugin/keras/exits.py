"""Where a training is called from, and how it may end without saying so."""

from __future__ import annotations

import atexit
import sys
import weakref
from types import FrameType
from typing import Any


def called_by_fit(model: Any) -> bool:
    """Return whether Keras' own `fit` of this model is what calls the callback."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model:
            return True
        frame = frame.f_back
    return False


def end_at_exit(monitor: Any) -> None:
    """Let a monitor write what is waiting when the program ends, if it still exists then."""
    reference = weakref.ref(monitor)

    def end() -> None:
        alive = reference()
        if alive is not None:
            alive._end()

    atexit.register(end)
