"""A training that is recorded is the same training, and leaves the same model behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tb_nan_plugin import NaNMonitor
from tests.tb_nan_plugin.keras.programs import SQUARED, regression, sgd, table
from tests.tb_nan_plugin.keras.test_figures import SOUND

FEW = 8


def weights_after(
    name: str, callbacks: list[Any], *, optimizer: Callable[[], Any] | None = None, **how: Any
) -> list[Any]:
    build, usual, loss, _, x, y = SOUND[name]
    model = build()
    model.compile((optimizer or usual)(), loss, metrics=None, **{"jit_compile": False, **how})
    model.fit(x, y, batch_size=FEW, epochs=2, verbose=0, callbacks=callbacks)
    return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]


@pytest.mark.parametrize("name", sorted(SOUND))
def test_weights_are_bit_for_bit_those_of_a_training_without_the_monitor(
    name: str, tmp_path: Path
) -> None:
    plain, recorded = weights_after(name, []), weights_after(name, [NaNMonitor(tmp_path)])

    assert [w.tobytes() for w in plain] == [w.tobytes() for w in recorded]


@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(
            lambda: keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True, global_clipnorm=1.0),
            id="clipped",
        ),
        pytest.param(lambda: keras.optimizers.AdamW(0.01, clipvalue=0.1), id="decayed"),
        pytest.param(lambda: keras.optimizers.RMSprop(0.01, centered=True), id="centered"),
    ],
)
def test_gradients_are_read_without_changing_how_the_optimizer_rounds(
    optimizer: Callable[[], Any], tmp_path: Path
) -> None:
    plain = weights_after("convolutional", [], optimizer=optimizer)
    recorded = weights_after("convolutional", [NaNMonitor(tmp_path)], optimizer=optimizer)

    assert [w.tobytes() for w in plain] == [w.tobytes() for w in recorded]


@pytest.mark.parametrize("how", [{"run_eagerly": True}, {"steps_per_execution": 4}], ids=str)
def test_weights_are_the_same_in_other_modes_too(how: dict[str, Any], tmp_path: Path) -> None:
    plain = weights_after("dense", [], **how)
    recorded = weights_after("dense", [NaNMonitor(tmp_path, "stop")], **how)

    assert [w.tobytes() for w in plain] == [w.tobytes() for w in recorded]


def compiled(**how: Any) -> Any:
    model = regression()
    model.compile(sgd()(), SQUARED, **{"jit_compile": False, **how})
    return model


def fit(model: Any, *callbacks: Any, **options: Any) -> Any:
    return model.fit(table(), table(1), batch_size=FEW, verbose=0, callbacks=callbacks, **options)


def attributes(model: Any) -> dict[str, dict[str, Any]]:
    """What hangs on the model, its layers and its optimizer; functions by identity."""
    owners = {"model": model, "optimizer": model.optimizer}
    owners.update({layer.name: layer for layer in model._flatten_layers(include_self=False)})
    return {
        name: {key: value if callable(value) else None for key, value in vars(owner).items()}
        for name, owner in owners.items()
    }


class Stumble(keras.callbacks.Callback):  # type: ignore[misc]
    """Somebody's callback with an error in it, after the fourth batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 3:
            raise LookupError("a mistake of the user's own")


def test_nothing_is_left_on_the_model(tmp_path: Path) -> None:
    model = compiled()
    fit(model)
    before = attributes(model)

    fit(model, NaNMonitor(tmp_path))

    assert attributes(model) == before


@pytest.mark.parametrize("recorded", [False, True], ids=["never recorded", "recorded"])
def test_the_model_can_be_saved_and_loaded(recorded: bool, tmp_path: Path) -> None:
    model = compiled()
    fit(model, *([NaNMonitor(tmp_path / "log")] if recorded else []))

    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(table(), verbose=0), model.predict(table(), verbose=0)
    )


def test_a_checkpoint_may_be_saved_while_recording(tmp_path: Path) -> None:
    model = compiled()
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "model.keras")

    fit(model, NaNMonitor(tmp_path / "log"), checkpoint)

    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [w.tobytes() for w in loaded.get_weights()] == [w.tobytes() for w in model.get_weights()]


def test_training_goes_on_with_the_old_train_function(tmp_path: Path) -> None:
    model = compiled()
    fit(model)
    function = model.train_function

    fit(model, NaNMonitor(tmp_path))
    assert model.train_function is function
    fit(model)

    assert model.train_function is function


def test_an_error_in_another_callback_leaves_nothing_behind_the_next_training(
    tmp_path: Path,
) -> None:
    model = compiled()
    fit(model)
    before = attributes(model)

    with pytest.raises(LookupError):
        fit(model, NaNMonitor(tmp_path), Stumble())
    fit(model)

    assert attributes(model) == before


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(
            lambda m: m.train_on_batch(table()[:FEW], table(1)[:FEW]), id="train_on_batch"
        ),
        pytest.param(lambda m: m.evaluate(table(), table(1), verbose=0), id="evaluate"),
        pytest.param(lambda m: m.predict(table(), verbose=0), id="predict"),
    ],
)
def test_after_an_error_the_model_can_be_used_otherwise(
    again: Callable[[Any], Any], tmp_path: Path
) -> None:
    model = compiled()
    with pytest.raises(LookupError):
        fit(model, NaNMonitor(tmp_path), Stumble())

    again(model)
    fit(model)

    assert not [key for key in vars(model) if key in {"train_step", "compute_loss"}]


def test_a_model_compiled_anew_after_an_error_trains_with_its_new_optimizer(tmp_path: Path) -> None:
    model = compiled()
    fit(model)
    with pytest.raises(LookupError):
        fit(model, NaNMonitor(tmp_path), Stumble())

    before = model.get_weights()
    model.compile(sgd(0.0)(), SQUARED)
    fit(model)

    assert [w.tobytes() for w in model.get_weights()] == [w.tobytes() for w in before]
    assert int(model.optimizer.iterations) == 6


def test_a_model_that_its_first_batch_builds_is_recorded_and_unchanged(tmp_path: Path) -> None:
    def train(*callbacks: Any) -> Any:
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.layers.Dense(3, "relu"), keras.layers.Dense(1)])
        model.compile(sgd()(), SQUARED, jit_compile=False)
        fit(model, *callbacks)
        return model.get_weights()

    plain, recorded = train(), train(NaNMonitor(tmp_path))

    assert [w.tobytes() for w in plain] == [w.tobytes() for w in recorded]
