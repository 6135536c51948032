"""How the recipes of a study compare at each batch size, each at its best of the lrs tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bs_study.analysis.contest import Contest
from bs_study.analysis.convergence import TARGET_CLOCKS
from bs_study.analysis.verdict import Doubt


def recipes(
    best: pd.DataFrame, contests: Mapping[int, Contest | None], *, open_anyway: Sequence[Doubt] = ()
) -> pd.DataFrame:
    """Return how the recipes compare, a row per batch size and recipe; none where there is one recipe.

    A recipe that did not reach the target at a batch size has missing times there, and is not ranked.

    Args:
        best: the table of `convergence.best`.
        contests: of all recipes at each batch size, by the study's clock; None where no recipe reached the target.
        open_anyway: what keeps the order open, whoever is first.

    Returns:
        batch_size, recipe; for each clock of TARGET_CLOCKS best_lr_by_<clock>, <clock>_to_target with it, and
        rank_by_<clock> among the recipes of the batch size (1 is the soonest; recipes that tie share a rank); standing,
        by the study's clock: soonest if known to be sooner than every other, slower if the first is known to be sooner
        than it, else open; why_open: the reasons for that.
    """
    columns = [column for clock in TARGET_CLOCKS for column in (f"best_lr_by_{clock}", f"{clock}_to_target")]
    table = best[["batch_size", "recipe", *columns]].sort_values("batch_size", kind="stable", ignore_index=True)
    for clock in TARGET_CLOCKS:
        ranks = table.groupby("batch_size")[f"{clock}_to_target"].rank(method="min")
        place = list(table.columns).index(f"{clock}_to_target") + 1
        table.insert(place, f"rank_by_{clock}", ranks)
    rows = zip(table["batch_size"], table["recipe"], strict=True)
    standings = [_standing(contests.get(int(size)), str(recipe), open_anyway) for size, recipe in rows]
    table["standing"] = pd.Series([standing for standing, _ in standings], dtype=object)
    table["why_open"] = pd.Series([reasons for _, reasons in standings], dtype=object)
    return table


def _standing(contest: Contest | None, recipe: str, open_anyway: Sequence[Doubt]) -> tuple[str, str]:
    if contest is None:
        return "open", ", ".join(doubt.reason for doubt in open_anyway) or "nothing_reached"
    of_it = [c for c in contest.rivals if c.rival.recipe == recipe]
    own = contest.doubts if contest.winner.recipe == recipe else [d for c in of_it for d in c.doubts]
    doubts = [*open_anyway, *own]
    reasons = ", ".join(dict.fromkeys(doubt.reason for doubt in doubts))
    if reasons:
        return "open", reasons
    return ("soonest" if contest.winner.recipe == recipe else "slower"), ""
