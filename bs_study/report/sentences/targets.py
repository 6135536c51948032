"""How the answer changes with the target, in a sentence and as rows. An order is told with its grade."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bs_study.analysis.study import Analysis
from bs_study.target import read_target
from bs_study.words import UNKNOWN, amount, cell, count, counted, goal, setting


def by_target(analyses: Sequence[Analysis]) -> str:
    """Return how the recommended cell changes with the target; empty where there is one target.

    Args:
        analyses: of a study by each target.
    """
    known = [one for one in analyses if one.recommendation.best is not None]
    if len(known) < 2:
        return ""
    settled = sum(one.recommendation.grade == "settled" for one in known)
    grades = f"{'all' if settled == len(known) else count(settled) if settled else 'none'} of them settled"
    cells = {one.best_cell for one in known}
    if len(cells) == 1:
        best = known[0].best_cell
        assert best is not None  # noqa: S101  known ones have a best
        return f"At {counted(len(known), 'target')} the best so far is {cell(best.batch_size, best.lr)}, {grades}."
    sizes = sorted({best.batch_size for best in cells if best is not None})
    named = f"batch size {setting(sizes[0])}" if len(sizes) == 1 else f"{setting(sizes[0])} to {setting(sizes[-1])}"
    what = f"{named}, at other lrs" if len(sizes) == 1 else f"batch sizes {named}"
    return f"At {counted(len(known), 'target')} the best so far are {what}, {grades}."


def rows(table: pd.DataFrame, *, clock: str) -> list[list[str]]:
    """Return the recommended cell of each target, or that there is none: target, batch size, lr, time, grade.

    Args:
        table: as `target_table` returns it.
        clock: of its seconds.
    """
    told = []
    for target, own in table.groupby("target", sort=False):
        name, best = goal(read_target(str(target))), own[own["is_best"]]
        if best.empty:
            told.append([name, UNKNOWN, UNKNOWN, UNKNOWN, ""])
            continue
        one = best.iloc[0]
        took = amount(float(one["seconds"]), clock=clock)
        told.append([name, setting(int(one["batch_size"])), setting(float(one["lr"])), took, str(one["grade"])])
    return told
