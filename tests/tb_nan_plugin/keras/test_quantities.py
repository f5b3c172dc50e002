"""What is recorded beside norms and counts is what numpy makes of the same training."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_nan_plugin import NaNMonitor
from tb_nan_plugin.probes.activations import DEAD_AFTER
from tests.tb_nan_plugin.keras.programs import BATCH, SQUARED, STEPS, regression, sgd, table
from tests.tb_nan_plugin.recordings import Recording, read

close = functools.partial(np.testing.assert_allclose, rtol=2e-4, atol=1e-6)


def record(model: Any, x: Any, y: Any, log_dir: Path, **how: Any) -> Recording:
    options = {"optimizer": sgd(0.0)(), "loss": SQUARED, "jit_compile": False}
    model.compile(**{**options, **how})
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[NaNMonitor(log_dir)])
    return read(log_dir)


def layer(*layers: Any, width: int = 4) -> Any:
    """A model whose every layer's output can be computed from its weights."""
    keras.utils.set_random_seed(7)
    return keras.Sequential([keras.Input((width,)), *layers, keras.layers.Dense(1, name="last")])


def of_each_step(values: Any, statistic: Callable[[Any], Any]) -> list[float]:
    return [float(statistic(part)) for part in np.split(np.asarray(values), STEPS)]


def test_the_spread_of_a_layer_is_that_of_its_whole_output(tmp_path: Path) -> None:
    model = layer(keras.layers.Dense(5, name="wide", bias_initializer="ones"))
    output = model.layers[0](table()).numpy()

    recorded = record(model, table(), table(1), tmp_path)

    close(recorded.series("output_mean", "wide"), of_each_step(output, np.mean))
    close(recorded.series("output_std", "wide"), of_each_step(output, np.std))
    largest = of_each_step(np.abs(output), np.max)
    close(recorded.series("output_max_abs", "wide"), largest)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_of_an_output_too_large_to_be_read_often_rows_are_looked_at(
    jit_compile: bool, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(7)
    wide = keras.layers.Conv1D(32, 1, name="wide")
    model = keras.Sequential([keras.Input((1000, 4)), wide, keras.layers.Dense(1, name="last")])
    x = np.random.default_rng(3).normal(size=(BATCH, 1000, 4)).astype(np.float32)
    output = wide(x).numpy()

    recorded = record(model, x, x[..., :1], tmp_path, jit_compile=jit_compile)

    close(recorded.series("output_mean", "wide"), [output[:1].mean()], atol=1e-5)
    close(recorded.series("output_std", "wide"), [output[:1].std()])
    size = float(np.linalg.norm(output[:1])) * np.sqrt(BATCH) if jit_compile else None
    close(recorded.series("output_norm", "wide"), [size or np.linalg.norm(output)])


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_a_single_bad_value_outside_of_those_rows_is_counted_all_the_same(
    jit_compile: bool, tmp_path: Path
) -> None:
    x = np.ones((BATCH, 1000, 4), np.float32)
    x[-1, -1, 2] = np.inf
    x[-2, 5, 1] = 1e6
    same = keras.layers.Rescaling(1.0, name="same")
    mean = keras.layers.GlobalMaxPooling1D(name="mean")
    model = keras.Sequential([keras.Input((1000, 4)), keras.layers.UpSampling1D(8), same, mean])
    model.add(keras.layers.Dense(1, name="last"))

    recorded = record(model, x, table(1)[:BATCH], tmp_path, jit_compile=jit_compile)

    assert recorded.series("output_posinf", "same").tolist() == [8]
    assert recorded.series("output_nan", "same").tolist() == [0]
    assert recorded.series("output_max_abs", "same").tolist() == [np.inf]


def test_of_large_pictures_some_make_the_mean_and_all_of_them_the_range(tmp_path: Path) -> None:
    pictures = np.random.default_rng(5).normal(size=(2 * BATCH, 50, 50, 8)).astype(np.float32)
    pictures[BATCH - 1, 3, 4, 5] = 100.0
    pictures[-1, 3, 4, 5] = np.nan
    keras.utils.set_random_seed(7)
    pool = keras.layers.GlobalAveragePooling2D()
    model = keras.Sequential([keras.Input((50, 50, 8)), pool, keras.layers.Dense(1)])

    recorded = record(model, pictures, table(1)[: 2 * BATCH], tmp_path)

    seen, rest = pictures[:3, ..., 5], pictures[BATCH:, ..., 5]
    where = "channel 5"
    close(recorded.series("input_mean", where), [seen.mean(), np.nanmean(rest)], atol=1e-4)
    close(recorded.series("input_std", where), [seen.std(), np.nanstd(rest)], atol=1e-4)
    close(recorded.series("input_max", where), [100.0, np.nanmax(rest)])
    assert recorded.series("input_nan", where).tolist() == [0, 1]
    assert recorded.series("input_nan", "channel 4").tolist() == [0, 0]


@pytest.mark.parametrize(
    ("activation", "is_flat"),
    [
        ("sigmoid", lambda z: np.abs(z) > 5),
        ("tanh", lambda z: np.abs(z) > 2.5),
        ("hard_sigmoid", lambda z: np.abs(z) >= 3),
        ("hard_tanh", lambda z: np.abs(z) >= 1),
        ("relu6", lambda z: z >= 6),
    ],
)
def test_the_saturated_share_is_that_of_the_arguments_beyond_the_edge(
    activation: str, is_flat: Callable[[Any], Any], tmp_path: Path
) -> None:
    first = keras.layers.Dense(50, activation, name="first", kernel_initializer="he_normal")
    model = layer(first)
    x = 3 * table()
    arguments = x @ first.kernel.numpy()

    recorded = record(model, x, table(1), tmp_path)

    shares = of_each_step(is_flat(arguments), np.mean)
    close(recorded.series("saturated_fraction", "first"), shares, atol=0.003)
    assert 0.01 < shares[0] < 0.99, "the question must not be trivial"


def test_a_softmax_is_saturated_where_one_class_takes_all(tmp_path: Path) -> None:
    first = keras.layers.Dense(3, "softmax", name="first")
    model = layer(first)
    x = 4 * table()
    shares = of_each_step(first(x).numpy().max(axis=1) > 1 - 0.0066928509, np.mean)

    recorded = record(model, x, table(1), tmp_path)

    close(recorded.series("saturated_fraction", "first"), shares)
    assert 0 < np.mean(shares) < 1


def test_units_are_dead_only_after_many_steps_without_an_answer(tmp_path: Path) -> None:
    first = keras.layers.Dense(8, "relu", name="first")
    model = layer(first)
    bias = np.zeros(8, np.float32)
    bias[:2] = -1e6  # never
    bias[2] = 100.0  # always
    first.set_weights([first.kernel.numpy(), bias])
    x = np.tile(table(), (10, 1))[: BATCH * (DEAD_AFTER + 4)]
    output = first(x).numpy()

    model.compile(sgd(0.0)(), SQUARED, jit_compile=False)
    model.fit(
        x, x[:, :1], batch_size=BATCH, shuffle=False, verbose=0, callbacks=[NaNMonitor(tmp_path)]
    )

    recorded = read(tmp_path)
    zeros = [float((part == 0).mean()) for part in np.split(output, DEAD_AFTER + 4)]
    close(recorded.series("zero_fraction", "first"), zeros)
    dead = recorded.series("dead_fraction", "first")
    assert dead[: DEAD_AFTER - 1].tolist() == [0.0] * (DEAD_AFTER - 1)
    assert dead[DEAD_AFTER - 1 :].tolist() == [0.25] * 5


def test_a_loss_is_recorded_by_its_parts(tmp_path: Path) -> None:
    keras.utils.set_random_seed(7)
    start = keras.Input((4,))
    outputs = {
        name: keras.layers.Dense(1, name=name, kernel_regularizer="l2")(start) for name in "ab"
    }
    model = keras.Model(start, outputs)
    y = {"a": table(1), "b": 3 * table(1)}
    predicted = {name: value.numpy() for name, value in model(table()).items()}

    recorded = record(
        model,
        table(),
        y,
        tmp_path,
        loss={"a": "mse", "b": "mae"},
        loss_weights={"a": 1.0, "b": 0.5},
    )

    a = of_each_step((predicted["a"] - y["a"]) ** 2, np.mean)
    b = of_each_step(np.abs(predicted["b"] - y["b"]), np.mean)
    penalty = sum(0.01 * np.sum(model.get_layer(name).kernel.numpy() ** 2) for name in "ab")
    close(recorded.series("output_loss", "a"), a)
    close(recorded.series("output_loss", "b"), b)
    close(recorded.series("regularization_loss"), [penalty] * STEPS)
    close(recorded.series("loss"), np.array(a) + 0.5 * np.array(b) + penalty)


CLASSES = np.random.default_rng(4).integers(0, 3, BATCH * STEPS)


@pytest.mark.parametrize(
    ("y", "loss"),
    [
        pytest.param(CLASSES, "sparse_categorical_crossentropy", id="numbers"),
        pytest.param(CLASSES[:, None], "sparse_categorical_crossentropy", id="a column of numbers"),
        pytest.param(np.eye(3)[CLASSES], "categorical_crossentropy", id="one-hot rows"),
    ],
)
def test_the_smallest_probability_of_a_true_class_is_found(
    y: Any, loss: str, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax", name="last")])
    given = model(table()).numpy()[np.arange(BATCH * STEPS), CLASSES]

    recorded = record(model, table(), y, tmp_path, loss=loss)

    close(recorded.series("true_class_probability"), of_each_step(given, np.min))


def test_of_two_classes_too(tmp_path: Path) -> None:
    model = regression(last="sigmoid")
    y = (table(1) > 0).astype(np.float32)
    p = model(table()).numpy()

    recorded = record(model, table(), y[:, 0], tmp_path, loss="binary_crossentropy")

    truth = of_each_step(np.where(y > 0, p, 1 - p), np.min)
    close(recorded.series("true_class_probability"), truth)


@pytest.mark.parametrize(
    ("clipping", "clip"),
    [
        ({}, None),
        ({"clipnorm": 0.5}, lambda g: g * min(1.0, 0.5 / np.linalg.norm(g))),
        ({"clipvalue": 0.1}, lambda g: np.clip(g, -0.1, 0.1)),
        ({"global_clipnorm": 0.5}, None),
    ],
    ids=str,
)
def test_the_gradients_size_is_known_before_and_after_clipping(
    clipping: dict[str, float], clip: Callable[[Any], Any] | None, tmp_path: Path
) -> None:
    model = regression()
    x, y = table()[:BATCH], table(1)[:BATCH]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    gradients = [g.numpy() for g in tape.gradient(loss, model.trainable_variables)]

    recorded = record(model, x, y, tmp_path, optimizer=keras.optimizers.SGD(0.0, **clipping))

    whole = float(np.sqrt(sum(np.sum(g**2) for g in gradients)))
    close(recorded.series("global_gradient_norm"), [whole])
    for variable, g in zip(model.trainable_variables, gradients, strict=True):
        place = variable.path.removeprefix(f"{model.name}/")
        close(recorded.series("gradient_max_abs", place), [np.abs(g).max()])
    if clip is not None:
        after = float(np.sqrt(sum(np.sum(clip(g) ** 2) for g in gradients)))
        close(recorded.series("clipped_gradient_norm"), [after])
    elif clipping:
        close(recorded.series("clipped_gradient_norm"), [min(whole, 0.5)])
    else:
        assert "clipped_gradient_norm" not in {c.signal for c in recorded.columns}


def test_the_optimizers_count_goes_on_where_it_was(tmp_path: Path) -> None:
    model = regression()
    first = record(model, table(), table(1), tmp_path / "first")
    model.fit(
        table(), table(1), batch_size=BATCH, verbose=0, callbacks=[NaNMonitor(tmp_path / "second")]
    )

    assert first.series("iterations").tolist() == list(range(STEPS))
    second = read(tmp_path / "second").series("iterations").tolist()
    assert second == list(range(STEPS, 2 * STEPS))


def test_a_step_that_only_gathers_gradients_was_not_applied(tmp_path: Path) -> None:
    gathering = keras.optimizers.SGD(0.01, gradient_accumulation_steps=3)
    recorded = record(regression(), table(), table(1), tmp_path, optimizer=gathering)

    assert recorded.series("step_applied").tolist() == [0, 0, 1, 0, 0, 1]


def test_a_step_that_loss_scaling_left_out_was_not_applied(tmp_path: Path) -> None:
    scaling = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(1e-3), initial_scale=2.0**127
    )
    model = regression()
    before = model.get_weights()

    recorded = record(model, table()[:BATCH], 1e3 * table(1)[:BATCH], tmp_path, optimizer=scaling)

    assert recorded.series("step_applied").tolist() == [0]
    assert [w.tobytes() for w in before] == [w.tobytes() for w in model.get_weights()]


def test_sample_weights_are_looked_at(tmp_path: Path) -> None:
    weights = np.linspace(0, 2, BATCH * STEPS).astype(np.float32)
    weights[9] = np.nan
    model = regression()
    model.compile(sgd(0.0)(), SQUARED, jit_compile=False)

    model.fit(
        table(), table(1), sample_weight=weights,
        batch_size=BATCH, shuffle=False, verbose=0, callbacks=[NaNMonitor(tmp_path)],
    )  # fmt: skip

    recorded = read(tmp_path)
    where = "sample weight"
    assert recorded.series("sample_weight_nan", where).tolist() == [0, 1, 0, 0, 0, 0]
    close(recorded.series("sample_weight_max", where), of_each_step(weights, np.nanmax))
    close(recorded.series("sample_weight_mean", where), of_each_step(weights, np.nanmean))
    assert recorded.trouble is not None
    assert (recorded.trouble.step, recorded.trouble.phase.value) == (1, "input")
    assert recorded.trouble.where == where


def test_the_optimizers_state_is_looked_at_when_training_ends(tmp_path: Path) -> None:
    model = regression()
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    state = next(v for v in optimizer.variables if v.shape == (4, 5))
    state.assign(np.full((4, 5), 3e38, np.float32))
    recorded = record(model, 1e18 * table(), table(1), tmp_path, optimizer=optimizer)

    bad = sum(int((~np.isfinite(v.numpy())).sum()) for v in optimizer.variables)
    assert recorded.series("optimizer_state_nonfinite")[-1] == bad > 0


def test_columns_stand_in_causal_order(tmp_path: Path) -> None:
    recorded = record(regression(), table(), table(1), tmp_path)

    phases = [column.known.quantity.phase.order for column in recorded.columns if column.known]
    assert phases == sorted(phases)


def test_what_the_gates_of_a_memory_do_is_named_as_not_seen(tmp_path: Path) -> None:
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((3, 2)), keras.layers.GRU(2, name="memory")])

    recorded = record(model, np.zeros((8, 3, 2)), np.zeros((8, 2)), tmp_path)

    assert "gates of memory" in recorded.environment["unobserved"]
