"""What a tag stands for beside others, and in which folder."""

from __future__ import annotations

from analyzer.labels import labels_of
from analyzer.roles import Role
from tests.analyzer.runs import run


def roles(*tags: str, name: str = "run") -> dict[str, Role]:
    labels = labels_of(run(scalars={tag: [1.0] for tag in tags}, name=name))
    return {key: label.role for key, label in labels.of.items()}


def test_an_error_measure_is_the_loss_where_nothing_else_is_called_so() -> None:
    assert roles("mse", "val_mse") == {"mse": Role.LOSS, "val_mse": Role.VALIDATION_LOSS}


def test_an_error_measure_beside_a_loss_is_a_metric() -> None:
    assert roles("epoch_loss", "epoch_mse", "epoch_mean_absolute_error") == {
        "epoch_loss": Role.LOSS,
        "epoch_mse": Role.METRIC,
        "epoch_mean_absolute_error": Role.METRIC,
    }


def test_a_validation_error_is_a_metric_only_beside_a_validation_loss() -> None:
    assert roles("loss", "val_rmse") == {"loss": Role.LOSS, "val_rmse": Role.VALIDATION_LOSS}


def test_a_folder_says_validation_by_its_own_name_only() -> None:
    assert roles("loss", name="runs/test") == {"loss": Role.VALIDATION_LOSS}
    assert roles("loss", name="test_runs/model_1") == {"loss": Role.LOSS}
    assert roles("loss", name="runs/testament") == {"loss": Role.LOSS}


def test_keras_writes_batches_of_training_only() -> None:
    assert roles("batch_loss", name="test")["batch_loss"] is Role.LOSS


def test_labels_can_be_changed_for_some_tags() -> None:
    labels = labels_of(run(scalars={"loss": [1.0], "best": [1.0]}))

    changed = labels.but({"best": Role.SENTINEL})

    assert [label.key for label in changed.with_role(Role.SENTINEL)] == ["best"]
    assert [label.key for label in changed.with_role(Role.LOSS)] == ["loss"]
