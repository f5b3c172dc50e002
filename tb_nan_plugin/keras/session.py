"""What one monitor has recorded of one training, down to the last byte of its event file."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tb_nan_plugin.record import Column, Manifest, pack_manifest, pack_rows
from tb_nan_plugin.signals import Signal
from tb_nan_plugin.summary import EventFile, health_event, scalar_event
from tb_nan_plugin.trouble import Trouble, first_trouble

# A process that is killed loses what the ring has not handed over: at most this long, or the steps
# of one execution if those take longer.
FLUSH_SECONDS: Final = 1.0


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


class Session:
    """Writes what is observed in one training.

    Attributes:
        next_step: Index of the next training batch.
        trouble: The first thing that was not finite, once there is one.
        skipped: The steps whose update was taken back.
    """

    def __init__(self, log_dir: str, first_step: int) -> None:
        """Open the event file.

        Args:
            log_dir: Directory of the event file.
            first_step: Index of the first batch.

        Raises:
            OSError: The directory cannot be made or written to; the message names it.
        """
        self.next_step = self._first_step = first_step
        self.trouble: Trouble | None = None
        self.skipped: list[int] = []
        self._harmless: set[Column] = set()
        self._manifest: Manifest | None = None
        self._file = EventFile(log_dir)

    @property
    def has_rows(self) -> bool:
        """Return whether any step was observed."""
        return self._manifest is not None

    def write(self, manifest: Manifest, rows: Rows) -> None:
        """Append the rows of the steps that were observed, and look at them."""
        n = len(rows.values)
        self.next_step += rows.lost
        steps = np.arange(self.next_step, self.next_step + n, dtype=np.int64)
        self.next_step += n
        block = pack_rows(manifest, steps, rows.wall_times, rows.values, rows.present)
        last, now = int(steps[-1]), float(rows.wall_times[-1])
        if self._manifest is None or self._manifest.id != manifest.id:
            self._file.write(health_event(pack_manifest(manifest), int(steps[0]), now))
            self._manifest = manifest
        self._file.write(health_event(block, last, now))
        self._file.flush()
        self._look(manifest, steps, rows)

    def _look(self, manifest: Manifest, steps: npt.NDArray[np.int64], rows: Rows) -> None:
        mark = Column(Signal.UPDATE_SKIPPED.value, "")
        if mark in manifest.columns:
            index = manifest.columns.index(mark)
            marked = rows.present[:, index] & (rows.values[:, index] > 0)
            self.skipped.extend(steps[marked].tolist())
        if self.trouble is None:
            self.trouble = first_trouble(
                manifest.columns,
                steps,
                rows.values,
                rows.present,
                continues=int(steps[0]) > self._first_step,
                harmless=self._harmless,
            )

    def write_epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        """Write what Keras reports of an epoch as scalars, named as its own callback names them."""
        now = time.time()
        for name, value in logs.items():
            if np.ndim(value) == 0:
                self._file.write(scalar_event(f"epoch_{name}", float(value), epoch, now))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def abandon(self) -> None:
        """Close the file, whatever state it is in."""
        with suppress(Exception):
            self._file.close()
