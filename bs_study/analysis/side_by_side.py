"""Two studies side by side: what each took to one target, batch size by batch size, and which of them is sooner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bs_study.analysis.board import Pair, board
from bs_study.analysis.differences import Differences
from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import CONFIDENCE, FASTEST_SHARE, look_level
from bs_study.target import Target


@dataclass(frozen=True)
class Pooled:
    """What was pooled of two studies.

    Attributes:
        cells: of B, each with the cell of A that has the same settings. Each has the seeds of both.
        repeated: how many seeds of such a cell both had. Two runs of one seed are not independent: A's counts.
    """

    cells: Mapping[Cell, Cell]
    repeated: int


@dataclass(frozen=True)
class SideBySide:
    """Two studies, A and B, by one target.

    Attributes:
        by_size: by each clock that both have, seconds first: at each batch size that either tried, the pair of the
            best cells.
        recommended: the pair of the cells that the two recommend, by the first of these clocks; None where one of
            them recommends none.
        pooled: None where that was not asked for.
    """

    a: Analysis
    b: Analysis
    target: Target | None
    differences: Differences
    by_size: Mapping[str, Mapping[int, Pair]]
    recommended: Pair | None
    pooled: Pooled | None = None

    @property
    def clock(self) -> str:
        """The clock by which the recommended cells are compared."""
        return next(iter(self.by_size))


def common_clocks(a: Analysis, b: Analysis, told: Differences) -> tuple[str, ...]:
    """Return the clocks by which two studies compare: seconds where they do, clean ones where both are; iterations."""
    if not told.seconds_compare:
        return ("iterations",)
    is_clean = a.tables.is_clean and b.tables.is_clean
    return ("clean_seconds" if is_clean else "train_seconds", "iterations")


def side_by_side(a: Analysis, b: Analysis, told: Differences, *, pooled: Pooled | None = None) -> SideBySide:
    """Return how two studies compare.

    Half of the level goes to the recommended cells. The batch sizes by each clock share the rest equally, and within a
    clock Holm's procedure shares it out. The best of k cells that could have been the best is judged at the level over
    k, since it looks sooner than it is. Seeds that came in rounds make the level smaller (`look_level`).

    Args:
        a, b: by one target, with their rows.
        told: how they differ.
        pooled: what has been pooled in their rows.
    """
    looks = sum(one.rows.looks for one in (a, b) if one.rows is not None) - 1
    alpha, clocks = 1 - CONFIDENCE, common_clocks(a, b, told)
    of_sizes = 1 - look_level(alpha * (1 - FASTEST_SHARE) / len(clocks), looks=looks)
    of_best = 1 - look_level(alpha * FASTEST_SHARE, looks=looks)
    sizes = sorted({int(size) for one in (a, b) for size in one.tables.convergence["batch_size"]})
    boards = {clock: board(a, b, clock, shared=pooled.cells if pooled else {}) for clock in clocks}
    return SideBySide(
        a,
        b,
        target=a.recommendation.target,
        differences=told,
        by_size={clock: one.by_size(sizes, confidence=of_sizes) for clock, one in boards.items()},
        recommended=(
            boards[clocks[0]].recommended(a.best_cell, b.best_cell, confidence=of_best)
            if a.best_cell and b.best_cell
            else None
        ),
        pooled=pooled,
    )
