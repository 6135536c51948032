"""Budgets: what ended a trial before its target, and how far it had come on every clock."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from bs_study.analysis.trials import CELL

CLOCKS = ["iterations", "examples", "train_seconds", "compute_seconds", "wall_seconds", "clean_seconds"]
BUDGETS = {
    "max_iterations": "iterations",
    "max_examples": "examples",
    "max_epochs": "epochs",
    "max_train_seconds": "train seconds",
}


def plain_number(value: float) -> str:
    """Return a number as a person writes it.

    >>> plain_number(20000.0), plain_number(2.5)
    ('20000', '2.5')
    """
    return f"{value:.0f}" if float(value).is_integer() else f"{value:g}"


def budget_text(trial: Mapping[Hashable, Any]) -> str:
    """Return the budgets of a trial, whichever comes first: '20000 iterations or 5 epochs'; '' if none is known."""
    return " or ".join(f"{plain_number(trial[name])} {unit}" for name, unit in BUDGETS.items() if trial[name] > 0)


def censored_text(trial: Mapping[Hashable, Any]) -> str:
    """Return at what a trial that missed ended: the budget that ran out, or else its last iteration."""
    reason = str(trial["stop_reason"])
    known = [name for name in BUDGETS if trial[name] > 0]
    spent = [name for name in known if name.removeprefix("max_") in reason] or (known if reason != "target" else [])
    if len(spent) == 1:
        return f"{plain_number(trial[spent[0]])} {BUDGETS[spent[0]]}"
    ended = f"{plain_number(trial['iterations'])} iterations" if trial["iterations"] >= 0 else "an unknown iteration"
    return f"{ended}, its own target {trial['target']}".rstrip() if reason == "target" else ended


def censored_amounts(answers: pd.DataFrame) -> pd.DataFrame:
    """Return where on each clock the first of a cell's missed trials ended, as censored_<clock>; or missing.

    Args:
        answers: the trials, each with its `outcome`, and its `clean_seconds`.
    """
    missed = answers[answers["outcome"] == "missed"]
    missed = missed.assign(wall_seconds=missed["train_seconds"] + missed["eval_seconds"])
    return missed.groupby(CELL)[CLOCKS].min().add_prefix("censored_")
