"""Which cell wins by a clock, how it compares with the others, and what missed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from bs_study.analysis.tables import StudyTables
from bs_study.report.wording import span
from bs_study.target import Target


class Winner(NamedTuple):
    """The best cell by a clock: its median over seeds, and what each of those that reached the target took.

    `seeds` counts those that gave an answer; a trial that failed gave none.
    """

    clock: str
    batch_size: int
    lr: float
    value: float
    times: tuple[float, ...]
    seeds: int

    @property
    def cell(self) -> tuple[int, float]:
        return self.batch_size, self.lr

    @property
    def reached(self) -> int:
        return len(self.times)

    @property
    def spread(self) -> str:
        """The least and the most over seeds, as text."""
        return span(min(self.times), max(self.times), clock=self.clock)


def winner(tables: StudyTables, clock: str) -> Winner | None:
    """Return the best cell by a clock; None where no cell reached the target. Of ties the smallest batch size."""
    best = tables.best
    reached = best[np.isfinite(best[f"{clock}_to_target"].to_numpy(float))] if len(best) else best
    if reached.empty:
        return None
    row = reached.sort_values([f"{clock}_to_target", "batch_size"]).iloc[0]
    return cell_winner(tables, clock, batch_size=int(row["batch_size"]), lr=float(row[f"best_lr_by_{clock}"]))


def cell_winner(tables: StudyTables, clock: str, *, batch_size: int, lr: float) -> Winner:
    """Return what a cell took by a clock."""
    cells = tables.convergence
    cell = cells[(cells["batch_size"] == batch_size) & (cells["lr"] == lr)].iloc[0]
    name = f"{clock}_to_target"
    own = tables.times[(tables.times["batch_size"] == batch_size) & (tables.times["lr"] == lr)]
    times = tuple(float(value) for value in own[name].dropna())
    answered = int(cell["seeds"] - cell["failed"] - cell["not_evaluated"])
    return Winner(clock, batch_size, lr, float(cell[name]), times, answered)


def runner_up(tables: StudyTables, best: Winner) -> Winner | None:
    """Return the best cell of the batch size that comes second by the winner's clock."""
    others = others_by_clock(tables, best)
    if not others:
        return None
    second = min(others, key=lambda size: others[size])
    rows = tables.best[tables.best["batch_size"] == second]
    return cell_winner(tables, best.clock, batch_size=second, lr=float(rows[f"best_lr_by_{best.clock}"].iloc[0]))


def others_by_clock(tables: StudyTables, best: Winner) -> dict[int, float]:
    """Return what each other batch size that reached the target took at its own best lr, by the winner's clock."""
    rows = tables.best[["batch_size", f"{best.clock}_to_target"]].to_numpy(float)
    return {int(size): value for size, value in rows if np.isfinite(value) and int(size) != best.batch_size}


def unreached_batch_sizes(tables: StudyTables, *, among: pd.Series[bool] | None = None) -> list[int]:
    """Return the batch sizes of which no cell reached the target with most of its seeds.

    Args:
        among: says of each cell of `convergence` whether its batch size counts; all do by default.
    """
    cells = tables.convergence
    reached = cells[np.isfinite(cells["iterations_to_target"].to_numpy(float))]["batch_size"].unique()
    counted = cells if among is None else cells[among]
    return sorted(int(size) for size in set(counted["batch_size"]) - set(reached))


def closest_cell(tables: StudyTables) -> pd.Series | None:
    """Return the cell whose metric came closest to the target, of those that ran until their budget ended."""
    return closest(tables.convergence[tables.convergence["missed"] > 0], tables.target)


def closest(cells: pd.DataFrame, target: Target | None) -> pd.Series | None:
    """Return the cell whose metric came closest to a target; None without a target, or where no cell has its metric."""
    known = cells[np.isfinite(cells["best_metric"].to_numpy(float))]
    if known.empty or target is None:
        return None
    cell: pd.Series = known.sort_values("best_metric", ascending=target.direction == "min").iloc[0]
    return cell


def censored_rivals(tables: StudyTables, best: Winner) -> int:
    """Return how many cells missed the target, yet were cut off before the time in which the best one reached it."""
    cells = tables.convergence
    missed = cells[(cells["missed"] > 0) & cells[f"{best.clock}_to_target"].isna()]
    return int((~(missed[f"censored_{best.clock}"] >= best.value)).sum())
