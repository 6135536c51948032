"""The clocks of a trial's training leave out its warm-up iterations; what a target took has all of them."""

from __future__ import annotations

from typing import Any

import pandas as pd

OF_TRAINING = ("train_seconds", "compute_seconds")


def with_timed(evaluations: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return evaluations that say how many iterations their clocks cover."""
    warmup = evaluations["trial_id"].map(trials.set_index("trial_id")["warmup_iterations"])
    timed = estimated_timed(evaluations["iteration"], warmup=warmup)
    if "timed_iterations" in evaluations:
        timed = evaluations["timed_iterations"].astype(float).fillna(timed)
    return evaluations.assign(timed_iterations=timed)


def estimated_timed(iterations: pd.Series[Any], *, warmup: pd.Series[Any]) -> pd.Series[float]:
    """Return how many of the first iterations clocks cover where no store says, as none of version 0.1.0 does."""
    return (iterations.astype(float) - warmup.astype(float)).clip(lower=0.0)


def of_all_iterations(
    seconds: pd.Series[float], iterations: pd.Series[Any], *, timed: pd.Series[Any]
) -> pd.Series[float]:
    """Return the seconds of all iterations by a clock that covers some; missing where it never ran.

    Such a clock is 0 in stores of version 0.1.0, and missing in others.
    """
    count = iterations.astype(float)
    covered = timed.astype(float).fillna(count)
    return (seconds * count / covered).where((seconds > 0) & (covered > 0))


def with_shares(looks: pd.DataFrame) -> pd.DataFrame:
    """Return looks at which the target was met, with times of the looks before at which no clock had run."""
    share = looks["iterations_before_target"] / looks["iteration"]
    told = {f"{clock}_before_target": looks[clock] * share for clock in OF_TRAINING}
    told["wall_seconds_before_target"] = told["train_seconds_before_target"] + (
        looks["wall_seconds"] - looks["train_seconds"] - looks["eval_seconds"]
    )
    return looks.assign(**{name: looks[name].fillna(times) for name, times in told.items()})
