"""Spikes are judged against what independent noise of that batch size gives by chance."""

import itertools

import numpy as np
import pytest

from bs_study.analysis.loss_variance import rolling_median_residuals, window_statistics
from bs_study.analysis.spikes import spikes
from tests.analysis.per_example import NOISES, TRENDS, examples, stable_loss, trend


def spikes_of(loss, batch_size):
    first = float(loss[0])
    return np.flatnonzero(spikes(loss, rolling_median_residuals(loss), first_loss=first, batch_size=batch_size))


def stability_of(loss, batch_size):
    return window_statistics(loss, first_loss=float(loss[0]), batch_size=batch_size)["stability"]


@pytest.mark.parametrize(("batch_size", "repeats"), [(1, 16), (2, 16), (4, 16), (16, 12), (64, 6), (256, 2), (1024, 1)])
def test_independent_noise_of_any_batch_size_is_no_instability(batch_size, repeats):
    rng = np.random.default_rng(batch_size)
    cells = itertools.product(NOISES, TRENDS, range(repeats))
    found = [
        stability_of(stable_loss(noise, kind, batch_size=batch_size, rng=rng), batch_size) for noise, kind, _ in cells
    ]
    # at most 1 in 100: of n trials so many are exceeded with a chance of 1 in 1000
    assert found.count("unstable") <= np.random.default_rng(0).binomial(len(found), 0.01, 10_000).max()


def with_burst(loss, base, rng):
    """The loss times 5 to 100 for 3 to 20 iterations that then lie above the first loss."""
    while True:
        length, factor = rng.integers(3, 21), np.exp(rng.uniform(np.log(5), np.log(100)))
        start = rng.integers(5, len(loss) - length)
        if base[start] * factor > 1.2 * base[0]:
            break
    risen = loss.copy()
    risen[start : start + length] *= factor
    return risen


@pytest.mark.parametrize("batch_size", [2, 16, 256])
def test_bursts_above_the_first_loss_are_found_nine_times_in_ten(batch_size):
    rng = np.random.default_rng(batch_size)
    found = []
    for noise, kind, _ in itertools.product(NOISES[:4], TRENDS, range(4 if batch_size < 100 else 2)):
        loss = with_burst(stable_loss(noise, kind, batch_size=batch_size, rng=rng), trend(kind, 1000), rng)
        found.append(stability_of(loss, batch_size) == "unstable")
    assert np.mean(found) >= 0.9


def test_the_iterations_of_a_burst_are_counted_one_by_one():
    loss = 1 + np.random.default_rng(0).normal(0, 0.01, 1000)
    loss[[400, 401, 402, 403, 800, 801, 802, 803]] += 3.0
    assert spikes_of(loss, 256).tolist() == [400, 401, 402, 403, 800, 801, 802, 803]


def test_the_same_losses_are_spikes_where_they_are_together_and_none_where_they_are_apart():
    rng = np.random.default_rng(1)
    loss, high = np.minimum(examples("exponential", (1000,), rng), 4.0), rng.uniform(8, 9, 6)
    apart, together = loss.copy(), loss.copy()
    apart[100:1000:150] = high
    together[500:506] = high
    assert spikes_of(apart, 1).tolist() == []
    assert spikes_of(together, 1).tolist() == list(range(500, 506))


@pytest.mark.parametrize(("batch_size", "factor", "is_found"), [(2, 10, False), (100, 10, True), (1024, 3, True)])
def test_an_isolated_loss_is_a_spike_where_no_single_example_explains_it(batch_size, factor, is_found):
    loss = 1 + np.random.default_rng(2).normal(0, 0.02, 1000)
    loss[500] = factor
    assert spikes_of(loss, batch_size).tolist() == ([500] if is_found else [])


def test_isolated_losses_that_the_tail_of_the_others_explains_are_no_spikes():
    # Pareto's tail, of index 1: the largest of 1000 is 1000 times the median as a rule.
    loss = 1 / (1 - np.random.default_rng(3).random(1000))
    assert loss.max() * 1024 > 500 * np.median(loss)
    assert spikes_of(loss, 1024).tolist() == []


def test_dips_are_no_spikes():
    loss = 1 + np.random.default_rng(4).normal(0, 0.01, 1000)
    loss[[100, 400, 401, 402]] -= 0.5
    assert spikes_of(loss, 1024).tolist() == []


def test_noise_that_falls_with_the_loss_makes_no_spikes_at_the_beginning():
    rng = np.random.default_rng(5)
    falling = 2.3 / (1 + np.arange(1000) / 30)
    assert sum(len(spikes_of(falling * rng.normal(1, 0.1, 1000), 32)) > 0 for _ in range(40)) <= 3


@pytest.mark.parametrize("count", [1, 2, 5, 19, 24, 60])
def test_few_iterations_of_noise_hold_no_spikes(count):
    rng = np.random.default_rng(count)
    assert sum(len(spikes_of(examples("exponential", (count,), rng), 1)) > 0 for _ in range(200)) <= 3
