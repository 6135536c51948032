"""The one recommendation of a study: the best cell, all that it was compared with, what is open, what would settle it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bs_study.analysis.comparison import Cell, Comparison
from bs_study.analysis.verdict import Doubt, Verdict
from bs_study.target import Target

Grade = Literal["settled", "leaning", "open"]
StepKind = Literal["finish", "target", "timing", "seeds", "lrs", "batch_sizes", "budget"]


@dataclass(frozen=True)
class CellResult:
    """What a cell took to the target by a clock.

    Attributes:
        value: median over seeds.
        low, high: interval of 95 % of a typical seed's time (the geometric mean), the looks and the spread of the
            clean times in it; its upper end allows for the choice among `chosen_from` cells, of which the best looks
            better than it is. Missing where one seed shows no spread.
        times: of each seed that reached the target.
        seeds: those that gave an answer.
        chosen_from: how many cells were ranked.
        tied: how many cells of the study share this median, itself included.
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

    @property
    def reached(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Missed:
    """A batch size of which no lr reached the target with most of its seeds.

    Attributes:
        why: what became of its trials: reached (of some seeds), missed, not_tried, diverged, out_of_memory, failed,
            not_evaluated: the number of trials of each.
        bound: the smallest time by the study's clock at which a trial of it ended that missed; NaN where none did.
    """

    recipe: str
    batch_size: int
    why: Mapping[str, int]
    bound: float


@dataclass(frozen=True)
class Closest:
    """The cell whose metric came closest to the target, where none reached it."""

    cell: Cell
    metric: float


@dataclass(frozen=True)
class Step:
    """What would settle a doubt, as the settings to add to the study.

    Attributes:
        kind: finish: resume what has not ended; target: ask for another one; timing: time the batch sizes alone;
            seeds, lrs, batch_sizes: add these; budget: a larger one, in a study of its own.
        seeds, lrs, batch_sizes: to add. With an lr rule lrs are those of the base batch size, as they are typed.
        at: the batch sizes that it is for.
        target: the target to ask for.
        trials: how many it trains.
    """

    kind: StepKind
    seeds: tuple[int, ...] = ()
    lrs: tuple[float, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    at: tuple[int, ...] = ()
    target: Target | None = None
    trials: int = 0


@dataclass(frozen=True)
class State:
    """How many trials are expected, have ended, are running (or were interrupted), and were not begun."""

    expected: int
    ended: int
    running: int
    missing: int

    @property
    def left(self) -> int:
        return self.expected - self.ended


@dataclass(frozen=True)
class Recommendation:
    """Which cell to train with, what it was compared with, and how sure that is.

    Attributes:
        clock: by which cells are ranked: clean_seconds, or train_seconds where there was no timing pass.
        best: None where no cell reached the target, or the target tells nothing; `doubts` then say why.
        closest: where no cell reached the target.
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

    @property
    def as_good(self) -> tuple[Comparison, ...]:
        """The comparisons whose rival is not known to be slower: as good, as far as is known."""
        return tuple(comparison for comparison in self.comparisons if not comparison.is_slower)

    @property
    def slower(self) -> tuple[Comparison, ...]:
        """The comparisons whose rival is known to be slower."""
        return tuple(comparison for comparison in self.comparisons if comparison.is_slower)

    @property
    def grade(self) -> Grade:
        """How sure the batch size is: settled, if every other is known to be slower; leaning, if most are."""
        if self.fastest.outcome == "supported":
            return "settled"
        others = [c for c in self.comparisons if self.best and c.rival[:2] != self.best.cell[:2]]
        is_leaning = len([c for c in others if c.is_slower]) * 2 > len(others)
        return "leaning" if is_leaning else "open"
