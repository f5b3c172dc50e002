"""A sequence that is made when somebody first looks at it: of many runs, few are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Generic, TypeVar, overload

Item = TypeVar("Item")


class OnDemand(Sequence[Item], Generic[Item]):
    """What `make` returns, which is called once at most."""

    def __init__(self, make: Callable[[], Iterable[Item]]) -> None:
        """Keep how it is made."""
        self._make = make

    @cached_property
    def _items(self) -> tuple[Item, ...]:
        return tuple(self._make())

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        """Return one, or a tuple of some."""
        return self._items[index]

    def __repr__(self) -> str:
        return repr(self._items)
