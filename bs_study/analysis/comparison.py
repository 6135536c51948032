"""Whether one cell reaches the target sooner than another, and how sure that is: asked here and nowhere else."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from bs_study.analysis.cell_times import CellTimes, cell_times
from bs_study.analysis.fit import FloatArray
from bs_study.analysis.spread import Spread, seed_spread
from bs_study.analysis.timings import ranking_clock, timing_spread, trials_own_timings
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Doubt, Reason

EITHER = 1.1
"""Cells whose times differ by no more than this factor are as good as each other: either will do."""


@dataclass(frozen=True)
class Comparison:
    """A cell that reached the target against a rival, by one clock.

    Attributes:
        ratio: of the geometric means over seeds, rival / winner. Of a rival with seeds that missed, at least that,
            since they count with where they ended; infinite where no seed of it can reach the target.
        low, high: the interval of the ratio, at `confidence`: the spread over seeds, the looks between which each
            seed met the target, and the spread of the clean times are in it. Missing where one seed shows no spread;
            without a lower end where a seed of the winner missed, without an upper one where one of the rival did.
        p: of the hypothesis that the rival is not slower; two-sided. NaN where one seed shows no spread.
        doubts: why the rival isn't known to be slower; none if it is.
        is_equal: whether the two are known to be within `EITHER` of each other, as far as seeds and timing go.
    """

    winner: Cell
    rival: Cell
    clock: str
    ratio: float
    low: float
    high: float
    p: float
    confidence: float
    doubts: tuple[Doubt, ...] = ()
    is_equal: bool = False

    @property
    def is_slower(self) -> bool:
        """Whether the rival is known to be slower."""
        return not self.doubts


@dataclass(frozen=True)
class Field:
    """All cells of a study by one clock, and how much their seeds differ.

    Attributes:
        either: cells that differ by no more than this factor are as good as each other.
    """

    clock: str
    cells: Mapping[Cell, CellTimes]
    either: float = EITHER

    @cached_property
    def spread(self) -> Spread:
        """The spread over seeds; of cells all of whose seeds reached the target, if there are any."""
        whole = {cell: own.met for cell, own in self.cells.items() if len(own.met) == own.seeds > 1}
        logs: dict[Hashable, FloatArray] = dict((whole or {cell: own.met for cell, own in self.cells.items()}).items())
        steps: dict[Hashable, float] = {cell: _step(own) for cell, own in self.cells.items() if cell in logs}
        return seed_spread(logs, resolution=steps)

    def compare(self, winner: Cell, rival: Cell, *, confidence: float) -> Comparison:
        """Return how a cell compares with a rival.

        The logs of the two times differ by d, with standard error sqrt(v_w / n_w + v_r / n_r) and the degrees of
        freedom of Welch and Satterthwaite, where v are variances over seeds, each drawn towards that of all cells.
        The low end takes the winner at the look that met the target and the rival at the one before; the high end
        the reverse.

        Args:
            confidence: of the interval, two-sided; for many comparisons, what is left of it for one.
        """
        own, other = self.cells[winner], self.cells[rival]
        # Of a rival that some seeds reached, the others count as no slower than the slowest of these.
        bounds = np.minimum(other.bounds, other.met.max(initial=-np.inf)) if len(other.met) else other.bounds
        ends = np.concatenate([other.met, bounds])
        if not len(ends):
            return self._without_times(own, other, confidence)
        is_cut = len(other.bounds) > 0 or other.infeasible > 0
        timing = 0.0 if _share_a_timing(own, other) else own.timing[1] - other.timing[0]
        apart = float(ends.mean() - own.met.mean())
        ratio = float(np.exp(apart))
        nearest = float(np.concatenate([other.unmet, bounds]).mean() - own.met.mean()) - timing
        farthest = np.inf if is_cut else float(other.met.mean() - own.unmet.mean()) + self._timing_high(own, other)
        error = self._error(own, other, len(ends))
        if error is None:
            doubts = self._doubts(own, other, low=np.nan, inner=(np.nan, np.nan))
            return Comparison(winner, rival, self.clock, ratio, np.nan, np.nan, np.nan, confidence, doubts)
        half = error.size * float(special.stdtrit(error.freedom, (1 + confidence) / 2))
        p = 2 * float(special.stdtr(error.freedom, -nearest / error.size))
        low, high = float(np.exp(nearest - half)), float(np.exp(farthest + half))
        if len(own.met) < own.seeds:  # of which some took longer than can be known
            p, low = 1.0, 0.0
        inner = (float(np.exp(apart - half)), float(np.exp(apart - timing - half)))
        doubts = self._doubts(own, other, low=low, inner=inner)
        is_whole = not is_cut and len(own.met) == own.seeds and min(own.seeds, other.seeds) > 1
        most = max(apart + half + self._timing_high(own, other), half + timing - apart)
        is_equal = is_whole and most <= np.log(self.either)
        return Comparison(winner, rival, self.clock, ratio, low, high, min(p, 1.0), confidence, doubts, is_equal)

    def _without_times(self, own: CellTimes, other: CellTimes, confidence: float) -> Comparison:
        """Compare with a cell of which no seed reached the target or ran out of budget."""
        if other.infeasible:
            doubts = self._doubts(own, other, low=np.inf, inner=(np.inf, np.inf))
            return Comparison(own.cell, other.cell, self.clock, np.inf, np.inf, np.inf, 0.0, confidence, doubts)
        doubts = (_doubt("no_clock" if other.unclocked else "no_answer", other.cell),)
        return Comparison(own.cell, other.cell, self.clock, np.nan, np.nan, np.nan, np.nan, confidence, doubts)

    def _timing_high(self, own: CellTimes, other: CellTimes) -> float:
        return 0.0 if _share_a_timing(own, other) else other.timing[1] - own.timing[0]

    def _error(self, own: CellTimes, other: CellTimes, seeds: int) -> _Error | None:
        known = [self.spread.of(own.cell), self.spread.of(other.cell)]
        if known[0] is None or known[1] is None:
            return None
        parts = [(known[0][0] / len(own.met), known[0][1]), (known[1][0] / seeds, known[1][1])]
        size = sum(variance for variance, _ in parts)
        freedom = size**2 / sum(variance**2 / max(freedom, 1.0) for variance, freedom in parts)
        return _Error(np.sqrt(size), max(1.0, min(freedom, self.spread.total)))

    def _doubts(self, own: CellTimes, other: CellTimes, *, low: float, inner: tuple[float, float]) -> tuple[Doubt, ...]:
        """Return why the rival isn't known to be slower.

        Args:
            inner: the low end of the ratio's interval without the looks and the timing's spread, and with the latter.
        """
        doubts = [_doubt("not_ended", other.cell)] if other.is_open else []
        doubts += [_doubt("no_clock", other.cell, count=other.unclocked)] if other.unclocked else []
        # Of a rival that ran out of budget the spread of other cells tells enough; whether one diverges it does not.
        needs_seeds = not len(other.bounds) or len(other.met) > 0
        if len(own.met) < own.seeds:
            doubts.append(_doubt("missed_seeds", own.cell, count=own.seeds - len(own.met)))
        elif np.isnan(low) or (needs_seeds and min(own.seeds, other.seeds) < 2):
            doubts.append(_doubt("one_seed", own.cell if own.seeds < 2 else other.cell))
        elif not low > 1:
            is_tie = own.median == other.median
            missed = other.seeds - len(other.met)
            reason: Reason = "tie" if is_tie else _why_open(own, other, inner=inner)
            doubts.append(_doubt(reason, other.cell, count=missed if reason == "missed_seeds" else None))
        return tuple(doubts)


class _Error(NamedTuple):
    size: float
    freedom: float


def _share_a_timing(own: CellTimes, other: CellTimes) -> bool:
    return (own.cell.batch_size, own.timed_in) == (other.cell.batch_size, other.timed_in)


def _doubt(reason: Reason, cell: Cell, *, count: int | None = None) -> Doubt:
    return Doubt(reason, cell.recipe, cell.batch_size, cell.lr, count)


def _why_open(own: CellTimes, other: CellTimes, *, inner: tuple[float, float]) -> Reason:
    # Of those that were outrun a further seed tells more; those that ran out of budget would need a larger one.
    if len(other.bounds) > len(other.outrun) and np.sort(other.bounds)[0] < own.met.max():
        return "not_tried" if other.stopped else "missed_earlier"
    if 0 < len(other.met) < other.seeds - len(other.outrun):
        return "missed_seeds"
    if inner[1] > 1:
        return "met_at_first_look" if np.isneginf(other.unmet).any() else "within_looks"
    if inner[0] > 1:
        return "within_timing"
    return "one_seed" if len(other.outrun) == other.seeds == 1 else "within_spread"  # no difference was measured


def _step(own: CellTimes) -> float:
    steps = own.met - own.unmet
    return float(steps.mean()) if len(steps) and np.isfinite(steps).all() else 0.0


def ranking_field(
    times: pd.DataFrame, timings: pd.DataFrame, trials: pd.DataFrame, *, open_cells: pd.DataFrame
) -> Field:
    """Return the cells of a study by the clock that ranks them.

    Args:
        times: as `cell_times` takes them.
        timings, trials: the store's tables.
        open_cells: as `cell_times` takes them.
    """
    own = trials_own_timings(timings, trials)
    clock = ranking_clock(own)
    return fields_of(times, clocks=[clock], open_cells=open_cells, timing=timing_spread(own))[clock]


def fields_of(
    times: pd.DataFrame,
    *,
    clocks: Iterable[str],
    open_cells: pd.DataFrame,
    timing: Mapping[int, tuple[float, float]] | None = None,
) -> dict[str, Field]:
    """Return the cells of a study by each of some clocks; the arguments are those of `cell_times`."""
    found = cell_times(times, clocks=clocks, open_cells=open_cells, timing=timing)
    return {clock: Field(clock, cells) for clock, cells in found.items()}
