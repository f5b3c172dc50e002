"""What differs between two runs, and only that."""

from __future__ import annotations

import json
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from analyzer.comparison import Comparison, compare
from analyzer.series import Run
from tests.analyzer.commands import run_module
from tests.analyzer.failures import healthy, unscaled_features
from tests.analyzer.reported import write_run
from tests.analyzer.runs import blocks, environment, event_file, health, layer, run, write

QUIET = {"loss": [1.0, 0.9, 0.8], "learning_rate": 0.1}


def compared(left: dict[str, Any], right: dict[str, Any], **changes: Any) -> Comparison:
    return compare(run(health(left)), run(health(right, environment(**changes))))


def test_a_run_does_not_differ_from_itself() -> None:
    one = run(health(*healthy()))
    found = compare(one, one)

    assert (found.settings, found.scales, found.partings) == ((), (), ())
    assert found.compared > 5


def test_settings_that_differ_are_named_by_their_path() -> None:
    optimizer = {"class": "SGD", "settings": {"learning_rate": 0.5, "momentum": 0.0}}
    found = compared(QUIET, QUIET, optimizer=optimizer, extra=1)

    assert [(s.name, s.left, s.right) for s in found.settings] == [
        ("extra", None, 1),
        ("optimizer.settings.learning_rate", 0.01, 0.5),
    ]


def test_the_first_step_that_differs_is_exact_and_rounding_is_no_difference() -> None:
    found = compared(QUIET, {**QUIET, "loss": [1.0, 0.9000001, 0.7]})

    assert [(p.step, p.name) for p in found.partings] == [(2, "loss")]
    assert found.partings[0].right == pytest.approx(0.7)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_value_that_is_not_finite_differs_from_one_that_is(value: float) -> None:
    found = compared(QUIET, {**QUIET, "loss": [1.0, value, value]})

    assert [p.step for p in found.partings] == [1]
    assert compared({"loss": [value]}, {"loss": [value]}).partings == ()


def test_at_one_step_what_comes_first_in_the_step_is_told_first() -> None:
    left = {"loss": [1.0, 1.0], "input_std of feature 0": [1.0, 1.0], "learning_rate": [0.1, 0.1]}
    right = {key: [value[0], value[1] * 3] for key, value in left.items()}

    names = [p.name for p in compared(left, right).partings]

    assert names == ["input_std", "loss", "learning_rate"]


def test_scales_are_of_the_first_steps_and_by_a_factor_of_two() -> None:
    left = {"input_std of feature 0": [1.0] * 9, "input_std of feature 1": [1.0] * 9}
    right = {
        "input_std of feature 0": [30.0] * 5 + [1.0] * 4,
        "input_std of feature 1": [1.9] * 9,
    }
    found = compared(left, right)

    assert [(s.where, s.left, s.right, s.factor) for s in found.scales] == [
        ("feature 0", 1.0, 30.0, 30.0)
    ]


def test_layers_that_keras_numbered_on_are_the_same() -> None:
    renamed = [layer("dense_2", activation="relu"), layer("dense_3")]
    left = {"output_norm of dense": [1.0], "gradient_norm of dense_1/kernel": [2.0]}
    right = {"output_norm of dense_2": [1.0], "gradient_norm of dense_3/kernel": [2.0]}

    found = compared(left, right, layers=renamed, output_layers={"": "dense_3"})

    assert found.compared == 2
    assert (found.settings, found.partings, found.only_left) == ((), (), ())


def test_other_layers_are_not() -> None:
    others = [layer("dense_2", "Conv2D"), layer("dense_3")]
    found = compared(
        {"output_norm of dense": [1.0]}, {"output_norm of dense_2": [1.0]}, layers=others
    )

    assert found.only_left == ("output_norm of dense",)
    assert found.only_right == ("output_norm of dense_2",)


def test_ordinary_logs_are_compared_by_their_tags(tmp_path: Path) -> None:
    write_run("scalars-healthy", tmp_path / "a")
    write_run("scalars-nonfinite", tmp_path / "b")

    result = run_module("compare", tmp_path / "a", tmp_path / "b", "--json")
    found = json.loads(result.stdout)

    assert result.returncode == 0
    assert [found[side]["status"] for side in "ab"] == ["healthy", "nonfinite"]
    assert [(p["step"], p["name"]) for p in found["partings"]] == [
        (1, "epoch_loss"),
        (1, "epoch_accuracy"),
    ]


def test_a_person_reads_settings_scales_and_partings(tmp_path: Path) -> None:
    for name, (columns, facts) in (("a", healthy()), ("b", unscaled_features())):
        write(tmp_path / name, event_file(blocks(columns, facts)))

    text = run_module("compare", tmp_path / "a", tmp_path / "b").stdout

    assert "input_std of feature 1" in text
    assert "unscaled-features" in text
    assert "step 0: input_mean" in text


def test_a_folder_of_several_runs_is_an_error_that_names_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_run("scalars-healthy", tmp_path / name)

    result = run_module("compare", tmp_path, tmp_path / "a")

    assert result.returncode == 2
    assert "a, b" in result.stderr
    assert result.stderr.count("\n") == 1


def test_two_runs_with_nothing_in_common_are_told_so(tmp_path: Path) -> None:
    for name in ("x", "y"):
        write(tmp_path / name, event_file(scalars={name: [1.0]}))

    result = run_module("compare", tmp_path / "x", tmp_path / "y")

    assert "nothing can be compared" in " ".join(result.stdout.split())
    assert isinstance(compare(Run("x"), Run("y")), Comparison)
