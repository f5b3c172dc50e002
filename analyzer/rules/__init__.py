"""Every rule, in the order they are tried. Adding a rule means adding one line here."""

from __future__ import annotations

from typing import Final

from analyzer.rules import (
    layer_overflow,
    learning_rate_too_high,
    loss_log_of_zero,
    loss_scale_collapse,
    nonfinite_input,
    nonfinite_target,
    output_activation_mismatch,
    saturated_activation,
    unscaled_features,
    vanishing_gradient,
    zero_variance_feature,
)
from analyzer.rules._rule import Remedy, Rule

__all__ = ["ALL", "Remedy", "Rule"]

ALL: Final[tuple[Rule, ...]] = (
    nonfinite_input.RULE,
    zero_variance_feature.RULE,
    nonfinite_target.RULE,
    unscaled_features.RULE,
    layer_overflow.RULE,
    loss_log_of_zero.RULE,
    loss_scale_collapse.RULE,
    learning_rate_too_high.RULE,
    saturated_activation.RULE,
    vanishing_gradient.RULE,
    output_activation_mismatch.RULE,
)
