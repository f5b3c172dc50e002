"""Every rule, in the order they are tried. Adding a rule means adding one line here."""

from __future__ import annotations

from typing import Final

from analyzer.rules import (
    backward_singularity,
    label_out_of_range,
    layer_overflow,
    learning_rate_too_high,
    log_of_nonpositive_feature,
    loss_log_of_zero,
    loss_scale_collapse,
    nonfinite_input,
    nonfinite_learning_rate,
    nonfinite_statistics,
    nonfinite_target,
    nonfinite_weights,
    optimizer_update_nonfinite,
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
    log_of_nonpositive_feature.RULE,
    zero_variance_feature.RULE,
    nonfinite_target.RULE,
    label_out_of_range.RULE,
    nonfinite_weights.RULE,
    nonfinite_statistics.RULE,
    unscaled_features.RULE,
    layer_overflow.RULE,
    loss_log_of_zero.RULE,
    backward_singularity.RULE,
    nonfinite_learning_rate.RULE,
    optimizer_update_nonfinite.RULE,
    loss_scale_collapse.RULE,
    learning_rate_too_high.RULE,
    saturated_activation.RULE,
    vanishing_gradient.RULE,
    output_activation_mismatch.RULE,
)
