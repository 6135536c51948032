"""What a study of several recipes found: which is soonest at each batch size, and what holds within each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from bs_study.analysis.finding import Finding
from bs_study.analysis.rivals import clock_words
from bs_study.words import setting, times

if TYPE_CHECKING:
    from bs_study.analysis.tables import StudyTables


def recipe_findings(by_recipe: Mapping[str, StudyTables], recipes: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the finding of each batch size, then those of each recipe, which have its name as `recipe`.

    Args:
        recipes: the table of `recipes.recipes`.
    """
    between = [
        _soonest(int(rows["batch_size"].iloc[0]), rows, by_recipe).as_json()
        for _, rows in recipes.groupby("batch_size")
    ]
    within = [{"recipe": name} | finding for name, part in by_recipe.items() for finding in part.findings]
    return between + within


def _soonest(batch_size: int, rows: pd.DataFrame, by_recipe: Mapping[str, StudyTables]) -> Finding:
    """Judge which recipe reaches the target first at one batch size.

    Supported: the cell of the smallest median beats the best cell of every other recipe, none of which has a cell that
    missed within a budget that ended before, and all trials have ended.
    """
    tables = next(iter(by_recipe.values()))
    clock = tables.clock
    ranked = rows.sort_values(f"rank_by_{clock}", kind="stable")
    first = ranked.iloc[0]
    at = f"For batch size {batch_size}"
    evidence = {
        "batch_size": batch_size,
        f"{clock}_to_target": dict(zip(ranked["recipe"], ranked[f"{clock}_to_target"], strict=True)),
        "iterations_to_target": dict(zip(ranked["recipe"], ranked["iterations_to_target"], strict=True)),
        "best_lr": dict(zip(ranked["recipe"], ranked[f"best_lr_by_{clock}"], strict=True)),
        "best_lr_on_edge_of_the_grid": _on_edge(batch_size, by_recipe),
    }
    how = (
        f"Median {clock_words(tables)} to the target, each recipe at its best of the lrs tried; "
        "the first against every other, by the 95 % interval of the ratio over seeds."
    )
    if pd.isna(first[f"rank_by_{clock}"]):
        claim = f"{at} no recipe reached the target"
        return Finding("soonest_recipe", claim, "undecided", how, evidence, reason=first["why_open"])
    claim = (
        f"{at} the recipe “{first['recipe']}” at lr {setting(first[f'best_lr_by_{clock}'])} reaches the target soonest"
    )
    others = ranked[f"{clock}_to_target"].dropna()
    if len(others) > 1 and others.iloc[0] > 0:
        ratio = others.iloc[1] / others.iloc[0]
        longer = f"{times(ratio)} as long"
        claim += f"; the runner-up, “{ranked['recipe'].iloc[1]}”, takes {longer}"
    verdict = "undecided" if first["why_open"] else "supported"
    return Finding("soonest_recipe", claim, verdict, how, evidence, reason=first["why_open"])  # type: ignore[arg-type]


def _on_edge(batch_size: int, by_recipe: Mapping[str, StudyTables]) -> dict[str, str]:
    """Return the recipes that may have a better lr beyond the grid, and on which of its ends."""
    edges = {name: part.scaling.set_index("batch_size")["best_lr_on_edge"] for name, part in by_recipe.items()}
    return {name: str(edge[batch_size]) for name, edge in edges.items() if edge.get(batch_size, "")}


def recipe_warnings(by_recipe: Mapping[str, StudyTables]) -> list[str]:
    """Return the warnings of all recipes: one that all have as it is, any other after the recipe's name."""
    texts = list(dict.fromkeys(text for part in by_recipe.values() for text in part.warnings))
    found = {text: [name for name, part in by_recipe.items() if text in part.warnings] for text in texts}
    common = [text for text, names in found.items() if len(names) == len(by_recipe)]
    own = [f"{name}: {text}" for text, names in found.items() if len(names) < len(by_recipe) for name in names]
    return common + own + _one_timing(by_recipe)


def _one_timing(by_recipe: Mapping[str, StudyTables]) -> list[str]:
    """Say so if clean times, of which a batch size has one, stand for update rules that may cost differently."""
    timed = [part.trials for part in by_recipe.values() if part.is_clean]
    rules = {rule for trials in timed for rule in trials["optimizer"]}
    if len(rules) < 2:
        return []
    return [
        f"Each batch size was timed alone with one update rule, and the recipes have {len(rules)}: "
        "clean training time leaves out what one costs more than another. Training time has it."
    ]
