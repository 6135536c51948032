"""The trials table as the analysis needs it, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

import pandas as pd

from bs_study.config import BUDGETS

CELL = ["recipe", "batch_size", "lr"]


class Cell(NamedTuple):
    """A batch size and an lr, within a recipe ("" where the study has one)."""

    recipe: str
    batch_size: int
    lr: float


KEYS = ["recipe", "trial_id", "batch_size", "lr", "seed"]

_NUMBERS = (
    "iterations",
    "examples",
    "timed_iterations",
    "train_seconds",
    "load_seconds",
    "compute_seconds",
    "warmup_seconds",
    "eval_seconds",
    "initial_metric",
    *BUDGETS,
)
_DEFAULTS: dict[str, str | float] = {
    "recipe": "",
    "optimizer": "sgd",
    "momentum": 0.0,
    "warmup_iterations": 0,
    "status": "completed",
    "stop_reason": "",
    "target": "",
    "target_window": 1,
    "workload_version": 1,
}


def by_batch_size(rows: pd.DataFrame) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Yield each recipe and batch size with its rows, in order."""
    for key, own in rows.groupby(["recipe", "batch_size"]):
        recipe, size = cast("tuple[str, int]", key)
        yield str(recipe), int(size), own


def complete_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials with every column that the analysis reads; the store of another writer may lack some.

    A number that isn't there is missing. Without a recipe it is the nameless one, without an optimizer sgd, without a
    momentum 0, without warm-up iterations none, and without a status a trial is completed. Without
    a version of workload and data it is of the first.
    """
    complete = trials.copy()
    for name in _NUMBERS:
        complete[name] = pd.to_numeric(complete[name]).astype(float) if name in complete else float("nan")
    for name, value in _DEFAULTS.items():
        complete[name] = complete[name].fillna(value) if name in complete else value
    return complete[["recipe", *complete.columns.drop("recipe")]]


def effective_lr(trials: pd.DataFrame) -> pd.Series[float]:
    """Return the lr that an update amounts to in the long run: lr / (1 - momentum) for sgd, Nesterov included, else lr.

    Source: a constant gradient g moves the weights by lr * g * (1 + m + m^2 + ...) = lr / (1 - m) * g per iteration.
    """
    is_sgd = trials["optimizer"].str.lower() == "sgd"
    return trials["lr"].astype(float) / (1 - trials["momentum"].astype(float).where(is_sgd, 0.0))
