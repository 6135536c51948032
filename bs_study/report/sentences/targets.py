"""How the answer changes with the target, in a sentence and as rows. An order is told with its grade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bs_study.analysis.study import Analysis
from bs_study.target import read_target
from bs_study.words import UNKNOWN, amount, cell, count, counted, goal, setting


def by_target(analyses: Sequence[Analysis]) -> str:
    """Return how the recommended cell changes with the target, or that no other one was reached.

    Args:
        analyses: of a study by each target.
    """
    known = [one for one in analyses if one.recommendation.best is not None]
    if len(known) < 2:
        return "Not known yet: no other target tells a batch size."
    settled = sum(one.recommendation.grade == "settled" for one in known)
    grades = "All" if settled == len(known) else count(settled) if settled else "None"
    graded = f"{grades} of them {'is' if settled < 2 else 'are'} settled."
    cells = sorted({one.best_cell for one in known if one.best_cell is not None})
    sizes = sorted({best.batch_size for best in cells})
    recipes = {best.recipe for best in cells}
    if len(cells) == 1:
        of = f" with the recipe “{cells[0].recipe}”" if cells[0].recipe else ""
        what = f"recommends {cell(cells[0].batch_size, cells[0].lr)}{of}"
    elif len(recipes) > 1:
        what = f"recommends one of {counted(len(recipes), 'recipe')} and of {counted(len(sizes), 'batch size')}"
    elif len(sizes) == 1:
        what = f"recommends batch size {setting(sizes[0])}, at {counted(len({best.lr for best in cells}), 'lr')}"
    else:
        what = f"recommends one of {counted(len(sizes), 'batch size')}, {setting(sizes[0])} to {setting(sizes[-1])}"
    return f"Each of {counted(len(known), 'target')} {what}. {graded}"


def best_rows(table: pd.DataFrame, *, clock: str) -> list[list[str]]:
    """Return the best lr of each batch size with its time, or what became of it.

    Args:
        table: as `target_table` returns it, of one target.
        clock: of its seconds.
    """
    told = []
    for _, one in table.iterrows():
        is_known = math.isfinite(one["seconds"])
        took = amount(float(one["seconds"]), clock=clock) if is_known else str(one["outcome"]).replace("_", " ")
        told.append([_size(one), setting(one["lr"]) if is_known else UNKNOWN, took])
    return told


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
        told.append([name, _size(one), setting(float(one["lr"])), took, str(one["grade"])])
    return told


def _size(row: pd.Series[Any]) -> str:
    recipe = f" of “{row['recipe']}”" if row["recipe"] else ""
    return f"{setting(row['batch_size'])}{recipe}"
