"""The cell that reaches the target first, against every other batch size and lr: one contest, by one clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from bs_study.analysis.cell_times import CellTimes
from bs_study.analysis.comparison import Comparison, Field
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Doubt

Rival = TypeVar("Rival")
Group = tuple[str, int]
"""A recipe and a batch size."""


@dataclass(frozen=True)
class Contest:
    """The cell with the smallest median over seeds, and how it compares.

    Attributes:
        tied: how many cells share its median, itself included; of these the one asked for first is the winner.
        ranked: how many cells have a median.
        rivals: one comparison for each other recipe and batch size, in order of the ratio: with its own best cell, and
            with the doubts of all of its cells. One without doubts says that all of them are slower.
        lrs: one with each other lr of the winner's recipe and batch size.
        doubts: what keeps open whether the winner's batch size and recipe are the soonest.
        confidence: that all of this is right together.
        is_at_most: whether the winner's median is known only to be no more.
    """

    winner: Cell
    tied: int
    ranked: int
    rivals: tuple[Comparison, ...]
    lrs: tuple[Comparison, ...]
    doubts: tuple[Doubt, ...]
    confidence: float
    is_at_most: bool = False


def contest(
    field: Field,
    *,
    recipes: Sequence[str],
    batch_sizes: Collection[int] | None = None,
    edges: Mapping[Cell, str],
    open_cells: pd.DataFrame,
    confidence: float,
    open_anyway: Sequence[Doubt] = (),
) -> Contest | None:
    """Return the contest of the cells of some recipes; None where none reached the target.

    Holm's procedure shares out the level among the comparisons with other recipes and batch sizes, and in the same way
    among those with other lrs: the surest of m is judged at 1 - alpha / m, the next at 1 - alpha / (m - 1), and so on
    until one is open; all others have the level of that one.

    Args:
        recipes: whose cells take part, in the order asked for.
        batch_sizes: those that take part; all by default.
        edges: on which edge of its grid of lrs a cell lies, of those that do.
        open_cells: recipe, batch_size and lr of cells of which trials have not ended.
        confidence: of the rivals, and of the lrs: that all of it is right together.
        open_anyway: what keeps the order of batch sizes and recipes open, whoever is first.
    """
    taking_part = [
        own for own in field.cells.values()
        if own.cell.recipe in recipes and (batch_sizes is None or own.cell.batch_size in batch_sizes)
    ]  # fmt: skip
    medians = {own.cell: own.median for own in taking_part if np.isfinite(own.median)}
    if not medians:
        return None
    winner = first_cell(medians, recipes)
    groups = {group: list(cells) for group, cells in itertools.groupby(_ordered(taking_part), key=_group)}
    own_group = groups.pop(_group_of(winner))
    lrs = [own.cell for own in own_group if own.cell != winner]

    def against(cells: Sequence[CellTimes], level: float) -> Comparison:
        found = _rivalry(field, winner, cells, medians=medians, edges=edges, confidence=level)
        return replace(found, doubts=once([*open_anyway, *found.doubts]))

    rivals = by_holm(list(groups.values()), against, confidence=confidence)
    rivals.sort(key=lambda comparison: (np.nan_to_num(comparison.ratio, nan=np.inf), comparison.rival))
    left = sum(
        recipe in recipes and (batch_sizes is None or size in batch_sizes)
        for recipe, size in open_cells[["recipe", "batch_size"]].itertuples(index=False, name=None)
    )
    unended = [Doubt("not_ended", count=left)] if left else []
    alone = [Doubt("alone")] if not groups else []
    return Contest(
        winner=winner,
        tied=sum(median == medians[winner] for median in medians.values()),
        ranked=len(medians),
        rivals=tuple(rivals),
        lrs=tuple(
            by_holm(lrs, lambda cell, level: field.compare(winner, cell, confidence=level), confidence=confidence)
        ),
        doubts=once([*unended, *alone, *(doubt for rival in rivals for doubt in rival.doubts)]),
        confidence=confidence,
        is_at_most=field.cells[winner].is_at_most,
    )


def first_cell(medians: Mapping[Cell, float], recipes: Sequence[str], *, preferred: Cell | None = None) -> Cell:
    """Return the cell with the smallest median; of those that tie the preferred one, or the one asked for first."""
    return min(medians, key=lambda cell: (medians[cell], cell != preferred, recipes.index(cell.recipe), *cell[1:]))


def by_holm(
    rivals: Sequence[Rival], compare: Callable[[Rival, float], Comparison], *, confidence: float
) -> list[Comparison]:
    """Return comparisons at the levels that Holm's procedure gives each, in the order given. Source: Holm 1979.

    Args:
        compare: gives the comparison with a rival at a level of confidence.
    """
    first = [compare(rival, confidence) for rival in rivals]
    ranked = sorted(range(len(first)), key=lambda i: np.nan_to_num(first[i].p, nan=1.0))
    found = list(first)
    left = len(first)
    for i in ranked:
        alpha = (1 - confidence) / left
        found[i] = compare(rivals[i], 1 - alpha)
        left -= first[i].p <= alpha
    return found


def _rivalry(
    field: Field,
    winner: Cell,
    rivals: Sequence[CellTimes],
    *,
    medians: Mapping[Cell, float],
    edges: Mapping[Cell, str],
    confidence: float,
) -> Comparison:
    """Return the comparison with the best cell of a recipe and batch size, and the doubts of all of its cells."""
    found = {own.cell: field.compare(winner, own.cell, confidence=confidence) for own in rivals}
    reached = [cell for cell in found if cell in medians]
    if reached:
        best = min(reached, key=lambda cell: (medians[cell], cell))
    else:
        best = min(found, key=lambda cell: (np.nan_to_num(found[cell].low, nan=0.0), cell))
    first = [best, *(cell for cell in found if cell != best)]
    doubts = [doubt for cell in first for doubt in found[cell].doubts]
    if best in medians and best in edges:
        doubts.append(Doubt("lr_on_edge", *best))
    # Of a batch size all cells are slower, or it is open: its p is that of the one least known to be.
    is_known = all(one.is_slower or one.is_equal for one in found.values())
    is_equal = is_known and any(one.is_equal for one in found.values())
    p = max(comparison.p for comparison in found.values())
    return replace(found[best], p=p, doubts=once(doubts), is_equal=is_equal and bool(doubts))


def once(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """Return each doubt once, in order."""
    return tuple(dict.fromkeys(doubts))


def _ordered(cells: Iterable[CellTimes]) -> list[CellTimes]:
    return sorted(cells, key=lambda own: own.cell)


def _group(own: CellTimes) -> Group:
    return _group_of(own.cell)


def _group_of(cell: Cell) -> Group:
    return cell.recipe, cell.batch_size


def grid_edges(tried: pd.DataFrame, best_cells: Iterable[Cell]) -> dict[Cell, str]:
    """Return on which edge of the lrs tried each best cell lies, of those that do: low, high, or both.

    Args:
        tried: recipe, batch_size and lr of every cell that was asked for or has an ended trial.
    """
    lrs = tried.groupby(["recipe", "batch_size"])["lr"]
    lows, highs = lrs.min(), lrs.max()
    edges = {}
    for cell in best_cells:
        low, high = (float(ends[_group_of(cell)]) for ends in (lows, highs))
        sides = [name for name, end in (("low", low), ("high", high)) if cell.lr == end]
        if sides:
            edges[cell] = "both" if len(sides) == 2 else sides[0]
    return edges
