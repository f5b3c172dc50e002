"""A thread that calls something once in a while, so that a slow step holds nothing up."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pulse:
    """Calls `beat` every so many seconds until `stop`, or until it says that it cannot."""

    def __init__(self, beat: Callable[[], bool], seconds: float) -> None:
        """Start; `beat` returns whether it is to be called again."""
        self._beat = beat
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="NaNMonitor pulse", daemon=True)
        self._thread.start()

    def stop(self, patience: float = 10.0) -> None:
        """Return when no beat is running any more, or after `patience` seconds."""
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(patience)

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds) and self._beat():
            pass
