"""What is wanted of a full grid, which no trial that has ended changes."""

from __future__ import annotations

from collections.abc import Collection

from bs_study.config import StudyConfig
from bs_study.config.recipe_names import named_recipes
from bs_study.grid import recipe_trials
from bs_study.search.record import Plan, Wanted


def full_grid(config: StudyConfig, *, answered: Collection[str]) -> Plan:
    """Return what is wanted of a full grid, for which no row needs to be read: each trial without an answer."""
    recipes = named_recipes(config)
    trials = [Wanted(name, trial) for name in recipes for trial in recipe_trials(config, recipes[name])]
    wanted = tuple(one for one in trials if one.trial.trial_id not in answered) if answered else tuple(trials)
    return Plan(wanted, at_most=len(trials), expected=len(trials), ended=len(trials) - len(wanted))
