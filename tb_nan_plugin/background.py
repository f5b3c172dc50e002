"""Work that a web server must not wait for: one thread at a time, the newest result at hand.

Law: asking never blocks. A failure is a result too, and the last good one stays beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class State(Generic[Result]):
    """What is known right now.

    Attributes:
        phase: `scanning` until the first result, then `ready`; `failed` if the last try failed.
        result: The newest result, or None.
        message: Why the last try failed.
        generation: Grows whenever `result` changed; begins at the clock, so that a page which
            outlives the server notices the new one.
    """

    phase: Literal["scanning", "ready", "failed"]
    result: Result | None
    message: str
    generation: int


class Background(Generic[Result]):
    """Runs a function off the caller's thread, and never twice at once."""

    def __init__(self, work: Callable[[], Result], least_seconds: float) -> None:
        """Keep the work.

        Args:
            work: Returns the same object again where nothing has changed.
            least_seconds: How long to leave it alone between two runs.
        """
        self._work = work
        self._least_seconds = least_seconds
        self._lock = threading.Lock()
        self._running = False
        self._ended = float("-inf")
        self._state: State[Result] = State("scanning", None, "", int(time.time()))

    def ask(self) -> State[Result]:
        """Return what is known, and start a fresh run if the last one is long enough ago."""
        with self._lock:
            due = time.monotonic() - self._ended >= self._least_seconds
            start = due and not self._running
            self._running = self._running or start
            state = self._state
        if start:
            threading.Thread(target=self._run, name="nan-plugin", daemon=True).start()
        return state

    def _run(self) -> None:
        began = time.monotonic()
        try:
            result = self._work()
        except Exception as error:  # whatever a log directory holds, the server goes on
            message = str(error) or type(error).__name__
            self._finish(replace(self._state, phase="failed", message=message), began)
            return
        changed = result is not self._state.result
        generation = self._state.generation + changed
        self._finish(State("ready", result, "", generation), began)

    def _finish(self, state: State[Result], began: float) -> None:
        with self._lock:
            self._state = state
            self._running = False
            # A long pass earns a long rest: the server's other tabs share the interpreter.
            now = time.monotonic()
            self._ended = now + max(0.0, now - began - self._least_seconds)
