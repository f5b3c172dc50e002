"""Beside Keras' own callbacks, everything is as it is without the monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from click.testing import CliRunner

from analyzer.cli import main
from tb_nan_plugin import NaNMonitor
from tests.tb_nan_plugin.keras.programs import BATCH, SQUARED, regression, table, with_cell
from tests.tb_nan_plugin.recordings import read

Y = table(1)
BROKEN = with_cell(np.nan, 17, 2)  # in step 2 of every epoch


def compiled() -> Any:
    keras.utils.clear_session()  # or the second model is named otherwise
    model = regression()
    model.compile(keras.optimizers.Adam(0.01, use_ema=True), SQUARED, jit_compile=False)
    return model


def company(where: Path) -> list[Any]:
    return [
        keras.callbacks.TensorBoard(where / "board", update_freq=1, histogram_freq=1),
        keras.callbacks.ModelCheckpoint(where / "best.keras", "loss", save_best_only=True),
        keras.callbacks.EarlyStopping("loss", patience=1),
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        keras.callbacks.TerminateOnNaN(),
    ]


def trained(where: Path, x: Any, *monitors: Any) -> Any:
    model = compiled()
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    for begin, end in [(1, 3), (4, 6)]:
        callbacks = [*company(where), *monitors]
        ends = {"initial_epoch": begin, "epochs": end, "callbacks": callbacks}
        model.fit(x, Y, validation_data=(table(), Y), **ends, **options)
    return model


def test_all_of_them_do_what_they_do_without_the_monitor(tmp_path: Path) -> None:
    plain = trained(tmp_path / "plain", table())

    model = trained(tmp_path / "recorded", table(), NaNMonitor(tmp_path / "log", "stop"))

    assert model.history.history == plain.history.history
    assert model.history.epoch == plain.history.epoch
    for one, other in zip(plain.variables, model.variables, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes(), one.path
    best = [keras.models.load_model(tmp_path / w / "best.keras") for w in ("plain", "recorded")]
    for one, other in zip(best[0].get_weights(), best[1].get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()
    steps = 6 * len([*plain.history.epoch, 1, 2])
    first = 6  # `fit` was told that one epoch is done
    assert read(tmp_path / "log").steps.tolist() == list(range(first, first + steps))
    assert read(tmp_path / "log").trouble is None


def test_with_skip_they_never_hear_of_the_bad_steps(tmp_path: Path) -> None:
    model = trained(tmp_path, BROKEN, NaNMonitor(tmp_path / "board", "skip"))

    assert model.history.epoch == [4, 5]
    assert np.isfinite(model.history.history["loss"]).all()
    loaded = keras.models.load_model(tmp_path / "best.keras")
    assert all(np.isfinite(w).all() for w in loaded.get_weights())
    answer = CliRunner().invoke(main, ["analyze", str(tmp_path / "board")], terminal_width=200)
    said = " ".join(answer.output.replace("│", " ").split())
    assert "RECOVERED" in said
    assert "The updates of 4 steps were taken back by on_nonfinite" in said
    assert "8, 14, 20, 26." in said  # counted from the epoch that `fit` began with


def test_a_saved_model_does_not_know_that_it_was_monitored(tmp_path: Path) -> None:
    def saved(name: str, *callbacks: Any) -> Any:
        model = compiled()
        model.fit(table(), Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=callbacks)
        model.save(tmp_path / f"{name}.keras")
        return keras.models.load_model(tmp_path / f"{name}.keras")

    plain, monitored = saved("plain"), saved("monitored", NaNMonitor(tmp_path / "log", "skip"))

    assert plain.get_config() == monitored.get_config()
    assert plain.get_compile_config() == monitored.get_compile_config()
    assert [v.path for v in plain.variables] == [v.path for v in monitored.variables]
    before = [*plain.variables, *plain.optimizer.variables]
    after = [*monitored.variables, *monitored.optimizer.variables]
    for one, other in zip(before, after, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes(), one.path
