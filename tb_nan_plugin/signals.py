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
    OUTPUT_NAN = "output_nan"
    OUTPUT_POSINF = "output_posinf"
    OUTPUT_NEGINF = "output_neginf"
    SATURATED_FRACTION = "saturated_fraction"
    PREDICTION_MIN = "prediction_min"
    PREDICTION_MAX = "prediction_max"
    PREDICTION_ZERO = "prediction_zero"
    PREDICTION_ONE = "prediction_one"
    LOSS = "loss"
    GRADIENT_NORM = "gradient_norm"
    GRADIENT_NAN = "gradient_nan"
    GRADIENT_POSINF = "gradient_posinf"
    GRADIENT_NEGINF = "gradient_neginf"
    LEARNING_RATE = "learning_rate"
    LOSS_SCALE = "loss_scale"
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
    **_column_statistics(Phase.TARGET, "target", "target"),
    Signal.WEIGHT_NORM: Quantity(
        Phase.WEIGHTS, "variable", "1", "L2 norm of the variable when the step began"
    ),
    **_counts(Phase.WEIGHTS, "variable", "weight", "the variable's values when the step began"),
    Signal.OUTPUT_NORM: Quantity(Phase.FORWARD, "layer call", "1", "L2 norm of the layer's output"),
    Signal.OUTPUT_MAX_ABS: Quantity(
        Phase.FORWARD, "layer call", "1", "largest absolute value of the layer's output"
    ),
    **_counts(Phase.FORWARD, "layer call", "output", "the layer's output values"),
    Signal.SATURATED_FRACTION: Quantity(
        Phase.FORWARD,
        "layer call",
        "1",
        "share of sampled outputs where the activation's slope is below 2.7 % of its maximum",
    ),
    Signal.PREDICTION_MIN: Quantity(Phase.FORWARD, "step", "1", "smallest prediction"),
    Signal.PREDICTION_MAX: Quantity(Phase.FORWARD, "step", "1", "largest prediction"),
    Signal.PREDICTION_ZERO: Quantity(
        Phase.FORWARD, "step", "values", "how many predictions are exactly 0"
    ),
    Signal.PREDICTION_ONE: Quantity(
        Phase.FORWARD, "step", "values", "how many predictions are exactly 1"
    ),
    Signal.LOSS: Quantity(Phase.LOSS, "step", "the loss's own", "the batch's own total loss"),
    Signal.GRADIENT_NORM: Quantity(
        Phase.BACKWARD,
        "variable",
        "1",
        "L2 norm of the variable's gradient before clipping, with the loss scale divided out",
    ),
    **_counts(Phase.BACKWARD, "variable", "gradient", "the gradient's values before clipping"),
    Signal.LEARNING_RATE: Quantity(Phase.UPDATE, "step", "1", "learning rate as applied"),
    Signal.LOSS_SCALE: Quantity(
        Phase.UPDATE, "step", "1", "factor on the loss when the gradients were taken"
    ),
    **_counts(Phase.UPDATE, "variable", "updated", "the variable's values after the last step"),
    Signal.UPDATE_SKIPPED: Quantity(
        Phase.UPDATE, "step", "1", "1 where the monitor took the update back, as it was asked to"
    ),
}
