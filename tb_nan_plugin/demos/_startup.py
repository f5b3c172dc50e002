"""Start TensorFlow without the notes about processor and drivers that it writes when imported."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Final

STDERR: Final = 2  # the file descriptor: the notes come from C++, past sys.stderr


def start_tensorflow() -> None:
    """Import Keras on TensorFlow, quietly if it succeeds."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the only one that NaNMonitor records
    with _stderr_held_back():  # some notes are written before any level is looked at
        import_module("keras")


@contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Let what is written to stderr pass only if an error ends the block."""
    sys.stderr.flush()
    real = os.dup(STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            held.seek(0)
            with os.fdopen(os.dup(real), "wb") as stderr:
                shutil.copyfileobj(held, stderr)
            raise
        finally:
            sys.stderr.flush()
            os.dup2(real, STDERR)
            os.close(real)
