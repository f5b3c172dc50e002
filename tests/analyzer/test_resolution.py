"""What a report says of the steps that a recording does not hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from analyzer.resolution import remarks
from analyzer.series import Health
from tb_nan_plugin.record import Column, Manifest, RowBlock, pack_rows, unpack
from tb_nan_plugin.signals import Phase, Signal
from tb_nan_plugin.trouble import Trouble


def recorded(*parts: tuple[Sequence[int], int]) -> Health:
    """A record of blocks with the given steps, each thinned to one in so many."""
    blocks = []
    for steps, every in parts:
        environment = {"thinned": {"every": every}} if every > 1 else {}
        manifest = Manifest((Column("loss"),), environment)
        values = np.ones((len(steps), 1), np.float32)
        block = unpack(pack_rows(manifest, list(steps), [1e9] * len(steps), values))
        assert isinstance(block, RowBlock)
        blocks.append((manifest, block))
    return Health(blocks)


def bad(step: int) -> Trouble:
    return Trouble(step, Phase.LOSS, "", "nan", 1, Signal.LOSS)


def test_nothing_is_said_of_a_record_that_holds_every_step() -> None:
    assert remarks(recorded((range(5, 90), 1), (range(90, 100), 1)), bad(7)) == ()


def test_thinned_steps_are_counted() -> None:
    health = recorded((range(0, 96, 8), 8), (range(96, 200, 2), 2), (range(200, 300), 1))

    assert remarks(health, None) == (
        "The recording was kept below a size: of the 199 steps from 0 to 198, 64 are there, at "
        "least one in 8.",
    )


@pytest.mark.parametrize("step", [40, 50, 60])
def test_the_steps_around_the_first_bad_one_are_named_as_they_are(step: int) -> None:
    health = recorded(([*range(0, 40, 4), *range(40, 61), *range(64, 100, 4)], 4))

    assert remarks(health, bad(step))[1] == (
        "Around the first bad step, every step from 40 to 60 is there."
    )


@pytest.mark.parametrize(("step", "stretch"), [(0, "0 to 9"), (9, "0 to 9"), (99, "90 to 99")])
def test_the_first_and_the_last_stretch_are_found(step: int, stretch: str) -> None:
    health = recorded(([*range(10), *range(12, 90, 4), *range(90, 100)], 4))

    assert f"from {stretch} is there" in remarks(health, bad(step))[1]


def test_steps_that_were_never_written_are_named() -> None:
    health = recorded((range(10), 1), (range(30, 40), 1))

    assert remarks(health, None) == ("Steps 10 to 29 are missing from the recording.",)


def test_a_gap_beside_thinned_rows_is_one_only_if_it_is_wider_than_the_thinning() -> None:
    health = recorded((range(0, 40, 8), 8), (range(40, 60), 1), (range(100, 110), 1))

    assert remarks(health, None)[1:] == ("Steps 60 to 99 are missing from the recording.",)


def test_of_many_gaps_three_are_named() -> None:
    health = recorded(*((range(first, first + 5), 1) for first in range(0, 100, 10)))

    found = remarks(health, None)
    assert len(found) == 4
    assert found[-1] == "6 more stretches of steps are missing from it."


@pytest.mark.parametrize("damage", [{"thinned": 7}, {"thinned": {"every": -3}}, {"thinned": None}])
def test_a_mark_of_another_make_is_none(damage: dict[str, object]) -> None:
    manifest = Manifest((Column("loss"),), damage)
    block = unpack(pack_rows(manifest, [0, 8], [0.0, 1.0], np.ones((2, 1), np.float32)))
    assert isinstance(block, RowBlock)

    assert remarks(Health([(manifest, block)]), None) == (
        "Steps 1 to 7 are missing from the recording.",
    )
