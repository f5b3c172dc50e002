"""What a real training leaves on disk: killed, stuck, restarted, capped, in TensorFlow's memory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import analyzer
from tb_nan_plugin import NaNMonitor
from tests.tb_nan_plugin.keras.programs import with_cell
from tests.tb_nan_plugin.keras.test_behaviour import SOUND, compiled, fit, said
from tests.tb_nan_plugin.recordings import read

ROOT = Path(__file__).parents[3]

PRELUDE = """
import os, signal, sys, time
import keras, numpy as np
from tb_nan_plugin import NaNMonitor

keras.utils.set_random_seed(0)
x = np.ones((80, 4), np.float32)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def fit(epochs, *callbacks):
    model.fit(x, x[:, :1], batch_size=8, epochs=epochs, verbose=0, callbacks=list(callbacks))
"""

STUCK = """
class Stuck(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 6:  # the seventh, a moment after the first
            time.sleep(2)
            die()

model.compile("sgd", "mse", jit_compile=eval(sys.argv[2]))
fit(1, NaNMonitor(sys.argv[1]), Stuck())
"""

LONG_EXECUTION = """
import tensorflow as tf

def wait(batch):
    if wait.batches == 27:
        time.sleep(3)
        die()
    wait.batches += 1
    return batch

wait.batches = 0

class Waiting(keras.layers.Layer):
    def call(self, batch):
        waited = tf.numpy_function(wait, [batch], tf.float32)
        return tf.ensure_shape(waited, batch.shape)

model = keras.Sequential([keras.Input((4,)), Waiting(), keras.layers.Dense(1)])
model.compile("sgd", "mse", jit_compile=False, steps_per_execution=10)
fit(9, NaNMonitor(sys.argv[1]))
"""

RESUMED = """
class Killer(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2 and batch == 4 and sys.argv[3] == "die":
            time.sleep(2.5)
            die()

model.compile(keras.optimizers.Adam(), "mse", jit_compile=False)
backup = keras.callbacks.BackupAndRestore(sys.argv[2], save_freq=eval(sys.argv[4]))
monitor = NaNMonitor(sys.argv[1])
fit(4, *([monitor, backup] if sys.argv[3] == "die" else [backup, monitor]), Killer())
"""


def run(program: str, *arguments: object) -> int:
    """Run a training in a process of its own and return how it ended."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", PRELUDE + program, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, timeout=300).returncode


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_step_that_hangs_keeps_no_earlier_step_from_the_disk(
    jit_compile: bool, tmp_path: Path
) -> None:
    assert run(STUCK, tmp_path / "log", jit_compile) == -signal.SIGKILL

    assert read(tmp_path / "log").steps.tolist() == list(range(7))


def test_steps_of_an_execution_that_takes_long_reach_the_disk_before_it_ends(
    tmp_path: Path,
) -> None:
    assert run(LONG_EXECUTION, tmp_path / "log") == -signal.SIGKILL

    steps = read(tmp_path / "log").steps.tolist()
    assert steps == list(range(len(steps)))
    assert len(steps) in (26, 27)  # the 28th hangs; the input of a step may run ahead of the last


@pytest.mark.parametrize("save_freq", ["'epoch'", "3"])
def test_steps_go_on_where_a_backup_was_restored(save_freq: str, tmp_path: Path) -> None:
    log, backup = tmp_path / "log", tmp_path / "backup"
    assert run(RESUMED, log, backup, "die", save_freq) == -signal.SIGKILL
    assert read(log).steps.tolist() == list(range(25))

    saved = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    saved.compile(keras.optimizers.Adam(), "mse")
    saved.optimizer.build(saved.trainable_variables)
    saved.load_weights(backup / "latest.weights.h5")
    restored = int(saved.optimizer.iterations.numpy())
    assert restored == (20 if save_freq == "'epoch'" else 24)
    assert run(RESUMED, log, backup, "live", save_freq) == 0

    first, second = analyzer.read(str(log))["."].health
    assert first.steps.tolist() == list(range(25))
    assert second.steps.tolist() == list(range(restored, restored + 20))


def test_epochs_that_were_done_elsewhere_count(tmp_path: Path) -> None:
    fit(compiled(), SOUND, NaNMonitor(tmp_path), initial_epoch=3, epochs=5)

    assert read(tmp_path).steps.tolist() == list(range(18, 30))


def test_a_backup_of_the_same_process_goes_back(tmp_path: Path) -> None:
    class Fails(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if int(self.model.optimizer.iterations.numpy()) == 9:
                raise LookupError("not ours")

    model, monitor = compiled(), NaNMonitor(tmp_path / "log")
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(LookupError):
        fit(model, SOUND, monitor, backup, Fails(), epochs=3)
    fit(model, SOUND, monitor, backup, epochs=3)

    assert read(tmp_path / "log").steps.tolist() == [*range(9), *range(6, 18)]


def test_under_a_cap_the_first_bad_step_stays_exact_and_the_report_says_what_is_gone(
    tmp_path: Path,
) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(3000, 200)).astype(np.float32)
    x[700, 77] = np.nan
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    fit(model, x, NaNMonitor(tmp_path, max_bytes=6 << 20), batch_size=1)

    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) > 1
    assert sum(sizes) <= 6 << 20
    steps = read(tmp_path).steps.tolist()
    assert len(steps) < 2900
    assert set(steps) > {*range(256), *range(188, 829), *range(2600, 3000)}
    (analysis,) = analyzer.analyze(str(tmp_path)).analyses
    first = analysis.first_nonfinite
    assert first is not None
    assert (first.step, first.last_finite_step, first.where) == (700, 699, "feature 77")
    said_of_it = re.search(
        r"of the (\d+) steps from 0 to (\d+), (\d+) are there, at least one in (\d+)",
        " ".join(analysis.notes),
    )
    assert said_of_it is not None
    there, last, kept, every = map(int, said_of_it.groups())
    assert there == last + 1
    assert kept == sum(step <= last for step in steps) < there
    newer = [step for step in steps if step > last]
    assert newer == list(range(newer[0], 3000))
    assert newer[0] - last <= every
    assert any(note.startswith("Around the first bad step, every") for note in analysis.notes)


def test_a_cap_that_is_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_bytes=1000 is less than 1048576"):
        NaNMonitor(tmp_path, max_bytes=1000)


def test_a_last_update_that_goes_bad_before_a_long_validation_is_found(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Last(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch == 5:
                self.model.optimizer.learning_rate = float("inf")

        def on_test_begin(self, logs: Any = None) -> None:
            time.sleep(2)
            assert read(tmp_path).steps.tolist() == list(range(6))

    validation = SOUND, SOUND[:, :1]
    fit(compiled(), SOUND, NaNMonitor(tmp_path), Last(), validation_data=validation)

    (line,) = said(capfd)
    assert "step 5, update: " in line
    trouble = read(tmp_path).trouble
    assert trouble is not None
    assert (trouble.step, trouble.phase.value) == (5, "update")


def test_a_training_writes_into_memory_of_tensorflow(capfd: pytest.CaptureFixture[str]) -> None:
    folder = "ram://nan_monitor_training/run"

    fit(compiled(), SOUND, NaNMonitor(folder), epochs=2)

    (file,) = tf.io.gfile.glob(f"{folder}/*tfevents*")
    events = [
        tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(file)
    ]
    assert max(event.step for event in events) == 11
    assert said(capfd) == []


def test_tensorboards_own_charts_get_loss_gradient_rate_and_a_mark(tmp_path: Path) -> None:
    fit(compiled(0.01), with_cell(np.nan, 17, 2), NaNMonitor(tmp_path), epochs=2)

    recorded = read(tmp_path)
    drawn = recorded.scalars
    np.testing.assert_array_equal(drawn["nan/loss"], recorded.series("loss"))
    np.testing.assert_array_equal(drawn["nan/learning_rate"], [np.float32(0.01)] * 12)
    assert drawn["nan/nonfinite"] == [0] * 2 + [1] * 10
    norms = [recorded.series("gradient_norm", p) for p in recorded.places("gradient_norm")]
    np.testing.assert_allclose(drawn["nan/gradient_norm"], np.linalg.norm(norms, axis=0), rtol=1e-6)


def test_a_training_whose_log_directory_is_removed_trains_on_and_says_so_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    import tb_nan_plugin.keras.session as session_module

    monkeypatch.setattr(session_module, "FLUSH_SECONDS", 0.0)

    class Remove(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            shutil.rmtree(tmp_path / "log", ignore_errors=True)

    history = fit(compiled(), SOUND, NaNMonitor(tmp_path / "log"), Remove(), epochs=4).history

    plain = fit(compiled(), SOUND, epochs=4).history
    assert history["loss"] == plain["loss"]
    lines = said(capfd)
    assert len([line for line in lines if "could not record" in line]) == 1
    assert "is gone" in lines[0]
