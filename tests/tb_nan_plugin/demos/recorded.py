"""What a demo left behind: its Keras history, and its health record as one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event

from tb_nan_plugin.record import PLUGIN_NAME, Column, Floats, Manifest, RowBlock, unpack
from tb_nan_plugin.signals import Signal


@dataclass(frozen=True)
class Recorded:
    """One training.

    Attributes:
        history: What Keras logged, per quantity, one number an epoch.
        columns: The recorded columns, each of shape (steps,).
    """

    history: dict[str, list[float]]
    columns: dict[Column, Floats]

    def of(self, signal: Signal, where: str = "") -> Floats:
        return self.columns[Column(signal.value, where)]

    def all_of(self, signal: Signal) -> Floats:
        """Every place of a signal, of shape (places, steps)."""
        return np.stack([v for c, v in self.columns.items() if c.signal == signal.value])

    def counts(self, stem: str) -> Floats:
        """How many values of that stage were not finite, of shape (steps,)."""
        names = {f"{stem}_nan", f"{stem}_posinf", f"{stem}_neginf"}
        found = [v for c, v in self.columns.items() if c.signal in names]
        total: Floats = np.sum(found, axis=0)
        return total

    def first_bad_step(self) -> int | None:
        bad = ~np.isfinite(self.of(Signal.LOSS))
        for stem in ("input", "target", "weight", "output", "gradient"):
            bad |= self.counts(stem) > 0
        return int(bad.argmax()) if bad.any() else None

    def broke_at(self) -> int:
        step = self.first_bad_step()
        assert step is not None
        return step


def read(log_dir: Path, history: dict[str, list[float]]) -> Recorded:
    manifest, blocks = None, []
    for file in sorted(log_dir.iterdir()):
        for event in RawEventFileLoader(str(file)).Load():
            for value in Event.FromString(event).summary.value:
                if value.metadata.plugin_data.plugin_name != PLUGIN_NAME:
                    continue
                block = unpack(value.tensor.string_val[0])
                if isinstance(block, RowBlock):
                    blocks.append(block)
                else:
                    manifest = block
    assert isinstance(manifest, Manifest)
    assert [step for block in blocks for step in block.steps] == list(
        range(sum(len(block.steps) for block in blocks))
    )
    return Recorded(
        history,
        {
            column: np.concatenate([block.values(i) for block in blocks])
            for i, column in enumerate(manifest.columns)
        },
    )
