"""The winner's time from seeds that did not choose it: which they are, and how much less they flatter it."""

import numpy as np
import pandas as pd
import pytest

from bs_study import StudyConfig
from bs_study.analysis.fresh_seeds import fresh_seeds
from bs_study.analysis.study import analyse_rows
from bs_study.analysis.trials import Cell
from tests.analysis.hand_rows import TARGET, hand_rows

AUTO = StudyConfig(workload="digits", max_epochs=1, batch_sizes=[16, 64], lrs=[0.1], seeds="auto", max_seeds=8)
LISTED = AUTO.model_copy(update={"seeds": (0, 1, 2, 3, 4)})
CELLS = {(16, 0.1): [2.0, 2.6, 2.6, 2.4, 2.5], (64, 0.1): [2.2, 2.1, 2.1, 2.3, 2.15]}
"""After one seed 16 is first (2.0); after two 64 is (2.15, against 2.3), and stays it: its last three are fresh."""


def best_of(cells, config=AUTO):
    return analyse_rows(hand_rows(cells, config=config, step=1.001), target=TARGET).recommendation


def test_they_are_those_from_the_round_on_since_which_it_stayed_first():
    found = best_of(CELLS)
    assert found.best.cell == Cell("", 64, 0.1)
    assert found.best.fresh == pytest.approx((2.1, 2.3, 2.15))
    assert found.best.value == pytest.approx(2.15)
    assert (found.best.seeds, found.best.reached, len(found.best.times)) == (5, 5, 5)
    assert found.by_clock["train_seconds"] is found.best
    assert found.by_clock["iterations"].fresh == ()


def test_the_interval_is_of_these_seeds_without_allowance_for_the_choice():
    found = best_of(CELLS).best
    mean = np.exp(np.mean(np.log(found.fresh)))
    assert found.low < mean < found.high
    assert found.high / mean == pytest.approx(mean / found.low, rel=2e-3)
    listed = best_of(CELLS, LISTED).best
    assert listed.high / listed.value > listed.value / listed.low


def test_a_winner_that_was_behind_once_more_has_only_the_seeds_since_then():
    late = {(16, 0.1): [2.0, 2.6, 1.0, 2.4, 2.5], (64, 0.1): [2.2, 2.1, 2.1, 2.3, 2.15]}
    assert best_of(late).best.fresh == pytest.approx((2.15,))  # 16 is first after 3 seeds, by 2.0 to 2.1


def test_seeds_that_were_listed_all_chose_it_and_so_does_the_one_that_makes_it_first():
    assert best_of(CELLS, LISTED).best.fresh == ()
    assert best_of({(16, 0.1): [2.0, 2.6], (64, 0.1): [2.2, 2.1]}).best.fresh == ()
    assert best_of({(16, 0.1): [2.0], (64, 0.1): [2.2]}).best.fresh == ()


def test_where_most_of_them_missed_the_time_is_by_all():
    found = best_of({(16, 0.1): [2.0, 2.1, "missed"], (64, 0.1): [9.0, 9.1, 9.2]}).best
    assert (found.cell.batch_size, found.seeds, found.fresh) == (16, 3, ())
    assert found.value == pytest.approx(2.1)


def test_they_flatter_the_best_of_nine_equal_cells_less_than_all_seeds_do():
    by_all, by_fresh = [], []
    for number in range(100):
        logs = 0.1 * np.random.default_rng(number).standard_normal((9, 8))
        medians = np.median(np.exp(logs), axis=1)
        winner = Cell("", int(medians.argmin()), 0.1)
        found = fresh_seeds(frame(logs), winner, clock="iterations", recipes=("",), timing={})
        if found is not None:
            by_all.append(np.log(medians.min()))
            by_fresh.append(np.log(found.median))
    assert len(by_all) > 50
    assert np.mean(by_all) < np.mean(by_fresh) - 0.01
    assert np.mean(by_fresh) < 0


def frame(logs):
    rows = [(size, seed, np.exp(log)) for size, own in enumerate(logs) for seed, log in enumerate(own)]
    times = pd.DataFrame(rows, columns=["batch_size", "seed", "iterations_to_target"])
    at = times["iterations_to_target"]
    return times.assign(recipe="", lr=0.1, outcome="reached", iterations_before_target=at / 1.01, iterations_at_end=at)
