"""How trials ended, as a search needs it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bs_study.search.lane import Outcome

STILL_FALLING = 0.02
"""A loss falls as long as it is lower by this part in the last quarter of the looks than in the one before."""


def trial_outcomes(times: pd.DataFrame, evaluations: pd.DataFrame) -> dict[str, Outcome]:
    """Return how each trial ended, by its id.

    Args:
        times: `convergence.trial_times` of the trials.
        evaluations: of the same trials.
    """
    lost = set(times.loc[times["outcome"].isin(["missed", "outrun"]), "trial_id"])
    ends: dict[str, tuple[bool, float]] = {}
    if lost and "loss" in evaluations:  # of a study in which nothing has ended it is no column yet
        losses = evaluations[evaluations["trial_id"].isin(lost)].groupby("trial_id")["loss"]
        ends = {str(trial_id): _end(loss.to_numpy(float)) for trial_id, loss in losses}
    iterations = times["iterations_to_target"].fillna(times["iterations_at_end"])
    rows = zip(times["trial_id"], times["outcome"], iterations, strict=True)
    return {trial: Outcome(kind, float(after), *ends.get(trial, (True, math.inf))) for trial, kind, after in rows}


def _end(loss: np.ndarray) -> tuple[bool, float]:
    """Return whether a loss still falls, and its median over the last quarter of the looks."""
    end = float(np.median(loss[-max(1, len(loss) // 4) :]))
    return is_falling(loss), end if math.isfinite(end) else math.inf


def is_falling(loss: np.ndarray) -> bool:
    """Return whether a loss still falls: its median over the last quarter of the looks against the quarter before.

    Looks lie at equal factors of iterations, so a quarter of them is the same factor of training wherever a trial ends.
    Of fewer than eight looks nothing can be told: the trial was short, and its loss may fall.

    Args:
        loss: of each look, shape (looks,).
    """
    quarter = len(loss) // 4
    if quarter < 2:
        return True
    before, last = np.median(loss[-2 * quarter : -quarter]), np.median(loss[-quarter:])
    return bool(last < before - STILL_FALLING * abs(before))
