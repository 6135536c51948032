"""Trials that a race cut off: their time is at least that, and they ran out of no budget."""

import pytest

from bs_study import Target
from bs_study.analysis.study import analyse_rows
from tests.analysis.hand_rows import hand_rows

RACED = {
    (10, 0.1): [1.0, 1.02, 0.98],
    (10, 0.2): ["outrun"],
    (20, 0.1): [2.0, 2.04, 1.96],
    (20, 0.2): ["outrun"],
}
"""Seconds; those that were outrun ended at 3 s."""


def raced(target=None):
    return analyse_rows(hand_rows(RACED, budget=3.0), target=target)


def test_a_cell_that_was_outrun_counts_as_outrun_with_where_it_ended():
    cell = raced().tables.convergence.set_index(["batch_size", "lr"]).loc[(10, 0.2)]
    assert (cell["outrun"], cell["missed"], cell["status"]) == (1, 0, "outrun")
    assert cell["censored_train_seconds"] == 3.0
    assert cell["censored_by"] == "outrun"


def test_asked_for_another_target_a_trial_that_was_outrun_was_not_tried():
    times = raced(Target("accuracy", 0.93)).tables.times
    assert set(times.loc[times["lr"] == 0.2, "outcome"]) == {"not_tried"}


def test_of_lrs_that_were_outrun_neither_a_rival_nor_a_budget_is_told():
    found = raced()
    assert "budget" not in {step.kind for step in found.recommendation.steps}
    assert (found.tables.best["censored_rivals_by_iterations"] == 0).all()
    assert "missed_earlier" not in {doubt.reason for verdict in found.verdicts for doubt in verdict.doubts}


def test_a_rival_that_was_outrun_before_the_winners_slowest_seed_is_open_by_the_spread_and_not_by_a_budget():
    late = RACED | {(10, 0.1): [1.0, 1.02, 3.3]}
    found = analyse_rows(hand_rows(late, budget=1.25))
    told = [doubt.reason for c in found.recommendation.comparisons if c.rival.lr == 0.2 for doubt in c.doubts]
    assert "within_spread" in told
    assert "missed_earlier" not in told


def test_a_rival_of_which_one_seed_was_outrun_is_slower_by_at_least_where_it_ended():
    found = raced().recommendation.comparisons
    own = next(c for c in found if c.rival == ("", 10, 0.2))
    assert own.is_slower
    assert own.ratio == pytest.approx(3.0, rel=0.01)
