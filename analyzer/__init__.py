"""Explain, from the event files alone, why a training run first went NaN or Inf.

Public names are loaded on first use (PEP 562), so `tb-nan --help` need not wait for numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer.places import LogDirSpec
    from analyzer.report import LogDirError, Report, analyze
    from analyzer.runs import Runs, read
    from analyzer.series import Run, Series

__all__ = ["LogDirError", "LogDirSpec", "Report", "Run", "Runs", "Series", "analyze", "read"]

_HOMES = {
    "LogDirError": "report",
    "LogDirSpec": "places",
    "Report": "report",
    "Run": "series",
    "Runs": "runs",
    "Series": "series",
    "analyze": "report",
    "read": "runs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"analyzer.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
