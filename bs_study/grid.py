"""From a study to its trials, with stable ids."""

from __future__ import annotations

import itertools

from bs_study.config import StudyConfig, TrialConfig, TrialSettings
from bs_study.config.recipe_names import named_recipes


def study_trials(config: StudyConfig) -> list[TrialConfig]:
    """Return the trials that a study may come to: recipes × batch sizes × lrs × seeds, in order, seeds innermost.

    Of a full grid with a list of seeds these are its trials. A bracket comes to few of many lrs.
    """
    config = config.model_copy(update={"lrs": grid_lrs(config)})
    return [trial for settings in config.each_recipe() for trial in recipe_trials(config, settings)]


def grid_lrs(config: StudyConfig) -> tuple[float, ...]:
    """Return the lrs that a study may come to, as they are typed."""
    if config.lattice is None:
        return config.lrs
    return tuple(dict.fromkeys((*config.lrs, *config.lattice.lrs(batch_sizes=len(config.batch_sizes)))))


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


def recipe_name(config: StudyConfig, trial: TrialConfig) -> str:
    """Return the name of a trial's recipe, which its settings tell; "" where it is of none."""
    for name, settings in named_recipes(config).items():
        if settings.model_copy(update=settings.moments(trial.batch_size)) == trial.settings:
            return name
    return ""


def is_full_grid(config: StudyConfig) -> bool:
    """Return whether a study wants all its trials, whatever comes of them."""
    return config.search == "grid" and config.seeds != "auto"
