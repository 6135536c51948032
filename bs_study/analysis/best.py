"""The best lr of each batch size by each clock."""

from __future__ import annotations

import pandas as pd

from bs_study.analysis.convergence import CENSORED, TARGET_CLOCKS
from bs_study.analysis.trials import Cell


def best(convergence: pd.DataFrame) -> pd.DataFrame:
    """Return the best lr of each recipe and batch size by each clock: the smallest median time to the target.

    Only cells whose median seed reached the target are ranked, whatever the budget. A cell that did not and ended
    earlier on this clock than the best one could have been faster: it is a censored rival. Of lrs that tie, the
    smallest is named, and how many there are is told.

    Returns:
        recipe, batch_size and, for each clock of TARGET_CLOCKS: best_lr_by_<clock> and <clock>_to_target with it
        (missing where no lr reached); tied_by_<clock>: how many lrs share that time, itself included;
        censored_rivals_by_<clock>; is_best_by_<clock>: whether no batch size of the recipe is faster (of those that
        tie, each is best).
    """
    group = ["recipe", "batch_size"]
    table = convergence[group].drop_duplicates().sort_values(group).set_index(group)
    for clock in TARGET_CLOCKS:
        table = table.join(_best_by(convergence, clock))
        table[f"tied_by_{clock}"] = table[f"tied_by_{clock}"].fillna(0).astype(int)
        table[f"censored_rivals_by_{clock}"] = _censored_rivals(convergence, table, clock)
        times = table[f"{clock}_to_target"]
        table[f"is_best_by_{clock}"] = times.notna() & (times == times.groupby("recipe").transform("min"))
    return table.reset_index().sort_values(group, kind="stable", ignore_index=True)


def _best_by(convergence: pd.DataFrame, clock: str) -> pd.DataFrame:
    time, group = f"{clock}_to_target", ["recipe", "batch_size"]
    ranked = convergence[convergence[time].notna()].sort_values([*group, time, "lr"])
    is_tied = ranked[time] == ranked.groupby(group)[time].transform("min")
    winners = ranked.drop_duplicates(group).set_index(group)[["lr", time]]
    tied = is_tied.groupby([ranked[name] for name in group]).sum()
    return winners.rename(columns={"lr": f"best_lr_by_{clock}"}).assign(**{f"tied_by_{clock}": tied})


def _censored_rivals(convergence: pd.DataFrame, table: pd.DataFrame, clock: str) -> pd.Series[int]:
    """Return how many cells missed and ended before the best time of their batch size, or at an unknown time."""
    is_censored = convergence[CENSORED].sum(axis=1) > 0
    missed = convergence[is_censored & convergence[f"{clock}_to_target"].isna()]
    group = pd.MultiIndex.from_frame(missed[["recipe", "batch_size"]])
    best_time = table[f"{clock}_to_target"].reindex(group).to_numpy(float)
    is_rival = pd.Series(~(missed[f"censored_{clock}"].to_numpy(float) >= best_time), index=group, dtype=bool)
    return is_rival.groupby(level=[0, 1]).sum().reindex(table.index, fill_value=0).astype(int)


def best_cells(best: pd.DataFrame, clock: str) -> list[Cell]:
    """Return the best cell by a clock of each recipe and batch size that has one."""
    known = best.dropna(subset=[f"best_lr_by_{clock}"])
    rows = known[["recipe", "batch_size", f"best_lr_by_{clock}"]].itertuples(index=False, name=None)
    return [Cell(str(recipe), int(size), float(lr)) for recipe, size, lr in rows]
