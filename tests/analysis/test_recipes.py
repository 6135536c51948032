"""Recipes compared at each batch size: hand-made cells whose seconds a reader can compare in the head."""

from __future__ import annotations

import pytest

from bs_study.analysis.study import analyse_rows
from bs_study.analysis.trials import Cell
from tests.analysis.hand_rows import TARGET, hand_rows, joined

QUICK = {(64, 0.1): [8.0, 8.2], (64, 0.2): [4.0, 4.05, 4.1], (64, 0.4): [9.0, 9.1], (256, 0.1): [6.0, 6.1]}
SLOW = {(64, 0.1): [9.0, 9.1], (64, 0.2): [7.0, 7.05, 7.1], (64, 0.4): [9.0, 9.1], (256, 0.1): [5.0, 7.5]}


def compared(quick, slow, **options):
    rows = joined(hand_rows(quick, recipe="quick"), hand_rows(slow, recipe="slow", **options))
    return analyse_rows(rows, target=TARGET)


def row(analysis, batch_size, recipe):
    rows = analysis.tables.recipes
    return rows[(rows["batch_size"] == batch_size) & (rows["recipe"] == recipe)].iloc[0]


def soonest(analysis, batch_size):
    (found,) = [v for v in analysis.verdicts if v.claim == "soonest_recipe" and v.evidence["batch_size"] == batch_size]
    return found


def test_each_recipe_stands_at_its_own_best_lr_and_the_soonest_beyond_the_spread_of_seeds_is_named():
    analysis = compared(QUICK, SLOW)
    quick, slow = row(analysis, 64, "quick"), row(analysis, 64, "slow")
    assert (quick["best_lr_by_train_seconds"], slow["best_lr_by_train_seconds"]) == (0.2, 0.2)
    assert (quick["train_seconds_to_target"], slow["train_seconds_to_target"]) == pytest.approx((4.05, 7.05))
    assert (quick["rank_by_train_seconds"], slow["rank_by_train_seconds"]) == (1, 2)
    assert (quick["standing"], slow["standing"]) == ("soonest", "slower")
    verdict = soonest(analysis, 64)
    assert (verdict.outcome, verdict.evidence["soonest"]) == ("supported", "quick")
    assert verdict.evidence["ratio"]["slow"] == pytest.approx(1.74, rel=0.01)


def test_seeds_that_overlap_leave_it_open_which_recipe_is_sooner():
    analysis = compared(QUICK, SLOW)
    assert (row(analysis, 256, "quick")["standing"], row(analysis, 256, "slow")["standing"]) == ("open", "open")
    assert soonest(analysis, 256).outcome == "undecided"


def test_a_recipe_that_missed_has_no_time_and_no_rank_and_is_slower_once_its_budget_outlasted_the_first():
    late = compared(QUICK, {(64, 0.1): ["missed"] * 2})
    slow = row(late, 64, "slow")
    assert slow[["train_seconds_to_target", "iterations_to_target", "rank_by_train_seconds"]].isna().all()
    assert slow["standing"] == "slower"
    early = compared(QUICK, {(64, 0.1): ["missed"] * 2}, budget=3.0)
    assert (row(early, 64, "slow")["standing"], row(early, 64, "slow")["why_open"]) == ("open", "missed_earlier")


def test_a_study_of_recipes_recommends_one_cell_of_all_and_judges_each_recipe_too():
    analysis = compared(QUICK, SLOW)
    assert analysis.recommendation.best.cell == Cell("quick", 64, 0.2)
    assert {c.rival[:2] for c in analysis.recommendation.comparisons if c.rival.recipe == "slow"} == {
        ("slow", 64), ("slow", 256),
    }  # fmt: skip
    claims = [(v.claim, v.recipe) for v in analysis.verdicts]
    assert claims.count(("fastest_after_tuning", "")) == 1
    assert {recipe for claim, recipe in claims if claim == "fastest_after_tuning"} == {"", "quick", "slow"}


def test_cells_of_different_recipes_are_never_pooled():
    seeds_of = compared(QUICK, SLOW).tables.convergence.set_index(["recipe", "batch_size", "lr"])["seeds"]
    assert set(seeds_of) == {2, 3}
    assert len(seeds_of) == len(QUICK) + len(SLOW)


def test_the_more_recipes_the_surer_each_claim_must_be_but_for_the_one_on_the_soonest_of_all():
    alone = analyse_rows(hand_rows(QUICK), target=TARGET).recommendation.fastest.evidence["confidence"]
    both = compared(QUICK, SLOW).recommendation.fastest.evidence["confidence"]
    assert alone == both == pytest.approx(1 - 0.025)
    claims = 2 * 8 + 2 + 2  # eight of each recipe, two batch sizes, and the soonest batch size of each recipe
    of_one = soonest(compared(QUICK, SLOW), 64).evidence["confidence"]
    assert of_one == pytest.approx(1 - 0.025 / claims)
