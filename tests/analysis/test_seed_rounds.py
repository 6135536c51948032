"""Rounds of seeds where the truth is known: hardly anything false is said, and what is so is soon seen.

`python -m tests.bench.seeds` counts over 2,000 studies of each kind.
"""

import numpy as np
import pytest

from bs_study.analysis.verdict import look_level
from tests.analysis.seed_rounds import Truth, told

STUDIES = 40


@pytest.mark.parametrize(("looks", "level"), [(2, 0.0294), (5, 0.0158), (10, 0.0106)])
def test_the_level_of_a_look_is_pococks(looks, level):
    """Table 1 of Pocock 1977, for 5 % over all looks."""
    assert look_level(0.05, looks=looks) == pytest.approx(level, abs=2e-4)


def all_of(seconds, *, spread):
    return [told(Truth(np.array(seconds), spread), np.random.default_rng(number)) for number in range(STUDIES)]


def test_of_batch_sizes_that_are_alike_none_is_called_slower_at_any_look():
    false = [one.is_false for one in all_of([[1.2, 1.0]] * 3, spread=0.1)]
    assert sum(false) <= 3  # of 40 with 5 % each, more come in 14 % of cases


@pytest.mark.parametrize("lrs", [(1.0,), (1.5, 1.0, 1.5)])
def test_a_batch_size_that_takes_a_third_longer_is_told_apart_within_six_seeds(lrs):
    found = all_of([lrs, tuple(1.3 * lr for lr in lrs)], spread=0.1)
    seeds = [one.seeds if one.is_decided else np.inf for one in found]
    assert np.median(seeds) <= 6
