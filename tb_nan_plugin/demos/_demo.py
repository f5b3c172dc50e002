"""What is known of a demo program before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Demo:
    """A small training that goes wrong for one reason, and its repaired twin.

    Attributes:
        name: How it is called on the command line, in kebab-case.
        cause: Id of the cause that the analyzer should find in it; nothing in its twin.
        title: One line: what is wrong.
        remedy: One line: what the repaired twin does instead.
        module: Where the program is; imported only when it runs, because it imports Keras.
    """

    name: str
    cause: str
    title: str
    remedy: str
    module: str

    def train(self, log_dir: str, *, fixed: bool = False) -> dict[str, list[float]]:
        """Train the program, recorded by `NaNMonitor`.

        Args:
            log_dir: Directory for the event files.
            fixed: Train the repaired twin instead.

        Returns:
            What Keras logged: per quantity, one number an epoch.
        """
        program: Any = import_module(self.module)
        history: dict[str, list[float]] = program.train(log_dir, fixed=fixed)
        return history
