"""What an ordinary scalar tag stands for, told from its name.

Names are all that an old log offers. The words are those that Keras, PyTorch Lightning, Hugging
Face Trainer, stable-baselines3, ml-agents, Detectron2 and YOLO write.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final


class Role(str, Enum):
    """What a tag's numbers are."""

    LOSS = "loss"
    VALIDATION_LOSS = "validation_loss"
    GRADIENT_NORM = "gradient_norm"
    LEARNING_RATE = "learning_rate"
    ACCURACY = "accuracy"
    OTHER = "other"


_VALIDATION: Final = re.compile(
    r"(^|[^a-z])(val|valid|validation|eval|evaluation|test|dev)([^a-z]|$)"
)
_LOSS: Final = re.compile(r"(^|[^a-z])(\w*loss|cost|nll|elbo|mse|rmse|mae)([^a-z]|$)")
_GRADIENT: Final = re.compile(r"grad\w*[^a-z]*norm|norm[^a-z]*grad")
_RATE: Final = re.compile(r"(^|[^a-z])(lr|learning[^a-z]?rate)([^a-z]|$|\d)")
_ACCURACY: Final = re.compile(r"(^|[^a-z])(\w*acc|\w*accuracy)([^a-z]|$)")


def role_of(tag: str, run: str = "") -> Role:
    """Return the role of a tag.

    Args:
        tag: The tag, of any length and content.
        run: The run's name: Keras writes validation under the same tags into a run of its own.
    """
    name = tag[:500].lower()
    if _GRADIENT.search(name):
        return Role.GRADIENT_NORM
    if _RATE.search(name):
        return Role.LEARNING_RATE
    if _ACCURACY.search(name):
        return Role.ACCURACY
    if _LOSS.search(name):
        validation = _VALIDATION.search(name) or _VALIDATION.search(run[-200:].lower())
        return Role.VALIDATION_LOSS if validation else Role.LOSS
    return Role.OTHER
