"""Whatever goes wrong around a training, it trains on, and what was recorded stays readable."""

from __future__ import annotations

import os
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
from tensorboard.compat.proto import event_pb2

import tb_nan_plugin.keras.session as session_module
from tb_nan_plugin import NaNMonitor
from tb_nan_plugin.keras.monitor import OnNonfinite
from tb_nan_plugin.record import TAG, RowBlock, unpack
from tb_nan_plugin.summary import EventFile
from tests.tb_nan_plugin.keras.test_behaviour import (
    BROKEN,
    SOUND,
    Counting,
    compiled,
    fit,
    said,
)
from tests.tb_nan_plugin.recordings import read

ROOT = Path(__file__).parents[3]


class Stumble(keras.callbacks.Callback):  # type: ignore[misc]
    """Somebody's callback with an error in it, after the fourth batch."""

    def __init__(self, error: type[BaseException] = LookupError) -> None:
        super().__init__()
        self.error = error

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 3:
            raise self.error("not ours")


def test_an_error_in_another_callback_loses_no_step(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = compiled()
    with pytest.raises(LookupError):
        fit(model, BROKEN, NaNMonitor(tmp_path), Stumble())
    fit(model, SOUND)

    assert read(tmp_path).steps.tolist() == [0, 1, 2, 3]
    (line,) = said(capfd)
    assert "step 2, input: feature 2" in line


def test_a_monitor_is_used_again_after_an_error(tmp_path: Path) -> None:
    model, monitor = compiled(), NaNMonitor(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(model, SOUND, monitor, Stumble(KeyboardInterrupt))

    fit(model, SOUND, monitor)

    assert read(tmp_path).steps.tolist() == list(range(10))


def test_an_error_inside_the_step_leaves_the_steps_before_it(tmp_path: Path) -> None:
    model = compiled()

    def batches() -> Any:
        for i in range(3):
            yield SOUND[8 * i : 8 * i + 8], SOUND[8 * i : 8 * i + 8, :1]
        raise OSError("the disk with the data is gone")

    specification = (tf.TensorSpec((None, 4)), tf.TensorSpec((None, 1)))
    data = tf.data.Dataset.from_generator(batches, output_signature=specification)
    with pytest.raises(tf.errors.OpError, match="the disk with the data is gone"):
        model.fit(data, shuffle=False, verbose=0, callbacks=[NaNMonitor(tmp_path)])

    assert read(tmp_path).steps.tolist() == [0, 1, 2]
    assert "train_step" not in vars(model)


def test_a_directory_that_cannot_be_made_is_said_once_and_the_training_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    counting, model = Counting(), compiled()

    fit(model, SOUND, NaNMonitor(tmp_path / "file" / "run"), counting, epochs=2)

    assert counting.batches == 12
    (line,) = said(capfd)
    assert f"could not start recording in {tmp_path}/file/run" in line
    assert line.endswith("Training goes on; recording ended.")
    assert "train_step" not in vars(model)


def test_a_disk_that_fills_up_is_said_once_and_the_training_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: EventFile, event: bytes) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(EventFile, "write", full)
    monkeypatch.setattr(session_module, "FLUSH_SECONDS", 0.0)
    counting, model = Counting(), compiled()

    fit(model, SOUND, NaNMonitor(tmp_path), counting, epochs=2)

    assert counting.batches == 12
    assert said(capfd) == [
        f"NaNMonitor: could not record in {tmp_path} (OSError: no space left on device). "
        "Training goes on; recording ended."
    ]
    assert "train_step" not in vars(model)


def test_several_monitors_record_the_same_training_each_in_its_own_directory(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monitors = [NaNMonitor(tmp_path / name) for name in "abc"]
    model, counting = compiled(), Counting()
    fit(model, SOUND)
    function = model.train_function

    fit(model, BROKEN, monitors[1], first := Counting())
    fit(model, BROKEN, *monitors, counting)

    assert first.batches == counting.batches == 6
    one, two, three = (read(tmp_path / name) for name in "abc")
    assert one.steps.tolist() == three.steps.tolist() == list(range(6))
    assert two.steps.tolist() == list(range(12))  # it was used before, and goes on counting
    assert one.columns == two.columns == three.columns
    np.testing.assert_array_equal(one.values, two.values[6:])
    np.testing.assert_array_equal(one.values, three.values)
    assert len(said(capfd)) == 3
    assert model.train_function is function
    assert "train_step" not in vars(model)


def test_of_several_monitors_each_does_what_it_was_asked_to(tmp_path: Path) -> None:
    choices: list[OnNonfinite] = ["warn", "skip", "stop"]
    monitors = [NaNMonitor(tmp_path / choice, choice) for choice in choices]
    model, counting = compiled(), Counting()

    fit(model, BROKEN, *monitors, counting, epochs=2)

    assert counting.batches == 3
    assert [read(tmp_path / c).steps.tolist() for c in choices] == [[0, 1, 2]] * 3
    assert np.isfinite(np.concatenate([w.ravel() for w in model.get_weights()])).all()


def test_one_monitor_that_cannot_write_does_not_stop_the_others(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    model = compiled()

    fit(model, SOUND, NaNMonitor(tmp_path / "file" / "run"), NaNMonitor(tmp_path / "good"))

    assert read(tmp_path / "good").steps.tolist() == list(range(6))
    (line,) = said(capfd)
    assert "could not start recording" in line
    assert "train_step" not in vars(model)


def test_a_distributed_training_is_not_recorded_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = compiled()
    monkeypatch.setattr(
        type(model),
        "distribute_strategy",
        property(lambda _: type("Two", (), {"num_replicas_in_sync": 2})),
    )
    monitor = NaNMonitor(tmp_path)
    monitor.set_model(model)

    monitor.on_train_begin()
    monitor.on_epoch_end(0)
    monitor.on_train_end()

    (line,) = said(capfd)
    assert "nothing is recorded: the training is distributed over several replicas" in line


SLOW_TRAINING = """
import sys, time
import keras, numpy as np
from tb_nan_plugin import NaNMonitor
from tb_nan_plugin.keras.monitor import OnNonfinite

class Slow(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print("batch", flush=True)
        time.sleep(0.05)

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", jit_compile=False)
x = np.ones((100_000, 4), np.float32)
model.fit(x, x[:, :1], batch_size=1, verbose=0, callbacks=[NaNMonitor(sys.argv[1]), Slow()])
"""


def test_a_killed_process_leaves_all_but_about_the_last_second(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW_TRAINING)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(script), str(tmp_path / "log")]
    batches = 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        began = time.monotonic()
        while batches < 60 and time.monotonic() - began < 60:
            batches += process.stdout.readline() == "batch\n"
        process.send_signal(signal.SIGKILL)
        batches += process.stdout.read().count("batch\n")

    (file,) = (tmp_path / "log").iterdir()
    steps: list[int] = []
    for record in tf.data.TFRecordDataset(str(file)):  # raises where a frame is damaged
        for value in event_pb2.Event.FromString(record.numpy()).summary.value:
            if value.tag != TAG:
                continue
            block = unpack(value.tensor.string_val[0])
            if isinstance(block, RowBlock):
                steps.extend(block.steps.tolist())
    assert batches >= 60
    assert steps == list(range(len(steps)))
    assert batches - len(steps) < 30  # of 0.05 s and more each
