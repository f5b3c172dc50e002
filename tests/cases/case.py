"""A program that trains, as data: what it is called, why it fails, where, and how to make it.

Law: a case is made from its seed alone. Making it twice gives the same weights and batches, so
whoever looks at it (an eager loop, a recorder, another tool) looks at the same training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import keras
import numpy as np

FAMILIES: Final = ("data", "model", "loss", "optimization", "gradient", "precision", "state")
HEALTHY: Final = "healthy"

Mode = Literal["graph", "xla", "eight at once"]
MODES: Final[dict[Mode, dict[str, Any]]] = {
    "graph": {},
    "xla": {"jit_compile": True},
    "eight at once": {"steps_per_execution": 8},
}


class Failure(NamedTuple):
    """The first number that is not finite, in causal order.

    Attributes:
        step: Index of the batch since training began.
        phase: input, target, weights, forward, loss, backward or update.
        place: Column, layer call or variable; "" for the loss.
    """

    step: int
    phase: str
    place: str


class Otherwise(NamedTuple):
    """What a compiled step does that an eager one does not.

    Attributes:
        failure: Where it fails there; None if it does not fail, or cannot run at all.
        because: Why that is right and no fault of a recorder.
        runs: Whether Keras can run the program in that mode.
    """

    failure: Failure | None
    because: str
    runs: bool = True


@dataclass(frozen=True)
class Objective:
    """One loss of a training step that is written by hand, and who learns from it.

    Attributes:
        loss: From the model, inputs and targets to a scalar.
        variables: What is trained.
        optimizer: Which of the model's optimizers does it.
    """

    loss: Callable[[Any, Any, Any], Any]
    variables: Callable[[Any], Any] = lambda model: model.trainable_variables
    optimizer: Callable[[Any], Any] = lambda model: model.optimizer


@dataclass(frozen=True)
class Training:
    """One training, freshly made: nothing in it has been used.

    Attributes:
        model: Not compiled yet.
        x: Inputs: an array, or a list or dict of arrays; or a finite `tf.data.Dataset` of batches.
        y: Targets, likewise; None where `x` is a dataset.
        optimizer: What `compile` gets.
        loss: What `compile` gets.
        batch: Rows of a batch.
        compile: Further arguments of `compile`.
        fit: Further arguments of `fit`, such as `epochs` or `class_weight`.
        objectives: What the model's own `train_step` does, in order; empty for that of Keras.
    """

    model: Any
    x: Any
    y: Any
    optimizer: Any
    loss: Any = "mse"
    batch: int = 8
    compile: Mapping[str, Any] = field(default_factory=dict)
    fit: Mapping[str, Any] = field(default_factory=dict)
    objectives: tuple[Objective, ...] = ()

    def run(self, mode: Mode, *callbacks: Any) -> Any:
        """Compile and train in one of the modes.

        Returns:
            Keras's history.
        """
        how = {"jit_compile": False, **self.compile, **MODES[mode]}
        self.model.compile(self.optimizer, self.loss, **how)
        batch = {} if self.y is None else {"batch_size": self.batch}
        return self.model.fit(
            self.x, self.y, **batch, **self.fit, shuffle=False, verbose=0, callbacks=callbacks
        )


@dataclass(frozen=True)
class Case:
    """A program and what is known of it.

    Attributes:
        name: `family/what-is-wrong`, for ever.
        family: Of the cause, or `healthy`.
        cause: Id of the defect; "" for a healthy one.
        seed: Of weights and data.
        make: From whether to repair it to the training.
        failure: Where it fails when run eagerly; None if everything that trains stays finite.
        twin: Whether it can be made repaired.
        otherwise: The modes in which the failure is another one.
    """

    name: str
    family: str
    cause: str
    seed: int
    make: Callable[[bool], Training]
    failure: Failure | None
    twin: bool
    otherwise: Mapping[Mode, Otherwise]

    def training(self, *, fixed: bool = False) -> Training:
        """Make the training, or its repaired twin."""
        if fixed and not self.twin:
            raise ValueError(f"{self.name} has no repaired twin")
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(self.seed)
        return self.make(fixed)

    def expected(self, mode: Mode) -> Failure | None:
        """Return where it fails in a mode."""
        return self.otherwise[mode].failure if mode in self.otherwise else self.failure

    def runs(self, mode: Mode) -> bool:
        """Return whether Keras can run it in a mode."""
        return mode not in self.otherwise or self.otherwise[mode].runs


Make = Callable[[bool], Training]


class Family:
    """The cases of one family, in the order in which they are written down."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cases: list[Case] = []

    def fails(
        self,
        name: str,
        cause: str,
        at: tuple[int, str, str] | None,
        *,
        twin: bool = True,
        seed: int = 7,
        otherwise: Mapping[Mode, Otherwise] | None = None,
    ) -> Callable[[Make], Make]:
        """Note a program that fails at a step, a phase and a place, or harms without failing."""

        def note(make: Make) -> Make:
            case = Case(
                f"{self.name}/{name}",
                self.name,
                cause,
                seed,
                make,
                None if at is None else Failure(*at),
                twin,
                otherwise or {},
            )
            self.cases.append(case)
            return make

        return note

    def stays_finite(self, name: str, cause: str = "", *, seed: int = 7) -> Callable[[Make], Make]:
        """Note a program in which nothing that trains ever stops being finite."""
        return self.fails(name, cause, None, twin=False, seed=seed)


def normal(*shape: int, seed: int = 5) -> Any:
    """Return standard normal numbers, float32, the same for the same shape and seed."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
