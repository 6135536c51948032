"""Whether one cell is sooner than another: by numbers that can be checked in the head, and against known truth."""

import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.cell_times import CellTimes
from bs_study.analysis.comparison import Field, fields_of
from bs_study.analysis.trials import Cell

A, B = Cell("", 10, 0.1), Cell("", 20, 0.1)
NOTHING = np.array([])


def times(cell, seconds, *, before=None, bounds=(), **counts):
    met = np.log(np.array(seconds, float))
    unmet = met - 0.05 if before is None else np.array([np.log(time) if time else -np.inf for time in before])
    return CellTimes(cell, met, unmet, np.log(np.array(bounds, float)), **counts)


def compared(winner, rival, *others, confidence=0.95):
    cells = {own.cell: own for own in (winner, rival, *others)}
    return Field("train_seconds", cells).compare(winner.cell, rival.cell, confidence=confidence)


def reasons(comparison):
    return [doubt.reason for doubt in comparison.doubts]


SPREAD = (0.97, 1.0, 1.03)


def seeds(seconds):
    return [seconds * factor for factor in SPREAD]


def test_a_rival_that_takes_twice_as_long_beyond_its_spread_is_slower_by_the_ratio_of_geometric_means():
    found = compared(times(A, seeds(1.0)), times(B, seeds(2.0)))
    assert found.is_slower
    assert found.ratio == pytest.approx(2.0)
    assert 1.7 < found.low < 2.0 < found.high < 2.4


def test_the_interval_of_two_cells_is_welchs():
    """By hand: equal variances v and n = 3 each give 4 degrees of freedom, t = 2.776, and a step on each side."""
    logs = np.log(seeds(1.0))
    half = 2.776 * np.sqrt(2 * logs.var(ddof=1) / 3)
    found = compared(times(A, seeds(1.0)), times(B, seeds(2.0)))
    assert np.log(found.low) == pytest.approx(np.log(2) - 0.05 - half, abs=1e-4)
    assert np.log(found.high) == pytest.approx(np.log(2) + 0.05 + half, abs=1e-4)


def test_times_within_a_look_of_each_other_are_open_for_that_reason():
    coarse = times(B, seeds(1.3), before=[1.0, 1.0, 1.0])
    assert reasons(compared(times(A, seeds(1.0)), coarse)) == ["within_looks"]
    assert compared(times(A, seeds(1.0)), times(B, seeds(1.3))).is_slower


def test_clean_times_that_spread_as_much_as_two_batch_sizes_differ_leave_them_open():
    uncertain = (-np.log(1.3), np.log(1.3))
    assert reasons(compared(times(A, seeds(1.0)), times(B, seeds(1.3), timing=uncertain))) == ["within_timing"]
    same_size = Cell("", 10, 0.2)
    assert compared(times(A, seeds(1.0), timing=uncertain), times(same_size, seeds(1.3), timing=uncertain)).is_slower


def test_clean_times_of_two_timing_passes_part_cells_of_one_batch_size():
    uncertain = (-np.log(1.3), np.log(1.3))
    other = Cell("", 10, 0.2)
    cells = [
        times(cell, seeds(seconds), timing=uncertain, timed_in=passed)
        for cell, seconds, passed in ((A, 1.0, "first"), (other, 1.3, "second"))
    ]
    assert reasons(compared(*cells)) == ["within_timing"]


def test_seeds_that_differ_more_than_the_cells_leave_them_open():
    assert reasons(compared(times(A, [1.0, 1.5, 0.7]), times(B, [1.2, 1.8, 0.8]))) == ["within_spread"]


def test_equal_medians_are_a_tie():
    assert reasons(compared(times(A, seeds(1.0)), times(B, seeds(1.0)))) == ["tie"]


@pytest.mark.parametrize("one", [0, 1], ids=["of the winner", "of the rival"])
def test_one_seed_decides_nothing_between_cells_that_reached_the_target(one):
    cells = [times(A, seeds(1.0)), times(B, seeds(9.0))]
    cells[one] = times(cells[one].cell, [1.0 if one == 0 else 9.0])
    found = compared(*cells, times(Cell("", 40, 0.1), seeds(3.0)))
    assert reasons(found) == ["one_seed"]
    assert found.doubts[0].batch_size == cells[one].cell.batch_size


def test_without_two_seeds_anywhere_there_is_no_interval():
    found = compared(times(A, [1.0]), times(B, [9.0]))
    assert reasons(found) == ["one_seed"]
    assert np.isnan([found.low, found.high, found.p]).all()


def test_a_rival_that_missed_is_slower_once_its_budget_outlasted_the_winner_beyond_the_spread():
    late = compared(times(A, seeds(1.0)), times(B, [], bounds=[25.0]))
    assert late.is_slower
    assert late.ratio == pytest.approx(25.0, rel=1e-3)
    assert np.isinf(late.high)
    assert reasons(compared(times(A, seeds(1.0)), times(B, [], bounds=[1.01] * 3))) == ["missed_earlier"]
    assert reasons(compared(times(A, seeds(1.0)), times(B, [], bounds=[0.5] * 3, stopped=3))) == ["not_tried"]


def test_a_rival_that_missed_needs_no_second_seed_where_other_cells_show_how_much_seeds_differ():
    one = times(A, [1.0])
    others = times(Cell("", 40, 0.1), seeds(3.0))
    assert compared(one, times(B, [], bounds=[25.0]), others).is_slower
    assert reasons(compared(one, times(B, [], bounds=[25.0]))) == ["one_seed"]


def test_a_rival_of_which_one_seed_missed_late_is_as_slow_as_its_slowest_seed_and_no_slower():
    """Two seeds as quick as the winner's, and one that missed at 25 times that: chance, for all that is known."""
    assert not compared(times(A, seeds(1.0)), times(B, [1.0, 1.02], bounds=[25.0])).is_slower
    assert compared(times(A, seeds(1.0)), times(B, [3.0, 3.1], bounds=[25.0])).is_slower


def test_a_rival_that_diverged_or_did_not_fit_never_gets_there():
    found = compared(times(A, seeds(1.0)), times(B, [], infeasible=3))
    assert found.is_slower
    assert np.isinf(found.ratio)


def test_one_seed_that_diverged_may_be_chance_as_one_that_reached_the_target_may():
    assert reasons(compared(times(A, seeds(1.0)), times(B, [], infeasible=1))) == ["one_seed"]
    assert reasons(compared(times(A, [1.0]), times(B, [], infeasible=3))) == ["one_seed"]


def test_a_rival_that_only_some_seeds_reached_is_open_for_those_that_did_not():
    found = compared(times(A, seeds(3.0)), times(B, [1.0], infeasible=2))
    assert [(doubt.reason, doubt.count) for doubt in found.doubts] == [("missed_seeds", 2)]
    found = compared(times(A, seeds(3.0)), times(B, [3.1], bounds=[50.0, 50.0]))
    assert [(doubt.reason, doubt.count) for doubt in found.doubts] == [("missed_seeds", 2)]


def test_a_rival_that_outlasted_every_seed_of_the_winner_is_open_for_their_spread_and_not_for_its_budget():
    found = compared(times(A, [1.8, 3.0, 5.1]), times(B, [], bounds=[7.5] * 3))
    assert reasons(found) == ["within_spread"]


def test_a_rival_whose_time_is_not_known_by_this_clock_is_open():
    assert reasons(compared(times(A, seeds(1.0)), times(B, [], unclocked=3))) == ["no_clock"]


def test_a_rival_without_an_answer_is_open():
    assert reasons(compared(times(A, seeds(1.0)), times(B, [], unanswered=3))) == ["no_answer"]


def test_a_winner_of_which_a_seed_missed_is_known_to_beat_nobody():
    found = compared(times(A, [1.0, 1.02], bounds=[50.0]), times(B, seeds(9.0)))
    assert reasons(found) == ["missed_seeds"]
    assert found.doubts[0].count == 1


def test_a_rival_whose_trials_have_not_all_ended_is_open():
    assert reasons(compared(times(A, seeds(1.0)), times(B, seeds(9.0), is_open=True))) == ["not_ended"]


def test_a_target_met_at_the_first_look_may_have_been_met_at_any_time_before():
    first = times(B, seeds(2.0), before=[0.0] * 3)
    assert reasons(compared(times(A, seeds(1.0)), first)) == ["met_at_first_look"]


@pytest.mark.parametrize("spreads", [(0.1, 0.1), (0.05, 0.3)], ids=["alike", "unlike"])
def test_cells_that_are_equally_fast_are_told_apart_in_no_more_than_one_of_twenty_studies(spreads):
    """The winner is the one that happens to be quicker, so either side can be wrong; eight cells lend their spread."""
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(1000):
        cells = [Cell("", size, 0.1) for size in range(1, 9)]
        drawn = [times(cell, np.exp(rng.normal(0, spreads[i % 2], 3)), before=None) for i, cell in enumerate(cells)]
        quick, slow = sorted(drawn[:2], key=lambda own: own.met.mean())
        wrong += compared(quick, slow, *drawn[2:]).is_slower
    assert wrong / 1000 <= 0.05


def test_the_interval_of_the_ratio_holds_the_truth():
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(1000):
        drawn = [times(Cell("", size, 0.1), 1.5 ** (size == 2) * np.exp(rng.normal(0, 0.1, 2))) for size in range(1, 9)]
        found = compared(drawn[0], drawn[1], *drawn[2:])
        held += found.low <= 1.5 <= found.high
    assert held / 1000 >= 0.95


def test_the_cells_of_a_table_of_times_are_read_with_their_looks_and_bounds():
    rows = [
        ("", 10, 0.1, "reached", 2.0, 1.0, 5.0),
        ("", 10, 0.1, "missed", np.nan, np.nan, 9.0),
        ("", 10, 0.1, "not_tried", np.nan, np.nan, 4.0),
        ("", 10, 0.1, "diverged", np.nan, np.nan, 1.0),
        ("", 10, 0.1, "failed", np.nan, np.nan, 1.0),
        ("", 10, 0.1, "reached", np.nan, np.nan, np.nan),
    ]
    columns = [
        "recipe",
        "batch_size",
        "lr",
        "outcome",
        *(f"train_seconds_{c}" for c in ("to_target", "before_target", "at_end")),
    ]
    table = pd.DataFrame(rows, columns=columns)
    open_cells = pd.DataFrame([A], columns=["recipe", "batch_size", "lr"])
    (own,) = fields_of(table, clocks=["train_seconds"], open_cells=open_cells)["train_seconds"].cells.values()
    assert np.exp(own.met).tolist() == [2.0]
    assert np.exp(own.unmet).tolist() == [1.0]
    assert sorted(np.exp(own.bounds)) == pytest.approx([4.0, 9.0])
    assert (own.stopped, own.infeasible, own.unanswered, own.unclocked, own.is_open) == (1, 1, 1, 1, True)
    assert own.seeds == 4
