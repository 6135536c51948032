"""The cells of two studies in one field, and pairs of them: which study is sooner, by one clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from bs_study.analysis.clock_alarm import clock_alarms
from bs_study.analysis.comparison import Comparison, Field, fields_of
from bs_study.analysis.contest import by_holm, once
from bs_study.analysis.open_anyway import OF_CLOCK, open_anyway
from bs_study.analysis.recommendation import CellResult, cell_result
from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import CELL, Cell
from bs_study.analysis.verdict import CONFIDENCE, Doubt

Side = Literal["A", "B"]
SIDES: tuple[Side, Side] = ("A", "B")


@dataclass(frozen=True)
class Pair:
    """A cell of study A against a cell of study B, by one clock.

    Attributes:
        a, b: what each cell took, with the interval that its study gives it; None where a study has no cell here that
            reached the target with most of its seeds.
        ratio: of A's time to B's. Infinite or 0 where one of them can't reach the target, NaN where nothing is known.
        low, high: the 95 % interval of this ratio alone; that each cell is the best of several is in it.
        sooner: the study that is known to be sooner, all that is said of the two studies taken together.
        is_equal: whether the two are known to be within `comparison.EITHER` of each other.
        is_same: whether both are one cell, whose seeds were pooled. It has no ratio.
        doubts: what keeps it open; their recipe begins with the letter of the study.
    """

    a: CellResult | None
    b: CellResult | None
    ratio: float = np.nan
    low: float = np.nan
    high: float = np.nan
    sooner: Side | None = None
    is_equal: bool = False
    is_same: bool = False
    doubts: tuple[Doubt, ...] = ()


class Duel(NamedTuple):
    """Two cells by their names in the common field, the one with the smaller median first.

    `first`: the study of that one. `winner_of` and `rival_of`: of how many cells each could have been the best.
    """

    first: Side
    winner: Cell
    rival: Cell
    winner_of: int
    rival_of: int


@dataclass(frozen=True)
class Board:
    """The cells of two studies in one field, by one clock.

    Attributes:
        field: every cell of both; its recipe begins with the letter of its study.
        own: the field of each study by itself.
        names: of each study its cells, with their names in the common field. A cell whose seeds are pooled has one.
        anyway: what keeps open all that is said by this clock, of all batch sizes or of one.
    """

    field: Field
    own: Mapping[Side, Field]
    names: Mapping[Side, Mapping[Cell, Cell]]
    anyway: tuple[Doubt, ...]

    def best(self, side: Side, size: int) -> Cell | None:
        """Return the cell of a study with the smallest median at a batch size; None where none has one."""
        medians = {cell: own.median for cell, own in self.own[side].cells.items() if cell.batch_size == size}
        ranked = [cell for cell, median in medians.items() if np.isfinite(median)]
        return min(ranked, key=lambda cell: (medians[cell], cell), default=None)

    def by_size(self, sizes: Sequence[int], *, confidence: float) -> dict[int, Pair]:
        """Return the pair of the best cells of each batch size; all that is told of them is right at a confidence."""
        picks = [(self.best("A", size), self.best("B", size)) for size in sizes]
        return dict(zip(sizes, self.pairs(picks, sizes=sizes, confidence=confidence), strict=True))

    def recommended(self, a: Cell, b: Cell, *, confidence: float) -> Pair:
        """Return the pair of two cells, each the best of its study."""
        (found,) = self.pairs([(a, b)], sizes=[None], confidence=confidence)
        return found

    def pairs(
        self, picks: Sequence[tuple[Cell | None, Cell | None]], *, sizes: Sequence[int | None], confidence: float
    ) -> list[Pair]:
        duels = [self._duel(*pick, size) for pick, size in zip(picks, sizes, strict=True)]
        fought = [duel for duel in duels if duel is not None and duel.winner != duel.rival]
        ends = dict(zip(fought, by_holm(fought, self._compare, confidence=confidence), strict=True))
        return [
            self._pair(pick, duel, None if duel is None else ends.get(duel), size)
            for pick, duel, size in zip(picks, duels, sizes, strict=True)
        ]

    def _duel(self, a: Cell | None, b: Cell | None, size: int | None) -> Duel | None:
        """Return who is compared with whom; None where no cell reached the target, or a study tried none."""
        names: dict[Side, Cell] = {}
        for side, cell in zip(SIDES, (a, b), strict=True):
            if cell is not None and cell in self.names[side]:
                names[side] = self.names[side][cell]
        medians = {side: self.field.cells[name].median for side, name in names.items()}
        known = [side for side in names if np.isfinite(medians[side])]
        if not known:
            return None
        first = min(known, key=lambda side: medians[side])
        second: Side = "B" if first == "A" else "A"
        rival = names.get(second) or self._least_slow(names[first], second, size)
        if rival is None:
            return None
        counts = [self._could_be_best(side, name, size) for side, name in ((first, names[first]), (second, rival))]
        return Duel(first, names[first], rival, counts[0], counts[1])

    def _least_slow(self, winner: Cell, side: Side, size: int | None) -> Cell | None:
        """Return the cell of which it is least known that it is slower, of a study that did not reach the target."""
        names = [name for cell, name in self.names[side].items() if cell.batch_size == size]
        lows = {name: self.field.compare(winner, name, confidence=CONFIDENCE).low for name in names}
        return min(names, key=lambda name: (np.nan_to_num(lows[name], nan=0.0), name), default=None)

    def _could_be_best(self, side: Side, best: Cell, size: int | None) -> int:
        """Return how many cells of a study, or of a batch size of it, are not known to be slower than its best."""
        if not np.isfinite(self.field.cells[best].median):
            return 1
        names = [name for cell, name in self.names[side].items() if size in (None, cell.batch_size) and name != best]
        ranked = [name for name in names if np.isfinite(self.field.cells[name].median)]
        return 1 + sum(not self.field.compare(best, name, confidence=CONFIDENCE).is_slower for name in ranked)

    def _compare(self, duel: Duel, level: float) -> Comparison:
        found = self.field.compare(duel.winner, duel.rival, confidence=1 - (1 - level) / duel.winner_of)
        return replace(found, p=min(1.0, found.p * duel.winner_of))

    def _pair(
        self, pick: tuple[Cell | None, Cell | None], duel: Duel | None, found: Comparison | None, size: int | None
    ) -> Pair:
        a, b = (self._result(side, cell, size) for side, cell in zip(SIDES, pick, strict=True))
        if duel is None:
            return Pair(a, b)
        if found is None:
            return Pair(a, b, is_same=True)
        low, ratio, high = self._ratio(duel, found)
        if duel.first == "A":
            low, ratio, high = (1 / end if end else np.inf for end in (high, ratio, low))
        anyway = [one for one in self.anyway if one.batch_size in (None, duel.winner.batch_size, duel.rival.batch_size)]
        left = [Doubt("not_ended", *duel.winner)] if self.field.cells[duel.winner].is_open else []
        doubts = once([*anyway, *left, *found.doubts])
        if any(one.reason == "one_seed" for one in doubts):  # the spread of other cells is not its own
            low = high = np.nan
        is_equal = found.is_equal and not anyway and not left
        return Pair(a, b, ratio, low, high, None if doubts else duel.first, is_equal, doubts=doubts)

    def _ratio(self, duel: Duel, found: Comparison) -> tuple[float, float, float]:
        """Return the ratio of the rival's time to the winner's, between the ends of its interval.

        The best of k cells looks sooner than it is, so that it may be slower by more: k shares the tail of that end.
        """
        levels = [1 - (1 - CONFIDENCE) / of for of in (duel.winner_of, duel.rival_of)]
        low, high = (self.field.compare(duel.winner, duel.rival, confidence=level) for level in levels)
        return low.low, found.ratio, high.high

    def _result(self, side: Side, cell: Cell | None, size: int | None) -> CellResult | None:
        if cell is None or not np.isfinite(self.own[side].cells[cell].median):
            return None
        cells = self.own[side].cells.values()
        ranked = [own for own in cells if size in (None, own.cell.batch_size) and np.isfinite(own.median)]
        return cell_result(self.own[side], cell, chosen_from=len(ranked))


def board(a: Analysis, b: Analysis, clock: str, *, shared: Mapping[Cell, Cell]) -> Board:
    """Return the cells of two studies, by one clock.

    Args:
        a, b: with their rows.
        shared: cells of B, each with the cell of A that has the same seeds since they were pooled.
    """
    both: dict[Side, Analysis] = {"A": a, "B": b}
    anyway = [doubt for side, found in both.items() for doubt in _anyway(side, found, clock)]
    return joined({side: _field(found, clock) for side, found in both.items()}, shared=shared, anyway=anyway)


def joined(
    own: Mapping[Side, Field], *, shared: Mapping[Cell, Cell] | None = None, anyway: Sequence[Doubt] = ()
) -> Board:
    """Return the cells of two fields, by one clock; `shared` as `board` has it."""
    names: dict[Side, dict[Cell, Cell]] = {
        side: {cell: _name(side, cell) for cell in own[side].cells} for side in SIDES
    }
    names["B"] |= {theirs: names["A"][ours] for theirs, ours in (shared or {}).items()}
    cells = {
        name: replace(own[side].cells[cell], cell=name, timed_in=side)
        for side in reversed(SIDES)  # a pooled cell is A's
        for cell, name in names[side].items()
    }
    return Board(Field(own["A"].clock, cells), own, names, tuple(anyway))


def _name(side: Side, cell: Cell) -> Cell:
    return cell._replace(recipe=f"{side}: {cell.recipe}" if cell.recipe else side)


def _field(found: Analysis, clock: str) -> Field:
    tables, rows = found.tables, found.rows
    still_open = tables.times[CELL].head(0) if rows is None else rows.open_cells
    return fields_of(tables.times, clocks=[clock], open_cells=still_open, timing=tables.timing_spread)[clock]


def _anyway(side: Side, found: Analysis, clock: str) -> list[Doubt]:
    """Return what keeps all that is said of a study open; what is wrong with its seconds leaves its iterations."""
    if found.rows is None:
        return []
    tables = found.tables
    doubts = open_anyway(found.rows, tables, found.recommendation.target, clock_alarms(tables.speed, tables.timings))
    is_of_clock = clock != "iterations"
    return [replace(one, recipe=side) for one in doubts if is_of_clock or one.reason not in (*OF_CLOCK, "no_clock")]
