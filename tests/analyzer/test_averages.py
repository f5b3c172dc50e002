"""How a running mean is divided into epochs, and when that is not to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan

import numpy as np
import pytest

from analyzer.analysis import analyze_run
from analyzer.averages import Epochs, batches_a_call, epochs_of, of_each_batch, survives
from analyzer.labels import labels_of
from analyzer.scalars import bad_tags
from analyzer.series import Attempt, Run, Series

BATCHES = [[4.0, 2.0, 6.0], [1.0, 3.0, 0.5], [1.0, 2.0, 1.0]]  # losses of three epochs


def keras_log(
    losses: Sequence[Sequence[float]], every: int = 1, *, running: bool = True
) -> dict[str, Series]:
    """What Keras writes of these losses: a point each second, epochs half a second later."""
    steps, values, ends, means = [], [], [], []
    step = 0
    for epoch in losses:
        for within, _ in enumerate(epoch, start=1):
            step += 1
            mean = float(np.mean(epoch[:within])) if running else epoch[within - 1]
            if step % every == 0:
                steps.append(step)
                values.append(mean)
        ends.append(step + 0.5)
        means.append(float(np.mean(epoch)))
    return {
        "batch_loss": Series(np.array(steps), np.array(values), np.array(steps, np.float64)),
        "epoch_loss": Series(np.arange(len(ends)), np.array(means), np.array(ends)),
    }


def on(tags: dict[str, Series]) -> Run:
    return Run("train", tags, (Attempt(1, scalars=tags),))


def epochs(tags: dict[str, Series], tag: str = "batch_loss") -> Epochs | None:
    run = on(tags)
    labels = labels_of(run)
    return epochs_of(run, labels, labels.of[tag])


def test_epochs_are_told_by_when_their_own_tag_was_written() -> None:
    found = epochs(keras_log(BATCHES))

    assert found is not None
    assert (found.length, found.finished, found.running) == (3, 3, True)
    assert [found.epoch_of(step) for step in (1, 3, 4, 9)] == [0, 0, 1, 2]
    assert [found.start_of(step) for step in (1, 3, 4, 9)] == [1, 1, 4, 7]


def test_each_batch_is_what_it_added_to_the_mean() -> None:
    tags = keras_log(BATCHES)
    found = epochs(tags)

    assert found is not None
    parted = of_each_batch(tags["batch_loss"], found)
    np.testing.assert_allclose(parted.values, [loss for epoch in BATCHES for loss in epoch])


def test_batches_between_two_points_are_given_their_own_mean() -> None:
    tags = keras_log([[1.0, 3.0, 5.0, 7.0], [2.0, 4.0, 6.0, 8.0]], every=2)
    found = epochs(tags)

    assert found is not None
    np.testing.assert_allclose(of_each_batch(tags["batch_loss"], found).values, [2, 6, 3, 7])


def test_a_bad_batch_hides_those_after_it_until_the_next_epoch() -> None:
    tags = keras_log([[1.0, inf, 1.0], [1.0, 2.0, 1.0]])
    found = epochs(tags)

    assert found is not None
    assert found.finite == (False, True)
    parted = of_each_batch(tags["batch_loss"], found)
    assert parted.steps.tolist() == [1, 2, 4, 5, 6]
    np.testing.assert_allclose(parted.values, [1, inf, 1, 2, 1])


def test_values_that_are_no_running_means_are_told_so() -> None:
    found = epochs(keras_log(BATCHES, running=False))

    assert found is not None
    assert not found.running


@pytest.mark.parametrize("missing", ["epoch_loss", "batch_loss"])
def test_one_tag_alone_shows_no_epochs(missing: str) -> None:
    tags = keras_log(BATCHES)
    del tags[missing]

    assert epochs(tags, next(iter(tags))) is None


def test_epochs_of_different_lengths_are_not_guessed() -> None:
    assert epochs(keras_log([[1.0] * 3, [1.0] * 5, [1.0] * 4])) is None


def test_a_training_that_stopped_within_an_epoch_still_shows_the_others() -> None:
    found = epochs(keras_log([[1.0] * 5, [1.0] * 5, [1.0, nan]]))

    assert found is not None
    assert (found.length, found.finished) == (5, 2)


def test_a_length_that_the_points_leave_open_is_not_guessed() -> None:
    tags = keras_log([[1.0] * 5, [1.0] * 5], every=3)
    tags["batch_loss"] = Series(*(column[1:] for column in vars(tags["batch_loss"]).values()))

    assert epochs(tags) is None


def first_interval(losses: Sequence[Sequence[float]], every: int) -> tuple[int | None, int]:
    (bad, *_) = [b for b in bad_tags(on(keras_log(losses, every))) if b.tag == "batch_loss"]
    return bad.earliest_step, bad.step


def test_a_finite_epoch_between_two_points_narrows_the_interval() -> None:
    # Points at 4 and 8 of epochs of 5: batch 5 ended a finite epoch, so it began in 6 to 8.
    calm = [[1.0] * 5] * 3

    assert first_interval([*calm, [1.0] * 5, [1.0, nan, 1.0, 1.0, 1.0]], 4) == (21, 24)
    assert first_interval([*calm, [1.0] * 4 + [nan], [nan] * 5], 4) == (17, 20)
    assert first_interval([*calm, [1.0, 1.0, nan, 1.0, 1.0], [nan] * 5], 4) == (17, 20)


CALM_SIX = [1.0] * 6


def test_an_epoch_that_began_after_the_last_finite_point_begins_the_interval() -> None:
    # Points at 16 and 20, epochs of 6: 18 ended a finite epoch, so 17 and 18 were finite too.
    losses = [CALM_SIX, CALM_SIX, CALM_SIX, [1.0, nan, 1.0, 1.0, 1.0, 1.0]]

    assert first_interval(losses, 4) == (19, 20)


def test_an_epoch_whose_mean_is_bad_may_have_held_the_first() -> None:
    # The same points, but the epoch that ends at 18 is bad, though its point at 16 is finite.
    losses = [CALM_SIX, CALM_SIX, [*CALM_SIX[1:], nan], [1.0, nan, 1.0, 1.0, 1.0, 1.0]]

    assert first_interval(losses, 4) == (17, 20)


def test_without_the_mean_of_the_epoch_before_the_interval_is_whole() -> None:
    losses = [[1.0] * 5, [1.0] * 4 + [nan], [nan] * 5]

    assert first_interval(losses, 4) == (9, 12)


def status(losses: Sequence[Sequence[float]]) -> str:
    return analyze_run(on(keras_log(losses))).status


CALM, STRUCK = [1.0, 2.0, 1.0, 2.0], [1.0, inf, 1.0, 2.0]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        pytest.param([CALM, CALM], "healthy", id="nothing"),
        pytest.param([STRUCK, CALM], "recovered", id="an epoch that ends bad, and a finite one"),
        pytest.param([STRUCK, STRUCK], "recovered", id="each epoch begins finite"),
        pytest.param([CALM, STRUCK], "nonfinite", id="it was never seen to come back"),
        pytest.param([STRUCK, [1.0, inf, nan, nan]], "nonfinite", id="NaN follows"),
        pytest.param([[1.0, nan, 1.0, 1.0]] * 2, "nonfinite", id="NaN hides what follows"),
        pytest.param([STRUCK, [1.0, 2.0, 1.0, inf]], "nonfinite", id="the very last batch"),
        pytest.param([STRUCK, CALM, [nan] * 4], "nonfinite", id="a failure later"),
        pytest.param([[1.0, inf, inf, inf], [inf] * 4], "nonfinite", id="it began bad again"),
    ],
)
def test_bad_batches_that_the_model_came_through_are_no_failure(
    losses: Sequence[Sequence[float]], expected: str
) -> None:
    with np.errstate(invalid="ignore"):
        assert status(losses) == expected


def test_a_mean_that_is_nan_says_nothing_of_what_followed() -> None:
    tags = keras_log([[1.0, nan, 1.0, 1.0]] * 2)
    infinite = keras_log([[1.0, inf, 1.0, 1.0]] * 2)

    assert not survives(tags["batch_loss"], epochs(tags))
    assert survives(infinite["batch_loss"], epochs(infinite))


def test_calls_of_several_batches_are_told_by_two_evaluations() -> None:
    tags = keras_log(BATCHES)
    times = tags["epoch_loss"].wall_times
    evaluations = Series(np.array([12, 24, 36]), np.ones(3), times)
    run = on({**tags, "evaluation_loss_vs_iterations": evaluations})
    labels = labels_of(run)

    assert batches_a_call(run, labels, labels.of["batch_loss"]) == 4


def test_an_optimizer_that_did_not_begin_at_0_is_no_call_of_several_batches() -> None:
    tags = keras_log(BATCHES)
    times = tags["epoch_loss"].wall_times
    evaluations = Series(np.array([6, 9, 12]), np.ones(3), times)
    run = on({**tags, "evaluation_loss_vs_iterations": evaluations})
    labels = labels_of(run)

    assert batches_a_call(run, labels, labels.of["batch_loss"]) == 1
