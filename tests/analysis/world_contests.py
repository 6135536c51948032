"""Many simulated contests: how often the winner is settled, rightly or not, and which intervals hold the truth.

Cells come from a draw without frames: a contest in a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bs_study.analysis.cell_times import CellTimes
from bs_study.analysis.comparison import Field
from bs_study.analysis.contest import Contest, contest, grid_edges
from bs_study.analysis.recommendation import cell_result
from bs_study.analysis.trials import CELL, Cell
from bs_study.analysis.verdict import CLAIM_CONFIDENCE
from tests.analysis.world_truth import false_orders, told_ratios, told_time
from tests.analysis.worlds import Draw, World, draw


@dataclass(frozen=True)
class Tally:
    """Parts of the worlds, and of the intervals of all worlds together.

    Attributes:
        right: the winner's batch size is settled, and is the soonest.
        wrong: it is settled, and another one is as soon or sooner.
        false_orders: of the worlds in which any cell or batch size is called slower that is not.
        ratios_hold: of the intervals of ratios.
        times_hold: of the intervals of the winner's time.
        width: median of log(high / low) of the latter.
    """

    right: float
    wrong: float
    false_orders: float
    ratios_hold: float
    times_hold: float
    width: float


def tally(worlds: int, make: Callable[[np.random.Generator], World], *, seeds: int) -> Tally:
    """Return how contests end in so many worlds; the same each time."""
    right, wrong, false, ratios, times, widths = [], [], [], [], [], []
    for number in range(worlds):
        rng = np.random.default_rng(number)
        world = make(rng)
        field = field_of(draw(world, rng, seeds=seeds))
        found, is_settled = contest_of(field)
        best = world.log_seconds.min(axis=1)
        own = world.batch_sizes.index(found.winner.batch_size)
        is_soonest = bool(best[own] < np.delete(best, own).min() - 1e-9)
        right.append(is_settled and is_soonest)
        wrong.append(is_settled and not is_soonest)
        false.append(bool(false_orders((*found.rivals, *found.lrs), world)))
        ratios += [told.holds for told in told_ratios((*found.rivals, *found.lrs), world)]
        result = cell_result(field, found.winner, chosen_from=found.ranked)
        times += [told.holds for told in told_time(result, world)]
        widths.append(np.log(result.high / result.low) if result.low > 0 else np.inf)
    return Tally(
        right=float(np.mean(right)),
        wrong=float(np.mean(wrong)),
        false_orders=float(np.mean(false)),
        ratios_hold=float(np.mean(ratios)),
        times_hold=float(np.mean(times)),
        width=float(np.median(widths)),
    )


def contest_of(field: Field) -> tuple[Contest, bool]:
    """Return the contest of all cells, all of whose trials have ended, and whether its winner is settled."""
    tried = pd.DataFrame(list(field.cells), columns=CELL)
    edges = grid_edges(tried, _best_cells(field))
    found = contest(field, recipes=("",), edges=edges, open_cells=tried.head(0), confidence=CLAIM_CONFIDENCE)
    if found is None:
        raise ValueError("no cell reached the target in this world. Give it a larger budget")
    return found, not found.doubts and found.winner not in edges


def _best_cells(field: Field) -> list[Cell]:
    best: dict[int, CellTimes] = {}
    for own in field.cells.values():
        held = best.get(own.cell.batch_size)
        if own.median > 0 and (held is None or own.median < held.median):
            best[own.cell.batch_size] = own
    return [own.cell for own in best.values()]


def field_of(drawn: Draw) -> Field:
    """Return the cells of a study by clean seconds, as `fields_of` reads them from its rows."""
    world, cells = drawn.world, {}
    met, unmet, ends = (np.log(iterations, where=iterations > 0, out=np.full_like(iterations, -np.inf))
                        for iterations in (drawn.met, drawn.unmet, drawn.ends))  # fmt: skip
    for i, batch_size in enumerate(world.batch_sizes):
        second, low, high = np.log(drawn.measured[i])
        for j, lr in enumerate(world.lrs):
            cell = Cell("", batch_size, lr)
            reached, cut = np.isfinite(met[i, j]), np.isfinite(ends[i, j])
            cells[cell] = CellTimes(
                cell,
                met=met[i, j][reached] + second,
                unmet=unmet[i, j][reached] + second,
                bounds=ends[i, j][cut] + second,
                infeasible=int((~reached & ~cut).sum()),
                timing=(float(low - second), float(high - second)),
            )
    return Field("clean_seconds", cells)
