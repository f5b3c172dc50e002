"""What a user meets: one line of warning, a stop when asked for, a count of steps that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tb_nan_plugin.keras.session as session_module
from tb_nan_plugin import NaNMonitor, NonFiniteError
from tb_nan_plugin.keras.monitor import OnNonfinite
from tb_nan_plugin.probes import inputs, loss
from tb_nan_plugin.signals import Phase
from tests.tb_nan_plugin.keras.programs import BATCH, SQUARED, regression, sgd, table, with_cell
from tests.tb_nan_plugin.recordings import events, read

SOUND = table()
BROKEN = with_cell(np.nan, 17, 2)  # in step 2


def compiled(rate: float = 0.01, **how: Any) -> Any:
    model = regression()
    model.compile(sgd(rate)(), SQUARED, **{"jit_compile": False, **how})
    return model


def fit(model: Any, x: Any, *callbacks: Any, **options: Any) -> Any:
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **options}
    return model.fit(x, np.resize(table(1), (len(x), 1)), callbacks=callbacks, **options)


def said(capfd: pytest.CaptureFixture[str]) -> list[str]:
    captured = capfd.readouterr()
    assert "NaNMonitor" not in captured.out
    return [line for line in captured.err.splitlines() if "NaNMonitor" in line]


class Counting(keras.callbacks.Callback):  # type: ignore[misc]
    """Counts the batches that really ran."""

    batches = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1


def test_a_warning_is_one_line_with_step_phase_place_and_the_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fit(compiled(), BROKEN, NaNMonitor(tmp_path), epochs=3, verbose=2)

    assert said(capfd) == [
        "NaNMonitor: step 2, input: feature 2 of the input holds NaN. "
        f"Why: tb-nan analyze {tmp_path}"
    ]


def test_a_sound_training_is_left_in_peace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fit(compiled(), SOUND, NaNMonitor(str(tmp_path)), epochs=2)

    assert said(capfd) == []
    assert read(tmp_path).steps.tolist() == list(range(12))


def test_stop_ends_the_training_after_the_step_in_which_it_happened(tmp_path: Path) -> None:
    counting = Counting()

    history = fit(compiled(), BROKEN, NaNMonitor(tmp_path, "stop"), counting, epochs=5)

    assert counting.batches == 3
    assert history.epoch == [0]
    assert read(tmp_path).steps.tolist() == [0, 1, 2]


def test_raise_says_where_it_happened(tmp_path: Path) -> None:
    counting, model = Counting(), compiled()

    with pytest.raises(NonFiniteError, match="step 2, input: feature 2 of the input") as failure:
        fit(model, BROKEN, NaNMonitor(tmp_path, on_nonfinite="raise"), counting)

    trouble = failure.value.trouble
    assert (trouble.step, trouble.phase, trouble.where) == (2, Phase.INPUT, "feature 2")
    assert counting.batches == 2
    assert read(tmp_path).steps.tolist() == [0, 1, 2]
    assert "train_step" not in vars(model)
    fit(model, SOUND)


@pytest.mark.parametrize("choice", ["warn", "stop", "raise"])
def test_a_bad_update_is_blamed_alike_whatever_was_asked_for(
    choice: OnNonfinite, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    counting = Counting()
    with suppress(NonFiniteError):
        fit(compiled(np.inf), SOUND, NaNMonitor(tmp_path, choice), counting)

    assert counting.batches == {"warn": 6, "stop": 1, "raise": 0}[choice]
    (line,) = said(capfd)
    assert "step 0, update: first/kernel became" in line


def test_a_bad_update_just_before_the_ring_is_read_is_still_an_update(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "FLUSH_SECONDS", 0.0)

    fit(compiled(np.inf), SOUND, NaNMonitor(tmp_path))

    (line,) = said(capfd)
    assert "step 0, update: first/kernel became" in line


def test_an_unknown_choice_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'explode' is not known.*'warn', 'stop', 'raise'"):
        NaNMonitor(tmp_path, "explode")  # type: ignore[arg-type]


def test_a_log_dir_that_is_no_path_is_refused() -> None:
    with pytest.raises(TypeError):
        NaNMonitor(7)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 5, 48])
def test_every_batch_is_a_step_whatever_its_size(size: int, tmp_path: Path) -> None:
    fit(compiled(), SOUND[:23], NaNMonitor(tmp_path), batch_size=size)

    sizes = [len(SOUND[:23][i : i + size]) for i in range(0, 23, size)]
    recorded = read(tmp_path)
    assert recorded.steps.tolist() == list(range(len(sizes)))
    assert recorded.series("batch_size").tolist() == sizes


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_second_fit_goes_on_counting(at_once: int, tmp_path: Path) -> None:
    model, monitor = compiled(steps_per_execution=at_once), NaNMonitor(tmp_path)

    fit(model, SOUND, monitor)
    fit(model, SOUND, monitor, epochs=2)

    assert read(tmp_path).steps.tolist() == list(range(18))


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_source_of_unknown_length_is_recorded_to_its_end(at_once: int, tmp_path: Path) -> None:
    model = compiled(steps_per_execution=at_once)
    batches = tf.data.Dataset.from_tensor_slices((SOUND, table(1))).batch(5).filter(lambda *_: True)

    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(batches, shuffle=False, epochs=3, verbose=0, callbacks=[NaNMonitor(tmp_path)])

    recorded = read(tmp_path)
    assert recorded.steps.tolist() == list(range(30))
    assert recorded.series("batch_size").tolist() == [*[5] * 9, 3] * 3


def test_more_steps_than_the_ring_holds_are_all_recorded(tmp_path: Path) -> None:
    x = np.arange(800, dtype=np.float32)[:, None] * np.ones(4, np.float32) / 800
    fit(compiled(), x, NaNMonitor(tmp_path), batch_size=1)

    recorded = read(tmp_path)
    assert recorded.steps.tolist() == list(range(800))
    assert recorded.series("input_mean", "feature 0").tolist() == x[:, 0].tolist()


def test_validation_is_not_taken_for_training(tmp_path: Path) -> None:
    options = {"validation_data": (BROKEN, table(1)), "epochs": 2}

    fit(compiled(), SOUND, NaNMonitor(tmp_path), **options)

    recorded = read(tmp_path)
    assert recorded.steps.tolist() == list(range(12))
    assert not recorded.series("input_nan", "feature 2").any()


def test_what_keras_reports_of_an_epoch_is_written_as_scalars(tmp_path: Path) -> None:
    history = fit(compiled(), SOUND, NaNMonitor(tmp_path), epochs=3).history

    np.testing.assert_allclose(read(tmp_path).scalars["epoch_loss"], history["loss"])


@pytest.mark.parametrize("module", [inputs, loss], ids=["inputs", "loss"])
def test_a_probe_that_fails_is_listed_and_the_training_goes_on(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ArithmeticError("a mistake of ours")

    name = "measure" if module is inputs else "measure_loss"
    monkeypatch.setattr(module, name, fail)
    history = fit(compiled(), SOUND, NaNMonitor(tmp_path))

    recorded = read(tmp_path)
    what = "inputs and targets" if module is inputs else "loss"
    assert recorded.environment["unobserved"] == {what: "ArithmeticError: a mistake of ours"}
    assert recorded.series("output_norm", "last").shape == (6,)
    assert np.isfinite(history.history["loss"]).all()


def test_a_layer_inside_a_loop_is_listed_as_unobserved(tmp_path: Path) -> None:
    inner = keras.layers.Dense(2, name="inner")

    class Mapped(keras.layers.Layer):  # type: ignore[misc]
        def build(self, shape: Sequence[int]) -> None:
            inner.build(shape)
            self.inner = inner

        def call(self, x: Any) -> Any:
            return tf.map_fn(lambda row: self.inner(row[None])[0], x)

    model = keras.Sequential([keras.Input((4,)), Mapped(name="mapped"), keras.layers.Dense(1)])
    model.compile(sgd()(), SQUARED, jit_compile=False)
    fit(model, SOUND, NaNMonitor(tmp_path))

    unobserved = read(tmp_path).environment["unobserved"]
    assert set(unobserved.values()) == {"it runs inside a loop or a function of its own"}
    assert [place for place in unobserved if place.endswith("inner")]
    assert read(tmp_path).series("output_norm", "mapped").shape == (6,)


def test_two_variables_of_one_name_are_both_watched(tmp_path: Path) -> None:
    def part(width: int) -> Any:
        inside = keras.Input((width,))
        return keras.Model(inside, keras.layers.Dense(3, name="hidden")(inside))

    start = keras.Input((4,))
    first, second = part(4), part(3)
    model = keras.Model(start, keras.layers.Dense(1, name="last")(second(first(start))))
    kernel, bias = second.get_weights()
    second.set_weights([kernel * np.nan, bias])
    model.compile(sgd()(), SQUARED, jit_compile=False)

    fit(model, SOUND, NaNMonitor(tmp_path))

    recorded = read(tmp_path)
    assert len(recorded.places("weight_norm")) == len(recorded.places("gradient_norm")) == 6
    assert recorded.trouble is not None
    assert recorded.trouble.phase is Phase.WEIGHTS


def test_without_a_graph_the_traces_do_not_pile_up(tmp_path: Path) -> None:
    monitor = NaNMonitor(tmp_path)

    class Look(keras.callbacks.Callback):  # type: ignore[misc]
        traces = 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            assert monitor._observation is not None
            self.traces = len(monitor._observation._ring._traces)

    look = Look()
    fit(compiled(run_eagerly=True), SOUND[:9], monitor, look, batch_size=2, epochs=2)

    assert look.traces == 1
    assert read(tmp_path).steps.tolist() == list(range(10))
    assert len(events(tmp_path)) > 3
