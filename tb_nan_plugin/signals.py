"""The vocabulary of a health record: every quantity, its phase, its unit, its meaning.

Law: writer and readers name quantities through this file alone. A name, once written to an event
file, keeps its meaning for ever; a reader ignores names that it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

Kind = Literal["nan", "inf", "-inf"]
Per = Literal["step", "column", "layer call", "variable"]


class Phase(str, Enum):
    """The stages of a training step in causal order, then the two outside of it."""

    INPUT = "input"
    TARGET = "target"
    WEIGHTS = "weights"
    FORWARD = "forward"
    LOSS = "loss"
    BACKWARD = "backward"
    UPDATE = "update"
    VALIDATION = "validation"
    METRIC = "metric"

    @property
    def order(self) -> int:
        """Return the phase's place in causal order, from 0."""
        return list(Phase).index(self)


class Signal(str, Enum):
    """One quantity, measured once a training step in each of its places."""

    BATCH_SIZE = "batch_size"
    INPUT_MEAN = "input_mean"
    INPUT_STD = "input_std"
    INPUT_MIN = "input_min"
    INPUT_MAX = "input_max"
    INPUT_NAN = "input_nan"
    INPUT_POSINF = "input_posinf"
    INPUT_NEGINF = "input_neginf"
    INPUT_BAD_COLUMN = "input_bad_column"
    SAMPLE_WEIGHT_MEAN = "sample_weight_mean"
    SAMPLE_WEIGHT_STD = "sample_weight_std"
    SAMPLE_WEIGHT_MIN = "sample_weight_min"
    SAMPLE_WEIGHT_MAX = "sample_weight_max"
    SAMPLE_WEIGHT_NAN = "sample_weight_nan"
    SAMPLE_WEIGHT_POSINF = "sample_weight_posinf"
    SAMPLE_WEIGHT_NEGINF = "sample_weight_neginf"
    SAMPLE_WEIGHT_BAD_COLUMN = "sample_weight_bad_column"
    TARGET_MEAN = "target_mean"
    TARGET_STD = "target_std"
    TARGET_MIN = "target_min"
    TARGET_MAX = "target_max"
    TARGET_NAN = "target_nan"
    TARGET_POSINF = "target_posinf"
    TARGET_NEGINF = "target_neginf"
    TARGET_BAD_COLUMN = "target_bad_column"
    WEIGHT_NORM = "weight_norm"
    WEIGHT_NAN = "weight_nan"
    WEIGHT_POSINF = "weight_posinf"
    WEIGHT_NEGINF = "weight_neginf"
    OUTPUT_NORM = "output_norm"
    OUTPUT_MAX_ABS = "output_max_abs"
    OUTPUT_MEAN = "output_mean"
    OUTPUT_STD = "output_std"
    OUTPUT_NAN = "output_nan"
    OUTPUT_POSINF = "output_posinf"
    OUTPUT_NEGINF = "output_neginf"
    SATURATED_FRACTION = "saturated_fraction"
    ZERO_FRACTION = "zero_fraction"
    DEAD_FRACTION = "dead_fraction"
    PREDICTION_MIN = "prediction_min"
    PREDICTION_MAX = "prediction_max"
    PREDICTION_ZERO = "prediction_zero"
    PREDICTION_ONE = "prediction_one"
    TRUE_CLASS_PROBABILITY = "true_class_probability"
    LOSS = "loss"
    OUTPUT_LOSS = "output_loss"
    REGULARIZATION_LOSS = "regularization_loss"
    GRADIENT_NORM = "gradient_norm"
    GRADIENT_MAX_ABS = "gradient_max_abs"
    GRADIENT_NAN = "gradient_nan"
    GRADIENT_POSINF = "gradient_posinf"
    GRADIENT_NEGINF = "gradient_neginf"
    GLOBAL_GRADIENT_NORM = "global_gradient_norm"
    CLIPPED_GRADIENT_NORM = "clipped_gradient_norm"
    LEARNING_RATE = "learning_rate"
    ITERATIONS = "iterations"
    STEP_APPLIED = "step_applied"
    LOSS_SCALE = "loss_scale"
    OPTIMIZER_STATE_NONFINITE = "optimizer_state_nonfinite"
    UPDATED_NAN = "updated_nan"
    UPDATED_POSINF = "updated_posinf"
    UPDATED_NEGINF = "updated_neginf"
    UPDATE_SKIPPED = "update_skipped"

    @property
    def quantity(self) -> Quantity:
        """Return what is measured under this name."""
        return QUANTITIES[self]


@dataclass(frozen=True)
class Quantity:
    """What a signal means.

    Attributes:
        phase: The stage of the step in which it is measured.
        per: What one number of it belongs to.
        unit: The unit, or "1" for a pure number.
        meaning: One clause for a reader who has never seen the name.
        kind: For counts of non-finite values, which ones are counted; else None.
    """

    phase: Phase
    per: Per
    unit: str
    meaning: str
    kind: Kind | None = None


def _counts(phase: Phase, per: Per, stem: str, what: str) -> dict[Signal, Quantity]:
    kinds: tuple[tuple[str, Kind, str], ...] = (
        ("nan", "nan", "NaN"),
        ("posinf", "inf", "+Inf"),
        ("neginf", "-inf", "-Inf"),
    )
    return {
        Signal(f"{stem}_{name}"): Quantity(
            phase, per, "values", f"how many of {what} are {word}", kind
        )
        for name, kind, word in kinds
    }


def _column_statistics(phase: Phase, stem: str, what: str) -> dict[Signal, Quantity]:
    unit = f"the {what}'s own"
    over = f"over the finite values of the {what}'s column in this batch"
    return {
        Signal(f"{stem}_mean"): Quantity(phase, "column", unit, f"mean {over}"),
        Signal(f"{stem}_std"): Quantity(phase, "column", unit, f"standard deviation {over}"),
        Signal(f"{stem}_min"): Quantity(phase, "column", unit, f"smallest {over}"),
        Signal(f"{stem}_max"): Quantity(phase, "column", unit, f"largest {over}"),
        **_counts(phase, "column", stem, f"the {what}'s values in this batch"),
        Signal(f"{stem}_bad_column"): Quantity(
            phase, "column", "index", f"first {what} that is not finite, -1 for none (wide batches)"
        ),
    }


QUANTITIES: Final[dict[Signal, Quantity]] = {
    Signal.BATCH_SIZE: Quantity(Phase.INPUT, "step", "rows", "rows of the batch"),
    **_column_statistics(Phase.INPUT, "input", "feature"),
    **_column_statistics(Phase.INPUT, "sample_weight", "sample weight"),
    **_column_statistics(Phase.TARGET, "target", "target"),
    Signal.WEIGHT_NORM: Quantity(
        Phase.WEIGHTS, "variable", "1", "L2 norm of the variable when the step began"
    ),
    **_counts(Phase.WEIGHTS, "variable", "weight", "the variable's values when the step began"),
    Signal.OUTPUT_NORM: Quantity(Phase.FORWARD, "layer call", "1", "L2 norm of the layer's output"),
    Signal.OUTPUT_MAX_ABS: Quantity(
        Phase.FORWARD,
        "layer call",
        "1",
        "largest absolute value of the layer's output; of rows of it, where it holds more than "
        "16384 values and all are finite",
    ),
    Signal.OUTPUT_MEAN: Quantity(
        Phase.FORWARD, "layer call", "1", "mean of the layer's output, of rows where it is large"
    ),
    Signal.OUTPUT_STD: Quantity(
        Phase.FORWARD,
        "layer call",
        "1",
        "standard deviation of the layer's output, of rows where it is large",
    ),
    **_counts(Phase.FORWARD, "layer call", "output", "the layer's output values"),
    Signal.SATURATED_FRACTION: Quantity(
        Phase.FORWARD,
        "layer call",
        "1",
        "share of sampled outputs where the activation's slope is below 2.7 % of its maximum",
    ),
    Signal.ZERO_FRACTION: Quantity(
        Phase.FORWARD, "layer call", "1", "share of sampled outputs of a rectifier that are 0"
    ),
    Signal.DEAD_FRACTION: Quantity(
        Phase.FORWARD,
        "layer call",
        "1",
        "share of a rectifier's units that gave 0 for every sampled row since they were first seen",
    ),
    Signal.PREDICTION_MIN: Quantity(Phase.FORWARD, "step", "1", "smallest prediction"),
    Signal.PREDICTION_MAX: Quantity(Phase.FORWARD, "step", "1", "largest prediction"),
    Signal.PREDICTION_ZERO: Quantity(
        Phase.FORWARD, "step", "values", "how many predictions are exactly 0"
    ),
    Signal.PREDICTION_ONE: Quantity(
        Phase.FORWARD, "step", "values", "how many predictions are exactly 1"
    ),
    Signal.TRUE_CLASS_PROBABILITY: Quantity(
        Phase.FORWARD, "step", "1", "smallest probability that was given to a true class"
    ),
    Signal.LOSS: Quantity(Phase.LOSS, "step", "the loss's own", "the batch's own total loss"),
    Signal.OUTPUT_LOSS: Quantity(
        Phase.LOSS, "step", "the loss's own", "one output's own loss, before its loss weight"
    ),
    Signal.REGULARIZATION_LOSS: Quantity(
        Phase.LOSS, "step", "the loss's own", "what regularizers and `add_loss` add to the loss"
    ),
    Signal.GRADIENT_NORM: Quantity(
        Phase.BACKWARD,
        "variable",
        "1",
        "L2 norm of the variable's gradient before clipping, with the loss scale divided out",
    ),
    Signal.GRADIENT_MAX_ABS: Quantity(
        Phase.BACKWARD,
        "variable",
        "1",
        "largest absolute value of that gradient; of rows of it, where it holds more than 16384 "
        "values and all are finite",
    ),
    **_counts(Phase.BACKWARD, "variable", "gradient", "the gradient's values before clipping"),
    Signal.GLOBAL_GRADIENT_NORM: Quantity(
        Phase.BACKWARD, "step", "1", "L2 norm of all gradients together, before clipping"
    ),
    Signal.CLIPPED_GRADIENT_NORM: Quantity(
        Phase.BACKWARD, "step", "1", "L2 norm of all gradients together, as clipping left them"
    ),
    Signal.LEARNING_RATE: Quantity(Phase.UPDATE, "step", "1", "learning rate as applied"),
    Signal.ITERATIONS: Quantity(
        Phase.UPDATE, "step", "steps", "the optimizer's own count when the step began"
    ),
    Signal.STEP_APPLIED: Quantity(
        Phase.UPDATE,
        "step",
        "1",
        "1 if the weights were changed; 0 if loss scaling left the step out or gradients were only "
        "accumulated",
    ),
    Signal.LOSS_SCALE: Quantity(
        Phase.UPDATE, "step", "1", "factor on the loss when the gradients were taken"
    ),
    Signal.OPTIMIZER_STATE_NONFINITE: Quantity(
        Phase.UPDATE,
        "step",
        "values",
        "how many values of the optimizer's state were not finite after the last step",
    ),
    **_counts(Phase.UPDATE, "variable", "updated", "the variable's values after the last step"),
    Signal.UPDATE_SKIPPED: Quantity(
        Phase.UPDATE, "step", "1", "1 where the monitor took the update back, as it was asked to"
    ),
}
