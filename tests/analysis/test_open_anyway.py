"""Targets that tell nothing, and times that are not known: what the study still says, and what it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bs_study import Target
from bs_study.analysis.study import analyse_rows
from bs_study.analysis.trials import Cell
from tests.analysis.hand_rows import TARGET, hand_rows
from tests.analysis.test_study import kinds, reasons, tuned
from tests.analysis.test_timings import timing, timings

FAST, SLOW = 100, 10


def two_sizes(**options):
    return hand_rows(tuned({SLOW: 9.0, FAST: 3.0}), **options)


def started_with(rows, accuracy):
    return replace(rows, trials=rows.trials.assign(initial_metric=accuracy))


def in_percent(rows):
    evaluations = rows.evaluations.assign(accuracy=rows.evaluations["accuracy"] * 100)
    return replace(rows, evaluations=evaluations)


def test_a_target_that_the_initial_weights_meet_tells_nothing_and_a_harder_one_is_the_step():
    analysis = analyse_rows(started_with(two_sizes(), 0.93), target=TARGET)
    found = analysis.recommendation
    assert (found.best, found.comparisons, found.by_clock) == (None, (), {})
    assert reasons(found.doubts) == {"initial_weights"}
    (warning,) = [warning for warning in analysis.warnings if warning.kind == "initial_weights"]
    assert warning.numbers == {"metric": 0.93, "trials": 18, "of_trials": 18}
    assert kinds(found) == ["harder_target"]


def test_initial_weights_below_the_target_change_nothing():
    found = analyse_rows(started_with(two_sizes(), 0.899), target=TARGET).recommendation
    assert found == replace(analyse_rows(two_sizes(), target=TARGET).recommendation, target=found.target)
    assert found.best is not None


def test_the_initial_metric_is_of_the_trials_own_target_and_says_nothing_of_another_metric():
    rows = started_with(two_sizes(), 0.93)
    rows = replace(rows, evaluations=rows.evaluations.assign(recall=rows.evaluations["accuracy"]))
    found = analyse_rows(rows, target=Target("recall", 0.9)).recommendation
    assert found.best is not None
    assert analyse_rows(rows, target=Target("accuracy", 0.92)).recommendation.best is None


def test_a_fraction_cannot_reach_90_and_the_step_is_09_not_a_larger_budget():
    found = analyse_rows(two_sizes(), target=Target("accuracy", 90.0)).recommendation
    assert found.best is None
    assert reasons(found.doubts) == {"out_of_reach"}
    assert [(step.kind, step.target) for step in found.steps] == [("target", Target("accuracy", 0.9))]


def test_percentages_against_a_fraction_say_both_that_they_are_and_that_they_began_beyond_it():
    found = analyse_rows(started_with(in_percent(two_sizes()), 52.5), target=TARGET).recommendation
    assert found.best is None
    assert reasons(found.doubts) == {"initial_weights", "out_of_range"}
    assert [(step.kind, step.target) for step in found.steps] == [("harder_target", Target("accuracy", 90.0))]


UNKNOWN = [0.0, np.nan]  # as version 0.1.0 wrote a clock that covers no iteration, and as it is written now


def within_warm_up(rows, batch_size, unknown):
    is_own = rows.evaluations["batch_size"] == batch_size
    clocks = dict.fromkeys(("train_seconds", "compute_seconds"), unknown)
    evaluations = rows.evaluations.copy()
    evaluations.loc[is_own, list(clocks)] = unknown
    return replace(rows, evaluations=evaluations)


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_a_time_within_warm_up_is_not_known_and_does_not_win(unknown):
    analysis = analyse_rows(within_warm_up(two_sizes(), FAST, unknown), target=TARGET)
    found, cells = analysis.recommendation, analysis.tables.convergence.set_index("batch_size")
    assert cells.loc[FAST, "reached"].tolist() == [3, 3, 3]
    assert cells.loc[FAST, "iterations_to_target"].notna().all()
    assert cells.loc[FAST, "train_seconds_to_target"].isna().all()
    assert found.best.cell == Cell("", SLOW, 0.2)
    assert (found.by_clock["iterations"].batch_size, found.by_clock["train_seconds"].batch_size) == (FAST, SLOW)
    assert {doubt.batch_size for doubt in found.doubts if doubt.reason == "no_clock"} == {FAST}
    assert "timing" in kinds(found)


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_where_no_time_is_known_nothing_is_recommended_and_a_timing_pass_would_tell(unknown):
    rows = within_warm_up(within_warm_up(two_sizes(), FAST, unknown), SLOW, unknown)
    found = analyse_rows(rows, target=TARGET).recommendation
    assert found.best is None
    assert reasons(found.doubts) == {"no_clock"}
    assert kinds(found) == ["timing"]


def test_a_cell_of_which_one_seeds_time_is_not_known_has_no_median():
    rows = two_sizes()
    is_first = (rows.evaluations["batch_size"] == FAST) & (rows.evaluations["seed"] == 0)
    evaluations = rows.evaluations.assign(train_seconds=rows.evaluations["train_seconds"].mask(is_first))
    found = analyse_rows(replace(rows, evaluations=evaluations), target=TARGET).recommendation
    assert found.best.batch_size == SLOW


def test_clean_seconds_are_known_even_within_warm_up():
    alone = timings(*(timing(size, 0.01, device_name="a laptop") for size in (SLOW, FAST)))
    rows = within_warm_up(two_sizes(timings=alone), FAST, np.nan)
    found = analyse_rows(replace(rows, trials=rows.trials.assign(threads=1)), target=TARGET).recommendation
    assert (found.clock, found.best.batch_size, found.best.value) == ("clean_seconds", FAST, pytest.approx(3.0))


def first_looks(rows, batch_size, *, of_seeds=(0, 1, 2)):
    """Leave out the looks of a batch size before those that met the target."""
    is_own = (rows.evaluations["batch_size"] == batch_size) & rows.evaluations["seed"].isin(of_seeds)
    return replace(rows, evaluations=rows.evaluations[~(is_own & (rows.evaluations["accuracy"] < 0.9))])


def test_a_target_met_at_the_first_look_is_met_at_most_then_and_the_order_still_holds():
    found = analyse_rows(first_looks(two_sizes(), FAST), target=TARGET).recommendation
    assert (found.best.batch_size, found.best.value, found.best.is_at_most) == (FAST, pytest.approx(3.0), True)
    assert found.best.low == 0
    assert [doubt.reason for doubt in found.doubts if doubt.batch_size == FAST] == ["met_at_first_look"]
    assert SLOW in {comparison.rival.batch_size for comparison in found.slower}


def test_a_rival_that_met_it_at_its_first_look_may_have_been_sooner():
    found = analyse_rows(first_looks(two_sizes(), SLOW), target=TARGET).recommendation
    assert (found.best.batch_size, found.best.is_at_most) == (FAST, False)
    assert {doubt.batch_size for doubt in found.doubts if doubt.reason == "met_at_first_look"} == {SLOW}


@pytest.mark.parametrize(("of_seeds", "is_at_most"), [((0,), False), ((1,), True), ((2,), True)])
def test_the_median_is_exact_where_only_a_quicker_seed_met_it_at_the_first_look(of_seeds, is_at_most):
    analysis = analyse_rows(first_looks(two_sizes(), FAST, of_seeds=of_seeds), target=TARGET)
    assert analysis.recommendation.best.is_at_most == is_at_most
    cells = analysis.tables.convergence
    assert set(cells.loc[cells["batch_size"] == FAST, "is_at_most"]) == {is_at_most}
