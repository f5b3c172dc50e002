"""What a monitor says, beside the training's own output."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import keras

from tb_nan_plugin.trouble import Trouble

MOST_NAMED: Final = 10  # steps in the line that says which were left out; the file names them all
NO_STEP: Final = (
    "no step was seen. A tf.function that was called before `watch` has no place for it: make it "
    "after, with `monitor.step` inside."
)
_DONE: Final[dict[str, str]] = {
    "warn": "",
    "stop": "Training ends with the weights as they were before that step. ",
    "raise": "The weights are as they were before that step. ",
    "skip": "Its update was left out, and training goes on. ",
}
_UNDONE: Final = "The step could not be taken back: the record says why, under `unobserved`. "


def say(message: str) -> None:
    """Print one line beside Keras's progress bar, which leaves its cursor within a line."""
    sys.stdout.flush()
    sys.stderr.write(f"\nNaNMonitor: {message}\n")
    sys.stderr.flush()


def warning(
    trouble: Trouble,
    log_dir: str | os.PathLike[str],
    choice: str,
    taken_back: Sequence[int],
    *,
    failed: bool,
) -> str:
    """Return the one line about the first thing that was not finite.

    Args:
        trouble: What it was.
        log_dir: Where the record lies.
        choice: The `on_nonfinite` of the monitor.
        taken_back: The steps that were undone.
        failed: Whether none could be, although it was asked for.
    """
    done = _DONE[choice] if trouble.step in taken_back else ""
    if failed and choice != "warn":
        done = _UNDONE
    return (
        f"step {trouble.step}, {trouble.phase.value}: {trouble.sentence()}. "
        f"{done}Why: tb-nan analyze {log_dir}"
    )


def skipped(steps: Sequence[int]) -> str:
    """Return the line that counts the updates that were left out."""
    named = ", ".join(str(step) for step in steps[:MOST_NAMED])
    if len(steps) == 1:
        return f"the update of step {named} was left out."
    more = f" and {len(steps) - MOST_NAMED} more" if len(steps) > MOST_NAMED else ""
    return f"the updates of {len(steps)} steps were left out: {named}{more}."


def can_observe(model: Any) -> bool:
    """Return whether a model can be observed, and say so if it cannot."""
    reason = None
    if keras.backend.backend() != "tensorflow":
        reason = f"Keras runs on {keras.backend.backend()!r}, and only TensorFlow is supported"
    elif model.distribute_strategy.num_replicas_in_sync > 1:
        reason = "the training is distributed over several replicas, which is not supported yet"
    if reason is not None:
        say(f"nothing is recorded: {reason}. Training goes on.")
    return reason is None
