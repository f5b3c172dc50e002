"""Who wrote a log, told from its tags, and how that writer counts steps.

A step is a number that the writer chose: a batch, an epoch, an optimizer's iteration, a frame of a
game. Each axis says which, and from where it is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, eq=False)
class Axis:
    """What the steps of a tag count.

    Attributes:
        unit: One of what is counted: "batch", "epoch", "iteration", "environment step" or "step".
        first: The number of the first of them, None where writers differ.
        words: A clause for a person.
    """

    unit: str
    first: int | None
    words: str


OWN: Final = Axis("step", None, "the writer's own steps")
EPOCHS: Final = Axis("epoch", 0, "epochs, counted from 0")
KERAS_BATCHES: Final = Axis("batch", 1, "training batches, counted from 1")
ITERATIONS: Final = Axis("iteration", None, "iterations of the optimizer")
ENVIRONMENT: Final = Axis("environment step", None, "steps of the environment")
TRIALS: Final = Axis("iteration", 1, "reports of the trial, counted from 1")


@dataclass(frozen=True, eq=False)
class Dialect:
    """The habits of one writer.

    Attributes:
        id: For machines.
        name: For people.
        mark: A regular expression of the tags that this writer alone gives; compiled when needed.
        needed: How many tags must match before the log is taken for its.
        axes: How tags begin, and their axis; the first counts.
        default: The axis of all other tags.
    """

    id: str
    name: str
    mark: str
    needed: int = 1
    axes: tuple[tuple[str, Axis], ...] = ()
    default: Axis = OWN

    def marks(self, tag: str) -> bool:
        """Return whether this writer alone gives such a tag."""
        return re.match(self.mark, tag) is not None

    def axis_of(self, tag: str) -> Axis:
        """Return what the steps of a tag count."""
        return next((axis for start, axis in self.axes if tag.startswith(start)), self.default)


PLAIN: Final = Dialect("plain", "a writer of its own", r"(?!)")
KERAS: Final = Dialect(
    "keras",
    "Keras TensorBoard callback",
    r"(epoch|batch)_\w+$|evaluation_\w+_vs_iterations$",
    axes=(
        ("batch_", KERAS_BATCHES),
        ("epoch_", EPOCHS),
        ("evaluation_", ITERATIONS),
    ),
)
# The order matters: Lightning users choose their own names, so it comes after those with fixed
# ones. Sources: each project's writer, and the logs of real trainings that we read.
DIALECTS: Final = (
    KERAS,
    Dialect("ray", "Ray Tune", r"ray/tune/", axes=(("ray/tune/", TRIALS),)),
    Dialect(
        "stable-baselines3",
        "stable-baselines3",
        r"rollout/ep_(rew|len)_mean$|time/fps$|train/(approx_kl|explained_variance|ent_coef)$",
        needed=2,
        default=ENVIRONMENT,
    ),
    Dialect(
        "ml-agents",
        "ML-Agents",
        r"Environment/(Cumulative Reward|Episode Length)$|Policy/(Entropy|Learning Rate|Extrinsic)",
        needed=2,
        default=ENVIRONMENT,
    ),
    Dialect(
        "yolo",
        "YOLO",
        r"(train|val)/(box|obj|cls|dfl)_loss$|metrics/mAP|x/lr\d$|lr/pg\d$",
        needed=2,
        default=Axis("epoch", None, "epochs"),
    ),
    Dialect(
        "detectron2",
        "Detectron2",
        r"eta_seconds$|loss_(rpn_\w+|box_reg|cls)$|fast_rcnn/|roi_head/|rpn/num_\w+",
        needed=2,
        default=Axis("iteration", 0, "iterations, counted from 0"),
    ),
    Dialect(
        "hugging-face",
        "Hugging Face Trainer",
        r"(train/(loss|epoch|grad_norm|learning_rate|total_flos|train_\w+)"
        r"|eval/(loss|runtime|samples_per_second|steps_per_second))$",
        needed=2,
        default=ITERATIONS,
    ),
    Dialect(
        "estimator",
        "TensorFlow estimator",
        r"global_step/sec$|loss_1$|enqueue_input/|fraction_of_zero_values",
        default=Axis("iteration", None, "global steps"),
    ),
    Dialect(
        "lightning",
        "PyTorch Lightning",
        r"hp_metric$|epoch$|lr-[A-Z]\w+|\w*(loss|acc)\w*_(step|epoch)$",
        default=Axis("iteration", 0, "global steps, counted from 0"),
    ),
)


def dialect_of(tags: Iterable[str]) -> Dialect:
    """Return who wrote these tags; `PLAIN` where nothing is characteristic."""
    names = list(tags)
    for dialect in DIALECTS:
        if sum(map(dialect.marks, names)) >= dialect.needed:
            return dialect
    return PLAIN
