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
_VALIDATION: Final = ("val", "valid", "validation", "eval", "evaluation", "test", "testing", "dev")
_SCALE: Final = r"(loss|grad|amp|dynamic)[^a-z]*scale(r|$|[^a-z])|scaler[^a-z]*scale"
_LOSS: Final = r"(^|[^a-z])(\w*loss|losses|cost|nll|elbo)([^a-z]|$)"
# Errors are the loss of many trainings, and a metric of as many that log a loss besides.
_ERROR: Final = (
    r"(^|[^a-z])(mse|rmse|mae|mape|msle|(mean|root)_\w*_error|\w*cross_?entropy|xent|kl_divergence"
    r"|hinge|poisson|log_?cosh|objective)([^a-z]|$)"
)
_GRADIENT: Final = (
    r"grad\w*[^a-z]*norm|norm[^a-z]*grad|(^|[^a-z])(gnorm|global[^a-z]?norm)([^a-z]|$)"
)
_RATE: Final = r"(^|[^a-z])(lr|learning[^a-z]?rate)([^a-z]|$|\d)"
_WEIGHT: Final = (
    r"(^|[^a-z])(weights?|kernel|bias(es)?)/(.*[^a-z])?(mean|std\w*|min|max|norm)([^a-z]|$)"
    r"|(^|[^a-z])(weights?|params?|parameters?)[^a-z]?norm([^a-z]|$)"
)
_ACCURACY: Final = r"(^|[^a-z])(\w*acc|\w*accuracy)([^a-z]|$)"
# One of these words is enough; digits and signs divide words.
_METRICS: Final = (
    *("ap", "apl", "apm", "aps", "auc", "bleu", "cer", "correlation", "dice", "entropy"),
    *("explained", "f", "fbeta", "fid", "iou", "jaccard", "kappa", "kl", "map", "mcc", "meteor"),
    *("miou", "pearsonr", "perplexity", "ppl", "precision", "psnr", "r", "recall", "return"),
    *("rew", "reward", "roc", "rouge", "score", "sensitivity", "spearmanr", "specificity"),
    *("ssim", "variance", "wer"),
)
_BEST: Final = ("best", "lowest", "highest")


def role_of(tag: str, run: str = "") -> Role:
    """Return the role of a tag.

    Args:
        tag: The tag, of any length and content.
        run: The run's name: Keras writes validation under the same tags into a run of its own.
    """
    name = tag[:LONGEST_NAME].lower()
    for role, pattern in _PATTERNS:
        if re.search(pattern, name):
            return role
    if re.search(_LOSS, name) or re.search(_ERROR, name):
        return Role.VALIDATION_LOSS if is_of_validation(name, run) else Role.LOSS
    known = name.startswith(("metrics/", "hp_metric")) or not _words(name).isdisjoint(_METRICS)
    return Role.METRIC if known else Role.OTHER


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
    if not _words(tag[:LONGEST_NAME].lower()).isdisjoint(_VALIDATION):
        return True
    if tag.startswith("batch_"):
        return False  # Keras writes these of training only, wherever its folder lies
    # A run says what it is by its own folder only: what lies above is any experiment's name.
    folder = run.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1][-200:].lower()
    return re.split(r"[^a-z]", folder, maxsplit=1)[0] in _VALIDATION


def _words(name: str) -> frozenset[str]:
    return frozenset(re.split(r"[^a-z]+", name))


def is_error(tag: str) -> bool:
    """Return whether a tag is an error measure (MSE, cross-entropy), which may be a metric."""
    name = tag[:LONGEST_NAME].lower()
    return bool(re.search(_ERROR, name)) and not re.search(_LOSS, name)


def is_best_so_far(tag: str) -> bool:
    """Return whether a tag holds the best value yet, which begins at an infinity by custom."""
    return not _words(tag[:LONGEST_NAME].lower()).isdisjoint(_BEST)
