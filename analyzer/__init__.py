"""Explain, from the event files alone, why a training run first went NaN or Inf.

Public names are loaded on first use (PEP 562), so `tb-nan --help` need not wait for numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer.report import LogDirError, Report, analyze

__all__ = ["LogDirError", "Report", "analyze"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("analyzer.report"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
