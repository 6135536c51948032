"""The best lr of each batch size, by every clock."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bs_study.analysis.censoring import TARGET_CLOCKS


def best(convergence: pd.DataFrame) -> pd.DataFrame:
    """Return the best lr of each batch size by each clock: the smallest median time to the target.

    Only cells whose median seed reached the target are ranked; what is missing is never ranked, whatever the budget.
    A time that was reached doesn't depend on the budget, so cells of different budgets compare; but a cell that missed
    and ended earlier on this clock than the best one could have been faster: it counts as a censored rival, and a best
    lr with rivals is the best of those that reached the target only. Of lrs that tie, the smallest is named.

    Returns:
        batch_size and, for each clock of iterations, examples, train_seconds, compute_seconds, wall_seconds and
        clean_seconds: best_lr_by_<clock> and <clock>_to_target with it (missing where no lr reached); tied_by_<clock>:
        how many lrs share that time, itself included; censored_rivals_by_<clock>; is_best_by_<clock>: whether no batch
        size is faster (of batch sizes that tie, each is best).
    """
    sizes = np.unique(convergence["batch_size"].to_numpy(np.int64))
    table = pd.DataFrame(index=pd.Index(sizes, name="batch_size"))
    for clock in TARGET_CLOCKS:
        table = table.join(_best_by(convergence, clock))
        table[f"tied_by_{clock}"] = table[f"tied_by_{clock}"].fillna(0).astype(int)
        table[f"censored_rivals_by_{clock}"] = _censored_rivals(convergence, table, clock)
        times = table[f"{clock}_to_target"]
        table[f"is_best_by_{clock}"] = times.notna() & (times == times.min())
    return table.reset_index()


def _best_by(convergence: pd.DataFrame, clock: str) -> pd.DataFrame:
    time = f"{clock}_to_target"
    ranked = convergence[convergence[time].notna()].sort_values(["batch_size", time, "lr"])
    is_tied = ranked[time] == ranked.groupby("batch_size")[time].transform("min")
    winners = ranked.drop_duplicates("batch_size").set_index("batch_size")[["lr", time]]
    tied = is_tied.groupby(ranked["batch_size"]).sum()
    return winners.rename(columns={"lr": f"best_lr_by_{clock}"}).assign(**{f"tied_by_{clock}": tied})


def _censored_rivals(convergence: pd.DataFrame, table: pd.DataFrame, clock: str) -> pd.Series[int]:
    """Return how many cells missed and ended before the best time of their batch size, or at an unknown time."""
    missed = convergence[(convergence["missed"] > 0) & convergence[f"{clock}_to_target"].isna()]
    best_time = missed["batch_size"].map(table[f"{clock}_to_target"])
    is_rival = ~(missed[f"censored_{clock}"] >= best_time)
    return is_rival.groupby(missed["batch_size"]).sum().reindex(table.index, fill_value=0).astype(int)
