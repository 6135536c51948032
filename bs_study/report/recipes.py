"""The answer of a study of several recipes: that of the recipe which is soonest of all, and how the others compare."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from bs_study.analysis.tables import StudyTables
from bs_study.report.table_view import TableView, table_view
from bs_study.report.winners import Winner, winner
from bs_study.words import CLOCK_WORDS, listing, setting, times


def winners(tables: StudyTables, clock: str) -> dict[str, Winner]:
    """Return the best cell by a clock of each recipe that reached the target, the soonest recipe first."""
    found = {name: best for name, part in tables.by_recipe.items() if (best := winner(part, clock)) is not None}
    return dict(sorted(found.items(), key=lambda item: item[1].value))


def soonest(tables: StudyTables) -> str:
    """Return the recipe with the least training time to the target at any batch size; the first if none reached it."""
    return next(iter([*winners(tables, tables.clock), *tables.by_recipe]))


def soonest_tables(tables: StudyTables) -> StudyTables:
    """Return the tables of that recipe, which count the trials of the whole study."""
    part = tables.by_recipe[soonest(tables)]
    return dataclasses.replace(part, expected_trials=tables.expected_trials, ended=tables.ended)


def cost_of_recipe(tables: StudyTables) -> str:
    """Say how much longer the other recipes take, each at its best batch size and lr."""
    found = winners(tables, tables.clock)
    best = found.pop(soonest(tables))
    ratios = [f"{times(other.value / best.value)} (“{name}”)" for name, other in found.items() if best.value > 0]
    others = [name for name, part in tables.by_recipe.items() if part.ended and name != soonest(tables)]
    missed = [f"“{name}”" for name in others if name not in found]
    parts = [f"Another recipe, at its own best batch size and lr, takes {listing(ratios)} as long"] if ratios else []
    parts += [f"{listing(missed)} did not reach the target"] if missed else []
    return f"{'; '.join(parts)}." if parts else ""


def certainty_of_recipe(tables: StudyTables, best: Winner) -> str:
    """Say whether the recipe is known to be the soonest at the batch size of the best cell."""
    rows = tables.recipes
    row = rows[(rows["batch_size"] == best.batch_size) & (rows["recipe"] == soonest(tables))].iloc[0]
    at = f"At batch size {setting(best.batch_size)}"
    if row["standing"] == "soonest":
        return f"{at} it is sooner than every other recipe by more than the spread over seeds."
    return f"{at} it is open whether another recipe is sooner ({row['why_open']})."


def recipes_view(tables: StudyTables) -> TableView:
    """Return the table of recipes as the page shows it: by training time, the soonest first at each batch size."""
    rows = tables.recipes.sort_values(["batch_size", f"rank_by_{tables.clock}"], kind="stable")
    took = [f"{clock}_to_target" for clock in (tables.clock, "iterations", "examples")]
    keys = [f"rank_by_{tables.clock}", f"best_lr_by_{tables.clock}"]
    shown: pd.DataFrame = rows[["batch_size", "recipe", *keys, *took, "standing"]]
    shown = shown.rename(columns=dict(zip(keys, ("rank", "best_lr"), strict=True)))
    return table_view(
        "recipes",
        shown,
        title="Recipes at each batch size",
        note=f"Each at its best of the lrs tried, by {CLOCK_WORDS[tables.clock]}; medians over seeds. "
        "A missing time: not reached. "
        "Standing: whether the first is known to be the soonest, and another to be slower than it.",
    )


def has_times(tables: StudyTables, clock: str) -> bool:
    """Return whether any recipe reached the target."""
    return len(tables.recipes) > 0 and bool(np.isfinite(tables.recipes[f"{clock}_to_target"].to_numpy(float)).any())
