"""What the figures of a recipe are drawn from: the trials at the shown lrs, and no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bs_study import Study, open_study
from bs_study.analysis.study import Analysis
from bs_study.answer import analyse
from bs_study.report.curves import MOST_CURVES, Source, some_of
from tests.report.demo_store import write_demo_study

RECIPES = ({"momentum": 0.5}, {"momentum": 0.9})


@pytest.fixture(scope="module")
def of_recipes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Analysis]:
    folder = tmp_path_factory.mktemp("store") / "recipes"
    write_demo_study(
        str(folder),
        batch_sizes=(256, 1024),
        lrs=(0.04, 0.16),
        seeds=(0, 1),
        max_epochs=5,
        recipes=RECIPES,
        is_timed=True,
    )
    study = open_study(folder)
    return study, analyse(study)


def test_every_seed_at_the_shown_lr_is_drawn_and_no_other_trial(of_recipes: tuple[Study, Analysis]) -> None:
    study, found = of_recipes
    shown = {("momentum 0.5", 256): 0.04, ("momentum 0.5", 1024): 0.16, ("momentum 0.9", 256): 0.16}
    source = Source(study, replace(found, shown=shown), "momentum 0.5")
    for curves in (source.losses, source.evaluations):
        cells = curves[["batch_size", "lr", "seed"]].drop_duplicates().sort_values(["batch_size", "seed"])
        assert [tuple(cell) for cell in cells.to_numpy()] == [
            (256, 0.04, 0), (256, 0.04, 1), (1024, 0.16, 0), (1024, 0.16, 1)
        ]  # fmt: skip
    momenta = study.trials(trial_id=source.trial_ids)["momentum"]
    assert set(momenta) == {0.5}


def test_clean_seconds_are_iterations_times_the_time_of_one_alone(of_recipes: tuple[Study, Analysis]) -> None:
    study, found = of_recipes
    evaluations = Source(study, found, "momentum 0.9").evaluations
    alone = study.timings().set_index("batch_size")["iteration_seconds"].groupby("batch_size").first()
    of_one = evaluations["batch_size"].map(alone)
    np.testing.assert_allclose(evaluations["clean_seconds"], evaluations["iteration"] * of_one)


def test_rows_without_a_recipe_are_of_every_recipe(of_recipes: tuple[Study, Analysis]) -> None:
    study, found = of_recipes
    source = Source(study, found, "momentum 0.9")
    assert set(source.table("convergence")["recipe"]) == {"momentum 0.9"}
    assert len(source.table("throughput_fit")) == 1  # of the timing pass, which has no recipe
    assert len(source.table("clean_throughput")) == 2


def test_of_many_batch_sizes_the_first_the_last_and_the_best_are_drawn() -> None:
    sizes = list(range(1, 201))
    drawn = some_of(sizes, most=MOST_CURVES, kept=[77])
    assert len(drawn) <= MOST_CURVES
    assert drawn == sorted(drawn)
    assert {1, 77, 200} <= set(drawn)
    assert some_of(sizes[:MOST_CURVES], most=MOST_CURVES, kept=[3]) == sizes[:MOST_CURVES]


def test_how_many_seeds_a_study_has_is_a_range_where_cells_differ(of_recipes: tuple[Study, Analysis]) -> None:
    study, found = of_recipes
    trials = found.tables.trials
    is_one = (trials["lr"] == 0.16) & (trials["seed"] == 1)
    for rows, told in ((trials, "2 seeds"), (trials[~is_one], "1 to 2 seeds"), (trials[trials["seed"] == 0], "1 seed")):
        some = replace(found, tables=replace(found.tables, trials=rows))
        assert Source(study, some, "momentum 0.9").seeds_text == told
