"""Packages that only some uses need: imported when asked for, and named when they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class MissingPackageError(ImportError):
    """A package is not installed that this one use needs; the message says which, and for what."""


def needed(package: str, purpose: str, install: str = "") -> Any:
    """Import and return a package, typed as anything: it may have no types.

    Args:
        package: Its name for `import`.
        purpose: What needs it, as the beginning of a sentence.
        install: What pip is asked for; the package itself unless said.

    Raises:
        MissingPackageError: It is not installed.
    """
    whole = package.partition(".")[0]
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != whole:
            raise
        raise MissingPackageError(
            f"{purpose} needs the package {whole}: pip install {install or whole}"
        ) from None
