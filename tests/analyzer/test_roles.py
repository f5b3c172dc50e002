"""What a tag stands for is told from names as the frameworks really write them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.roles import Role, role_of

AS_WRITTEN = {
    "Keras": {
        "epoch_loss": Role.LOSS,
        "batch_loss": Role.LOSS,
        "epoch_val_loss": Role.VALIDATION_LOSS,
        "evaluation_loss_vs_iterations": Role.VALIDATION_LOSS,
        "epoch_accuracy": Role.ACCURACY,
        "epoch_sparse_categorical_accuracy": Role.ACCURACY,
        "epoch_binary_accuracy": Role.ACCURACY,
        "epoch_learning_rate": Role.LEARNING_RATE,
        "epoch_lr": Role.LEARNING_RATE,
        "epoch_auc": Role.METRIC,
    },
    "Lightning": {
        "train_loss_step": Role.LOSS,
        "train_loss_epoch": Role.LOSS,
        "train/loss": Role.LOSS,
        "val_loss": Role.VALIDATION_LOSS,
        "val/loss_epoch": Role.VALIDATION_LOSS,
        "val_acc": Role.ACCURACY,
        "lr-Adam": Role.LEARNING_RATE,
        "lr-SGD/pg1": Role.LEARNING_RATE,
        "grad_2.0_norm_total": Role.GRADIENT_NORM,
        "epoch": Role.OTHER,
        "hp_metric": Role.METRIC,
    },
    "Hugging Face Trainer": {
        "train/loss": Role.LOSS,
        "train/train_loss": Role.LOSS,
        "train/grad_norm": Role.GRADIENT_NORM,
        "train/learning_rate": Role.LEARNING_RATE,
        "train/epoch": Role.OTHER,
        "eval/loss": Role.VALIDATION_LOSS,
        "eval/accuracy": Role.ACCURACY,
        "eval/runtime": Role.OTHER,
        "eval/samples_per_second": Role.OTHER,
        "train/total_flos": Role.OTHER,
    },
    "stable-baselines3": {
        "train/loss": Role.LOSS,
        "train/value_loss": Role.LOSS,
        "train/policy_gradient_loss": Role.LOSS,
        "train/entropy_loss": Role.LOSS,
        "train/actor_loss": Role.LOSS,
        "train/learning_rate": Role.LEARNING_RATE,
        "train/explained_variance": Role.METRIC,
        "train/approx_kl": Role.METRIC,
        "train/clip_fraction": Role.OTHER,
        "rollout/ep_rew_mean": Role.METRIC,
        "time/fps": Role.OTHER,
    },
    "ml-agents": {
        "Losses/Policy Loss": Role.LOSS,
        "Losses/Value Loss": Role.LOSS,
        "Policy/Learning Rate": Role.LEARNING_RATE,
        "Policy/Discrete Entropy Coeff": Role.METRIC,
        "Environment/Cumulative Reward": Role.METRIC,
        "Environment/Episode Length": Role.OTHER,
    },
    "Detectron2": {
        "total_loss": Role.LOSS,
        "loss_cls": Role.LOSS,
        "loss_box_reg": Role.LOSS,
        "loss_rpn_loc": Role.LOSS,
        "lr": Role.LEARNING_RATE,
        "fast_rcnn/cls_accuracy": Role.ACCURACY,
        "bbox/AP": Role.METRIC,
        "bbox/APs": Role.METRIC,
        "eta_seconds": Role.OTHER,
    },
    "YOLO": {
        "train/box_loss": Role.LOSS,
        "train/obj_loss": Role.LOSS,
        "val/cls_loss": Role.VALIDATION_LOSS,
        "x/lr0": Role.LEARNING_RATE,
        "lr/pg0": Role.LEARNING_RATE,
        "metrics/precision": Role.METRIC,
        "metrics/mAP_0.5": Role.METRIC,
        "train/dfl_loss": Role.LOSS,
    },
    "mixed precision": {
        "train/loss_scale": Role.LOSS_SCALE,
        "Train/Samples/loss_scale": Role.LOSS_SCALE,
        "amp/grad_scale": Role.LOSS_SCALE,
        "grad_scaler_scale": Role.LOSS_SCALE,
        "batch_loss_scale": Role.LOSS_SCALE,
    },
    "fairseq, T5X and others": {
        "train_inner/gnorm": Role.GRADIENT_NORM,
        "global_norm/gradient_norm": Role.GRADIENT_NORM,
        "grad/norm": Role.GRADIENT_NORM,
        "params_norm": Role.WEIGHT,
        "weight_norm": Role.WEIGHT,
    },
    "TensorFlow 1": {
        "loss_1": Role.LOSS,
        "cost": Role.LOSS,
        "losses/clone_0/softmax_cross_entropy_loss/value": Role.LOSS,
        "cross_entropy_1": Role.LOSS,
        "layer/weights/summaries/mean": Role.WEIGHT,
        "layer/biases/summaries/stddev_1": Role.WEIGHT,
        "global_step/sec": Role.OTHER,
    },
    "Ray Tune": {
        "ray/tune/mean_reward": Role.METRIC,
        "ray/tune/mean_accuracy": Role.ACCURACY,
        "ray/tune/time_total_s": Role.OTHER,
    },
}


@pytest.mark.parametrize(
    ("tag", "role"),
    [
        pytest.param(tag, role, id=f"{framework}: {tag}")
        for framework, tags in AS_WRITTEN.items()
        for tag, role in tags.items()
    ],
)
def test_knows_the_tag(tag: str, role: Role) -> None:
    assert role_of(tag) is role


def test_a_loss_in_a_validation_run_is_a_validation_loss() -> None:
    assert role_of("epoch_loss", "logs/validation") is Role.VALIDATION_LOSS
    assert role_of("epoch_loss", "logs/train") is Role.LOSS


@pytest.mark.parametrize("tag", ["latest_loss", "evaluator_free_loss", "interval_loss"])
def test_a_word_that_only_contains_a_validation_word_is_none(tag: str) -> None:
    assert role_of(tag) is Role.LOSS


@pytest.mark.parametrize(
    "tag", ["lossless", "glossary", "color", "lrn", "accumulator", "normal_gradient_image", ""]
)
def test_a_word_that_only_contains_one_of_ours_is_something_else(tag: str) -> None:
    assert role_of(tag) is Role.OTHER


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_has_a_role(tag: str, run: str) -> None:
    assert isinstance(role_of(tag, run), Role)


@pytest.mark.parametrize("unit", ["loss", "_", "grad", "a", "val_", " ", "norm"])
def test_a_tag_of_a_megabyte_is_no_burden(unit: str) -> None:
    start = time.perf_counter()

    role_of(unit * (1_000_000 // len(unit)))

    assert time.perf_counter() - start < 0.1
