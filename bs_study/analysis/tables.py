"""All tables of a study: a pure function of its rows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Tables:
    """What a study's store says, table by table. Only ended trials count.

    `recipe` is the first column of each; it is empty where the study has one. Times that were measured alone, in the
    timing pass, are of a batch size whatever the recipe: `timings` and `clean_throughput` have no recipe.

    Attributes:
        trials: the store's table, with the columns that the analysis reads filled in where they were left out.
        times: what became of each trial (`convergence.trial_times`).
        throughput: from the clocks of the trials.
        clean_throughput: from the timing pass; empty where there was none that tells of these trials.
        throughput_fit: of `speed`, the better of the two; its `source` says which.
        timings: the store's table.
        recipes: how the recipes compare at each batch size; empty where there is one.
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
    recipes: pd.DataFrame

    @property
    def is_clean(self) -> bool:
        """Whether times are those of the timing pass, measured alone, and not the clocks of the trials."""
        return len(self.clean_throughput) > 0

    @property
    def speed(self) -> pd.DataFrame:
        """How long an epoch and an iteration take: measured alone where they were, else by the clocks of the trials."""
        return self.clean_throughput if self.is_clean else self.throughput

    @property
    def clock(self) -> str:
        """The clock by which cells are ranked: iterations times clean iteration time, or the trials' own."""
        return "clean_seconds" if self.is_clean else "train_seconds"
