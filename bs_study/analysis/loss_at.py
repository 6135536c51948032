"""Which cell has the lowest held-out loss after a fixed budget, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import numpy as np
import pandas as pd

from bs_study.analysis.cell_times import CellTimes
from bs_study.analysis.clock_alarm import clock_alarms
from bs_study.analysis.comparison import Comparison, Field
from bs_study.analysis.contest import Contest, contest, grid_edges, once
from bs_study.analysis.convergence import metrics_of
from bs_study.analysis.loss_readings import METRIC, loss_readings
from bs_study.analysis.open_anyway import by_clock
from bs_study.analysis.recommendation import CellResult, Grade, cell_result, graded
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.tables import Tables
from bs_study.analysis.timings import clean_iteration_seconds, trials_own_timings
from bs_study.analysis.trials import CELL, Cell, by_batch_size
from bs_study.analysis.verdict import Doubt, confidences_of
from bs_study.budget import Budget

EITHER = 1.01
"""Cells whose losses differ by no more than this factor are as good as each other."""
OUTCOMES = ("read", "ended", "no_look", "diverged", "out_of_memory", "failed")
COLUMNS = [*CELL, "loss", "loss_low", "loss_high", "seeds", *OUTCOMES, "is_best_lr", "best_lr_on_edge"]

Fault = Literal["", "no_loss", "not_positive", "nothing_read"]


class NotRead(NamedTuple):
    """A batch size of which no lr has a loss at the budget, and what became of its trials."""

    recipe: str
    batch_size: int
    why: Mapping[str, int]


@dataclass(frozen=True)
class LossAt:
    """The answer to "which batch size has the lowest held-out loss after this budget, each with its best lr?".

    Attributes:
        clock: by which the budget is told: examples, iterations, clean_seconds, or train_seconds where there was no
            timing pass that tells of these trials, or some that got there by their own clock did not by that one.
        best: the cell with the lowest median; its value, low, high and times are losses. None where there is a fault.
        comparisons: of the best cell, in the form of `Recommendation.comparisons`: a ratio is rival's loss / best's,
            and slower means higher.
        missed: batch sizes of which no lr has a loss at the budget.
        fault: why there is no best cell: evaluations have no loss, a loss is 0 or less, or no trial was read.
        told: what keeps open that its batch size is the best.
        doubts: these, and whether its lr lies on an edge of the grid.
        by_size: the best cell of each recipe and batch size, as `best` is told.
    """

    budget: Budget
    clock: str
    best: CellResult | None = None
    comparisons: tuple[Comparison, ...] = ()
    missed: tuple[NotRead, ...] = ()
    fault: Fault = ""
    told: tuple[Doubt, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    by_size: tuple[CellResult, ...] = ()

    @property
    def grade(self) -> Grade:
        """How sure the batch size is, by the rule of `Recommendation.grade`; as good is within `EITHER`."""
        return graded(self.best, self.comparisons, told=self.told, doubts=self.doubts)


class LossAnswer(NamedTuple):
    """The record, and its table.

    The table has a row per recipe, batch size and lr: loss, the median over seeds, of which one that diverged counts as
    above every number (missing where trials ended before the budget); loss_low and loss_high, the interval of 95 % of a
    typical seed, chosen from the lrs of its batch size (the best one of all: from all cells); seeds that gave an
    answer; the number of trials of each outcome of `loss_readings`; is_best_lr: of its batch size; best_lr_on_edge: of
    the lrs tried, low, high, both or "".
    """

    record: LossAt
    table: pd.DataFrame


def loss_at(rows: StudyRows, tables: Tables, budget: Budget) -> LossAnswer:
    """Return which cell has the lowest held-out loss after a budget.

    Losses take the place of times in the comparisons of times to a target, on logs: seeds, and the two looks between
    which a loss was read, are in their intervals. A trial that diverged before the budget is worse than every number.
    One that ended before it, say at its target, may be the best of all: its whole cell is not read, and leaves the
    comparisons with it open.
    """
    none = pd.DataFrame(columns=COLUMNS)
    if METRIC not in metrics_of(rows.evaluations) and len(rows.evaluations):
        return LossAnswer(LossAt(budget, budget.clock, fault="no_loss"), none)
    if rows.evaluations.empty:
        clock = tables.clock if budget.clock == "seconds" else budget.clock
        return LossAnswer(LossAt(budget, clock, fault="nothing_read"), none)
    clock, readings = _read(rows, tables, budget)
    if (readings["loss"] <= 0).any():
        return LossAnswer(LossAt(budget, clock, fault="not_positive"), none)
    field = Field(clock, _cells(readings, rows.open_cells), EITHER)
    best = _best_of_sizes(field)
    edges = grid_edges(rows.tried, best.values())
    alarms = clock_alarms(tables.speed, tables.timings) if clock.endswith("seconds") else ()
    anyway = by_clock(rows, tables, alarms, clock=clock) if clock.endswith("seconds") else []
    sizes = {cell.batch_size for cell in field.cells}
    found = contest(
        field,
        recipes=rows.recipes,
        edges=edges,
        open_cells=rows.open_cells,
        confidence=confidences_of(recipes=len(rows.recipes), sizes=len(sizes), looks=rows.looks).fastest,
        open_anyway=anyway,
    )
    missed = _missed(readings, best)
    if found is None:
        return LossAnswer(
            LossAt(budget, clock, missed=missed, fault="nothing_read"), _table(field, readings, {}, edges, None)
        )
    results = _results(field, best, found)
    told = once([*anyway, *found.doubts])
    own = [Doubt("lr_on_edge", *found.winner)] if found.winner in edges else []
    record = LossAt(
        budget,
        clock,
        best=results[found.winner],
        comparisons=(*found.rivals, *found.lrs),
        missed=missed,
        told=told,
        doubts=once([*told, *own]),
        by_size=tuple(results[cell] for cell in sorted(results)),
    )
    return LossAnswer(record, _table(field, readings, results, edges, found))


def _read(rows: StudyRows, tables: Tables, budget: Budget) -> tuple[str, pd.DataFrame]:
    """Return the clock that tells the budget, and the loss of each trial there."""
    clean = clean_iteration_seconds(trials_own_timings(rows.timings, rows.trials))

    def by(clock: str) -> pd.DataFrame:
        return loss_readings(
            rows.evaluations, rows.trials, clock=clock, value=budget.value, clean=clean, timing=tables.timing_spread
        )

    if budget.clock != "seconds":
        return budget.clock, by(budget.clock)
    own = by("train_seconds")
    if tables.is_clean:
        alone = by("clean_seconds")
        if not ((own["outcome"] == "read") & (alone["outcome"] == "ended")).any():
            return "clean_seconds", alone
    return "train_seconds", own


def _cells(readings: pd.DataFrame, open_cells: pd.DataFrame) -> dict[Cell, CellTimes]:
    """Return the losses of each cell on logs; nothing is known of one of which a trial ended before the budget."""
    left = set(open_cells[CELL].itertuples(index=False, name=None))
    found = {}
    for key, own in readings.groupby(CELL):
        recipe, size, lr = cast("Cell", key)
        cell = Cell(str(recipe), int(size), float(lr))
        outcome = own["outcome"]
        is_known = not (outcome == "ended").any()
        read = own[(outcome == "read") & is_known]
        lost = int(outcome.isin(["diverged", "out_of_memory"]).sum()) if is_known else 0
        found[cell] = CellTimes(
            cell,
            met=np.log(read["loss"].to_numpy(float)),
            unmet=np.log(read["least"].to_numpy(float)),
            bounds=np.array([]),
            infeasible=lost,
            unanswered=len(own) - len(read) - lost,
            is_open=tuple(cell) in left,
        )
    return found


def _best_of_sizes(field: Field) -> dict[tuple[str, int], Cell]:
    """Return the cell with the lowest median of each recipe and batch size that has one; of those that tie, one."""
    medians = sorted((own.median, cell) for cell, own in field.cells.items() if np.isfinite(own.median))
    found: dict[tuple[str, int], Cell] = {}
    for _, cell in medians:
        found.setdefault(cell[:2], cell)
    return dict(sorted(found.items()))


def _results(field: Field, best: Mapping[tuple[str, int], Cell], found: Contest) -> dict[Cell, CellResult]:
    """Return the best cell of each batch size, each with how many it was chosen from."""
    ranked = Counter(cell[:2] for cell, own in field.cells.items() if np.isfinite(own.median))
    results = {cell: cell_result(field, cell, chosen_from=ranked[place]) for place, cell in best.items()}
    results.pop(best[found.winner[:2]], None)  # of lrs that tie, the contest may name another
    winner = cell_result(field, found.winner, chosen_from=found.ranked, tied=found.tied)
    return dict(sorted({**results, found.winner: winner}.items()))


def _missed(readings: pd.DataFrame, best: Collection[tuple[str, int]]) -> tuple[NotRead, ...]:
    return tuple(
        NotRead(recipe, size, {str(name): int(n) for name, n in own["outcome"].value_counts().items()})
        for recipe, size, own in by_batch_size(readings)
        if (recipe, size) not in best
    )


def _table(
    field: Field,
    readings: pd.DataFrame,
    results: Mapping[Cell, CellResult],
    edges: Mapping[Cell, str],
    found: Contest | None,
) -> pd.DataFrame:
    counts = readings.groupby([*CELL, "outcome"]).size().to_dict()
    table = []
    for cell, own in sorted(field.cells.items()):
        told = results.get(cell)
        if told is None and found is not None and np.isfinite(own.median):
            told = cell_result(field, cell, chosen_from=1)
        loss = (told.value, told.low, told.high) if told else (np.nan, np.nan, np.nan)
        outcomes = [counts.get((*cell, name), 0) for name in OUTCOMES]
        table.append((*cell, *loss, own.seeds, *outcomes, cell in results, edges.get(cell, "")))
    return pd.DataFrame(table, columns=COLUMNS)
