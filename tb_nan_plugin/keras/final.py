"""What the last of some steps left behind: the step that would find it bad may never come."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from tb_nan_plugin.keras.observer import Observer
from tb_nan_plugin.keras.ring import Ring
from tb_nan_plugin.keras.session import Rows
from tb_nan_plugin.probes import optimizer, weights
from tb_nan_plugin.record import Column
from tb_nan_plugin.signals import Signal

# The optimizer's state may be several times the weights: it is read through this often.
STATE_SECONDS: Final = 10.0

_UPDATED: Final = (Signal.UPDATED_NAN, Signal.UPDATED_POSINF, Signal.UPDATED_NEGINF)


class FinalState:
    """Weights and optimizer state after the last row, as columns beside the ring's own."""

    def __init__(self, observer: Observer, ring: Ring) -> None:
        """Keep what names the variables, and the ring, whose rows may have them already."""
        self._observer = observer
        self._ring = ring
        self._last_state = time.monotonic()

    @property
    def columns(self) -> list[Column]:
        """Return the columns that `beside` adds."""
        state = Signal.OPTIMIZER_STATE_NONFINITE.value
        return [*self._updated(), *(Column(state, name) for name in self._observer.optimizers)]

    def _updated(self) -> list[Column]:
        if any(column.signal == _UPDATED[0].value for column in self._ring.columns):
            return []
        names = self._observer.variables
        return [Column(signal.value, name) for signal in _UPDATED for name in names]

    def beside(self, rows: Rows, *, ending: bool) -> Rows:
        """Return the rows with the state after the last of them; of the optimizer now and then."""
        updated = len(self._updated())
        wider = rows.widened(len(self.columns))
        begin = rows.values.shape[1]
        if updated:
            counts = weights.count_nonfinite(self._observer.variables)
            wider.values[-1, begin : begin + updated] = np.asarray(counts).reshape(-1)
            wider.present[-1, begin : begin + updated] = True
        if ending or time.monotonic() - self._last_state >= STATE_SECONDS:
            self._last_state = time.monotonic()
            for i, one in enumerate(self._observer.optimizers.values(), begin + updated):
                wider.values[-1, i] = float(optimizer.count_nonfinite(one.variables))
                wider.present[-1, i] = True
        return wider


def order_of(column: Column) -> int:
    """Return where in its step a column is measured."""
    return Signal(column.signal).quantity.phase.order
