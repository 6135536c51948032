"""The trials of each recipe of a study, apart: cells of different recipes are never pooled."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bs_study.config import StudyConfig, TrialConfig, TrialSettings
from bs_study.config.recipe import AXES, recipe_of
from bs_study.config.recipe_names import Effect, recipe_names
from bs_study.grid import recipe_trials


@dataclass(frozen=True)
class Part:
    """What a study has of one recipe: settings and trials that were asked for, trials that ended, ids of those begun.

    Of one that nobody asked for, or of a study whose config can't be read, settings and asked are None.
    """

    settings: TrialSettings | None
    asked: list[TrialConfig] | None
    trials: pd.DataFrame
    begun: Collection[str]


def split_by_recipe(trials: pd.DataFrame, *, config: StudyConfig | None, begun: Collection[str]) -> dict[str, Part]:
    """Return the part of each recipe by its name, in the order asked for; one nameless part where one was asked for.

    What was asked for decides: trials that differ in a study of one recipe stay together (and are warned of). In one of
    several, trials of a recipe that is none of them are a part of their own.
    """
    if config is None:
        return {"": Part(None, None, trials, begun)}
    recipes = config.each_recipe()
    if len(recipes) < 2:
        return {"": Part(recipes[0], recipe_trials(config, recipes[0]), trials, begun)}
    asked = {_key(recipe_of(settings)): settings for settings in recipes}
    keys = [_key(_effect(row)) for row in trials.to_dict("records")]
    found = list(dict.fromkeys([*asked, *keys]))
    names = recipe_names([dict(key) for key in found])
    return {
        name: _part(config, asked.get(key), trials[np.array([own == key for own in keys], bool)], begun)
        for name, key in zip(names, found, strict=True)
    }


def _part(config: StudyConfig, settings: TrialSettings | None, trials: pd.DataFrame, begun: Collection[str]) -> Part:
    asked = recipe_trials(config, settings) if settings else None
    return Part(settings, asked, trials, {trial.trial_id for trial in asked or ()} & set(begun))


def _effect(trial: Mapping[Hashable, Any]) -> Effect:
    """Return the settings that matter of a row of the store's table; what it lacks has its default."""
    return recipe_of(TrialSettings.model_construct(**{name: trial[name] for name in AXES if pd.notna(trial.get(name))}))


def _key(effect: Effect) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(effect.items()))


def with_recipe(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all recipes, the recipe's name first in each."""
    named = [
        table.assign(recipe=name)[["recipe", *table.columns.drop("recipe", errors="ignore")]]
        for name, table in tables.items()
    ]
    return pd.concat([table for table in named if len(table)] or named[:1], ignore_index=True)
