"""Which recipe reaches the target soonest, batch size by batch size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from bs_study.analysis.censoring import TARGET_CLOCKS
from bs_study.analysis.recipe_split import with_recipe
from bs_study.analysis.rivals import REASONS, doubts

if TYPE_CHECKING:
    from bs_study.analysis.tables import StudyTables


def recipes(by_recipe: Mapping[str, StudyTables]) -> pd.DataFrame:
    """Return how the recipes compare, a row per batch size and recipe, each at its best of the lrs tried.

    Over seeds: the median, where a trial that missed counts as above every number. A recipe that did not reach the
    target at a batch size has missing times there, and is not ranked.

    Returns:
        batch_size, recipe; for each clock of iterations, examples, train_, compute_, wall_ and clean_seconds
        best_lr_by_<clock>, <clock>_to_target with it, and rank_by_<clock> among the recipes of the batch size (1 is the
        soonest; recipes that tie share a rank); standing, by the study's clock: 'soonest' if known to beat every
        other, 'slower' if the first is known to beat it, else 'open'; why_open: the reason for that.
    """
    columns = [column for clock in TARGET_CLOCKS for column in (f"best_lr_by_{clock}", f"{clock}_to_target")]
    table = with_recipe({name: part.best[["batch_size", *columns]] for name, part in by_recipe.items()})
    for clock in TARGET_CLOCKS:
        place = table.columns.get_loc(f"{clock}_to_target")
        ranks = table.groupby("batch_size")[f"{clock}_to_target"].rank(method="min")
        table.insert(int(place) + 1, f"rank_by_{clock}", ranks)  # type: ignore[arg-type]
    table.insert(0, "batch_size", table.pop("batch_size"))
    clock = next(iter(by_recipe.values())).clock
    standings = [_standing(by_recipe, row, _first(table, row["batch_size"], clock)) for _, row in table.iterrows()]
    table["standing"] = pd.Series([standing for standing, _ in standings], dtype=object)
    table["why_open"] = pd.Series([reason for _, reason in standings], dtype=object)
    return table.sort_values("batch_size", kind="stable", ignore_index=True)


def _first(table: pd.DataFrame, batch_size: int, clock: str) -> str | None:
    """Return the recipe with the smallest median at a batch size, of recipes that tie the one asked for first."""
    first = table[(table["batch_size"] == batch_size) & (table[f"rank_by_{clock}"] == 1)]
    return str(first["recipe"].iloc[0]) if len(first) else None


def _standing(by_recipe: Mapping[str, StudyTables], row: pd.Series[Any], first: str | None) -> tuple[str, str]:
    if first is None:
        return "open", "no recipe reached the target"
    others = [name for name in by_recipe if name != first] if row["recipe"] == first else [row["recipe"]]
    reasons = {
        name: reason for name in others if (reason := _why_not_beaten(by_recipe, first, name, int(row["batch_size"])))
    }
    if row["recipe"] == first:
        return ("open", _reasons_text(reasons)) if reasons else ("soonest", "")
    return ("open", reasons[row["recipe"]]) if reasons else ("slower", "")


def _reasons_text(reasons: Mapping[str, str]) -> str:
    """Return each reason once, with the recipes that it is of."""
    names = {why: [f"“{name}”" for name in reasons if reasons[name] == why] for why in reasons.values()}
    return "; ".join(f"{why} ({', '.join(which)})" for why, which in names.items())


def _why_not_beaten(by_recipe: Mapping[str, StudyTables], first: str, other: str, batch_size: int) -> str:
    """Return why the best cell of one recipe isn't known to be sooner than another's at a batch size, '' if it is."""
    tables, rivals = by_recipe[first], by_recipe[other]
    best = tables.best.set_index("batch_size").loc[batch_size]
    cells = tables.convergence
    winner = cells[(cells["batch_size"] == batch_size) & (cells["lr"] == best[f"best_lr_by_{tables.clock}"])].iloc[0]
    reasons = [REASONS[answer] for answer in doubts(tables, winner, batch_size=batch_size, of=rivals)]
    if (rivals.open_cells["batch_size"] == batch_size).any():
        reasons.append("its trials have not all ended")
    return ", ".join(reasons)
