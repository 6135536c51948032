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
    """Return the name of each trial's recipe; the settings of each that was asked for; all names.

    Every trial is of one that was asked for (`own_trials` has left out the others); where that is not known, of one.
    """
    if config is None:
        return [""] * len(trials), {}, ("",)
    recipes = config.each_recipe()
    if len(recipes) < 2:
        return [""] * len(trials), {"": recipes[0]}, ("",)
    effects = [recipe_of(settings) for settings in recipes]
    names = dict(zip(map(_key, effects), recipe_names(effects), strict=True))
    asked = dict(zip(names.values(), recipes, strict=True))
    axes = [name for name in AXES if name in trials]
    kinds = trials[axes].drop_duplicates()
    of_kind = kinds.assign(recipe=[names[_key(recipe_of(_settings(row)))] for row in kinds.to_dict("records")])
    named = trials[axes].merge(of_kind, on=axes, how="left") if axes else trials.assign(recipe=next(iter(asked)))
    return list(named["recipe"]), asked, tuple(asked)


def _settings(row: dict[Any, Any]) -> TrialSettings:
    """Return the settings that make a recipe, of a row of the store's table; what it lacks has its default."""
    return TrialSettings.model_construct(**{name: value for name, value in row.items() if pd.notna(value)})


def _key(effect: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(effect.items()))
