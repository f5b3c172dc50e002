"""Watch a Keras model's numerical health while it trains, and show why it went NaN.

Public names are loaded on first use (PEP 562), so importing the package imports no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tb_nan_plugin.keras.errors import NonFiniteError
    from tb_nan_plugin.keras.monitor import NaNMonitor

__version__ = "0.1.0"
__all__ = ["NaNMonitor", "NonFiniteError", "__version__"]

_HOMES = {
    "NaNMonitor": "tb_nan_plugin.keras.monitor",
    "NonFiniteError": "tb_nan_plugin.keras.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in {"tensorflow", "keras"}:
            raise
        raise ModuleNotFoundError(
            f"{name} records a Keras training and needs TensorFlow: "
            "pip install 'tb-nan-plugin[tensorflow]'",
            name=error.name,
        ) from error


def __dir__() -> list[str]:
    return sorted(__all__)
