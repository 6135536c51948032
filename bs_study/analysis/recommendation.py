"""The one recommendation of a study: the best cell, all that it was compared with, what is open, what would help."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from bs_study.analysis.cell_times import CellTimes
from bs_study.analysis.comparison import Comparison, Field
from bs_study.analysis.contest import Contest, first_cell, once
from bs_study.analysis.rows import State
from bs_study.analysis.seed_steps import BY_SEEDS
from bs_study.analysis.step import Step
from bs_study.analysis.trials import Cell
from bs_study.analysis.unreached import Closest, Missed, Unanswered, closest_cell, missed_sizes
from bs_study.analysis.verdict import CONFIDENCE, Doubt, Verdict
from bs_study.target import Target

Grade = Literal["settled", "leaning", "open"]


@dataclass(frozen=True)
class CellResult:
    """What a cell took to the target by a clock.

    Attributes:
        value: median over seeds: over the `fresh` ones where there are any, else over all.
        low, high: interval of 95 % of a typical seed's time (the geometric mean), of the same seeds, the looks and the
            spread of the clean times in it. By all seeds its upper end allows for the choice among `chosen_from` cells,
            of which the best looks better than it is. Missing where one seed shows no spread.
        times: of each seed that reached the target, fresh or not.
        seeds: those that gave an answer, fresh or not. By all of them cells are ranked.
        chosen_from: how many cells were ranked.
        tied: how many cells of the study share its median of all seeds, itself included.
        cut_off: how many cells ended before that median, and had not reached the target.
        is_at_most: whether the time is known only to be no more, since seeds met the target at their first look.
        fresh: times of the seeds that did not choose it, those of `fresh_seeds`; of the study's winner by its own
            clock, where seeds were added round by round. That it stayed first is a choice too: the time still looks a
            little better than it is.
    """

    cell: Cell
    clock: str
    value: float
    low: float
    high: float
    times: tuple[float, ...]
    seeds: int
    chosen_from: int
    tied: int = 1
    cut_off: int = 0
    is_at_most: bool = False
    fresh: tuple[float, ...] = ()

    @property
    def recipe(self) -> str:
        return self.cell.recipe

    @property
    def batch_size(self) -> int:
        return self.cell.batch_size

    @property
    def lr(self) -> float:
        return self.cell.lr

    @property
    def reached(self) -> int:
        """Seeds that reached the target."""
        return len(self.times)


@dataclass(frozen=True)
class Recommendation:
    """Which cell to train with, what it was compared with, and how sure that is.

    Attributes:
        clock: by which cells are ranked: clean_seconds, or train_seconds where there was no timing pass.
        best: None where no cell reached the target, or the target tells nothing; `doubts` then say why.
        closest: where no cell reached the target.
        unanswered: where no trial could be judged by the target, since all failed, diverged or ran out of memory.
        comparisons: the best cell with the best cell of each other batch size (and recipe) in order of the ratio, each
            with the doubts of all cells of that batch size; then with each other lr of its own batch size.
        missed: batch sizes of which no lr reached the target.
        by_clock: the cell with the smallest median by every clock that is known.
        fastest: the verdict of `fastest_after_tuning`, the same object as in the analysis' verdicts.
        doubts: all that keeps the recommendation open, each once.
        steps: what would settle it, the cheapest kind first.
    """

    target: Target | None
    clock: str
    state: State
    best: CellResult | None
    closest: Closest | None
    comparisons: tuple[Comparison, ...]
    missed: tuple[Missed, ...]
    by_clock: Mapping[str, CellResult]
    fastest: Verdict
    doubts: tuple[Doubt, ...]
    steps: tuple[Step, ...]
    unanswered: Unanswered | None = None

    @property
    def as_good(self) -> tuple[Comparison, ...]:
        """The comparisons whose rival is not known to be slower: as good, as far as is known."""
        return tuple(comparison for comparison in self.comparisons if not comparison.is_slower)

    @property
    def either(self) -> tuple[Comparison, ...]:
        """The comparisons whose rival is known to be as good, within `comparison.EITHER`: either will do."""
        return tuple(comparison for comparison in self.comparisons if comparison.is_equal)

    @property
    def slower(self) -> tuple[Comparison, ...]:
        """The comparisons whose rival is known to be slower."""
        return tuple(comparison for comparison in self.comparisons if comparison.is_slower)

    @property
    def grade(self) -> Grade:
        """How sure the batch size is.

        Settled: every other is known to be slower, or to be as good within 10 %, and the best lr lies inside those
        tried. Leaning: most others are.
        """
        return graded(self.best, self.comparisons, told=self.fastest.doubts, doubts=self.doubts)


def graded(
    best: CellResult | None, comparisons: Sequence[Comparison], *, told: Collection[Doubt], doubts: Collection[Doubt]
) -> Grade:
    """Return how sure the best cell's batch size is.

    Args:
        comparisons: of the best cell; those within its batch size do not count.
        told: what keeps open that its batch size is the best.
        doubts: these, and those of the best cell itself.
    """
    if best is None:
        return "open"
    others = [c for c in comparisons if c.rival[:2] != best.cell[:2]]
    is_inside = not any(doubt.reason == "lr_on_edge" for doubt in doubts)
    answered = {doubt for c in others if c.is_equal for doubt in c.doubts if doubt.reason in BY_SEEDS}
    if others and is_inside and set(told) <= answered:
        return "settled"
    is_leaning = len([c for c in others if c.is_slower or c.is_equal]) * 2 > len(others)
    return "leaning" if is_leaning else "open"


def cell_result(
    field: Field, cell: Cell, *, chosen_from: int, tied: int = 1, fresh: CellTimes | None = None
) -> CellResult:
    """Return what a cell took to the target, chosen as the best of so many.

    The interval of the mean of logs, by Student's t with the spread over seeds as comparisons have it. Its lower end
    leaves out 2.5 %, its upper end 2.5 % shared out among the cells that it was chosen from, since the best of many
    looks better than it is. Fresh seeds had no part in the choice, so that nothing is shared out. The looks and the
    spread of the clean times widen it.

    Args:
        fresh: its seeds that did not choose it; None where there are none, or that is not asked.
    """
    own = field.cells[cell]
    told = own if fresh is None else fresh
    low = high = np.nan
    spread = field.spread.of(cell)
    if spread is not None and own.seeds > 1:
        error = np.sqrt(spread[0] / len(told.met))
        tail = (1 - CONFIDENCE) / 2
        shared = tail / max(1, chosen_from if fresh is None else 1)
        below, above = (special.stdtrit(spread[1], 1 - part) * error for part in (tail, shared))
        low = float(np.exp(told.unmet.mean() + told.timing[0] - below))
        high = float(np.exp(told.met.mean() + told.timing[1] + above)) if len(told.met) == told.seeds else np.inf
    cut_off = sum(bool(len(other.bounds)) and np.exp(other.bounds.min()) < own.median for other in field.cells.values())
    return CellResult(
        cell,
        field.clock,
        value=told.median,
        low=low,
        high=high,
        times=_seconds(own),
        seeds=own.seeds,
        chosen_from=chosen_from,
        tied=tied,
        cut_off=cut_off,
        is_at_most=told.is_at_most,
        fresh=() if fresh is None else _seconds(fresh),
    )


def _seconds(own: CellTimes) -> tuple[float, ...]:
    return tuple(float(time) for time in np.exp(own.met))


def recommendation(
    fields: Mapping[str, Field],
    contest: Contest | None,
    *,
    fresh: CellTimes | None,
    clock: str,
    target: Target | None,
    state: State,
    convergence: pd.DataFrame,
    unanswered: Unanswered | None,
    fastest: Verdict,
    edges: Mapping[Cell, str],
    steps: Sequence[Step],
    recipes: Sequence[str],
) -> Recommendation:
    """Return the recommendation of a study.

    Args:
        fields: the cells by every clock.
        contest: of all cells, by the study's clock; None where no cell reached the target, or it tells nothing.
        fresh: the winner's seeds that did not choose it, if there are any.
        fastest: the verdict of that contest.
        edges: on which edge of the grid the best lr of each recipe and batch size lies, of those that do.
    """
    best, own = None, list[Doubt]()
    if contest is not None:
        best = cell_result(fields[clock], contest.winner, chosen_from=contest.ranked, tied=contest.tied, fresh=fresh)
        own += [Doubt("lr_on_edge", *contest.winner)] if contest.winner in edges else []
        own += [Doubt("met_at_first_look", *contest.winner)] if contest.is_at_most else []
    return Recommendation(
        target=target,
        clock=clock,
        state=state,
        best=best,
        closest=None if contest else closest_cell(convergence, target),
        comparisons=(*contest.rivals, *contest.lrs) if contest else (),
        missed=missed_sizes(convergence, clock=clock),
        by_clock=_by_clock(fields, recipes, best=best) if best else {},
        fastest=fastest,
        doubts=once([*fastest.doubts, *own]),
        steps=tuple(steps),
        unanswered=unanswered,
    )


def _by_clock(fields: Mapping[str, Field], recipes: Sequence[str], *, best: CellResult) -> dict[str, CellResult]:
    """Return the cell with the smallest median by each clock that is known; of those that tie, the recommended one."""
    found = {}
    for clock, field in fields.items():
        medians = {own.cell: own.median for own in field.cells.values() if np.isfinite(own.median)}
        if clock == best.clock:
            found[clock] = best
        elif medians:
            cell = first_cell(medians, recipes, preferred=best.cell)
            tied = sum(median == medians[cell] for median in medians.values())
            found[clock] = cell_result(field, cell, chosen_from=len(medians), tied=tied)
    return found
