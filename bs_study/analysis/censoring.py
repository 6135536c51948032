"""Budgets: what ended a trial before its target, and how far it had come on every clock."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from bs_study.analysis.trials import CELL
from bs_study.config import BUDGETS
from bs_study.words import CLOCK_WORDS, counted, duration

TARGET_CLOCKS = ["iterations", "examples", "train_seconds", "compute_seconds", "wall_seconds", "clean_seconds"]


def budget_text(trial: Mapping[Hashable, Any]) -> str:
    """Return the budgets of a trial, whichever comes first: '5 epochs or 20,000 iterations'; '' if none is known."""
    return " or ".join(_said(name, trial[name]) for name in BUDGETS if trial[name] > 0)


def _said(budget: str, value: float) -> str:
    if budget == "max_train_seconds":
        return f"{duration(value)} of {CLOCK_WORDS['train_seconds']}"
    return counted(value, budget.removeprefix("max_").removesuffix("s"))


def censored_text(trial: Mapping[Hashable, Any]) -> str:
    """Return at what a trial that missed ended: the budget that ran out, or else its last iteration."""
    reason = str(trial["stop_reason"])
    known = [name for name in BUDGETS if trial[name] > 0]
    spent = [name for name in known if name.removeprefix("max_") in reason] or (known if reason != "target" else [])
    if len(spent) == 1:
        return _said(spent[0], trial[spent[0]])
    ended = counted(trial["iterations"], "iteration") if trial["iterations"] >= 0 else "an unknown iteration"
    return f"{ended}, its own target {trial['target']}".rstrip() if reason == "target" else ended


def censored_amounts(answers: pd.DataFrame) -> pd.DataFrame:
    """Return where on each clock the first of a cell's missed trials ended, as censored_<clock>; or missing.

    Args:
        answers: the trials, each with its `outcome`, and its `clean_seconds`.
    """
    missed = answers[answers["outcome"] == "missed"]
    missed = missed.assign(wall_seconds=missed["train_seconds"] + missed["eval_seconds"])
    return missed.groupby(CELL)[TARGET_CLOCKS].min().add_prefix("censored_")
