"""What one monitor has recorded of one training, down to the last byte of its event files."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tb_nan_plugin.charts import Charts
from tb_nan_plugin.record import Column, Manifest, pack_manifest, pack_rows
from tb_nan_plugin.rotation import FIRST_STEPS, STEPS_AFTER, STEPS_BEFORE
from tb_nan_plugin.signals import Signal
from tb_nan_plugin.trouble import Trouble, first_trouble
from tb_nan_plugin.writer import Writer

# A process that is killed loses what the ring has not handed over: docs/on-disk.md says how much.
# Whether that is so is looked at this often, also while a step runs.
FLUSH_SECONDS: Final = 1.0
BEAT_SECONDS: Final = 0.25


@dataclass(frozen=True)
class Rows:
    """Rows as they came off the device.

    Attributes:
        wall_times: Seconds since the epoch, shape (n,).
        values: Shape (n, k).
        present: Shape (n, k), which values were measured.
        lost: How many rows before these were written over before anyone read them.
    """

    wall_times: npt.NDArray[np.float64]
    values: npt.NDArray[np.float32]
    present: npt.NDArray[np.bool_]
    lost: int = 0

    def widened(self, columns: int) -> Rows:
        """Return the rows with so many columns more, in which nothing was measured."""
        room = (0, 0), (0, columns)
        return replace(self, values=np.pad(self.values, room), present=np.pad(self.present, room))


class Session:
    """Writes what is observed in one training.

    Attributes:
        next_step: Index of the next training batch.
        trouble: The first thing that was not finite, once there is one.
        skipped: The steps whose update was taken back.
    """

    def __init__(self, log_dir: str, first_step: int, *, max_bytes: int | None = None) -> None:
        """Open the first event file.

        Args:
            log_dir: Directory of the event files.
            first_step: Index of the first batch.
            max_bytes: How much the event files may hold together; None for any.

        Raises:
            OSError: The directory cannot be made or written to; the message names it.
        """
        self.next_step = self._first_step = first_step
        self.trouble: Trouble | None = None
        self.skipped: list[int] = []
        self._harmless: set[Column] = set()
        self._manifest: Manifest | None = None
        self._charts = Charts()
        self._file = Writer(log_dir, max_bytes)

    @property
    def has_rows(self) -> bool:
        """Return whether any step was observed."""
        return self._manifest is not None

    @property
    def continues(self) -> bool:
        """Return whether something was recorded into the directory before."""
        return self._file.continues

    def begin_at(self, step: int) -> None:
        """Count from `step`; nothing was counted yet."""
        self.next_step = self._first_step = step

    def notices(self) -> list[str]:
        """Return what the user has to know of the files and was not told yet."""
        return self._file.notices()

    def write(self, manifest: Manifest, rows: Rows) -> None:
        """Append the rows of the steps that were observed, and look at them."""
        n = len(rows.values)
        self.next_step += rows.lost
        steps = np.arange(self.next_step, self.next_step + n, dtype=np.int64)
        self.next_step += n
        if self._manifest is None:
            self._file.protect(self._first_step, self._first_step + FIRST_STEPS - 1)
        self._manifest = manifest
        block = pack_rows(manifest, steps, rows.wall_times, rows.values, rows.present)
        last, now = int(steps[-1]), float(rows.wall_times[-1])
        self._file.write_rows(pack_manifest(manifest), block, (int(steps[0]), last), now)
        self._look(manifest, steps, rows)
        bad_step = None if self.trouble is None else self.trouble.step
        self._charts.add(
            manifest.columns, steps, rows.wall_times, rows.values, rows.present, bad_step
        )
        for point in self._charts.take():
            self._file.write_scalars(*point)
        self._file.flush()

    def _look(self, manifest: Manifest, steps: npt.NDArray[np.int64], rows: Rows) -> None:
        mark = Column(Signal.UPDATE_SKIPPED.value, "")
        if mark in manifest.columns:
            index = manifest.columns.index(mark)
            marked = rows.present[:, index] & (rows.values[:, index] > 0)
            self.skipped.extend(steps[marked].tolist())
        if self.trouble is not None:
            return
        known = frozenset(self._harmless)
        self.trouble = first_trouble(
            manifest.columns,
            steps,
            rows.values,
            rows.present,
            continues=int(steps[0]) > self._first_step,
            harmless=self._harmless,
        )
        for column in self._harmless - known:
            bad = rows.values[:, manifest.columns.index(column)]
            step = int(steps[np.argmax(bad > 0)])
            self._file.protect(step, step)
        if self.trouble is not None:
            step = self.trouble.step
            self._file.protect(step - STEPS_BEFORE, step + STEPS_AFTER)

    def write_epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        """Write what Keras reports of an epoch as scalars, named as its own callback names them."""
        now = time.time()
        for name, value in logs.items():
            if np.ndim(value) == 0:
                self._file.write_scalars({f"epoch_{name}": float(value)}, epoch, now)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        for point in self._charts.take(at_once=True):
            self._file.write_scalars(*point)
        self._file.close()

    def abandon(self) -> None:
        """Close the file, whatever state it is in."""
        with suppress(Exception):
            self._file.close()
