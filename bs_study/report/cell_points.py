"""What a figure shows of each cell: its time to the target, or the least that it takes, and a text that says so."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from bs_study.analysis.convergence import NO_ANSWER
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.trials import Cell
from bs_study.report.outrun import beyond, outrun_cells
from bs_study.report.sentences.outcomes import missed_by
from bs_study.report.sentences.times import interval, took
from bs_study.words import amount, count, counted, listing, setting, span

Kind = Literal["best", "other", "recipe", "cut", "diverged", "no_memory"]

_ENDS = {
    "outrun": "outrun",
    "not_tried": "ended at another target",
    "diverged": "diverged",
    "out_of_memory": "out of memory",
}


class CellPoint(NamedTuple):
    """A cell in a figure.

    Attributes:
        kind: best of its batch size, another lr, the best of another recipe's batch size; or without a time: cut before
            the target, diverged, out of memory.
        value: median time to the target, or of one that was cut the least that it takes; NaN where neither is known.
        low, high: the span of its seeds, of the recommended cell the interval of a typical seed; NaN where unknown.
    """

    cell: Cell
    kind: Kind
    value: float
    low: float
    high: float
    text: str


def cell_name(cell: Cell) -> str:
    """Return what a mark calls a cell.

    >>> cell_name(Cell("", 64, 0.1)), cell_name(Cell("adam", 64, 0.1))
    ('batch size 64, lr 0.1', 'batch size 64, lr 0.1, “adam”')
    """
    recipe = f", “{cell.recipe}”" if cell.recipe else ""
    return f"batch size {setting(cell.batch_size)}, lr {setting(cell.lr)}{recipe}"


def cell_points(
    convergence: pd.DataFrame,
    best: Collection[Cell],
    *,
    clock: str,
    recipe: str = "",
    recommended: CellResult | None = None,
) -> list[CellPoint]:
    """Return every cell of a recipe that gave an answer, and the best cells of the others; the best ones first.

    Args:
        convergence: of the analysis, with all recipes.
        best: the best cell by this clock of each batch size (and recipe) that has one.
    """
    least = pd.DataFrame([(one.recipe, one.batch_size, one.lr) for one in best], columns=["recipe", "batch_size", "lr"])
    winners = convergence.merge(least, on=["recipe", "batch_size", "lr"])[["recipe", f"{clock}_to_target"]]
    ratios = outrun_cells(convergence, winners, clock=clock)
    points = [
        _point(row, set(best), clock=clock, recipe=recipe, recommended=recommended)
        for row in convergence.assign(ratio=ratios).to_dict("records")
        if row["recipe"] == recipe or _cell(row) in best
    ]
    order = ["best", "recipe", "other", "cut", "diverged", "no_memory"]
    return sorted((one for one in points if one is not None), key=lambda one: (order.index(one.kind), one.cell))


def _cell(row: Mapping[Hashable, Any]) -> Cell:
    return Cell(str(row["recipe"]), int(row["batch_size"]), float(row["lr"]))


def _point(
    row: Mapping[Hashable, Any], best: Collection[Cell], *, clock: str, recipe: str, recommended: CellResult | None
) -> CellPoint | None:
    """Return a cell's point; None of one that gave no answer."""
    cell, time = _cell(row), f"{clock}_to_target"
    answers = row["seeds"] - sum(row[name] for name in NO_ANSWER)
    if not answers:
        return None
    if recommended is not None and cell == recommended.cell:
        return _recommended(recommended)
    if math.isnan(row[time]):
        if 2 * row["reached"] > answers:  # it reached the target, at a time that this clock does not tell
            return None
        return _cut(row, cell, answers=answers, clock=clock)
    kind: Kind = "other" if cell not in best else "best" if cell.recipe == recipe else "recipe"
    low, high = row[f"{time}_low"], row[f"{time}_high"]
    seeds = f"; its seeds took {span(low, high, clock=clock)}" if low < high else ""
    least = "at most " if row["is_at_most"] else ""
    text = f"{least}{amount(row[time], clock=clock)} ({_reached(row['reached'], answers)}{seeds})"
    return CellPoint(cell, kind, row[time], low, high, f"{cell_name(cell)}: {text}")


def _recommended(one: CellResult) -> CellPoint:
    known = interval(one)
    text = f"{took(one)} ({_reached(one.reached, one.seeds)}{f'; a typical seed takes {known}' if known else ''})"
    return CellPoint(one.cell, "best", one.value, one.low, one.high, f"{cell_name(one.cell)}, recommended: {text}")


def _reached(reached: int, seeds: int) -> str:
    return f"{count(reached)} of {counted(seeds, 'seed')} reached the target"


def _cut(row: Mapping[Hashable, Any], cell: Cell, *, answers: int, clock: str) -> CellPoint:
    bound = _bound(row, answers=answers, clock=clock)
    words = {"missed": missed_by(row.get("censored_by", ""))} | _ENDS
    ends = {said: int(row[name]) for name, said in words.items() if row[name]}
    told = list(ends) if answers == 1 else [f"{count(trials)} {words}" for words, trials in ends.items()]
    reached = f"{_reached(row['reached'], answers)}, " if answers > 1 else ""
    after = f", the first after {amount(bound, clock=clock)}" if math.isfinite(bound) and answers > 1 else ""
    if answers == 1 and math.isfinite(bound):
        after = f" after {amount(bound, clock=clock)}"
    times = f", {beyond(row['ratio'])} the best" if row["ratio"] > 1 else ""
    kind: Kind = "no_memory" if row["out_of_memory"] else "diverged" if row["diverged"] else "cut"
    has_time = bool(np.isfinite(bound))
    text = f"{cell_name(cell)}: {reached}{listing(told)}{after}{times}"
    return CellPoint(cell, "cut" if has_time else kind, bound, math.nan, math.nan, text)


def _bound(row: Mapping[Hashable, Any], *, answers: int, clock: str) -> float:
    """Return what a cell takes at least: its median lies above the first end before the target.

    Where half of its seeds reached it, the median is the mean of two, of which one may be the first that did.
    """
    ended = float(row[f"censored_{clock}"])
    if 2 * row["reached"] < answers:
        return ended
    return min(ended, float(row[f"{clock}_to_target_low"]))
