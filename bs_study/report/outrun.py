"""Trials that were outrun: of their times only a lower bound is known, which is told against the best of the study."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from bs_study.analysis.convergence import NO_ANSWER
from bs_study.words import number


def beyond(ratio: float) -> str:
    """Return that something takes more than so many times as long, rounded down so that it stays true.

    >>> beyond(2.18), beyond(1.058), beyond(13.9), beyond(1.0), beyond(math.nan)
    ('> 2.1×', '> 1.05×', '> 13×', 'outrun', 'outrun')
    """
    if not ratio > 1 or math.isinf(ratio):
        return "outrun"
    step = 10.0 ** (math.floor(math.log10(ratio)) - (2 if ratio < 1.1 else 1))
    return f"> {number(math.floor(ratio / step + 1e-9) * step, digits=3)}×"


def outrun_cells(convergence: pd.DataFrame, best: pd.DataFrame, *, clock: str) -> pd.Series[float]:
    """Return of each cell how many times the best time of its recipe it takes at least.

    A median lies above the time at which the first seed of a cell ended that did not reach the target, where most of
    them did not. Where half of them did, it is a mean of two, and nothing is told.

    Args:
        convergence, best: tables of the analysis.

    Returns:
        at the rows of `convergence`; NaN of a cell of which most seeds reached the target, or none was outrun.
    """
    return _over_best(convergence, best, ends=f"censored_{clock}", clock=clock).where(is_outrun(convergence))


def is_outrun(convergence: pd.DataFrame) -> pd.Series[bool]:
    """Return of each cell whether most of its seeds did not reach the target, and some were outrun."""
    answers = convergence["seeds"] - convergence[NO_ANSWER].sum(axis=1)
    outrun: pd.Series[bool] = (convergence["outrun"] > 0) & (2 * convergence["reached"] < answers)
    return outrun


def _over_best(table: pd.DataFrame, best: pd.DataFrame, *, ends: str, clock: str) -> pd.Series[float]:
    least = best.groupby("recipe")[f"{clock}_to_target"].min()
    ratio: pd.Series[float] = table[ends].astype(float) / table["recipe"].map(least).astype(float)
    return ratio


def with_bounds(table: pd.DataFrame, best: pd.DataFrame, *, clocks: Iterable[str]) -> pd.DataFrame:
    """Return a table of cells or trials with a column `<clock>_to_target_bound` for each clock.

    It holds `beyond` of those that were outrun, and is empty for all others.
    """
    texts = {}
    for clock in clocks:
        if "outcome" in table:
            was_outrun = table["outcome"] == "outrun"
            ratios = _over_best(table, best, ends=f"{clock}_at_end", clock=clock)
        else:
            was_outrun = (table["outrun"] > 0) & table[f"{clock}_to_target"].isna()
            ratios = outrun_cells(table, best, clock=clock)
        texts[f"{clock}_to_target_bound"] = np.where(was_outrun, ratios.map(beyond), "")
    return table.assign(**texts)
