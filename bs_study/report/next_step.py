"""The step that would settle a recommendation: in a sentence, as a command, and how long its trials take."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bs_study.analysis.step import Step
from bs_study.analysis.study import Analysis
from bs_study.report.sentences import steps
from bs_study.words import duration

_OUT_OF_BUDGET = ("missed", "not_tried")


@dataclass(frozen=True)
class NextStep:
    """A step to take.

    Attributes:
        text: sentences, with its number of trials.
        command: to type; empty where none can take it.
        trials: how many it trains; of seeds that are added where they decide, in a round.
        seconds: of training, one trial after another, as far as the study's trials tell; NaN where they don't.
    """

    text: str
    command: str
    trials: int
    seconds: float

    @property
    def lasts(self) -> str:
        """How long it takes, as "about 2 min of training on one device"; empty where that is not known."""
        if not math.isfinite(self.seconds):
            return ""
        return f"about {duration(float(f'{self.seconds:.2g}'))} of training on one device"  # more digits were noise


def next_step(found: Analysis, *, start: str | None = None) -> NextStep | None:
    """Return the first step of a recommendation; None where nothing would make it surer.

    Args:
        start: the command that runs studies, with flags that say how they are launched.
    """
    if not found.recommendation.steps:
        return None
    record = found.recommendation.steps[0]
    text, command = steps.step(record, found), steps.command(record, found, start=start)
    return NextStep(text, command, record.trials, _seconds(record, found))


def _seconds(record: Step, found: Analysis) -> float:
    """Return how long the trials of a step take, by those that have ended."""
    trials = found.tables.trials
    if not record.trials or "train_seconds" not in trials:
        return math.nan
    if record.kind == "budget":
        seconds = _with_larger_budget(found)
    elif record.kind == "batch_sizes":
        seconds = _of_nearest(record.batch_sizes, trials)
    else:  # trials of every batch size: those of `at` are only why
        seconds = trials["train_seconds"]
    return record.trials * float(seconds.mean())


def _with_larger_budget(found: Analysis) -> pd.Series:
    """Return the seconds of each trial, those that ran out of budget for as long as the new one lets them."""
    trials, times = found.tables.trials, found.tables.times
    is_out = trials["trial_id"].isin(times.loc[times["outcome"].isin(_OUT_OF_BUDGET), "trial_id"])
    return trials["train_seconds"] * np.where(is_out, steps.LARGER, 1)


def _of_nearest(batch_sizes: tuple[int, ...], trials: pd.DataFrame) -> pd.Series:
    """Return the seconds of trials of the batch sizes that are nearest to new ones."""
    tried = trials["batch_size"].unique()
    nearest = [tried[np.abs(np.log(tried / size)).argmin()] for size in batch_sizes]
    return trials.loc[trials["batch_size"].isin(nearest), "train_seconds"]
