"""Who wrote a log, and what its steps count, told from tags as the frameworks really write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.dialects import DIALECTS, dialect_of

LOGS = {
    "keras": ["epoch_loss", "epoch_learning_rate", "evaluation_loss_vs_iterations"],
    "lightning": ["train_loss_step", "train_loss_epoch", "val_loss", "epoch", "hp_metric"],
    "hugging-face": ["train/loss", "train/grad_norm", "train/epoch", "eval/loss", "eval/runtime"],
    "stable-baselines3": ["rollout/ep_rew_mean", "time/fps", "train/loss", "train/approx_kl"],
    "ml-agents": ["Environment/Cumulative Reward", "Policy/Entropy", "Losses/Value Loss"],
    "yolo": ["train/box_loss", "val/obj_loss", "metrics/mAP_0.5", "x/lr0"],
    "detectron2": ["total_loss", "loss_cls", "loss_rpn_loc", "eta_seconds", "bbox/AP"],
    "ray": ["ray/tune/mean_reward", "ray/tune/done"],
    "estimator": ["loss", "global_step/sec", "enqueue_input/queue/fraction_of_1000_full"],
    "plain": ["cost"],
}


@pytest.mark.parametrize("name", LOGS)
def test_knows_the_writer(name: str) -> None:
    assert dialect_of(LOGS[name]).id == name


def test_every_dialect_is_among_the_logs() -> None:
    assert {dialect.id for dialect in DIALECTS} == LOGS.keys() - {"plain"}


@pytest.mark.parametrize(
    ("name", "tag", "unit", "first"),
    [
        ("keras", "batch_loss", "batch", 1),
        ("keras", "epoch_loss", "epoch", 0),
        ("keras", "evaluation_loss_vs_iterations", "iteration", None),
        ("yolo", "train/box_loss", "epoch", None),
        ("stable-baselines3", "train/loss", "environment step", None),
        ("hugging-face", "train/loss", "iteration", None),
        ("plain", "cost", "step", None),
    ],
)
def test_knows_what_the_steps_of_a_tag_count(
    name: str, tag: str, unit: str, first: int | None
) -> None:
    axis = dialect_of([*LOGS[name], tag]).axis_of(tag)

    assert (axis.unit, axis.first) == (unit, first)
    assert axis.words


@given(st.lists(st.text(max_size=50), max_size=20))
def test_any_tags_have_a_writer(tags: list[str]) -> None:
    dialect = dialect_of(tags)

    assert all(dialect.axis_of(tag).words for tag in tags)
