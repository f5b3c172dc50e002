"""Which of the two scanners is used: the compiled one if it is there, unless told otherwise.

The environment variable TB_NAN_READER decides when it says `compiled` or `reference`.
"""

from __future__ import annotations

import importlib
import os
from functools import cache
from types import ModuleType
from typing import Final

VARIABLE: Final = "TB_NAN_READER"
MODULES: Final = {
    "compiled": "analyzer.events._scanner",
    "reference": "analyzer.events.reference",
}


class ReaderMissingError(ImportError):
    """The reader that was asked for is not there; the message says why."""


@cache
def select(wanted: str | None) -> ModuleType:
    """Return the scanner of that name; the compiled one if none is named and it can be imported.

    Raises:
        ReaderMissingError: That scanner is not there, or there is none of this name.
    """
    if not wanted:
        try:
            return importlib.import_module(MODULES["compiled"])
        except ImportError:
            return importlib.import_module(MODULES["reference"])
    if wanted not in MODULES:
        known = " or ".join(MODULES)
        raise ReaderMissingError(f"{VARIABLE} is {wanted!r}; there is only {known}.")
    try:
        return importlib.import_module(MODULES[wanted])
    except ImportError as error:
        raise ReaderMissingError(
            f"{VARIABLE} asks for the {wanted} reader, which is not there: {error}. "
            "It is built when the package is installed with a C compiler at hand."
        ) from error


def selected() -> ModuleType:
    """Return the scanner that the environment asks for.

    Raises:
        ReaderMissingError: It is not there.
    """
    return select(os.environ.get(VARIABLE))
