"""Which step comes next: over several trainings, and over restarts of the program."""

from __future__ import annotations

from typing import Any


class StepCount:
    """Counts the batches of a training since it began, as far as anything remembers them.

    The optimizer does: it counts what it was given, and checkpoints restore its count, those of
    `BackupAndRestore` too. It counts where a recording goes on, or epochs are said to be done. It
    may know less than there was (under a loss scale, steps that were skipped do not count; a new
    optimizer knows nothing): then the epochs that are done count with all their batches.
    """

    def __init__(self) -> None:
        self._reached = 0
        self._seen_then: int | None = None

    def next(
        self, model: Any, epoch: int = 0, batches: int | None = None, *, continues: bool = False
    ) -> int:
        """Return the index of the step that a training begins with.

        Args:
            model: As it is when the first step is about to run.
            epoch: The first epoch of the training.
            batches: Batches of an epoch, if that is known.
            continues: Whether something was recorded into the directory before.
        """
        seen = batches_seen(model)
        if self._seen_then is not None:
            return max(0, self._reached + (seen - self._seen_then if seen else 0))
        done = epoch * (batches or 0)
        if not done and not continues:
            return 0
        if seen < done or (done and seen % done == 0):  # or it is asked several times a step
            return done
        return seen

    def leave(self, model: Any, step: int) -> None:
        """Note that a training ended before `step`."""
        self._reached = step
        self._seen_then = batches_seen(model)


def batches_seen(model: Any) -> int:
    """Return how many batches the model's optimizer was given; 0 without one."""
    own = getattr(model, "optimizer", None)  # a model that a loop trains by hand may have none
    optimizer = getattr(own, "inner_optimizer", own)
    # `iterations` leaves out batches whose gradients were only accumulated.
    count = getattr(optimizer, "_iterations", getattr(optimizer, "iterations", None))
    return 0 if count is None else int(count.numpy())
