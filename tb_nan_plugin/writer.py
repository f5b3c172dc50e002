"""The thread that does the file work of a recording, so that no disk can hold up the training.

Laws:

1. The training waits a moment for its rows to reach the file, so that they are safe from a kill.
   For a disk that does not answer in that time it waits no more.
2. What cannot be written is dropped, and that is said once. Writing is tried again later, in a new
   file.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tb_nan_plugin.rotation import EventLog, Span

# How long a flush may hold up the training: on a local disk it takes about 1 ms.
FLUSH_PATIENCE_SECONDS: Final = 0.1
# For the first file and the last bytes, for which no step waits.
PATIENCE_SECONDS: Final = 20.0
# What may wait for a disk that does not answer.
MOST_WAITING_BYTES: Final = 64 << 20
# After an error the next try comes after this long, and after each further one twice as long.
RETRY_SECONDS: Final = 1.0
MOST_RETRY_SECONDS: Final = 300.0


@dataclass(frozen=True)
class _Work:
    """Something to do with the log.

    Attributes:
        size: How many bytes wait in it.
        rows: Whether it writes rows.
        files: Whether it touches a file at all.
    """

    do: Callable[[EventLog], None]
    size: int = 0
    rows: bool = False
    files: bool = True


class Writer:
    """An event log with a thread of its own.

    Once it is made, nothing that goes wrong with a file is raised: see `notices`.

    Attributes:
        continues: Whether the directory held a recording before.
    """

    def __init__(self, log_dir: str, max_bytes: int | None = None) -> None:
        """Open the first file; arguments as for `EventLog`.

        Raises:
            OSError: The directory cannot be made or written to, or does not answer; the message
                names it.
        """
        self._log_dir = log_dir
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._waiting: deque[_Work] = deque()
        self._waiting_bytes = 0
        self._busy = True
        self._closing = False
        self._patience = FLUSH_PATIENCE_SECONDS
        self._notices: list[str] = []
        self._said: set[str] = set()
        self._retry_at: float | None = None
        self._retry_after = RETRY_SECONDS
        self._lost_rows = False
        self._refusal: Exception | None = None
        self.continues = False
        self._thread = threading.Thread(target=self._run, name="NaNMonitor files", daemon=True)
        self._thread.start()
        if not self._settled(PATIENCE_SECONDS):
            self._closing = True
            raise TimeoutError(f"{log_dir} does not answer")
        if self._refusal is not None:
            raise self._refusal

    def protect(self, first: int, last: int) -> None:
        """Keep these steps, both ends included, whatever the cap says."""
        self._put(_Work(lambda log: log.protect(first, last), files=False))

    def write_rows(self, manifest: bytes, block: bytes, steps: Span, wall_time: float) -> None:
        """Append a block of rows; arguments as for `EventLog.write_rows`."""
        work = _Work(
            lambda log: log.write_rows(manifest, block, steps, wall_time), len(block), rows=True
        )
        self._put(work)

    def write_scalars(self, values: Mapping[str, float], step: int, wall_time: float) -> None:
        """Append scalars, by tag, of one step."""
        self._put(_Work(lambda log: log.write_scalars(values, step, wall_time)))

    def flush(self) -> None:
        """Have everything written so far on disk, unless that takes too long."""
        self._put(_Work(EventLog.flush))
        answered = self._settled(self._patience)
        self._patience = FLUSH_PATIENCE_SECONDS if answered else 0.0

    def close(self) -> None:
        """Write the rest and close the file, unless that takes too long."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(PATIENCE_SECONDS)
        if self._thread.is_alive():
            self._say("lost", f"{self._log_dir} does not answer: the last steps may be lost.")

    def notices(self) -> list[str]:
        """Return what the user has to know and was not told yet, as sentences."""
        with self._changed:
            found, self._notices = self._notices, []
        return found

    def _put(self, work: _Work) -> None:
        with self._changed:
            if self._waiting_bytes + work.size <= MOST_WAITING_BYTES:
                self._waiting.append(work)
                self._waiting_bytes += work.size
                self._changed.notify_all()
                return
        self._lose(TimeoutError("it does not answer"))

    def _settled(self, seconds: float) -> bool:
        """Wait until there is nothing to do, and return whether it came to that."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._busy), seconds)

    def _run(self) -> None:
        try:
            log = EventLog(self._log_dir, self._max_bytes)
        except Exception as error:
            self._refusal = error
            self._done()
            return
        self.continues = log.continues
        self._done()
        while (work := self._next()) is not None:
            self._attempt(log, work)
            self._done(work.size)
        try:
            log.close()
        except OSError as error:
            self._lose(error)

    def _next(self) -> _Work | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            if not self._waiting:
                return None
            self._busy = True
            return self._waiting.popleft()

    def _done(self, size: int = 0) -> None:
        with self._changed:
            self._busy = False
            self._waiting_bytes -= size
            self._changed.notify_all()

    def _attempt(self, log: EventLog, work: _Work) -> None:
        try:
            if self._retry_at is not None and work.files:
                if time.monotonic() < self._retry_at:
                    return
                log.begin_anew()
                self._retry_at = None
            work.do(log)
        except Exception as error:  # a mistake of ours stops this thread no more than a full disk
            self._lose(error)
            self._retry_at = time.monotonic() + self._retry_after
            self._retry_after = min(2 * self._retry_after, MOST_RETRY_SECONDS)
            return
        if work.rows and self._lost_rows:
            self._lost_rows = False
            self._retry_after = RETRY_SECONDS
            self._say("back", f"recording goes on in {self._log_dir}; steps in between are lost.")

    def _lose(self, error: Exception) -> None:
        self._lost_rows = True
        self._say(
            "lost",
            f"could not record in {self._log_dir} ({type(error).__name__}: {error}). "
            "Training goes on; recording ended.",
        )

    def _say(self, occasion: str, sentence: str) -> None:
        with self._changed:
            if occasion not in self._said:
                self._said.add(occasion)
                self._notices.append(sentence)
