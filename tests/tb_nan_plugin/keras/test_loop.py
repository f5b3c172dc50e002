"""Loops written by hand are recorded as `fit` is, and what was asked for is done there too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_nan_plugin import NaNMonitor, NonFiniteError
from tests.tb_nan_plugin.keras.oracle import Oracle, batches_of
from tests.tb_nan_plugin.keras.programs import BATCH, SQUARED, regression, sgd, table, with_cell
from tests.tb_nan_plugin.recordings import read

Y = table(1)
BROKEN = with_cell(np.nan, 17, 2)  # in step 2
Train = Callable[[Any, Any], Any]


def with_tape(monitor: NaNMonitor, model: Any, optimizer: Any) -> Train:
    def train(x: Any, y: Any) -> Any:
        with monitor.step(x, y):
            with tf.GradientTape() as tape:
                loss = SQUARED(y, model(x, training=True))
                scaled = optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
        return loss

    return train


WAYS: dict[str, Callable[[Train], Train]] = {
    "eager": lambda train: train,
    "tf.function": tf.function,
    "xla": lambda train: tf.function(train, jit_compile=True),
}


def loop(monitor: NaNMonitor, train: Train, x: Any) -> int:
    """Train one epoch and return how many batches were taken."""
    taken = 0
    for features, targets in tf.data.Dataset.from_tensor_slices((x, Y)).batch(BATCH):
        train(features, targets)
        taken += 1
        if monitor.stopped:
            break
    return taken


@pytest.mark.parametrize("way", WAYS)
def test_figures_are_those_of_the_oracle(way: str, tmp_path: Path) -> None:
    oracle = Oracle(regression(), SQUARED, sgd()()).train(batches_of(table(), Y, BATCH))
    model, optimizer = regression(), sgd()()

    with NaNMonitor(tmp_path).watch(model, optimizer) as monitor:
        loop(monitor, WAYS[way](with_tape(monitor, model, optimizer)), table())

    recorded, truth = read(tmp_path), oracle.steps
    assert recorded.steps.tolist() == list(range(6))
    assert recorded.environment["unobserved"] == {}
    assert recorded.environment["optimizer"]["class"] == "SGD"
    np.testing.assert_allclose(recorded.series("loss"), truth.loss, rtol=1e-4)
    np.testing.assert_allclose(recorded.series("learning_rate"), truth.learning_rate, rtol=1e-6)
    for signal, expected in [
        ("gradient_norm", truth.gradient_norm),
        ("output_norm", truth.output_norm),
        ("weight_norm", truth.weight_norm),
    ]:
        assert set(recorded.places(signal)) == set(expected)
        for place, values in expected.items():
            np.testing.assert_allclose(recorded.series(signal, place), values, rtol=1e-4, atol=1e-6)
    sizes = recorded.series("batch_size")
    assert sizes.tolist() == [BATCH] * 6


@pytest.mark.parametrize("way", WAYS)
def test_stop_halts_the_loop_with_the_weights_as_they_were(way: str, tmp_path: Path) -> None:
    plain = Oracle(regression(), SQUARED, sgd()())
    plain.train(batches_of(table()[: 2 * BATCH], Y[: 2 * BATCH], BATCH))
    model, optimizer = regression(), sgd()()

    with NaNMonitor(tmp_path, "stop").watch(model, optimizer) as monitor:
        taken = loop(monitor, WAYS[way](with_tape(monitor, model, optimizer)), BROKEN)

    assert taken == 3
    assert int(optimizer.iterations) == 2
    assert read(tmp_path).steps.tolist() == [0, 1, 2]
    for one, other in zip(plain._model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_an_epoch_inside_one_function_is_halted_and_recorded_too(tmp_path: Path) -> None:
    plain = Oracle(regression(), SQUARED, sgd()())
    plain.train(batches_of(table()[: 2 * BATCH], Y[: 2 * BATCH], BATCH))
    model, optimizer = regression(), sgd()()
    data = tf.data.Dataset.from_tensor_slices((BROKEN, Y)).batch(BATCH)

    with NaNMonitor(tmp_path, "stop").watch(model, optimizer) as monitor:
        train = with_tape(monitor, model, optimizer)

        def epoch() -> None:
            for x, y in data:
                train(x, y)

        tf.function(epoch)()
        assert monitor.stopped

    assert read(tmp_path).steps.tolist() == [0, 1, 2]
    for one, other in zip(plain._model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_raise_says_step_phase_and_place(way: str, tmp_path: Path) -> None:
    model, optimizer = regression(), sgd()()

    with (
        pytest.raises(NonFiniteError, match="step 2, input: feature 2 of the input holds NaN"),
        NaNMonitor(tmp_path, "raise").watch(model, optimizer) as monitor,
    ):
        loop(monitor, WAYS[way](with_tape(monitor, model, optimizer)), BROKEN)

    assert int(optimizer.iterations) == 2
    assert "make_train_function" not in vars(model)


def test_an_error_that_was_caught_is_not_raised_again(tmp_path: Path) -> None:
    model, optimizer = regression(), sgd()()

    with NaNMonitor(tmp_path, "raise").watch(model, optimizer) as monitor:
        with pytest.raises(NonFiniteError):
            loop(monitor, with_tape(monitor, model, optimizer), BROKEN)
        with monitor.step(table(), Y):
            pass

    assert read(tmp_path).steps.tolist() == [0, 1, 2]


def test_skip_leaves_the_bad_batch_out(tmp_path: Path) -> None:
    sound = np.r_[0 : 2 * BATCH, 3 * BATCH : 6 * BATCH]
    plain = Oracle(regression(), SQUARED, sgd()())
    plain.train(batches_of(table()[sound], Y[sound], BATCH))
    model, optimizer = regression(), sgd()()

    with NaNMonitor(tmp_path, "skip").watch(model, optimizer) as monitor:
        loop(monitor, tf.function(with_tape(monitor, model, optimizer)), BROKEN)

    assert int(optimizer.iterations) == 5
    assert read(tmp_path).series("update_skipped").tolist() == [0, 0, 1, 0, 0, 0]
    for one, other in zip(plain._model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_after_a_stop_the_same_function_trains_on(tmp_path: Path) -> None:
    model, optimizer = regression(), sgd()()
    with NaNMonitor(tmp_path, "stop").watch(model, optimizer) as monitor:
        train = tf.function(with_tape(monitor, model, optimizer))
        loop(monitor, train, BROKEN)
    before = model.get_weights()

    train(tf.constant(table()[:BATCH]), tf.constant(Y[:BATCH]))

    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    assert read(tmp_path).steps.tolist() == [0, 1, 2]


def test_more_steps_than_the_ring_holds_are_all_recorded(tmp_path: Path) -> None:
    model, optimizer = regression(), sgd(0.0)()
    x = np.arange(700, dtype=np.float32)[:, None] * np.ones(4, np.float32) / 700
    data = tf.data.Dataset.from_tensor_slices((x, x[:, :1])).batch(1)

    with NaNMonitor(tmp_path).watch(model, optimizer) as monitor:
        train = tf.function(with_tape(monitor, model, optimizer))
        for features, targets in data:
            train(features, targets)

    recorded = read(tmp_path)
    assert recorded.steps.tolist() == list(range(700))
    assert recorded.series("input_mean", "feature 0").tolist() == x[:, 0].tolist()


def test_weights_are_those_of_the_loop_without_a_monitor(tmp_path: Path) -> None:
    def trained(where: Path | None) -> list[Any]:
        model, optimizer = regression(), keras.optimizers.Adam()
        monitor = NaNMonitor(tmp_path if where is None else where)
        train = tf.function(with_tape(monitor, model, optimizer))
        if where is None:  # a step of a monitor that watches nothing is no step
            loop(monitor, train, table())
        else:
            with monitor.watch(model, optimizer):
                loop(monitor, train, table())
        return [*model.get_weights()]

    plain, recorded = trained(None), trained(tmp_path / "recorded")

    assert [w.tobytes() for w in plain] == [w.tobytes() for w in recorded]
    assert [path.name for path in tmp_path.iterdir()] == ["recorded"]


def test_an_update_without_an_optimizer_and_a_loss_that_is_told_are_recorded(
    tmp_path: Path,
) -> None:
    model = regression()
    with NaNMonitor(tmp_path).watch(model) as monitor, monitor.step(table(), Y) as step:
        with tf.GradientTape() as tape:
            loss = SQUARED(Y, model(table()))
            step.loss(loss)
            doubled = 2 * loss
        gradients = tape.gradient(doubled, model.trainable_variables)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            variable.assign_sub(0.01 * gradient)

    recorded = read(tmp_path)
    assert recorded.series("loss").tolist() == [float(loss)]
    expected = np.linalg.norm(gradients[0])
    np.testing.assert_allclose(recorded.series("gradient_norm", "first/kernel"), expected, 1e-5)


def test_a_function_traced_too_early_is_said_to_have_no_place(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, optimizer, monitor = regression(), sgd()(), NaNMonitor(tmp_path)
    train = tf.function(with_tape(monitor, model, optimizer))
    loop(monitor, train, table())

    with monitor.watch(model, optimizer):
        loop(monitor, train, table())

    assert "NaNMonitor: no step was seen. A tf.function that was called" in capfd.readouterr().err


def test_an_error_in_the_block_is_the_users_own(tmp_path: Path) -> None:
    model, optimizer = regression(), sgd()()
    gradient = tf.GradientTape.gradient

    with NaNMonitor(tmp_path).watch(model, optimizer) as monitor:
        with pytest.raises(LookupError), monitor.step(table(), Y):
            raise LookupError("not ours")
        with_tape(monitor, model, optimizer)(tf.constant(table()), tf.constant(Y))

    assert tf.GradientTape.gradient is gradient
    assert "scale_loss" not in vars(optimizer)
    assert read(tmp_path).steps.tolist() == [0]


@pytest.mark.parametrize(
    "how", [{}, {"run_eagerly": True}, {"steps_per_execution": 4}, {"jit_compile": True}], ids=str
)
def test_train_on_batch_is_recorded_while_the_model_is_watched(
    how: dict[str, Any], tmp_path: Path
) -> None:
    oracle = Oracle(regression(), SQUARED, sgd()()).train(batches_of(table(), Y, BATCH))
    model = regression()
    model.compile(sgd()(), SQUARED, **{"jit_compile": False, **how})

    with NaNMonitor(tmp_path).watch(model):
        for x, y in batches_of(table(), Y, BATCH):
            model.train_on_batch(x, y)
    model.train_on_batch(table()[:BATCH], Y[:BATCH])

    recorded = read(tmp_path)
    assert recorded.steps.tolist() == list(range(6))
    np.testing.assert_allclose(recorded.series("loss"), oracle.steps.loss, rtol=1e-4)
    assert recorded.series("input_nan", "feature 2").tolist() == [0] * 6
    assert "train_step" not in vars(model)


def test_train_on_batch_between_the_callbacks_own_begin_and_end(tmp_path: Path) -> None:
    model = regression()
    model.compile(sgd()(), SQUARED, jit_compile=False)
    callbacks = keras.callbacks.CallbackList([NaNMonitor(tmp_path, "skip")], model=model)

    callbacks.on_train_begin()
    for x, y in batches_of(BROKEN, Y, BATCH):
        model.train_on_batch(x, y)
    callbacks.on_train_end()

    assert read(tmp_path).series("update_skipped").tolist() == [0, 0, 1, 0, 0, 0]
    assert np.isfinite(model.get_weights()[0]).all()
