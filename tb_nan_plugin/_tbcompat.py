"""The one file that touches private modules of TensorBoard.

Law: each function works, perhaps less well, where the private module is gone or has changed.
"""

from __future__ import annotations

import os
from typing import Any


def respond(request: Any, content: bytes | str, content_type: str, code: int = 200) -> Any:
    """Return a response with the headers that TensorBoard's page demands (nosniff, no-cache)."""
    try:
        from tensorboard.backend import http_util

        return http_util.Respond(request, content, content_type, code=code)
    except (ImportError, AttributeError, TypeError):
        from werkzeug.wrappers import Response

        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        return Response(content, status=code, content_type=content_type, headers=headers)


def roots(context: Any) -> list[tuple[str, str]]:
    """Return the log directories that TensorBoard was started with, as (name, path).

    The name is "" for `--logdir`; `--logdir_spec` names each of its directories. Empty where
    TensorBoard reads from elsewhere (`--grpc_data_provider`).
    """
    specification = getattr(context.flags, "logdir_spec", "") if context.flags else ""
    if specification:
        return [(name or "", path) for path, name in _parse(specification).items()]
    return [("", _absolute(context.logdir))] if context.logdir else []


def _parse(specification: str) -> dict[str, str | None]:
    try:
        from tensorboard.backend.event_processing import data_ingester

        parsed: dict[str, str | None] = data_ingester._parse_event_files_spec(specification)
        return parsed
    except (ImportError, AttributeError):
        pairs = (part.rpartition(":") for part in specification.split(",") if part)
        return {_absolute(path): name or None for name, _, path in pairs}


def _absolute(path: str) -> str:
    return path if "://" in path else os.path.abspath(os.path.expanduser(path))
