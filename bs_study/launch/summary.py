"""What is printed when a study has ended: a row per batch size, and what to type next."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bs_study.analysis.convergence import convergence
from bs_study.analysis.recipe_split import split_by_recipe, with_recipe
from bs_study.analysis.timings import clean_iteration_seconds, trials_own_timings
from bs_study.analysis.trials import complete_trials
from bs_study.store.reader import Study
from bs_study.target import Target
from bs_study.words import CLOCK_WORDS, count, number, setting

OUTCOMES = ("reached", "missed", "diverged", "out_of_memory", "failed")


def summary(study: Study) -> Table:
    """Return a row per batch size: what took the fewest iterations to the target, and how its trials ended.

    That is an lr, and a recipe where the study has several. Seconds are those of the timing pass where there was one,
    as in the report.
    """
    trials, evaluations = study.trials(), study.evaluations()
    target = study.config.settings.target or Target.parse(trials["target"].iloc[0])
    clean = clean_iteration_seconds(trials_own_timings(study.timings(), trials))
    clock = "clean_seconds" if len(clean) else "train_seconds"
    parts = split_by_recipe(complete_trials(trials), config=study.config, begun=())
    found = {name: convergence(evaluations, part.trials, target=target, clean=clean) for name, part in parts.items()}
    cells = with_recipe(found)
    has_recipes = len(parts) > 1
    table = Table(
        title=f"best {'recipe and ' if has_recipes else ''}lr: the fewest iterations to {target}",
        title_justify="left",
        title_style="",
        box=SIMPLE_HEAD,
    )
    table.add_column("batch size", justify="right")
    if has_recipes:
        table.add_column("best recipe")
    for heading in ("best lr", "iterations", f"{CLOCK_WORDS[clock]} (s)", "trials"):
        table.add_column(heading, justify="left" if heading == "trials" else "right", no_wrap=heading == "trials")
    for size, tried in cells.groupby("batch_size"):
        best = _best_cell(tried)
        recipe = [best.get("recipe", "")] if has_recipes else []
        table.add_row(str(size), *recipe, *_reached(best, clock), _how_trials_ended(tried))
    return table


def _best_cell(tried: pd.DataFrame) -> dict[Hashable, Any]:
    """Return the cell that took the fewest iterations, of those that tie the smallest lr; empty where none reached."""
    ranked = tried.dropna(subset="iterations_to_target").sort_values(["iterations_to_target", "lr"], kind="stable")
    return ranked.iloc[0].to_dict() if len(ranked) else {}


def _reached(row: Mapping[Hashable, Any], clock: str) -> tuple[str, str, str]:
    if not row:
        return "", "not reached", ""
    return setting(row["lr"]), count(row["iterations_to_target"]), number(row[f"{clock}_to_target"])


def _how_trials_ended(cells: pd.DataFrame) -> str:
    counts = {name: int(cells[name].sum()) for name in OUTCOMES}
    return ", ".join(f"{count(trials)} {name.replace('_', ' ')}" for name, trials in counts.items() if trials)
