"""The first non-finite number is the first in cause, not the first in the table."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import pytest

from tb_nan_plugin.record import Column
from tb_nan_plugin.signals import Phase, Signal
from tb_nan_plugin.trouble import Trouble, decisive, first_trouble

CAUSAL = [
    (Column("input_nan", "feature 3"), Phase.INPUT),
    (Column("target_posinf", "target"), Phase.TARGET),
    (Column("weight_nan", "dense/kernel"), Phase.WEIGHTS),
    (Column("output_neginf", "dense"), Phase.FORWARD),
    (Column("loss"), Phase.LOSS),
    (Column("gradient_nan", "dense/kernel"), Phase.BACKWARD),
    (Column("updated_nan", "dense/bias"), Phase.UPDATE),
]


def look(
    table: Mapping[tuple[str, str], list[float | None]], first: int = 0, *, continues: bool = False
) -> Trouble | None:
    """Look at rows that are given by column; None was not measured."""
    columns = [Column(*name) for name in table]
    rows = np.array([[np.nan if v is None else v for v in c] for c in table.values()], np.float32).T
    present = np.array([[v is not None for v in c] for c in table.values()]).T
    steps = np.arange(first, first + len(rows), dtype=np.int64)
    return first_trouble(columns, steps, rows, present, continues=continues)


@pytest.mark.parametrize("at", range(len(CAUSAL)), ids=[phase.value for _, phase in CAUSAL])
def test_of_all_that_is_bad_in_a_step_the_cause_comes_first(at: int) -> None:
    bad = CAUSAL[at:]
    random.Random(at).shuffle(bad)

    found = look({column: [float("nan") if column.signal == "loss" else 2.0] for column, _ in bad})

    assert found is not None
    assert (found.step, found.phase) == (0, CAUSAL[at][1])
    assert found.where == CAUSAL[at][0].where


def test_an_earlier_step_comes_before_an_earlier_phase() -> None:
    found = look({("input_nan", "feature 0"): [0, 0, 1], ("loss", ""): [1, float("inf"), 1]}, 40)

    assert found == Trouble(41, Phase.LOSS, "", "inf", 1, Signal.LOSS)


def test_the_earlier_layer_comes_first_whatever_kind_of_number_it_holds() -> None:
    found = look(
        {
            ("output_nan", "early"): [0],
            ("output_nan", "late"): [4],
            ("output_posinf", "early"): [3],
            ("output_posinf", "late"): [0],
            ("output_neginf", "early"): [0],
            ("output_neginf", "late"): [0],
        }
    )

    assert found == Trouble(0, Phase.FORWARD, "early", "inf", 3, Signal.OUTPUT_POSINF)


@pytest.mark.parametrize(
    ("signal", "kind"), [("output_nan", "nan"), ("output_posinf", "inf"), ("output_neginf", "-inf")]
)
def test_kind_and_count_are_those_of_the_place(signal: str, kind: str) -> None:
    found = look({(signal, "dense"): [0, 7]})

    assert found is not None
    assert (found.kind, found.count, found.signal) == (kind, 7, Signal(signal))


@pytest.mark.parametrize(
    ("loss", "kind"), [(float("nan"), "nan"), (float("inf"), "inf"), (float("-inf"), "-inf")]
)
def test_the_loss_is_looked_at_itself(loss: float, kind: str) -> None:
    found = look({("loss", ""): [1, loss]})

    assert found == Trouble(1, Phase.LOSS, "", kind, 1, Signal.LOSS)  # type: ignore[arg-type]


WEIGHT = ("weight_nan", "dense/kernel")


def test_weights_that_a_step_finds_bad_were_made_bad_by_the_update_before_it() -> None:
    found = look({WEIGHT: [0, 0, 5], ("loss", ""): [1, 1, float("nan")]}, 10)

    assert found == Trouble(11, Phase.UPDATE, "dense/kernel", "nan", 5, Signal.WEIGHT_NAN)


def test_weights_that_are_bad_where_the_record_begins_came_so() -> None:
    found = look({WEIGHT: [5, 5]}, 10)

    assert found == Trouble(10, Phase.WEIGHTS, "dense/kernel", "nan", 5, Signal.WEIGHT_NAN)


def test_rows_that_continue_a_sound_record_blame_the_update_before_them() -> None:
    found = look({WEIGHT: [5, 5]}, 10, continues=True)

    assert found == Trouble(9, Phase.UPDATE, "dense/kernel", "nan", 5, Signal.WEIGHT_NAN)


SCALED: dict[tuple[str, str], list[float | None]] = {
    ("gradient_posinf", "dense/kernel"): [9.0],
    ("loss_scale", ""): [32768.0],
}


def test_gradients_that_overflow_under_a_loss_scale_are_no_trouble() -> None:
    assert look(SCALED) is None
    without = {name: v for name, v in SCALED.items() if name[0] != "loss_scale"}
    assert look(without) is not None


def test_a_loss_scale_excuses_gradients_only() -> None:
    found = look({**SCALED, ("loss", ""): [float("nan")]})

    assert found is not None
    assert found.phase is Phase.LOSS


@pytest.mark.parametrize("stem", ["input", "target"])
def test_a_wide_batch_names_the_exact_column(stem: str) -> None:
    word = "feature" if stem == "input" else "target"
    found = look(
        {(f"{stem}_nan", f"all {word}s"): [0, 2], (f"{stem}_bad_column", f"all {word}s"): [-1, 321]}
    )

    assert found is not None
    assert (found.where, found.count) == (f"{word} 321", 2)


@pytest.mark.parametrize("index", [None, -1.0, float("nan")])
def test_a_wide_batch_without_an_index_names_them_all(index: float | None) -> None:
    everything = "all features"
    found = look({("input_nan", everything): [2], ("input_bad_column", everything): [index]})

    assert found is not None
    assert found.where == "all features"


@pytest.mark.parametrize(
    "signal", ["output_norm", "gradient_norm", "weight_norm", "input_std", "learning_rate"]
)
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_statistic_that_overflowed_is_no_trouble(signal: str, value: float) -> None:
    assert look({(signal, "dense"): [value], ("output_nan", "dense"): [0]}) is None


def test_what_was_not_measured_is_no_trouble() -> None:
    assert look({("loss", ""): [1, None], ("output_nan", "dense"): [None, 0]}) is None


def test_names_of_a_newer_version_are_passed_over() -> None:
    assert look({("charm_nan", "dense"): [3]}) is None


def test_nothing_recorded_is_no_trouble() -> None:
    nothing = np.empty((0, 0), np.float32)

    assert first_trouble([], np.empty(0, np.int64), nothing, nothing.astype(np.bool_)) is None


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (("input_nan", "feature 3"), 1, "feature 3 of the input holds NaN"),
        (("target_nan", "target"), 1, "the target holds NaN"),
        (("target_posinf", "target 2"), 1, "target 2 of the targets holds +Inf"),
        (("weight_nan", "dense/kernel"), 1, "dense/kernel held NaN before the step"),
        (("output_neginf", "dense"), 1, "the output of dense holds -Inf"),
        (("loss", ""), float("nan"), "the loss is NaN"),
        (("gradient_nan", "dense/kernel"), 1, "the gradient of dense/kernel holds NaN"),
        (("updated_posinf", "dense/bias"), 1, "dense/bias became +Inf in the update"),
    ],
)
def test_is_said_in_words(name: tuple[str, str], value: float, sentence: str) -> None:
    found = look({name: [value]})

    assert found is not None
    assert found.sentence() == sentence


MASK, SCALE = ("output_neginf", "attention"), ("loss_scale", "")
SOUND_LOSS, OVERFLOW = ("loss", ""), ("gradient_posinf", "dense/kernel")


def test_an_overflow_under_a_loss_scale_does_not_make_a_mask_harmful() -> None:
    table: dict[tuple[str, str], list[float | None]] = {
        MASK: [64, 64],
        SOUND_LOSS: [0.5, 0.4],
        OVERFLOW: [3, 0],
        SCALE: [32768, 16384],
    }

    assert look(table) is None
    assert look({name: column for name, column in table.items() if name != SCALE}) is not None


def test_bad_data_is_named_although_the_loss_scale_left_the_update_out() -> None:
    found = look(
        {("input_nan", "feature 3"): [1], SOUND_LOSS: [0.5], OVERFLOW: [3], SCALE: [32768]}
    )

    assert found is not None
    assert (found.phase, found.where) == (Phase.INPUT, "feature 3")


def test_a_step_that_a_guard_has_judged_needs_no_loss_to_be_cleared() -> None:
    table: dict[tuple[str, str], list[float | None]] = {MASK: [64], ("updated_nan", "kernel"): [0]}

    assert look(table) is not None
    assert look({**table, ("update_skipped", ""): [0]}) is None


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(("column", "phase"), CAUSAL, ids=[phase.value for _, phase in CAUSAL])
def test_what_decides_in_the_step_is_what_is_blamed_afterwards(
    column: Column, phase: Phase, scaled: bool
) -> None:
    judged = Column("update_skipped"), *([Column("loss_scale")] if scaled else [])
    columns = [Column("loss"), Column("gradient_nan", "last"), *judged]
    columns += [column] if column not in columns else []
    counts, numbers = decisive(columns)
    row = [0.5, 0.0, *[1.0] * (len(columns) - 2)]
    row[columns.index(column)] = float("nan") if column.signal == "loss" else 2.0

    harmed = any(row[i] > 0 for i in counts) or not all(np.isfinite([row[i] for i in numbers]))

    found = look({(c.signal, c.where): [v] for c, v in zip(columns, row, strict=True)})
    assert harmed == (found is not None)


def test_within_a_phase_the_place_is_the_first_of_that_phase_not_of_the_weights() -> None:
    found = look(
        {
            ("weight_nan", "first/kernel"): [0, 0],
            ("weight_nan", "last/bias"): [0, 0],
            ("gradient_nan", "last/bias"): [0, 1],
            ("gradient_nan", "first/kernel"): [0, 9],
        }
    )

    assert found is not None
    assert (found.step, found.phase, found.where) == (1, Phase.BACKWARD, "last/bias")


@pytest.mark.parametrize("shown_by", ["weight_nan", "updated_nan"])
def test_a_scaled_gradient_for_which_the_step_was_not_skipped_is_to_blame(shown_by: str) -> None:
    after: list[float | None] = [0, 3] if shown_by == "weight_nan" else [3, 3]
    found = look(
        {
            (shown_by, "dense/kernel"): after,
            ("loss", ""): [1, 1],
            ("gradient_posinf", "dense/kernel"): [2, 2],
            ("loss_scale", ""): [2.0**24, 2.0**24],
        }
    )

    assert found is not None
    assert (found.step, found.phase, found.where) == (0, Phase.BACKWARD, "dense/kernel")


def test_a_scaled_gradient_before_the_rows_at_hand_leaves_the_update_to_blame() -> None:
    table: dict[tuple[str, str], list[float | None]] = {
        ("weight_nan", "dense/kernel"): [3],
        ("gradient_posinf", "dense/kernel"): [2],
        ("loss_scale", ""): [2.0**24],
    }

    found = look(table, 40, continues=True)

    assert found is not None
    assert (found.step, found.phase) == (39, Phase.UPDATE)
