"""Which recipe each trial is of, by its row."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bs_study.config import StudyConfig, TrialSettings
from bs_study.config.recipe import AXES, recipe_of
from bs_study.config.recipe_names import recipe_names


def named_recipes_of(
    trials: pd.DataFrame, config: StudyConfig | None
) -> tuple[list[str], dict[str, TrialSettings], tuple[str, ...]]:
    """Return the name of each trial's recipe; the settings of each that was asked for; the names of others.

    What was asked for decides: trials that differ in a study of one recipe stay together (and are warned of). In one of
    several, trials of a recipe that is none of them have one of their own.
    """
    if config is None:
        return [""] * len(trials), {}, ("",)
    recipes = config.each_recipe()
    if len(recipes) < 2:
        return [""] * len(trials), {"": recipes[0]}, ()
    axes = [name for name in AXES if name in trials]
    kinds = trials[axes].drop_duplicates()
    keys = [_key(recipe_of(_settings(row))) for row in kinds.to_dict("records")]
    asked = {_key(recipe_of(settings)): settings for settings in recipes}
    found = list(dict.fromkeys([*asked, *keys]))
    names = dict(zip(found, recipe_names([dict(key) for key in found]), strict=True))
    of_kind = kinds.assign(recipe=[names[key] for key in keys])
    named = trials[axes].merge(of_kind, on=axes, how="left") if axes else trials.assign(recipe=names[found[0]])
    others = tuple(names[key] for key in found if key not in asked)
    return list(named["recipe"]), {names[key]: settings for key, settings in asked.items()}, others


def _settings(row: dict[Any, Any]) -> TrialSettings:
    """Return the settings that make a recipe, of a row of the store's table; what it lacks has its default."""
    return TrialSettings.model_construct(**{name: value for name, value in row.items() if pd.notna(value)})


def _key(effect: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(effect.items()))
