"""Every training of a rule's tests begins from the same weights, whichever test runs before it."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def seed() -> None:
    """Seed the framework before a test makes its layers, where one is loaded at all."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(7)
