"""What ordinary scalars can say: when and in which tag, and what that does not mean."""

from __future__ import annotations

from math import inf, nan

import pytest

from analyzer.roles import Role
from analyzer.scalars import accuracy_remarks, bad_tags, growth_sentence, kind_of
from analyzer.series import Run
from tb_nan_plugin.signals import Phase
from tests.analyzer.runs import run


def test_a_finite_run_has_no_bad_tag() -> None:
    assert bad_tags(run(scalars={"loss": [1.0, 0.5], "acc": [0.0, 1.0]})) == []


def test_names_the_first_bad_point_on_the_tags_own_axis() -> None:
    (bad,) = bad_tags(run(scalars={"batch_loss": {10: 1.0, 20: 0.5, 30: inf, 40: nan}}))

    assert (bad.tag, bad.step, bad.last_finite_step) == ("batch_loss", 30, 20)
    assert (bad.kind, bad.count, bad.recovered) == ("inf", 2, False)
    assert (bad.role, bad.phase) == (Role.LOSS, Phase.LOSS)


def test_a_tag_that_is_bad_from_its_first_point_has_no_last_finite_step() -> None:
    (bad,) = bad_tags(run(scalars={"loss": {7: nan, 8: nan}}))

    assert (bad.step, bad.last_finite_step) == (7, None)


def test_a_tag_whose_last_point_is_finite_has_recovered() -> None:
    (bad,) = bad_tags(run(scalars={"loss": [1.0, inf, 0.9]}))

    assert bad.recovered


def test_the_loss_comes_before_gradients_validation_and_metrics() -> None:
    tags = {
        "metric": [nan],
        "val_loss": [nan],
        "train/grad_norm": [nan],
        "accuracy": [nan],
        "learning_rate": [nan],
        "loss": [1.0, nan],
    }

    order = [bad.tag for bad in bad_tags(run(scalars=tags))]

    assert order[0] == "loss"
    assert set(order[-2:]) == {"metric", "accuracy"}


def test_of_two_losses_the_one_that_broke_first_comes_first() -> None:
    tags = {"loss_a": {0: 1.0, 9: nan}, "loss_b": {0: 1.0, 5: nan}}

    assert [bad.tag for bad in bad_tags(run(scalars=tags))] == ["loss_b", "loss_a"]


@pytest.mark.parametrize(("value", "kind"), [(nan, "nan"), (inf, "inf"), (-inf, "-inf")])
def test_kinds(value: float, kind: str) -> None:
    assert kind_of(value) == kind


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        ([], "It is not finite from its first point, so nothing shows what came before."),
        ([2.0], "One finite point came before; that shows no trend."),
        (
            [1.0, 10.0, 1e5],
            "It had grown from 1 to 1e+05 over the 3 points before: training diverged, which "
            "learning rate, data scale and initialization can all cause.",
        ),
        (
            [1.0, 0.9, 0.8],
            "The 3 points before lay between 0.8 and 1: it broke from one point to the next, so "
            "a single bad value is likelier than a slow divergence.",
        ),
    ],
    ids=["none", "one", "grown", "calm"],
)
def test_says_how_the_tag_moved_before_it_broke(before: list[float], sentence: str) -> None:
    (bad,) = bad_tags(run(scalars={"loss": [*before, nan]}))

    assert growth_sentence(bad) == sentence


def remarks(accuracy: list[float], loss: list[float], **more: list[float]) -> tuple[str, ...]:
    return accuracy_remarks(run(scalars={"epoch_accuracy": accuracy, "epoch_loss": loss, **more}))


def test_accuracy_of_zero_beside_a_nan_loss_is_explained_in_words() -> None:
    assert remarks([0.9, 0.0], [0.5, nan]) == (
        "epoch_accuracy is 0.0 beside a NaN loss. That is no result: with the loss, weights and "
        "predictions become NaN, and every comparison with NaN is false, so no prediction counts "
        "as right.",
    )


def test_another_accuracy_beside_a_nan_loss_is_explained_too() -> None:
    (remark,) = remarks([0.9, 0.0987], [0.5, nan])

    assert remark.startswith("epoch_accuracy reads 0.0987 beside a NaN loss. That is no result:")


@pytest.mark.parametrize(
    ("accuracy", "loss"),
    [
        pytest.param([0.0, 0.0], [2.0, 2.0], id="no NaN at all"),
        pytest.param([0.0, 0.0], [2.0, inf], id="an overflow: comparisons still hold"),
        pytest.param([0.9, nan], [0.5, nan], id="an accuracy that is NaN itself"),
        pytest.param([0.9], [0.5, nan], id="an accuracy of an earlier step"),
    ],
)
def test_nothing_is_remarked_on(accuracy: list[float], loss: list[float]) -> None:
    assert remarks(accuracy, loss) == ()


def test_a_validation_run_of_its_own_is_a_validation_loss() -> None:
    (bad,) = bad_tags(Run("run/validation", run(scalars={"epoch_loss": [nan]}).scalars))

    assert bad.phase is Phase.VALIDATION
