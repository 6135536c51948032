"""Whether one cell reaches the target sooner than another, as far as a store can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from bs_study.analysis.fit import FloatArray
from bs_study.analysis.trials import CELL
from bs_study.words import CLOCK_WORDS, setting

if TYPE_CHECKING:
    from bs_study.analysis.tables import StudyTables

Beats = Literal["yes", "one seed", "unclear", "censored", "no answer"]
REASONS: dict[Beats, str] = {
    "one seed": "one seed shows no spread",
    "unclear": "the interval of the ratio holds 1",
    "censored": "it missed within a budget that ended earlier",
    "no answer": "its trials have no answer",
}


def clock_words(tables: StudyTables) -> str:
    """Return what a sentence calls the clock by which cells are ranked."""
    how = " (iterations × the time of one, measured alone)" if tables.is_clean else ""
    return f"{CLOCK_WORDS[tables.clock]}{how}"


def ratio_interval(slower: npt.ArrayLike, faster: npt.ArrayLike) -> tuple[float, float, float]:
    """Return the ratio of the geometric means of two samples of times, and its 95 % interval (Welch's t on logs)."""
    a, b = np.log(np.asarray(slower, float)), np.log(np.asarray(faster, float))
    ratio = float(np.exp(a.mean() - b.mean()))
    if min(len(a), len(b)) < 2:
        return ratio, np.nan, np.nan
    low, high = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    return ratio, float(np.exp(low)), float(np.exp(high))


def beats(
    tables: StudyTables, winner: pd.Series[Any], rival: pd.Series[Any], *, of: StudyTables | None = None
) -> Beats:
    """Return whether one cell reaches the target sooner than another, or why that can't be told.

    Args:
        of: the rival's tables, where they are others: those of another recipe.
    """
    if rival["failed"] + rival["not_evaluated"] == rival["seeds"]:
        return "no answer"
    if rival["reached"] == 0 and rival["missed"] == 0:
        return "yes"  # it diverged or was out of memory
    time = f"{tables.clock}_to_target"
    if np.isnan(rival[time]):
        is_outlasted = rival[f"censored_{tables.clock}"] >= winner[f"{time}_high"]
        return "yes" if is_outlasted and rival["reached"] == 0 else "censored"
    own, other = _seconds_of(tables, winner), _seconds_of(of or tables, rival)
    if len(own) < 2 or len(other) < 2:
        return "one seed"
    is_whole = len(own) == winner["seeds"] and len(other) == rival["seeds"]
    return "yes" if is_whole and ratio_interval(other, own)[1] > 1 else "unclear"


def doubts(
    tables: StudyTables, winner: pd.Series[Any], *, batch_size: int, of: StudyTables | None = None
) -> list[Beats]:
    """Return why a cell isn't known to beat all that the best lr of a batch size may be.

    That is its best cell, and each that missed the target. Empty: it beats them all.
    """
    rivals = of or tables
    best_lrs = rivals.best.set_index("batch_size")[f"best_lr_by_{tables.clock}"]
    cells = rivals.convergence[rivals.convergence["batch_size"] == batch_size]
    answers = {
        beats(tables, winner, rival, of=of)
        for _, rival in cells.iterrows()
        if rival["lr"] == best_lrs.get(batch_size) or np.isnan(rival[f"{tables.clock}_to_target"])
    }
    return sorted(answers - {"yes"})


def _seconds_of(tables: StudyTables, cell: pd.Series[Any]) -> FloatArray:
    times = tables.times
    is_own = (times["batch_size"] == cell["batch_size"]) & (times["lr"] == cell["lr"])
    seconds: FloatArray = times.loc[is_own, f"{tables.clock}_to_target"].dropna().to_numpy(np.float64)
    return seconds


def on_edge(tables: StudyTables, best_lrs: Mapping[Any, float]) -> list[str]:
    """Return which batch sizes have a best lr with none tried beyond: a better one may lie there."""
    tried = pd.concat([tables.convergence[CELL], tables.open_cells[CELL].astype(float)])
    ends = tried.groupby("batch_size")["lr"].agg(["min", "max"])
    sizes = [size for size, lr in sorted(best_lrs.items()) if lr in ends.loc[size].tolist()]
    return [f"batch size {setting(size)}: its best lr is on the edge of the grid" for size in sizes]
