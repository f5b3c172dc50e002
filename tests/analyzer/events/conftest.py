"""The two readers: whatever holds of one must hold of the other."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from analyzer.events.selection import MODULES, VARIABLE, ReaderMissingError, select


def twin_of(name: str) -> ModuleType:
    try:
        return select(name)
    except ReaderMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=list(MODULES))
def twin(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """One of the two scanners, which is also what `read_file` uses meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, request.param)
        yield twin_of(request.param)


@pytest.fixture(scope="session")
def compiled() -> ModuleType:
    """The compiled scanner, where it was built."""
    return twin_of("compiled")
