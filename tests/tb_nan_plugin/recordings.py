"""Read back, with TensorFlow's own reader, what a training left behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from tb_nan_plugin.record import Column, Manifest, unpack
from tb_nan_plugin.trouble import Trouble, first_trouble


def events(log_dir: Path) -> list[Any]:
    """Every event of the directory's files, in the order of their names: as they were begun."""
    files = sorted(log_dir.glob("events.out.tfevents.*"))
    return [
        event_pb2.Event.FromString(record.numpy())
        for file in files
        for record in tf.data.TFRecordDataset(str(file))
    ]


@dataclass(frozen=True)
class Recording:
    """All rows of a directory.

    Attributes:
        columns: In the order in which the manifests name them.
        steps: Shape (n,).
        values: Shape (n, k), NaN where not measured.
        present: Shape (n, k).
        environment: Of the last manifest.
        scalars: By tag, the values of ordinary scalars.
    """

    columns: list[Column]
    steps: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    present: npt.NDArray[np.bool_]
    environment: dict[str, Any]
    scalars: dict[str, list[float]]

    def series(self, signal: str, where: str = "") -> npt.NDArray[np.float32]:
        """The column's measured values, in the order of the steps."""
        index = self.columns.index(Column(signal, where))
        measured: npt.NDArray[np.float32] = self.values[self.present[:, index], index]
        return measured

    def places(self, signal: str) -> list[str]:
        return [column.where for column in self.columns if column.signal == signal]

    @property
    def trouble(self) -> Trouble | None:
        return first_trouble(self.columns, self.steps, self.values, self.present)


def read(log_dir: Path) -> Recording:
    """Read every block of a directory and put the rows one under the other."""
    manifests: list[Manifest] = []
    parts: list[tuple[Manifest, Any]] = []
    scalars: dict[str, list[float]] = {}
    for event in events(log_dir):
        for value in event.summary.value:
            if value.tag != "nan/health":
                scalars.setdefault(value.tag, []).append(value.simple_value)
                continue
            block = unpack(value.tensor.string_val[0])
            if isinstance(block, Manifest):
                manifests.append(block)
            else:
                assert block.manifest_id == manifests[-1].id
                assert event.step == block.steps[-1]
                parts.append((manifests[-1], block))
    columns = list(dict.fromkeys(c for manifest in manifests for c in manifest.columns))
    n = sum(len(block.steps) for _, block in parts)
    values = np.full((n, len(columns)), np.nan, np.float32)
    present = np.zeros((n, len(columns)), np.bool_)
    steps, row = np.empty(n, np.int64), 0
    for manifest, block in parts:
        here = slice(row, row := row + len(block.steps))
        steps[here] = block.steps
        for i, column in enumerate(manifest.columns):
            values[here, columns.index(column)] = block.values(i)
            present[here, columns.index(column)] = block.present(i)
    environment = dict(manifests[-1].environment) if manifests else {}
    return Recording(columns, steps, values, present, environment, scalars)
