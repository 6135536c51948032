"""How much seeds differ: against spreads that are known."""

import numpy as np
import pytest

from bs_study.analysis.spread import seed_spread

SEEDS = {"of two seeds": 2, "of five": 5}


def drawn(spreads, *, seeds, rng):
    return {cell: rng.normal(0.0, spread, seeds) for cell, spread in enumerate(spreads)}


def steps(logs, step=0.0):
    return dict.fromkeys(logs, step)


@pytest.mark.parametrize("seeds", SEEDS.values(), ids=SEEDS)
def test_cells_that_spread_alike_are_pooled_so_that_two_seeds_each_suffice(seeds):
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(200):
        logs = drawn([0.1] * 45, seeds=seeds, rng=rng)
        spread = seed_spread(logs, resolution=steps(logs))
        errors.append(spread.of(0)[0] / 0.01 - 1)
        assert spread.of(0)[1] > seeds - 1
    assert abs(np.mean(errors)) < 0.1
    assert np.std(errors) < 0.45


def test_cells_that_spread_differently_keep_their_own():
    rng = np.random.default_rng(1)
    narrow, wide = [], []
    for _ in range(100):
        logs = drawn([0.02] * 20 + [0.4] * 20, seeds=5, rng=rng)
        spread = seed_spread(logs, resolution=steps(logs))
        narrow.append(spread.of(0)[0] ** 0.5)
        wide.append(spread.of(39)[0] ** 0.5)
    assert 0.02 < np.median(narrow) < 0.13  # the common spread is 0.28
    assert np.median(wide) > 0.3


def test_seeds_that_met_the_target_at_one_look_spread_by_what_lies_between_looks():
    logs = {cell: np.zeros(3) for cell in range(4)}
    assert seed_spread(logs, resolution=steps(logs, 0.12)).of(0)[0] == pytest.approx(0.12**2 / 12)


def test_one_seed_a_cell_shows_no_spread_and_takes_that_of_the_others():
    assert seed_spread({0: np.zeros(1)}, resolution={}).of(0) is None
    spread = seed_spread({0: np.array([0.0, 0.2]), 1: np.zeros(1)}, resolution={})
    assert spread.of(1)[0] == pytest.approx(0.02)


def test_of_two_cells_neither_lends_the_other_its_spread():
    spread = seed_spread({0: np.array([0.0, 0.01]), 1: np.array([0.0, 1.0])}, resolution={})
    assert spread.of(0)[0] == pytest.approx(0.00005)
    assert spread.of(1)[0] == pytest.approx(0.5)


def test_a_few_wild_cells_among_many_leave_the_pool_few_degrees_of_freedom():
    rng = np.random.default_rng(2)
    alike, mixed = [], []
    for _ in range(100):
        for spreads, found in (([0.1] * 45, alike), ([0.1] * 40 + [0.5] * 5, mixed)):
            logs = drawn(spreads, seeds=2, rng=rng)
            found.append(seed_spread(logs, resolution=steps(logs)).of(0)[1])
    assert np.median(alike) > 12
    assert np.quantile(mixed, 0.75) < 6
