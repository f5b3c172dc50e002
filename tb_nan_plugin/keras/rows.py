"""Rows as they came off the device."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Rows:
    """Some consecutive rows.

    Attributes:
        steps: Shape (n,), the steps they belong to.
        wall_times: Shape (n,), seconds since the epoch.
        values: Shape (n, k).
        present: Shape (n, k), which values were measured.
    """

    steps: npt.NDArray[np.int64]
    wall_times: npt.NDArray[np.float64]
    values: npt.NDArray[np.float32]
    present: npt.NDArray[np.bool_]

    def widened(self, columns: int) -> Rows:
        """Return the rows with so many columns more, in which nothing was measured."""
        room = (0, 0), (0, columns)
        return replace(self, values=np.pad(self.values, room), present=np.pad(self.present, room))
