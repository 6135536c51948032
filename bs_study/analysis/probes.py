"""The rows of `gradients` that count, and in which windows of its trial each probe lies."""

from __future__ import annotations

import pandas as pd

READ = (
    *("trial_id", "batch_size", "lr", "seed", "iteration", "examples"),
    *("g2", "tr_sigma", "g2_scaled", "tr_sigma_scaled", "cos_next", "batch_sharpness", "step_lr", "by_batch"),
)
"""The columns that the analysis reads."""
EARLY_ITERATIONS = 30
WINDOWS = ("early", "late", "all")


def probes_of(gradients: pd.DataFrame, trials: pd.DataFrame, *, statuses: tuple[str, ...]) -> pd.DataFrame:
    """Return the probes of the trials that ended so, each with the examples of its whole trial.

    Args:
        gradients: recipe and the columns READ; without columns where a study has no probes.
        trials: as `complete_trials` returns them.
        statuses: completed, diverged, ...

    Returns:
        The rows in the order of their trials' iterations, with trial_examples.
    """
    rows = gradients.reindex(columns=["recipe", *READ]).astype({"trial_id": trials["trial_id"].dtype})
    ended = trials.loc[trials["status"].isin(statuses), ["trial_id", "examples"]]
    found = rows.merge(ended.rename(columns={"examples": "trial_examples"}), on="trial_id")
    return found.sort_values(["trial_id", "iteration"], kind="stable", ignore_index=True)


def windows_of(probes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the probes of each window.

    early: at iterations 1 to 30. late: beyond them, in the second half of the examples that the trial has seen. all.
    """
    is_early = probes["iteration"] <= EARLY_ITERATIONS
    is_late = ~is_early & (probes["examples"] > probes["trial_examples"] / 2)
    return dict(zip(WINDOWS, (probes[is_early], probes[is_late], probes), strict=True))
