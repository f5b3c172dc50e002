"""The report as JSON, and the project's one encoder for numbers that JSON does not have."""

from __future__ import annotations

import json
from math import isnan
from typing import Any

from analyzer.report import Report


def render(report: Report) -> str:
    """Return the report as indented JSON text; the schema is docs/report.md."""
    return encode(report.to_dict(), indent=2)


def encode(value: Any, indent: int | None = None) -> str:
    """Return JSON in which NaN, +Inf and -Inf are "NaN", "Infinity" and "-Infinity"."""
    return json.dumps(finite(value), indent=indent, allow_nan=False)


def finite(value: Any) -> Any:
    """Return the value with every non-finite number in it replaced by its name."""
    if isinstance(value, float):
        if isnan(value):
            return "NaN"
        if value in (float("inf"), float("-inf")):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
