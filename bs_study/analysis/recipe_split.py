"""The trials of each recipe of a study, apart: cells of different recipes are never pooled."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.recipe_names import Effect, recipe_names
from bs_study.config import AXES, Recipe, StudyConfig
from bs_study.grid import study_trials


@dataclass(frozen=True)
class Part:
    """What a study has of one recipe: its config (None: nobody asked for it), ended trials, and ids of those begun."""

    config: StudyConfig | None
    trials: pd.DataFrame
    begun: Collection[str]


def split_by_recipe(trials: pd.DataFrame, *, config: StudyConfig | None, begun: Collection[str]) -> dict[str, Part]:
    """Return the part of each recipe by its name, in the order asked for; one nameless part where one was asked for.

    What was asked for decides: trials that differ in a study of one recipe stay together (and are warned of). In one of
    several, trials of a recipe that is none of them are a part of their own.
    """
    configs = config.each_recipe() if config else []
    if len(configs) < 2:
        return {"": Part(configs[0] if configs else config, trials, begun)}
    asked = {_key(each.effect()): each for each in configs}
    keys = [_key(_effect(row)) for row in trials.to_dict("records")]
    found = list(dict.fromkeys([*asked, *keys]))
    names = recipe_names([dict(key) for key in found])
    return {
        name: _part(trials[np.array([own == key for own in keys], bool)], asked.get(key), begun)
        for name, key in zip(names, found, strict=True)
    }


def _part(trials: pd.DataFrame, config: StudyConfig | None, begun: Collection[str]) -> Part:
    own = {trial.trial_id for trial in study_trials(config)} if config else set()
    return Part(config, trials, own & set(begun))


def _effect(trial: Mapping[Hashable, Any]) -> Effect:
    """Return the settings that matter of a row of the store's table; what it lacks has its default."""
    return Recipe.model_construct(**{name: trial[name] for name in AXES if pd.notna(trial.get(name))}).effect()


def _key(effect: Effect) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(effect.items()))


def with_recipe(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all recipes, the recipe's name first in each."""
    named = [table.assign(recipe=name)[["recipe", *table.columns]] for name, table in tables.items()]
    return pd.concat([table for table in named if len(table)] or named[:1], ignore_index=True)
