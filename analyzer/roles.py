"""What an ordinary scalar tag stands for, told from its name.

Names are all that an old log offers. The words are those that Keras, TensorFlow's estimators,
PyTorch Lightning, Hugging Face Trainer, stable-baselines3, ml-agents, Detectron2, YOLO, fairseq,
DeepSpeed and Ray Tune write.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from tb_nan_plugin.signals import Phase


class Role(str, Enum):
    """What a tag's numbers are; the values are those of docs/report.md."""

    LOSS = "training_loss"
    VALIDATION_LOSS = "validation_loss"
    GRADIENT_NORM = "gradient_norm"
    LEARNING_RATE = "learning_rate"
    LOSS_SCALE = "loss_scale"
    WEIGHT = "weight_statistic"
    ACCURACY = "accuracy"
    METRIC = "metric"
    SENTINEL = "sentinel"
    OTHER = "other"

    @property
    def words(self) -> str:
        """Return the role as people say it."""
        return self.value.replace("_", " ")


# The stage of a step that a tag belongs to; what is no part of a step is measured beside it.
PHASES: Final = {
    Role.LOSS: Phase.LOSS,
    Role.GRADIENT_NORM: Phase.BACKWARD,
    Role.LEARNING_RATE: Phase.UPDATE,
    Role.LOSS_SCALE: Phase.BACKWARD,
    Role.WEIGHT: Phase.WEIGHTS,
    Role.VALIDATION_LOSS: Phase.VALIDATION,
    Role.ACCURACY: Phase.METRIC,
    Role.METRIC: Phase.METRIC,
    Role.SENTINEL: Phase.METRIC,
    Role.OTHER: Phase.METRIC,
}

LONGEST_NAME: Final = 500  # what is read of a name: a tag may be of any length
_VALIDATION: Final = re.compile(
    r"(^|[^a-z])(val|valid|validation|eval|evaluation|test|testing|dev)([^a-z]|$)"
)
# A run says what it is by its own folder only: what lies above is any experiment's name.
_VALIDATION_RUN: Final = re.compile(
    r"(^|[^a-z])(val|valid|validation|test|dev|eval|evaluation)([^a-z][^/\\]*)?$"
)
_SCALE: Final = re.compile(r"(loss|grad|amp|dynamic)[^a-z]*scale(r|$|[^a-z])|scaler[^a-z]*scale")
_LOSS: Final = re.compile(r"(^|[^a-z])(\w*loss|losses|cost|nll|elbo)([^a-z]|$)")
# Errors are the loss of many trainings, and a metric of as many that log a loss besides.
_ERROR: Final = re.compile(
    r"(^|[^a-z])(mse|rmse|mae|mape|msle|(mean|root)_\w*_error|\w*cross_?entropy|xent|kl_divergence"
    r"|hinge|poisson|log_?cosh|objective)([^a-z]|$)"
)
_GRADIENT: Final = re.compile(
    r"grad\w*[^a-z]*norm|norm[^a-z]*grad|(^|[^a-z])(gnorm|global[^a-z]?norm)([^a-z]|$)"
)
_RATE: Final = re.compile(r"(^|[^a-z])(lr|learning[^a-z]?rate)([^a-z]|$|\d)")
_WEIGHT: Final = re.compile(
    r"(^|[^a-z])(weights?|kernel|bias(es)?)/(.*[^a-z])?(mean|std\w*|min|max|norm)([^a-z]|$)"
    r"|(^|[^a-z])(weights?|params?|parameters?)[^a-z]?norm([^a-z]|$)"
)
_ACCURACY: Final = re.compile(r"(^|[^a-z])(\w*acc|\w*accuracy)([^a-z]|$)")
_METRIC: Final = re.compile(
    r"(^|[^a-z])(metrics/.*|hp_metric|\w*auc|\w*roc|precision|recall|f1\w*|fbeta|[mb]?ap[a-z]?|iou"
    r"|miou|dice\w*|jaccard|bleu\w*|rouge\w*|meteor|wer|cer|r2\w*|\w*reward|\w*_rew|rew_\w*|ep_rew"
    r"\w*|return|score|perplexity|ppl|explained|variance|entropy|kl|approx_kl|psnr|ssim|fid"
    r"|sensitivity|specificity|mcc|kappa|correlation|pearson\w*|spearman\w*|top_?\d)([^a-z]|$)"
)
_BEST: Final = re.compile(r"(^|[^a-z])(best|lowest|highest)([^a-z]|$)")


def role_of(tag: str, run: str = "") -> Role:
    """Return the role of a tag.

    Args:
        tag: The tag, of any length and content.
        run: The run's name: Keras writes validation under the same tags into a run of its own.
    """
    name = tag[:LONGEST_NAME].lower()
    for role, pattern in _PATTERNS:
        if pattern.search(name):
            return role
    if _LOSS.search(name) or _ERROR.search(name):
        return Role.VALIDATION_LOSS if is_of_validation(name, run) else Role.LOSS
    return Role.METRIC if _METRIC.search(name) else Role.OTHER


# In this order: "loss_scale" is no loss, and "grad_norm/weights" no weight.
_PATTERNS: Final = (
    (Role.LOSS_SCALE, _SCALE),
    (Role.GRADIENT_NORM, _GRADIENT),
    (Role.LEARNING_RATE, _RATE),
    (Role.WEIGHT, _WEIGHT),
    (Role.ACCURACY, _ACCURACY),
)


def is_of_validation(tag: str, run: str = "") -> bool:
    """Return whether a tag was measured on validation data, by its own name or its run's."""
    if _VALIDATION.search(tag[:LONGEST_NAME].lower()):
        return True
    if tag.startswith("batch_"):
        return False  # Keras writes these of training only, wherever its folder lies
    folder = run.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return bool(_VALIDATION_RUN.match(folder[-200:].lower()))


def is_error(tag: str) -> bool:
    """Return whether a tag is an error measure (MSE, cross-entropy), which may be a metric."""
    name = tag[:LONGEST_NAME].lower()
    return bool(_ERROR.search(name)) and not _LOSS.search(name)


def is_best_so_far(tag: str) -> bool:
    """Return whether a tag holds the best value yet, which begins at an infinity by custom."""
    return bool(_BEST.search(tag[:LONGEST_NAME].lower()))
