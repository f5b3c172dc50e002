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
# A thread takes several items at a time, so that small ones are not mostly waiting for each other,
# and each thread so many times that all end at about the same moment.
MOST_TAKEN: Final = 32
TURNS: Final = 16

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
    work = _Work(function, items, max(1, min(MOST_TAKEN, len(items) // (threads * TURNS))))
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
    """Items that threads take, a few in a row at a time."""

    def __init__(
        self, function: Callable[[Item], Result], items: Sequence[Item], taken: int
    ) -> None:
        self._function = function
        self._items = items
        self._taken = taken
        self._next = 0
        self._waited_for = 0
        self._done: dict[int, Result | _Failure] = {}
        self._changed = threading.Condition()

    def run(self) -> None:
        while numbers := self._take():
            outcomes = [self._outcome(self._items[number]) for number in numbers]
            with self._changed:
                self._done.update(zip(numbers, outcomes, strict=True))
                if self._waited_for in numbers:
                    self._changed.notify()

    def _outcome(self, item: Item) -> Result | _Failure:
        try:
            return self._function(item)
        except BaseException as error:
            return _Failure(error)

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

    def _take(self) -> range:
        with self._changed:
            begin = self._next
            self._next = min(begin + self._taken, len(self._items))
            return range(begin, self._next)
