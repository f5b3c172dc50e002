"""What the model is asked to predict."""

from __future__ import annotations

from typing import Any

from tb_nan_plugin.probes._columns import measure_columns
from tb_nan_plugin.probes._probe import Row


def measure(row: Row, targets: dict[str, Any]) -> None:
    """Add the columns of every target; the only target of a model has the name ""."""
    for name, tensor in targets.items():
        measure_columns(row, "target", f"{name} target".lstrip(), tensor)
