from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bs_study.training.divergence import DivergenceWatch, default_loss_limit


def slow_divergence(losses: npt.NDArray[Any], *, limit: float, window: int) -> tuple[int, str] | None:
    """Look at each loss in turn, and at all of the window that ends with it."""
    for i, loss in enumerate(losses):
        if i + 1 >= window and sum(value > limit for value in losses[i + 1 - window : i + 1]) > window / 2:
            return i, "loss_limit"
        if not math.isfinite(loss):
            return i, "non_finite"
    return None


@pytest.mark.parametrize("window", [1, 2, 5, 10])
def test_it_finds_what_looking_at_each_loss_in_turn_finds_however_the_losses_are_cut(window: int) -> None:
    rng = np.random.default_rng(window)
    found = set()
    for _ in range(300):
        losses = rng.exponential(2.5, rng.integers(1, 60))
        losses[rng.random(len(losses)) < 0.01] = rng.choice([np.nan, np.inf, -np.inf])
        expected = slow_divergence(losses, limit=5, window=window)
        watch, start, answer = DivergenceWatch(limit=5, window=window), 0, None
        while start < len(losses) and answer is None:
            end = start + int(rng.integers(1, 25))
            answer = watch.first_divergence(losses[start:end])
            if answer:
                answer = (answer[0] + start, answer[1])
            start = end
        found.add(expected and expected[1])
        if expected and expected[0] + 1 >= window and answer and answer[0] == expected[0]:
            assert answer[1] in ("non_finite", "loss_limit")
        else:
            assert answer == expected
    assert {None, "non_finite", "loss_limit"} <= found or window == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_single_loss_that_is_not_finite_is_enough(bad: float) -> None:
    watch = DivergenceWatch(limit=10, window=100)
    assert watch.first_divergence(np.array([1.0, 2.0])) is None
    assert watch.first_divergence(np.array([1.0, bad, 1.0])) == (1, "non_finite")


def test_a_single_spike_never_counts_and_more_than_half_of_the_window_does() -> None:
    spiky = np.tile([1.0, 1.0, 1.0, 99.0], 50)
    assert DivergenceWatch(limit=10, window=4).first_divergence(spiky) is None
    half = np.tile([1.0, 99.0], 50)
    assert DivergenceWatch(limit=10, window=4).first_divergence(half) is None
    assert DivergenceWatch(limit=10, window=4).first_divergence(np.append(half, 99.0)) == (100, "loss_limit")


def test_a_loss_at_the_limit_is_not_above_it() -> None:
    assert DivergenceWatch(limit=10, window=1).first_divergence(np.array([10.0, 10.1])) == (1, "loss_limit")


def test_a_trial_shorter_than_the_window_is_never_above_for_long() -> None:
    assert DivergenceWatch(limit=1, window=100).first_divergence(np.full(99, 5.0)) is None


@pytest.mark.parametrize(("initial", "limit"), [(2.3, 23.0), (0.0, math.inf), (-4.0, math.inf)])
def test_the_default_limit_is_ten_times_the_initial_loss_where_that_is_above_zero(initial: float, limit: float) -> None:
    assert default_loss_limit(initial) == pytest.approx(limit)
