"""From a study to its trials, with stable ids; and which of them are still to run."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from bs_study.config import StudyConfig, TrialConfig, TrialSettings
from bs_study.config.recipe_names import named_recipes


def study_trials(config: StudyConfig) -> list[TrialConfig]:
    """Return the trials that a study may come to: recipes × batch sizes × lrs × seeds, in order, seeds innermost.

    Of a full grid with a list of seeds these are its trials. A bracket comes to few of many lrs.
    """
    if config.lattice:
        lrs = (*config.lrs, *config.lattice.lrs(batch_sizes=len(config.batch_sizes)))
        config = config.model_copy(update={"lrs": tuple(dict.fromkeys(lrs))})
    return [trial for settings in config.each_recipe() for trial in recipe_trials(config, settings)]


def recipe_trials(config: StudyConfig, settings: TrialSettings) -> list[TrialConfig]:
    """Return the trials of one recipe of a study; its lr rule makes their lrs and moments of those that were given."""
    return [
        cell_trial(settings, batch_size=batch_size, lr=lr, seed=seed)
        for batch_size, lr, seed in itertools.product(config.batch_sizes, config.lrs, config.most_seeds)
    ]


def cell_trial(settings: TrialSettings, *, batch_size: int, lr: float, seed: int) -> TrialConfig:
    """Return one trial of a recipe; its lr rule makes lr and moments of those that were given."""
    return TrialConfig(
        settings=settings.model_copy(update=settings.moments(batch_size)),
        batch_size=batch_size,
        lr=settings.trial_lr(lr=lr, batch_size=batch_size),
        seed=seed,
    )


def trial_recipes(config: StudyConfig) -> dict[str, str]:
    """Return the name of each trial's recipe by the trial's id."""
    recipes = named_recipes(config)
    return {trial.trial_id: name for name in recipes for trial in recipe_trials(config, recipes[name])}


def trials_to_run(config: StudyConfig, *, ended: Collection[str]) -> list[TrialConfig]:
    """Return the trials whose id is not among those that ended.

    First run, resume, retry of failed trials and a grown grid are this one question.
    """
    return [trial for trial in study_trials(config) if trial.trial_id not in ended]
