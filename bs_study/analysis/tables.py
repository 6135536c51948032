"""All tables of a study: a pure function of its rows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pandas as pd

from bs_study.analysis.best import best
from bs_study.analysis.convergence import convergence, trial_times
from bs_study.analysis.lr_fit import lr_fit
from bs_study.analysis.minima import COLUMNS, READINGS
from bs_study.analysis.noise import noise_slope
from bs_study.analysis.noise_scale_table import NOISE_SCALE, noise_scale_table
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.scaling import scaling
from bs_study.analysis.sharpness import SHARPNESS, sharpness_table
from bs_study.analysis.target_spread import target_spread
from bs_study.analysis.throughput import examples_per_iteration, throughput
from bs_study.analysis.throughput_fit import throughput_fit
from bs_study.analysis.timings import (
    clean_iteration_seconds,
    clean_throughput,
    ranking_clock,
    timing_spread,
    trials_own_timings,
)
from bs_study.analysis.trials import CELL
from bs_study.target import Target


@dataclass(frozen=True)
class Tables:
    """What a study's store says, table by table. Only ended trials count.

    `recipe` is the first column of each; it is empty where the study has one. Times that were measured alone, in the
    timing pass, are of a batch size whatever the recipe: `timings` and `clean_throughput` have no recipe, and
    `target_spread` has none.

    Attributes:
        trials: the store's table, with the columns that the analysis reads filled in where they were left out.
        times: what became of each trial (`convergence.trial_times`).
        throughput: from the clocks of the trials.
        clean_throughput: from the timing pass; empty where there was none that tells of these trials.
        throughput_fit: of `speed`, the better of the two; its `source` says which.
        timings: the store's table.
        recipes: how the recipes compare at each batch size; empty where there is one.
        scaling_curve: updates and examples to the target of each batch size at its best lr.
        critical_batch: what follows from it, by each definition.
        costs: what the target costs at each batch size, on each machine that the store knows.
        machines: the best batch size on each of them.
        loss_at: the held-out loss of each cell after a fixed budget; empty where that is not asked.
        target_spread: how much seeds differ at several targets, over all recipes; empty where no cell has two seeds.
        noise_scale: of the gradients of each cell, early and late; empty where none were probed.
        sharpness: of the loss at the end of each cell, beside its lr; empty where it was not asked for.
        ends: of each trial at the best lr of its batch size, its held-out metric where all are compared; empty where no
            gradients were probed.
        minima: these, batch size by batch size.
        versions: which trials are of which version of workload and data; empty where all are of one. All other tables
            are of the judged version alone.
    """

    trials: pd.DataFrame
    times: pd.DataFrame
    convergence: pd.DataFrame
    best: pd.DataFrame
    scaling: pd.DataFrame
    lr_fit: pd.DataFrame
    throughput: pd.DataFrame
    clean_throughput: pd.DataFrame
    throughput_fit: pd.DataFrame
    smoothness: pd.DataFrame
    noise_slope: pd.DataFrame
    timings: pd.DataFrame
    recipes: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    versions: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    target_spread: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    scaling_curve: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    critical_batch: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    costs: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    machines: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    loss_at: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    noise_scale: pd.DataFrame = dataclasses.field(default_factory=lambda: pd.DataFrame(columns=NOISE_SCALE))
    sharpness: pd.DataFrame = dataclasses.field(default_factory=lambda: pd.DataFrame(columns=SHARPNESS))
    ends: pd.DataFrame = dataclasses.field(default_factory=lambda: pd.DataFrame(columns=READINGS))
    minima: pd.DataFrame = dataclasses.field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))

    @property
    def pareto(self) -> pd.DataFrame:
        """The costs than which none is both quicker and cheaper, the quickest first."""
        return self.costs[self.costs["is_pareto"]].sort_values("seconds") if len(self.costs) else self.costs

    @property
    def is_clean(self) -> bool:
        """Whether times are those of the timing pass, measured alone, and not the clocks of the trials.

        What was `disturbed` is measured alone too, as far as could be.
        """
        return len(self.clean_throughput) > 0

    @property
    def disturbed(self) -> tuple[int, ...]:
        """The batch sizes whose time in the timing pass was disturbed: with one of them, no time is clean."""
        alone = self.clean_throughput
        return tuple(int(size) for size in alone.loc[alone["disturbed"], "batch_size"]) if "disturbed" in alone else ()

    @property
    def speed(self) -> pd.DataFrame:
        """How long an epoch and an iteration take: measured alone where they were, else by the clocks of the trials."""
        return self.clean_throughput if self.is_clean else self.throughput

    @property
    def clock(self) -> str:
        """The clock by which cells are ranked: iterations times clean iteration time, or the trials' own."""
        return ranking_clock(self.clean_throughput)

    @property
    def examples_per_iteration(self) -> pd.Series[float]:
        """Mean examples of an iteration by recipe and batch size: fewer where the last batch of an epoch is short."""
        return examples_per_iteration(self.trials)

    @property
    def timing_spread(self) -> dict[int, tuple[float, float]]:
        """Logs of the quickest and the slowest clean iteration time over the median, by batch size."""
        clean = self.clean_throughput
        return timing_spread(clean) if len(clean) else {}


def study_tables(rows: StudyRows, *, target: Target | None, known: Tables | None = None) -> Tables:
    """Return every table of a study.

    Args:
        target: asks the evaluations again with another target than the study's.
        known: tables of the same rows by another target. Those that no target changes are taken from there.

    Raises:
        ValueError: the target's metric is not among the evaluations.
    """
    own_timings = trials_own_timings(rows.timings, rows.trials)
    clean = clean_iteration_seconds(own_timings)
    times = trial_times(rows.evaluations, rows.trials, target=target, window=rows.target_window, clean=clean)
    if rows.is_imported:  # of which optimizer, and so with which momentum, is not known
        times["effective_lr"] = float("nan")
    cells = convergence(times, direction=target.direction if target else "max")
    best_cells = best(cells)
    grid = set(rows.tried[CELL].itertuples(index=False, name=None))
    lrs = scaling(cells, rows.trials, smoothness=rows.smoothness, grid=grid, best=best_cells)
    if rows.is_imported:  # no lr can be added to it
        lrs[["add_lr_1", "add_lr_2"]] = float("nan")
    spread = target_spread(
        rows.evaluations,
        rows.trials,
        target=target,
        window=rows.target_window,
        others=None if known is None else known.target_spread,
    )
    if known is not None:
        found = {"times": times, "convergence": cells, "best": best_cells, "scaling": lrs, "lr_fit": lr_fit(lrs)}
        return dataclasses.replace(known, **found, target_spread=spread, recipes=pd.DataFrame())
    alone = clean_throughput(own_timings, train_examples=rows.train_examples)
    speed = throughput(rows.epochs, rows.trials, train_examples=rows.train_examples)
    return Tables(
        trials=rows.trials,
        times=times,
        convergence=cells,
        best=best_cells,
        scaling=lrs,
        lr_fit=lr_fit(lrs),
        throughput=speed,
        clean_throughput=alone,
        throughput_fit=throughput_fit(alone if len(alone) else speed).assign(
            source="timings" if len(alone) else "trials"
        ),
        smoothness=rows.smoothness,
        noise_slope=noise_slope(rows.smoothness, examples_per_iteration=examples_per_iteration(rows.trials)),
        timings=rows.timings,
        versions=rows.versions.trials,
        noise_scale=noise_scale_table(rows.gradients, rows.trials, train_examples=rows.train_examples),
        sharpness=sharpness_table(rows.gradients, rows.trials),
        target_spread=spread,
    )
