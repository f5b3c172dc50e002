"""Log directories for TensorBoard: real trainings, other tools' files, files that grow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tb_nan_plugin.summary import EventFile, scalar_event
from tests.tb_nan_plugin import recordings

NAN: Final = float("nan")
MOMENT: Final = 1.7e9  # wall time of the first event, in seconds; any will do


@dataclass(frozen=True)
class Training:
    """A demo program that was trained into a directory of its own.

    Attributes:
        run: The name that TensorBoard gives it.
        demo: The program.
        cause: The id of the right verdict, or None for the repaired twin.
    """

    run: str
    demo: str
    cause: str | None


TRAININGS: Final = (
    Training("log-of-zero", "log-of-zero", "loss-log-of-zero"),
    Training("learning-rate", "learning-rate", "learning-rate-too-high"),
    Training("repaired", "log-of-zero", None),
)


def train_all(log_dir: Path) -> None:
    """Train every one of TRAININGS, side by side."""
    processes = []
    for training in TRAININGS:
        command = [sys.executable, "-m", "tb_nan_plugin.demos", training.demo]
        options = ["--log-dir", str(log_dir / training.run)]
        fixed = [] if training.cause else ["--fixed"]
        processes.append(
            subprocess.Popen(
                [*command, *options, *fixed], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        )
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0, output.decode(errors="replace")


def event_file(run: Path) -> Path:
    (file,) = run.glob("*tfevents*")
    return file


def values_on_disk(run: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Return loss and gradient norm of each batch, as TensorFlow's reader finds them."""
    recording = recordings.read(run)
    parts = [
        recording.series("gradient_norm", where).astype(np.float64)
        for where in recording.places("gradient_norm")
    ]
    with np.errstate(invalid="ignore"):
        norm = np.sqrt(np.sum(np.square(parts), axis=0))
    return {"loss": recording.series("loss").astype(np.float64), "gradient_norm": norm}


class GrowingRun:
    """A run that another tool writes while somebody looks on."""

    def __init__(self, directory: Path) -> None:
        self._file = EventFile(str(directory))
        self._step = 0

    def write(self, tag: str, values: Iterable[float]) -> None:
        for value in values:
            self._file.write(scalar_event(tag, value, self._step, MOMENT + self._step))
            self._step += 1
        self._file.flush()


def write_scalars(directory: Path, tag: str, values: Iterable[float]) -> None:
    GrowingRun(directory).write(tag, values)


def write_with_tensorflow(directory: Path) -> None:
    """Leave what people log with tf.summary: scalars, a histogram, a text, an image."""
    import tensorflow as tf

    with tf.summary.create_file_writer(str(directory)).as_default():
        for step in range(30):
            tf.summary.scalar("quality/score", 1.0 - 0.9**step, step)
        tf.summary.histogram("weights", np.linspace(-1, 1, 200), 0)
        tf.summary.text("about", "a *note*", 0)
        tf.summary.image("picture", np.zeros((1, 4, 4, 3), np.float32), 0)
