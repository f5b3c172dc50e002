"""Every rule for ordinary scalars, in the order they are tried.

Scalars seldom tell a cause. A rule here speaks only where what the log holds leaves one likely, and
never with the confidence of a health record; all else is `unknown`, with what to record.
"""

from __future__ import annotations

from typing import Final

from analyzer.rules import Remedy
from analyzer.scalar_rules import (
    learning_rate_too_high,
    loss_scale_collapse,
    nonfinite_learning_rate,
    nonfinite_statistics,
    nonfinite_validation_data,
)
from analyzer.scalar_rules._case import ScalarCase, ScalarRule

__all__ = ["ALL", "Remedy", "ScalarCase", "ScalarRule"]

ALL: Final[tuple[ScalarRule, ...]] = (
    nonfinite_learning_rate.RULE,
    loss_scale_collapse.RULE,
    nonfinite_statistics.RULE,
    nonfinite_validation_data.RULE,
    learning_rate_too_high.RULE,
)
