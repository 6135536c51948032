"""Cells that two studies share, with the seeds of both."""

from __future__ import annotations

from typing import Any

import pytest

from bs_study import StudyConfig
from bs_study.analysis.pooling import pooled_rows, same_recipes
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.trials import Cell
from tests.analysis.hand_rows import TARGET, hand_rows


def rows(cells: dict[tuple[int, float], Any], *, first_seed: int = 0, recipe: str = "", **settings: Any) -> StudyRows:
    """Rows of a study whose seeds begin at some number."""
    grid: dict[str, Any] = {"batch_sizes": [10], "lrs": [0.1], "max_epochs": 5, "target": str(TARGET)}
    found = hand_rows(cells, config=StudyConfig(**grid | settings), recipe=recipe)
    for frame in (found.trials, found.evaluations):
        frame["seed"] += first_seed
        frame["trial_id"] += f"-{first_seed}"
    return found


def took(found: StudyRows) -> list[tuple[int, float]]:
    """Seed and seconds of each trial, in order of seeds."""
    trials = found.trials.sort_values("seed")
    return list(zip(trials["seed"], trials["train_seconds"], strict=True))


def test_a_cell_of_both_has_the_seeds_of_both_and_any_other_cell_its_own() -> None:
    a = rows({(10, 0.1): [1.0, 2.0], (20, 0.1): [9.0]})
    found = pooled_rows(a, rows({(10, 0.1): [3.0], (40, 0.1): [8.0]}, first_seed=5))
    shared = [one.trials[one.trials["batch_size"] == 10] for one in (found.a, found.b)]
    assert [sorted(trials["train_seconds"]) for trials in shared] == [[1.0, 2.0, 3.0]] * 2
    assert [sorted(set(one.trials["batch_size"])) for one in (found.a, found.b)] == [[10, 20], [10, 40]]
    assert [sorted(set(one.evaluations["trial_id"])) for one in (found.a, found.b)] == [
        sorted(one.trials["trial_id"]) for one in (found.a, found.b)
    ]
    assert found.pooled.cells == {Cell("", 10, 0.1): Cell("", 10, 0.1)}
    assert found.pooled.repeated == 0


def test_a_seed_that_both_trained_counts_once_and_is_that_of_the_first() -> None:
    found = pooled_rows(rows({(10, 0.1): [1.0, 2.0]}), rows({(10, 0.1): [7.0, 8.0, 9.0]}))
    assert took(found.a) == took(found.b) == [(0, 1.0), (1, 2.0), (2, 9.0)]
    assert found.pooled.repeated == 2


def test_a_trial_that_failed_gives_way_to_one_that_did_not() -> None:
    found = pooled_rows(rows({(10, 0.1): ["failed", 2.0]}), rows({(10, 0.1): [7.0]}))
    assert took(found.a) == took(found.b) == [(0, 7.0), (1, 2.0)]
    assert found.pooled.repeated == 0


@pytest.mark.parametrize("setting", [{"momentum": 0.9}, {"max_epochs": 6}, {"target": "accuracy>=0.8"}])
def test_cells_of_other_settings_are_not_the_same(setting: dict[str, Any]) -> None:
    a = rows({(10, 0.1): [1.0]})
    b = rows({(10, 0.1): [3.0]}, first_seed=5, **setting)
    assert same_recipes(a, b) == {}
    assert took(pooled_rows(a, b).a) == took(a)


def test_a_recipe_is_the_same_by_its_settings_whatever_its_name() -> None:
    found = pooled_rows(rows({(10, 0.1): [1.0]}), rows({(10, 0.1): [3.0]}, first_seed=5, recipe="momentum 0.5"))
    assert set(found.a.trials["recipe"]) == {""}
    assert set(found.b.trials["recipe"]) == set(found.b.evaluations["recipe"]) == {"momentum 0.5"}
    assert found.pooled.cells == {Cell("momentum 0.5", 10, 0.1): Cell("", 10, 0.1)}
