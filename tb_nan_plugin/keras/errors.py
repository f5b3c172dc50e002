"""What a training that is monitored may raise."""

from __future__ import annotations

from tb_nan_plugin.trouble import Trouble


class NonFiniteError(FloatingPointError):
    """Training met a number that is not finite, and `on_nonfinite="raise"` was asked for.

    Attributes:
        trouble: Step, phase and place.
    """

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble
