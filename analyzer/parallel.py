"""Many independent pieces of work, done by threads, their results in order.

Laws:

1. Results come in the order of the items, whichever is done first.
2. Ctrl-C ends the waiting at once: the threads are daemons, and begin nothing new.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

MOST_THREADS: Final = 8  # more would wait for the same disk

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Yield `function(item)` of each item.

    What the function raises is raised when its turn comes; nothing is begun after that.
    """
    threads = min(MOST_THREADS, os.cpu_count() or 1, len(items))
    if threads < 2:
        yield from map(function, items)
        return
    work = _Work(function, items)
    for _ in range(threads):
        threading.Thread(target=work.run, daemon=True).start()
    try:
        for number in range(len(items)):
            yield work.result(number)
    finally:
        work.stop()


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class _Work(Generic[Item, Result]):
    """Items that threads take one by one."""

    def __init__(self, function: Callable[[Item], Result], items: Sequence[Item]) -> None:
        self._function = function
        self._items = items
        self._next = 0
        self._waited_for = 0
        self._done: dict[int, Result | _Failure] = {}
        self._changed = threading.Condition()

    def run(self) -> None:
        while (number := self._take()) is not None:
            try:
                outcome: Result | _Failure = self._function(self._items[number])
            except BaseException as error:
                outcome = _Failure(error)
            with self._changed:
                self._done[number] = outcome
                if number == self._waited_for:
                    self._changed.notify()

    def result(self, number: int) -> Result:
        with self._changed:
            self._waited_for = number
            while number not in self._done:
                self._changed.wait()
            outcome = self._done.pop(number)
        if isinstance(outcome, _Failure):
            raise outcome.error
        return outcome

    def stop(self) -> None:
        with self._changed:
            self._next = len(self._items)

    def _take(self) -> int | None:
        with self._changed:
            if self._next >= len(self._items):
                return None
            self._next += 1
            return self._next - 1
