"""On sound trainings every recorded figure is the one that an independent computation gives."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tb_nan_plugin import NaNMonitor
from tests.tb_nan_plugin.keras.oracle import Oracle, batches_of
from tests.tb_nan_plugin.keras.programs import BATCH, SQUARED, STEPS, regression, table
from tests.tb_nan_plugin.recordings import Recording, read

close = functools.partial(np.testing.assert_allclose, rtol=2e-4, atol=1e-6)
CATEGORICAL = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
BINARY = keras.losses.BinaryCrossentropy()


def rows(*shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(3).normal(size=(BATCH * STEPS - 3, *shape)).astype(np.float32)


def classes(count: int) -> npt.NDArray[np.int32]:
    return np.random.default_rng(4).integers(0, count, BATCH * STEPS - 3).astype(np.int32)


def decaying() -> Any:
    return keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5))


def momentum() -> Any:
    return keras.optimizers.SGD(0.01, momentum=0.9)


def dense() -> Any:
    return regression(kernel_regularizer="l2")


def convolutional() -> Any:
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(4, 3, name="convolution"),
            keras.layers.BatchNormalization(name="normalization"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Dropout(0.3, name="dropout"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(3, name="logits"),
        ]
    )


def recurrent() -> Any:
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            keras.layers.Embedding(11, 4, mask_zero=True, name="words"),
            keras.layers.LSTM(3, name="memory"),
            keras.layers.Dense(1, activation="sigmoid", name="last"),
        ]
    )


def branching() -> Any:
    keras.utils.set_random_seed(7)
    inside = keras.Input((3,))
    encoder = keras.Model(
        inside, keras.layers.Dense(4, "tanh", name="code")(inside), name="encoder"
    )
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    both = keras.layers.Concatenate(name="both")([encoder(left), encoder(right)])
    size = keras.layers.Dense(1, name="size")(both)
    sign = keras.layers.Dense(1, "sigmoid", name="sign")(both)
    return keras.Model({"left": left, "right": right}, {"sign": sign, "size": size})


def branching_loss(y: Any, outputs: Any) -> Any:
    sign, size = outputs
    return BINARY(y["sign"], sign) + SQUARED(y["size"], size)


TWO = {"sign": BINARY, "size": SQUARED}
SOUND = {
    "dense": (dense, decaying, SQUARED, SQUARED, rows(4), rows(1)),
    "convolutional": (convolutional, momentum, CATEGORICAL, CATEGORICAL, rows(6, 6, 2), classes(3)),
    "recurrent": (
        recurrent, decaying, BINARY, BINARY,
        np.random.default_rng(5).integers(0, 11, (BATCH * STEPS - 3, 5)).astype(np.int32),
        classes(2).astype(np.float32)[:, None],
    ),
    "branching": (
        branching, momentum, TWO, branching_loss,
        {"left": rows(3), "right": 2 * rows(3)},
        {"sign": classes(2).astype(np.float32)[:, None], "size": rows(1)},
    ),
}  # fmt: skip


def record(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, log_dir: Path) -> Recording:
    model.compile(optimizer, loss, jit_compile=False)
    monitor = NaNMonitor(log_dir)
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[monitor])
    return read(log_dir)


@pytest.fixture(scope="module", params=SOUND)
def recorded_and_true(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recording, Oracle]:
    build, optimizer, loss, plain_loss, x, y = SOUND[request.param]
    oracle = Oracle(build(), plain_loss, optimizer()).train(batches_of(x, y, BATCH))
    log_dir = tmp_path_factory.mktemp("sound")
    return record(build(), optimizer(), loss, x, y, log_dir), oracle


def test_a_sound_training_shows_no_trouble(recorded_and_true: tuple[Recording, Oracle]) -> None:
    recorded, oracle = recorded_and_true

    assert oracle.failure is None
    assert recorded.trouble is None
    assert recorded.environment["unobserved"] == {} or "memory" in oracle.steps.output_norm


def test_every_step_is_there_the_smaller_last_batch_too(
    recorded_and_true: tuple[Recording, Oracle],
) -> None:
    recorded, _ = recorded_and_true

    assert recorded.steps.tolist() == list(range(STEPS))
    assert recorded.series("batch_size").tolist() == [BATCH] * (STEPS - 1) + [BATCH - 3]


def test_the_loss_is_the_batchs_own(recorded_and_true: tuple[Recording, Oracle]) -> None:
    recorded, oracle = recorded_and_true

    close(recorded.series("loss"), oracle.steps.loss)


def test_the_learning_rate_is_the_schedules(recorded_and_true: tuple[Recording, Oracle]) -> None:
    recorded, oracle = recorded_and_true

    expected = np.array(oracle.steps.learning_rate, np.float32)
    np.testing.assert_array_equal(recorded.series("learning_rate"), expected)


@pytest.mark.parametrize("what", ["gradient_norm", "weight_norm", "output_norm"])
def test_norms_are_those_of_numpy(recorded_and_true: tuple[Recording, Oracle], what: str) -> None:
    recorded, oracle = recorded_and_true
    truth: dict[str, list[float]] = getattr(oracle.steps, what)

    assert set(truth) - {"flat"} <= set(recorded.places(what))
    for place in set(truth) - {"flat"}:  # flattening changes no number, so it is not recorded
        close(recorded.series(what, place), truth[place])


def with_holes() -> npt.NDArray[np.float32]:
    x: npt.NDArray[np.float32] = (1000 * table(4)).astype(np.float32)
    x[[2, 3, 11], [0, 0, 3]] = np.nan
    x[[5, 6, 20], [1, 1, 2]] = np.inf
    x[30, 2] = -np.inf
    x[40:, 3] = np.nan  # not one finite value in this column of this batch
    return x


@pytest.mark.parametrize("role", ["input", "target"])
def test_column_statistics_are_those_of_numpy_over_the_finite_values(
    role: str, tmp_path: Path
) -> None:
    data, other = with_holes(), table(4)
    x, y = (data, other) if role == "input" else (other, data)
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])

    recorded = record(model, momentum(), SQUARED, x, y, tmp_path)

    word = "feature" if role == "input" else "target"
    for i in range(4):
        for step in range(STEPS):
            batch = data[BATCH * step : BATCH * (step + 1), i]
            finite = batch[np.isfinite(batch)].astype(np.float64)
            for name in ("mean", "std", "min", "max"):
                found = recorded.series(f"{role}_{name}", f"{word} {i}")[step]
                truth = getattr(np, name)(finite) if len(finite) else np.nan
                np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-2)
            counts = [
                recorded.series(f"{role}_{kind}", f"{word} {i}")[step]
                for kind in ("nan", "posinf", "neginf")
            ]
            assert counts == [
                np.isnan(batch).sum(),
                np.isposinf(batch).sum(),
                np.isneginf(batch).sum(),
            ]


def test_predictions_are_summed_up(tmp_path: Path) -> None:
    x = np.linspace(-400, 400, BATCH * STEPS, dtype=np.float32)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("sigmoid", name="last")])
    model.add(keras.layers.Rescaling(1.0, name="same"))
    twin = keras.ops.convert_to_numpy(tf.sigmoid(x)).reshape(STEPS, BATCH)

    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        recorded = record(model, momentum(), SQUARED, x, x, tmp_path)

    assert recorded.series("prediction_min").tolist() == twin.min(axis=1).tolist()
    assert recorded.series("prediction_max").tolist() == twin.max(axis=1).tolist()
    assert recorded.series("prediction_one").tolist() == (twin == 1).sum(axis=1).tolist()
    assert recorded.series("prediction_zero").tolist() == (twin == 0).sum(axis=1).tolist()


def test_half_precision_is_recorded_without_a_false_alarm(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Dense(8, "relu", dtype="mixed_float16", name="first")]
    layers.append(keras.layers.Dense(1, dtype="float32", name="last"))
    model = keras.Sequential([keras.Input((4,)), *layers])
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(1e-3), initial_scale=2.0**40
    )

    recorded = record(model, optimizer, SQUARED, table(4), table(1), tmp_path)

    assert recorded.trouble is None
    assert "NaNMonitor" not in capfd.readouterr().err
    scales = recorded.series("loss_scale")
    assert scales[0] == 2.0**40
    assert (scales[1:] == scales[:-1] / 2).all(), "the overflow that halves the scale must be there"
    assert np.isfinite(recorded.series("loss")).all()


def test_gradients_are_recorded_without_their_loss_scale(tmp_path: Path) -> None:
    plain = record(regression(), momentum(), SQUARED, table(), table(1), tmp_path / "plain")
    scaling = keras.optimizers.LossScaleOptimizer(momentum(), initial_scale=1024.0)
    scaled = record(regression(), scaling, SQUARED, table(), table(1), tmp_path / "scaled")

    for place in plain.places("gradient_norm"):
        close(scaled.series("gradient_norm", place), plain.series("gradient_norm", place))


def test_gradients_are_recorded_before_clipping(tmp_path: Path) -> None:
    clipping = keras.optimizers.SGD(0.01, global_clipnorm=1e-3)
    recorded = record(regression(), clipping, SQUARED, table(), table(1), tmp_path)

    assert recorded.series("gradient_norm", "last/bias")[0] > 1e-2
