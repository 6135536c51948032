"""What the figures of a recipe are drawn from: its rows of the tables, and curves, read from the store once for all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import pandas as pd

from bs_study.analysis.study import Analysis
from bs_study.analysis.windows import FIRST_ITERATIONS
from bs_study.report.sentences.times import clock_of
from bs_study.report.style import Colours, batch_colours
from bs_study.store import Study
from bs_study.target import Target
from bs_study.words import counted, goal, listing, setting

MOST_CURVES = 16  # batch sizes in a figure of curves: more can't be told apart, and take minutes to draw
_MOST_NAMED = 12
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Source:
    """One recipe of an analysis, for the figures to draw.

    Attributes:
        study: whose rows are read; None where only the tables of the analysis are drawn.
        recipe: its name; "" where the study has one, and for the figures that compare all.
    """

    study: Study | None
    found: Analysis
    recipe: str = ""

    def table(self, name: str) -> pd.DataFrame:
        """Return the recipe's rows of a table; those without a recipe are of all."""
        table: pd.DataFrame = getattr(self.found.tables, name)
        return table[table["recipe"].isin(["", self.recipe])] if "recipe" in table else table

    @property
    def _stored(self) -> Study:
        if self.study is None:
            raise ValueError("the rows of single trials are in the study, which is not at hand")
        return self.study

    @property
    def target(self) -> Target | None:
        return self.found.recommendation.target

    @property
    def clock(self) -> str:
        return self.found.tables.clock

    @cached_property
    def colours(self) -> Colours:
        """Of each batch size; the same in all figures of the study."""
        return batch_colours(self.found.tables.trials["batch_size"])

    @cached_property
    def lrs(self) -> dict[int, float]:
        """The lr at which each batch size's curves are drawn; of many batch sizes, some of them."""
        lrs = {size: lr for (recipe, size), lr in self.found.shown.items() if recipe == self.recipe}
        best = self.found.best_cell
        kept = [best.batch_size] if best and best.recipe == self.recipe else []
        return {size: lrs[size] for size in some_of(sorted(lrs), most=MOST_CURVES, kept=kept)}

    @cached_property
    def trial_ids(self) -> list[str]:
        """Every seed at these lrs."""
        trials = self.table("trials")
        return list(trials.loc[trials["lr"] == trials["batch_size"].map(self.lrs), "trial_id"])

    @cached_property
    def losses(self) -> pd.DataFrame:
        """The loss of the first iterations of these trials: batch_size, lr, seed, iteration, loss."""
        columns = ["batch_size", "lr", "seed", "iteration", "loss"]
        return self._stored.iterations(columns, trial_id=self.trial_ids, iteration=range(1, FIRST_ITERATIONS + 1))

    @cached_property
    def looks(self) -> pd.DataFrame:
        """The evaluations of every trial of the recipe, read at once."""
        return self._stored.evaluations(trial_id=list(self.table("trials")["trial_id"]))

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """Those of the trials at the shown lrs; `clean_seconds` are iterations so far × clean iteration time."""
        of_one = self.found.tables.clean_throughput.set_index("batch_size")["iteration_seconds"]
        table = self.looks[self.looks["trial_id"].isin(self.trial_ids)]
        return table.assign(clean_seconds=table["iteration"] * table["batch_size"].map(of_one).astype(float))

    @property
    def goal_text(self) -> str:
        return goal(self.target) if self.target else "the target"

    @property
    def seeds_text(self) -> str:
        cells = self.table("trials").groupby(["recipe", "batch_size", "lr"])["seed"].nunique()
        least, most = (int(cells.min()), int(cells.max())) if len(cells) else (0, 0)
        return counted(most, "seed") if least == most else f"{least} to {counted(most, 'seed')}"

    @property
    def lrs_text(self) -> str:
        """At which lr each batch size is drawn, as a sentence."""
        by = clock_of(self.clock, self.found)
        rule = f"its best lr by {by}, or where it missed the target at the lr that came closest"
        sizes = {size for recipe, size in self.found.shown if recipe == self.recipe}
        if len(self.lrs) < len(sizes):
            return f"{len(self.lrs)} of {counted(len(sizes), 'batch size')} are drawn, each at {rule}."
        named = [f"{setting(lr)} for {setting(size)}" for size, lr in self.lrs.items()]
        return f"Each batch size is drawn at {rule}{f': {listing(named)}' if len(named) <= _MOST_NAMED else ''}."


def some_of(sizes: Sequence[Number], *, most: int, kept: Collection[Number] = ()) -> list[Number]:
    """Return at most so many of some batch sizes or lrs, evenly by rank, the first, the last and those kept in it.

    >>> some_of([1, 2, 4, 8, 16, 32], most=3, kept=[8])
    [1, 8, 32]
    """
    if len(sizes) <= most:
        return list(sizes)
    places = set(np.linspace(0, len(sizes) - 1, most - len(kept)).round().astype(int))
    return [sizes[place] for place in sorted(places | {sizes.index(size) for size in kept})]


def by_batch_size(table: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the rows of each batch size, the smallest first."""
    for size, rows in table.groupby("batch_size"):
        yield int(cast("int", size)), rows
