"""What is taken back is exactly the harmed step, and nothing of it stays behind.

Two oracles that share no code with the guard: the same training on the sound batches alone, bit for
bit; and an eager loop that keeps a copy of everything before each step and puts it back itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_nan_plugin import NaNMonitor, NonFiniteError
from tb_nan_plugin.keras import guard
from tests.tb_nan_plugin.keras.programs import BATCH, SQUARED, STEPS, Length, table
from tests.tb_nan_plugin.recordings import read

MODES: dict[str, dict[str, Any]] = {
    "graph": {},
    "eager": {"run_eagerly": True},
    "xla": {"jit_compile": True},
    "four at once": {"steps_per_execution": 4},
    "all at once": {"steps_per_execution": 8},
    "all at once, xla": {"steps_per_execution": 8, "jit_compile": True},
}
EXACT = ("graph", "eager", "four at once", "all at once")


class Volatile(keras.optimizers.SGD):  # type: ignore[misc]
    """Makes Inf of a gradient that is finite but large."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        size = tf.reduce_max(tf.abs(gradient))
        super().update_step(gradient * tf.exp(size * 1e-4), variable, learning_rate)


def everything() -> Any:
    """A model with every sort of state: moving statistics, random seeds, metrics."""
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, activation="relu", name="first"),
            keras.layers.BatchNormalization(name="normal"),
            keras.layers.Dropout(0.4, seed=3, name="dropped"),
            keras.layers.Dense(1, name="last"),
        ],
        name="everything",
    )


def lengths() -> Any:
    keras.utils.set_random_seed(7)
    first = keras.layers.Dense(5, use_bias=False, name="first")
    last = keras.layers.Dense(1, name="last")
    return keras.Sequential([keras.Input((4,)), first, Length(name="length"), last], name="lengths")


@dataclass(frozen=True)
class Harm:
    """A training of six batches, some of which do harm.

    Attributes:
        bad: The batches that do.
        phase: Where it shows first.
        x: Inputs.
        y: Targets.
        model: Makes the model, with the same weights every time.
        optimizer: Makes the optimizer.
    """

    bad: tuple[int, ...]
    phase: str
    x: Any
    y: Any
    model: Callable[[], Any] = everything
    optimizer: Callable[[], Any] = lambda: keras.optimizers.Adam(0.01, use_ema=True)

    def rows(self, batches: Any) -> Any:
        return np.concatenate([np.arange(BATCH * b, BATCH * (b + 1)) for b in batches])

    @property
    def sound(self) -> list[int]:
        return [batch for batch in range(STEPS) if batch not in self.bad]

    def compiled(self, **how: Any) -> Any:
        model = self.model()
        model.compile(self.optimizer(), SQUARED, metrics=["mae"], **{"jit_compile": False, **how})
        return model

    def fit(self, batches: Any, *callbacks: Any, model: Any = None, **how: Any) -> Any:
        model = model or self.compiled(**how)
        rows = self.rows(batches)
        options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, "callbacks": callbacks}
        model.fit(self.x[rows], self.y[rows], **options)
        return model


def put(array: Any, value: float, *batches: int) -> Any:
    array = array.copy()
    for batch in batches:
        array[batch * BATCH + 1] = value
    return array


X, Y = table(), table(1)
HARMS = {
    "NaN in the input": Harm((2, 4), "input", put(X, np.nan, 2, 4), Y),
    "Inf in a target": Harm((2, 3), "target", X, put(Y, np.inf, 2, 3)),
    "a loss that overflows": Harm((1, 5), "loss", X, put(Y, 1e30, 1, 5)),
    "a slope of 0/0": Harm(
        (2, 3), "backward", put(X, 0.0, 2, 3), Y, lengths, lambda: keras.optimizers.Adam(0.01)
    ),
    "an update of finite gradients": Harm(
        (1, 4), "update", X, put(Y, 1e7, 1, 4), everything, lambda: Volatile(1e-3, momentum=0.9)
    ),
    "accumulated gradients": Harm(
        (1, 4),
        "input",
        put(X, np.nan, 1, 4),
        Y,
        everything,
        lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    ),
}
CASES = [
    pytest.param(name, mode, id=f"{name}, {mode}")
    for name in HARMS
    for mode in MODES
    if mode in ("graph", "all at once") or name == "an update of finite gradients"
]


def state(model: Any) -> dict[str, Any]:
    held = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return {f"{i} {v.name}": v.numpy() for i, v in enumerate(held)}


def assert_same(one: dict[str, Any], other: dict[str, Any], *, exactly: bool) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        if exactly:
            assert value.tobytes() == other[name].tobytes(), name
        else:
            np.testing.assert_allclose(value, other[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_skip_is_a_training_on_the_sound_batches_alone(
    name: str, mode: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    harm, how = HARMS[name], MODES[mode]
    plain = harm.fit(harm.sound, **how)

    model = harm.fit(range(STEPS), NaNMonitor(tmp_path, "skip"), **how)

    assert_same(state(plain), state(model), exactly=mode in EXACT)
    recorded = read(tmp_path)
    assert recorded.steps.tolist() == list(range(STEPS))
    assert np.flatnonzero(recorded.series("update_skipped")).tolist() == list(harm.bad)
    said = [line for line in capfd.readouterr().err.splitlines() if "NaNMonitor" in line]
    assert len(said) == 2
    assert f"step {harm.bad[0]}, {harm.phase}: " in said[0]
    assert said[0].split(". ")[1] == "Its update was left out, and training goes on"
    assert said[1] == (
        f"NaNMonitor: the updates of 2 steps were left out: {harm.bad[0]}, {harm.bad[1]}."
    )


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_stop_leaves_everything_as_it_was_before_the_step(
    name: str, mode: str, tmp_path: Path
) -> None:
    harm, how = HARMS[name], MODES[mode]
    first = harm.bad[0]
    plain = harm.fit(range(first), **how)

    model = harm.fit(range(STEPS), NaNMonitor(tmp_path, "stop"), **how)

    assert_same(state(plain), state(model), exactly=mode in EXACT)
    recorded = read(tmp_path)
    assert recorded.steps.tolist() == list(range(first + 1))
    assert recorded.series("update_skipped").tolist() == [0.0] * first + [1.0]
    assert recorded.trouble is not None
    assert (recorded.trouble.step, recorded.trouble.phase.value) == (first, harm.phase)


@pytest.mark.parametrize("mode", ["graph", "all at once"])
def test_raise_says_step_phase_and_place_and_leaves_everything_as_it_was(
    mode: str, tmp_path: Path
) -> None:
    harm, how = HARMS["an update of finite gradients"], MODES[mode]
    plain, model = harm.fit(range(1), **how), harm.compiled(**how)

    with pytest.raises(NonFiniteError, match="step 1, update: first/kernel became") as failure:
        harm.fit(range(STEPS), NaNMonitor(tmp_path, "raise"), model=model)

    trouble = failure.value.trouble
    assert (trouble.step, trouble.phase.value, trouble.where) == (1, "update", "first/kernel")
    assert_same(state(plain), state(model), exactly=True)


class Eager:
    """The same training step by step, with a copy of everything kept before each."""

    def __init__(self, harm: Harm) -> None:
        self.skipped: list[int] = []
        self._harm = harm
        self.model = harm.compiled(run_eagerly=True)
        self.model.optimizer.build(self.model.trainable_variables)

    def train(self, *, stop: bool) -> Eager:
        for step in range(STEPS):
            rows = self._harm.rows([step])
            held = [*self.model.variables, *self.model.optimizer.variables]
            kept = [v.numpy().copy() for v in held]
            if self._step(tf.constant(self._harm.x[rows]), tf.constant(self._harm.y[rows])):
                continue
            self.skipped.append(step)
            for variable, value in zip(held, kept, strict=True):
                variable.assign(value)
            if stop:
                break
        self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        return self

    def _step(self, x: Any, y: Any) -> bool:
        model = self.model
        with tf.GradientTape() as tape:
            loss = SQUARED(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        return all(np.isfinite(v).all() for v in [loss, *gradients, *model.weights])


@pytest.mark.parametrize("choice", ["stop", "skip"])
@pytest.mark.parametrize("name", sorted(HARMS))
def test_an_eager_loop_that_keeps_copies_ends_with_the_same_weights(
    name: str, choice: Any, tmp_path: Path
) -> None:
    harm = HARMS[name]
    oracle = Eager(harm).train(stop=choice == "stop")

    model = harm.fit(range(STEPS), NaNMonitor(tmp_path, choice), steps_per_execution=4)

    assert oracle.skipped == list(harm.bad)[: 1 if choice == "stop" else None]
    kept = [*model.variables, *model.optimizer.variables]
    expected = [*oracle.model.variables, *oracle.model.optimizer.variables]
    for one, other in zip(expected, kept, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5, err_msg=one.path)
    assert np.flatnonzero(read(tmp_path).series("update_skipped")).tolist() == oracle.skipped


@pytest.mark.parametrize("averaged", [False, True], ids=["", "with averaged weights"])
def test_the_very_first_step_is_taken_back_too(averaged: bool, tmp_path: Path) -> None:
    def optimizer() -> Any:
        return keras.optimizers.Adam(use_ema=averaged)

    harm = Harm((0,), "input", put(X, np.nan, 0), Y, everything, optimizer)

    model = harm.fit(range(STEPS), NaNMonitor(tmp_path, "stop"))

    for one, other in zip(harm.compiled().variables, model.variables, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes(), one.path
    assert int(model.optimizer.iterations) == 0


def test_what_is_reported_of_an_epoch_leaves_skipped_steps_out(tmp_path: Path) -> None:
    harm = HARMS["NaN in the input"]
    plain = harm.fit(harm.sound).history.history

    model = harm.fit(range(STEPS), NaNMonitor(tmp_path, "skip"))

    assert model.history.history == plain


def test_nothing_is_added_to_the_step_where_nobody_asked(tmp_path: Path) -> None:
    harm = HARMS["NaN in the input"]

    harm.fit(harm.sound, NaNMonitor(tmp_path))

    signals = {column.signal for column in read(tmp_path).columns}
    assert "update_skipped" not in signals


class Rivals(keras.Model):  # type: ignore[misc]
    """Two parts, two optimizers, a training step of its own, and no loss that Keras knows."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = keras.layers.Dense(3), keras.layers.Dense(1)

    def compile(self, left: Any, right: Any) -> None:
        super().compile(jit_compile=False)
        self.left_optimizer, self.right_optimizer = left, right

    def call(self, x: Any) -> Any:
        return self.right(self.left(x))

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape(persistent=True) as tape:
            wrong = self(x, training=True) - y
            squared, absolute = tf.reduce_mean(wrong * wrong), tf.reduce_mean(tf.abs(wrong))
        for part, optimizer, loss in [
            (self.left, self.left_optimizer, squared),
            (self.right, self.right_optimizer, absolute),
        ]:
            variables = part.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return {"squared": squared, "absolute": absolute}


def test_a_training_step_of_ones_own_with_two_optimizers_is_taken_back_as_a_whole(
    tmp_path: Path,
) -> None:
    def trained(x: Any, y: Any, *callbacks: Any) -> Any:
        keras.utils.set_random_seed(7)
        model = Rivals()
        model(x[:1])
        model.compile(keras.optimizers.Adam(), keras.optimizers.SGD(0.01, momentum=0.9))
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=callbacks)
        optimizers = [*model.left_optimizer.variables, *model.right_optimizer.variables]
        return [v.numpy().tobytes() for v in [*model.variables, *optimizers]]

    sound = np.delete(np.arange(BATCH * STEPS), slice(2 * BATCH, 3 * BATCH))
    plain = trained(X[sound], Y[sound])

    kept = trained(put(X, np.nan, 2), Y, NaNMonitor(tmp_path, "skip"))

    assert plain == kept
    assert read(tmp_path).series("update_skipped").tolist() == [0, 0, 1, 0, 0, 0]


def test_a_guard_that_cannot_be_built_is_listed_and_stop_still_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> Any:
        raise ArithmeticError("a mistake of ours")

    monkeypatch.setattr(guard, "_harmed", fail)
    harm = HARMS["NaN in the input"]

    harm.fit(range(STEPS), NaNMonitor(tmp_path, "stop"))

    recorded = read(tmp_path)
    assert recorded.steps.tolist() == [0, 1, 2]
    assert recorded.environment["unobserved"] == {
        "on_nonfinite": "ArithmeticError: a mistake of ours"
    }
    said = capfd.readouterr().err
    assert "holds NaN. The step could not be taken back: the record says why" in said
    assert "the weights as they were" not in said
