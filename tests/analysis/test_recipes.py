"""Recipes compared at each batch size: by hand-made cells whose seconds a reader can compare in the head."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from bs_study import StudyConfig, open_study
from bs_study.analysis import StudyTables, study_tables
from bs_study.analysis.tables import joined_tables
from bs_study.config.recipe_names import named_recipes
from bs_study.report.answer import answer
from tests.report.demo_store import write_demo_study
from tests.report.hand_tables import Seconds, hand_tables

QUICK = {(64, 0.1): [8.0, 8.2], (64, 0.2): [4.0, 4.1], (256, 0.1): [6.0, 6.1]}
SLOW = {(64, 0.1): [7.0, 7.1], (64, 0.2): [9.0, 9.1], (256, 0.1): [5.0, 7.0]}


def compared(quick: dict[tuple[int, float], Seconds], slow: dict[tuple[int, float], Seconds]) -> StudyTables:
    return joined_tables({"quick": hand_tables(quick), "slow": hand_tables(slow)})


def row(tables: StudyTables, batch_size: int, recipe: str) -> pd.Series:
    rows = tables.recipes
    return rows[(rows["batch_size"] == batch_size) & (rows["recipe"] == recipe)].iloc[0]


def finding(tables: StudyTables, batch_size: int) -> dict:
    found = [f for f in tables.findings if f["name"] == "soonest_recipe" and f["evidence"]["batch_size"] == batch_size]
    assert len(found) == 1
    return found[0]


def test_each_recipe_stands_at_its_own_best_lr_and_the_soonest_beyond_the_spread_of_seeds_is_named() -> None:
    tables = compared(QUICK, SLOW)
    quick, slow = row(tables, 64, "quick"), row(tables, 64, "slow")
    assert (quick["best_lr_by_train_seconds"], slow["best_lr_by_train_seconds"]) == (0.2, 0.1)
    assert (quick["train_seconds_to_target"], slow["train_seconds_to_target"]) == pytest.approx((4.05, 7.05))
    assert (quick["iterations_to_target"], slow["iterations_to_target"]) == (40.5, 70.5)
    assert (quick["rank_by_train_seconds"], slow["rank_by_train_seconds"]) == (1, 2)
    assert (quick["standing"], slow["standing"]) == ("soonest", "slower")
    said = finding(tables, 64)
    assert said["verdict"] == "supported"
    assert said["claim"].startswith("For batch size 64 the recipe “quick” at lr 0.2 reaches the target soonest")
    assert "1.74× as long" in said["claim"]


def test_seeds_that_overlap_leave_it_open_which_recipe_is_sooner() -> None:
    tables = compared(QUICK, SLOW)
    assert (row(tables, 256, "quick")["standing"], row(tables, 256, "slow")["standing"]) == ("open", "open")
    assert finding(tables, 256)["verdict"] == "undecided"
    assert "the interval of the ratio holds 1" in finding(tables, 256)["reason"]


def test_one_seed_of_a_recipe_decides_nothing() -> None:
    tables = compared(QUICK, {(64, 0.1): [30.0]})
    assert row(tables, 64, "quick")["standing"] == "open"
    assert "one seed shows no spread (“slow”)" in finding(tables, 64)["reason"]


def test_a_recipe_that_missed_is_slower_without_a_time_or_a_rank_once_its_budget_outlasted_the_first() -> None:
    tables = compared(QUICK, {(64, 0.1): [None, None]})
    slow = row(tables, 64, "slow")
    assert slow[["train_seconds_to_target", "iterations_to_target", "rank_by_train_seconds"]].isna().all()
    assert slow["standing"] == "slower"
    assert finding(tables, 64)["verdict"] == "supported"


def test_a_recipe_that_was_cut_off_before_the_first_got_there_may_have_been_sooner() -> None:
    cut_off = hand_tables({(64, 0.1): [None, None]}, budget=3.0)
    tables = joined_tables({"quick": hand_tables(QUICK), "slow": cut_off})
    assert row(tables, 64, "slow")["standing"] == "open"
    assert "ended earlier" in finding(tables, 64)["reason"]


def test_where_no_recipe_reached_the_target_none_is_named() -> None:
    missed: dict[tuple[int, float], Seconds] = {(64, 0.1): [None, None]}
    said = finding(compared(missed, missed), 64)
    assert (said["claim"], said["verdict"]) == ("For batch size 64 no recipe reached the target", "undecided")


def test_trials_that_have_not_ended_leave_it_open() -> None:
    waiting = dataclasses.replace(hand_tables(SLOW), open_cells=pd.DataFrame({"batch_size": [64], "lr": [0.4]}))
    tables = joined_tables({"quick": hand_tables(QUICK), "slow": waiting})
    assert finding(tables, 64)["reason"] == "its trials have not all ended (“slow”)"


def test_before_a_trial_has_ended_every_recipe_is_there_and_none_is_named(write_study) -> None:
    asked = {"batch_sizes": [10, 20], "lrs": [0.1], "max_epochs": 1, "momentum": [0, 0.9], "optimizer": ["sgd", "adam"]}
    tables = study_tables(write_study([], config=asked))
    assert list(tables.by_recipe) == ["SGD, momentum 0", "SGD, momentum 0.9", "Adam"]
    assert (tables.expected_trials, tables.missing) == (6, 6)
    assert len(tables.recipes) == len(tables.convergence) == 0
    assert [finding for finding in tables.findings if finding["name"] == "soonest_recipe"] == []


def test_cells_of_different_recipes_are_never_pooled(tmp_path) -> None:
    recipes = ({}, {"momentum": 0.9})
    grid = {
        "batch_sizes": (256, 1024),
        "lrs": (0.08, 0.32),
        "seeds": (0, 1),
        "max_epochs": 4,
        "target": "accuracy>=0.8",
    }
    write_demo_study(
        str(tmp_path), **grid, recipes=recipes, is_ended=lambda t: (t.seed, t.settings.momentum) != (1, 0.9)
    )
    tables = study_tables(open_study(tmp_path))
    assert list(tables.by_recipe) == ["momentum 0.5", "momentum 0.9"]
    assert (tables.expected_trials, tables.ended, tables.running, tables.missing) == (16, 12, 4, 0)
    seeds = tables.convergence.set_index(["recipe", "batch_size", "lr"])["seeds"]
    assert seeds.to_dict() == {
        (recipe, size, lr): count
        for recipe, count in (("momentum 0.5", 2), ("momentum 0.9", 1))
        for size in grid["batch_sizes"]
        for lr in grid["lrs"]
    }
    alone = tables.by_recipe["momentum 0.9"]
    assert (alone.expected_trials, alone.ended, alone.running) == (8, 4, 4)
    assert [f["recipe"] for f in tables.findings if "recipe" in f].count("momentum 0.9") == len(alone.findings) == 8
    assert set(alone.smoothness["trial_id"]) == set(alone.trials["trial_id"])


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"momentum": [0.9]}, [""]),
        ({"optimizer": ["sgd", "adam"]}, ["SGD", "Adam"]),
        ({"optimizer": ["sgd", "adamw"], "weight_decay": [0, 0.01]}, [
            "SGD, no weight decay", "SGD, weight decay 0.01", "AdamW, no weight decay", "AdamW, weight decay 0.01",
        ]),
        ({"recipes": [{}, {"lr_warmup_epochs": 1}, {"lr_warmup_epochs": 2.5, "lr_decay": "cosine"}]}, [
            "constant lr", "warm-up 1 epoch", "warm-up 2.5 epochs, cosine decay",
        ]),
        ({"lr_decay": "cosine", "lr_warmup_iterations": [0, 100]}, ["no warm-up", "warm-up 100 iterations"]),
        ({"lr_rule": ["none", "linear", "sqrt"], "base_batch_size": 64}, [
            "constant lr", "linear lr rule", "square-root lr rule",
        ]),
        ({"lr_decay": "step", "lr_decay_epochs": [1, 2]}, ["step decay over 1 epoch", "step decay over 2 epochs"]),
        ({"momentum": 0.9, "nesterov": [False, True]}, ["no Nesterov", "Nesterov"]),
    ],
)  # fmt: skip
def test_a_recipe_is_named_by_what_differs_in_the_words_of_the_field(settings, names) -> None:
    assert list(named_recipes(StudyConfig(batch_sizes=[64], lrs=[0.1], max_epochs=5, **settings))) == names


def test_recipes_are_ranked_by_clean_seconds_where_there_are_any_with_a_warning_if_one_rule_stands_for_two(
    tmp_path,
) -> None:
    recipes = ({}, {"optimizer": "adam"})
    grid = {"batch_sizes": (256, 1024), "lrs": (0.08,), "seeds": (0,), "max_epochs": 4, "target": "accuracy>=0.7"}
    write_demo_study(str(tmp_path), **grid, recipes=recipes, is_timed=True)
    tables = study_tables(open_study(tmp_path))
    assert tables.clock == "clean_seconds"
    assert sorted(tables.recipes["rank_by_clean_seconds"].dropna()) == [1, 1, 1, 1]  # the same curve twice
    assert "clean_seconds_to_target" in finding(tables, 256)["evidence"]
    assert [warning for warning in tables.warnings if "timed alone with one update rule" in warning]
    assert "clean training time" in answer(tables).use
